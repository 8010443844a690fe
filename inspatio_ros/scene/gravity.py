# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Which way is up, and where is the floor: from the depth maps of a world that nobody levelled.

People hold cameras roughly upright, so up lies near the mean of the cameras' -y axes. Around it
the surface normals of floors, tables and ceilings form a sharp mode, and those of walls lie at
right angles to it; the direction with most support of both kinds wins and is refined.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import math

from inspatio_ros.contracts import F64
from inspatio_ros.scene.scene import View
import numpy as np

# How far the true up may lie from the mean of the cameras' -y axes. A camera that is pitched down
# sees floors from the front and the walls ahead from behind that axis, so floors get more room.
_FLOOR_CONE_COS = math.cos(math.radians(50.0))
_CEILING_CONE_COS = math.cos(math.radians(40.0))
# Normals this close to a direction support it; the refinement narrows down.
_VOTE_SIN = math.sin(math.radians(4.0))
_REFINE_DEG = (5.0, 3.0, 2.0, 2.0)
# A mode needs this share of all normals, and this many of them.
_MIN_SHARE = 0.03
_MIN_COUNT = 200
_MAX_VIEWS = 12
_MAX_CANDIDATES = 400
_MAX_VOTERS = 20000
# A window is three blocks wide; it has to be known to this share, and flat: the root mean square
# distance from its plane at most this share of the inverse depth.
_BLOCKS_ACROSS = 80
_MIN_KNOWN = 0.7
_MAX_RESIDUAL = 0.02
# Floor: bins of this share of the camera's scale, a layer with this share of the up-facing
# points, and at most this share of all points clearly below it.
_FLOOR_BIN = 0.01
_FLOOR_SHARE = 0.1
_FLOOR_BELOW = 0.02


@dataclass(frozen=True)
class Surface:
    """
    Points with normals, seen by several cameras.

    :param points: (N, 3) float64, world, metres.
    :param normals: (N, 3) float64, world, unit length, towards the camera that saw them.
    :param range_m: median distance of the points from their cameras, metres.
    """

    points: F64
    normals: F64
    range_m: float


def surface_of(views: Sequence[View]) -> Surface:
    """
    Take points and normals from the depth maps of at most twelve of the views.

    :param views: poses in one world frame.
    :returns: the surface in that frame; empty where there is no smooth depth.
    """
    chosen = [views[index] for index in
              np.unique(np.linspace(0, len(views) - 1, _MAX_VIEWS).round().astype(int))]
    points, normals, depths = [], [], []
    for view in chosen:
        points_cam, normals_cam = _points_and_normals(view)
        R, t = view.T_map_cam[:3, :3], view.T_map_cam[:3, 3]
        points.append(points_cam @ R.T + t)
        normals.append(normals_cam @ R.T)
        depths.append(np.linalg.norm(points_cam, axis=1))
    distance = np.concatenate(depths)
    return Surface(np.concatenate(points), np.concatenate(normals),
                   float(np.median(distance)) if distance.size else 0.0)


