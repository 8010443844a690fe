# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which views of a recording see the same things, and which few of them see it all."""

from __future__ import annotations

from collections.abc import Sequence

from inspatio_ros.contracts import F32, F64
from inspatio_ros.geometry.camera import invert_rigid, unproject
from inspatio_ros.geometry.kernel import kernel
from inspatio_ros.scene.scene import View
import numpy as np

_SAMPLES = (12, 16)    # of a view: rows, columns
_DEPTH_TOLERANCE = 0.1
# A view that shows a thing this much coarser does not stand for the one that shows it finely.
_COARSER = 1.4
# Two views with so small a share of points in common have nothing to say about each other.
LEAST_SHARED = 0.25


@kernel()
def _count_seen(points: F64, T_cam_world: F64, K: F64, depth: F32, own_depth: F64,
                own_focal: F64, coarser: float, tolerance: float, seen: F32) -> None:
    """Write 1 for the points that a camera sees, about as sharply as their own did, else 0."""
    height, width = depth.shape
    R = T_cam_world[:3, :3].copy()
    for p in range(points.shape[0]):
        x = R @ points[p] + T_cam_world[:3, 3]
        seen[p] = 0.0
        if not x[2] > 0.0:
            continue
        u, v = K[0, 0] * x[0] / x[2] + K[0, 2], K[1, 1] * x[1] / x[2] + K[1, 2]
        if not (-0.5 <= u < width - 0.5 and -0.5 <= v < height - 0.5):
            continue
        found = depth[int(v + 0.5), int(u + 0.5)]
        sharp = x[2] / K[0, 0] <= coarser * own_depth[p] / own_focal[p]
        seen[p] = sharp and abs(found - x[2]) <= tolerance * x[2]


class Overlap:
    """
    What each of some views sees of the others.

    :param views: posed views; only depth that was measured counts.
    """

    def __init__(self, views: Sequence[View]) -> None:
        parts = [_sampled(view) for view in views]
        points = np.concatenate([part[0] for part in parts])
        depth = np.concatenate([part[1] for part in parts])
        focal = np.concatenate([np.full(len(part[1]), view.intrinsics.fx)
                                for part, view in zip(parts, views)])
        self._owner = np.repeat(np.arange(len(views)), [len(part[1]) for part in parts])
        self._seen = np.empty((len(views), len(points)), np.float32)
        for index, view in enumerate(views):
            known = np.where(view.measured(), view.depth, np.float32(np.nan))
            _count_seen(points, invert_rigid(view.T_map_cam), view.intrinsics.K, known, depth,
                        focal, _COARSER, _DEPTH_TOLERANCE, self._seen[index])

    def shared(self) -> F64:
        """Return (N, N): the share of the points of the column that the row sees."""
        count = len(self._seen)
        total = np.maximum(np.bincount(self._owner, minlength=count), 1)
        return np.stack([np.bincount(self._owner, row, count) for row in self._seen]) / total

    def covering(self, most: int, enough: float = 0.995) -> list[int]:
        """
        Choose views that together see what all of them see.

        :param most: how many at most.
        :param enough: share of all points at which to stop.
        :returns: indices, in order; at least one.
        """
        open_points = self._seen.max(axis=0, initial=0.0)
        total = float(open_points.sum())
        chosen: list[int] = []
        while len(chosen) < min(most, len(self._seen)):
            gain = self._seen @ open_points
            gain[chosen] = -1.0
            best = int(gain.argmax())
            chosen.append(best)
            open_points *= 1.0 - self._seen[best]
            if open_points.sum() <= (1.0 - enough) * total:
                break
        return sorted(chosen)


def _sampled(view: View) -> tuple[F64, F64]:
    """Return measured points of a view, evenly over it, in map, and their depth there."""
    height, width = view.depth.shape
    rows = np.linspace(0, height - 1, min(_SAMPLES[0], height)).round().astype(int)
    columns = np.linspace(0, width - 1, min(_SAMPLES[1], width)).round().astype(int)
    grid = np.ix_(rows, columns)
    depth = np.where(view.measured()[grid], view.depth[grid], np.float32(np.nan))
    local = unproject(depth, view.intrinsics.K, rows, columns).reshape(-1, 3)
    local = local[np.isfinite(local).all(axis=-1)]
    return local @ view.T_map_cam[:3, :3].T + view.T_map_cam[:3, 3], local[:, 2].copy()


def spread(shared: F64, index: int, most: int, least: float = LEAST_SHARED) -> list[int]:
    """
    Choose views to judge a view by: of those that see the same, some from all of the time.

    :param shared: of `Overlap.shared`.
    :param index: the view that is judged.
    :param most: how many at most.
    :param least: share of its points that a view has to see.
    :returns: indices without `index`, in order; empty if no other sees enough of it.
    """
    near = [int(k) for k in np.flatnonzero(shared[:, index] >= least) if k != index]
    if len(near) <= most:
        return near
    return [near[round(k)] for k in np.linspace(0, len(near) - 1, most)]
