# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Any video as training data: what it shows, seen from a near view and then from its own again.

    VIDEO.mp4, VIDEO.depth/ (one map per frame), VIDEO.json (width, height, fx, fy, cx, cy)

The near view lacks what the video's own camera had in its back; carried back it has the holes that
a real second camera has. The truth is the frame itself. Poses are not needed: how the camera moved
is the same for both views.
"""

from __future__ import annotations

from pathlib import Path

from inspatio_ros.contracts import CameraTrack, F64
from inspatio_ros.engine.conditioning import Conditioner
from inspatio_ros.motion.transforms import pose_rpy, R_BASE_OPTICAL
from inspatio_ros.scene.formats.poses import read_camera_json
from inspatio_ros.scene.reconstruction.video import survey_video, VIDEO_SUFFIXES
from inspatio_ros.training.data.recording import (
    as_record, as_scene, Camera, depth_of, fitted, frames_of, refusing)
from inspatio_ros.training.data.writing import RefusedError
import numpy as np
from torch import Tensor

# The near view: metres off per metre of typical depth and radians, at most.
_OFF = 0.12
_TURN_RAD = np.radians((2.0, 4.0, 10.0))
# The truth is the second of the two cameras.
_TARGETS = '1'


def videos(folder: Path) -> list[Path]:
    """
    Return the videos of a folder.

    :raises ValueError: there is none.
    """
    found = sorted(path for path in folder.rglob('*') if path.suffix.lower() in VIDEO_SUFFIXES)
    if not found:
        raise ValueError(f'{folder}: holds no video ({", ".join(VIDEO_SUFFIXES)})')
    return found


def read_video_twice(path: Path, frames: int, size: tuple[int, int], seed: int,
                     ) -> tuple[dict[str, Tensor], dict[str, str]]:
    """
    Make a record of a video's beginning: the near view and the video itself.

    :param size: (width, height).
    :param seed: of the near view.
    :raises RefusedError: depth or camera are missing, the video is too short.
    """
    with refusing():
        if not path.with_suffix('.json').is_file():
            raise RefusedError(f'the camera is missing: no {path.stem}.json')
        camera, scale = read_camera_json(path.with_suffix('.json'))
        footage = survey_video(path)
        if len(footage.stamps_s) < frames:
            raise RefusedError(f'has {len(footage.stamps_s)} frames, {frames} are needed')
        numbers = list(range(frames))
        pictures = frames_of(path, numbers)
        depth = depth_of(path.with_suffix('.depth'), numbers, (camera.width, camera.height),
                         scale)
        still = np.tile(np.eye(4), (frames, 1, 1))
        own = fitted(pictures, depth, camera.K, still, size)
        rng = np.random.default_rng([seed, len(path.stem), *path.stem.encode()])
        near = seen_from(own, near_view(rng, float(np.nanmedian(own.depth)), frames),
                         footage.fps)
        return as_record([near, own], footage.fps, f'video {path.stem}', _TARGETS)


def near_view(rng: np.random.Generator, typical_m: float, frames: int) -> F64:
    """
    Return a camera that swings about the origin, (F, 4, 4), optical frame.

    :param typical_m: depth of the place.
    """
    shift = rng.uniform(-1.0, 1.0, 3) * _OFF * typical_m
    turn = rng.uniform(-1.0, 1.0, 3) * _TURN_RAD
    share = np.sin(rng.uniform(0.0, 2.0 * np.pi) + rng.uniform(0.01, 0.1) * np.arange(frames))
    to_base = np.eye(4)
    to_base[:3, :3] = R_BASE_OPTICAL
    return np.array([to_base.T @ pose_rpy(*(s * shift), *(s * turn)) @ to_base for s in share])


def seen_from(camera: Camera, T_world_cam: F64, fps: float) -> Camera:
    """
    Return what a recording shows another camera: black and without depth where it shows nothing.

    :param T_world_cam: (F, 4, 4).
    """
    scene = as_scene(camera, fps)
    frames = len(T_world_cam)
    stamps_ns = np.rint(np.arange(frames) * (1e9 / fps)).astype(np.int64)
    seen = Conditioner(scene, scene.frames[0][0].intrinsics).condition(
        CameraTrack(stamps_ns, T_world_cam), [1] * frames)
    known = (seen.mask_T1HW[:, 0] > 0.0) & (seen.disparity_THW > 0.0)
    depth = np.where(known, 1.0 / np.maximum(seen.disparity_THW.numpy(), 1e-9), np.nan)
    rgb = ((seen.render_T3HW + 1.0) * 127.5).round().clamp(0.0, 255.0) * known[:, None]
    return Camera(rgb.permute(0, 2, 3, 1).numpy().astype(np.uint8), depth.astype(np.float32),
                  camera.K, T_world_cam)
