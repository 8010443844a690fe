# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Several cameras in a made-up place: the same again, exact, near each other, held-out seeds."""

from inspatio_ros.geometry.camera import invert_rigid, project, unproject
from inspatio_ros.scene.synthetic.held_out import check_trainable, HELD_OUT_SEEDS
from inspatio_ros.scene.synthetic.procedural import ground_plan, procedural_world
from inspatio_ros.scene.synthetic.synchronised import (
    camera_tracks, exposed, synchronised_clip, SynchronisedClip)
import numpy as np
import pytest

SIZE = (64, 48)


@pytest.fixture(scope='module')
def clip() -> SynchronisedClip:
    """Return a place with somebody in it, whose recording moves."""
    return synchronised_clip(5, 4, SIZE, cameras=2)


def test_a_seed_is_a_clip_however_many_cameras_and_frames_are_asked_for(
        clip: SynchronisedClip) -> None:
    again = synchronised_clip(5, 2, SIZE, cameras=1)
    np.testing.assert_array_equal(again.rgb[0], clip.rgb[0, :2])
    np.testing.assert_array_equal(again.depth[0], clip.depth[0, :2])
    np.testing.assert_array_equal(again.T_world_cam[0], clip.T_world_cam[0, :2])
    assert clip.moving.any() and np.isfinite(clip.depth).all()


def test_both_cameras_see_the_same_points_at_the_same_time(clip: SynchronisedClip) -> None:
    """What one sees, carried into the other, lies on a surface of it or is hidden."""
    K, T = clip.intrinsics.K, clip.T_world_cam[:, 3]
    points = unproject(clip.depth[0, 3], K) @ T[0, :3, :3].T + T[0, :3, 3]
    pixel, z = project(points, K, invert_rigid(T[1]))
    inside = ((pixel > 1.0) & (pixel < np.array(SIZE) - 2.0)).all(axis=-1) & (z > 0.1)
    assert inside.mean() > 0.3
    column, row = pixel[inside].round().astype(int).T
    around = [clip.depth[1, 3][row + dy, column + dx] for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    before = z[inside] < 0.99 * np.min(around, axis=0)
    on = ~before & (z[inside] < 1.01 * np.max(around, axis=0))
    assert before.mean() < 0.01
    assert on.mean() > 0.7


def test_cameras_stay_away_from_furniture_and_near_the_recording() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        _, _, path = ground_plan(seed)
        tracks = camera_tracks(rng, path, np.arange(45) / 15.0, 4)
        way = path.poses(np.linspace(0.0, 1.0, 200), np.zeros(200))[:, :2, 3]
        for track in tracks:
            off = np.linalg.norm(track[:, None, :2, 3] - way, axis=-1).min(axis=1)
            assert off.max() < 0.45  # furniture keeps 0.55 m
            step = np.linalg.norm(np.diff(track[:, :3, 3], axis=0), axis=1)
            assert step.max() < 0.2
        assert np.linalg.norm(tracks[0, -1, :3, 3] - tracks[3, -1, :3, 3]) > 0.01


def test_exposure_multiplies_each_channel_and_clips() -> None:
    rgb = np.array([[[100, 100, 200]]], np.uint8)
    np.testing.assert_array_equal(exposed(rgb, np.array([1.0, 0.5, 2.0])), [[[100, 50, 255]]])


def test_walkers_change_the_place_and_are_marked() -> None:
    alone, path = procedural_world(5)
    crowded, _ = procedural_world(5, walkers=2)
    T = path.poses(np.array([0.5]), np.zeros(1))[0]
    camera = synchronised_clip(5, 1, SIZE).intrinsics
    assert not alone.render(T, camera).moving.any()
    shown = [crowded.render(T, camera, time).moving for time in np.arange(8.0)]
    assert any(mask.any() for mask in shown)
    assert any((mask != shown[0]).any() for mask in shown)


def test_held_out_seeds_cannot_be_trained_on() -> None:
    check_trainable(0)
    check_trainable(HELD_OUT_SEEDS.stop)
    with pytest.raises(ValueError, match='held out'):
        check_trainable(HELD_OUT_SEEDS[5])
    with pytest.raises(ValueError, match='0 or more'):
        check_trainable(-1)


@pytest.mark.parametrize('arguments', [{'frames': 0}, {'cameras': 0}, {'fps': 0.0}])
def test_impossible_clips_are_refused(arguments: dict) -> None:
    with pytest.raises(ValueError, match='a clip needs'):
        synchronised_clip(0, **{'frames': 1, 'size': (8, 8), **arguments})
