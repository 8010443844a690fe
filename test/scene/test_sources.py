# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which pictures measure the depth of another."""

from inspatio_ros.contracts import Intrinsics
from inspatio_ros.scene.reconstruction.sources import (choose_sources, likely_points,
                                                       measured_points)
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


def wall_points(structure):
    return measured_points(structure, 0, np.full((120, 160), 0.25, np.float32))


def chosen(structure, others, count, enough):
    return choose_sources(structure, 0, wall_points(structure), others, count, enough)


def test_the_grid_lies_where_the_map_says():
    points = wall_points(before_a_wall([(1.0, 0, 0)]))
    assert len(points) == 16 * 12
    np.testing.assert_allclose(points[:, 2], 4.0)
    unknown = np.full((120, 160), np.nan, np.float32)
    assert len(measured_points(before_a_wall([(0, 0, 0)]), 0, unknown)) == 0


def test_without_a_map_things_may_also_be_nearer_than_the_points():
    points = likely_points(before_a_wall([(1.0, 0, 0)]), 0)
    assert len(points) == 2 * 16 * 12
    np.testing.assert_allclose(np.unique(points[:, 2].round(6)), [4.0 / 3.0, 4.0], rtol=1e-5)


def test_neighbours_to_both_sides_come_before_those_that_see_little_or_the_same():
    # The same place, 6 degrees to the right, to the left, and where hardly anything is shared.
    structure = before_a_wall([(0, 0, 0), (0.01, 0, 0), (0.4, 0, 0), (-0.4, 0, 0), (4.0, 0, 0)])
    assert set(chosen(structure, range(5), 2, 2.0)) == {2, 3}
    assert chosen(structure, range(5), 4, 4.0)[2] == 1


def test_no_more_are_taken_than_asked_for_or_needed():
    structure = before_a_wall([(0, 0, 0)] + [(0.01 * k - 0.4, 0, 0) for k in range(80)])
    assert len(chosen(structure, range(81), 5, 9.0)) == 5
    assert len(chosen(structure, range(81), 50, 1.0)) < 10


def test_who_looks_elsewhere_is_not_chosen():
    structure = before_a_wall([(0, 0, 0), (0.4, 0, 0), (0.4, 0, 0)])
    structure.T_world_cam[2, :3, :3] = np.diag([-1.0, 1.0, -1.0])
    assert chosen(structure, range(3), 5, 5.0) == [1]


@pytest.mark.parametrize('others', [[], [0]])
def test_alone_there_is_nobody_to_choose(others):
    assert chosen(before_a_wall([(0, 0, 0)]), others, 5, 3.0) == []
