# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
How much brighter each view is than the others: a camera with automatic exposure changes all along.

Neighbouring views are warped into each other. Where the depth of both agrees they show the same
surface, and the median ratio of their brightness is that of their exposures. Cameras store about
the root of the light, so a factor in the light is a factor in the stored values as well.
"""

from __future__ import annotations

from collections.abc import Sequence

from inspatio_ros.contracts import F64, U8
from inspatio_ros.geometry.warp_cpu import (Camera, gather_views, prepare, read_out, SourceView,
                                            splat_views)
from inspatio_ros.scene.parallel import Progress
from inspatio_ros.scene.scene import View
import numpy as np

# A view is compared with so many that follow it.
_NEIGHBOURS = 2
_SAME_SURFACE = 0.03
# Darker and brighter pixels are noise and clipping.
_DARK, _BRIGHT = 16.0, 240.0
_LEAST_OVERLAP = 0.02
# Pulls views that overlap with none to no change.
_PULL = 1e-3
_NEAR_M = 0.05


def exposure_gains(views: Sequence[View], progress: Progress | None = None) -> F64:
    """
    Estimate by what each view's values are to be multiplied so that all look alike.

    :param views: in the order in which they were taken, neighbours overlapping.
    :param progress: called as progress(views done, views in all).
    :returns: (N,) factors whose geometric mean is 1; 1 for a view that overlaps with none.
    """
    sources = [prepare(view.rgb, view.depth) for view in views]
    rows, ratios = [], []
    for i in range(len(views)):
        for j in range(i + 1, min(i + 1 + _NEIGHBOURS, len(views))):
            ratio, overlap = _log_ratio(views[i], sources[i], views[j])
            if overlap >= _LEAST_OVERLAP:
                row = np.zeros(len(views))
                row[i], row[j] = np.sqrt(overlap), -np.sqrt(overlap)
                rows.append(row)
                ratios.append(ratio * np.sqrt(overlap))
        if progress is not None:
            progress(i + 1, len(views))
    if not rows:
        return np.ones(len(views))
    A = np.concatenate((np.stack(rows), _PULL * np.eye(len(views))))
    b = np.concatenate((ratios, np.zeros(len(views))))
    logs = np.linalg.lstsq(A, b, rcond=None)[0]
    gains: F64 = np.exp(logs - logs.mean())
    return gains


def spread(gains: F64) -> float:
    """Return by how much the brightest view exceeds the darkest, as a share."""
    return float(gains.max() / gains.min() - 1.0)


def brightened(rgb: U8, gain: float) -> U8:
    """Return a picture with all values multiplied."""
    return np.rint(np.minimum(rgb * np.float32(gain), 255.0)).astype(np.uint8)


def _log_ratio(view: View, source: SourceView, other: View) -> tuple[float, float]:
    """Return log(brightness of `other` / of `view`) and the share of pixels that say so."""
    target = Camera(other.intrinsics.K, other.T_map_cam)
    cameras = [Camera(view.intrinsics.K, view.T_map_cam)]
    disparity, owner = splat_views([source], cameras, target, other.depth.shape, _NEAR_M)
    warped = _brightness(gather_views(disparity, owner, [source], cameras, target))
    depth, _, _ = read_out(disparity, None, depth=True, seen=False)
    assert depth is not None
    real = _brightness(other.rgb)
    with np.errstate(invalid='ignore'):
        same = np.abs(depth - other.depth) < _SAME_SURFACE * other.depth
    same &= (warped > _DARK) & (warped < _BRIGHT) & (real > _DARK) & (real < _BRIGHT)
    if not same.any():
        return 0.0, 0.0
    return float(np.median(np.log(real[same] / warped[same]))), float(same.mean())


def _brightness(rgb: U8) -> F64:
    grey: F64 = rgb @ np.array([0.299, 0.587, 0.114])
    return grey
