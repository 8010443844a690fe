# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
How well real RGB-D views predict each other.

Each view is warped into the next one and back, without filling. Colour is compared on the pixels
whose depth agrees with the real depth map, so that the figure measures resampling, not occlusion
by things the sensor missed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from inspatio_ros.contracts import F32, F64, Outputs, U8
from inspatio_ros.engine.renderer import camera_of, Order, Renderer
from inspatio_ros.evaluation.image import psnr_db, relative_depth_error, surface_holes
from inspatio_ros.geometry.warp_cpu import Camera
from inspatio_ros.scene.scene import Scene, View
import numpy as np

# Depth maps that differ by less than this show the same surface.
AGREEMENT = 0.05
FORWARD_M = 0.5


@dataclass(frozen=True)
class PairScore:
    """
    One view warped into another.

    :param source, target: indices of the views.
    :param psnr_db: over pixels where both depth maps agree within AGREEMENT.
    :param depth_rel: median |warped - real| / real over those pixels.
    :param depth_rel_known: the same over all pixels where both are known.
    :param coverage: share of the target's pixels that the warp reaches.
    :param agreement: share of the pixels known to both whose depth agrees.
    """

    source: int
    target: int
    psnr_db: float
    depth_rel: float
    depth_rel_known: float
    coverage: float
    agreement: float


def evaluate_pairs(views: tuple[View, ...], renderer: Renderer) -> Iterator[PairScore]:
    """
    Warp each view into its successor and back.

    :param views: two or more, neighbours overlapping.
    :returns: 2 (N - 1) scores.
    :raises ValueError: fewer than two views.
    """
    if len(views) < 2:
        raise ValueError(f'comparing views takes at least two, got {len(views)}')
    prepared = [renderer.prepare(view) for view in views]
    for index in range(len(views) - 1):
        for source, target in ((index, index + 1), (index + 1, index)):
            rgb, depth = _warp(renderer, prepared[source], views[source], views[target],
                               views[target].T_map_cam)
            error = relative_depth_error(depth, views[target].depth)
            agree = np.nan_to_num(error, nan=np.inf) <= AGREEMENT
            both = np.isfinite(error)
            yield PairScore(
                source, target, psnr_db(rgb, views[target].rgb, agree),
                float(np.median(error[agree])) if agree.any() else np.nan,
                float(np.median(error[both])) if both.any() else np.nan,
                float(np.mean(~np.isnan(depth))), float(agree.sum() / max(both.sum(), 1)))


def evaluate_holes(views: tuple[View, ...], renderer: Renderer) -> Iterator[float]:
    """
    Move each view's own camera FORWARD_M ahead and count the holes torn into surfaces.

    :returns: per view the share of pixels, before filling.
    """
    for view in views:
        ahead = view.T_map_cam.copy()
        ahead[:3, 3] += FORWARD_M * view.T_map_cam[:3, 2]
        _, depth = _warp(renderer, renderer.prepare(view), view, view, ahead)
        yield float(surface_holes(~np.isnan(depth)).mean())


def summary(scene: Scene, pairs: list[PairScore], holes: list[float]) -> dict[str, object]:
    """Return the figures of a folder as one object, worst and mean included."""
    return {
        'name': scene.name,
        'mean_psnr_db': float(np.mean([pair.psnr_db for pair in pairs])),
        'worst_psnr_db': float(np.min([pair.psnr_db for pair in pairs])),
        'mean_depth_rel': float(np.mean([pair.depth_rel for pair in pairs])),
        'mean_depth_rel_known': float(np.mean([pair.depth_rel_known for pair in pairs])),
        'forward_m': FORWARD_M,
        'surface_hole_ratio': holes,
        'pairs': [vars(pair) for pair in pairs],
    }


def _warp(renderer: Renderer, source: object, view: View, like: View,
          T_map_cam: F64) -> tuple[U8, F32]:
    """Render one view with the intrinsics of another from a pose."""
    order = Order(Camera(like.intrinsics.K, T_map_cam), like.depth.shape, Outputs.ALL,
                  fill_depth=False, near_m=0.05)
    picture = renderer.render([source], [camera_of(view)], order)
    assert picture.rgb is not None and picture.depth is not None
    return picture.rgb, picture.depth
