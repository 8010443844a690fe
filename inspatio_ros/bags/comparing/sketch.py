# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a message says, in a line of text: enough to compare it under tolerances without keeping it.

A picture becomes a grid of the mean colours, or depths, of its parts; long arrays become their
length, extremes and mean. So a sketch does not see noise or detail, only what parts of a picture
are like; poses, stamps, texts and single numbers are kept as they are.
"""

from __future__ import annotations

from dataclasses import is_dataclass
import math
from typing import Any

from inspatio_ros.bags.comparing.difference import (angle_deg, CLOUD, cloud_columns, depth_errors,
                                                    Difference, field_names, picture_of, POSES,
                                                    psnr_db, xyzw)
from inspatio_ros.bags.scenes.images import COMPRESSED, IMAGE
from inspatio_ros.contracts import F32, U8
import numpy as np
import numpy.typing as npt

ROWS, COLUMNS = 6, 8
# Longer arrays are summed up; of longer lists of messages the first ones are kept.
_MOST_NUMBERS, _MOST_MESSAGES = 12, 16
_TIMES = ('builtin_interfaces/msg/Time', 'builtin_interfaces/msg/Duration')
# Parts of a sketch, by what is in them.
PARTS = ('texts', 'times', 'poses', 'angles', 'values', 'colours', 'depths', 'unknown')


def sketch(message: Any, what: str) -> dict[str, dict[str, Any]]:
    """
    Sketch a decoded message.

    :param what: names it in errors.
    :returns: part (see PARTS) -> field -> what is kept, as JSON can hold it.
    :raises ValueError: a picture that is damaged.
    """
    kept: dict[str, dict[str, Any]] = {}
    kind = message.__msgtype__
    without: tuple[str, ...] = ()
    if kind in (IMAGE, COMPRESSED):
        without = ('data', 'step', 'is_bigendian')
        _sketch_picture(picture_of(message, what), kept)
    elif kind == CLOUD:
        without = ('data', 'is_bigendian', 'point_step', 'row_step')
        for name, values in cloud_columns(message, what).items():
            _sketch_array(values, f'points.{name}', kept)
    for name in field_names(message):
        if name not in without:
            _sketch(getattr(message, name), name, kept)
    return kept


def _sketch(value: Any, place: str, kept: dict[str, dict[str, Any]]) -> None:
    kind = getattr(value, '__msgtype__', None)
    if kind in _TIMES:
        kept.setdefault('times', {})[place] = value.sec * 10**9 + value.nanosec
    elif kind in POSES:
        position, orientation = (getattr(value, name) for name in POSES[str(kind)])
        kept.setdefault('poses', {})[place] = _numbers((position.x, position.y, position.z))
        kept.setdefault('angles', {})[place] = _numbers(xyzw(orientation))
    elif kind == 'geometry_msgs/msg/Quaternion':
        kept.setdefault('angles', {})[place] = _numbers(xyzw(value))
    elif is_dataclass(value):
        for name in field_names(value):
            _sketch(getattr(value, name), f'{place}.{name}', kept)
    elif isinstance(value, np.ndarray):
        _sketch_array(value, place, kept)
    elif isinstance(value, list):
        kept.setdefault('texts', {})[f'{place}.length'] = str(len(value))
        for index, it in enumerate(value[:_MOST_MESSAGES]):
            _sketch(it, f'{place}[{getattr(it, "child_frame_id", index)}]', kept)
    elif isinstance(value, (str, bool)):
        kept.setdefault('texts', {})[place] = str(value)
    else:
        kept.setdefault('values', {})[place] = _numbers([value])


def _sketch_array(array: npt.NDArray[Any], place: str, kept: dict[str, dict[str, Any]]) -> None:
    values = array.astype(np.float64)
    if values.size > _MOST_NUMBERS:
        kept.setdefault('texts', {})[f'{place}.length'] = str(values.size)
        finite = values[np.isfinite(values)]
        kept.setdefault('values', {})[f'{place}.finite'] = [float(finite.size / values.size)]
        place = f'{place}.min_mean_max'
        values = (np.array([finite.min(), finite.mean(), finite.max()]) if finite.size
                  else np.empty(0))
    kept.setdefault('values', {})[place] = _numbers(values.ravel().tolist())


def _sketch_picture(picture: U8 | F32 | None, kept: dict[str, dict[str, Any]]) -> None:
    if picture is None:
        return
    cells = [part for rows in np.array_split(picture, ROWS) for part in
             np.array_split(rows, COLUMNS, axis=1)]
    if picture.ndim == 3:
        means = [np.rint(cell.reshape(-1, 3).mean(axis=0)).astype(int).tolist() if cell.size
                 else [0, 0, 0] for cell in cells]
        words = [f'{red:02x}{green:02x}{blue:02x}' for red, green, blue in means]
        kept['colours'] = {'grid': [' '.join(words[at:at + COLUMNS])
                                    for at in range(0, len(words), COLUMNS)]}
        return
    known = [cell[np.isfinite(cell)] for cell in cells]
    depths = [float(f'{cell.mean(dtype=np.float64):.6g}') if cell.size else math.nan
              for cell in known]
    kept['depths'] = {'grid': _numbers(depths)}
    kept['unknown'] = {'nan': [float(np.isnan(picture).mean())],
                       'inf': [float(np.isinf(picture).mean())]}


def _numbers(values: Any) -> list[float | str]:
    """Return numbers as JSON can hold them; what is not finite becomes a text."""
    return [value if math.isfinite(value) else str(float(value)) for value in values]


def compare_sketches(one: dict[str, dict[str, Any]],
                     other: dict[str, dict[str, Any]]) -> Difference:
    """
    Compare two sketches.

    :raises ValueError, TypeError, KeyError: they are none.
    """
    difference = Difference()
    for part in PARTS:
        left, right = one.get(part, {}), other.get(part, {})
        for place in dict.fromkeys([*left, *right]):
            if place not in left or place not in right:
                difference.fault(place, left.get(place, 'nothing'), right.get(place, 'nothing'))
            elif left[place] != right[place]:
                _compare_part(part, place, left[place], right[place], difference)
    return difference


def _compare_part(part: str, place: str, one: Any, other: Any, difference: Difference) -> None:
    if part == 'texts':
        difference.fault(place, one, other)
    elif part == 'times':
        difference.note('stamp', abs(int(one) - int(other)) * 1e-9, place)
    elif part == 'colours':
        difference.note('psnr', psnr_db(_colours(one), _colours(other)), 'mean colours')
    elif len(one) != len(other):
        difference.fault(f'{place}: length', len(one), len(other))
    elif part == 'angles':
        difference.note('angle', angle_deg(_tuple(one), _tuple(other)), place)
    elif part == 'depths':
        difference.note('depth', depth_errors(np.array(_tuple(one)), np.array(_tuple(other)))[0],
                        'mean depths')
    elif part == 'unknown':
        difference.note('unknown', _largest(one, other), f'share of {place}')
    elif part == 'poses':
        difference.note('pose', float(np.linalg.norm(_gaps(one, other))), place)
    else:
        size = np.maximum(1.0, np.maximum(np.abs(_tuple(one)), np.abs(_tuple(other))))
        size[~np.isfinite(size)] = 1.0
        difference.note('value', float((_gaps(one, other) / size).max()), place)


def _colours(rows: list[str]) -> U8:
    return np.frombuffer(bytes.fromhex(''.join(rows)), np.uint8)


def _tuple(values: list[float | str]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _gaps(one: list[float | str], other: list[float | str]) -> npt.NDArray[np.float64]:
    left, right = np.array(_tuple(one)), np.array(_tuple(other))
    with np.errstate(invalid='ignore'):
        gaps = np.where((left == right) | (np.isnan(left) & np.isnan(right)), 0.0,
                        np.abs(left - right))
    gaps[np.isnan(gaps)] = math.inf
    return gaps


def _largest(one: list[float | str], other: list[float | str]) -> float:
    return float(_gaps(one, other).max())
