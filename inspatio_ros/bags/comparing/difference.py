# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What two messages of one topic say differently, as figures that a tolerance can bound.

Pictures are decoded first, so that it does not matter how they are packed; poses, transforms and
times are judged as such wherever they lie in a message.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass
import math
from typing import Any

from inspatio_ros.bags.comparing.tolerances import worse
from inspatio_ros.bags.scenes.images import COMPRESSED, depth_of, IMAGE, rgb_of
from inspatio_ros.contracts import F32, U8
import numpy as np
import numpy.typing as npt

_TIMES = ('builtin_interfaces/msg/Time', 'builtin_interfaces/msg/Duration')
# Type -> names of its position and its orientation.
POSES = {'geometry_msgs/msg/Pose': ('position', 'orientation'),
         'geometry_msgs/msg/Transform': ('translation', 'rotation')}
_QUATERNION = 'geometry_msgs/msg/Quaternion'
CLOUD = 'sensor_msgs/msg/PointCloud2'
_DEPTH_ENCODINGS = ('32FC1', '16UC1')
# sensor_msgs/PointField: number of a type -> numpy's name.
_CLOUD_TYPES = {1: 'i1', 2: 'u1', 3: 'i2', 4: 'u2', 5: 'i4', 6: 'u4', 7: 'f4', 8: 'f8'}


@dataclass
class Difference:
    """
    What differs between two messages.

    :param figures: name of a tolerance -> the worst figure.
    :param places: name of a tolerance -> field where that is.
    :param faults: what no tolerance covers, in words.
    """

    figures: dict[str, float] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def note(self, name: str, figure: float, place: str) -> None:
        """Take in a figure if it is the worst of its kind."""
        if name not in self.figures or worse(name, figure, self.figures[name]):
            self.figures[name], self.places[name] = figure, place

    def fault(self, place: str, one: object, other: object) -> None:
        """Take in two values that should be equal."""
        self.faults.append(f'{place}: {_shown(one)} / {_shown(other)}')


def compare_messages(one: Any, other: Any, what: str) -> Difference:
    """
    Compare two decoded messages.

    :param what: names the message in errors.
    :raises ValueError: a picture that is damaged.
    """
    difference = Difference()
    _compare(one, other, '', difference, what)
    return difference


def is_depth(message: Any) -> bool:
    """Return whether an Image or CompressedImage is a depth map."""
    return ('compressedDepth' in message.format if message.__msgtype__ == COMPRESSED
            else message.encoding in _DEPTH_ENCODINGS)


def picture_of(message: Any, what: str) -> U8 | F32 | None:
    """
    Decode a picture.

    :returns: (H, W, 3) uint8, or (H, W) float32 metres; None if this is no picture, or one of an
        encoding that is not known.
    :raises ValueError: a picture that is damaged.
    """
    if message.__msgtype__ not in (IMAGE, COMPRESSED):
        return None
    if is_depth(message):
        return depth_of(message, what)
    try:
        return rgb_of(message, what)
    except ValueError as error:
        if 'encoding' in str(error):
            return None
        raise


def _compare(one: Any, other: Any, place: str, difference: Difference, what: str) -> None:
    kind = getattr(one, '__msgtype__', None)
    if kind != getattr(other, '__msgtype__', None):
        difference.fault(place or 'type', kind, getattr(other, '__msgtype__', None))
    elif kind in (IMAGE, COMPRESSED):
        _compare_pictures(one, other, difference, what)
    elif kind in _TIMES:
        gap_ns = abs((one.sec - other.sec) * 10**9 + one.nanosec - other.nanosec)
        difference.note('stamp', gap_ns * 1e-9, place)
    elif kind in POSES:
        position, orientation = POSES[str(kind)]
        gap = [_gap(getattr(getattr(one, position), axis), getattr(getattr(other, position), axis))
               for axis in 'xyz']
        difference.note('pose', math.hypot(*gap), place)
        _compare(getattr(one, orientation), getattr(other, orientation), place, difference, what)
    elif kind == _QUATERNION:
        difference.note('angle', angle_deg(xyzw(one), xyzw(other)), place)
    elif kind == CLOUD and one.fields == other.fields:
        _compare_clouds(one, other, difference, what)
    elif is_dataclass(one):
        _compare_fields(one, other, place, difference, what)
    else:
        _compare_values(one, other, place, difference, what)


