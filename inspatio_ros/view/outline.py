# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What stands around the robot, seen from above: a depth image as dots on the map."""

from __future__ import annotations

from inspatio_ros.contracts import F32, F64, Intrinsics
import numpy as np

# One dot for so many columns; every such row is looked at.
COLUMNS, _ROW_STEP = 96, 4
# What a robot can bump into, metres above its floor.
LOWEST_M, HIGHEST_M = 0.1, 1.8
FARTHEST_M = 12.0


def outline_of(depth_HW: F32, camera: Intrinsics, T_map_cam: F64, floor_m: float) -> list[float]:
    """
    Return the nearest thing in each direction that is neither floor nor ceiling.

    :param depth_HW: (H, W) metres; NaN and inf are nothing.
    :param camera: of that image.
    :param T_map_cam: (4, 4).
    :param floor_m: height of the floor in the map.
    :returns: x and y in the map by turns, metres to the centimetre.
    """
    height, width = depth_HW.shape
    columns = np.unique(np.linspace(0, width - 1, COLUMNS).astype(int))
    rows = np.arange(0, height, _ROW_STEP)
    depth = depth_HW[np.ix_(rows, columns)].astype(np.float64)
    rays = np.stack(np.broadcast_arrays((columns[None] - camera.cx) / camera.fx,
                                        (rows[:, None] - camera.cy) / camera.fy, 1.0), axis=-1)
    points = (rays * np.where(np.isfinite(depth), depth, 0.0)[..., None]
              ) @ T_map_cam[:3, :3].T + T_map_cam[:3, 3]
    above = points[..., 2] - floor_m
    thing = (np.isfinite(depth) & (depth > 0.0) & (depth < FARTHEST_M)
             & (above > LOWEST_M) & (above < HIGHEST_M))
    first = np.where(thing, depth, np.inf).argmin(axis=0)
    found = thing.any(axis=0)
    dots = points[first, np.arange(len(columns)), :2][found]
    return [round(float(x), 2) for x in dots.ravel()]
