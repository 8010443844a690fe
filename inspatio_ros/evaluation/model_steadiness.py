# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Whether generated frames hold together: from frame to frame, from block to block, and after a turn.

Frames are compared where both show the same surface point: each pixel of one frame is projected,
with its true depth and the commanded cameras, into the other, which has to have the true depth of
that very point there. What then differs is not the camera's motion.

Shapes: N frames, H W picture size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import math
from typing import NamedTuple

from inspatio_ros.contracts import F32, F64, I64, U8
from inspatio_ros.evaluation.image import Mask
from inspatio_ros.geometry.camera import project, unproject
from inspatio_ros.motion.transforms import inverse
import numpy as np

# Depths that differ by less than this share are of one surface.
_SAME_SURFACE = 0.02


@dataclass(frozen=True)
class Seen:
    """
    What is known of the place in one frame.

    :param depth_HW: float32, metres along +Z, true; NaN unknown.
    :param T_world_cam: (4, 4) float64, the commanded camera.
    :param K: (3, 3) float64.
    """

    depth_HW: F32
    T_world_cam: F64
    K: F64


class Link(NamedTuple):
    """
    Where the pixels of one frame are in another.

    :param pixels: (H, W, 2) float32 (u, v) in the other frame.
    :param common: (H, W) bool, where both show the same surface point.
    """

    pixels: F32
    common: Mask


def link(one: Seen, other: Seen) -> Link:
    """Find the pixels of one frame in another."""
    height, width = one.depth_HW.shape
    rows, columns = np.arange(height), np.arange(width)
    T_other_one = inverse(other.T_world_cam) @ one.T_world_cam
    points = unproject(one.depth_HW, one.K, rows, columns).reshape(-1, 3).astype(np.float64)
    pixels, z = project(points, other.K, T_other_one)
    pixels, z = pixels.reshape(height, width, 2), z.reshape(height, width)
    with np.errstate(invalid='ignore'):
        inside = ((z > 0.0) & (pixels >= 0.0).all(axis=-1)
                  & (pixels <= np.array([width - 1, height - 1])).all(axis=-1))
    nearest = np.rint(np.where(inside[..., None], pixels, 0.0)).astype(np.int64)
    there = other.depth_HW[nearest[..., 1], nearest[..., 0]]
    with np.errstate(invalid='ignore'):
        same = np.abs(there - z) <= _SAME_SURFACE * z
    common = inside & same
    return Link(np.where(common[..., None], pixels, 0.0).astype(np.float32), common)


def warped_difference(picture: U8, other: U8, between: Link,
                      counted: Mask | None = None) -> float:
    """
    Say by how much a frame differs from another one that shows the same surfaces.

    :param picture, other: (H, W, 3) uint8.
    :param between: from `picture` to `other`.
    :param counted: (H, W) pixels of `picture` that count; None: all.
    :returns: mean absolute difference, grey levels; NaN where nothing is common.
    """
    import cv2
    common = between.common if counted is None else between.common & counted
    if not common.any():
        return math.nan
    moved = cv2.remap(other.astype(np.float32), between.pixels[..., 0], between.pixels[..., 1],
                      cv2.INTER_LINEAR)
    return float(np.abs(moved - picture)[common].mean())


def to_the_one_before(seen: Sequence[Seen]) -> list[Link]:
    """Return the N - 1 links from each frame to the one before it."""
    return [link(after, before) for before, after in zip(seen, seen[1:])]


def flicker(frames_NHW3: U8, links: Sequence[Link],
            counted: Sequence[Mask] | None = None) -> F64:
    """
    Return how much each frame differs from the one before, beyond the motion of the camera.

    :param frames_NHW3: uint8.
    :param links: N - 1, of `to_the_one_before`.
    :param counted: N times (H, W), pixels that count, as those that show nothing that moves.
    :returns: (N - 1,) float64 grey levels; NaN where two frames have nothing in common. True
        frames are not at 0: they are resampled, too. Theirs is what to compare with.
    """
    return np.array([
        warped_difference(frames_NHW3[i + 1], frames_NHW3[i], between,
                          None if counted is None else counted[i + 1])
        for i, between in enumerate(links)])


def border_step(flicker_N: F64, first_frames: Sequence[int]) -> float:
    """
    Return by how much more frames differ across the border of two blocks than within a block.

    :param flicker_N: (N - 1,) of `flicker`.
    :param first_frames: of each block but the first.
    :returns: grey levels; NaN without a border or without frames within blocks.
    """
    across = np.zeros(len(flicker_N), bool)
    across[[first - 1 for first in first_frames]] = True
    return _mean(flicker_N[across]) - _mean(flicker_N[~across])


def drift_slope(psnr_db: Sequence[float]) -> float:
    """
    Return how the quality goes with the blocks: the slope of the line of least squares.

    :param psnr_db: of each block against the truth, in order; those that are not finite are left
        out, their places kept.
    :returns: dB per block, negative where it gets worse; NaN with fewer than two.
    """
    values = np.asarray(psnr_db, np.float64)
    blocks = np.flatnonzero(np.isfinite(values))
    if len(blocks) < 2:
        return math.nan
    return float(np.polyfit(blocks, values[blocks], 1)[0])


def lag_frames(frames_NHW3: U8, truth_NHW3: U8, most: int) -> float:
    """
    Say by how many frames pictures follow their command late.

    The truth, shifted in time, is laid over the frames; the shift of the smallest mean square
    difference counts, to a part of a frame by the parabola through its neighbours. Where the
    camera stands still all shifts fit alike: give frames around a change.

    :param frames_NHW3: uint8, N > 2 * most.
    :param truth_NHW3: uint8, what the commanded cameras see.
    :param most: the largest shift that is tried, to both sides.
    :returns: frames, positive where the pictures are late; NaN where the best one is the largest
        shift, or all are alike.
    :raises ValueError: too few frames.
    """
    count = len(frames_NHW3)
    if most < 1 or count <= 2 * most:
        raise ValueError(f'shifts of up to {most} frames need more than {2 * most} frames, got '
                         f'{count}')
    inner: I64 = np.arange(most, count - most)
    frames = frames_NHW3[inner].astype(np.float32)
    errors = np.array([float(np.mean((frames - truth_NHW3[inner - shift]) ** 2))
                       for shift in range(-most, most + 1)])
    best = int(errors.argmin())
    if best in (0, 2 * most) or np.ptp(errors) == 0.0:
        return math.nan
    before, at, after = errors[best - 1:best + 2]
    return best - most + 0.5 * (before - after) / (before - 2.0 * at + after)


def _mean(values: F64) -> float:
    values = values[np.isfinite(values)]
    return float(values.mean()) if values.size else math.nan
