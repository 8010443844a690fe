# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A coarse depth map made sharp: every pixel tries what the coarse pixels around it say (numba).

The window that is compared leans as the surface does, so that floors are not cut into steps, and
the depth between two tried ones comes from a parabola.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .kernel import kernel
from .plane_sweep import sample

F32 = npt.NDArray[np.float32]

_ZERO, _HALF, _ONE = np.float32(0.0), np.float32(0.5), np.float32(1.0)
# Half the window, in pixels, of which every second is looked at: 4x4 samples in 7x7 pixels.
_RADIUS, _STRIDE = 3, 2
# Variance of sensor noise, grey levels squared, as in `plane_sweep`.
_NOISE = np.float32(4.0)
# Tries around the best start, in steps: coarse, then fine.
_ROUNDS = (1.0, 0.4)
# Neighbours farther apart than this many steps lie on two surfaces.
_JOINED = np.float32(3.0)


@kernel()
def _agreement(reference: F32, source: F32, P: F32, v: int, u: int, w: Any, du: Any,
               dv: Any) -> Any:
    """
    Correlate the leaning window around a pixel with a source.

    :param w: inverse depth of the pixel.
    :param du, dv: its slope along rows and columns, per pixel.
    :returns: -1..1; -1 where the source does not see the pixel.
    """
    height, width = reference.shape
    s, ss, r, rr, rs, count = _ZERO, _ZERO, _ZERO, _ZERO, _ZERO, _ZERO
    right, bottom = np.float32(source.shape[1] - 1), np.float32(source.shape[0] - 1)
    for j in range(-_RADIUS, _RADIUS + 1, _STRIDE):
        for i in range(-_RADIUS, _RADIUS + 1, _STRIDE):
            y, x = min(max(v + j, 0), height - 1), min(max(u + i, 0), width - 1)
            fy, fx = np.float32(y), np.float32(x)
            d = w + du * np.float32(x - u) + dv * np.float32(y - v)
            z = P[2, 0] * fx + P[2, 1] * fy + P[2, 2] + d * P[2, 3]
            px = (P[0, 0] * fx + P[0, 1] * fy + P[0, 2] + d * P[0, 3]) / z
            py = (P[1, 0] * fx + P[1, 1] * fy + P[1, 2] + d * P[1, 3]) / z
            if not (z > _ZERO and px >= _ZERO and px <= right and py >= _ZERO and py <= bottom):
                return -_ONE
            a, b = reference[y, x], sample(source, px, py)
            r += a
            rr += a * a
            s += b
            ss += b * b
            rs += a * b
            count += _ONE
    scale = _ONE / count
    r, s = r * scale, s * scale
    spread = (max(rr * scale - r * r, _ZERO) + _NOISE) * (max(ss * scale - s * s, _ZERO) + _NOISE)
    return (rs * scale - r * s) / np.sqrt(spread)


@kernel()
def _best_two(reference: F32, sources: F32, P: F32, v: int, u: int, w: Any, du: Any,
              dv: Any) -> Any:
    """Return the mean agreement of the two sources that agree best."""
    best, second = -_ONE, -_ONE
    for k in range(sources.shape[0]):
        value = _agreement(reference, sources[k], P[k], v, u, w, du, dv)
        second = max(second, min(best, value))
        best = max(best, value)
    return _HALF * (best + second)


@kernel()
def _slope(before: Any, here: Any, after: Any, step: Any) -> Any:
    """Return the slope per coarse pixel of a line through three, from the smoother side."""
    left, right = here - before, after - here
    steep = _JOINED * step
    if abs(left) < steep and abs(right) < steep:
        return _HALF * (left + right)
    if abs(left) < steep:
        return left
    return right if abs(right) < steep else _ZERO


@kernel()
def _best_start(reference: F32, sources: F32, P: F32, coarse: F32, step: Any, v: int,
                u: int) -> Any:
    """
    Try what the four coarse pixels around a pixel say.

    :returns: the agreement, inverse depth and its slopes of the best of them.
    """
    rows, columns = coarse.shape
    sy, sx = np.float32(rows) / reference.shape[0], np.float32(columns) / reference.shape[1]
    y = (np.float32(v) + _HALF) * sy - _HALF
    x = (np.float32(u) + _HALF) * sx - _HALF
    top, left = int(np.floor(y)), int(np.floor(x))
    near_y, near_x = int(y - top > _HALF), int(x - left > _HALF)
    score, w, du, dv = np.float32(-2.0), _ZERO, _ZERO, _ZERO
    tried = -_ONE
    # The nearest first; those that say the same as the one before are not tried.
    for far_y, far_x in ((0, 0), (0, 1), (1, 0), (1, 1)):
        j = min(max(top + (near_y ^ far_y), 0), rows - 1)
        i = min(max(left + (near_x ^ far_x), 0), columns - 1)
        gu = _slope(coarse[j, max(i - 1, 0)], coarse[j, i], coarse[j, min(i + 1, columns - 1)],
                    step)
        gv = _slope(coarse[max(j - 1, 0), i], coarse[j, i], coarse[min(j + 1, rows - 1), i], step)
        start = coarse[j, i] + gu * (x - np.float32(i)) + gv * (y - np.float32(j))
        if not start > _ZERO or (tried > _ZERO and abs(start - tried) < step):
            continue
        tried = start
        value = _best_two(reference, sources, P, v, u, start, gu * sx, gv * sy)
        if value > score:
            score, w, du, dv = value, start, gu * sx, gv * sy
    return score, w, du, dv


@kernel()
def refine_rows(reference: F32, sources: F32, P: F32, coarse: F32, step: np.float32, first: int,
                last: int, inverse: F32) -> None:
    """
    Bring rows first..last - 1 of a coarse map to full size.

    :param reference: (H, W) float32 grey, 0..255.
    :param sources: (S, H, W) float32 grey.
    :param P: (S, 3, 4) float32 of `camera.pixel_transfer`, reference to source, at full size.
    :param coarse: (h, w) float32 inverse depth, 1/m.
    :param step: inverse depth that moves a pixel by about one, 1/m.
    :param inverse: (H, W) float32, receives inverse depth.
    """
    for v in range(first, last):
        for u in range(reference.shape[1]):
            score, w, du, dv = _best_start(reference, sources, P, coarse, step, v, u)
            for share in _ROUNDS:
                h = step * np.float32(share)
                below, above = max(w - h, _ZERO), w + h
                before = _best_two(reference, sources, P, v, u, below, du, dv)
                after = _best_two(reference, sources, P, v, u, above, du, dv)
                bend = before - np.float32(2.0) * score + after
                if bend < _ZERO and score >= max(before, after):
                    w += _HALF * h * (before - after) / bend
                elif after > score and after >= before:
                    w, score = above, after
                elif before > score:
                    w, score = below, before
            inverse[v, u] = w
