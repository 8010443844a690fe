# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Trajectories as text: three lines of keyframes, or one 4x4 matrix per frame.

Numbers are separated by blanks or commas; `#` begins a comment and empty lines do not count.
Keyframes: a line of pitch, one of yaw (degrees), one of r. Matrices: world-to-camera, row-major,
16 numbers on a line or 4 lines of 4 numbers. Three lines of 16 numbers are matrices if each of
them is a pose.
"""

from __future__ import annotations

import os
from pathlib import Path

from inspatio_ros.contracts import F64
from inspatio_ros.motion.trajectory import Keyframes
from inspatio_ros.motion.transforms import check_rigid, is_rigid, orthonormalised
import numpy as np

# Matrices that somebody wrote with four digits.
_TEXT_TOLERANCE = 1e-3

Row = tuple[int, list[float]]  # line number from 1, its numbers


def read_trajectory(path: str | os.PathLike[str]) -> Keyframes | F64:
    """
    Read a trajectory of either kind.

    :returns: keyframes, or (N, 4, 4) float64 world-to-camera poses.
    :raises ValueError: a malformed file; names file and line.
    :raises OSError: a file that cannot be read.
    """
    name = os.fspath(path)
    rows = _rows(name)
    if not rows:
        raise ValueError(f'{name}: no numbers; expected 3 lines of keyframes or 4x4 matrices')
    widths = {len(numbers) for _, numbers in rows}
    if len(rows) == 3 and not (widths == {16} and all(_is_pose(n) for _, n in rows)):
        return _keyframes(rows)
    if widths == {16}:
        return _matrices(name, rows)
    if len(rows[0][1]) == 4:
        return _matrices(name, _joined(name, rows))
    odd_line, odd = next((line, n) for line, n in rows if len(n) != 16)
    raise ValueError(f'{name}:{odd_line}: {len(odd)} numbers; expected 16 (or 4) on every line of '
                     f'a file of matrices, or 3 lines of keyframes in all (the file has '
                     f'{len(rows)})')


def _rows(name: str) -> list[Row]:
    try:
        text = Path(name).read_text(encoding='utf-8')
    except UnicodeDecodeError as error:
        raise ValueError(f'{name}: not a text file ({error.reason} at byte {error.start})') \
            from None
    rows = []
    for line, content in enumerate(text.splitlines(), start=1):
        words = content.partition('#')[0].replace(',', ' ').split()
        if words:
            rows.append((line, [_number(name, line, word) for word in words]))
    return rows


def _number(name: str, line: int, word: str) -> float:
    try:
        value = float(word)
    except ValueError:
        raise ValueError(f'{name}:{line}: {word[:40]!r} is not a number') from None
    if not np.isfinite(value):
        raise ValueError(f'{name}:{line}: {word!r} is not finite')
    return value


def _is_pose(numbers: list[float]) -> bool:
    return is_rigid(np.reshape(numbers, (4, 4)), _TEXT_TOLERANCE)


def _keyframes(rows: list[Row]) -> Keyframes:
    pitch, yaw, r = (tuple(numbers) for _, numbers in rows)
    return Keyframes(pitch, yaw, r)


def _joined(name: str, rows: list[Row]) -> list[Row]:
    """Put four lines of four numbers on one; the line number is that of the first."""
    for line, numbers in rows:
        if len(numbers) != 4:
            raise ValueError(f'{name}:{line}: {len(numbers)} numbers, expected 4 as on line '
                             f'{rows[0][0]}')
    if len(rows) % 4:
        raise ValueError(f'{name}:{rows[-1][0]}: the last matrix has {len(rows) % 4} of 4 lines')
    return [(rows[i][0], [x for _, numbers in rows[i:i + 4] for x in numbers])
            for i in range(0, len(rows), 4)]


def _matrices(name: str, rows: list[Row]) -> F64:
    poses = []
    for line, numbers in rows:
        T = check_rigid(np.reshape(numbers, (4, 4)), f'{name}:{line}: world-to-camera matrix',
                        _TEXT_TOLERANCE)
        poses.append(orthonormalised(T))
    return np.array(poses)
