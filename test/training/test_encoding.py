# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pixels to latents: what the running generator would see, for all pairs, refused where empty."""

from dataclasses import replace
import json
from pathlib import Path

from full_disk import largest_file
from inspatio_ros.cli.main import main
from inspatio_ros.contracts import CameraTrack
from inspatio_ros.engine.conditioning import Conditioner
from inspatio_ros.engine.star import StarEngine
from inspatio_ros.engine.stream import StarModels, StarStream
from inspatio_ros.model.codec import WanCodec
from inspatio_ros.model.codec_config import PatchConfig, TINY_VAE
from inspatio_ros.model.config import BlockShape, DitConfig, StarConfig
from inspatio_ros.model.dit import CausalDit
from inspatio_ros.model.patch_autoencoder import (
    load_patch_autoencoder, PatchAutoencoder, PatchCodec, save_patch_autoencoder)
from inspatio_ros.model.vae import WanVae
from inspatio_ros.scene.scene import Scene
from inspatio_ros.training.data.encoding import (
    as_measured, CODEC, codec_of, encode_jobs, EncodeSettings, keep_codec, lost_depth,
    with_depth_error)
from inspatio_ros.training.data.pixels import pictures
from inspatio_ros.training.data.procedural import procedural_jobs, ProceduralSettings
from inspatio_ros.training.data.recording import as_scene, as_still_scene, Camera
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
    given = blocks_given(scene, codec, T[1].numpy())
    for name in ('reference', 'render', 'mask'):
        torch.testing.assert_close(found.read(0, name).float(), given[name][0], atol=2e-3,
                                   rtol=2e-3)


def blocks_given(scene: Scene, codec: Path, T_world_cam: np.ndarray, max_views: int = 1,
                 fills: bool = False) -> dict[str, torch.Tensor]:
    """Return what a stream hands to its engine in the blocks of a way."""
    seen: dict[str, list[torch.Tensor]] = {'reference': [], 'mask': [], 'render': []}

    class Listening(StarEngine):

        def sample(self, state, reference, mask, render, *args, before_steps, **rest):
            before_steps()
            for name, x in {'reference': reference, 'mask': mask, 'render': render}.items():
                seen[name].append(x.clone())
            return reference

    star = StarConfig(DitConfig(24, 2, 1, 24, 8, 8, 4), BlockShape(4, 8), (1000,), fills=fills)
    dit = CausalDit.empty(star.dit).randomise(0)
    models = StarModels(star, PatchCodec(load_patch_autoencoder(codec)), torch.zeros(1, 1, 8),
                        lambda it: Listening(dit, it))
    stream = StarStream(models, scene, max_views=max_views, fps=15.0)
    stamps_ns = np.arange(len(T_world_cam), dtype=np.int64) * stream.period_ns
    state, first = stream.new_state(0), 0
    while first < len(T_world_cam):
        part = slice(first, first + sum(stream.latent_frames(state)))
        stream.imagine(state, CameraTrack(stamps_ns[part], T_world_cam[part]))
        first = part.stop
    return {name: torch.cat(parts, 1) for name, parts in seen.items()}


