# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Which of many views a camera should be rendered from.

Each view keeps some hundred of its surface points. At every tick the points are projected into a
coarse grid over the picture. To show a cell at all is worth half, to show it sharply and squarely
the other half: sharpness is the view's resolution relative to what the camera needs, and both
should look at the point from the same side. Views are then taken greedily by what they add
(maximum coverage; within 1 - 1/e of the best choice).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inspatio_ros.contracts import F32, F64, Intrinsics
from inspatio_ros.geometry.camera import invert_rigid, unproject
from inspatio_ros.geometry.kernel import kernel
from inspatio_ros.scene.scene import View
import numpy as np
import numpy.typing as npt

I32 = npt.NDArray[np.int32]

_SAMPLES = (24, 32)    # of a view: rows, columns
_CELLS = (18, 24)      # of the picture: rows, columns
# Points this much farther than the nearest of their cell are taken to be hidden.
_HIDDEN = 1.5
# A view that adds less than this share of the picture is not worth rendering.
_WORTH = 0.004
_SEEN_AT_ALL = 0.5


@dataclass(frozen=True)
class Samples:
    """
    Surface points of several views.

    :param points: (P, 3) float32, metres, map.
    :param rays: (P, 3) float32, unit vectors from the view's camera to the point, map.
    :param spacing: (P,) float32, metres between neighbouring pixels of the view at the point.
    :param owner: (P,) int32, index of the view.
    :param count: how many views.
    """

    points: F32
    rays: F32
    spacing: F32
    owner: I32
    count: int


def sample_views(views: Sequence[View]) -> Samples:
    """Take surface points that every view has measured, evenly over its picture."""
    points, rays, spacing, owner = [], [], [], []
    for index, view in enumerate(views):
        height, width = view.depth.shape
        rows = np.linspace(0, height - 1, min(_SAMPLES[0], height)).round().astype(int)
        columns = np.linspace(0, width - 1, min(_SAMPLES[1], width)).round().astype(int)
        local = unproject(view.depth[np.ix_(rows, columns)], view.intrinsics.K, rows, columns)
        local = local[np.isfinite(local).all(axis=-1) & view.measured()[np.ix_(rows, columns)]]
        ray = local @ view.T_map_cam[:3, :3].T
        points.append(ray + view.T_map_cam[:3, 3])
        rays.append(ray / np.linalg.norm(ray, axis=1, keepdims=True))
        spacing.append(local[:, 2] / view.intrinsics.fx)
        owner.append(np.full(len(local), index))
    if not views:
        return Samples(np.empty((0, 3), np.float32), np.empty((0, 3), np.float32),
                       np.empty(0, np.float32), np.empty(0, np.int32), 0)
    return Samples(np.concatenate(points).astype(np.float32),
                   np.concatenate(rays).astype(np.float32),
                   np.concatenate(spacing).astype(np.float32),
                   np.concatenate(owner).astype(np.int32), len(views))


@kernel()
def _place(points: F32, T: F64, K: F64, width: int, height: int, cell: I32, depth: F32,
           nearest: F32) -> None:
    """Write cell (-1: not in the picture) and depth of every point, and the nearest of a cell."""
    nearest[:] = np.inf
    for p in range(points.shape[0]):
        x, y, z = points[p, 0], points[p, 1], points[p, 2]
        depth[p] = T[2, 0] * x + T[2, 1] * y + T[2, 2] * z + T[2, 3]
        cell[p] = -1
        if depth[p] <= 0.0:
            continue
        u = K[0, 0] * (T[0, 0] * x + T[0, 1] * y + T[0, 2] * z + T[0, 3]) / depth[p] + K[0, 2]
        v = K[1, 1] * (T[1, 0] * x + T[1, 1] * y + T[1, 2] * z + T[1, 3]) / depth[p] + K[1, 2]
        if -0.5 <= u < width - 0.5 and -0.5 <= v < height - 0.5:
            row = int((v + 0.5) * _CELLS[0] / height)
            cell[p] = row * _CELLS[1] + int((u + 0.5) * _CELLS[1] / width)
            nearest[cell[p]] = min(nearest[cell[p]], depth[p])


@kernel()
def _rate(points: F32, rays: F32, spacing: F32, owner: I32, eye: F64, pixel_rad: float,
          cell: I32, depth: F32, nearest: F32, rating: F32) -> None:
    """Raise the rating of each point's view in its cell to what the point is worth."""
    for p in range(points.shape[0]):
        if cell[p] < 0 or depth[p] > nearest[cell[p]] * _HIDDEN:
            continue
        x, y, z = points[p, 0] - eye[0], points[p, 1] - eye[1], points[p, 2] - eye[2]
        alike = (x * rays[p, 0] + y * rays[p, 1] + z * rays[p, 2]) / np.sqrt(x * x + y * y + z * z)
        sharp = min(depth[p] * pixel_rad / spacing[p], 1.0)
        value = _SEEN_AT_ALL + (1.0 - _SEEN_AT_ALL) * sharp * max(alike, 0.0)
        rating[owner[p], cell[p]] = max(rating[owner[p], cell[p]], value)


def rate_views(samples: Samples, T_map_cam: F64, intrinsics: Intrinsics) -> F32:
    """
    Rate what every view can show in every cell of a picture.

    :returns: (views, cells) float32, 0 nothing .. 1 as sharp as needed, seen from the same side.
    """
    count = len(samples.points)
    cell, depth = np.empty(count, np.int32), np.empty(count, np.float32)
    nearest = np.empty(_CELLS[0] * _CELLS[1], np.float32)
    rating = np.zeros((samples.count, nearest.size), np.float32)
    _place(samples.points, invert_rigid(T_map_cam), intrinsics.K, intrinsics.width,
           intrinsics.height, cell, depth, nearest)
    _rate(samples.points, samples.rays, samples.spacing, samples.owner, T_map_cam[:3, 3].copy(),
          1.0 / intrinsics.fx, cell, depth, nearest, rating)
    return rating


def choose_views(rating: F32, most: int) -> list[int]:
    """
    Choose the views to render and rank them.

    :param rating: (views, cells) of `rate_views`.
    :param most: how many at most.
    :returns: view indices, the one that shows its part best first; empty if none shows anything.
    """
    best = np.zeros(rating.shape[1], np.float32)
    chosen: list[int] = []
    while len(chosen) < min(most, len(rating)):
        gain = np.maximum(rating - best, 0.0).sum(axis=1)
        index = int(gain.argmax())
        if gain[index] < _WORTH * rating.shape[1]:
            break
        chosen.append(index)
        best = np.maximum(best, rating[index])
    shown = (rating > 0.0).sum(axis=1)
    quality = rating.sum(axis=1) / np.maximum(shown, 1)
    return sorted(chosen, key=lambda index: (-quality[index], index))
