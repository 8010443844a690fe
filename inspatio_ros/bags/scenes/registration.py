# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Depth of one camera on the pixels of another, which stood elsewhere or looked a moment later."""

from __future__ import annotations

from inspatio_ros.contracts import F32, F64, Intrinsics
from inspatio_ros.geometry.surface import inverse_depth, link_pixels
from inspatio_ros.geometry.warp_cpu import Camera, read_out, SourceView, splat_views
import numpy as np

# Motion that moves no pixel by as much as sensors are wrong: the depth is left bit for bit.
_STILL_M = 1e-3
_STILL_RAD = 1e-3
_NEAR_M = 0.05


def is_registered(depth_camera: Intrinsics, camera: Intrinsics, T_cam_depth: F64) -> bool:
    """Say whether two cameras see the same on the same pixels."""
    same = (depth_camera.width, depth_camera.height) == (camera.width, camera.height)
    turn = np.linalg.norm(T_cam_depth[:3, :3] - np.eye(3)) / np.sqrt(2.0)
    return bool(same and np.allclose(depth_camera.K, camera.K, atol=1e-3)
                and np.linalg.norm(T_cam_depth[:3, 3]) < _STILL_M and turn < _STILL_RAD)


def register(depth_HW: F32, depth_camera: Intrinsics, camera: Intrinsics, T_cam_depth: F64,
             ) -> F32:
    """
    Draw the surfaces that a depth camera saw into another camera.

    Surfaces stay closed where the other camera sees them larger; what only the other one sees is
    unknown. Depth that is there already is returned as it is.

    :param depth_HW: (h, w) float32, metres; NaN unknown, +inf out of range.
    :param T_cam_depth: (4, 4) depth camera to the other one, metres.
    :returns: (H, W) float32 of the other camera.
    """
    if is_registered(depth_camera, camera, T_cam_depth):
        return depth_HW
    disparity = inverse_depth(depth_HW)
    source = SourceView(np.zeros(depth_HW.shape, np.uint32), disparity, link_pixels(disparity))
    drawn, _ = splat_views([source], [Camera(depth_camera.K, T_cam_depth)],
                           Camera(camera.K, np.eye(4)), (camera.height, camera.width), _NEAR_M)
    depth, _, _ = read_out(drawn, None, depth=True, seen=False)
    assert depth is not None
    return depth
