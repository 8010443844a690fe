# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Turn a scene of a foreign world into `map`: z up, the first camera above the origin."""

from __future__ import annotations

from dataclasses import dataclass, replace
import math

from inspatio_ros.contracts import F64, Spawn
from inspatio_ros.scene.gravity import estimate_up, floor_height, surface_of
from inspatio_ros.scene.scene import Scene, View
import numpy as np

# Where no floor is seen and nobody says better.
ASSUMED_CAMERA_HEIGHT_M = 1.0


@dataclass(frozen=True)
class Placement:
    """
    How a foreign world was put into `map`.

    :param T_map_world: (4, 4) float64.
    :param up_found: up comes from the surfaces; else the first camera is taken to be level.
    :param floor_height_m: measured height of the first camera over the floor, None if no clear
        floor was seen.
    :param camera_height_m: the height that is used.
    """

    T_map_world: F64
    up_found: bool
    floor_height_m: float | None
    camera_height_m: float

    def summary(self) -> str:
        """Say in words what was found and what was assumed."""
        up = ('up found from the surfaces' if self.up_found
              else 'no level surfaces found, so the first camera is taken to be level')
        if self.floor_height_m is None:
            floor = f'no floor found, camera height {self.camera_height_m:.2f} m assumed'
        elif self.camera_height_m != self.floor_height_m:
            floor = (f'floor found {self.floor_height_m:.2f} m under the camera, '
                     f'{self.camera_height_m:.2f} m given and used')
        else:
            floor = f'floor found {self.floor_height_m:.2f} m under the camera'
        return f'{up}; {floor}'


def place_in_map(scene: Scene, camera_height_m: float | None = None) -> tuple[Scene, Placement]:
    """
    Level a scene and fill its spawn: `map` lies on the floor under the first camera.

    x is the viewing direction of the first camera, z is up. Relative poses do not change.

    :param scene: its poses are in any world frame.
    :param camera_height_m: of the first camera over the floor; None to measure it.
    :returns: the scene in `map`, and what was found.
    :raises ValueError: a camera height that is not finite and positive.
    """
    if camera_height_m is not None and not (math.isfinite(camera_height_m)
                                            and camera_height_m > 0.0):
        raise ValueError(f'camera height must be finite and > 0 m, got {camera_height_m!r}')
    views = scene.all_views()
    T_first = views[0].T_map_cam
    surface = surface_of(views)
    found = estimate_up(surface, _mean_up(views))
    up = -T_first[:3, 1] if found is None else found
    measured = None if found is None else floor_height(surface, up, T_first[:3, 3])
    height = camera_height_m or measured or ASSUMED_CAMERA_HEIGHT_M
    T_map_world = _level(up, T_first, height)
    return _moved(scene, T_map_world, height), Placement(T_map_world, found is not None, measured,
                                                         height)


def _mean_up(views: tuple[View, ...]) -> F64:
    """Return the mean of the cameras' -y axes; of the first camera where they cancel out."""
    mean = -np.mean([view.T_map_cam[:3, 1] for view in views], axis=0)
    norm = float(np.linalg.norm(mean))
    guess: F64 = -views[0].T_map_cam[:3, 1] if norm < 0.1 else mean / norm
    return guess


def _level(up: F64, T_first: F64, height: float) -> F64:
    """Return T_map_world: z along `up`, x along the first camera's view, its foot at 0."""
    forward = T_first[:3, 2] - (T_first[:3, 2] @ up) * up
    if np.linalg.norm(forward) < 1e-3:
        # Looking straight up or down: the top of the picture is ahead.
        top = -T_first[:3, 1]
        forward = top - (top @ up) * up
    x = forward / np.linalg.norm(forward)
    T = np.eye(4)
    T[:3, :3] = np.stack((x, np.cross(up, x), up))
    T[:3, 3] = -T[:3, :3] @ (T_first[:3, 3] - height * up)
    return T


def _moved(scene: Scene, T_map_world: F64, height: float) -> Scene:
    def move(view: View) -> View:
        return replace(view, T_map_cam=T_map_world @ view.T_map_cam)

    views = tuple(move(view) for view in scene.views)
    frames = tuple(tuple(move(view) for view in frame) for frame in scene.frames)
    first = (views or frames[0])[0]
    pitch = -math.asin(float(np.clip(first.T_map_cam[2, 2], -1.0, 1.0)))
    return replace(scene, views=views, frames=frames,
                   spawn=Spawn(camera_height=height, camera_pitch=pitch))
