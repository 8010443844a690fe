# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The depth of every pixel from a cost volume, with neighbours that prefer to agree (numba).

Semi-global matching (Hirschmueller, Stereo processing by semiglobal matching and mutual
information, TPAMI 2008): costs are gathered along eight straight paths, where a step of one plane
costs a little and a jump costs more, less where the picture has an edge.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .kernel import kernel

F32 = npt.NDArray[np.float32]
I16 = npt.NDArray[np.int16]
U8 = npt.NDArray[np.uint8]

# Penalties on the scale of `plane_sweep.WORST`: a step of one plane; a jump, which gets cheaper
# with the step of brightness down to the least.
_STEP = 12
_JUMP, _LEAST_JUMP = 160, 60
# Grey levels at which a jump costs half.
_EDGE = 16.0


@kernel(inline='always')
def _jump_penalty(a: Any, b: Any) -> Any:
    return np.int16(max(_JUMP / (1.0 + abs(a - b) / _EDGE), _LEAST_JUMP))


@kernel()
def _extend_path(cost: U8, before: I16, jump: Any, total: I16, here: I16) -> None:
    """
    Carry one path on by one pixel.

    :param cost: (D,) uint8 of the pixel.
    :param before: (D + 2,) int16 path costs of the pixel before, less their minimum; padded by a
        large number on both sides.
    :param total: (D,) int16, the path costs are added to it.
    :param here: (D + 2,) int16, receives the path costs of this pixel, less their minimum.
    """
    planes = cost.shape[0]
    least = np.int16(32767)
    for d in range(planes):
        near = np.int16(min(before[d], before[d + 2]) + np.int16(_STEP))
        value = np.int16(min(min(before[d + 1], near), jump) + np.int16(cost[d]))
        here[d + 1] = value
        least = min(least, value)
    for d in range(planes):
        value = np.int16(here[d + 1] - least)
        here[d + 1] = value
        total[d] += value


@kernel()
def gather_paths(picture: F32, cost: U8, step: int, total: I16) -> None:
    """
    Add four of the eight paths: those that come from behind when the picture is read.

    :param picture: (H, W) float32 grey, 0..255.
    :param cost: (H, W, D) uint8 of `plane_sweep.sweep_rows`.
    :param step: 1 reads from the upper left, -1 from the lower right.
    :param total: (H, W, D) int16.
    """
    height, width, planes = cost.shape
    # Two rows of three paths with a pixel of margin left and right; the fourth runs in the row.
    paths = np.zeros((2, 3, width + 2, planes + 2), np.int16)
    side = np.zeros((2, planes + 2), np.int16)
    paths[:, :, :, 0] = 16000
    paths[:, :, :, planes + 1] = 16000
    side[:, 0] = 16000
    side[:, planes + 1] = 16000
    for row in range(height):
        v = row if step > 0 else height - 1 - row
        now, last = row & 1, (row + 1) & 1
        side[:, 1:planes + 1] = 0
        for column in range(width):
            u = column if step > 0 else width - 1 - column
            c, t = cost[v, u], total[v, u]
            if column > 0:
                jump = _jump_penalty(picture[v, u], picture[v, u - step])
                _extend_path(c, side[(column + 1) & 1], jump, t, side[column & 1])
            else:
                _extend_path(c, side[1], np.int16(0), t, side[0])
            for k in range(3):
                other = u + k - 1
                free = row == 0 or other < 0 or other >= width
                jump = np.int16(0) if free else _jump_penalty(picture[v, u],
                                                              picture[v - step, other])
                _extend_path(c, paths[last, k, other + 1], jump, t, paths[now, k, u + 1])


@kernel()
def pick_rows(total: I16, first: int, last: int, place: F32) -> None:
    """
    Take the best plane of every pixel, between the planes by a parabola.

    :param total: (H, W, D) int16.
    :param place: (H, W) float32, receives the index of the plane, with fraction.
    """
    planes = total.shape[2]
    for v in range(first, last):
        for u in range(total.shape[1]):
            line = total[v, u]
            best = 0
            for d in range(1, planes):
                if line[d] < line[best]:
                    best = d
            place[v, u] = best
            if 0 < best < planes - 1:
                a, b, c = float(line[best - 1]), float(line[best]), float(line[best + 1])
                bend = a - 2.0 * b + c
                if bend > 0.0:
                    place[v, u] = best + 0.5 * (a - c) / bend
