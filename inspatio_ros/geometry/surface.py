# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Which neighbouring pixels of a depth map lie on one surface. Computed once per view.

The warp draws the square between four neighbouring pixel centres as two triangles, and only where
the corners are joined: a surface then stays closed however close the camera comes, and nothing is
stretched from a near object to the wall behind it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
U8 = npt.NDArray[np.uint8]

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


def _joined(disparity: F32, step_tolerance: float, bend_tolerance: float) -> npt.NDArray[np.bool_]:
    """
    Tell which neighbours along the last axis lie on one surface.

    Two ways to belong together: a small step, or a large one that goes on at the same slope on
    both sides, as on a floor at a grazing angle (planes are linear in inverse depth). Asking for
    both sides keeps the mixed pixels of a sensor, half way between object and wall, from joining.
    """
    with np.errstate(invalid='ignore'):
        step = np.diff(disparity, axis=-1)
        nearer = np.fmin(disparity[..., 1:], disparity[..., :-1])
        small = np.abs(step) <= step_tolerance * nearer
        bend = np.abs(np.diff(step, axis=-1)) <= bend_tolerance * nearer[..., 1:]
        straight = np.zeros_like(small)
        straight[..., 1:-1] = bend[..., :-1] & bend[..., 1:]
        steep = np.abs(step) <= 0.5 * nearer
    return np.asarray(small | (straight & steep))


def link_pixels(disparity_HW: F32, step_tolerance: float = 0.04,
                bend_tolerance: float = 0.005) -> U8:
    """
    Return the link map of a view: bits UPPER, LOWER and LONE per pixel.

    :param disparity_HW: (H, W) float32 of `inverse_depth`.
    :param step_tolerance: relative step of inverse depth that is still one surface.
    :param bend_tolerance: relative change of slope up to which a large step is a slanted plane.
    :returns: (H, W) uint8; 0 where depth is unknown.
    """
    along = _joined(disparity_HW, step_tolerance, bend_tolerance)
    down = _joined(disparity_HW.T, step_tolerance, bend_tolerance).T
    upper = along[:-1] & down[:, :-1]
    lower = along[1:] & down[:, 1:]
    links = np.zeros(disparity_HW.shape, np.uint8)
    links[:-1, :-1] = upper * np.uint8(UPPER) + lower * np.uint8(LOWER)
    # The six triangles that can touch a pixel: three of each kind.
    touched = np.zeros(disparity_HW.shape, bool)
    for kind, corners in ((upper, ((0, 0), (0, 1), (1, 0))), (lower, ((1, 1), (1, 0), (0, 1)))):
        for dv, du in corners:
            touched[dv:dv + kind.shape[0], du:du + kind.shape[1]] |= kind
    links[(disparity_HW > 0.0) & ~touched] |= LONE
    return links
