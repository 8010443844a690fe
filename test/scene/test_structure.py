# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Cameras and points of a recording."""

from inspatio_ros.contracts import Intrinsics
from inspatio_ros.scene.reconstruction.structure import (median_ray_angle_deg, standing_still,
                                                         Structure, structure_arrays,
                                                         structure_from)
import numpy as np
import pytest

CAMERA = Intrinsics(100, 80, 90.0, 91.0, 49.0, 40.0)


def structure() -> Structure:
    """Return two cameras 1 apart that see two points 5 ahead, and one without a pose."""
    poses = np.tile(np.eye(4), (3, 1, 1))
    poses[1] = np.nan
    poses[2, 0, 3] = 1.0
    points = np.array([[0.5, 0.0, 5.0], [0.5, 1.0, 5.0], [0.0, 0.0, -1.0]])
    sightings = np.array([[0, 0], [0, 1], [0, 2], [2, 0], [2, 1]])
    return Structure(CAMERA, poses, points, sightings, metric=False)


def test_points_of_a_picture() -> None:
    it = structure()
    assert it.found == [0, 2]
    assert [len(it.points_of(picture)) for picture in range(3)] == [3, 0, 2]
    pixels, depths = it.depths_of(2)
    np.testing.assert_allclose(depths, [5.0, 5.0])
    np.testing.assert_allclose(pixels, [[49.0 - 9.0, 40.0], [49.0 - 9.0, 40.0 + 91.0 / 5.0]])
    assert len(it.depths_of(0)[1]) == 2  # the third lies behind


def test_another_unit_changes_no_angle() -> None:
    it = structure()
    grown = it.scaled(3.0, metric=True)
    np.testing.assert_allclose(grown.T_world_cam[2, :3, 3], [3.0, 0.0, 0.0])
    np.testing.assert_allclose(grown.depths_of(0)[1], 15.0)
    np.testing.assert_allclose(grown.depths_of(0)[0], it.depths_of(0)[0])
    assert grown.metric and median_ray_angle_deg(grown) == pytest.approx(median_ray_angle_deg(it))


def test_rays_turn_by_what_the_camera_moved() -> None:
    expected = 2.0 * np.degrees(np.arctan(0.5 / 5.0))
    assert median_ray_angle_deg(structure()) == pytest.approx(expected, rel=0.02)
    assert median_ray_angle_deg(standing_still(CAMERA, 4)) == 0.0


def test_it_comes_back_from_arrays_as_it_was(tmp_path) -> None:
    it = structure()
    np.savez(tmp_path / 'it.npz', **structure_arrays(it))
    with np.load(tmp_path / 'it.npz', allow_pickle=False) as stored:
        read = structure_from(stored)
    assert read.intrinsics == it.intrinsics and read.metric is False
    for name in ('T_world_cam', 'points', 'sightings'):
        np.testing.assert_array_equal(getattr(read, name), getattr(it, name))
