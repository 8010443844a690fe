# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Scene folder of version 1.5 -> scene.

Only a sentence describes that layout; docs/scene_format.md says how it is read here. In short:
`scene.json`; pictures `input/view_NN.png` (static views) or `input/video.mp4` (frames);
`depth/*.png` uint16, one per picture, where v stands for `min + v / 65535 * (max - min)` metres
with min and max from `metadata.txt`; `source_intrinsics.txt` and `source_tcw.txt`
(world-to-camera), one entry per picture (one camera may serve all).
"""

from __future__ import annotations

from pathlib import Path

from inspatio_ros.contracts import F32, F64, Intrinsics
from inspatio_ros.scene.formats.clip import halved, scene_of_frames
from inspatio_ros.scene.formats.depth_sequence import in_natural_order, unknown_as_nan
from inspatio_ros.scene.formats.poses import (check_count, read_camera_matrices, read_number_rows,
                                              read_world_to_camera)
from inspatio_ros.scene.images import check_memory, image_size, read_rgb, read_uint16
from inspatio_ros.scene.parallel import in_parallel, Progress
from inspatio_ros.scene.reconstruction.video import read_video
from inspatio_ros.scene.scene import check_fps, Scene, TimeMode, View
from inspatio_ros.scene.schema import Fields, read_json
import numpy as np

_FULL = 65535.0


def is_v15_folder(folder: Path) -> bool:
    """Say whether a folder holds scene.json and the folder input."""
    return (folder / 'scene.json').is_file() and (folder / 'input').is_dir()


def read_v15_folder(folder: Path, progress: Progress | None = None) -> Scene:
    """
    Read a scene folder of version 1.5, in its own world frame.

    :param folder: the folder.
    :param progress: called as progress(pictures done, pictures in all).
    :returns: a scene whose poses are still those of the file (see `place_in_map`).
    :raises ValueError: naming the file, the field and both values.
    """
    about = Fields(read_json(folder / 'scene.json'), str(folder / 'scene.json'), '')
    poses = read_world_to_camera(folder / 'source_tcw.txt')
    files = in_natural_order(list((folder / 'depth').glob('*.png')))
    check_count(folder / 'depth', len(files), len(poses), 'depth maps', 'poses in source_tcw.txt')
    size = image_size(files[0], 'depth')
    check_memory(len(files) * size[0] * size[1], str(folder))
    cameras = _cameras(folder / 'source_intrinsics.txt', size, len(files))
    ranges = _depth_ranges(folder, files)
    halves = halved(progress)
    depths = in_parallel(lambda item: _read_depth(item[0], size, files[0].name, item[1]),
                         list(zip(files, ranges, strict=True)), halves[0])
    stills = in_natural_order(list((folder / 'input').glob('view_*.png')))
    video = folder / 'input' / 'video.mp4'
    if bool(stills) == video.is_file():
        raise ValueError(f'{folder / "input"}: expected either view_NN.png or video.mp4, found '
                         f'{"both" if stills else "none of them"}')
    if not stills:
        pictures, fps = read_video(video, len(files), f'depth maps in {folder / "depth"}', size,
                                   files[0].name, halves[1])
        if about.has('fps'):
            fps = about.number('fps')
            check_fps(fps, f'{about.file}: fps')
        return _described(scene_of_frames(video, pictures, depths, cameras, poses, fps), about,
                          folder)
    check_count(folder / 'input', len(stills), len(files), 'pictures', 'depth maps')
    colours = in_parallel(lambda path: read_rgb(path, 'colour', size, files[0].name), stills,
                          halves[1])
    parts = zip(colours, depths, cameras, poses, stills, strict=True)
    views = tuple(View(rgb, depth, camera, T_world_cam, path.stem)
                  for rgb, depth, camera, T_world_cam, path in parts)
    return _described(Scene(folder.resolve().name, views), about, folder)


def _described(scene: Scene, about: Fields, folder: Path) -> Scene:
    """Take name, licence and time mode of scene.json where it has them; the rest is foreign."""
    mode = about.text('time_mode', default=scene.time_mode.value)
    if mode not in [known.value for known in TimeMode]:
        raise about.fault('time_mode', repr(mode),
                          ' or '.join(known.value for known in TimeMode))
    return Scene(about.text('name', default=folder.resolve().name), scene.views, scene.frames,
                 scene.fps, TimeMode(mode), licence=about.text('licence', default=''),
                 source=about.text('source', default=f'v1.5 scene folder {folder.name}'))


def _cameras(path: Path, size: tuple[int, int], count: int) -> list[Intrinsics]:
    """Read 3x3 matrices or lines `fx fy cx cy`; one for all pictures or one each."""
    rows = read_number_rows(path)
    if all(len(values) == 4 for _, values in rows):
        numbers = [values for _, values in rows]
    else:
        numbers = [[K[0, 0], K[1, 1], K[0, 2], K[1, 2]] for K in read_camera_matrices(path)]
    if len(numbers) == 1:
        numbers = numbers * count
    check_count(path, len(numbers), count, 'cameras', 'depth maps')
    try:
        return [Intrinsics(*size, *(float(value) for value in four)) for four in numbers]
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from error


def _depth_ranges(folder: Path, files: list[Path]) -> F64:
    """Return (N, 2) min and max, metres; one line for all files or one line each."""
    path = folder / 'depth' / 'metadata.txt'
    if not path.is_file():
        path = folder / 'metadata.txt'
    rows = read_number_rows(path)
    if len(rows) == 1:
        rows = rows * len(files)
    check_count(path, len(rows), len(files), 'lines', 'depth maps')
    for line, values in rows:
        if len(values) != 2:
            raise ValueError(f'{path}: line {line} has {len(values)} numbers, expected 2: min max')
        if not 0.0 <= values[0] < values[1]:
            raise ValueError(f'{path}: line {line}: min {values[0]:g} and max {values[1]:g}, '
                             'expected 0 <= min < max')
    return np.array([values for _, values in rows])


def _read_depth(path: Path, size: tuple[int, int], size_of: str, limits: F64) -> F32:
    units = read_uint16(path, 'depth', size, size_of)
    low, high = limits
    return unknown_as_nan((low + units / _FULL * (high - low)).astype(np.float32))
