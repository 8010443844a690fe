# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Flicker, borders, drift, closed loops and lag, where they are known."""

import math

from inspatio_ros.contracts import Intrinsics
from inspatio_ros.evaluation.image import psnr_db
from inspatio_ros.evaluation.model_steadiness import (border_step, drift_slope, flicker,
                                                      lag_frames, link, Seen,
                                                      to_the_one_before, warped_difference)
from inspatio_ros.motion.transforms import pose_rpy
from inspatio_ros.scene.synthetic.procedural import procedural_world
import numpy as np
import pytest

CAMERA = Intrinsics(64, 48, 60.0, 60.0, 31.5, 23.5)
WALL_M = 3.0
# This far to the right moves a wall by a pixel to the left.
STEP_M = WALL_M / CAMERA.fx


@pytest.fixture
def wall():
    """Return a wide picture of a wall."""
    return np.random.default_rng(0).integers(20, 200, (48, 200, 3)).astype(np.uint8)


def before_wall(steps):
    return Seen(np.full((48, 64), WALL_M, np.float32), pose_rpy(steps * STEP_M), CAMERA.K)


def view_of(wall, steps):
    return wall[:, steps:steps + 64].copy()


def walk_along(wall, count, light=lambda i: 0):
    frames = np.array([view_of(wall, i) + np.uint8(light(i)) for i in range(count)])
    return frames, to_the_one_before([before_wall(i) for i in range(count)])


def test_a_pixel_is_found_where_the_camera_has_moved_it():
    pixels, common = link(before_wall(0), before_wall(5))
    assert common[:, 5:].all() and not common[:, :5].any()
    np.testing.assert_allclose(pixels[10, 20], [15.0, 10.0], atol=1e-5)


def test_what_is_hidden_in_the_other_frame_is_not_common():
    near = before_wall(1)
    near.depth_HW[:, 20:30] = 1.0
    _, common = link(before_wall(0), near)
    assert not common[:, 21:31].any() and common[:, 31:].all()


def test_the_motion_of_the_camera_is_no_flicker(wall):
    frames, links = walk_along(wall, 6)
    np.testing.assert_allclose(flicker(frames, links), 0.0, atol=1e-3)


def test_flicker_is_by_how_much_frames_change_beyond_that(wall):
    frames, links = walk_along(wall, 6, light=lambda i: 7 * (i % 2))
    np.testing.assert_allclose(flicker(frames, links), 7.0, atol=1e-3)
    counted = [np.zeros((48, 64), bool)] * 6
    assert np.isnan(flicker(frames, links, counted)).all()


def test_frames_of_a_room_flicker_little(room_walk):
    frames, links = room_walk
    true = flicker(frames, links)
    assert (true < 4.0).all()
    lit = frames.copy()
    lit[1::2] = np.minimum(lit[1::2].astype(int) + 20, 255).astype(np.uint8)
    assert (flicker(lit, links) > true + 10.0).all()


@pytest.fixture
def room_walk():
    """Return a few frames of a made-up room."""
    camera = Intrinsics.from_hfov(160, 96, math.radians(70.0))
    world, path = procedural_world(3)
    poses = path.poses(np.linspace(0.3, 0.34, 4), np.zeros(4))
    shots = [world.render(T, camera) for T in poses]
    return (np.array([shot.rgb for shot in shots]),
            to_the_one_before([Seen(shot.depth, T, camera.K) for shot, T in zip(shots, poses)]))


def test_a_step_at_the_border_of_blocks_is_told_from_flicker(wall):
    frames, links = walk_along(wall, 9, light=lambda i: 10 * (i // 3) + 2 * (i % 2))
    changes = flicker(frames, links)
    # Within blocks frames change by 2, across their borders by 10 -+ 2.
    assert border_step(changes, [3, 6]) == pytest.approx((8.0 + 12.0) / 2 - 2.0, abs=1e-3)
    assert math.isnan(border_step(changes, []))


def test_the_slope_of_drift_is_that_of_the_line():
    assert drift_slope([30.0 - 0.05 * i for i in range(20)]) == pytest.approx(-0.05)
    assert drift_slope([30.0, math.inf, 28.0]) == pytest.approx(-1.0)
    assert math.isnan(drift_slope([30.0, math.nan]))


def test_noise_that_grows_drifts_as_fast_as_it_grows():
    """Noise of sigma_0 10^(b k / 20) loses b dB in each block."""
    rng = np.random.default_rng(0)
    truth = np.full((64, 64, 3), 128, np.uint8)
    everywhere = np.ones((64, 64), bool)
    blocks = [psnr_db(np.rint(truth + rng.normal(0.0, 6.0 * 10 ** (0.3 * k / 20), truth.shape)
                              ).astype(np.uint8), truth, everywhere) for k in range(20)]
    assert drift_slope(blocks) == pytest.approx(-0.3, abs=0.01)


def test_who_comes_back_sees_what_has_changed(wall):
    left, back = view_of(wall, 0), view_of(wall, 4)
    back[:, :30] += 16
    pixels = np.zeros((48, 64), bool)
    pixels[:, :30] = True
    between = link(before_wall(4), before_wall(0))
    assert warped_difference(back, left, between, pixels) == pytest.approx(16.0, abs=1e-3)
    assert warped_difference(back, left, between, ~pixels) == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize('lag', [0, 3, -2])
def test_pictures_that_are_late_are_told_by_how_much(wall, lag):
    moved = [max(0, i - 6) for i in range(20)]  # stands, then goes
    truth = np.array([view_of(wall, it) for it in moved])
    frames = np.array([view_of(wall, moved[min(max(i - lag, 0), 19)]) for i in range(20)])
    assert lag_frames(frames, truth, 5) == pytest.approx(lag, abs=0.3)


def test_a_camera_that_stands_tells_no_lag(wall):
    still = np.array([view_of(wall, 0)] * 20)
    assert math.isnan(lag_frames(still, still, 5))
    with pytest.raises(ValueError, match='need more than 20 frames, got 20'):
        lag_frames(still, still, 10)
