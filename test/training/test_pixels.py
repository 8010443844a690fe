# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Made-up places become shards, and shards become clips and pieces of video."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from inspatio_ros.cli.main import main
from inspatio_ros.scene.synthetic.held_out import HELD_OUT_SEEDS
from inspatio_ros.scene.synthetic.still import still_clip
from inspatio_ros.scene.synthetic.synchronised import synchronised_clip
from inspatio_ros.training.data.pixels import PixelClips, PixelCrops, still_views
from inspatio_ros.training.data.procedural import procedural_jobs, ProceduralSettings
from inspatio_ros.training.data.shards import PIXELS, read_manifest, Shards
from inspatio_ros.training.data.writing import write_dataset
import numpy as np
import pytest
from safetensors.torch import load_file
import torch

SMALL = ProceduralSettings(frames=5, width=48, height=32, cameras=2)


@pytest.fixture(scope='module')
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('worlds') / 'train'
    write_dataset(folder, PIXELS, SMALL.manifest(), procedural_jobs([3], SMALL))
    return folder


def test_a_clip_is_what_the_cameras_of_a_place_saw(made: Path):
    clips = PixelClips([made], 5)
    assert len(clips) == 2 and clips.size == (32, 48)
    truth = synchronised_clip(3, 5, (48, 32), 2)
    batch = clips.batch([0, 1])
    for k, (a, b) in enumerate([(0, 1), (1, 0)]):
        rgb = ((batch.source_rgb[k] + 1.0) * 127.5).round().permute(0, 2, 3, 1).numpy()
        np.testing.assert_array_equal(rgb, truth.rgb[a])
        rgb = ((batch.target_rgb[k] + 1.0) * 127.5).round().permute(0, 2, 3, 1).numpy()
        np.testing.assert_array_equal(rgb, truth.rgb[b])
        np.testing.assert_allclose(batch.source_depth[k], truth.depth[a], rtol=5e-4)
        np.testing.assert_array_equal(batch.T_world_target[k], truth.T_world_cam[b])
    np.testing.assert_allclose(batch.intrinsics[1], truth.intrinsics.K, rtol=1e-6)


def test_recordings_that_are_too_short_are_refused(made: Path):
    with pytest.raises(ValueError, match=r'has 9 frames \(1 are too short\)'):
        PixelClips([made], 9)
    with pytest.raises(ValueError, match='do not fit into recordings of 5 frames of 48x32'):
        PixelCrops([made], 5, 64)


def test_pieces_come_from_the_pictures_and_follow_from_the_generator(made: Path):
    crops = PixelCrops([made], 5, 16)
    piece = crops.batch([0], torch.Generator().manual_seed(1))
    again = crops.batch([0], torch.Generator().manual_seed(1))
    other = crops.batch([0], torch.Generator().manual_seed(2))
    assert piece.shape == (1, 5, 3, 16, 16)
    assert torch.equal(piece, again) and not torch.equal(piece, other)
    rgb = ((piece[0, 0] + 1.0) * 127.5).round().permute(1, 2, 0).numpy().astype(np.uint8)
    truth = synchronised_clip(3, 5, (48, 32), 2).rgb[:, 0]
    found = [np.array_equal(look[:, row:row + 16, column:column + 16][0], rgb)
             for camera in truth for look in (camera[None], camera[None, :, ::-1])
             for row in range(17) for column in range(33)
             if look[:, row:row + 16, column:column + 16].shape[1:3] == (16, 16)]
    assert any(found)


def test_places_for_measuring_and_for_training_are_kept_apart():
    with pytest.raises(ValueError, match='held out'):
        procedural_jobs([0, HELD_OUT_SEEDS[0]], SMALL)
    with pytest.raises(ValueError, match='seed 7 is not held out'):
        procedural_jobs([7], SMALL, held_out=True)
    assert len(procedural_jobs(HELD_OUT_SEEDS[:2], SMALL, held_out=True)) == 2


def test_one_camera_is_no_clip_unless_views_are_known():
    with pytest.raises(ValueError, match='cameras must be at least 2'):
        ProceduralSettings(cameras=1)
    assert ProceduralSettings(cameras=1, still=True).cameras == 1
    with pytest.raises(ValueError, match='cameras must be at least 1, got 0'):
        ProceduralSettings(cameras=0, still=True)


def test_the_manifest_speaks_of_still_places_only_where_they_are():
    assert SMALL.manifest() == {'source': 'procedural', 'generator': 1, 'frames': 5, 'width': 48,
                                'height': 32, 'cameras': 2, 'fps': 15.0}
    assert replace(SMALL, still=True).manifest() == {**SMALL.manifest(), 'still': True}


def test_the_command_writes_still_places(tmp_path: Path, capsys: pytest.CaptureFixture):
    out = tmp_path / 'out'
    words = ['train', 'data', 'procedural', str(out), '--seeds', '1-1', '--frames', '2', '--size',
             '48x32']
    assert main([*words, '--still']) == 0
    assert read_manifest(out)['settings']['cameras'] == 2
    before = load_file(out / 'world-0000001.safetensors')
    shards = Shards([out], PIXELS)
    notes = shards.notes(0)
    assert (notes['views'], notes['targets']) == ('0,1', '2,3')
    assert still_views(notes) == (0, 1)
    truth = still_clip(1, 2, (48, 32))
    np.testing.assert_array_equal(shards.read(0, 'rgb').numpy(), truth.rgb)
    np.testing.assert_array_equal(shards.read(0, 'T_world_cam').numpy(), truth.T_world_cam)
    (out / 'world-0000001.safetensors').unlink()
    assert main([*words, '--still']) == 0
    # Not the file: safetensors puts notes in any order.
    for name, x in load_file(out / 'world-0000001.safetensors').items():
        assert x.numpy().tobytes() == before[name].numpy().tobytes()
    assert main(words) == 2 and 'cameras is 2, not 3' in capsys.readouterr().err
    assert main(['train', 'data', 'video', str(tmp_path / 'b'), '--still', '--input', '.']) == 2
    assert '--still is of procedural places, not of video' in capsys.readouterr().err


@pytest.mark.parametrize('changes, why', [
    ({'frames': 0}, 'frames must be at least 1 and fps positive, got 0 and'),
    ({'fps': float('nan')}, 'got 45 and nan')])
def test_no_frames_are_no_clip(changes: dict[str, Any], why: str):
    with pytest.raises(ValueError, match=why):
        ProceduralSettings(**changes)


@pytest.mark.parametrize('option, text', [
    ('--seeds', '5-2'), ('--seeds', 'a'), ('--size', '0x32'), ('--size', '64')])
def test_places_and_sizes_that_are_none_are_refused(tmp_path: Path, option: str, text: str,
                                                    capsys: pytest.CaptureFixture):
    with pytest.raises(SystemExit, match='2'):
        main(['train', 'data', 'procedural', str(tmp_path / 'out'), option, text])
    assert 'for example' in capsys.readouterr().err and not (tmp_path / 'out').exists()
