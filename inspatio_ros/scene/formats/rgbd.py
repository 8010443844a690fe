# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""RGB-D folder -> scene: color_N.png, depth_N.png, camera.json, poses.txt; N from 1."""

from __future__ import annotations

from pathlib import Path
import re

from inspatio_ros.contracts import F64, Intrinsics
from inspatio_ros.scene.depth import metres_from_sensor
from inspatio_ros.scene.formats.poses import check_count, read_camera_json, read_poses
from inspatio_ros.scene.images import check_memory, read_rgb, read_uint16
from inspatio_ros.scene.parallel import in_parallel, Progress
from inspatio_ros.scene.scene import Scene, View

_COLOUR = re.compile(r'color_(\d+)\.png')


def is_rgbd_folder(folder: Path) -> bool:
    """Say whether a folder holds some color_N.png."""
    return folder.is_dir() and any(_COLOUR.fullmatch(path.name) for path in folder.iterdir())


def read_rgbd_folder(folder: Path, progress: Progress | None = None) -> Scene:
    """
    Read an RGB-D folder as static views, in its own world frame.

    `depth_N.png` is uint16 with `depth_scale` units per metre, 0 = none; `poses.txt` holds one
    camera-to-world pose a line (`tx ty tz qx qy qz qw` or a form of `read_poses`).

    :param folder: the folder.
    :param progress: called as progress(views done, views in all).
    :returns: a scene whose poses are still those of the file (see `place_in_map`).
    :raises ValueError: naming the file, the field and both values.
    """
    camera, scale = read_camera_json(folder / 'camera.json')
    if scale is None:
        raise ValueError(f'{folder / "camera.json"}: depth_scale is missing (units of the depth '
                         'pictures per metre)')
    numbers = sorted(int(match[1]) for path in folder.iterdir()
                     if (match := _COLOUR.fullmatch(path.name)))
    missing = sorted(set(range(1, len(numbers) + 1)) - set(numbers))
    if missing:
        raise ValueError(f'{folder}: color_{missing[0]}.png is missing, the last is '
                         f'color_{numbers[-1]}.png')
    check_memory(len(numbers) * camera.width * camera.height, str(folder))
    poses = read_poses(folder / 'poses.txt')
    check_count(folder / 'poses.txt', len(poses), len(numbers), 'poses', 'colour pictures')
    views = in_parallel(lambda n: _view(folder, n, camera, 1.0 / scale, poses[n - 1]), numbers,
                        progress)
    return Scene(folder.resolve().name, tuple(views), source=f'RGB-D folder {folder.name}')


def _view(folder: Path, number: int, camera: Intrinsics, metres_per_unit: float,
          T_world_cam: F64) -> View:
    size = (camera.width, camera.height)
    rgb = read_rgb(folder / f'color_{number}.png', 'colour', size, 'camera.json')
    units = read_uint16(folder / f'depth_{number}.png', 'depth', size, 'camera.json')
    return View(rgb, metres_from_sensor(units, metres_per_unit), camera, T_world_cam,
                f'view {number}')
