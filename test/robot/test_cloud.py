# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Points of a picture against a loop over its pixels."""

import math

from inspatio_ros.contracts import Intrinsics
from inspatio_ros.motion.transforms import pose_rpy, T_LINK_OPTICAL
from inspatio_ros.robot.cloud import Clouds
from inspatio_ros.robot.parameters import Points
import numpy as np
import pytest

CAMERA = Intrinsics(40, 30, 25.0, 26.0, 19.0, 15.0)
T_BASE_CAM = pose_rpy(0.1, 0.2, 0.7, roll=0.1, pitch=0.4, yaw=0.3) @ T_LINK_OPTICAL


@pytest.fixture
def picture():
    rng = np.random.default_rng(0)
    depth = rng.uniform(0.3, 6.0, (30, 40)).astype(np.float32)
    for value in (np.nan, np.inf, -np.inf):
        depth[rng.random((30, 40)) < 0.1] = value
    return depth, rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)


def slow_points(depth, rgb, points):
    found = []
    for v in range(points.stride // 2, 30, points.stride):
        for u in range(points.stride // 2, 40, points.stride):
            if not math.isfinite(depth[v, u]):
                continue
            xyz = float(depth[v, u]) * np.array([(u - CAMERA.cx) / CAMERA.fx,
                                                 (v - CAMERA.cy) / CAMERA.fy, 1.0])
            height = (T_BASE_CAM[:3, :3] @ xyz + T_BASE_CAM[:3, 3])[2]
            if (points.min_range <= np.linalg.norm(xyz) <= points.max_range
                    and points.min_height <= height <= points.max_height):
                found.append((*xyz, *rgb[v, u]))
    return np.array(found)


@pytest.mark.parametrize('points', [
    Points(stride=1), Points(stride=3), Points(),
    Points(stride=2, min_range=1.0, max_range=4.0),
    Points(stride=1, min_height=0.05, max_height=1.0)])
def test_points_are_those_of_a_loop(picture, points):
    cloud = Clouds(CAMERA, T_BASE_CAM, points).points(*picture)
    expected = slow_points(*picture, points)
    assert len(cloud) == len(expected) > 10
    np.testing.assert_allclose(cloud[:, :3], expected[:, :3], rtol=1e-5, atol=1e-5)
    bits = cloud.view(np.uint32)[:, 3]
    np.testing.assert_array_equal(
        np.stack([bits >> 16, bits >> 8 & 255, bits & 255], axis=-1), expected[:, 3:])


def test_nothing_known_gives_no_points(picture):
    depth, rgb = picture
    cloud = Clouds(CAMERA, T_BASE_CAM, Points()).points(np.full_like(depth, np.nan), rgb)
    assert cloud.shape == (0, 4) and cloud.dtype == np.float32


def test_a_stride_beyond_the_picture_leaves_one_point(picture):
    depth, rgb = picture
    depth[0, 0] = 2.0
    assert len(Clouds(CAMERA, T_BASE_CAM, Points(stride=200)).points(depth, rgb)) == 1
