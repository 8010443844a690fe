# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Depth and colour as points in the camera's frame."""

from __future__ import annotations

from inspatio_ros.contracts import F32, F64, Intrinsics, U8
from inspatio_ros.robot.parameters import Points
import numpy as np


class Clouds:
    """
    Makes point clouds of the pictures of one camera on its mount.

    :param intrinsics: of the pictures.
    :param T_base_cam: (4, 4) optical frame to base.
    :param points: stride and crop.
    """

    def __init__(self, intrinsics: Intrinsics, T_base_cam: F64, points: Points) -> None:
        self.made_for = (intrinsics, T_base_cam.tobytes(), points)
        self._points = points
        c, step = intrinsics, points.stride
        # From the middle of the first block of pixels on.
        self._at = (slice(step // 2 if step < c.height else 0, None, step),
                    slice(step // 2 if step < c.width else 0, None, step))
        v, u = (np.arange(n, dtype=np.float64)[at]
                for n, at in zip((c.height, c.width), self._at))
        x, y = (a.astype(np.float32) for a in np.meshgrid((u - c.cx) / c.fx, (v - c.cy) / c.fy))
        self._x, self._y = x, y
        self._length = np.sqrt(x * x + y * y + np.float32(1.0))
        right, down, ahead = T_base_cam[2, :3].astype(np.float32)
        self._rise = x * right + y * down + ahead
        self._height = np.float32(T_base_cam[2, 3])

    def points(self, depth_HW: F32, rgb_HW3: U8) -> F32:
        """
        Return the points that are known and within the crop.

        :param depth_HW: (H, W) float32, metres; not finite where there is none.
        :param rgb_HW3: (H, W, 3) uint8.
        :returns: (N, 4) float32: x, y, z in the optical frame, colour as the bits 0x00RRGGBB.
        """
        p, depth, rgb = self._points, depth_HW[self._at], rgb_HW3[self._at]
        with np.errstate(invalid='ignore'):
            away = depth * self._length
            height = depth * self._rise + self._height
        # Comparisons with NaN are false.
        kept = (np.isfinite(depth) & (away >= p.min_range) & (away <= p.max_range)
                & (height >= p.min_height) & (height <= p.max_height))
        near = depth[kept]
        red, green, blue = rgb[kept].astype(np.uint32).T
        points = np.empty((len(near), 4), np.float32)
        points[:, 0], points[:, 1], points[:, 2] = self._x[kept] * near, self._y[kept] * near, near
        points.view(np.uint32)[:, 3] = red << 16 | green << 8 | blue
        return points
