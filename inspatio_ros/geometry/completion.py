# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Guess what a depth map does not know from what it knows, without crossing edges of the picture.

Known inverse depths spread along rows and columns and fade with distance and with every step of
colour: the recursive filter of Gastal and Oliveira (Domain transform for edge-aware image and
video processing, SIGGRAPH 2011), normalised by the share of known pixels that arrives.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .kernel import kernel

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
U8 = npt.NDArray[np.uint8]

# How far knowledge reaches over an even surface, pixels; halved in every pass.
_REACH = 60.0
_PASSES = 3
# A step of all colours by this many levels counts like a pixel per level of it: an edge of 100
# levels is as far as 100 * _REACH / _EDGE pixels.
_EDGE = 20.0


@kernel()
def _distances(rgb: U8, along: F32, down: F32) -> None:
    """Write how far apart neighbours are: one pixel, and more for a step of colour."""
    height, width = along.shape
    for v in range(height):
        for u in range(width):
            for k, (j, i) in enumerate(((v, max(u - 1, 0)), (max(v - 1, 0), u))):
                step = 0.0
                for c in range(3):
                    step += abs(float(rgb[v, u, c]) - float(rgb[j, i, c]))
                distance = np.float32(1.0 + _REACH / _EDGE * step / 3.0)
                if k == 0:
                    along[v, u] = distance
                else:
                    down[v, u] = distance


@kernel()
def _spread(values: F64, weights: F64, distance: F32, reach: Any) -> None:
    """Filter every row forwards and backwards, in place."""
    height, width = values.shape
    for v in range(height):
        for u in range(1, width):
            a = np.exp(-distance[v, u] / reach)
            values[v, u] += a * (values[v, u - 1] - values[v, u])
            weights[v, u] += a * (weights[v, u - 1] - weights[v, u])
        for u in range(width - 2, -1, -1):
            a = np.exp(-distance[v, u + 1] / reach)
            values[v, u] += a * (values[v, u + 1] - values[v, u])
            weights[v, u] += a * (weights[v, u + 1] - weights[v, u])


def complete(rgb: U8, inverse_HW: F32) -> F32:
    """
    Fill the unknown pixels of a map of inverse depth.

    :param rgb: (H, W, 3) uint8, the picture.
    :param inverse_HW: (H, W) float32 inverse depth, 1/m; NaN unknown.
    :returns: a copy without NaN, known pixels unchanged; all NaN if nothing is known.
    """
    known = ~np.isnan(inverse_HW)
    weights = known.astype(np.float64)
    values = np.where(known, inverse_HW, 0.0).astype(np.float64)
    along, down = np.empty_like(inverse_HW), np.empty_like(inverse_HW)
    _distances(rgb, along, down)
    down = np.ascontiguousarray(down.T)
    for number in range(_PASSES):
        reach = _REACH * 0.5 ** number
        _spread(values, weights, along, reach)
        values, weights = np.ascontiguousarray(values.T), np.ascontiguousarray(weights.T)
        _spread(values, weights, down, reach)
        values, weights = np.ascontiguousarray(values.T), np.ascontiguousarray(weights.T)
    with np.errstate(invalid='ignore', divide='ignore'):
        guess = (values / weights).astype(np.float32)
    return np.where(known, inverse_HW, guess)
