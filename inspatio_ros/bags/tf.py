# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The transforms of a recording, looked up at any stamp: a tf2 buffer for bags.

Poses between two stamps are interpolated if the stamps are close enough, those outside are not
known. Unlike tf2 the whole recording stays in memory, as plain numbers (64 bytes a transform).
"""

from __future__ import annotations

from array import array
from collections import Counter
import math
from typing import Any

from inspatio_ros.bags.reading import NS_PER_S
from inspatio_ros.contracts import F64, I64
from inspatio_ros.motion.transforms import (interpolate_wxyz, inverse, pose_matrix,
                                            QUATERNION_TOLERANCE)
import numpy as np

# A slow localiser sends map -> odom once a second.
MAX_GAP_S = 1.0
# A stamp that falls back by more is another run: a simulator that was reset, a bag in a loop.
MAX_DISORDER_S = 1.0

# A pose: x, y, z in metres, then a unit quaternion, w first.
Numbers = tuple[float, ...]


class NoPoseError(ValueError):
    """
    A pose that is not known.

    :param reason: why, the same text for all pictures that share it.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class PoseSeries:
    """
    Stamped poses of one frame in another.

    :param name: for messages.
    :param max_gap_s: poses further apart are not interpolated.
    """

    def __init__(self, name: str, max_gap_s: float = MAX_GAP_S) -> None:
        self.name = name
        self.not_finite = 0
        self._max_gap_ns = round(max_gap_s * NS_PER_S)
        self._stamps, self._numbers = array('q'), array('d')
        self._newest = -2 ** 63
        self._fault = ''
        self._sorted: tuple[I64, F64] | None = None

    def __len__(self) -> int:
        return len(self._stamps)

    def add(self, stamp_ns: int, pose: Numbers | None) -> None:
        """
        Take a pose.

        :param pose: None for one that is none (NaN, a quaternion of zeros).
        """
        if pose is None:
            self.not_finite += 1
            return
        if stamp_ns < self._newest - MAX_DISORDER_S * NS_PER_S:
            self._fault = self._fault or went_back(self.name, self._newest, stamp_ns)
        self._newest = max(self._newest, stamp_ns)
        self._stamps.append(stamp_ns)
        self._numbers.extend(pose)
        self._sorted = None

    def at(self, stamp_ns: int) -> F64:
        """
        Return the pose at an instant.

        :raises NoPoseError: before the first pose, after the last, in a gap.
        :raises ValueError: time went backwards on the way: a stamp says nothing then.
        """
        if self._fault:
            raise ValueError(self._fault)
        stamps, numbers = self._table()
        if not len(stamps):
            raise NoPoseError(f'{self.name} has no usable pose')
        right = int(np.searchsorted(stamps, stamp_ns))
        if right < len(stamps) and stamps[right] == stamp_ns:
            right, fraction = max(right, 1), float(right > 0)
        elif right == 0:
            raise NoPoseError(f'before the first {self.name}')
        elif right == len(stamps):
            raise NoPoseError(f'after the last {self.name}')
        else:
            gap_ns = int(stamps[right] - stamps[right - 1])
            if gap_ns > self._max_gap_ns:
                raise NoPoseError(f'in a gap of {self.name} longer than '
                                  f'{self._max_gap_ns / NS_PER_S:g} s')
            fraction = float(stamp_ns - stamps[right - 1]) / gap_ns
        a, b = numbers[right - 1], numbers[min(right, len(stamps) - 1)]
        return interpolate_wxyz(a[3:], a[:3], b[3:], b[:3], fraction)

    def _table(self) -> tuple[I64, F64]:
        if self._sorted is None:
            stamps = np.array(self._stamps, np.int64)
            # Of equal stamps the one that came last replaces the others.
            _, last = np.unique(stamps[::-1], return_index=True)
            keep = len(stamps) - 1 - last
            self._sorted = stamps[keep], np.array(self._numbers).reshape(-1, 7)[keep]
        return self._sorted


