# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Load and save the scene folder of docs/scene_format.md."""

from __future__ import annotations

from collections.abc import Sequence
import logging
import os
from pathlib import Path, PurePosixPath
import shutil

from inspatio_ros.scene.atomic import replaced_folder, write_synced
from inspatio_ros.scene.depth import depth_bytes, read_depth
from inspatio_ros.scene.images import (check_memory, jpeg_bytes, MAX_PIXELS, png_bytes,
                                       read_grey, read_rgb)
from inspatio_ros.scene.parallel import in_parallel, Progress
from inspatio_ros.scene.scene import Scene, View
from inspatio_ros.scene.schema import (Manifest, MANIFEST_NAME, manifest_to_text, read_manifest,
                                       ViewEntry)
import numpy as np

_FOLDERS = ('rgb', 'depth', 'confidence')
_log = logging.getLogger(__name__)


def is_scene_folder(folder: Path) -> bool:
    """Say whether a folder holds `inspatio_scene.json`."""
    return (folder / MANIFEST_NAME).is_file()


def load_scene(folder: str | os.PathLike[str], progress: Progress | None = None) -> Scene:
    """
    Read a scene folder completely and check everything in it.

    :param folder: holds `inspatio_scene.json`.
    :param progress: called as progress(views done, views in all).
    :returns: the scene, all pictures in memory.
    :raises ValueError: naming the file, the field, what was found and what was expected.
    """
    root = Path(folder)
    if not root.is_dir():
        raise ValueError(f'{root}: there is no such folder')
    manifest = read_manifest(root)
    entries = manifest.all_entries()
    fields = [f'views[{index}]' for index in range(len(manifest.views))]
    fields += [f'frames[{i}][{j}]' for i, frame in enumerate(manifest.frames)
               for j in range(len(frame))]
    _check_pixels(root, entries, fields)
    _check_files_once(root, entries, fields)
    views = iter(in_parallel(lambda item: _load_view(root, *item),
                             list(zip(entries, fields, strict=True)), progress))
    static = tuple(next(views) for _ in manifest.views)
    for view in static:
        if not np.isfinite(view.depth).any():
            _log.warning('%s: view %s has no known depth and adds nothing', root, view.name)
    frames = tuple(tuple(next(views) for _ in frame) for frame in manifest.frames)
    try:
        return Scene(manifest.name, static, frames, manifest.fps, manifest.time_mode,
                     manifest.spawn, manifest.licence, manifest.source)
    except ValueError as error:
        raise ValueError(f'{root / MANIFEST_NAME}: {error}') from error


def save_scene(scene: Scene, folder: str | os.PathLike[str], jpeg_quality: int | None = None,
               progress: Progress | None = None) -> None:
    """
    Write a scene folder; a scene that is already there is replaced in one step at the end.

    An error on the way (a full disk above all) leaves the old scene as it was and nothing beside
    it. Other files in the folder are kept.

    :param scene: what to write.
    :param folder: new, empty, or a scene folder; its parent must exist.
    :param jpeg_quality: 1..100 stores colour as JPEG with loss; None as PNG without.
    :param progress: called as progress(views done, views in all).
    :raises ValueError: the folder holds something that is no scene.
    :raises OSError: what writing raised.
    """
    root = Path(folder).resolve()
    check_target(root)
    with replaced_folder(root) as fresh:
        for name in _FOLDERS[:2]:
            (fresh / name).mkdir()
        if any(view.confidence is not None for view in scene.all_views()):
            (fresh / 'confidence').mkdir()
        stems = [(view, f'view_{index:03d}') for index, view in enumerate(scene.views)]
        stems += [(view, f'frame_{i:05d}_{j:02d}') for i, frame in enumerate(scene.frames)
                  for j, view in enumerate(frame)]
        entries = iter(in_parallel(lambda item: _save_view(fresh, *item, jpeg_quality), stems,
                                   progress))
        static = tuple(next(entries) for _ in scene.views)
        frames = tuple(tuple(next(entries) for _ in frame) for frame in scene.frames)
        text = manifest_to_text(Manifest(scene.name, scene.licence, scene.source, scene.fps,
                                         scene.time_mode, scene.spawn, static, frames))
        write_synced(fresh / MANIFEST_NAME, text.encode())
        _copy_others(root, fresh)


