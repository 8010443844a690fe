# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What posed RGB-D views say about each other: votes on points, and a common picture.

A point of one view is contradicted by another view that looks through the place where it should
be, and supported by one that sees it there in the same colour. A view that sees something nearer
says nothing. Nearness to a depth edge never counts as a contradiction: all pixels around have to
agree on it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .kernel import kernel

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
U8 = npt.NDArray[np.uint8]

_SILENT, _SUPPORTS, _CONTRADICTS = 0, 1, 2
# Most views that `fuse` takes.
MOST_FUSED = 32


@kernel(inline='always')
def _transfer(P: F64, u: int, v: int, disparity: Any) -> Any:
    """Return position and inverse depth of a pixel in another camera."""
    q = P[2, 0] * u + P[2, 1] * v + P[2, 2] + disparity * P[2, 3]
    if not q > 0.0:
        return -1.0, -1.0, -1.0
    return ((P[0, 0] * u + P[0, 1] * v + P[0, 2] + disparity * P[0, 3]) / q,
            (P[1, 0] * u + P[1, 1] * v + P[1, 2] + disparity * P[1, 3]) / q, disparity / q)


@kernel()
def _is_like(rgb: U8, other: U8, gain: F64, row: int, column: int, tolerance: float) -> bool:
    """Return whether a colour (3,) lies in the range of the colours around a pixel of another."""
    near = True
    for c in range(3):
        near &= abs(gain[c] * other[row, column, c] - rgb[c]) <= tolerance
    if near:
        return True
    for c in range(3):
        low, high = 255.0, 0.0
        for dv in range(-1, 2):
            for du in range(-1, 2):
                value = gain[c] * other[row + dv, column + du, c]
                low, high = min(low, value), max(high, value)
        if not low - tolerance <= rgb[c] <= high + tolerance:
            return False
    return True


@kernel()
def _verdict(w: float, rgb: U8, other_disparity: F32, other_rgb: U8, gain: F64, row: int,
             column: int, depth_tolerance: float, colour_tolerance: float) -> int:
    """Return what another view says of a point that it should see at a pixel."""
    there, before = False, False
    for dv in range(-1, 2):
        for du in range(-1, 2):
            d = other_disparity[row + dv, column + du]
            there |= abs(d - w) <= depth_tolerance * w
            before |= d > w * (1.0 + depth_tolerance)
    if there:
        alike = _is_like(rgb, other_rgb, gain, row, column, colour_tolerance)
        return _SUPPORTS if alike else _SILENT
    return _CONTRADICTS if other_disparity[row, column] > 0.0 and not before else _SILENT


@kernel()
def _vote(disparity: F32, rgb: U8, P: F64, other_disparity: F32, other_rgb: U8, gain: F64,
          depth_tolerance: float, colour_tolerance: float, clearly: float, support: U8,
          against: U8, clear: U8, heard: U8) -> None:
    """Add the votes of another view; arguments as in `vote`."""
    height, width = other_disparity.shape
    for v in range(disparity.shape[0]):
        for u in range(disparity.shape[1]):
            if not disparity[v, u] > 0.0:
                continue
            x, y, w = _transfer(P, u, v, disparity[v, u])
            if not (w > 0.0 and 1.0 <= x < width - 2.0 and 1.0 <= y < height - 2.0):
                continue
            row, column = int(y + 0.5), int(x + 0.5)
            said = _verdict(w, rgb[v, u], other_disparity, other_rgb, gain, row, column,
                            depth_tolerance, colour_tolerance)
            found = other_disparity[row, column]
            heard[v, u] += found > 0.0
            support[v, u] += said == _SUPPORTS
            against[v, u] += said == _CONTRADICTS
            clear[v, u] += said == _CONTRADICTS and found < w * (1.0 - clearly)


def vote(disparity: F32, rgb: U8, P: F64, other_disparity: F32, other_rgb: U8, gain: F64,
         support: U8, against: U8, clear: U8, heard: U8, depth_tolerance: float = 0.05,
         colour_tolerance: float = 20.0, clearly: float = 0.2) -> None:
    """
    Let another view vote on every point of a view.

    :param disparity: (H, W) float32 inverse depth of the view, 1/m; NaN = no vote.
    :param rgb: (H, W, 3) uint8.
    :param P: (3, 4) of `camera.pixel_transfer`, view to other view.
    :param other_disparity: (h, w) float32 of the other view; NaN = says nothing.
    :param other_rgb: (h, w, 3) uint8.
    :param gain: (3,) brightness of the view over that of the other.
    :param support, against: (H, W) uint8, are raised by one where the other view says so.
    :param clear: (H, W) uint8, likewise for those against that see far beyond.
    :param heard: (H, W) uint8, is raised by one where the other view knows any depth.
    :param depth_tolerance: relative difference of depth that is still one surface.
    :param colour_tolerance: how far a colour may lie outside those around the pixel, 0..255.
    :param clearly: relative difference of inverse depth from which on one sees far beyond.
    """
    _vote(disparity, rgb, P, other_disparity, other_rgb, gain, depth_tolerance, colour_tolerance,
          clearly, support, against, clear, heard)