class Transforms:
    """
    The tree of frames of a recording.

    :param max_gap_s: transforms further apart are not interpolated.
    """

    def __init__(self, max_gap_s: float = MAX_GAP_S) -> None:
        self.not_finite: Counter[str] = Counter()
        self._max_gap_s = max_gap_s
        self._parents: dict[str, str] = {}
        self._static: dict[str, F64] = {}
        self._moving: dict[str, PoseSeries] = {}
        self._faults: dict[str, str] = {}

    @property
    def frames(self) -> list[str]:
        """Return the names of all frames."""
        return sorted({*self._parents, *self._parents.values()})

    def add_message(self, message: Any, static: bool) -> None:
        """Take a TFMessage."""
        for it in message.transforms:
            stamp = it.header.stamp
            pose = numbers_or_none(it.transform.translation, it.transform.rotation)
            self._add(stamp.sec * NS_PER_S + stamp.nanosec, frame_name(it.header.frame_id),
                      frame_name(it.child_frame_id), pose, static)

    def _add(self, stamp_ns: int, parent: str, child: str, pose: Numbers | None, static: bool,
             ) -> None:
        if pose is None:
            self.not_finite[f'{parent} -> {child}'] += 1
            return
        known = self._parents.setdefault(child, parent)
        if known != parent:
            self._faults[child] = f'TF: the frame {child} has two parents, {known} and {parent}'
            return
        if static:
            self._static[child] = _matrix(pose)
            return
        if child not in self._moving:
            self._moving[child] = PoseSeries(f'transform {parent} -> {child}', self._max_gap_s)
        self._moving[child].add(stamp_ns, pose)

    def lookup(self, target: str, source: str, stamp_ns: int) -> F64:
        """
        Return T_target_source at an instant.

        :raises NoPoseError: an unknown frame, frames that are not connected, no pose then.
        :raises ValueError: on the way a frame has two parents, or time goes backwards. Faults of
            other frames do no harm.
        """
        if target == source:
            return np.eye(4)
        up_target, up_source = self._ancestry(target), self._ancestry(source)
        common = next((frame for frame in up_source if frame in up_target), None)
        if common is None:
            raise NoPoseError(self._missing(target, source))
        return (inverse(self._climb(target, common, stamp_ns))
                @ self._climb(source, common, stamp_ns))

    def connects(self, target: str, source: str) -> bool:
        """Say whether two frames belong to one tree."""
        return target == source or bool(
            set(self._ancestry(target)) & set(self._ancestry(source)))

    def moves(self, target: str, source: str) -> bool:
        """Say whether a transform that changes lies between two frames that are connected."""
        between = set(self._ancestry(target)) ^ set(self._ancestry(source))
        return any(frame in self._moving and frame not in self._static for frame in between)

    def root_of(self, frame: str) -> str:
        """Return the topmost ancestor of a frame."""
        return self._ancestry(frame)[-1]

    def is_known(self, frame: str) -> bool:
        """Say whether the tree has a frame of this name."""
        return frame in self._parents or frame in self._parents.values()

    def _ancestry(self, frame: str) -> list[str]:
        line = [frame]
        while line[-1] in self._parents:
            line.append(self._parents[line[-1]])
            if line[-1] in line[:-1]:
                raise ValueError(f'TF: the frames {" -> ".join(line[::-1])} form a loop')
        return line

    def _climb(self, frame: str, ancestor: str, stamp_ns: int) -> F64:
        T = np.eye(4)
        while frame != ancestor:
            if frame in self._faults:
                raise ValueError(self._faults[frame])
            static = self._static.get(frame)
            T = (self._moving[frame].at(stamp_ns) if static is None else static) @ T
            frame = self._parents[frame]
        return T

    def _missing(self, target: str, source: str) -> str:
        unknown = [frame for frame in (target, source) if not self.is_known(frame)]
        if unknown:
            return f'TF has no frame {" nor ".join(unknown)}'
        return f'TF does not connect {source} with {target}'


def numbers_or_none(position: Any, rotation: Any) -> Numbers | None:
    """
    Return a position and a quaternion message as numbers, None if they are no pose.

    Plain numbers, because a recording may have millions.
    """
    xyz = position.x, position.y, position.z
    wxyz = rotation.w, rotation.x, rotation.y, rotation.z
    norm2 = sum(value * value for value in wxyz)
    # NaN compares false.
    if not (abs(norm2 - 1.0) <= QUATERNION_TOLERANCE and math.isfinite(sum(xyz))):
        return None
    scale = 1.0 / math.sqrt(norm2)
    return (*xyz, *(value * scale for value in wxyz))


def matrix_or_none(position: Any, rotation: Any) -> F64 | None:
    """Return the (4, 4) of a position and a quaternion message, None if they are no pose."""
    pose = numbers_or_none(position, rotation)
    return None if pose is None else _matrix(pose)


def _matrix(pose: Numbers) -> F64:
    return pose_matrix(pose[:3], (*pose[4:], pose[3]))


def frame_name(name: str) -> str:
    """Return a frame's name as tf2 has it: without the slash of ROS 1."""
    return name.lstrip('/')


def went_back(name: str, newest_ns: int, stamp_ns: int) -> str:
    """Say that time went backwards, and what to do."""
    newest_s, stamp_s = newest_ns / NS_PER_S, stamp_ns / NS_PER_S
    return (f'{name}: time goes backwards by {newest_s - stamp_s:.3f} s, from stamp '
            f'{newest_s:.3f} to {stamp_s:.3f} (a simulator that was reset, or two recordings in '
            'one bag?); --from and --to take one part of it')
