# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The depth of every pixel of posed pictures, and how far it can be trusted.

Each picture is swept at half size (`geometry.plane_sweep`, `semi_global`), brought to full size
(`depth_refinement`), and then has to be confirmed by the maps of its neighbours (`consistency`).
What nobody confirms is guessed from what is around it (`completion`) with confidence 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inspatio_ros.contracts import F32, F64, U8
from inspatio_ros.geometry.camera import pixel_transfer
from inspatio_ros.motion.transforms import inverse
from inspatio_ros.scene.reconstruction.sources import (choose_sources, likely_points,
                                                       measured_points)
from inspatio_ros.scene.reconstruction.structure import Structure
import numpy as np

# Neighbours that a picture is compared with, and those that confirm its depth.
_SOURCES, _WITNESSES = 6, 10
_MIN_WITNESSES = 2
# How often each pixel wants to be compared: with one neighbour, and with others where something
# hides it from that one.
_ENOUGH_SOURCES = 3.0
# How many have to confirm a pixel to make it as certain as can be.
_ENOUGH_WITNESSES = 4
# Inverse depths that differ by this share are the same.
_TOLERANCE = 0.02
# Planes of the sweep: about one per pixel of motion at half size.
_MIN_PLANES, _MAX_PLANES = 32, 192
# Room beyond the farthest and nearest of the sparse points: what passes close by often has none.
_BEYOND_FAR, _BEYOND_NEAR = 0.7, 2.5
_OUTLIERS_PERCENT = 0.5


@dataclass(frozen=True)
class Shots:
    """
    Pictures of one camera that depth is made of.

    :param rgb: by number of the picture, (H, W, 3) uint8.
    :param structure: poses and points, by the same numbers.
    """

    rgb: dict[int, U8]
    structure: Structure


def grey(rgb: U8) -> F32:
    """Return the brightness of a picture, 0..255."""
    return (rgb @ np.array([0.299, 0.587, 0.114], np.float32)).astype(np.float32)


def half(picture: F32) -> F32:
    """Halve a picture: each pixel is the mean of four; an odd row or column at the end is lost."""
    height, width = picture.shape[0] // 2 * 2, picture.shape[1] // 2 * 2
    even = picture[:height, :width]
    return np.ascontiguousarray(0.25 * (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2]
                                        + even[1::2, 1::2]), np.float32)


def half_camera(K: F64) -> F64:
    """Return the camera matrix of the halved picture; pixel centres lie at integers."""
    halved = 0.5 * K
    halved[:2, 2] -= 0.25
    halved[2, 2] = 1.0
    return halved


def sweep(shots: Shots, picture: int) -> F32:
    """
    Measure the depth of one picture against its best neighbours.

    :param shots: the picture and all that may be its neighbours.
    :returns: (H, W) float32 inverse depth, 1/m, everywhere, right or wrong; NaN everywhere if no
        other picture sees any of it.
    """
    from inspatio_ros.geometry.depth_refinement import refine_rows
    sources = choose_sources(shots.structure, picture, likely_points(shots.structure, picture),
                             list(shots.rgb), _SOURCES, _ENOUGH_SOURCES)
    own = grey(shots.rgb[picture])
    if not sources:
        return np.full(own.shape, np.nan, np.float32)
    others = np.stack([grey(shots.rgb[it]) for it in sources])
    K = shots.structure.intrinsics.K
    coarse, step = _coarse_depth(half(own), np.stack([half(it) for it in others]),
                                 _transfers(shots.structure, picture, sources, half_camera(K)),
                                 _inverse_range(shots.structure, [picture, *sources]))
    full = np.empty_like(own)
    refine_rows(own, others, _transfers(shots.structure, picture, sources, K).astype(np.float32),
                coarse, np.float32(0.5 * step), 0, len(own), full)
    return full


def _transfers(structure: Structure, picture: int, others: Sequence[int], K: F64) -> F64:
    T_world_cam = structure.T_world_cam
    return np.stack([pixel_transfer(K, K, inverse(T_world_cam[it]) @ T_world_cam[picture])
                     for it in others])


