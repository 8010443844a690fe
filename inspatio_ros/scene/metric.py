# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How large a world is that pictures alone have shown: they know everything but its size."""

from __future__ import annotations

from dataclasses import dataclass, replace
import math

from inspatio_ros.scene.align import ASSUMED_CAMERA_HEIGHT_M, place_in_map, Placement
from inspatio_ros.scene.scene import Scene, View
import numpy as np

# Where no floor is seen either: how far things are from a camera, in the middle.
ASSUMED_DEPTH_M = 3.0


@dataclass(frozen=True)
class Scale:
    """
    The size of a world, and how it is known.

    :param metres_per_unit: of the poses.
    :param source: in words.
    :param guessed: nobody said and nothing showed it.
    """

    metres_per_unit: float
    source: str
    guessed: bool = False


def place_with_scale(scene: Scene, metric: bool, scale: float | None,
                     camera_height_m: float | None) -> tuple[Scene, Placement, Scale]:
    """
    Bring a scene to metres and into `map`.

    The size comes from `scale`; else from the poses, if they are metric; else the camera is as
    high over the floor as given, or at ASSUMED_CAMERA_HEIGHT_M; without a floor the middle depth
    is ASSUMED_DEPTH_M.

    :param scene: its poses and depths share one unit.
    :param metric: whether that is the metre.
    :param scale: metres per unit; None to find it.
    :param camera_height_m: of the first camera over the floor; None to measure or assume it.
    :returns: the scene, its placement, and the scale that was used.
    :raises ValueError: a scale that is not finite and positive.
    """
    if scale is not None and not (math.isfinite(scale) and scale > 0.0):
        raise ValueError(f'scale must be finite and > 0, got {scale!r}')
    found = (Scale(scale, 'given') if scale is not None else
             Scale(1.0, 'metric poses or depth') if metric else
             _scale_from_floor(scene, camera_height_m))
    placed, placement = place_in_map(_scaled(scene, found.metres_per_unit), camera_height_m)
    return placed, placement, found


def _scale_from_floor(scene: Scene, camera_height_m: float | None) -> Scale:
    _, placement = place_in_map(scene)
    floor = placement.floor_height_m
    if floor is None:
        depths = np.concatenate([view.depth[view.measured()] for view in scene.all_views()])
        return Scale(ASSUMED_DEPTH_M / float(np.median(depths)),
                     f'the middle depth, taken to be {ASSUMED_DEPTH_M:g} m', True)
    if camera_height_m is None:
        return Scale(ASSUMED_CAMERA_HEIGHT_M / floor, 'the height of the camera, taken to be '
                     f'{ASSUMED_CAMERA_HEIGHT_M:g} m', True)
    return Scale(camera_height_m / floor, 'the height of the camera')


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
