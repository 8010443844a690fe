# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The text of `inspatio_scene.json`: what it may hold, checked field by field.

See docs/scene_format.md for the same in prose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
import json
import math
from pathlib import Path
from typing import Any

from inspatio_ros.contracts import F64, Intrinsics, Spawn
from inspatio_ros.motion.transforms import check_rigid
from inspatio_ros.scene.scene import check_fps, check_spawn, RIGID_TOLERANCE, Scene, TimeMode
import numpy as np

MANIFEST_NAME = 'inspatio_scene.json'
FORMAT = 'inspatio_scene'
VERSION = 1
MAX_MANIFEST_BYTES = 64_000_000

SCENE_KEYS = ('format', 'version', 'name', 'licence', 'source', 'fps', 'time_mode', 'spawn',
              'views', 'frames')
VIEW_KEYS = ('name', 'rgb', 'depth', 'depth_scale', 'confidence', 'intrinsics', 'T_map_cam')


@dataclass(frozen=True)
class ViewEntry:
    """
    What the manifest says of one view.

    :param name: of the view.
    :param rgb: path of a PNG or JPEG file, relative to the folder, with forward slashes.
    :param depth: path of a 16-bit PNG or a float32 .npy file, likewise.
    :param depth_scale: metres per unit of the depth PNG; None for .npy.
    :param intrinsics: the camera.
    :param T_map_cam: (4, 4) float64, optical frame to map, metres.
    :param confidence: path of an 8-bit grey PNG, likewise; None: all depth was measured.
    """

    name: str
    rgb: str
    depth: str
    depth_scale: float | None
    intrinsics: Intrinsics
    T_map_cam: F64
    confidence: str | None = None


@dataclass(frozen=True)
class Manifest:
    """
    What `inspatio_scene.json` says: a Scene whose pictures are still files.

    :param views: static views.
    :param frames: frames[i] holds the views of time i / fps.
    """

    name: str
    licence: str
    source: str
    fps: float
    time_mode: TimeMode
    spawn: Spawn
    views: tuple[ViewEntry, ...]
    frames: tuple[tuple[ViewEntry, ...], ...]

    def all_entries(self) -> tuple[ViewEntry, ...]:
        """Return the static views, then those of every frame in order."""
        return self.views + tuple(entry for frame in self.frames for entry in frame)


def manifest_to_text(manifest: Manifest) -> str:
    """Return the JSON text, one view a line, with every number in full precision."""
    head = {'format': FORMAT, 'version': VERSION, 'name': manifest.name,
            'licence': manifest.licence, 'source': manifest.source, 'fps': float(manifest.fps),
            'time_mode': manifest.time_mode.value,
            'spawn': {key: float(value) for key, value in asdict(manifest.spawn).items()}}
    lines = [f'{json.dumps(key)}: {json.dumps(value)}' for key, value in head.items()]
    lines.append(f'"views": [{_entry_lines(manifest.views)}]')
    frames = ',\n '.join(f'[{_entry_lines(frame)}]' for frame in manifest.frames)
    lines.append(f'"frames": [{frames}]')
    return '{' + ',\n '.join(lines) + '}\n'


def _entry_lines(entries: Sequence[ViewEntry]) -> str:
    return ',\n  '.join(json.dumps(_entry_to_dict(entry)) for entry in entries)


def _entry_to_dict(entry: ViewEntry) -> dict[str, object]:
    camera = entry.intrinsics
    result: dict[str, object] = {'name': entry.name, 'rgb': entry.rgb, 'depth': entry.depth}
    if entry.depth_scale is not None:
        result['depth_scale'] = float(entry.depth_scale)
    if entry.confidence is not None:
        result['confidence'] = entry.confidence
    result['intrinsics'] = {
        'width': int(camera.width), 'height': int(camera.height), 'fx': float(camera.fx),
        'fy': float(camera.fy), 'cx': float(camera.cx), 'cy': float(camera.cy)}
    result['T_map_cam'] = entry.T_map_cam.ravel().tolist()
    return result


