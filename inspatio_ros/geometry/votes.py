# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What depth pictures say of the space that they look through: each of them votes on every box of it.

The space is cut into upright boxes, layers of a horizontal grid. A picture has met something in a
box if a part of the pixels that cover it end there (a few are noise), or if the ray through its
middle does (far away, points lie farther apart than boxes). If that ray goes on beyond the box,
the picture has looked through it; if it ends before the box, the box is hidden. The lowest layer
is the ground, which is mostly seen at so flat an angle that the next pixel is metres away: one
pixel meets it, and a picture has looked through it only where it shows something underneath.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .camera import invert_rigid
from .kernel import kernel, Run, run_serial, split

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
U16 = npt.NDArray[np.uint16]
U32 = npt.NDArray[np.uint32]

# A camera says nothing of boxes whose middle is nearer, metres along its axis.
_NEAREST_M = 1e-2
# This share of the pixels that cover a box makes something of it: a post of a fifth of its width
# does, what noise puts there from a wall 1.5 standard deviations away does not.
_COVERED = 1.0 / 16.0
_NOTHING, _MET, _PASSED, _HIDDEN = 0, 1, 2, 3


class Boxes(NamedTuple):
    """A space that is cut into boxes; those of a layer are equally high."""

    x_m: float      # of the corner of the first box of a row
    y_m: float      # and of a column
    side_m: float
    rows: int       # along y
    columns: int    # along x
    edges_m: F64    # (L + 1,) heights between which the layers lie, ascending

    @property
    def layers(self) -> int:
        """Return how many layers there are."""
        return len(self.edges_m) - 1


class Votes(NamedTuple):
    """How many pictures say what of each box; all (L, rows, columns)."""

    met: U16      # something is in it
    passed: U16   # they look through it
    hidden: U16   # something is before it

    @staticmethod
    def of_nobody(boxes: Boxes) -> Votes:
        """Return votes that are still to be cast."""
        shape = (boxes.layers, boxes.rows, boxes.columns)
        return Votes(*(np.zeros(shape, np.uint16) for _ in Votes._fields))


@kernel()
def _layer_of(edges: F64, z: float) -> int:
    """Return the layer that a height lies in, -1 if in none."""
    if not edges[0] <= z <= edges[-1]:
        return -1
    layer = 0
    while layer < len(edges) - 2 and z > edges[layer + 1]:
        layer += 1
    return layer


@kernel()
def _point(ray: F64, eye: F64, u: int, v: int, depth: float) -> Any:
    """Return what a pixel shows, in the world."""
    return (eye[0] + depth * (ray[0, 0] * u + ray[0, 1] * v + ray[0, 2]),
            eye[1] + depth * (ray[1, 0] * u + ray[1, 1] * v + ray[1, 2]),
            eye[2] + depth * (ray[2, 0] * u + ray[2, 1] * v + ray[2, 2]))


@kernel()
def _reach(depth: F32, ray: F64, eye: F64, low_z: float, high_z: float) -> Any:
    """Return the bounds in x and y of the points between two heights; empty: inf first."""
    x0, x1, y0, y1 = np.inf, -np.inf, np.inf, -np.inf
    for v in range(depth.shape[0]):
        for u in range(depth.shape[1]):
            if np.isfinite(depth[v, u]):
                x, y, z = _point(ray, eye, u, v, depth[v, u])
                if low_z <= z <= high_z:
                    x0, x1, y0, y1 = min(x0, x), max(x1, x), min(y0, y), max(y1, y)
    return x0, x1, y0, y1


@kernel()
def _count(depth: F32, ray: F64, eye: F64, x_m: float, y_m: float, side: float, edges: F64,
           points: U32) -> None:
    """Count the points in every box; `points` is 0 everywhere before."""
    for v in range(depth.shape[0]):
        for u in range(depth.shape[1]):
            if not np.isfinite(depth[v, u]):
                continue
            x, y, z = _point(ray, eye, u, v, depth[v, u])
            layer = _layer_of(edges, z)
            column, row = int(np.floor((x - x_m) / side)), int(np.floor((y - y_m) / side))
            if layer >= 0 and 0 <= row < points.shape[1] and 0 <= column < points.shape[2]:
                points[layer, row, column] += 1


