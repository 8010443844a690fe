# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Open whatever somebody points at: find out its kind and turn it into a scene."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
import os
from pathlib import Path

from inspatio_ros.scene.align import place_in_map, Placement
from inspatio_ros.scene.format import is_scene_folder, load_scene
from inspatio_ros.scene.formats.clip import read_clip
from inspatio_ros.scene.formats.da3 import is_da3_folder, read_da3_folder
from inspatio_ros.scene.formats.rgbd import is_rgbd_folder, read_rgbd_folder
from inspatio_ros.scene.formats.scene_v15 import is_v15_folder, read_v15_folder
from inspatio_ros.scene.parallel import Progress
from inspatio_ros.scene.pictures import is_picture_folder, PICTURE_SUFFIXES, read_pictures
from inspatio_ros.scene.reconstruction.video import VIDEO_SUFFIXES
from inspatio_ros.scene.scene import check_fps, Scene, TimeMode

_OTHER_PICTURES = ('.bmp', '.webp', '.tif', '.tiff')
_BAG_SUFFIXES = ('.mcap', '.db3')


@dataclass(frozen=True)
class ImportOptions:
    """
    What somebody says beside the path; None leaves it to the input.

    :param depth: folder with one depth map per frame (videos, pictures).
    :param poses: file of camera-to-world poses (videos, pictures).
    :param intrinsics: JSON file of the camera (videos, pictures).
    :param camera_height_m: of the first camera over the floor.
    :param fps: frames per second.
    :param time_mode: what is shown when the frames are over.
    """

    depth: Path | None = None
    poses: Path | None = None
    intrinsics: Path | None = None
    camera_height_m: float | None = None
    fps: float | None = None
    time_mode: TimeMode | None = None


@dataclass(frozen=True)
class Opened:
    """
    A scene and where it came from.

    :param kind: name of the kind of input.
    :param placement: how a foreign world was put into `map`; None for a scene folder.
    """

    scene: Scene
    kind: str
    placement: Placement | None


@dataclass(frozen=True)
class _Kind:
    name: str
    sign: str
    matches: Callable[[Path], bool]
    read: Callable[[Path, Progress | None], Scene]


_FOLDER_KINDS = (
    _Kind('RGB-D folder', 'camera.json, color_N.png, depth_N.png, poses.txt', is_rgbd_folder,
          read_rgbd_folder),
    _Kind('v1.5 scene folder', 'scene.json, input/, depth/, source_tcw.txt', is_v15_folder,
          read_v15_folder),
    _Kind('Depth-Anything-3 folder', 'extrinsic.txt, intrinsic.txt, depth PNGs, a video',
          is_da3_folder, read_da3_folder),
)


def is_bag(path: Path) -> bool:
    """Say whether a path looks like a rosbag2: one of its files, or a folder with some."""
    if not path.is_dir():
        return path.suffix in _BAG_SUFFIXES
    return (path / 'metadata.yaml').is_file() or any(
        it.suffix in _BAG_SUFFIXES for it in path.iterdir())


def open_scene(path: str | os.PathLike[str], options: ImportOptions = ImportOptions(),
               progress: Progress | None = None) -> Scene:
    """
    Open a scene folder or any input that can be turned into one.

    :param path: folder or file; its kind is detected.
    :param options: what the input does not say itself.
    :param progress: called as progress(pictures done, pictures in all).
    :returns: the scene in `map`.
    :raises ValueError: an unknown kind (the message names the known ones), or what its reader
        found wrong.
    """
    return open_input(path, options, progress).scene


def open_input(path: str | os.PathLike[str], options: ImportOptions = ImportOptions(),
               progress: Progress | None = None) -> Opened:
    """Do as `open_scene`, and also say what the input was and how it was placed."""
    source = Path(path)
    if options.fps is not None:
        check_fps(options.fps, 'fps')
    if is_scene_folder(source):
        if options.camera_height_m is not None:
            raise ValueError(f'{source}: is a scene already, its camera height is in its spawn')
        _refuse_parts(source, 'scene folder', options)
        return Opened(_timed(load_scene(source, progress), options), 'scene folder', None)
    kind, scene = _read_foreign(source, options, progress)
    placed, placement = place_in_map(_timed(scene, options), options.camera_height_m)
    return Opened(placed, kind, placement)


def _read_foreign(source: Path, options: ImportOptions,
                  progress: Progress | None) -> tuple[str, Scene]:
    if not source.exists():
        raise ValueError(f'{source}: there is no such file or folder')
    for kind in _FOLDER_KINDS:
        if source.is_dir() and kind.matches(source):
            _refuse_parts(source, kind.name, options)
            return kind.name, kind.read(source, progress)
    if source.is_file() and source.suffix.lower() in VIDEO_SUFFIXES:
        return 'video', _read_video_clip(source, options, progress)
    if is_picture_folder(source) or source.suffix.lower() in PICTURE_SUFFIXES:
        return 'pictures', _read_pictures(source, options, progress)
    raise ValueError(_unknown(source))


def _read_video_clip(video: Path, options: ImportOptions, progress: Progress | None) -> Scene:
    missing = [f'--{name}' for name, value in (
        ('depth', options.depth), ('poses', options.poses), ('intrinsics', options.intrinsics),
    ) if value is None]
    if options.depth is None or options.poses is None or options.intrinsics is None:
        raise ValueError(f'{video}: a video alone does not say how far things are; supply '
                         f'{", ".join(missing)} (a folder with a depth map per frame, a file of '
                         'camera-to-world poses, the JSON of the camera), or let `inspatio '
                         'prepare` find them')
    return read_clip(video, options.depth, options.poses, options.intrinsics, progress)


def _read_pictures(source: Path, options: ImportOptions, progress: Progress | None) -> Scene:
    if options.depth is None or options.intrinsics is None:
        raise ValueError(f'{source}: pictures alone do not say how far things are; supply --depth '
                         '(a folder with a depth map per picture), --intrinsics (the JSON of the '
                         'camera) and, for more than one, --poses (camera-to-world poses)')
    return read_pictures(source, options.depth, options.poses, options.intrinsics, progress)


def _refuse_parts(source: Path, kind: str, options: ImportOptions) -> None:
    """Refuse options that this kind of input would ignore."""
    for name in ('depth', 'poses', 'intrinsics'):
        if getattr(options, name) is not None:
            raise ValueError(f'{source}: is a {kind}, which brings its own {name}; --{name} is '
                             'for videos')


def _timed(scene: Scene, options: ImportOptions) -> Scene:
    return replace(scene, fps=options.fps or scene.fps,
                   time_mode=options.time_mode or scene.time_mode)


def _unknown(source: Path) -> str:
    """Say why an input is not opened and what would be."""
    suffix = source.suffix.lower()
    if source.is_file() and suffix in _OTHER_PICTURES:
        return f'{source}: pictures are read from {", ".join(PICTURE_SUFFIXES)} files'
    if is_bag(source):
        return f'{source}: is a bag; `inspatio prepare` makes a scene of it first'
    if suffix == '.bag':
        return (f'{source}: is a bag of ROS 1; `rosbags-convert` turns it into one of ROS 2, '
                'which is read')
    kinds = '; '.join(f'{kind.name} ({kind.sign})' for kind in _FOLDER_KINDS)
    return (f'{source}: is of no known kind; known are: scene folder (inspatio_scene.json); '
            f'{kinds}; video ({", ".join(VIDEO_SUFFIXES)}) or pictures '
            f'({", ".join(PICTURE_SUFFIXES)}) with depth, poses and intrinsics')
