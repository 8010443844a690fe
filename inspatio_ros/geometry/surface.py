# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Which neighbouring pixels of a depth map lie on one surface. Computed once per view.

The warp draws the square between four neighbouring pixel centres as two triangles, and only where
the corners are joined: a surface then stays closed however close the camera comes, and nothing is
stretched from a near object to the wall behind it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .kernel import kernel

F32 = npt.NDArray[np.float32]
U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
BOOL = npt.NDArray[np.bool_]

# Bits of the link map at pixel (v, u); the square has corners (v, u) .. (v + 1, u + 1).
UPPER = 1   # triangle (v, u), (v, u + 1), (v + 1, u)
LOWER = 2   # triangle (v + 1, u + 1), (v + 1, u), (v, u + 1)
LONE = 4    # known, but corner of no triangle (a wire, a speck): drawn as a square of its own
SQUARE = UPPER | LOWER

# Depth that stands for 'seen, beyond all range' (+inf) while it is being warped, metres.
FAR_M = 1e5


def inverse_depth(depth_HW: F32) -> F32:
    """
    Return 1 / depth as the warp wants it.

    :param depth_HW: (H, W) metres; NaN, zero or negative is unknown, +inf is beyond all range.
    :returns: (H, W) float32, 1/m; NaN where unknown, 1 / FAR_M where out of range.
    """
    known = depth_HW > 0.0
    depth = np.where(known, np.minimum(depth_HW, np.float32(FAR_M)), np.float32(np.nan))
    return (np.float32(1.0) / depth).astype(np.float32)


@kernel(inline='always')
def _is_joined(before: Any, a: Any, b: Any, after: Any, step_tolerance: Any,
               bend_tolerance: Any) -> Any:
    """
    Tell whether neighbours a and b lie on one surface; `before` and `after` continue their line.

    Two ways to belong together: a small step, or a large one that goes on at the same slope on
    both sides, as on a floor at a grazing angle (planes are linear in inverse depth). Asking for
    both sides keeps the mixed pixels of a sensor, half way between object and wall, from joining.
    NaN compares false.
    """
    nearer, step = min(a, b), b - a
    small = abs(step) <= step_tolerance * nearer
    straight = ((abs(step - (a - before)) <= bend_tolerance * nearer)
                & (abs((after - b) - step) <= bend_tolerance * min(b, after)))
    return small | (straight & (abs(step) <= np.float32(0.5) * nearer))


@kernel()
def _link(disparity: F32, step_tolerance: np.float32, bend_tolerance: np.float32, along: U8,
          down: U8, links: U8) -> None:
    """Write whether each pixel is joined to the next one and the one below, then the links."""
    height, width = disparity.shape
    nothing = np.float32(np.nan)
    for v in range(height):
        for u in range(width - 1):
            along[v, u] = _is_joined(disparity[v, u - 1] if u > 0 else nothing, disparity[v, u],
                                     disparity[v, u + 1],
                                     disparity[v, u + 2] if u + 2 < width else nothing,
                                     step_tolerance, bend_tolerance)
    for v in range(height - 1):
        for u in range(width):
            down[v, u] = _is_joined(disparity[v - 1, u] if v > 0 else nothing, disparity[v, u],
                                    disparity[v + 1, u],
                                    disparity[v + 2, u] if v + 2 < height else nothing,
                                    step_tolerance, bend_tolerance)
    for v in range(height - 1):
        for u in range(width - 1):
            links[v, u] = (UPPER * (along[v, u] & down[v, u])
                           + LOWER * (along[v + 1, u] & down[v, u + 1]))
    for v in range(height):
        for u in range(width):
            # The six triangles that touch a pixel: three of each kind.
            here, left = links[v, u], links[v, u - 1] if u > 0 else 0
            above = links[v - 1, u] if v > 0 else 0
            corner = links[v - 1, u - 1] if v > 0 and u > 0 else 0
            touched = (here & UPPER) | (left & SQUARE) | (above & SQUARE) | (corner & LOWER)
            if not touched and disparity[v, u] > 0:
                links[v, u] |= LONE


def link_pixels(disparity_HW: F32, step_tolerance: float = 0.04,
                bend_tolerance: float = 0.005) -> U8:
    """
    Return the link map of a view: bits UPPER, LOWER and LONE per pixel.

    :param disparity_HW: (H, W) float32 of `inverse_depth`.
    :param step_tolerance: relative step of inverse depth that is still one surface.
    :param bend_tolerance: relative change of slope up to which a large step is a slanted plane.
    :returns: (H, W) uint8; 0 where depth is unknown.
    """
    links = np.zeros(disparity_HW.shape, np.uint8)
    _link(disparity_HW, np.float32(step_tolerance), np.float32(bend_tolerance),
          np.zeros_like(links), np.zeros_like(links), links)
    return links


@kernel()
def _spread(disparity: F32, allowed: BOOL, tolerance: np.float32, marked: BOOL,
            stack: I64) -> None:
    height, width = disparity.shape
    count = 0
    for v in range(height):
        for u in range(width):
            if marked[v, u]:
                stack[count, 0], stack[count, 1] = v, u
                stack[count, 2], stack[count, 3] = v, u
                count += 1
    while count > 0:
        count -= 1
        v, u = stack[count, 0], stack[count, 1]
        # Compared with where it began, not with the neighbour: else it would walk along a floor.
        begin_v, begin_u = stack[count, 2], stack[count, 3]
        begin = disparity[begin_v, begin_u]
        for dv, du in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            j, i = v + dv, u + du
            if 0 <= j < height and 0 <= i < width and allowed[j, i] and not marked[j, i]:
                if abs(disparity[j, i] - begin) <= tolerance * begin:
                    marked[j, i] = True
                    stack[count, 0], stack[count, 1] = j, i
                    stack[count, 2], stack[count, 3] = begin_v, begin_u
                    count += 1


def spread(seeds_HW: BOOL, disparity_HW: F32, allowed_HW: BOOL, tolerance: float) -> BOOL:
    """
    Return seeds and all that hangs together with them at their distance.

    :param seeds_HW: (H, W) bool.
    :param disparity_HW: (H, W) float32 inverse depth, 1/m; NaN where unknown.
    :param allowed_HW: (H, W) bool, where it may spread to.
    :param tolerance: share of a seed's inverse depth by which what it reaches may differ.
    :returns: (H, W) bool, an array of its own.
    """
    marked = seeds_HW.copy()
    _spread(disparity_HW, allowed_HW, np.float32(tolerance), marked,
            np.empty((marked.size, 4), np.int64))
    return marked