def _inverse_range(structure: Structure, pictures: Sequence[int]) -> tuple[float, float]:
    """
    Return the least and greatest inverse depth to look at.

    :param pictures: the picture and its sources: what one of them knows no point of, another may.
    """
    shares = (_OUTLIERS_PERCENT, 100.0 - _OUTLIERS_PERCENT)
    limits = [np.percentile(1.0 / depths, shares)
              for depths in (structure.depths_of(it)[1] for it in pictures) if len(depths)]
    far, near = np.min(limits, axis=0)[0], np.max(limits, axis=0)[1]
    return _BEYOND_FAR * float(far), _BEYOND_NEAR * float(near)


def _coarse_depth(own: F32, others: F32, P: F64, limits: tuple[float, float]) -> tuple[F32, float]:
    """Sweep at half size; return inverse depth and the step between two planes."""
    from inspatio_ros.geometry.plane_sweep import sweep_rows
    from inspatio_ros.geometry.semi_global import gather_paths, pick_rows
    from scipy.ndimage import median_filter
    planes = np.linspace(*limits, _plane_count(own.shape, P, limits)).astype(np.float32)
    step = float(planes[1] - planes[0])
    cost = np.empty((*own.shape, len(planes)), np.uint8)
    sweep_rows(own, others, P.astype(np.float32), planes, 0, len(own), cost)
    total = np.zeros(cost.shape, np.int16)
    gather_paths(own, cost, 1, total)
    gather_paths(own, cost, -1, total)
    place = np.empty_like(own)
    pick_rows(total, 0, len(own), place)
    return median_filter(planes[0] + step * place, 3).astype(np.float32), step


def _plane_count(shape: tuple[int, ...], P: F64, limits: tuple[float, float]) -> int:
    """Return how many planes move the middle of the picture by about a pixel each."""
    middle = np.array([0.5 * shape[1], 0.5 * shape[0], 1.0])
    ends = [P[:, :, :3] @ middle + limit * P[:, :, 3] for limit in limits]
    pixels = [end[:, :2] / end[:, 2:] for end in ends]
    moved = float(np.linalg.norm(pixels[1] - pixels[0], axis=1).max())
    return int(np.clip(moved, _MIN_PLANES, _MAX_PLANES))


def confirm(shots: Shots, picture: int, maps: dict[int, F32]) -> tuple[F32, U8]:
    """
    Keep what the maps of the neighbours confirm, as the mean with theirs.

    :param maps: what `sweep` returned, by number of the picture.
    :returns: (H, W) float32 inverse depth, NaN where nobody confirms it, and (H, W) uint8
        confidence, 0 there and 255 where enough of them do.
    """
    from inspatio_ros.geometry.consistency import confirm_rows
    own = maps[picture]
    points = measured_points(shots.structure, picture, own)
    witnesses = choose_sources(shots.structure, picture, points, list(shots.rgb), _WITNESSES,
                               _ENOUGH_WITNESSES)
    if len(witnesses) < _MIN_WITNESSES:
        return np.full(own.shape, np.nan, np.float32), np.zeros(own.shape, np.uint8)
    P = _transfers(shots.structure, picture, witnesses, shots.structure.intrinsics.K)
    votes, fused = np.empty(own.shape, np.uint8), np.empty_like(own)
    confirm_rows(own, np.stack([maps[it] for it in witnesses]), P.astype(np.float32),
                 np.float32(_TOLERANCE), 0, len(own), votes, fused)
    sure = (votes >= _MIN_WITNESSES) & np.isfinite(fused) & (fused > 0.0)
    certainty = np.minimum(votes / np.float32(_ENOUGH_WITNESSES), np.float32(1.0))
    confidence = np.where(sure, np.rint(np.float32(255.0) * certainty), np.float32(0.0))
    return np.where(sure, fused, np.float32(np.nan)), confidence.astype(np.uint8)


def finish(rgb: U8, inverse_HW: F32) -> F32:
    """
    Guess what is not known, and turn inverse depth into depth.

    :param inverse_HW: (H, W) float32 inverse depth, 1/m; NaN unknown.
    :returns: (H, W) float32 depth, metres; NaN only if nothing at all is known.
    """
    from inspatio_ros.geometry.completion import complete
    return (np.float32(1.0) / complete(rgb, inverse_HW)).astype(np.float32)