def read_manifest(folder: Path) -> Manifest:
    """
    Read and check `inspatio_scene.json`; the pictures are not touched.

    :param folder: scene folder.
    :raises ValueError: naming the file, the field and the value found.
    """
    path = folder / MANIFEST_NAME
    top = Fields(read_json(path), str(path), '')
    found = top.text('format')
    if found != FORMAT:
        raise top.fault('format', repr(found), repr(FORMAT))
    version = top.whole('version')
    if version != VERSION:
        hint = '; a newer inspatio_ros wrote it' if version > VERSION else ''
        raise top.fault('version', f'{version}', f'{VERSION}{hint}')
    top.only(SCENE_KEYS)
    frames_raw = top.list_of('frames') if top.has('frames') else []
    for index, frame in enumerate(frames_raw):
        if not isinstance(frame, list) or not frame:
            raise top.fault(f'frames[{index}]', _shown(frame), 'a list of one or more views')
    views = top.list_of('views') if top.has('views') else []
    return Manifest(
        name=top.text('name', empty=False), licence=top.text('licence', default=''),
        source=top.text('source', default=''), fps=_fps(top, bool(frames_raw)),
        time_mode=_time_mode(top, bool(frames_raw)), spawn=_spawn(top),
        views=tuple(_entry(top.child(entry, f'views[{index}]'))
                    for index, entry in enumerate(views)),
        frames=tuple(tuple(_entry(top.child(entry, f'frames[{i}][{j}]'))
                           for j, entry in enumerate(frame))
                     for i, frame in enumerate(frames_raw)))


def read_json(path: Path) -> object:
    """
    Read a JSON file; NaN, infinity and keys that appear twice are refused.

    :raises ValueError: naming the file: missing, too large, no JSON.
    """
    if not path.is_file():
        raise ValueError(f'{path}: there is no such file')
    try:
        size = path.stat().st_size
        if size > MAX_MANIFEST_BYTES:
            raise ValueError(f'has {size} bytes, at most {MAX_MANIFEST_BYTES} are read')
        return json.loads(path.read_text(encoding='utf-8'), object_pairs_hook=_no_twins,
                          parse_constant=_no_constant)
    # UnicodeDecodeError and JSONDecodeError are ValueErrors; deep nesting ends in recursion.
    except (ValueError, OSError, RecursionError) as error:
        raise ValueError(f'{path}: is no valid JSON file: {error}') from error