def _compare_fields(one: Any, other: Any, place: str, difference: Difference, what: str,
                    without: tuple[str, ...] = ()) -> None:
    names = field_names(one), field_names(other)
    for name in dict.fromkeys(names[0] + names[1]):
        inner = f'{place}.{name}' if place else name
        if name not in names[0] or name not in names[1]:
            difference.faults.append(f'{inner}: only one definition has this field')
        elif name not in without:
            _compare(getattr(one, name), getattr(other, name), inner, difference, what)


def field_names(message: Any) -> list[str]:
    """Return the names of what a message carries."""
    return [it.name for it in fields(message) if it.name != '__msgtype__']


def _compare_values(one: Any, other: Any, place: str, difference: Difference, what: str) -> None:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        _compare_arrays(one, other, place, difference)
    elif isinstance(one, list) and isinstance(other, list):
        matched = list(_matched(one, other, place))
        if len(one) != len(other) or len(matched) != len(one):
            difference.fault(f'{place}: number', len(one), len(other))
        for left, right, inner in matched:
            _compare(left, right, inner, difference, what)
    elif isinstance(one, (str, bool)) or isinstance(other, (str, bool)):
        if one != other:
            difference.fault(place, one, other)
    else:
        difference.note('value', _relative(_gap(one, other), one, other), place)


def _matched(one: list[Any], other: list[Any], place: str) -> Iterator[tuple[Any, Any, str]]:
    """Yield partners: transforms of the same frames, everything else by its order."""
    if not all(hasattr(it, 'child_frame_id') for it in one + other):
        yield from ((left, right, f'{place}[{index}]')
                    for index, (left, right) in enumerate(zip(one, other)))
        return
    by_frame = {it.child_frame_id: it for it in other}
    for left in one:
        if left.child_frame_id in by_frame:
            yield left, by_frame[left.child_frame_id], f'{place}[{left.child_frame_id}]'


def _compare_arrays(one: npt.NDArray[Any], other: npt.NDArray[Any], place: str,
                    difference: Difference) -> None:
    if one.shape != other.shape:
        difference.fault(f'{place}: length', one.size, other.size)
        return
    left, right = one.astype(np.float64), other.astype(np.float64)
    with np.errstate(invalid='ignore'):
        gap = np.where((left == right) | (np.isnan(left) & np.isnan(right)), 0.0,
                       np.abs(left - right))
        gap = gap / np.fmax(1.0, np.fmax(np.abs(left), np.abs(right)))
    gap[np.isnan(gap)] = math.inf
    if gap.size:
        worst = int(gap.argmax())
        difference.note('value', float(gap.flat[worst]), f'{place}[{worst}]')


def _compare_clouds(one: Any, other: Any, difference: Difference, what: str) -> None:
    _compare_fields(one, other, '', difference, what,
                    without=('data', 'point_step', 'row_step', 'is_bigendian'))
    if (one.height, one.width) != (other.height, other.width):
        return  # said already
    left, right = cloud_columns(one, what), cloud_columns(other, what)
    for name, values in left.items():
        _compare_arrays(values, right[name], f'points.{name}', difference)


