# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Which depths of a map are confirmed by the maps of its neighbours (numba).

A point is confirmed by a neighbour whose own map, made from other pictures, has it at the same
place. That is the left-right check of stereo, for any number of cameras.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .kernel import kernel

F32 = npt.NDArray[np.float32]
U8 = npt.NDArray[np.uint8]

_ZERO, _HALF = np.float32(0.0), np.float32(0.5)


@kernel()
def confirm_rows(inverse: F32, others: F32, P: F32, tolerance: np.float32, first: int, last: int,
                 votes: U8, fused: F32) -> None:
    """
    Count who confirms the pixels of rows first..last - 1, and take the mean with them.

    :param inverse: (H, W) float32 inverse depth, 1/m; NaN unknown.
    :param others: (S, H, W) float32 inverse depth of the neighbours.
    :param P: (S, 3, 4) float32 of `camera.pixel_transfer`, this camera to the neighbours.
    :param tolerance: relative difference of inverse depth up to which two maps agree.
    :param votes: (H, W) uint8, receives how many neighbours confirm.
    :param fused: (H, W) float32, receives the mean of this map and those that confirm it, 1/m.
    """
    for v in range(first, last):
        for u in range(inverse.shape[1]):
            d = inverse[v, u]
            total, count = d, 0
            for k in range(others.shape[0]):
                ratio = _confirmed_ratio(others[k], P[k], np.float32(v), np.float32(u), d,
                                         tolerance)
                if ratio > _ZERO:
                    total += d * ratio
                    count += 1
            votes[v, u] = count
            fused[v, u] = total / np.float32(count + 1)


@kernel(inline='always')
def _confirmed_ratio(other: F32, P: F32, v: Any, u: Any, d: Any, tolerance: Any) -> Any:
    """Return inverse depth that a neighbour has over what it should have; 0 if it differs."""
    z = P[2, 0] * u + P[2, 1] * v + P[2, 2] + d * P[2, 3]
    if not z > _ZERO:
        return _ZERO
    x = (P[0, 0] * u + P[0, 1] * v + P[0, 2] + d * P[0, 3]) / z
    y = (P[1, 0] * u + P[1, 1] * v + P[1, 2] + d * P[1, 3]) / z
    i, j = np.int64(np.floor(x + _HALF)), np.int64(np.floor(y + _HALF))
    if i < 0 or j < 0 or i >= other.shape[1] or j >= other.shape[0]:
        return _ZERO
    ratio = other[j, i] * z / d
    return ratio if abs(ratio - np.float32(1.0)) <= tolerance else _ZERO
