# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What is known for certain of a recording: a folder of files, all of them optional.

    camera.json                 width height fx fy cx cy, depth_scale (units per metre)
    poses_3x4.txt or poses.txt  camera to world, row N - 1 is picture N
    color_N.png                 N from 1; or one video, whose frame i (from 0) is picture i + 1
    depth_N.png                 uint16, 0 = unknown
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
import re

from inspatio_ros.contracts import F32, F64, Intrinsics, U8
from inspatio_ros.scene.depth import metres_from_sensor
from inspatio_ros.scene.formats.poses import read_camera_json, read_poses
from inspatio_ros.scene.images import check_size, read_rgb, read_uint16
from inspatio_ros.scene.reconstruction.video import VIDEO_SUFFIXES
import numpy as np

_CAMERA = 'camera.json'
_POSES = ('poses_3x4.txt', 'poses.txt')
_NUMBERED = re.compile(r'(color|depth)_(\d+)\.png')
# Widths and heights of two pictures of the same shape differ by rounding only.
_SHAPE_TOLERANCE = 0.02


@dataclass(frozen=True)
class Truth:
    """
    A truth folder; pictures are still files. Indices count from 0 (color_1.png is picture 0).

    :param camera: None if the folder does not say.
    :param units_per_metre: of depth_N.png; None if the folder does not say.
    :param T_world_cam: (N, 4, 4) camera to the true world; None if the folder does not say.
    :param colour: picture -> color_N.png.
    :param depth: picture -> depth_N.png.
    :param video: holds the pictures where there is no color_N.png; None without one.
    """

    folder: Path
    camera: Intrinsics | None
    units_per_metre: float | None
    T_world_cam: F64 | None
    poses_file: Path | None
    colour: dict[int, Path]
    depth: dict[int, Path]
    video: Path | None

    def poses_of(self, indices: Sequence[int]) -> F64:
        """
        Return the true poses of some pictures.

        :raises ValueError: a picture that the file has no pose of.
        """
        assert self.T_world_cam is not None
        if max(indices) >= len(self.T_world_cam):
            raise ValueError(f'{self.poses_file}: holds {len(self.T_world_cam)} poses, the scene '
                             f'has picture {max(indices) + 1}')
        poses: F64 = self.T_world_cam[list(indices)]
        return poses

    def depth_of(self, index: int, size: tuple[int, int]) -> F32:
        """
        Return a true depth map on the grid of a smaller or larger picture.

        :param size: (width, height) of that grid; each of its pixels takes the nearest one.
        :returns: (height, width) float32, metres along the optical axis, NaN unknown.
        :raises ValueError: damaged, or a picture of another shape.
        """
        assert self.units_per_metre is not None and self.camera is not None
        path = self.depth[index]
        units = read_uint16(path, 'depth', (self.camera.width, self.camera.height), _CAMERA)
        _check_shape(path, (units.shape[1], units.shape[0]), size)
        rows, columns = (np.clip(np.rint((np.arange(n) + 0.5) * old / n - 0.5), 0, old - 1)
                         .astype(int) for n, old in zip(size[::-1], units.shape))
        return metres_from_sensor(units[np.ix_(rows, columns)], 1.0 / self.units_per_metre)

    def has_colour(self) -> bool:
        """Return whether there are any true pictures."""
        return bool(self.colour) or self.video is not None

    def pictures(self, indices: Sequence[int]) -> Iterator[U8]:
        """
        Read some true pictures.

        :param indices: ascending.
        :returns: (H, W, 3) uint8 each, in the size of the file.
        :raises ValueError: one that is missing or damaged.
        """
        if self.colour or self.video is None:
            for index in indices:
                if index not in self.colour:
                    raise ValueError(f'{self.folder}: color_{index + 1}.png is missing, the scene '
                                     f'has picture {index + 1}')
                yield read_rgb(self.colour[index], 'colour')
        else:
            yield from _video_pictures(self.video, indices)


