# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Weights that were trained here are opened from the notes in their files."""

import json

from inspatio_ros.engine.exported import is_exported, open_exported
from inspatio_ros.engine.stream import StarStream
from inspatio_ros.model.codec_config import TINY_PATCH
from inspatio_ros.model.config import STAR_TINY
from inspatio_ros.model.dit import CausalDit
from inspatio_ros.model.patch_autoencoder import PatchAutoencoder, save_patch_autoencoder
import pytest
from rooms import room
from safetensors.torch import save_file
import torch


@pytest.fixture(scope='module')
def denoiser():
    return CausalDit.empty(STAR_TINY.dit).randomise(0)


@pytest.fixture
def folder(tmp_path, denoiser):
    """Return a folder as `inspatio train export` leaves it."""
    save_file({name: x.contiguous() for name, x in denoiser.half().state_dict().items()},
              tmp_path / 'star.safetensors',
              {'recipe': json.dumps({'name': 'jdmd', 'preset': 'tiny'}), 'steps': '100'})
    torch.manual_seed(0)
    (tmp_path / 'codec.safetensors').write_bytes(save_patch_autoencoder(
        PatchAutoencoder(TINY_PATCH), {'recipe': json.dumps({'name': 'autoencoder'})}))
    return tmp_path


def test_preset_and_sizes_come_from_the_files(folder):
    assert is_exported(folder)
    models = open_exported(folder, (96, 64))
    assert models.config == STAR_TINY.with_video(64, 96)
    stream = StarStream(models, room())
    assert (stream.camera.width, stream.camera.height) == (96, 64)
    assert sum(stream.latent_frames(stream.new_state(0))) == 9
    assert open_exported(folder, (96, 64), [1000]).config.steps == (1000,)
    assert not models.config.fills


def test_a_part_that_is_missing_is_named(folder):
    (folder / 'codec.safetensors').unlink()
    with pytest.raises(ValueError, match='one autoencoder .* should be there, found none'):
        open_exported(folder, (96, 64))
    (folder / 'star.safetensors').unlink()
    assert not is_exported(folder)
    with pytest.raises(ValueError, match='one denoiser .* should be there, found none'):
        open_exported(folder, (96, 64))
    with pytest.raises(ValueError, match='no such folder'):
        open_exported(folder / 'away', (96, 64))


def test_two_of_a_part_are_one_too_many(folder):
    (folder / 'old.safetensors').write_bytes((folder / 'star.safetensors').read_bytes())
    with pytest.raises(ValueError, match='found old.safetensors, star.safetensors'):
        open_exported(folder, (96, 64))


def test_notes_that_say_nothing_are_refused(folder, denoiser):
    save_file(denoiser.state_dict(), folder / 'star.safetensors', {'recipe': '{}'})
    with pytest.raises(ValueError, match='star.safetensors: its notes do not say which preset'):
        open_exported(folder, (96, 64))
    (folder / 'star.safetensors').write_bytes(b'broken')
    with pytest.raises(ValueError, match='star.safetensors'):
        open_exported(folder, (96, 64))
