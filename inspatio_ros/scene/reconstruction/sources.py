# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which other pictures the depth of a picture is best measured with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inspatio_ros.contracts import F32, F64
from inspatio_ros.geometry.camera import project
from inspatio_ros.motion.transforms import inverse
from inspatio_ros.scene.reconstruction.structure import Structure
import numpy as np
import numpy.typing as npt

# The angle between two rays that measures depth best: wider measures finer, but looks different.
_BEST_ANGLE_DEG = 6.0
_NARROW_DEG, _WIDE_DEG = 3.0, 10.0
# A picture is judged by a grid of so many pixels across and down.
_GRID = (16, 12)
# How much nearer than the sparse points say something may be.
_NEARER = 1.0 / 3.0


def choose_sources(structure: Structure, picture: int, points: F64, others: Sequence[int],
                   count: int, enough: float) -> list[int]:
    """
    Choose pictures that see all of one picture, from a little aside.

    One after the other: always the one that adds most to what is not yet seen well enough.

    :param picture: whose depth is wanted.
    :param points: (n, 3) float64, world, where its pixels lie or may lie.
    :param others: what can be chosen, all with a pose.
    :param count: how many at most.
    :param enough: how often a point wants to be seen; a neighbour at a poor angle is worth less.
    :returns: the chosen ones, best first; fewer where no other sees anything of it.
    """
    worth = {other: _worth(structure, points, picture, other) for other in others
             if other != picture}
    covered = np.zeros(len(points))
    chosen: list[int] = []
    while worth and len(chosen) < count:
        gains = {other: float((np.minimum(covered + value, enough) - covered).sum())
                 for other, value in worth.items()}
        best = max(gains, key=lambda other: (gains[other], -other))
        if gains[best] <= 0.0:
            break
        covered = np.minimum(covered + worth.pop(best), enough)
        chosen.append(best)
    return chosen


def likely_points(structure: Structure, picture: int) -> F64:
    """
    Return where the pixels of a grid may lie.

    That is as far as the nearest sparse point in the picture, or much nearer: what passes close to
    the camera often has no points of its own, and is seen well by close neighbours only.

    :returns: (n, 3) float64, world; none if the picture has no points.
    """
    pixels, depths = structure.depths_of(picture)
    if len(depths) == 0:
        return np.zeros((0, 3))
    grid = _grid(structure)
    nearest = np.linalg.norm(grid[:, None] - pixels[None], axis=2).argmin(axis=1)
    return np.concatenate([_placed(structure, picture, grid, share * depths[nearest])
                           for share in (1.0, _NEARER)])


def measured_points(structure: Structure, picture: int, inverse_HW: F32) -> F64:
    """
    Return where the pixels of a grid lie by a map.

    :param inverse_HW: (H, W) float32 inverse depth; NaN unknown.
    :returns: (n, 3) float64, world; of the known ones.
    """
    grid = np.rint(_grid(structure)).astype(np.int64)
    inverse_depth = inverse_HW[grid[:, 1], grid[:, 0]].astype(np.float64)
    known = inverse_depth > 0.0
    return _placed(structure, picture, grid[known], 1.0 / inverse_depth[known])


def _grid(structure: Structure) -> F64:
    camera = structure.intrinsics
    u, v = np.meshgrid(*((np.arange(n) + 0.5) / n for n in _GRID))
    return np.stack((u.ravel() * camera.width - 0.5, v.ravel() * camera.height - 0.5), axis=1)


def _placed(structure: Structure, picture: int, pixels: npt.NDArray[Any], depths: F64) -> F64:
    """Return the world points of pixels at their depths."""
    K_inverse = np.linalg.inv(structure.intrinsics.K)
    rays = np.concatenate((pixels, np.ones((len(pixels), 1))), axis=1) @ K_inverse.T
    T_world_cam = structure.T_world_cam[picture]
    points: F64 = (rays * depths[:, None]) @ T_world_cam[:3, :3].T + T_world_cam[:3, 3]
    return points


def _worth(structure: Structure, points: F64, picture: int, other: int) -> F64:
    """Return 0..1 for each point of a picture: how well another picture measures it."""
    camera = structure.intrinsics
    pixels, z = project(points, camera.K, inverse(structure.T_world_cam[other]))
    limit = (camera.width - 0.5, camera.height - 0.5)
    with np.errstate(invalid='ignore'):
        seen = (z > 0.0) & (pixels > -0.5).all(axis=1) & (pixels < limit).all(axis=1)
    rays = [points - structure.T_world_cam[it, :3, 3] for it in (picture, other)]
    cosine = (rays[0] * rays[1]).sum(axis=1) / (np.linalg.norm(rays[0], axis=1)
                                                * np.linalg.norm(rays[1], axis=1))
    off = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))) - _BEST_ANGLE_DEG
    width = np.where(off < 0.0, _NARROW_DEG, _WIDE_DEG)
    worth: F64 = seen * np.exp(-0.5 * (off / width) ** 2)
    return worth
