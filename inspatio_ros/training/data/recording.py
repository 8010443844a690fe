# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What all readers of recordings share: cameras cut to one size, and reasons to refuse them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
import contextlib
from dataclasses import dataclass
from pathlib import Path

import cv2
from inspatio_ros.contracts import F32, F64, Intrinsics, U8
from inspatio_ros.motion.transforms import check_rigid, orthonormalised
from inspatio_ros.scene.formats.depth_sequence import depth_files, read_foreign_depth
from inspatio_ros.scene.reconstruction.video import read_chosen, VIDEO_SUFFIXES
from inspatio_ros.scene.scene import Scene, TimeMode, View
from inspatio_ros.training.data.writing import RefusedError
import numpy as np
import torch
from torch import Tensor

# What text files round off a rotation, at most.
_ROUNDED_POSE = 1e-3


@dataclass(frozen=True)
class Camera:
    """
    What one camera saw.

    :param rgb: (F, H, W, 3) uint8.
    :param depth: (F, H, W) float32, metres along +Z; NaN unknown.
    :param K: (3, 3) float64, pixels.
    :param T_world_cam: (F, 4, 4) float64, optical frame to world, metres.
    """

    rgb: U8
    depth: F32
    K: F64
    T_world_cam: F64


@contextlib.contextmanager
def refusing() -> Iterator[None]:
    """Turn what is wrong with an input into a reason to refuse it."""
    try:
        yield
    except RefusedError:
        raise
    except (ValueError, OSError, KeyError) as error:
        raise RefusedError(str(error)) from error


def frames_of(video: Path, indices: list[int]) -> list[U8]:
    """
    Return some frames of a video.

    :param indices: increasing.
    :raises RefusedError: it has fewer.
    """
    frames = list(read_chosen(video, indices))
    if len(frames) < len(indices):
        raise RefusedError(f'{video.name}: is too short: frame {indices[len(frames)]} is needed')
    return frames


def depth_of(folder: Path, indices: list[int], size: tuple[int, int],
             units_per_metre: float | None = None) -> list[F32]:
    """
    Return some depth maps of a folder.

    :param size: expected (width, height).
    :raises RefusedError: no folder, or fewer maps.
    """
    if not folder.is_dir():
        raise RefusedError(f'depth is missing: no folder {folder.name} with one map per frame')
    files = depth_files(folder)
    if len(files) <= indices[-1]:
        raise RefusedError(f'{folder.name}: has {len(files)} depth maps, number {indices[-1]} is '
                           'needed')
    return [read_foreign_depth(files[k], size, 'the picture', units_per_metre) for k in indices]


def rigid(poses: F64, what: str) -> F64:
    """
    Return poses as text files have them, cleaned up.

    :param poses: (N, 4, 4).
    :raises RefusedError: NaN, or no poses at all.
    """
    with refusing():
        for number, T in enumerate(poses):
            check_rigid(T, f'{what}: pose {number}', _ROUNDED_POSE)
    return np.array([orthonormalised(orthonormalised(T)) for T in poses])


def video_beside(place: Path, *names: str) -> Path:
    """
    Return the video that has one of some names.

    :raises RefusedError: there is none.
    """
    for name in names:
        for suffix in VIDEO_SUFFIXES:
            if (place / f'{name}{suffix}').is_file():
                return place / f'{name}{suffix}'
    raise RefusedError(f'the video is missing: {" or ".join(names)} with any of '
                       f'{", ".join(VIDEO_SUFFIXES)}')


def fitted(frames: list[U8], depth: list[F32], K: F64, T_world_cam: F64,
           size: tuple[int, int]) -> Camera:
    """
    Return what a camera saw at another size: the middle, cut to the shape, then made smaller.

    :param size: (width, height).
    """
    height, width = frames[0].shape[:2]
    share = min(width / size[0], height / size[1])
    wide, high = round(share * size[0]), round(share * size[1])
    left, top = (width - wide) // 2, (height - high) // 2
    rows, columns = slice(top, top + high), slice(left, left + wide)
    rgb = [cv2.resize(frame[rows, columns], size, interpolation=cv2.INTER_AREA)
           for frame in frames]
    # Depth is never mixed: half way between object and wall there is nothing.
    near = [cv2.resize(it[rows, columns], size, interpolation=cv2.INTER_NEAREST_EXACT)
            for it in depth]
    camera = Intrinsics(wide, high, K[0, 0], K[1, 1], K[0, 2] - left, K[1, 2] - top)
    return Camera(np.array(rgb), np.array(near), camera.scaled(*size).K, T_world_cam)


def as_scene(camera: Camera, fps: float) -> Scene:
    """Return what a camera saw as a scene of which nothing else is known."""
    views = tuple((view,) for view in _views(camera, 'recording'))
    return Scene('recording', frames=views, fps=fps, time_mode=TimeMode.ONCE)


def as_still_scene(cameras: Sequence[Camera]) -> Scene:
    """
    Return the first picture of each camera as a scene in which nothing moves.

    :param cameras: one or more.
    """
    return Scene('still', tuple(_views(camera, f'view {number}')[0]
                                for number, camera in enumerate(cameras)))


def _views(camera: Camera, name: str) -> list[View]:
    height, width = camera.depth.shape[1:]
    K = camera.K
    intrinsics = Intrinsics(width, height, K[0, 0], K[1, 1], K[0, 2], K[1, 2])
    return [View(rgb, depth, intrinsics, T, name) for rgb, depth, T
            in zip(camera.rgb, camera.depth, camera.T_world_cam)]


def as_record(cameras: list[Camera], fps: float, source: str, targets: str = '',
              ) -> tuple[dict[str, Tensor], dict[str, str]]:
    """
    Return the tensors and notes of a shard of pixels with one record.

    :param cameras: of one size and with the same intrinsics, at the same times.
    :param targets: numbers of the cameras that may be painted, with commas; empty = all.
    :raises RefusedError: cameras that differ.
    """
    first = cameras[0]
    for number, camera in enumerate(cameras[1:], start=1):
        if not np.allclose(camera.K, first.K, rtol=1e-3):
            raise RefusedError(f'cameras 0 and {number} have different intrinsics')
    fields = {'rgb': [it.rgb for it in cameras], 'depth': [it.depth for it in cameras],
              'T_world_cam': [it.T_world_cam for it in cameras]}
    tensors = {name: torch.from_numpy(np.array(values))[None] for name, values in fields.items()}
    tensors['depth'] = tensors['depth'].half()
    tensors['K'] = torch.from_numpy(first.K)[None]
    notes = {'source': source, 'fps': repr(fps)}
    return tensors, {**notes, 'targets': targets} if targets else notes