def cloud_columns(cloud: Any, what: str) -> dict[str, npt.NDArray[Any]]:
    """
    Return the columns of a point cloud by the names of its fields.

    :raises ValueError: an unknown type, or fewer bytes than its points need.
    """
    order = '>' if cloud.is_bigendian else '<'
    try:
        layout = np.dtype({'names': [it.name for it in cloud.fields],
                           'formats': [(f'{order}{_CLOUD_TYPES[it.datatype]}', (it.count,))
                                       for it in cloud.fields],
                           'offsets': [it.offset for it in cloud.fields],
                           'itemsize': cloud.point_step})
        points = np.ndarray((cloud.height, cloud.width), layout, cloud.data.tobytes(),
                            strides=(cloud.row_step, cloud.point_step))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f'{what}: the point cloud does not hold what its fields say: '
                         f'{error}') from error
    return {name: points[name].ravel() for name in points.dtype.names or ()}


def _compare_pictures(one: Any, other: Any, difference: Difference, what: str) -> None:
    _compare_fields(one, other, '', difference, what,
                    without=('data', 'step', 'is_bigendian', 'width', 'height'))
    left, right = picture_of(one, what), picture_of(other, what)
    if left is None or right is None:
        if not np.array_equal(one.data, other.data):
            difference.faults.append('the pixels differ, and their encoding is not decoded')
    elif left.ndim != right.ndim:
        difference.faults.append('one is depth, the other colour')
    elif left.shape != right.shape:
        difference.faults.append(f'size: {_size(left)} / {_size(right)}')
    elif left.ndim == 2:
        error, unknown = depth_errors(left, right)
        difference.note('depth', error, 'data')
        difference.note('unknown', unknown, 'data')
    else:
        difference.note('psnr', psnr_db(left, right), 'data')


def psnr_db(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> float:
    """Return the peak signal-to-noise ratio of two 8-bit pictures; inf if they are equal."""
    square = float(np.mean((one.astype(np.float32) - other) ** 2, dtype=np.float64))
    return math.inf if square == 0.0 else 10.0 * math.log10(255.0 ** 2 / square)


def depth_errors(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> tuple[float, float]:
    """
    Compare two depth maps.

    :returns: mean |one - other| / one where both are finite (0 where nothing is); share of pixels
        that are finite, unknown or out of range in one of them only.
    """
    known = np.isfinite(one) & np.isfinite(other)
    same = known | (np.isnan(one) & np.isnan(other)) | (np.isinf(one) & np.isinf(other))
    errors = np.abs(one[known] - other[known]) / one[known]
    return (float(errors.mean(dtype=np.float64)) if errors.size else 0.0,
            float(np.mean(~same)) if same.size else 0.0)


def xyzw(quaternion: Any) -> tuple[float, float, float, float]:
    """Return the numbers of a Quaternion message."""
    return quaternion.x, quaternion.y, quaternion.z, quaternion.w


def angle_deg(one_xyzw: tuple[float, ...], other_xyzw: tuple[float, ...]) -> float:
    """Return the angle between two orientations, degrees; inf if one of them is none."""
    if one_xyzw == other_xyzw:
        return 0.0
    one, other = np.array(one_xyzw), np.array(other_xyzw)
    if np.array_equal(one, other, equal_nan=True):
        return 0.0
    norms = float(np.linalg.norm(one)), float(np.linalg.norm(other))
    if not all(math.isfinite(norm) and norm > 0.0 for norm in norms):
        return math.inf
    one, other = one / norms[0], other / norms[1]
    # Exact for small angles, where an arc cosine is not; q and -q are the same.
    apart = min(np.linalg.norm(one - other), np.linalg.norm(one + other))
    return math.degrees(4.0 * math.asin(min(1.0, 0.5 * float(apart))))


def _gap(one: float, other: float) -> float:
    if one == other or (math.isnan(one) and math.isnan(other)):
        return 0.0
    gap = abs(one - other)
    return math.inf if math.isnan(gap) else float(gap)


def _relative(gap: float, one: float, other: float) -> float:
    largest = max(1.0, abs(one), abs(other))
    return gap / largest if math.isfinite(gap) else math.inf


def _size(picture: npt.NDArray[Any]) -> str:
    return f'{picture.shape[1]}x{picture.shape[0]}'


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f'{text[:57]}...'
