# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Poses and camera matrices in foreign text files, one form out: (N, 4, 4) camera to world."""

from __future__ import annotations

import math
from pathlib import Path

from inspatio_ros.contracts import F64, Intrinsics
from inspatio_ros.motion.transforms import check_rigid, inverse, orthonormalised, pose_matrix
from inspatio_ros.scene.schema import camera_from, Fields, read_json
import numpy as np

# Text files round: a rotation this far off is pulled back, one further off is refused.
TEXT_TOLERANCE = 1e-3
# A rotation this close is left as it is, bit for bit.
_EXACT_TOLERANCE = 1e-9
MAX_TEXT_BYTES = 64_000_000


def read_number_rows(path: Path) -> list[tuple[int, list[float]]]:
    """
    Read lines of numbers separated by white space or commas; `#` starts a comment.

    :param path: text file.
    :returns: (line number from 1, its numbers) for every line that holds some.
    :raises ValueError: naming the file and line: missing, too large, not a finite number.
    """
    if not path.is_file():
        raise ValueError(f'{path}: there is no such file')
    if path.stat().st_size > MAX_TEXT_BYTES:
        raise ValueError(f'{path}: has {path.stat().st_size} bytes, at most {MAX_TEXT_BYTES} are '
                         'read')
    try:
        lines = path.read_text(encoding='utf-8').splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f'{path}: is no text file: {error}') from error
    rows = []
    for number, line in enumerate(lines, start=1):
        words = line.split('#', 1)[0].replace(',', ' ').split()
        if words:
            rows.append((number, [_number(path, number, word) for word in words]))
    if not rows:
        raise ValueError(f'{path}: holds no numbers')
    return rows


def _number(path: Path, line: int, word: str) -> float:
    try:
        value = float(word)
    except ValueError:
        raise ValueError(f'{path}: line {line}: {word!r} is no number') from None
    if not math.isfinite(value):
        raise ValueError(f'{path}: line {line}: {word!r} is not finite')
    return value


def read_poses(path: Path) -> F64:
    """
    Read camera-to-world poses, one a line.

    The number of columns says what they are: 7 `tx ty tz qx qy qz qw`, 8 the same after a time
    stamp (TUM), 12 a 3x4 and 16 a 4x4 matrix row by row. Lines of 4 numbers are the rows of 3x4
    matrices, or of 4x4 ones if every fourth line is `0 0 0 1`.

    :param path: text file.
    :returns: (N, 4, 4) float64, rigid.
    :raises ValueError: naming the file, the line and what is wrong.
    """
    rows = read_number_rows(path)
    width = len(rows[0][1])
    for line, values in rows:
        if len(values) != width:
            raise ValueError(f'{path}: line {line} has {len(values)} numbers, line {rows[0][0]} '
                             f'has {width}')
    if width in (7, 8):
        return np.array([pose_matrix(values[-7:-4], values[-4:], f'{path}: line {line}')
                         for line, values in rows])
    if width == 4:
        rows, width = _joined(path, rows)
    if width not in (12, 16):
        raise ValueError(f'{path}: line {rows[0][0]} has {width} numbers; a pose has 7 or 8 '
                         '(tx ty tz qx qy qz qw), 12 (3x4) or 16 (4x4)')
    return np.array([_rigid(np.array(values), f'{path}: line {line}') for line, values in rows])


def read_world_to_camera(path: Path) -> F64:
    """
    Read world-to-camera matrices (extrinsics), in the forms of `read_poses`.

    :returns: (N, 4, 4) float64, camera to world.
    :raises ValueError: as `read_poses`.
    """
    return inverse(read_poses(path))


def read_camera_matrices(path: Path) -> F64:
    """
    Read 3x3 camera matrices: three rows of three numbers, or nine numbers a line, each.

    :returns: (N, 3, 3) float64, pixels.
    :raises ValueError: naming the file and line: another shape, a focal length <= 0, skew or a
        last row that no pinhole camera has.
    """
    rows = read_number_rows(path)
    if all(len(values) == 9 for _, values in rows):
        blocks = [(line, values) for line, values in rows]
    else:
        blocks = _grouped(path, rows, 3, 3)
    matrices = []
    for line, values in blocks:
        K = np.array(values).reshape(3, 3)
        if not (K[0, 0] > 0.0 and K[1, 1] > 0.0):
            raise ValueError(f'{path}: line {line}: the focal lengths are {K[0, 0]:g} and '
                             f'{K[1, 1]:g}, expected > 0')
        if not np.array_equal(K[2], (0.0, 0.0, 1.0)) or K[1, 0] != 0.0:
            raise ValueError(f'{path}: line {line}: is no camera matrix fx s cx, 0 fy cy, 0 0 1: '
                             f'{K.tolist()}')
        if abs(K[0, 1]) > 1e-3 * K[0, 0]:
            raise ValueError(f'{path}: line {line}: has skew {K[0, 1]:g}, expected 0')
        matrices.append(K)
    return np.array(matrices)


def read_camera_json(path: Path) -> tuple[Intrinsics, float | None]:
    """
    Read a `camera.json`: width, height, fx, fy, cx, cy and, if given, depth_scale.

    :returns: the camera; units per metre of the depth pictures, None if not given.
    :raises ValueError: naming the file and the field.
    """
    part = Fields(read_json(path), str(path), '')
    camera = camera_from(part, also=('depth_scale',))
    if not part.has('depth_scale'):
        return camera, None
    scale = part.number('depth_scale')
    if not scale > 0.0:
        raise part.fault('depth_scale', repr(scale), '> 0 (units per metre)')
    return camera, scale


def check_count(path: Path, found: int, expected: int, what: str, expected_of: str) -> None:
    """
    Refuse a list of another length.

    :param what: what `found` counts.
    :param expected_of: what `expected` counts.
    :raises ValueError: naming both numbers.
    """
    if found != expected:
        raise ValueError(f'{path}: holds {found} {what}, there are {expected} {expected_of}')


def _joined(path: Path, rows: list[tuple[int, list[float]]],
            ) -> tuple[list[tuple[int, list[float]]], int]:
    """Join lines of four numbers into matrices: 3x4, or 4x4 where every fourth is 0 0 0 1."""
    square = len(rows) % 4 == 0 and all(values == [0.0, 0.0, 0.0, 1.0]
                                        for _, values in rows[3::4])
    height = 4 if square else 3
    return _grouped(path, rows, height, 4), 4 * height


def _grouped(path: Path, rows: list[tuple[int, list[float]]], height: int, width: int,
             ) -> list[tuple[int, list[float]]]:
    for line, values in rows:
        if len(values) != width:
            raise ValueError(f'{path}: line {line} has {len(values)} numbers, expected {width}')
    if len(rows) % height:
        raise ValueError(f'{path}: has {len(rows)} lines of numbers, expected {height} for each '
                         'matrix')
    return [(rows[start][0], [value for _, values in rows[start:start + height]
                              for value in values])
            for start in range(0, len(rows), height)]


def _rigid(values: F64, name: str) -> F64:
    T = np.eye(4)
    T[:values.size // 4] = values.reshape(-1, 4)
    check_rigid(T, name, TEXT_TOLERANCE)
    T[3] = (0.0, 0.0, 0.0, 1.0)
    # Two steps of a quadratic iteration: 1e-3 becomes 1e-12.
    for _ in range(2):
        if np.abs(T[:3, :3].T @ T[:3, :3] - np.eye(3)).max() > _EXACT_TOLERANCE:
            T = orthonormalised(T)
    return T