def _points_and_normals(view: View) -> tuple[F64, F64]:
    """
    Fit a plane to every window of 3x3 blocks.

    On a plane n.P = k inverse depth is linear in the ray: 1/z = n.(x, y, 1) / k. A least-squares
    fit of that is exact for planes at any slant, and the noise of stereo and structured light is
    even in 1/z.

    :returns: (N, 3) points and (N, 3) unit normals towards the camera, in the camera frame.
    """
    camera = view.intrinsics
    v, u = np.mgrid[0:camera.height, 0:camera.width]
    x, y = (u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy
    known = np.isfinite(view.depth) & view.measured()
    w = 1.0 / np.where(known, view.depth, np.inf).astype(np.float64)
    side = max(2, round(camera.width / _BLOCKS_ACROSS))
    sums = [_windows(np.where(known, part, 0.0), side) for part in (
        np.ones_like(w), x, y, x * x, x * y, y * y, w, w * x, w * y, w * w)]
    full = (sums[0] > _MIN_KNOWN * 9 * side * side).ravel()
    n, sx, sy, sxx, sxy, syy, sw, swx, swy, sww = (part.ravel()[full] for part in sums)
    A = np.stack((sxx, sxy, sx, sxy, syy, sy, sx, sy, n), axis=-1).reshape(-1, 3, 3)
    b = np.stack((swx, swy, sw), axis=-1)
    plane = np.linalg.solve(A, b[..., None])[..., 0]
    residual = np.sqrt(np.maximum(sww - (plane * b).sum(axis=-1), 0.0) / n)
    ray = np.stack((sx / n, sy / n, np.ones_like(n)), axis=-1)
    inverse_z = (plane * ray).sum(axis=-1)
    length = np.linalg.norm(plane, axis=-1)
    good = (residual < _MAX_RESIDUAL * inverse_z) & (length > 0.0)
    # n.P = k with k > 0 after the fit, so the fitted n points away from the camera.
    return (ray / inverse_z[:, None])[good], -(plane / length[:, None])[good]


def _windows(values: F64, side: int) -> F64:
    """Sum over all windows of 3x3 blocks of side x side pixels."""
    rows, columns = values.shape[0] // side, values.shape[1] // side
    if rows < 3 or columns < 3:
        return np.zeros((0, 0))
    blocks = values[:rows * side, :columns * side].reshape(rows, side, columns, side)
    block = blocks.sum(axis=(1, 3))
    windows: F64 = np.lib.stride_tricks.sliding_window_view(block, (3, 3)).sum(axis=(2, 3))
    return windows


def estimate_up(surface: Surface, guess: F64) -> F64 | None:
    """
    Find the direction that the normals of floors and walls agree on.

    :param surface: points and normals of the world.
    :param guess: (3,) unit vector, up within 50 degrees (40 for ceilings).
    :returns: (3,) unit vector, or None if no direction has clear support.
    """
    normals = surface.normals[::max(1, len(surface.normals) // _MAX_VOTERS)]
    facing = normals @ guess
    near = normals[(facing > _FLOOR_CONE_COS) | (facing < -_CEILING_CONE_COS)]
    if len(near) == 0:
        return None
    near = near * np.sign(near @ guess)[:, None]
    candidates = near[::max(1, len(near) // _MAX_CANDIDATES)]
    along = np.abs(normals @ candidates.T)
    level = (along > math.sqrt(1.0 - _VOTE_SIN ** 2)).sum(axis=0)
    upright = (along < _VOTE_SIN).sum(axis=0)
    up = candidates[int(np.argmax(level + 0.5 * upright))]
    for degrees in _REFINE_DEG:
        inliers = near[near @ up > math.cos(math.radians(degrees))]
        if len(inliers) < max(_MIN_COUNT, _MIN_SHARE * len(normals)):
            return None
        up = inliers.mean(axis=0)
        up = up / np.linalg.norm(up)
    return up


def floor_height(surface: Surface, up: F64, camera: F64) -> float | None:
    """
    Find the lowest layer of up-facing points that has next to nothing under it.

    :param surface: points and normals of the world.
    :param up: (3,) unit vector.
    :param camera: (3,) position of the first camera, world, metres.
    :returns: height of the camera over the floor, metres, > 0; None if there is no clear floor.
    """
    heights = (surface.points - camera) @ up
    facing_up = heights[surface.normals @ up > math.cos(math.radians(10.0))]
    facing_up = facing_up[facing_up < 0.0]
    if len(facing_up) < _MIN_COUNT:
        return None
    width = _FLOOR_BIN * surface.range_m
    edges = np.arange(facing_up.min() - width, width, width)
    counts, _ = np.histogram(facing_up, edges)
    # Three bins together, so that a layer on the border of two bins counts as one.
    layers = np.convolve(counts, np.ones(3), mode='same')
    for index in np.flatnonzero(layers > _FLOOR_SHARE * len(facing_up)):
        peak = index + int(np.argmax(layers[index:index + 4]))
        inside = facing_up[(facing_up > edges[peak] - width)
                           & (facing_up < edges[peak + 1] + width)]
        height = float(np.median(inside))
        below = np.count_nonzero(heights < height - 5.0 * width)
        return -height if below < _FLOOR_BELOW * len(heights) else None
    return None