@pytest.fixture(scope='module')
def still(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('still') / 'train'
    settings = ProceduralSettings(frames=21, width=64, height=32, cameras=2, still=True)
    write_dataset(folder, PIXELS, settings.manifest(), procedural_jobs([2], settings))
    return folder


@pytest.mark.parametrize('fills', [False, True])
def test_latents_of_a_still_place_are_those_of_the_running_generator(
        still: Path, codec: Path, tmp_path: Path, fills: bool):
    """Two blocks of a stream that knows the views, the reference changing from one to another."""
    found = encoded(still, codec, tmp_path / 'out', latents=6, fills=fills)
    shards = Shards([still], PIXELS)
    assert shards.notes(0)['views'] == '0,1' and len(found) == 2
    rgb, depth, T = (shards.read(0, name) for name in ('rgb', 'depth', 'T_world_cam'))
    K = shards.read(0, 'K').numpy()
    scene = as_still_scene([Camera(rgb[k].numpy(), depth[k].float().numpy(), K, T[k].numpy())
                            for k in range(2)])
    assert len(scene.views) == 2 and not scene.frames
    for clip, target in enumerate((2, 3)):
        given = blocks_given(scene, codec, T[target].numpy(), max_views=2, fills=fills)
        for name in ('reference', 'render', 'mask'):
            assert given[name].shape[1] == 6
            torch.testing.assert_close(found.read(clip, name).float(), given[name][0], atol=2e-3,
                                       rtol=2e-3)
        assert (found.read(clip, 'mask') < 0.0).any()
    assert reference_views(scene, T[3].numpy()) == {0, 1}
    with torch.no_grad():
        truth = PatchCodec(load_patch_autoencoder(codec)).encode(pictures(rgb[2:3]))[0]
    torch.testing.assert_close(found.read(0, 'target').float(), truth[0], atol=2e-3, rtol=2e-3)


def reference_views(scene: Scene, T_world_cam: np.ndarray) -> set[int]:
    track = CameraTrack(np.arange(21, dtype=np.int64) * 66666667, T_world_cam)
    found = Conditioner(scene, scene.views[0].intrinsics).condition(track, [1, 4, 4, 4, 4, 4])
    return {slot.place for slot in found.slots}


@pytest.mark.parametrize('dataset', ['pixels', 'still'])
def test_holes_of_depth_make_holes_of_the_warp_and_colours_stay(
        dataset: str, codec: Path, tmp_path: Path, request: pytest.FixtureRequest):
    folder = request.getfixturevalue(dataset)
    whole = encoded(folder, codec, tmp_path / 'a')
    holes = encoded(folder, codec, tmp_path / 'b', depth_holes=0.3)
    again = encoded(folder, codec, tmp_path / 'c', depth_holes=0.3)
    other = encoded(folder, codec, tmp_path / 'd', depth_holes=0.3, seed=1)
    for clip in range(2):
        assert torch.equal(whole.read(clip, 'target'), holes.read(clip, 'target'))
        # Of a still place another view may become the reference: it shows more.
        same = torch.equal(whole.read(clip, 'reference'), holes.read(clip, 'reference'))
        assert same or dataset == 'still'
        for name in ('reference', 'render', 'mask'):
            assert torch.equal(holes.read(clip, name), again.read(clip, name))
        assert not torch.equal(holes.read(clip, 'mask'), other.read(clip, 'mask'))
        assert (holes.read(clip, 'mask') <= whole.read(clip, 'mask')).float().mean() > 0.98
        assert holes.read(clip, 'mask').float().mean() < whole.read(clip, 'mask').float().mean()


def test_a_sensor_loses_regions_that_drift_and_edges():
    depth = torch.full((9, 96, 160), 2.0)
    depth[:, :, 80:] = 3.0
    rng = torch.Generator().manual_seed(0)
    lost = lost_depth(depth, 0.2, 0, rng)
    assert abs(float(lost.float().mean()) - 0.2) < 0.001
    assert not torch.equal(lost[0], lost[8])
    # From frame to frame and from pixel to pixel it is nearly always the same.
    assert (lost[1:] != lost[:-1]).float().mean() < 0.1
    assert (lost[:, 1:] != lost[:, :-1]).float().mean() < 0.05
    assert not torch.equal(lost, lost_depth(depth, 0.2, 0, rng))
    assert not lost_depth(depth, 0.0, 0, rng).any()
    for rim in (1, 3):
        columns = lost_depth(depth, 0.0, rim, rng).all(dim=(0, 1)).nonzero().flatten()
        assert columns.tolist() == list(range(80 - rim, 80 + rim))


def test_so_much_is_lost_on_average():
    settings = EncodeSettings(Path('codec'), depth_holes=0.2)
    shares = []
    for seed in range(300):
        rng = torch.Generator().manual_seed(seed)
        flat, exact = as_measured([torch.full((1, 24, 40), 2.0)] * 2, settings, rng)
        assert not torch.equal(flat.isnan(), exact.isnan()) or not flat.isnan().any()
        shares.append(float(flat.isnan().float().mean()))
    assert abs(np.mean(shares) - 0.2) < 0.02
    assert min(shares) < 0.01 and 0.38 < max(shares) <= 0.4


@pytest.mark.parametrize('share', [-0.1, 0.5, float('nan')])
def test_shares_that_leave_nothing_are_refused(share: float, pixels: Path, codec: Path,
                                               tmp_path: Path, capsys: pytest.CaptureFixture):
    assert main(['train', 'encode', str(tmp_path / 'out'), '--pixels', str(pixels), '--codec',
                 str(codec), f'--depth-holes={share}']) == 2
    assert f'depth_holes must be at least 0 and below 0.5, got {share}' in capsys.readouterr().err


def test_the_manifest_speaks_of_holes_only_where_there_are_some(codec: Path):
    plain = EncodeSettings(codec)
    assert set(plain.manifest([])) == {'codec', 'latents', 'depth_noise', 'seed', 'fills',
                                       'pixels'}
    holes = replace(plain, depth_holes=0.1)
    assert holes.manifest([]) == {**plain.manifest([]), 'depth_holes': 0.1}


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
