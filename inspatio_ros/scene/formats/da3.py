# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Depth-Anything-3 output folder -> scene of frames.

`extrinsic.txt` holds three rows (3x4 world-to-camera) per frame, `intrinsic.txt` three rows (3x3)
per frame, every depth map is a PNG whose RGBA bytes are one little-endian float32 per pixel, and
the video lies beside them. The camera matrices belong to another picture size: they are scaled so
that the principal point comes to the middle of the depth map.
"""

from __future__ import annotations

from collections.abc import Callable
import logging
from pathlib import Path

from inspatio_ros.contracts import F32, F64, Intrinsics, U8
from inspatio_ros.scene.formats.clip import halved, scene_of_frames
from inspatio_ros.scene.formats.depth_sequence import in_natural_order
from inspatio_ros.scene.formats.poses import (check_count, read_camera_matrices,
                                              read_world_to_camera)
from inspatio_ros.scene.images import check_size, image_size, read_rgba_bytes
from inspatio_ros.scene.parallel import in_parallel, Progress
from inspatio_ros.scene.reconstruction.video import read_video, VIDEO_SUFFIXES
from inspatio_ros.scene.scene import Scene
import numpy as np

# Depth maps of another size than the video are accepted up to this difference of the aspect.
_ASPECT_TOLERANCE = 0.02
_log = logging.getLogger(__name__)


def is_da3_folder(folder: Path) -> bool:
    """Say whether a folder holds extrinsic.txt or intrinsic.txt."""
    return (folder / 'extrinsic.txt').is_file() or (folder / 'intrinsic.txt').is_file()


def read_da3_folder(folder: Path, progress: Progress | None = None) -> Scene:
    """
    Read a Depth-Anything-3 output folder, in its own world frame.

    Depth that is zero, negative or not finite is unknown. The pictures are brought to the size of
    the depth maps where it differs: depth is never resampled.

    :param folder: the two text files, depth PNGs in it or in its folder `depth`, and the video in
        it or beside it.
    :param progress: called as progress(pictures done, pictures in all).
    :returns: a scene with one view per frame, poses as in the file (see `place_in_map`).
    :raises ValueError: naming the file, the field and both values.
    """
    poses = read_world_to_camera(folder / 'extrinsic.txt')
    matrices = read_camera_matrices(folder / 'intrinsic.txt')
    files = _depth_files(folder)
    check_count(folder / 'extrinsic.txt', len(poses), len(files), 'poses', 'depth maps')
    check_count(folder / 'intrinsic.txt', len(matrices), len(files), 'matrices', 'depth maps')
    size = image_size(files[0], 'depth')
    cameras = [_centred(folder / 'intrinsic.txt', K, size) for K in matrices]
    video = _the_video(folder)
    halves = halved(progress)
    pictures, fps = read_video(video, len(files), f'depth maps of {folder}', progress=halves[0])
    resize = _resizer(video, (pictures[0].shape[1], pictures[0].shape[0]), size)
    depths = in_parallel(lambda path: _read_depth(path, size, files[0]), files, halves[1])
    return scene_of_frames(video, in_parallel(resize, pictures), depths,
                           cameras, poses, fps)


def _centred(path: Path, K: F64, size: tuple[int, int]) -> Intrinsics:
    """Scale a camera matrix from the size 2cx x 2cy, at which it holds, to the picture's."""
    width, height = size
    if not (K[0, 2] > 0.0 and K[1, 2] > 0.0):
        raise ValueError(f'{path}: the principal point is {K[0, 2]:g}, {K[1, 2]:g}, '
                         'expected > 0')
    return Intrinsics(width, height, float(K[0, 0] * width / (2.0 * K[0, 2])),
                      float(K[1, 1] * height / (2.0 * K[1, 2])), 0.5 * width, 0.5 * height)


def _depth_files(folder: Path) -> list[Path]:
    for place in (folder / 'depth', folder):
        files = in_natural_order(list(place.glob('*.png'))) if place.is_dir() else []
        if files:
            return files
    raise ValueError(f'{folder}: there are no depth PNGs in it or in its folder "depth"')


def _the_video(folder: Path) -> Path:
    for place in (folder, folder.resolve().parent):
        videos = sorted(path for path in place.iterdir()
                        if path.suffix.lower() in VIDEO_SUFFIXES)
        if len(videos) > 1:
            names = ', '.join(path.name for path in videos)
            raise ValueError(f'{place}: holds {len(videos)} videos ({names}), expected one')
        if videos:
            return videos[0]
    raise ValueError(f'{folder}: there is no video in it or beside it')


def _read_depth(path: Path, size: tuple[int, int], first: Path) -> F32:
    pixels = read_rgba_bytes(path, 'depth')
    check_size(path, 'depth', (pixels.shape[1], pixels.shape[0]), size, first.name)
    depth = pixels.view('<f4')[..., 0].astype(np.float32)
    with np.errstate(invalid='ignore'):
        return np.where((depth > 0.0) & np.isfinite(depth), depth, np.float32(np.nan))


def _resizer(video: Path, found: tuple[int, int], size: tuple[int, int]) -> Callable[[U8], U8]:
    """Return what brings a picture of the video to the size of the depth maps."""
    if found == size:
        return lambda rgb: rgb
    if abs(found[0] * size[1] / (found[1] * size[0]) - 1.0) > _ASPECT_TOLERANCE:
        raise ValueError(f'{video}: video is {found[0]}x{found[1]} pixels, the depth maps are '
                         f'{size[0]}x{size[1]}: another aspect ratio')
    _log.warning('%s: video of %dx%d pixels is brought to the %dx%d of the depth maps', video,
                 *found, *size)
    from PIL import Image
    return lambda rgb: np.array(Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS))
