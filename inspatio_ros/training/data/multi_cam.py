# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
MultiCamVideo, the data set of ReCamMaster: ten cameras that film one moving scene.

    f24_aperture5/scene12/videos/cam01.mp4 ... cam10.mp4
    f24_aperture5/scene12/cameras/camera_extrinsics.json
    f24_aperture5/scene12/depth/cam01/*.npy             ours: it comes without depth

The focal length in mm is part of the folder's name. A camera of a frame is a text of four rows,
the transpose of camera to world as Unreal Engine has it: centimetres, left-handed, the camera
looks along x, y is right, z is up.
"""

from __future__ import annotations

import json
from pathlib import Path
import re
from typing import Any

from inspatio_ros.contracts import F64
from inspatio_ros.training.data.recording import (
    as_record, depth_of, fitted, frames_of, refusing, rigid, video_beside)
from inspatio_ros.training.data.writing import RefusedError
import numpy as np
from torch import Tensor

SENSOR_MM = 23.76
FPS = 15.0
_CM = 0.01
# Optical axes (right, down, forward) in terms of Unreal's (forward, right, up).
_UNREAL_FROM_OPTICAL = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
# Mirrors the world, so that it is right-handed.
_MIRROR = np.diag([1.0, -1.0, 1.0])


def scenes(folder: Path) -> list[Path]:
    """
    Return the folders of scenes.

    :raises ValueError: there is none.
    """
    found = sorted(path.parent for path in folder.rglob('videos') if path.is_dir())
    if not found:
        raise ValueError(f'{folder}: holds no scenes (SCENE/videos/cam01.mp4)')
    return found


def pose_of(text: str) -> F64:
    """
    Return camera to world, optical frame, right-handed world, metres.

    :param text: `[a b c 0] [d e f 0] [g h i 0] [x y z 1]`.
    :raises ValueError: another text.
    """
    numbers = [float(word) for word in re.findall(r'[^\s\[\],]+', text)]
    if len(numbers) != 16:
        raise ValueError(f'a camera has {len(numbers)} numbers, not 16')
    unreal = np.array(numbers).reshape(4, 4).T
    T = np.eye(4)
    # Both the world and the camera's axes are mirrored: the result is a rotation.
    T[:3, :3] = _MIRROR @ unreal[:3, :3] @ _UNREAL_FROM_OPTICAL
    T[:3, 3] = _MIRROR @ unreal[:3, 3] * _CM
    return T


def _pose(table: dict[str, Any], frame: str, name: str) -> F64:
    cameras = table.get(frame)
    text = cameras.get(name) if isinstance(cameras, dict) else None
    if not isinstance(text, str):
        raise RefusedError(f'the poses are missing: no {name} in {frame}')
    return pose_of(text)


def read_scene(folder: Path, frames: int, size: tuple[int, int], names: tuple[str, ...],
               ) -> tuple[dict[str, Tensor], dict[str, str]]:
    """
    Make a record of some cameras of a scene.

    :param names: of the cameras: cam01 and so on.
    :param size: (width, height).
    :raises RefusedError: videos, depth or poses are missing or too few.
    """
    with refusing():
        focal = re.match(r'f([\d.]+)_', folder.parent.name)
        if focal is None:
            raise RefusedError(f'the folder {folder.parent.name} does not say the focal length '
                               '(f24_aperture5)')
        file = folder / 'cameras' / 'camera_extrinsics.json'
        if not file.is_file():
            raise RefusedError('the poses are missing: no cameras/camera_extrinsics.json')
        table = json.loads(file.read_text(encoding='utf-8'))
        if not isinstance(table, dict):
            raise RefusedError(f'{file.name}: is no table of frames')
        if len(table) < frames:
            raise RefusedError(f'has poses of {len(table)} frames, {frames} are needed')
        numbers = list(range(frames))
        cameras = []
        for name in names:
            poses = rigid(np.array([_pose(table, f'frame{k}', name) for k in numbers]), name)
            pictures = frames_of(video_beside(folder / 'videos', name), numbers)
            height, width = pictures[0].shape[:2]
            pixels = float(focal[1]) / SENSOR_MM * width
            K = np.array([[pixels, 0.0, 0.5 * (width - 1)], [0.0, pixels, 0.5 * (height - 1)],
                          [0.0, 0.0, 1.0]])
            depth = depth_of(folder / 'depth' / name, numbers, (width, height))
            cameras.append(fitted(pictures, depth, K, poses, size))
        return as_record(cameras, FPS, f'MultiCamVideo {folder.parent.name}/{folder.name}')
