# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Projection between cameras."""

from inspatio_ros.geometry.camera import invert_rigid, pixel_transfer, project, unproject
import numpy as np
from posed import K, moved


def test_inverse_of_a_stack_of_poses() -> None:
    poses = np.stack([moved(1.0, 2.0, 3.0, 0.4), moved(-1.0, 0.0, 0.5, -2.0)])
    np.testing.assert_allclose(invert_rigid(poses) @ poses, np.stack([np.eye(4)] * 2), atol=1e-15)


def test_pixel_transfer_agrees_with_unproject_and_project() -> None:
    rng = np.random.default_rng(0)
    depth = rng.uniform(1.0, 4.0, (48, 64)).astype(np.float32)
    T_world_source, T_world_target = moved(yaw=0.1), moved(0.2, -0.1, 0.3, -0.2)
    K_target = np.array([[90.0, 0.0, 40.0], [0.0, 91.0, 20.0], [0.0, 0.0, 1.0]])
    points = unproject(depth, K) @ T_world_source[:3, :3].T + T_world_source[:3, 3]
    pixels, z = project(points, K_target, invert_rigid(T_world_target))

    P = pixel_transfer(K, K_target, invert_rigid(T_world_target) @ T_world_source)
    v, u = np.mgrid[0:48, 0:64]
    q = np.stack([u, v, np.ones_like(u), 1.0 / depth], axis=-1) @ P.T
    np.testing.assert_allclose(q[..., :2] / q[..., 2:], pixels, atol=1e-5)
    np.testing.assert_allclose((1.0 / depth) / q[..., 2], 1.0 / z, rtol=1e-6)


def test_what_is_behind_the_camera_has_no_pixel() -> None:
    pixels, z = project(np.array([[0.0, 0.0, -1.0], [0.0, 0.0, 0.0]]), K, np.eye(4))
    assert np.isnan(pixels).all()
    assert (z <= 0.0).all()


def test_unknown_depth_stays_unknown() -> None:
    depth = np.array([[np.nan, 2.0]], np.float32)
    points = unproject(depth, K)
    assert np.isnan(points[0, 0]).all()
    assert np.isfinite(points[0, 1]).all()
