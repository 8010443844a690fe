# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A small room that is traced exactly, and writers of the formats that are imported."""

from dataclasses import asdict, replace
import json
import math

from inspatio_ros.contracts import Intrinsics
from inspatio_ros.scene.scene import Scene, View
import numpy as np
from PIL import Image
import pytest
from scipy.spatial.transform import Rotation

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


def write_camera(path, camera, **more):
    path.write_text(json.dumps({**asdict(camera), **more}))


def write_rows(path, rows):
    path.write_text('\n'.join(' '.join(repr(float(value)) for value in row) for row in rows))


def write_video(path, pictures, fps=10):
    """Write a lossless video, so that colours can be compared exactly."""
    import av
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('libx264rgb', rate=fps, options={'qp': '0'})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = 'rgb24'
        for rgb in pictures:
            for packet in stream.encode(av.VideoFrame.from_ndarray(rgb, format='rgb24')):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def millimetres(depth):
    """Return what a sensor writes: 0 where nothing came back."""
    return np.where(np.isfinite(depth), np.rint(depth * 1000.0), 0).astype(np.uint16)


class Writer:
    """Write a scene in the foreign formats, from their description alone."""

    def rgbd(self, folder, scene):
        folder.mkdir()
        write_camera(folder / 'camera.json', scene.views[0].intrinsics, depth_scale=1000.0)
        for number, view in enumerate(scene.views, start=1):
            Image.fromarray(view.rgb).save(folder / f'color_{number}.png')
            Image.fromarray(millimetres(view.depth)).save(folder / f'depth_{number}.png')
        write_rows(folder / 'poses.txt', [
            [*view.T_map_cam[:3, 3], *Rotation.from_matrix(view.T_map_cam[:3, :3]).as_quat()]
            for view in scene.views])
        return folder

    def clip(self, folder, scene, depth='npy'):
        folder.mkdir()
        views = [frame[0] for frame in scene.frames]
        write_video(folder / 'clip.mp4', [view.rgb for view in views])
        (folder / 'depth').mkdir()
        for index, view in enumerate(views):
            stem = folder / 'depth' / f'frame_{index}'
            if depth == 'png':
                Image.fromarray(millimetres(view.depth)).save(stem.with_suffix('.png'))
            elif depth == 'npy':
                np.save(stem.with_suffix('.npy'), view.depth)
            else:
                np.savez_compressed(stem.with_suffix('.npz'), depth=view.depth)
        write_rows(folder / 'poses.txt', [view.T_map_cam.ravel() for view in views])
        write_camera(folder / 'camera.json', views[0].intrinsics, depth_scale=1000.0)
        return folder

    def v15(self, folder, scene, low=0.0, high=12.0):
        views = scene.all_views()
        (folder / 'input').mkdir(parents=True)
        (folder / 'depth').mkdir()
        (folder / 'scene.json').write_text(json.dumps({'name': 'from v1.5', 'prompt': 'a room'}))
        if scene.frames:
            write_video(folder / 'input' / 'video.mp4', [view.rgb for view in views])
        for index, view in enumerate(views):
            if not scene.frames:
                Image.fromarray(view.rgb).save(folder / 'input' / f'view_{index:02d}.png')
            units = np.rint((view.depth - low) / (high - low) * 65535.0).astype(np.uint16)
            Image.fromarray(units).save(folder / 'depth' / f'{index:05d}.png')
        (folder / 'metadata.txt').write_text(f'{low} {high}\n')
        write_rows(folder / 'source_intrinsics.txt', views[0].intrinsics.K)
        write_rows(folder / 'source_tcw.txt',
                   [np.linalg.inv(view.T_map_cam)[:3].ravel() for view in views])
        return folder

    def da3(self, folder, scene, scale=1.0):
        """Write matrices at a picture size `scale` times that of the depth maps."""
        folder.mkdir()
        (folder / 'depth').mkdir()
        views = scene.all_views()
        write_video(folder / 'clip.mp4', [view.rgb for view in views])
        for index, view in enumerate(views):
            pixels = np.ascontiguousarray(view.depth, '<f4').view(np.uint8)
            Image.fromarray(pixels.reshape(*view.depth.shape, 4)).save(
                folder / 'depth' / f'{index}.png')
        write_rows(folder / 'extrinsic.txt', np.concatenate(
            [np.linalg.inv(view.T_map_cam)[:3] for view in views]))
        write_rows(folder / 'intrinsic.txt', np.concatenate(
            [np.diag([scale, scale, 1.0]) @ view.intrinsics.K for view in views]))
        return folder


@pytest.fixture(scope='session')
def writer():
    return Writer()
