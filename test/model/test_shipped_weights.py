# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The small autoencoder that comes with the package does what its card says."""

from pathlib import Path

import inspatio_ros
from inspatio_ros.model.codec_config import TINY_PATCH
from inspatio_ros.model.patch_autoencoder import load_patch_autoencoder, PatchCodec
from inspatio_ros.scene.synthetic.held_out import HELD_OUT_SEEDS
from inspatio_ros.scene.synthetic.synchronised import synchronised_clip
import pytest
import torch
from torchmetrics.functional.image import peak_signal_noise_ratio

STAR_TINY = Path(inspatio_ros.__file__).parent / 'weights' / 'star_tiny'
# All that is installed of it, bytes.
LARGEST = 25_000_000


@pytest.fixture(scope='module')
def codec() -> PatchCodec:
    return PatchCodec(load_patch_autoencoder(STAR_TINY / 'autoencoder.safetensors',
                                             dtype=torch.float32))


def test_its_sizes_are_the_presets_and_small(codec: PatchCodec):
    assert codec.autoencoder.config == TINY_PATCH
    assert sum(path.stat().st_size for path in STAR_TINY.iterdir()) < LARGEST


def test_a_place_it_never_saw_comes_back(codec: PatchCodec):
    clip = synchronised_clip(HELD_OUT_SEEDS[3], 9, (320, 192), cameras=1)
    frames = codec.frames_from_rgb8(torch.from_numpy(clip.rgb[0]))
    latents, _ = codec.encode(frames)
    found, _ = codec.decode(latents)
    assert 0.5 < float(latents.std()) < 2.0
    # The card says 25.5 .. 32.8 dB over eight places.
    assert float(peak_signal_noise_ratio(found, frames, data_range=(-1.0, 1.0))) > 25.0
    # A small error of the latents is a small error of the picture.
    off = 0.1 * torch.randn(latents.shape, generator=torch.Generator().manual_seed(0))
    noisy, _ = codec.decode(latents + off)
    assert float(peak_signal_noise_ratio(noisy, found, data_range=(-1.0, 1.0))) > 32.0
