# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Writers of the formats that are imported, made from their description alone."""

from dataclasses import asdict
import json

from inspatio_ros.scene.detect import ImportOptions
import numpy as np
from PIL import Image
from scipy.spatial.transform import Rotation


def assert_like(read, scene, depth_atol=0.0, pose_atol=1e-9):
    """Compare in the world of the file: colours exactly, depth and poses within tolerances."""
    assert len(read.views) == len(scene.views) and len(read.frames) == len(scene.frames)
    for one, other in zip(read.all_views(), scene.all_views(), strict=True):
        assert np.array_equal(one.rgb, other.rgb)
        np.testing.assert_allclose(one.depth, other.depth, rtol=0, atol=depth_atol)
        np.testing.assert_allclose(one.T_map_cam, other.T_map_cam, atol=pose_atol)


def drop_line(path):
    path.write_text('\n'.join(path.read_text().splitlines()[:-1]))


def set_json(path, **change):
    data = {**json.loads(path.read_text()), **change}
    path.write_text(json.dumps({key: value for key, value in data.items() if value is not None}))


def clip_options(folder):
    return ImportOptions(folder / 'depth', folder / 'poses.txt', folder / 'camera.json')


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
