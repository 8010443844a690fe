# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Depth maps that somebody else computed, one per frame of a video."""

from __future__ import annotations

from pathlib import Path
import re
import zipfile
import zlib

from inspatio_ros.contracts import F32
from inspatio_ros.scene.depth import metres_from_sensor
from inspatio_ros.scene.images import check_size, MAX_PIXELS, read_uint16
import numpy as np

_SUFFIXES = ('.png', '.npy', '.npz')


def in_natural_order(paths: list[Path]) -> list[Path]:
    """Sort files so that frame_10 comes after frame_9."""
    return sorted(paths, key=lambda path: [int(part) if part.isdigit() else part
                                           for part in re.split(r'(\d+)', path.name)])


def depth_files(folder: Path) -> list[Path]:
    """
    List the depth maps of a folder in the order of their numbers.

    :param folder: holds .png, .npy or .npz files, one per frame.
    :raises ValueError: no folder, or none of these in it, or several kinds of them.
    """
    if not folder.is_dir():
        raise ValueError(f'{folder}: there is no such folder of depth maps')
    files = [path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES]
    kinds = sorted({path.suffix.lower() for path in files})
    if len(kinds) != 1:
        found = ' and '.join(kinds) or 'none'
        raise ValueError(f'{folder}: holds {found} of {", ".join(_SUFFIXES)} files; expected one '
                         'depth map per frame, all of one kind')
    return in_natural_order(files)


def read_foreign_depth(path: Path, size: tuple[int, int], size_of: str,
                       units_per_metre: float | None) -> F32:
    """
    Read one depth map of a foreign tool.

    :param path: uint16 .png (0 = unknown), or .npy or .npz with floats, metres.
    :param size: expected (width, height).
    :param size_of: what has this size, for messages.
    :param units_per_metre: of the PNG.
    :returns: (H, W) float32 metres; what is zero, negative or NaN becomes NaN.
    :raises ValueError: missing, damaged, of another size or type, a PNG without a scale.
    """
    if path.suffix.lower() != '.png':
        return unknown_as_nan(_read_floats(path, size, size_of))
    if units_per_metre is None:
        raise ValueError(f'{path}: needs depth_scale (units per metre) in the intrinsics file')
    return metres_from_sensor(read_uint16(path, 'depth', size, size_of), 1.0 / units_per_metre)


def unknown_as_nan(depth: F32) -> F32:
    """
    Mark what no camera can measure as unknown.

    :param depth: (H, W) float32; +inf stays (seen, out of range).
    :returns: a copy with NaN where depth is not above zero.
    """
    return np.where(depth > 0.0, depth, np.float32(np.nan))


def _read_floats(path: Path, size: tuple[int, int], size_of: str) -> F32:
    if not path.is_file():
        raise ValueError(f'{path}: depth: there is no such file')
    try:
        shape, dtype = _array_header(path)
        if dtype.kind != 'f' or len(shape) != 2 or shape[0] * shape[1] > MAX_PIXELS:
            raise ValueError(f'holds {dtype} of shape {shape}, expected floats of shape '
                             f'(height, width), at most {MAX_PIXELS} pixels')
        check_size(path, 'depth', (shape[1], shape[0]), size, size_of)
        loaded = np.load(path, allow_pickle=False)
        array = loaded if isinstance(loaded, np.ndarray) else loaded[loaded.files[0]]
    except (ValueError, OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        if str(error).startswith(str(path)):
            raise
        raise ValueError(f'{path}: depth: cannot be read: {error}') from error
    return np.ascontiguousarray(array, dtype=np.float32)


def _array_header(path: Path) -> tuple[tuple[int, ...], np.dtype]:
    """Return shape and type of the only array of a .npy or .npz file, without reading it."""
    if path.suffix.lower() == '.npy':
        stored = np.lib.format.open_memmap(path, mode='r')
        return stored.shape, stored.dtype
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if len(names) != 1:
            raise ValueError(f'holds {len(names)} arrays, expected one')
        with archive.open(names[0]) as member:
            version = np.lib.format.read_magic(member)
            read = (np.lib.format.read_array_header_1_0 if version == (1, 0)
                    else np.lib.format.read_array_header_2_0)
            shape, _, dtype = read(member)
    return shape, dtype