@kernel()
def _said(depth: F32, farthest: float, focal: float, P: F64, eye: F64, x: float, y: float,
          z: float, half: float, half_z: float, ground: bool, points: int) -> int:
    """
    Return what a picture says of one box.

    :param x, y, z: its middle; `half` and `half_z` are half its sizes.
    :param points: how many end in it.
    """
    height, width = depth.shape
    w = P[2, 0] * x + P[2, 1] * y + P[2, 2] * z + P[2, 3]
    if w < _NEAREST_M:
        return _NOTHING
    pixels = 2.0 * half * focal / w
    if points > 0 and (ground or points >= _COVERED * pixels * pixels):
        return _MET
    u = (P[0, 0] * x + P[0, 1] * y + P[0, 2] * z + P[0, 3]) / w
    v = (P[1, 0] * x + P[1, 1] * y + P[1, 2] * z + P[1, 3]) / w
    if not (-0.5 <= u < width - 0.5 and -0.5 <= v < height - 0.5):
        return _NOTHING
    d = depth[int(np.floor(v + 0.5)), int(np.floor(u + 0.5))]
    if d == np.inf:
        return _PASSED if w < farthest and not ground else _NOTHING
    beyond = d / w - 1.0  # NaN compares false
    if (abs(beyond) * abs(x - eye[0]) <= half and abs(beyond) * abs(y - eye[1]) <= half
            and abs(beyond) * abs(z - eye[2]) <= half_z):
        return _MET
    if beyond < 0.0:
        return _HIDDEN
    under = z + beyond * (z - eye[2]) < z - half_z
    return _PASSED if beyond > 0.0 and (under or not ground) else _NOTHING


@kernel()
def _vote_rows(depth: F32, farthest: float, focal: float, P: F64, eye: F64, x_m: float, y_m: float,
               side: float, edges: F64, points: U32, first: int, last: int, met: U16,
               passed: U16, hidden: U16) -> None:
    """Vote on rows first..last - 1 of all layers; arguments as in `vote`."""
    for layer in range(met.shape[0]):
        z = 0.5 * (edges[layer] + edges[layer + 1])
        half_z = 0.5 * (edges[layer + 1] - edges[layer])
        for row in range(first, last):
            y = y_m + (row + 0.5) * side
            for column in range(met.shape[2]):
                x = x_m + (column + 0.5) * side
                said = _said(depth, farthest, focal, P, eye, x, y, z, 0.5 * side, half_z,
                             layer == 0, points[layer, row, column])
                met[layer, row, column] += said == _MET
                passed[layer, row, column] += said == _PASSED
                hidden[layer, row, column] += said == _HIDDEN


def reach(depth_HW: F32, K: F64, T_world_cam: F64, low_z: float,
          high_z: float) -> tuple[float, float, float, float]:
    """
    Return between which x and y all that a picture shows between two heights lies.

    :param depth_HW: as of `vote`.
    :param low_z, high_z: metres, world.
    :returns: least and greatest x, least and greatest y; inf, -inf, inf, -inf if there is nothing.
    """
    ray = np.ascontiguousarray(T_world_cam[:3, :3] @ np.linalg.inv(K))
    x0, x1, y0, y1 = _reach(depth_HW, ray, T_world_cam[:3, 3].copy(), low_z, high_z)
    return float(x0), float(x1), float(y0), float(y1)


def vote(boxes: Boxes, votes: Votes, depth_HW: F32, K: F64, T_world_cam: F64,
         bands: int = 1, run: Run = run_serial) -> None:
    """
    Add the votes of one picture.

    :param votes: changed in place.
    :param depth_HW: (H, W) float32, metres along +Z; NaN unknown, +inf beyond what it can see:
        that is as far as the farthest that it did see.
    :param K: (3, 3) camera matrix, pixels.
    :param T_world_cam: (4, 4) optical frame to world, z up.
    :param bands: how many pieces the work is cut into.
    :param run: runs the pieces, by default one after the other.
    """
    known = depth_HW[np.isfinite(depth_HW)]
    farthest = float(known.max()) if known.size else 0.0
    focal = float(np.sqrt(K[0, 0] * K[1, 1]))
    ray = np.ascontiguousarray(T_world_cam[:3, :3] @ np.linalg.inv(K))
    eye = T_world_cam[:3, 3].copy()
    P = np.ascontiguousarray(K @ invert_rigid(T_world_cam)[:3])
    points = np.zeros(votes.met.shape, np.uint32)
    space = (boxes.x_m, boxes.y_m, boxes.side_m, boxes.edges_m)
    _count(depth_HW, ray, eye, *space, points)
    run([partial(_vote_rows, depth_HW, farthest, focal, P, eye, *space, points, *rows, *votes)
         for rows in split(boxes.rows, bands)])
