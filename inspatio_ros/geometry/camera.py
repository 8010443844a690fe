# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Pinhole projection between two cameras, written for inverse depth.

A pixel (u, v) of the source with inverse depth d appears in the target at

    q = A (u, v, 1) + d b,    (x, y) = (q_x, q_y) / q_z,    inverse depth there = d / q_z

so a warp needs one 3x3 matrix and one vector per pair of cameras, and a plane stays linear in
inverse depth. Pixel centres lie at integers; optical frame (x right, y down, z forward).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]


def invert_rigid(T: F64) -> F64:
    """
    Return the inverse of a rigid transform.

    :param T: (..., 4, 4) float64 with an orthonormal rotation.
    """
    inverse = np.zeros_like(T)
    rotation = np.swapaxes(T[..., :3, :3], -1, -2)
    inverse[..., :3, :3] = rotation
    inverse[..., :3, 3] = -np.einsum('...ij,...j->...i', rotation, T[..., :3, 3])
    inverse[..., 3, 3] = 1.0
    return inverse


def pixel_transfer(K_source: F64, K_target: F64, T_target_source: F64) -> F64:
    """
    Return the (3, 4) matrix [A | b] that maps source pixels to target pixels (see above).

    :param K_source: (3, 3) camera matrix, pixels.
    :param K_target: (3, 3) camera matrix, pixels.
    :param T_target_source: (4, 4) rigid, metres; points of the source frame into the target frame.
    """
    A = K_target @ T_target_source[:3, :3] @ np.linalg.inv(K_source)
    b = K_target @ T_target_source[:3, 3]
    return np.concatenate([A, b[:, None]], axis=1)


def unproject(depth_HW: npt.NDArray[np.float32], K: F64, rows: npt.ArrayLike | None = None,
              columns: npt.ArrayLike | None = None) -> F64:
    """
    Return the points of a depth map in the camera frame.

    :param depth_HW: (H, W) metres along +Z; NaN stays NaN.
    :param K: (3, 3) camera matrix, pixels.
    :param rows, columns: (H,) and (W,) where the pixels lie in the picture, if `depth_HW` is a
        part or a sample of it; default: 0, 1, 2, ...
    :returns: (H, W, 3) float64, metres, optical frame.
    """
    height, width = depth_HW.shape
    v, u = np.meshgrid(np.arange(height) if rows is None else rows,
                       np.arange(width) if columns is None else columns, indexing='ij')
    rays = np.stack([u, v, np.ones_like(u)], axis=-1) @ np.linalg.inv(K).T
    return rays * depth_HW[..., None].astype(np.float64)


def project(points: F64, K: F64, T_cam_world: F64) -> tuple[F64, F64]:
    """
    Project points into a camera.

    :param points: (..., 3) metres, world frame.
    :param T_cam_world: (4, 4) world to optical frame.
    :returns: (..., 2) pixel positions, and (...) depth along +Z in metres. Points at or behind the
        camera plane have NaN positions.
    """
    local = points @ T_cam_world[:3, :3].T + T_cam_world[:3, 3]
    z = local[..., 2]
    front = np.where(z > 0.0, z, np.nan)
    pixel = (local / front[..., None]) @ K.T
    return pixel[..., :2], z
