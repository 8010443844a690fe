# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Made-up places become shards, and shards become clips and pieces of video."""

from pathlib import Path
from typing import Any

from inspatio_ros.cli.main import main
from inspatio_ros.scene.synthetic.held_out import HELD_OUT_SEEDS
from inspatio_ros.scene.synthetic.synchronised import synchronised_clip
from inspatio_ros.training.data.pixels import PixelClips, PixelCrops
from inspatio_ros.training.data.procedural import procedural_jobs, ProceduralSettings
from inspatio_ros.training.data.shards import PIXELS
from inspatio_ros.training.data.writing import write_dataset
import numpy as np
import pytest
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


def test_one_camera_is_no_clip():
    with pytest.raises(ValueError, match='cameras must be at least 2'):
        ProceduralSettings(cameras=1)


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
