# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pixels to latents: what the running generator would see, for all pairs, refused where empty."""

from dataclasses import replace
import json
from pathlib import Path

from full_disk import largest_file
from inspatio_ros.cli.main import main
from inspatio_ros.engine.stream import StarModels, StarStream
from inspatio_ros.model.codec import WanCodec
from inspatio_ros.model.codec_config import PatchConfig, TINY_VAE
from inspatio_ros.model.patch_autoencoder import (
    load_patch_autoencoder, PatchAutoencoder, PatchCodec, save_patch_autoencoder)
from inspatio_ros.model.vae import WanVae
from inspatio_ros.training.data.encoding import (
    CODEC, codec_of, encode_jobs, EncodeSettings, keep_codec, with_depth_error)
from inspatio_ros.training.data.pixels import pictures
from inspatio_ros.training.data.procedural import procedural_jobs, ProceduralSettings
from inspatio_ros.training.data.recording import as_scene, Camera
from inspatio_ros.training.data.shards import LATENTS, PIXELS, Shards, write_manifest, write_shard
from inspatio_ros.training.data.writing import write_dataset
import numpy as np
import pytest
from safetensors.torch import save_file
import torch

WORLD = ProceduralSettings(frames=9, width=64, height=32, cameras=2)


@pytest.fixture(scope='module')
def pixels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('worlds') / 'train'
    write_dataset(folder, PIXELS, WORLD.manifest(), procedural_jobs([3], WORLD))
    return folder


@pytest.fixture(scope='module')
def codec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp('codec') / 'codec.safetensors'
    torch.manual_seed(0)
    path.write_bytes(save_patch_autoencoder(PatchAutoencoder(PatchConfig(16, 1, 1, 8, 1)), {}))
    return path


def encoded(pixels: Path, codec: Path, out: Path, **changes: float) -> Shards:
    settings = replace(EncodeSettings(codec, latents=3), **changes)  # type: ignore[arg-type]
    done = write_dataset(out, LATENTS, settings.manifest([pixels]),
                         encode_jobs([pixels], settings))
    assert done.made == 1
    return Shards([out], LATENTS)


def test_latents_are_those_of_the_running_generator(pixels: Path, codec: Path, tmp_path: Path,
                                                    monkeypatch: pytest.MonkeyPatch):
    """A stream over the source, looked at along the target's way, is given the same blocks."""
    found = encoded(pixels, codec, tmp_path / 'out')
    assert len(found) == 2 and found.shape(0, 'mask') == (3, 4, 4, 8)
    shards = Shards([pixels], PIXELS)
    rgb, depth, T = (shards.read(0, name) for name in ('rgb', 'depth', 'T_world_cam'))
    source = Camera(rgb[0].numpy(), depth[0].float().numpy(), shards.read(0, 'K').numpy(),
                    T[0].numpy())
    scene = as_scene(source, 15.0)
    given = blocks_given(scene, PatchCodec(load_patch_autoencoder(codec)), T[1].numpy())
    for name in ('reference', 'render', 'mask'):
        torch.testing.assert_close(found.read(0, name).float(), given[name][0], atol=2e-3,
                                   rtol=2e-3)


def blocks_given(scene, codec: PatchCodec, T_world_cam: np.ndarray) -> dict[str, torch.Tensor]:
    """Return what a stream hands to its engine in the first block."""
    from inspatio_ros.contracts import CameraTrack
    from inspatio_ros.engine.star import StarEngine
    from inspatio_ros.model.config import BlockShape, DitConfig, StarConfig
    from inspatio_ros.model.dit import CausalDit
    seen: dict[str, torch.Tensor] = {}

    class Listening(StarEngine):

        def sample(self, state, reference, mask, render, *args, before_steps, **rest):
            before_steps()
            seen.update(reference=reference.clone(), mask=mask.clone(), render=render.clone())
            return reference

    star = StarConfig(DitConfig(24, 2, 1, 24, 8, 8, 4), BlockShape(4, 8), (1000,))
    dit = CausalDit.empty(star.dit).randomise(0)
    models = StarModels(star, codec, torch.zeros(1, 1, 8), lambda it: Listening(dit, it))
    stream = StarStream(models, scene, max_views=1, fps=15.0)
    stamps_ns = np.arange(9, dtype=np.int64) * stream.period_ns
    stream.imagine(stream.new_state(0), CameraTrack(stamps_ns, T_world_cam))
    return seen


def test_pairs_are_both_ways_and_targets_are_the_other_camera(pixels: Path, codec: Path,
                                                              tmp_path: Path):
    found = encoded(pixels, codec, tmp_path / 'out')
    assert torch.equal(found.read(0, 'target'), found.read(1, 'reference'))
    assert torch.equal(found.read(1, 'target'), found.read(0, 'reference'))
    assert not torch.equal(found.read(0, 'render'), found.read(1, 'render'))