def _no_twins(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        keys = [key for key, _ in pairs]
        twins = sorted({key for key in keys if keys.count(key) > 1})
        raise ValueError(f'the key {twins[0]!r} appears twice in one object')
    return result


def _no_constant(text: str) -> float:
    raise ValueError(f'{text} is no JSON number')


def _fps(top: Fields, needed: bool) -> float:
    fps = top.number('fps') if needed or top.has('fps') else Scene.fps
    check_fps(fps, f'{top.file}: fps')
    return fps


def _time_mode(top: Fields, needed: bool) -> TimeMode:
    if not needed and not top.has('time_mode'):
        return Scene.time_mode
    found = top.text('time_mode')
    modes = [mode.value for mode in TimeMode]
    if found not in modes:
        raise top.fault('time_mode', repr(found), ' or '.join(modes))
    return TimeMode(found)


def _spawn(top: Fields) -> Spawn:
    if not top.has('spawn'):
        return Spawn()
    part = top.child(top.raw('spawn'), 'spawn')
    names = [item.name for item in fields(Spawn)]
    part.only(names)
    spawn = Spawn(**{name: part.number(name) for name in names if part.has(name)})
    check_spawn(spawn, f'{top.file}: spawn')
    return spawn


def _entry(part: Fields) -> ViewEntry:
    part.only(VIEW_KEYS)
    depth = part.text('depth')
    if depth.endswith('.npy') == part.has('depth_scale'):
        raise part.fault('depth_scale', 'one' if part.has('depth_scale') else 'none',
                         f'one for a PNG and none for a .npy file, and depth is {depth!r}')
    scale = part.number('depth_scale') if part.has('depth_scale') else None
    if scale is not None and not scale > 0.0:
        raise part.fault('depth_scale', repr(scale), '> 0')
    return ViewEntry(part.text('name', empty=False), part.text('rgb'), depth, scale,
                     camera_from(part.child(part.raw('intrinsics'), 'intrinsics')),
                     _pose(part), part.text('confidence') if part.has('confidence') else None)


def _pose(part: Fields) -> F64:
    values = part.list_of('T_map_cam')
    if len(values) != 16:
        raise part.fault('T_map_cam', f'{len(values)} numbers', '16')
    T = np.array([part.as_number(value, f'T_map_cam[{index}]')
                  for index, value in enumerate(values)]).reshape(4, 4)
    return check_rigid(T, f'{part.file}: {part.field("T_map_cam")}', RIGID_TOLERANCE)


def camera_from(part: Fields, also: Sequence[str] = ()) -> Intrinsics:
    """
    Read `width height fx fy cx cy` of a JSON object.

    :param part: the object.
    :param also: other keys that may stand beside them.
    :raises ValueError: naming the file, the field and the value found.
    """
    names = [item.name for item in fields(Intrinsics)]
    part.only([*names, *also])
    try:
        return Intrinsics(part.whole('width'), part.whole('height'),
                          *(part.number(name) for name in names[2:]))
    except ValueError as error:
        if str(error).startswith(part.file):
            raise
        raise ValueError(f'{part.file}: {part.where or "camera"}: {error}') from error


class Fields:
    """
    The fields of one JSON object, taken with a check of their type.

    :param value: the parsed JSON.
    :param file: file name for messages.
    :param where: path of the object inside the file, empty at the top.
    :raises ValueError: the value is no object.
    """

    def __init__(self, value: object, file: str, where: str) -> None:
        self.file = file
        self.where = where
        if not isinstance(value, dict):
            raise ValueError(f'{file}: {where or "the file"} is {_shown(value)}, '
                             'expected a JSON object')
        self._values: dict[str, Any] = value

    def field(self, key: str) -> str:
        return f'{self.where}.{key}' if self.where else key

    def fault(self, key: str, found: str, expected: str) -> ValueError:
        return ValueError(f'{self.file}: {self.field(key)} is {found}, expected {expected}')

    def child(self, value: object, key: str) -> Fields:
        return Fields(value, self.file, self.field(key))

    def has(self, key: str) -> bool:
        return key in self._values

    def only(self, keys: Sequence[str]) -> None:
        unknown = sorted(set(self._values) - set(keys))
        if unknown:
            raise ValueError(f'{self.file}: {self.field(unknown[0])} is an unknown field, '
                             f'known are {", ".join(keys)}')

    def raw(self, key: str) -> Any:
        if key not in self._values:
            raise ValueError(f'{self.file}: {self.field(key)} is missing')
        return self._values[key]

    def text(self, key: str, default: str | None = None, empty: bool = True) -> str:
        if default is not None and not self.has(key):
            return default
        value = self.raw(key)
        if not isinstance(value, str) or not (value or empty):
            raise self.fault(key, _shown(value), 'a text' if empty else 'a text that is not empty')
        return value

    def number(self, key: str) -> float:
        return self.as_number(self.raw(key), key)

    def as_number(self, value: object, key: str) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.fault(key, _shown(value), 'a number')
        # Python reads 1e999 as inf and keeps whole numbers of any length.
        if not abs(value) < 1e300 or not math.isfinite(value):
            raise self.fault(key, _shown(value), 'a finite number')
        return float(value)

    def whole(self, key: str) -> int:
        value = self.raw(key)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.fault(key, _shown(value), 'a whole number')
        return value

    def list_of(self, key: str) -> list[Any]:
        value = self.raw(key)
        if not isinstance(value, list):
            raise self.fault(key, _shown(value), 'a list')
        return value


def _shown(value: object) -> str:
    """Return a value short enough for a message."""
    text = json.dumps(value)
    return text if len(text) <= 60 else f'{text[:57]}...'
