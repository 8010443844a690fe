# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a camera saw, as files: a folder that `prepare` reads like any RGB-D folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
import re
import shutil

from inspatio_ros.contracts import F64, SensorFrame
from inspatio_ros.motion.transforms import quaternion_xyzw
from inspatio_ros.robot.messages import millimetres_of
import numpy as np

_NUMBERED = re.compile(r'view_(\d+)')
# Others may be saving into the same folder.
_ATTEMPTS = 100


def views_folder(asked: str) -> Path:
    """Return where views go: what was asked for, else beside the logs of ROS."""
    if asked:
        return Path(asked).expanduser()
    return Path(os.environ.get('ROS_HOME') or Path.home() / '.ros') / 'inspatio_views'


def save_view(folder: Path, frame: SensorFrame, T_map_base: F64) -> Path:
    """
    Write what a camera saw into a new folder `view_N`.

    It holds color_1.png, depth_1.png (uint16 millimetres, 0 = none), depth_1.npy (float32 metres,
    as it was), observed_1.png, camera.json, poses.txt (camera to map) and pose.json.

    :param folder: the new one lies in it and nowhere else; made if missing.
    :param frame: with colour, depth and observed.
    :param T_map_base: (4, 4) of the robot.
    :returns: the new folder; it is there as a whole or not at all.
    :raises OSError: the disk is full, no right to write, and so on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f'.view.saving-{os.getpid()}'
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        _write(partial, frame, T_map_base)
        return _placed(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write(folder: Path, frame: SensorFrame, T_map_base: F64) -> None:
    from PIL import Image
    assert frame.rgb is not None and frame.depth is not None and frame.observed is not None
    Image.fromarray(frame.rgb).save(folder / 'color_1.png')
    Image.fromarray(millimetres_of(frame.depth)).save(folder / 'depth_1.png')
    np.save(folder / 'depth_1.npy', frame.depth)
    Image.fromarray(frame.observed).save(folder / 'observed_1.png')
    camera = frame.intrinsics
    _write_json(folder / 'camera.json', {
        'width': camera.width, 'height': camera.height, 'fx': camera.fx, 'fy': camera.fy,
        'cx': camera.cx, 'cy': camera.cy, 'depth_scale': 1000.0})
    numbers = [*frame.T_map_cam[:3, 3].tolist(), *quaternion_xyzw(frame.T_map_cam).tolist()]
    (folder / 'poses.txt').write_text(' '.join(map(repr, numbers)) + '\n')
    _write_json(folder / 'pose.json', {
        'stamp_ns': frame.stamp_ns, 'T_map_camera': frame.T_map_cam.tolist(),
        'T_map_base': T_map_base.tolist()})


def _write_json(path: Path, content: dict[str, object]) -> None:
    path.write_text(json.dumps(content, indent=2) + '\n')


def _placed(partial: Path, folder: Path) -> Path:
    """Give a whole folder the next free number; a link of that name is not followed."""
    numbers = [int(match[1]) for path in folder.iterdir()
               if (match := _NUMBERED.fullmatch(path.name))]
    first = max(numbers, default=0) + 1
    for number in range(first, first + _ATTEMPTS):
        target = folder / f'view_{number:04d}'
        if not os.path.lexists(target):
            try:
                partial.rename(target)
                return target
            except FileExistsError:
                continue
    raise FileExistsError(f'{folder}: no free name from view_{first:04d} on')
