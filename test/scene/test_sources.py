# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which pictures measure the depth of another."""

from inspatio_ros.contracts import Intrinsics
from inspatio_ros.scene.reconstruction.sources import choose_sources, grid_points
from inspatio_ros.scene.reconstruction.structure import Structure
import numpy as np
import pytest

CAMERA = Intrinsics(160, 120, 120.0, 120.0, 79.5, 59.5)


def before_a_wall(places) -> Structure:
    """Return cameras that look at a wall 4 m ahead, and its points as the first one sees them."""
    poses = np.tile(np.eye(4), (len(places), 1, 1))
    poses[:, :3, 3] = places
    u, v = np.meshgrid(np.arange(5, 160, 10.0), np.arange(5, 120, 10.0))
    rays = np.stack([u, v, np.ones_like(u)], axis=-1) @ np.linalg.inv(CAMERA.K).T
    points = 4.0 * rays.reshape(-1, 3) + poses[0, :3, 3]
    sightings = np.array([(0, k) for k in range(len(points))])
    return Structure(CAMERA, poses, points, sightings, metric=True)


def test_the_grid_lies_where_the_points_are():
    points = grid_points(before_a_wall([(1.0, 0, 0)]), 0)
    assert len(points) == 16 * 12
    np.testing.assert_allclose(points[:, 2], 4.0)


def test_neighbours_to_both_sides_come_before_those_that_see_little_or_the_same():
    # The same place, 6 degrees to the right, to the left, and where hardly anything is shared.
    structure = before_a_wall([(0, 0, 0), (0.01, 0, 0), (0.4, 0, 0), (-0.4, 0, 0), (4.0, 0, 0)])
    assert set(choose_sources(structure, 0, range(5), 2, 2.0)) == {2, 3}
    assert choose_sources(structure, 0, range(5), 4, 4.0)[2] == 1


def test_no_more_are_taken_than_asked_for_or_needed():
    structure = before_a_wall([(0, 0, 0)] + [(0.01 * k - 0.4, 0, 0) for k in range(80)])
    assert len(choose_sources(structure, 0, range(81), 5, 9.0)) == 5
    assert len(choose_sources(structure, 0, range(81), 50, 1.0)) < 10


def test_who_looks_elsewhere_is_not_chosen():
    structure = before_a_wall([(0, 0, 0), (0.4, 0, 0), (0.4, 0, 0)])
    structure.T_world_cam[2, :3, :3] = np.diag([-1.0, 1.0, -1.0])
    assert choose_sources(structure, 0, range(3), 5, 5.0) == [1]


@pytest.mark.parametrize('others', [[], [0]])
def test_alone_there_is_nobody_to_choose(others):
    assert choose_sources(before_a_wall([(0, 0, 0)]), 0, others, 5, 3.0) == []
