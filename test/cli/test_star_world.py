# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A generator from a folder with weights, small ones: opened, painting, or refused."""

from dataclasses import replace
import json
import math

from inspatio_ros.cli import star_world, world
from inspatio_ros.cli.star_world import (
    find_weights, load_models, open_star_world, Release)
from inspatio_ros.contracts import CameraTrack, GeneratorState, OBSERVED_IMAGINED
from inspatio_ros.engine.imagination import ImaginedWorld
from inspatio_ros.engine.world import SceneWorld, WorldSettings
from inspatio_ros.model import weights_folder
from inspatio_ros.model.codec_config import TINY_PATCH, TINY_T5, TINY_TAEHV, TINY_VAE
from inspatio_ros.model.config import STAR_TINY
from inspatio_ros.model.dit import CausalDit
from inspatio_ros.model.patch_autoencoder import PatchAutoencoder, save_patch_autoencoder
from inspatio_ros.model.taehv import Taehv
from inspatio_ros.model.text import T5Encoder
from inspatio_ros.model.vae import WanVae
from inspatio_ros.motion.transforms import spawn_camera
import numpy as np
import pytest
from rooms import room
from safetensors.torch import save_file
import torch

pytest.importorskip('rcl_interfaces', reason='no ROS 2 here')
from inspatio_ros.robot.parameters import Imagination  # noqa: E402, I100, I202

DIT = replace(STAR_TINY.dit, dim=64, ffn_dim=128, layers=2, text_len=TINY_T5.text_length)
VAE = replace(TINY_VAE, dim=4)
NETWORKS = {'generator': lambda: CausalDit(DIT), 'vae': lambda: WanVae(VAE),
            'taehv': lambda: Taehv(TINY_TAEHV), 'text_encoder': lambda: T5Encoder(TINY_T5)}
FILES = {'generator': 'InSpatio-World-1.3B.safetensors', 'vae': 'Wan2.1_VAE.safetensors',
         'taehv': 'taew2_1.safetensors',
         'text_encoder': 'models_t5_umt5-xxl-enc-bf16.safetensors'}
SMALL = Release(replace(STAR_TINY, dit=DIT), VAE, TINY_TAEHV, TINY_T5, tuple(
    replace(part, network=NETWORKS.get(part.name)) for part in weights_folder.PARTS))
TOKENIZER = 'umt5-xxl/tokenizer.json'


def letters(text):
    """Return one token per letter and the end token."""
    return [3 + ord(letter) % 200 for letter in text] + [1]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder with small weights; its tokenizer, a library's affair, knows letters."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    for name, file in FILES.items():
        prefix = 'model.' if name == 'generator' else ''
        network = (CausalDit.empty(DIT).randomise(0) if name == 'generator'
                   else NETWORKS[name]())
        save_file({prefix + key: value for key, value in network.state_dict().items()},
                  tmp_path / file)
    (tmp_path / TOKENIZER).parent.mkdir()
    (tmp_path / TOKENIZER).write_text('{}')
    monkeypatch.setattr(star_world, 'load_tokenizer', lambda folder: letters)
    return tmp_path


def asked(folder, **others):
    return Imagination(**{'generator': 'star', 'weights_dir': str(folder), 'precision': 'fp32',
                          'compile': False, 'generator_width': 96, 'generator_height': 64,
                          'block_latents': 2, **others})


def look(world, stamp_ns):
    """Return what is seen a little beside the spawn, where the scene has holes."""
    T = spawn_camera(world.spawn)
    T[:3, 3] += (-0.6, 0.3, 0.0)
    world.expect(CameraTrack(stamp_ns + np.arange(30) * 41_666_667, np.repeat(T[None], 30, 0)))
    return world.observe(stamp_ns, T, world.intrinsics)


@pytest.mark.parametrize('without', ['vae', 'taehv'])
def test_every_frame_in_lockstep_is_a_generated_one(folder, without):
    (folder / FILES[without]).unlink()
    world = open_star_world(room(), asked(folder, lockstep=True, prompt='a room'),
                            WorldSettings(threads=1), SMALL)
    try:
        assert world.status().lookahead_s > 0.0
        for k in range(4):
            frame = look(world, 5_000_000_000 + k * 100_000_000)
            assert (frame.observed == OBSERVED_IMAGINED).mean() > 0.5
        status = world.status()
        assert status.blocks >= 1 and status.failures == 0, status.reason
        assert status.size == (64, 96)
    finally:
        world.close()


