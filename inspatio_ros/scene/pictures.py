# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One picture or a folder of pictures, with depth, poses and camera beside them -> scene."""

from __future__ import annotations

from pathlib import Path

from inspatio_ros.contracts import F64, Intrinsics
from inspatio_ros.scene.formats.depth_sequence import (depth_files, in_natural_order,
                                                       read_foreign_depth)
from inspatio_ros.scene.formats.poses import check_count, read_camera_json, read_poses
from inspatio_ros.scene.images import check_memory, read_rgb
from inspatio_ros.scene.parallel import in_parallel, Progress
from inspatio_ros.scene.scene import Scene, View
import numpy as np

PICTURE_SUFFIXES = ('.png', '.jpg', '.jpeg')


def is_picture_folder(folder: Path) -> bool:
    """Say whether a folder holds pictures and nothing else but folders and texts."""
    return folder.is_dir() and bool(_files(folder))


def read_pictures(source: Path, depth: Path, poses: Path | None, intrinsics: Path,
                  progress: Progress | None = None) -> Scene:
    """
    Read pictures as static views, in the world frame of their poses.

    :param source: a PNG or JPEG file, or a folder of them in the order of their numbers.
    :param depth: folder with one depth map per picture, or the one map of a single picture:
        uint16 .png with the `depth_scale` of the intrinsics file, or float .npy or .npz, metres.
    :param poses: file of one camera-to-world pose per picture; a single picture needs none.
    :param intrinsics: JSON with width, height, fx, fy, cx, cy and perhaps depth_scale.
    :param progress: called as progress(pictures done, pictures in all).
    :returns: a scene with one view per picture, poses as in the file (see `place_in_map`).
    :raises ValueError: naming the file, the field and both values.
    """
    files = _files(source) if source.is_dir() else [source]
    maps = depth_files(depth) if depth.is_dir() else [depth]
    check_count(depth, len(maps), len(files), 'depth maps', f'pictures in {source}')
    camera, scale = read_camera_json(intrinsics)
    check_memory(len(files) * camera.width * camera.height, str(source))
    numbers = range(len(files))
    places = _poses(source, poses, len(files))
    views = in_parallel(lambda n: _view(files[n], maps[n], camera, intrinsics, scale, places[n]),
                        numbers, progress)
    kind = 'pictures' if source.is_dir() else 'picture'
    return Scene(source.resolve().stem, tuple(views), source=f'{kind} {source.name}')


def _files(folder: Path) -> list[Path]:
    return in_natural_order([it for it in folder.iterdir()
                             if it.suffix.lower() in PICTURE_SUFFIXES])


def _poses(source: Path, poses: Path | None, count: int) -> F64:
    if poses is None:
        if count != 1:
            raise ValueError(f'{source}: {count} pictures need --poses: where the camera was for '
                             'each')
        return np.eye(4)[None]
    read = read_poses(poses)
    check_count(poses, len(read), count, 'poses', f'pictures in {source}')
    return read


def _view(file: Path, depth: Path, camera: Intrinsics, intrinsics: Path, scale: float | None,
          T_world_cam: F64) -> View:
    size = (camera.width, camera.height)
    return View(read_rgb(file, 'picture', size, str(intrinsics)),
                read_foreign_depth(depth, size, str(intrinsics), scale), camera, T_world_cam,
                file.name)