def read_truth(folder: Path) -> Truth:
    """
    Find out what a truth folder holds; text files are read, pictures are not.

    :raises ValueError: no folder, nothing of use in it, or a part that cannot be used; naming
        the file and the field.
    """
    if not folder.is_dir():
        raise ValueError(f'{folder}: there is no such truth folder')
    camera, units = _camera(folder)
    poses_file = next((folder / name for name in _POSES if (folder / name).is_file()), None)
    numbered = _numbered(folder)
    video = None if numbered['color'] else _only_video(folder)
    if not (camera or poses_file or numbered['color'] or numbered['depth'] or video):
        raise ValueError(f'{folder}: holds no truth; expected any of {_CAMERA}, {_POSES[0]}, '
                         'depth_N.png, and color_N.png or a video')
    if numbered['depth'] and units is None:
        missing = 'depth_scale (units per metre) is missing' if camera else 'is missing'
        raise ValueError(f'{folder / _CAMERA}: {missing}; depth_N.png cannot be read without')
    return Truth(folder, camera, units, read_poses(poses_file) if poses_file else None,
                 poses_file, numbered['color'], numbered['depth'], video)


def resized(rgb: U8, size: tuple[int, int], path: Path) -> U8:
    """
    Return a picture in another size.

    :param size: (width, height).
    :param path: where the picture comes from, for the message.
    :raises ValueError: a size of another shape.
    """
    found = (rgb.shape[1], rgb.shape[0])
    if found == size:
        return rgb
    _check_shape(path, found, size)
    import cv2
    method = cv2.INTER_AREA if size[0] < found[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(rgb, size, interpolation=method), np.uint8)


def _check_shape(path: Path, found: tuple[int, int], wanted: tuple[int, int]) -> None:
    scales = wanted[0] / found[0], wanted[1] / found[1]
    if abs(scales[0] / scales[1] - 1.0) > _SHAPE_TOLERANCE:
        check_size(path, 'picture', found, wanted, 'the scene')


def _camera(folder: Path) -> tuple[Intrinsics | None, float | None]:
    path = folder / _CAMERA
    return read_camera_json(path) if path.is_file() else (None, None)


def _numbered(folder: Path) -> dict[str, dict[int, Path]]:
    """Return the numbered pictures by kind and index from 0."""
    found: dict[str, dict[int, Path]] = {'color': {}, 'depth': {}}
    for path in folder.iterdir():
        match = _NUMBERED.fullmatch(path.name)
        if match and match[2] == '0':
            raise ValueError(f'{path}: numbers start at 1')
        if match:
            found[match[1]][int(match[2]) - 1] = path
    return found


def _only_video(folder: Path) -> Path | None:
    videos = sorted(path for path in folder.iterdir() if path.suffix.lower() in VIDEO_SUFFIXES)
    if len(videos) > 1:
        raise ValueError(f'{folder}: holds several videos ({", ".join(p.name for p in videos)}), '
                         'expected one, or color_N.png')
    return videos[0] if videos else None


def _video_pictures(path: Path, indices: Sequence[int]) -> Iterator[U8]:
    """Decode a video once and hand out the frames that are wanted."""
    import av
    wanted = iter(indices)
    index = next(wanted, None)
    last = -1
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise ValueError(f'{path}: holds no video stream')
            container.streams.video[0].thread_type = 'AUTO'
            for last, frame in enumerate(container.decode(video=0)):
                if index is None:
                    return
                if last == index:
                    yield np.asarray(frame.to_ndarray(format='rgb24'), np.uint8)
                    index = next(wanted, None)
    except av.error.FFmpegError as error:
        raise ValueError(f'{path}: frame {last + 1} cannot be decoded: {error}') from error
    if index is not None:
        raise ValueError(f'{path}: has {last + 1} frames, the scene has picture {index + 1}')
