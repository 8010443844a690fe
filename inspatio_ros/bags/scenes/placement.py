# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Which way is up in a recording, and where a robot starts: on the floor, as it did.

The frames of REP-105 are z up, and a scene in one of them keeps it. A frame of another name may be
anything, often the first camera of a visual odometry: where its floors lie across z, the scene is
levelled like a foreign one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
import math

from inspatio_ros.bags.scenes.poses import BASE_FRAMES, FIXED_FRAMES, Poses
from inspatio_ros.bags.tf import NoPoseError
from inspatio_ros.contracts import F64, Spawn
from inspatio_ros.scene.align import ASSUMED_CAMERA_HEIGHT_M, place_in_map
from inspatio_ros.scene.gravity import estimate_up, floor_height, Surface, surface_of
from inspatio_ros.scene.scene import Scene
import numpy as np

_UP: F64 = np.array([0.0, 0.0, 1.0])
# Floors this far from level are told of.
_TILT_DEG = 5.0
_ACROSS_COS = math.cos(math.radians(45.0))


@dataclass(frozen=True)
class Placed:
    """
    A scene with its spawn.

    :param T_map_fixed: (4, 4) from the fixed frame of the recording to the scene's map.
    :param notes: what was found, in words.
    """

    scene: Scene
    T_map_fixed: F64
    notes: list[str]


def place_recording(scene: Scene, poses: Poses, stamp_ns: int,
                    camera_height_m: float | None = None) -> Placed:
    """
    Put the spawn under the first camera; poses stay as they are, if z is up.

    :param scene: in the fixed frame of a recording.
    :param poses: of the recording.
    :param stamp_ns: of the first view.
    :param camera_height_m: of the first camera over the floor; None to measure it.
    :raises ValueError: a height that is not finite and positive.
    """
    if poses.fixed not in FIXED_FRAMES and not _is_upright(scene):
        levelled, placement = place_in_map(scene, camera_height_m)
        return Placed(levelled, placement.T_map_world, [
            f'z of {poses.fixed} is not up, so the scene is levelled: {placement.summary()}'])
    if camera_height_m is not None and not (math.isfinite(camera_height_m)
                                            and camera_height_m > 0.0):
        raise ValueError(f'camera height must be finite and > 0 m, got {camera_height_m!r}')
    T = scene.views[0].T_map_cam
    surface = surface_of(scene.views)
    height, words = _height(surface, T, poses, stamp_ns, camera_height_m)
    # Looking straight down, the top of the picture is ahead.
    ahead = T[:3, 2] if math.hypot(T[0, 2], T[1, 2]) > 1e-3 else -T[:3, 1]
    spawn = Spawn(float(T[0, 3]), float(T[1, 3]), float(T[2, 3]) - height,
                  math.atan2(ahead[1], ahead[0]), height,
                  -math.asin(float(np.clip(T[2, 2], -1.0, 1.0))))
    return Placed(replace(scene, spawn=spawn), np.eye(4), [
        f'the scene keeps the frame {poses.fixed}; {words}', *_tilt(scene, surface, poses.fixed)])


def _is_upright(scene: Scene) -> bool:
    """Say whether z is up, as far as floors and walls tell: a camera may well look down."""
    _, placement = place_in_map(scene)
    return not placement.up_found or bool(placement.T_map_world[2, 2] > _ACROSS_COS)


def _height(surface: Surface, T: F64, poses: Poses, stamp_ns: int, given: float | None,
            ) -> tuple[float, str]:
    if given is not None:
        return given, f'camera height {given:.2f} m given'
    measured = floor_height(surface, _UP, T[:3, 3])
    if measured is not None:
        return measured, f'floor found {measured:.2f} m under the first camera'
    for frame in BASE_FRAMES:
        try:
            height = float(T[2, 3] - poses.at(frame, stamp_ns)[2, 3])
        except NoPoseError:
            continue
        if height > 0.0:
            return height, f'no floor seen, the camera is {height:.2f} m over {frame}'
    height = ASSUMED_CAMERA_HEIGHT_M
    return height, f'no floor seen, camera height {height:.2f} m assumed'


def _tilt(scene: Scene, surface: Surface, fixed: str) -> list[str]:
    """Tell of floors and walls that do not agree with z being up."""
    up = estimate_up(surface, _UP)
    if up is None:
        # Not near z: perhaps where the cameras have it.
        _, placement = place_in_map(scene)
        if not placement.up_found:
            return []
        up = placement.T_map_world[2, :3]
    tilt_deg = math.degrees(math.acos(float(np.clip(up @ _UP, -1.0, 1.0))))
    if tilt_deg < _TILT_DEG:
        return []
    return [f'floors and walls are tilted by {tilt_deg:.0f} degrees against z of {fixed}; is '
            'z up there, and the frame of the camera an optical one (z ahead)?']
