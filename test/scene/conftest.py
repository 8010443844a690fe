# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A small room that is traced exactly, and a writer of the formats that are imported."""

from dataclasses import replace
import math
import shutil

from foreign_formats import Writer
from inspatio_ros.contracts import Intrinsics
from inspatio_ros.scene.scene import Scene, View
import numpy as np
import pytest

CAMERA = Intrinsics(96, 72, 70.0, 72.0, 47.0, 36.5)


class Room:
    """An empty room of 8 x 6 x 2.8 m around x = y = 0, floor at z = 0, one colour per wall."""

    low = np.array([-4.0, -3.0, 0.0])
    high = np.array([4.0, 3.0, 2.8])

    def pose(self, x=0.0, y=0.0, z=1.2, yaw=0.0, pitch=0.0, roll=0.0):
        """T_room_cam of a camera that looks along x at yaw 0; a positive pitch looks down."""
        cy, sy, cp, sp = math.cos(yaw), math.sin(yaw), math.cos(pitch), math.sin(pitch)
        cr, sr = math.cos(roll), math.sin(roll)
        Rz = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
        Ry = np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
        Rx = np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])
        T = np.eye(4)
        T[:3, :3] = Rz @ Ry @ Rx @ np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])
        T[:3, 3] = x, y, z
        return T

    def view(self, T, name='view', camera=CAMERA, noise=0.0, seed=0):
        """Trace the room; noise is relative and Gaussian in the inverse depth."""
        v, u = np.mgrid[0:camera.height, 0:camera.width]
        rays = np.stack(((u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy,
                         np.ones(u.shape)), axis=-1) @ T[:3, :3].T
        with np.errstate(divide='ignore'):
            far = np.maximum((self.low - T[:3, 3]) / rays, (self.high - T[:3, 3]) / rays)
        depth = far.min(axis=-1)
        if noise:
            rng = np.random.default_rng(seed)
            depth = 1.0 / (1.0 / depth + noise * rng.standard_normal(depth.shape))
        wall = 2 * far.argmin(axis=-1) + (rays[..., 2] > 0)
        rgb = np.stack((40 * wall, 255 - 40 * wall, 2 * u), axis=-1)
        return View(rgb.astype(np.uint8), depth.astype(np.float32), camera, T, name)

    def scene(self, noise=0.0):
        """Four views of a short walk with a tilted camera."""
        poses = [self.pose(-3 + 0.3 * i, 0.1 * i, 1.2, 0.1 * i, 0.2, 0.03) for i in range(4)]
        return Scene('room', tuple(self.view(T, f'view {i}', noise=noise, seed=i)
                                   for i, T in enumerate(poses)))

    def clip(self, count=5):
        """Build a scene of frames only."""
        poses = [self.pose(-3 + 0.2 * i, yaw=0.05 * i, pitch=0.15) for i in range(count)]
        return Scene('clip', (), tuple((self.view(T, f'frame {i}'),)
                                       for i, T in enumerate(poses)), fps=10.0)


@pytest.fixture(scope='session')
def room():
    return Room()


@pytest.fixture
def turned():
    """Move a scene into a world with another up, another origin."""
    def turn(scene):
        axis, angle = np.array([0.3, -0.5, 0.81]), 1.1
        axis = axis / np.linalg.norm(axis)
        K = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
        T = np.eye(4)
        T[:3, :3] = np.eye(3) + math.sin(angle) * K + (1 - math.cos(angle)) * K @ K
        T[:3, 3] = 3.0, -7.0, 11.0

        def move(view):
            return replace(view, T_map_cam=T @ view.T_map_cam)

        return replace(scene, views=tuple(map(move, scene.views)),
                       frames=tuple(tuple(map(move, frame)) for frame in scene.frames))
    return turn


@pytest.fixture(scope='session')
def writer():
    return Writer()


@pytest.fixture
def rgbd(tmp_path, room, turned, writer):
    """Return an RGB-D folder and the scene that is in it."""
    scene = turned(room.scene())
    return writer.rgbd(tmp_path / 'rec', scene), scene


@pytest.fixture(scope='module')
def clip_once(tmp_path_factory, room, writer):
    """Return the folders of one clip with depth of every kind; not to be changed."""
    folder = tmp_path_factory.mktemp('clip')
    return {kind: writer.clip(folder / kind, room.clip(), kind) for kind in ('npy', 'npz', 'png')}


@pytest.fixture
def clip(tmp_path, clip_once):
    return shutil.copytree(clip_once['npy'], tmp_path / 'clip')
