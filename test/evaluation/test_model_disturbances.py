# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Trials are disturbed by as much as was asked for, and judged undisturbed."""

from inspatio_ros.evaluation.model_disturbances import Disturbance, disturbed
from inspatio_ros.evaluation.model_trials import folder_trials
from inspatio_ros.motion.transforms import inverse
from inspatio_ros.scene.detect import open_scene
import numpy as np
import pytest
from scipy.spatial.transform import Rotation


@pytest.fixture(scope='module')
def trial(shared_dir):
    return next(folder_trials(open_scene(shared_dir / 'data' / 'dining_rgbd'), (64, 48)))


def test_nothing_is_changed_by_no_disturbance(trial):
    same = disturbed(trial, Disturbance())
    np.testing.assert_array_equal(same.track.T_map_cam, trial.track.T_map_cam)
    assert same.scene is trial.scene


def test_depth_is_off_by_that_share_and_nothing_else_is(trial):
    given = disturbed(trial, Disturbance(depth=0.05))
    for view, true in zip(given.scene.views, trial.scene.views, strict=True):
        known = np.isfinite(true.depth)
        np.testing.assert_array_equal(np.isfinite(view.depth), known)
        off = np.log(view.depth[known] / true.depth[known])
        assert off.std() == pytest.approx(0.05, rel=0.1)
        # Smooth: neighbours are off alike.
        factor = np.log(view.depth / true.depth)
        assert np.nanmax(np.abs(np.diff(factor, axis=1))) < 0.05
        np.testing.assert_array_equal(view.rgb, true.rgb)
    assert given.rgb is trial.rgb and given.depth is trial.depth


def test_commands_are_off_by_that_much(trial):
    given = disturbed(trial, Disturbance(shift_m=0.02, turn_deg=1.5))
    error = inverse(trial.track.T_map_cam[0]) @ given.track.T_map_cam[0]
    errors = np.array([inverse(true) @ T for true, T in zip(trial.track.T_map_cam,
                                                            given.track.T_map_cam)])
    np.testing.assert_array_equal(error, errors[0])
    assert errors[:, :3, 3].std() == pytest.approx(0.02, rel=0.25)
    turned = np.degrees(Rotation.from_matrix(errors[:, :3, :3]).as_rotvec())
    assert turned.std() == pytest.approx(1.5, rel=0.25)


def test_a_lost_command_leaves_the_camera_where_it_was(trial):
    given = disturbed(trial, Disturbance(dropped=0.5)).track.T_map_cam
    true = trial.track.T_map_cam
    arrived = [index for index in range(len(true)) if np.array_equal(given[index], true[index])]
    moving = np.flatnonzero(np.abs(np.diff(true[:, :3, 3], axis=0)).sum(axis=1) > 0.0) + 1
    assert 0.25 < np.isin(moving, arrived).mean() < 0.75
    for index in moving:
        if index not in arrived:
            np.testing.assert_array_equal(given[index], given[index - 1])


def test_the_same_seed_disturbs_the_same_way(trial):
    asked = Disturbance(0.05, 0.01, 1.0, 0.2)
    first, again, other = (disturbed(trial, asked, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.track.T_map_cam, again.track.T_map_cam)
    np.testing.assert_array_equal(first.scene.views[0].depth, again.scene.views[0].depth)
    assert not np.array_equal(first.track.T_map_cam, other.track.T_map_cam)


@pytest.mark.parametrize('wrong, message', [
    ({'depth': -0.1}, 'depth must be finite and >= 0, got -0.1'),
    ({'turn_deg': float('nan')}, 'turn_deg must be finite'),
    ({'dropped': 1.0}, 'dropped must be at least 0 and less than 1, got 1.0')])
def test_what_makes_no_sense_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Disturbance(**wrong)