def check_target(folder: Path) -> None:
    """
    Refuse to write a scene over anything else.

    :raises ValueError: a file, a folder with other things in it, or no parent folder.
    """
    if not folder.parent.is_dir():
        raise ValueError(f'{folder.parent}: there is no such folder to save {folder.name} in')
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ValueError(f'{folder}: is a file, expected a scene folder or nothing')
    if any(folder.iterdir()) and not is_scene_folder(folder):
        raise ValueError(f'{folder}: holds files but no {MANIFEST_NAME}; it is not overwritten')


def _check_pixels(root: Path, entries: Sequence[ViewEntry], fields: Sequence[str]) -> None:
    """Refuse what this machine cannot hold, before anything is decoded."""
    total = 0
    for entry, field in zip(entries, fields, strict=True):
        camera = entry.intrinsics
        pixels = camera.width * camera.height
        if pixels > MAX_PIXELS:
            raise ValueError(f'{root / MANIFEST_NAME}: {field}.intrinsics say {camera.width}x'
                             f'{camera.height} pixels, at most {MAX_PIXELS} pixels are read')
        total += pixels
    check_memory(total, str(root))


def _check_files_once(root: Path, entries: Sequence[ViewEntry], fields: Sequence[str]) -> None:
    users: dict[str, str] = {}
    for entry, field in zip(entries, fields, strict=True):
        for kind, name in (('rgb', entry.rgb), ('depth', entry.depth),
                           ('confidence', entry.confidence)):
            if name is None:
                continue
            first = users.setdefault(name, f'{field}.{kind}')
            if first != f'{field}.{kind}':
                raise ValueError(f'{root / MANIFEST_NAME}: {first} and {field}.{kind} name the '
                                 f'same file {name!r}')


def _inside(root: Path, name: str, field: str) -> Path:
    """Return the path of a file of the scene; refuse to leave the folder."""
    pure = PurePosixPath(name)
    path = root / pure
    if pure.is_absolute() or '..' in pure.parts or '\\' in name or '\0' in name or not name or (
            not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))):
        raise ValueError(f'{root / MANIFEST_NAME}: {field} is {name!r}, which points outside the '
                         'scene folder')
    return path


def _load_view(root: Path, entry: ViewEntry, field: str) -> View:
    rgb_path = _inside(root, entry.rgb, f'{field}.rgb')
    depth_path = _inside(root, entry.depth, f'{field}.depth')
    size = (entry.intrinsics.width, entry.intrinsics.height)
    camera = f'{field}.intrinsics'
    rgb = read_rgb(rgb_path, f'{field}.rgb', size, camera)
    depth = read_depth(depth_path, f'{field}.depth', size, entry.depth_scale, camera)
    confidence = None
    if entry.confidence is not None:
        path = _inside(root, entry.confidence, f'{field}.confidence')
        confidence = read_grey(path, f'{field}.confidence', size, camera)
    try:
        return View(rgb, depth, entry.intrinsics, entry.T_map_cam, entry.name, confidence)
    except ValueError as error:
        raise ValueError(f'{depth_path}: {field}: {error}') from error


def _save_view(fresh: Path, view: View, stem: str, jpeg_quality: int | None) -> ViewEntry:
    if jpeg_quality is None:
        rgb_name, rgb = f'rgb/{stem}.png', png_bytes(view.rgb)
    else:
        rgb_name, rgb = f'rgb/{stem}.jpg', jpeg_bytes(view.rgb, jpeg_quality)
    suffix, depth, scale = depth_bytes(view.depth)
    depth_name = f'depth/{stem}{suffix}'
    write_synced(fresh / rgb_name, rgb)
    write_synced(fresh / depth_name, depth)
    confidence_name = None
    if view.confidence is not None:
        confidence_name = f'confidence/{stem}.png'
        write_synced(fresh / confidence_name, png_bytes(view.confidence))
    return ViewEntry(view.name, rgb_name, depth_name, scale, view.intrinsics, view.T_map_cam,
                     confidence_name)


def _copy_others(root: Path, fresh: Path) -> None:
    """Carry over what somebody else keeps in the folder (a licence, notes)."""
    for path in sorted(root.iterdir()) if root.is_dir() else ():
        if path.name in (MANIFEST_NAME, *_FOLDERS):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.copytree(path, fresh / path.name, symlinks=True)
        else:
            shutil.copy2(path, fresh / path.name, follow_symlinks=False)
