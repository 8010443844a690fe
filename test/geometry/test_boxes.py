# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Boxes in pictures: the kernel against its twin, and against what can be worked out by hand."""

from inspatio_ros.geometry.boxes import draw, draw_slowly, place
from inspatio_ros.motion.transforms import pose_rpy
import numpy as np
import pytest

K = np.array([[60.0, 0.0, 47.5], [0.0, 55.0, 35.5], [0.0, 0.0, 1.0]])
SIZE = (72, 96)
RED = (200, 100, 50)
NEAR_M = 0.05


def canvas(depth=np.nan):
    """Return depth, rgb and seen of a picture of nothing."""
    return (np.full(SIZE, depth, np.float32), np.zeros((*SIZE, 3), np.uint8),
            np.zeros(SIZE, np.uint8))


def drawn(T_world_box, edges=(0.6, 0.4, 0.5), depth=np.nan, by=draw):
    """Return the picture of one box, seen from the origin along z."""
    picture = canvas(depth)
    box = place(np.eye(4), K, SIZE, T_world_box, edges, RED)
    by([] if box is None else [box], K, NEAR_M, *picture, 255)
    return picture


def test_a_box_ahead_is_as_big_and_as_far_as_it_should_be():
    depth, rgb, seen = drawn(pose_rpy(0.0, 0.0, 2.0), (1.0, 0.5, 0.4))
    np.testing.assert_array_equal(seen == 255, np.isfinite(depth))
    np.testing.assert_allclose(depth[seen == 255], 1.8, rtol=1e-6)
    assert (seen[36] == 255).sum() == pytest.approx(60.0 * 1.0 / 1.8, abs=1.0)
    assert (seen[:, 48] == 255).sum() == pytest.approx(55.0 * 0.5 / 1.8, abs=1.0)
    assert set(map(tuple, rgb[seen == 255])) == {RED}


def test_the_kernel_draws_what_its_twin_draws():
    rng = np.random.default_rng(4)
    shown = 0
    for _ in range(60):
        boxes = [place(np.eye(4), K, SIZE, pose_rpy(*rng.uniform(-2.0, 2.0, 2),
                                                    rng.uniform(-0.5, 4.0),
                                                    *rng.uniform(-3.0, 3.0, 3)),
                       tuple(rng.uniform(0.05, 1.5, 3)), RED) for _ in range(2)]
        background = rng.uniform(0.5, 5.0, SIZE).astype(np.float32)
        background[rng.random(SIZE) < 0.2] = np.nan
        background[rng.random(SIZE) < 0.2] = np.inf
        one, other = canvas(), canvas()
        one[0][:], other[0][:] = background, background
        placed = [box for box in boxes if box is not None]
        draw(placed, K, NEAR_M, *one, 255)
        draw_slowly(placed, K, NEAR_M, *other, 255)
        same = (one[2] == other[2]) & (one[1] == other[1]).all(axis=-1)
        assert same.mean() > 0.999, 'but for rays along an edge'
        np.testing.assert_allclose(one[0][same], other[0][same], rtol=1e-5)
        shown += (one[2] == 255).sum()
    assert shown > 20_000


@pytest.mark.parametrize('depth, visible', [(1.0, False), (1.79, False), (1.81, True),
                                            (np.nan, True), (np.inf, True), (-np.inf, False)])
def test_what_is_nearer_hides_a_box(depth, visible):
    seen = drawn(pose_rpy(0.0, 0.0, 2.0), (1.0, 0.5, 0.4), depth)[2]
    assert (seen == 255).any() == visible


@pytest.mark.parametrize('T_world_box', [pose_rpy(0.0, 0.0, -2.0), pose_rpy(9.0, 0.0, 2.0),
                                         pose_rpy(0.0, -9.0, 2.0)])
def test_a_box_out_of_sight_is_not_placed(T_world_box):
    assert place(np.eye(4), K, SIZE, T_world_box, (0.5, 0.5, 0.5), RED) is None


def test_a_box_around_the_camera_shows_nothing_and_one_beside_it_does():
    assert not (drawn(pose_rpy(0.0, 0.0, 0.1), (1.0, 1.0, 1.0))[2] == 255).any()
    depth, _, seen = drawn(pose_rpy(0.7, 0.0, 0.2), (1.0, 1.0, 1.0))
    assert (seen[:, -1] == 255).any() and not (seen[:, 40] == 255).any()
    assert np.nanmin(depth) > NEAR_M


def test_nothing_else_than_what_is_wanted_is_drawn():
    depth, _, _ = canvas()
    box = place(np.eye(4), K, SIZE, pose_rpy(0.0, 0.0, 2.0), (1.0, 0.5, 0.4), RED)
    draw([box], K, NEAR_M, depth, None, None, 255)
    np.testing.assert_array_equal(depth, drawn(pose_rpy(0.0, 0.0, 2.0), (1.0, 0.5, 0.4))[0])
