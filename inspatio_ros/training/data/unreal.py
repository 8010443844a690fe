# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Folders as an engine renders them: pictures, depth and poses of several cameras.

    SEQUENCE/CAMERA/camera.json     width, height, fx, fy, cx, cy, depth_scale (of PNG depth)
    SEQUENCE/CAMERA/poses.txt       camera to world per frame, optical axes, metres
    SEQUENCE/CAMERA/rgb/*.png
    SEQUENCE/CAMERA/depth/*.exr     float metres along the optical axis; or *.png, uint16

Frames are in the order of the numbers in their names. Unreal Engine itself is left-handed and
counts centimetres: turn what it exports into this form once.
"""

from __future__ import annotations

import os
from pathlib import Path

import cv2
from inspatio_ros.contracts import F32
from inspatio_ros.scene.formats.depth_sequence import in_natural_order, unknown_as_nan
from inspatio_ros.scene.formats.poses import read_camera_json, read_poses
from inspatio_ros.scene.images import read_rgb
from inspatio_ros.training.data.recording import as_record, Camera, depth_of, fitted, refusing
from inspatio_ros.training.data.writing import RefusedError
import numpy as np
from torch import Tensor

_PICTURES = ('.png', '.jpg', '.jpeg')


def sequences(folder: Path) -> list[Path]:
    """
    Return the folders of sequences.

    :raises ValueError: there is none.
    """
    found = sorted({path.parent.parent for path in folder.rglob('camera.json')})
    if not found:
        raise ValueError(f'{folder}: holds no sequences (SEQUENCE/CAMERA/camera.json)')
    return found


def read_sequence(folder: Path, frames: int, size: tuple[int, int], fps: float,
                  ) -> tuple[dict[str, Tensor], dict[str, str]]:
    """
    Make a record of all cameras of a sequence.

    :param size: (width, height).
    :param fps: frames per second that it was rendered with.
    :raises RefusedError: fewer than two cameras; pictures, depth or poses missing or too few.
    """
    with refusing():
        places = sorted(path.parent for path in folder.glob('*/camera.json'))
        if len(places) < 2:
            raise RefusedError(f'has {len(places)} camera, 2 are needed')
        cameras = [_camera(place, frames, size) for place in places]
        return as_record(cameras, fps, f'engine {folder.name}')


def _camera(place: Path, frames: int, size: tuple[int, int]) -> Camera:
    camera, scale = read_camera_json(place / 'camera.json')
    if not (place / 'poses.txt').is_file():
        raise RefusedError(f'the poses are missing: no {place.name}/poses.txt')
    poses = read_poses(place / 'poses.txt')
    files = in_natural_order([path for path in (place / 'rgb').glob('*')
                              if path.suffix.lower() in _PICTURES])
    if min(len(poses), len(files)) < frames:
        raise RefusedError(f'{place.name}: has {len(files)} pictures and {len(poses)} poses, '
                           f'{frames} are needed')
    own = (camera.width, camera.height)
    pictures = [read_rgb(path, 'rgb', own) for path in files[:frames]]
    exr = in_natural_order(list((place / 'depth').glob('*.exr')))
    if exr and len(exr) < frames:
        raise RefusedError(f'{place.name}: has {len(exr)} depth maps, {frames} are needed')
    depth = ([read_exr(path, own) for path in exr[:frames]] if exr
             else depth_of(place / 'depth', list(range(frames)), own, scale))
    return fitted(pictures, depth, camera.K, poses[:frames], size)


def read_exr(path: Path, size: tuple[int, int]) -> F32:
    """
    Read depth from the first channel of an EXR file.

    :param size: expected (width, height).
    :returns: (H, W) float32 metres; what is zero, negative or NaN becomes NaN.
    :raises RefusedError: it cannot be read, or has another size.
    """
    # OpenCV reads the format only when it is asked to, for the process.
    os.environ.setdefault('OPENCV_IO_ENABLE_OPENEXR', '1')
    try:
        read = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise RefusedError(f'{path.name}: cannot be read: {error}') from error
    if read is None:
        raise RefusedError(f'{path.name}: cannot be read as EXR')
    depth = read if read.ndim == 2 else read[..., -1]
    if depth.shape != size[::-1]:
        raise RefusedError(f'{path.name}: is {depth.shape[1]}x{depth.shape[0]} pixels, the camera '
                           f'{size[0]}x{size[1]}')
    return unknown_as_nan(np.ascontiguousarray(depth, np.float32))
