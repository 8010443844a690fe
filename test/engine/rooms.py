# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A small room whose views are traced exactly."""

from inspatio_ros.contracts import Intrinsics, Spawn
from inspatio_ros.motion.transforms import pose_rpy, T_LINK_OPTICAL
from inspatio_ros.scene.scene import Scene, TimeMode, View
import numpy as np

CAMERA = Intrinsics.from_hfov(96, 72, 1.4)
# Half sizes of the room, metres; floor at 0.
HALF_X, HALF_Y, HEIGHT = 3.0, 2.0, 2.5


def pose(x: float, y: float, yaw: float, z: float = 0.8) -> np.ndarray:
    """Return T_map_cam of a level camera."""
    return pose_rpy(x, y, z, yaw=yaw) @ T_LINK_OPTICAL


def trace(T_map_cam: np.ndarray, camera: Intrinsics = CAMERA) -> tuple[np.ndarray, np.ndarray]:
    """Return colour and depth of the empty room: smooth stripes on six planes."""
    v, u = np.mgrid[0:camera.height, 0:camera.width]
    rays = np.stack([u, v, np.ones_like(u)], axis=-1) @ np.linalg.inv(camera.K).T
    rays = rays @ T_map_cam[:3, :3].T
    origin = T_map_cam[:3, 3]
    low, high = np.array([-HALF_X, -HALF_Y, 0.0]), np.array([HALF_X, HALF_Y, HEIGHT])
    with np.errstate(divide='ignore', invalid='ignore'):
        depth = np.where(rays > 0.0, (high - origin) / rays, (low - origin) / rays).min(axis=-1)
    points = origin + rays * depth[..., None]
    rgb = (128 + 90 * np.sin(2.0 * points + [0.0, 1.0, 2.0])).astype(np.uint8)
    return rgb, depth.astype(np.float32)


def view(name: str, T_map_cam: np.ndarray) -> View:
    """Return a traced view."""
    rgb, depth = trace(T_map_cam)
    return View(rgb, depth, CAMERA, T_map_cam, name)


def lamp(name: str, level: int) -> View:
    """Return a view of a patch in front of the far wall, of one colour, nothing around it."""
    rgb = np.full((72, 96, 3), level, np.uint8)
    depth = np.full((72, 96), np.nan, np.float32)
    depth[30:42, 40:56] = 2.0
    return View(rgb, depth, CAMERA, pose(-1.0, 0.0, 0.0), name)


def room() -> Scene:
    """Return four static views around the room, and a patch that changes colour at 2 Hz."""
    views = tuple(view(f'yaw{k}', pose(0.3 * k - 0.5, 0.0, 0.5 * np.pi * k)) for k in range(4))
    frames = tuple((lamp(f'lamp{k}', 20 + 50 * k),) for k in range(4))
    return Scene('room', views, frames, 2.0, TimeMode.LOOP, Spawn(-1.0, 0.0, 0.0, 0.0, 0.8))