def test_same_settings_same_pictures_and_another_seed_others(folder):
    def picture(**others):
        world = open_star_world(room(), asked(folder, lockstep=True, **others),
                                WorldSettings(threads=1), SMALL)
        try:
            return look(world, 1_000_000_000).rgb
        finally:
            world.close()

    first = picture(seed=1)
    np.testing.assert_array_equal(first, picture(seed=1))
    assert (first != picture(seed=2)).any()


def test_warming_up_leaves_no_trace(folder):
    models = star_world.load_models(asked(folder), torch.device('cpu'), SMALL)
    cold, warm = (star_world.StarImaginer(models, room(), 3) for _ in range(2))
    star_world.warm_up(warm, room(), 1)
    stamps_ns = np.arange(cold.block_frames()) * cold.period_ns
    track = CameraTrack(stamps_ns, np.repeat(spawn_camera(room().spawn)[None], len(stamps_ns), 0))
    np.testing.assert_array_equal(cold.imagine(track).rgb, warm.imagine(track).rgb)


def test_warming_up_ends_with_a_block_that_is_fast_enough(folder, monkeypatch):
    models = star_world.load_models(asked(folder), torch.device('cpu'), SMALL)
    imaginer, tracks = star_world.StarImaginer(models, room(), 3), []
    monkeypatch.setattr(imaginer, 'imagine', tracks.append)
    star_world.warm_up(imaginer, room(), 3, enough=math.inf)
    assert len(tracks) == 1
    star_world.warm_up(imaginer, room(), 3)
    assert len(tracks) == 4


def test_a_smaller_picture_uses_the_same_network(folder):
    models = star_world.load_models(asked(folder, generator_width=192, generator_height=128),
                                    torch.device('cpu'), SMALL)
    imaginer = star_world.StarImaginer(models, room(), 3)
    assert imaginer.shrink()
    height, width = imaginer.size
    assert (height, width) < (128, 192)
    stamps_ns = np.arange(imaginer.block_frames()) * imaginer.period_ns
    T_map_cam = np.repeat(spawn_camera(room().spawn)[None], len(stamps_ns), 0)
    block = imaginer.imagine(CameraTrack(stamps_ns, T_map_cam))
    assert block.rgb.shape[1:3] == (height, width)


def test_no_folder_is_named():
    with pytest.raises(ValueError, match='/nowhere: no such folder'):
        find_weights('/nowhere', SMALL)


@pytest.mark.parametrize('gone, words', [
    (['generator'], 'generator: missing, it is part of InSpatio-World'),
    (['text_encoder'], 'text_encoder: missing, it is part of Wan2.1'),
    (['vae', 'taehv'], 'vae: missing.*taehv: missing')])
def test_missing_weights_are_named_with_where_they_come_from(folder, gone, words):
    for name in gone:
        (folder / FILES[name]).unlink()
    with pytest.raises(ValueError, match=words) as error:
        open_star_world(room(), asked(folder), WorldSettings(threads=1), SMALL)
    assert str(folder) in str(error.value)
    assert 'base' not in str(error.value), 'only training needs it'


def test_truncated_weights_are_refused(folder):
    path = folder / FILES['generator']
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(ValueError, match=FILES['generator']):
        open_star_world(room(), asked(folder), WorldSettings(threads=1), SMALL)


def test_weights_of_another_width_are_refused(folder):
    save_file({f'model.{key}': value for key, value in
               CausalDit.empty(replace(DIT, dim=32)).state_dict().items()},
              folder / FILES['generator'])
    with pytest.raises(ValueError, match=FILES['generator']):
        open_star_world(room(), asked(folder), WorldSettings(threads=1), SMALL)


def test_a_generator_without_faults_is_waiting_or_painting(folder):
    world = open_star_world(room(), asked(folder), WorldSettings(threads=1), SMALL)
    try:
        assert world.status().state in (GeneratorState.WAITING, GeneratorState.PAINTING)
    finally:
        world.close()


@pytest.mark.parametrize('asked, paints', [
    ({'generator': 'none'}, False), ({'generator': 'star'}, True), ({}, True),
    ({'lockstep': True}, False), ({'lockstep': True, 'generator': 'star'}, True),
    ({'lockstep': True, 'weights_dir': '/weights'}, True),
    ({'generator': 'none', 'weights_dir': '/weights'}, False)])