def test_an_error_of_depth_moves_the_warp_and_nothing_else(pixels: Path, codec: Path,
                                                           tmp_path: Path):
    exact = encoded(pixels, codec, tmp_path / 'a')
    noisy = encoded(pixels, codec, tmp_path / 'b', depth_noise=0.1)
    assert torch.equal(exact.read(0, 'target'), noisy.read(0, 'target'))
    assert not torch.equal(exact.read(0, 'render'), noisy.read(0, 'render'))
    depth = torch.full((2, 40, 60), 2.0)
    many = torch.stack([with_depth_error(depth, 0.05, torch.Generator().manual_seed(seed))
                        for seed in range(200)])
    spread = (many / 2.0).log().std(dim=0)
    assert 0.02 < spread.min() and spread.max() < 0.07
    assert (many[:, 0] == many[:, 1]).all()


def test_records_that_teach_nothing_are_refused(codec: Path, tmp_path: Path):
    folder = tmp_path / 'pixels'
    write_manifest(folder, PIXELS, {'source': 'test'})
    T = torch.eye(4, dtype=torch.float64).expand(1, 2, 9, 4, 4).clone()
    T[:, 1, :, 2, 3] = -50.0
    T[:, 1, :, :3, :3] = torch.diag(torch.tensor([-1.0, 1.0, -1.0], dtype=torch.float64))
    record = {'rgb': torch.zeros(1, 2, 9, 32, 64, 3, dtype=torch.uint8),
              'depth': torch.ones(1, 2, 9, 32, 64).half(), 'T_world_cam': T,
              'K': torch.tensor([[[60.0, 0, 31], [0, 60, 15], [0, 0, 1]]], dtype=torch.float64)}
    write_shard(folder / 'apart.safetensors', record, {})
    write_shard(folder / 'short.safetensors',
                {name: x[:, :, :5] if name != 'K' else x for name, x in record.items()}, {})
    settings = EncodeSettings(codec, latents=3)
    done = write_dataset(tmp_path / 'out', LATENTS, settings.manifest([folder]),
                         encode_jobs([folder], settings))
    assert [it.reason for it in done.refused] == [
        'no camera sees anything that another one saw', 'has 5 frames, 9 are needed']


def test_the_command_encodes_and_keeps_the_codec(pixels: Path, codec: Path, tmp_path: Path,
                                                 capsys: pytest.CaptureFixture):
    out = tmp_path / 'out'
    arguments = ['train', 'encode', str(out), '--pixels', str(pixels), '--codec', str(codec),
                 '--latents', '3', '--json']
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)['made'] == 1
    kept = codec_of(out)
    assert kept is not None and kept.autoencoder.config == PatchConfig(16, 1, 1, 8, 1)
    assert len(Shards([out], LATENTS)) == 2
    assert main([*arguments, '--depth-noise', '0.05']) == 2
    assert 'depth_noise is 0.0, not 0.05' in capsys.readouterr().err


def test_the_codec_is_there_before_the_latents_and_stays(
        pixels: Path, codec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture):
    out, seen = tmp_path / 'out', []

    def interrupted(*_: object) -> None:
        seen.append(codec_of(out))
        raise KeyboardInterrupt

    def command(codec: Path) -> int:
        return main(['train', 'encode', str(out), '--pixels', str(pixels), '--codec', str(codec),
                     '--latents', '3'])

    with monkeypatch.context() as patch:
        patch.setattr('inspatio_ros.training.data.encoding.encode_video', interrupted)
        assert command(codec) == 130 and seen[0] is not None
    before = (out / CODEC).read_bytes()
    torch.manual_seed(1)
    other = tmp_path / 'other.safetensors'
    other.write_bytes(save_patch_autoencoder(PatchAutoencoder(PatchConfig(16, 1, 1, 8, 1)), {}))
    assert command(other) == 2 and 'codec is' in capsys.readouterr().err
    assert (out / CODEC).read_bytes() == before == codec.read_bytes()
    assert command(codec) == 0 and len(Shards([out], LATENTS)) == 2


def test_a_full_disk_leaves_no_half_codec(codec: Path, tmp_path: Path):
    with pytest.raises(OSError), largest_file(2000):
        keep_codec(tmp_path, codec)
    assert codec_of(tmp_path) is None
    keep_codec(tmp_path, codec)
    assert codec_of(tmp_path) is not None


def test_the_wan_vae_of_a_folder_makes_the_latents_of_the_full_size(
        pixels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    weights = tmp_path / 'weights'
    weights.mkdir()
    with pytest.raises(ValueError, match='holds no Wan VAE'):
        encode_jobs([pixels], EncodeSettings(weights, latents=2))
    torch.manual_seed(0)
    vae = WanVae(TINY_VAE).eval()
    save_file(vae.state_dict(), weights / 'Wan2.1_VAE.safetensors')
    monkeypatch.setattr('inspatio_ros.training.data.encoding.WAN_VAE', TINY_VAE)
    found = encoded(pixels, weights, tmp_path / 'out')
    video = Shards([pixels], PIXELS).read(0, 'rgb', 0)
    with torch.no_grad():
        latents = WanCodec(vae).encode(pictures(video[None]))[0]
    torch.testing.assert_close(found.read(0, 'reference').float(), latents[0], atol=1e-2,
                               rtol=1e-2)
    keep_codec(tmp_path / 'out', weights)
    assert codec_of(tmp_path / 'out') is None
