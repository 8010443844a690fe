# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Which of many views a camera should be rendered from.

Each view keeps a few hundred of its surface points. At every tick the points are projected into a
coarse grid over the picture; a view is worth in a cell what it can show there: its resolution
relative to what the camera needs, and how squarely both look at the point. Views are then taken
greedily by what they add (maximum coverage, within 1 - 1/e of the best choice).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inspatio_ros.contracts import F64, Intrinsics
from inspatio_ros.geometry.camera import invert_rigid, project, unproject
from inspatio_ros.scene.scene import View
import numpy as np

_SAMPLES = (16, 20)    # of a view: rows, columns
_CELLS = (9, 12)       # of the picture: rows, columns
# Points this much farther than the nearest of their cell are taken to be hidden.
_HIDDEN = 1.5
# A view that adds less than this share of the picture is not worth rendering.
_WORTH = 0.005


@dataclass(frozen=True)
class Samples:
    """
    Surface points of several views.

    :param points: (P, 3) metres, map.
    :param rays: (P, 3) unit vectors from the view's camera to the point, map.
    :param spacing: (P,) metres between neighbouring pixels of the view at the point.
    :param owner: (P,) index of the view.
    :param count: how many views.
    """

    points: F64
    rays: F64
    spacing: F64
    owner: np.ndarray
    count: int


def sample_views(views: Sequence[View]) -> Samples:
    """Take surface points of every view, evenly over its picture."""
    points, rays, spacing, owner = [], [], [], []
    for index, view in enumerate(views):
        height, width = view.depth.shape
        rows = np.linspace(0, height - 1, min(_SAMPLES[0], height)).round().astype(int)
        columns = np.linspace(0, width - 1, min(_SAMPLES[1], width)).round().astype(int)
        local = unproject(view.depth, view.intrinsics.K)[np.ix_(rows, columns)].reshape(-1, 3)
        local = local[np.isfinite(local).all(axis=1)]
        ray = local @ view.T_map_cam[:3, :3].T
        points.append(ray + view.T_map_cam[:3, 3])
        rays.append(ray / np.linalg.norm(ray, axis=1, keepdims=True))
        spacing.append(local[:, 2] / view.intrinsics.fx)
        owner.append(np.full(len(local), index))
    return Samples(np.concatenate(points), np.concatenate(rays), np.concatenate(spacing),
                   np.concatenate(owner), len(views))


def rate_views(samples: Samples, T_map_cam: F64, intrinsics: Intrinsics) -> F64:
    """
    Rate what every view can show in every cell of a picture.

    :returns: (views, cells) float64, 0 nothing .. 1 as sharp as needed, seen from the same side.
    """
    pixels, depth = project(samples.points, intrinsics.K, invert_rigid(T_map_cam))
    # NaN (behind the camera) compares false.
    with np.errstate(invalid='ignore'):
        inside = ((pixels >= -0.5) & (pixels < (intrinsics.width - 0.5, intrinsics.height - 0.5))
                  ).all(axis=1)
    pixels, depth, owner = pixels[inside], depth[inside], samples.owner[inside]
    row = ((pixels[:, 1] + 0.5) * (_CELLS[0] / intrinsics.height)).astype(int)
    column = ((pixels[:, 0] + 0.5) * (_CELLS[1] / intrinsics.width)).astype(int)
    cell = row * _CELLS[1] + column
    cells = _CELLS[0] * _CELLS[1]
    nearest = np.full(cells, np.inf)
    np.minimum.at(nearest, cell, depth)

    sharpness = np.minimum(depth / intrinsics.fx / samples.spacing[inside], 1.0)
    to_point = samples.points[inside] - T_map_cam[:3, 3]
    to_point /= np.linalg.norm(to_point, axis=1, keepdims=True)
    alike = np.clip((to_point * samples.rays[inside]).sum(axis=1), 0.05, 1.0)
    value = np.where(depth <= nearest[cell] * _HIDDEN, sharpness * alike, 0.0)
    rating = np.zeros((samples.count, cells))
    np.maximum.at(rating, (owner, cell), value)
    return rating


def choose_views(rating: F64, most: int) -> list[int]:
    """
    Choose the views to render and rank them.

    :param rating: (views, cells) of `rate_views`.
    :param most: how many at most.
    :returns: view indices, the one that shows its part best first; empty if none shows anything.
    """
    best = np.zeros(rating.shape[1])
    chosen: list[int] = []
    while len(chosen) < most:
        gain = np.maximum(rating - best, 0.0).sum(axis=1)
        index = int(gain.argmax())
        if gain[index] < _WORTH * rating.shape[1]:
            break
        chosen.append(index)
        best = np.maximum(best, rating[index])
    shown = (rating > 0.0).sum(axis=1)
    quality = rating.sum(axis=1) / np.maximum(shown, 1)
    return sorted(chosen, key=lambda index: (-quality[index], index))
