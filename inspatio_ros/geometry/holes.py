# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Filling what no view has seen, by extending the far side of each hole (numba).

A hole opens where the camera comes out from behind something near, so what is missing belongs to
whatever lies behind. This is the pull-push interpolation of Gortler et al. (The Lumigraph,
SIGGRAPH 1996) with one change: wherever values of several surfaces meet, only the farthest one
goes on. Known pixels are never changed. The torch twin is `warp.fill_holes`.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt

from .kernel import kernel, Run, run_serial, split

F32 = npt.NDArray[np.float32]
U8 = npt.NDArray[np.uint8]

_ZERO, _HALF, _ONE = np.float32(0.0), np.float32(0.5), np.float32(1.0)
# Inverse depths up to this factor over the smallest belong to the far side.
FAR_SIDE = 1.2
_FAR_SIDE = np.float32(FAR_SIDE)


@kernel()
def pull_image(rgb: U8, disparity: F32, first: int, last: int, coarse: F32) -> None:
    """
    Halve a picture: each coarse pixel is the mean of the far side of its four fine ones.

    :param rgb: (h, w, 3) uint8.
    :param disparity: (h, w) float32, 0 where unknown.
    :param first, last: rows of `coarse`.
    :param coarse: (ceil(h / 2), ceil(w / 2), 4) float32, receives r, g, b and inverse depth, 0
        where unknown.
    """
    height, width = disparity.shape
    for j in range(first, last):
        j0, j1 = 2 * j, min(2 * j + 1, height - 1)
        for i in range(coarse.shape[1]):
            i0, i1 = 2 * i, min(2 * i + 1, width - 1)
            a, b = disparity[j0, i0], disparity[j0, i1]
            c, d = disparity[j1, i0], disparity[j1, i1]
            far = np.float32(np.inf)
            for w in (a, b, c, d):
                if w > _ZERO:
                    far = min(far, w)
            limit = far * _FAR_SIDE
            total = _ZERO
            red, green, blue, sum_w = _ZERO, _ZERO, _ZERO, _ZERO
            for jj, ii, w in ((j0, i0, a), (j0, i1, b), (j1, i0, c), (j1, i1, d)):
                if _ZERO < w <= limit:
                    total += _ONE
                    red += rgb[jj, ii, 0]
                    green += rgb[jj, ii, 1]
                    blue += rgb[jj, ii, 2]
                    sum_w += w
            scale = _ONE / total if total > _ZERO else _ZERO
            coarse[j, i, 0] = red * scale
            coarse[j, i, 1] = green * scale
            coarse[j, i, 2] = blue * scale
            coarse[j, i, 3] = sum_w * scale


@kernel()
def pull_level(fine: F32, coarse: F32) -> None:
    """Halve a level of the pyramid, as `pull_image` does."""
    height, width = fine.shape[:2]
    for j in range(coarse.shape[0]):
        j0, j1 = 2 * j, min(2 * j + 1, height - 1)
        for i in range(coarse.shape[1]):
            i0, i1 = 2 * i, min(2 * i + 1, width - 1)
            far = np.float32(np.inf)
            for jj, ii in ((j0, i0), (j0, i1), (j1, i0), (j1, i1)):
                if fine[jj, ii, 3] > _ZERO:
                    far = min(far, fine[jj, ii, 3])
            limit = far * _FAR_SIDE
            total = _ZERO
            coarse[j, i, :] = _ZERO
            for jj, ii in ((j0, i0), (j0, i1), (j1, i0), (j1, i1)):
                if _ZERO < fine[jj, ii, 3] <= limit:
                    total += _ONE
                    for c in range(4):
                        coarse[j, i, c] += fine[jj, ii, c]
            if total > _ZERO:
                for c in range(4):
                    coarse[j, i, c] /= total


@kernel(inline='always')
def _interpolate(coarse: F32, j: int, i: int, out: F32) -> None:
    """Interpolate fine pixel (j, i) between the four nearest coarse ones, far side only."""
    height, width = coarse.shape[:2]
    j0, i0 = j >> 1, i >> 1
    j1 = min(max(j0 + (1 if j & 1 else -1), 0), height - 1)
    i1 = min(max(i0 + (1 if i & 1 else -1), 0), width - 1)
    far = np.float32(np.inf)
    for jj, ii in ((j0, i0), (j0, i1), (j1, i0), (j1, i1)):
        if coarse[jj, ii, 3] > _ZERO:
            far = min(far, coarse[jj, ii, 3])
    limit = far * _FAR_SIDE
    total = _ZERO
    out[:] = _ZERO
    for jj, ii, weight in ((j0, i0, np.float32(9)), (j0, i1, np.float32(3)),
                           (j1, i0, np.float32(3)), (j1, i1, _ONE)):
        if _ZERO < coarse[jj, ii, 3] <= limit:
            total += weight
            for c in range(4):
                out[c] += weight * coarse[jj, ii, c]
    if total > _ZERO:
        for c in range(4):
            out[c] /= total


@kernel()
def push_level(coarse: F32, fine: F32) -> None:
    """Fill the unknown pixels of a level from the next coarser one."""
    for j in range(fine.shape[0]):
        for i in range(fine.shape[1]):
            if fine[j, i, 3] == _ZERO:
                _interpolate(coarse, j, i, fine[j, i])


@kernel()
def push_image(coarse: F32, first: int, last: int, rgb: U8, disparity: F32,
               filled: F32) -> None:
    """
    Fill the unknown pixels of rows first..last - 1 of the picture.

    :param coarse: (ceil(h / 2), ceil(w / 2), 4) float32.
    :param rgb: (h, w, 3) uint8, written where disparity is 0.
    :param disparity: (h, w) float32, 0 where unknown.
    :param filled: (h, w) float32, receives inverse depth everywhere.
    """
    pixel = np.empty(4, np.float32)
    for j in range(first, last):
        for i in range(disparity.shape[1]):
            w = disparity[j, i]
            filled[j, i] = w
            if w == _ZERO:
                _interpolate(coarse, j, i, pixel)
                filled[j, i] = pixel[3]
                for c in range(3):
                    rgb[j, i, c] = np.uint8(pixel[c] + _HALF)


def fill_holes(rgb: U8, disparity: F32, bands: int = 1, run: Run = run_serial) -> F32:
    """
    Fill unknown pixels of a rendered view, in place.

    :param rgb: (h, w, 3) uint8; pixels with unknown depth are written, black if nothing is known.
    :param disparity: (h, w) float32, 1/m; 0 where unknown. Not changed.
    :param bands: how many pieces the work is cut into.
    :param run: runs the pieces, by default one after the other.
    :returns: (h, w) float32 inverse depth with the holes filled.
    """
    height, width = disparity.shape
    levels = []
    while height > 1 or width > 1:
        height, width = (height + 1) // 2, (width + 1) // 2
        levels.append(np.empty((height, width, 4), np.float32))
    if not levels:
        return disparity.copy()
    run([partial(pull_image, rgb, disparity, *rows, levels[0])
         for rows in split(levels[0].shape[0], bands)])
    for fine, coarse in zip(levels[:-1], levels[1:]):
        pull_level(fine, coarse)
    for fine, coarse in zip(levels[-2::-1], levels[:0:-1]):
        push_level(coarse, fine)
    filled = np.empty(disparity.shape, np.float32)
    run([partial(push_image, levels[0], *rows, rgb, disparity, filled)
         for rows in split(disparity.shape[0], bands)])
    return filled
