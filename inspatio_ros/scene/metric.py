# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How large a world is that pictures alone have shown: they know everything but its size."""

from __future__ import annotations

from dataclasses import replace
import math

from inspatio_ros.scene.align import ASSUMED_CAMERA_HEIGHT_M, place_in_map, Placement
from inspatio_ros.scene.scene import Scene, View
import numpy as np

# Where no floor is seen either: how far things are from a camera, in the middle.
ASSUMED_DEPTH_M = 3.0


def place_with_scale(scene: Scene, metric: bool, scale: float | None,
                     camera_height_m: float | None) -> tuple[Scene, Placement, float]:
    """
    Bring a scene to metres and into `map`.

    The size comes from `scale`; else from the poses, if they are metric; else the camera is as
    high over the floor as given, or at ASSUMED_CAMERA_HEIGHT_M; without a floor the middle depth
    is ASSUMED_DEPTH_M.

    :param scene: its poses and depths share one unit.
    :param metric: whether that is the metre.
    :param scale: metres per unit; None to find it.
    :param camera_height_m: of the first camera over the floor; None to measure or assume it.
    :returns: the scene, its placement, and the metres per unit that were used.
    :raises ValueError: a scale that is not finite and positive.
    """
    if scale is not None and not (math.isfinite(scale) and scale > 0.0):
        raise ValueError(f'scale must be finite and > 0, got {scale!r}')
    if scale is None:
        scale = 1.0 if metric else _assumed_scale(scene, camera_height_m)
    placed, placement = place_in_map(_scaled(scene, scale), camera_height_m)
    return placed, placement, scale


def _assumed_scale(scene: Scene, camera_height_m: float | None) -> float:
    _, placement = place_in_map(scene)
    if placement.floor_height_m is not None:
        return (camera_height_m or ASSUMED_CAMERA_HEIGHT_M) / placement.floor_height_m
    depths = np.concatenate([view.depth[view.measured()] for view in scene.all_views()])
    return ASSUMED_DEPTH_M / float(np.median(depths))


def _scaled(scene: Scene, scale: float) -> Scene:
    def grow(view: View) -> View:
        T_map_cam = view.T_map_cam.copy()
        T_map_cam[:3, 3] *= scale
        return replace(view, depth=(view.depth * np.float32(scale)).astype(np.float32),
                       T_map_cam=T_map_cam)

    if scale == 1.0:
        return scene
    return replace(scene, views=tuple(grow(view) for view in scene.views),
                   frames=tuple(tuple(grow(view) for view in frame) for frame in scene.frames))