@kernel()
def _common_colours(disparity: F32, rgb: U8, P: F64, other_disparity: F32, other_rgb: U8,
                    step: int, tolerance: float, pairs: F32) -> int:
    """Write colours (6) of points that both views see; return how many."""
    height, width = other_disparity.shape
    count = 0
    for v in range(0, disparity.shape[0], step):
        for u in range(0, disparity.shape[1], step):
            if not disparity[v, u] > 0.0:
                continue
            x, y, w = _transfer(P, u, v, disparity[v, u])
            if not (w > 0.0 and 0.0 <= x < width - 1.0 and 0.0 <= y < height - 1.0):
                continue
            row, column = int(y + 0.5), int(x + 0.5)
            if abs(other_disparity[row, column] - w) <= tolerance * w:
                for c in range(3):
                    pairs[count, c] = rgb[v, u, c]
                    pairs[count, 3 + c] = other_rgb[row, column, c]
                count += 1
    return count


def brightness_gain(disparity: F32, rgb: U8, P: F64, other_disparity: F32, other_rgb: U8,
                    step: int = 6, tolerance: float = 0.05) -> F64:
    """
    Return how much brighter a view is than another, by the points that both see.

    :returns: (3,) per channel; 1 where too few are seen. Other arguments as in `vote`.
    """
    rows, columns = (-(-length // step) for length in disparity.shape)
    pairs = np.empty((rows * columns, 6), np.float32)
    count = _common_colours(disparity, rgb, P, other_disparity, other_rgb, step, tolerance, pairs)
    if count < 50:
        return np.ones(3)
    # A little is added: in the dark a ratio is all noise.
    ratio = np.median((pairs[:count, :3] + 8.0) / (pairs[:count, 3:] + 8.0), axis=0)
    return np.clip(ratio, 0.33, 3.0).astype(np.float64)


@kernel()
def _fuse(disparities: F32, colours: U8, tolerance: float, disparity: F32, rgb: U8,
          count: U8) -> None:
    """Fill the pictures that `fuse` returns."""
    views = disparities.shape[0]
    value = np.empty(views, np.float32)
    which = np.empty(views, np.int64)
    shade = np.zeros(views, np.int32)
    for v in range(disparities.shape[1]):
        for u in range(disparities.shape[2]):
            known = 0
            for k in range(views):
                d = disparities[k, v, u]
                if d > 0.0:
                    # Insertion: nearest first.
                    at = known
                    while at > 0 and value[at - 1] < d:
                        value[at], which[at] = value[at - 1], which[at - 1]
                        at -= 1
                    value[at], which[at] = d, k
                    known += 1
            begin, members = 0, 0
            for start in range(known):
                end = start
                while end < known and value[end] >= value[start] * (1.0 - tolerance):
                    end += 1
                if end - start >= min(2, known):
                    begin, members = start, end - start
                    break
            if members == 0 and known > 0:
                # All differ: what is farthest is least likely to have passed by.
                begin, members = known - 1, 1
            count[v, u] = members
            disparity[v, u] = value[begin + members // 2] if members else 0.0
            # Without members the shade of the pixel before stays: nobody looks at it.
            for c in range(3):
                for m in range(members):
                    at, tone = m, colours[which[begin + m], v, u, c]
                    while at > 0 and shade[at - 1] > tone:
                        shade[at] = shade[at - 1]
                        at -= 1
                    shade[at] = tone
                rgb[v, u, c] = (shade[members // 2] + shade[(members - 1) // 2] + 1) // 2


def fuse(disparities: F32, colours: U8, tolerance: float = 0.05) -> tuple[F32, U8, U8]:
    """
    Make one picture of several of the same camera.

    A pixel shows the nearest surface that at least two of them see: what only one has seen there
    has passed by, and what only some see is behind what they do not see from where they were.

    :param disparities: (K, H, W) float32 inverse depth, 1/m; 0 or NaN unknown.
    :param colours: (K, H, W, 3) uint8.
    :param tolerance: relative difference of inverse depth that is still one surface.
    :returns: inverse depth (H, W) float32, 0 where none knows any; colour (H, W, 3) uint8, the
        median of those that see the surface; how many these are (H, W) uint8.
    :raises ValueError: more than MOST_FUSED pictures.
    """
    if not 0 < len(disparities) <= MOST_FUSED:
        raise ValueError(f'1 to {MOST_FUSED} pictures can be fused, got {len(disparities)}')
    size = disparities.shape[1:]
    disparity, count = np.empty(size, np.float32), np.empty(size, np.uint8)
    rgb = np.empty((*size, 3), np.uint8)
    _fuse(disparities, colours, tolerance, disparity, rgb, count)
    return disparity, rgb, count