def test_the_small_generator_is_for_those_who_do_not_wait(monkeypatch, asked, paints):
    monkeypatch.setattr(world.os, 'sched_getaffinity', lambda process: set(range(4)))
    assert world._may_paint(Imagination(**asked)) is paints


@pytest.mark.parametrize('cores, torch_is', [(3, 'there'), (4, None)])
def test_without_cores_or_torch_there_is_none_unless_it_is_asked_for(monkeypatch, cores,
                                                                     torch_is):
    monkeypatch.setattr(world.os, 'sched_getaffinity', lambda process: set(range(cores)))
    monkeypatch.setattr(world, 'find_spec', lambda name: torch_is)
    assert not world._may_paint(Imagination())
    assert world._may_paint(Imagination(generator='star'))


def test_the_small_generator_comes_with_the_package(monkeypatch):
    monkeypatch.setattr(star_world, '_KEEPS_UP', math.inf)  # however busy this machine is
    opened = open_star_world(room(), Imagination(), WorldSettings())
    assert isinstance(opened, ImaginedWorld)
    try:
        assert opened.status().size == (192, 320)
    finally:
        opened.close()


def test_sizes_that_are_not_given_are_those_of_the_weights():
    cpu = torch.device('cpu')
    models = load_models(Imagination(generator_width=160), cpu)
    assert models.config.shape.video == (192, 160)
    assert models.config.fills and models.config.composes and models.config.fps == 15.0
    models = load_models(Imagination(generator_height=96), cpu)
    assert models.config.shape.video == (96, 320)


@pytest.fixture
def trained_on_blocks_of_one(tmp_path):
    """Return a folder as `inspatio train export` leaves it, of a recipe with block_latents=1."""
    notes = {'recipe': json.dumps({'name': 'jdmd', 'preset': 'tiny', 'block_latents': 1})}
    save_file(CausalDit.empty(STAR_TINY.dit).randomise(0).state_dict(),
              tmp_path / 'star.safetensors', notes)
    (tmp_path / 'codec.safetensors').write_bytes(save_patch_autoencoder(
        PatchAutoencoder(TINY_PATCH), {'recipe': json.dumps({'name': 'autoencoder'})}))
    return tmp_path


@pytest.mark.parametrize('asked, latents', [({}, 1), ({'block_latents': 0}, 1),
                                            ({'block_latents': 2}, 2)])
def test_blocks_are_as_long_as_those_of_the_weights_unless_asked(trained_on_blocks_of_one, asked,
                                                                 latents):
    models = load_models(Imagination(weights_dir=str(trained_on_blocks_of_one),
                                     generator_width=96, generator_height=64, **asked),
                         torch.device('cpu'))
    assert models.config.shape.block_latents == latents
    imaginer = star_world.StarImaginer(models, room(), 3)
    # Of the first latent of all there is one frame.
    assert imaginer.block_frames() == 4 * latents - 3


def test_blocks_of_the_public_release_are_its_own_unless_asked(folder):
    own = SMALL.star.shape.block_latents
    for latents, expected in ((0, own), (own - 1, own - 1)):
        models = load_models(asked(folder, block_latents=latents), torch.device('cpu'), SMALL)
        assert models.config.shape.block_latents == expected


@pytest.mark.parametrize('asked, named', [
    ({}, ''), ({'seed': 3, 'block_latents': 2}, ''), ({'prompt': 'a kitchen'}, 'prompt'),
    ({'precision': 'fp32', 'compile': False}, 'precision, compile')])
def test_parameters_without_effect_on_weights_that_were_trained_here_are_named(caplog, asked,
                                                                               named):
    load_models(Imagination(**asked), torch.device('cpu'))
    warnings = [it.getMessage() for it in caplog.records if it.levelname == 'WARNING']
    assert len(warnings) == bool(named)
    assert all(it.startswith(f'{named}: no effect with') for it in warnings)


def test_a_generator_that_cannot_keep_up_is_left_out_unless_it_is_asked_for(monkeypatch, caplog):
    monkeypatch.setattr(star_world, '_KEEPS_UP', 1e-3)
    opened = open_star_world(room(), Imagination(), WorldSettings())
    assert isinstance(opened, SceneWorld)
    opened.close()
    assert 'no generator: what it paints takes it' in caplog.text
    opened = open_star_world(room(), Imagination(generator='star', compile=False),
                             WorldSettings())
    assert isinstance(opened, ImaginedWorld)
    opened.close()
