# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Where robot and camera are, from TF alone.

Nothing has to be configured: the root of the camera's frame is the map, and the robot's base is
the last frame above the camera that is fixed to it (/tf_static), whatever their names are.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

from inspatio_ros.contracts import F64
from inspatio_ros.motion.transforms import pose_matrix
from inspatio_ros.robot.messages import stamp_ns_of
import numpy as np

# Transforms kept per frame, so that a picture finds the one of its own stamp.
_KEPT = 30
_DEEPEST = 32


@dataclass(frozen=True)
class Place:
    """
    Where things are.

    :param stamp_ns: of the newest transform that went into it.
    :param T_map_base: (4, 4).
    :param T_map_cam: (4, 4) optical frame.
    """

    stamp_ns: int
    T_map_base: F64
    T_map_cam: F64


class Frames:
    """The newest transforms of /tf and /tf_static. Read and written in one thread."""

    def __init__(self) -> None:
        self._fixed: dict[str, tuple[str, F64]] = {}
        self._moving: dict[str, tuple[str, deque[tuple[int, F64]]]] = {}

    def take(self, message: Any, fixed: bool) -> int:
        """
        Take a TFMessage.

        :param fixed: whether it came on /tf_static.
        :returns: how many of its transforms are none and were dropped.
        """
        dropped = 0
        for transform in message.transforms:
            t, q = transform.transform.translation, transform.transform.rotation
            child, parent = transform.child_frame_id, transform.header.frame_id
            try:
                T = pose_matrix([t.x, t.y, t.z], [q.x, q.y, q.z, q.w])
            except ValueError:
                dropped += 1
                continue
            if fixed:
                self._fixed[child] = parent, T
                continue
            if self._moving.get(child, ('', None))[0] != parent:
                self._moving[child] = parent, deque(maxlen=_KEPT)
            self._moving[child][1].append((stamp_ns_of(transform.header.stamp), T))
        return dropped

    def place_of(self, camera: str, stamp_ns: int | None = None) -> Place | None:
        """
        Return where a camera and its robot are.

        :param camera: its optical frame.
        :param stamp_ns: when; the newest transforms where there are none of that stamp.
        :returns: None while no moving frame carries it.
        """
        T, T_base, frame, newest_ns = np.eye(4), None, camera, 0
        for _ in range(_DEEPEST):
            if frame in self._moving:
                if T_base is None:
                    T_base = np.eye(4)
                frame, known = self._moving[frame]
                at_ns, T_step = _at(known, stamp_ns)
                newest_ns = max(newest_ns, at_ns)
                T_base = T_step @ T_base
            elif frame in self._fixed:
                frame, T_step = self._fixed[frame]
                T_base = None if T_base is None else T_step @ T_base
            else:
                return None if T_base is None else Place(newest_ns, T_base, T)
            T = T_step @ T
        return None  # a loop


def _at(known: deque[tuple[int, F64]], stamp_ns: int | None) -> tuple[int, F64]:
    if stamp_ns is not None:
        for entry in reversed(known):
            if entry[0] == stamp_ns:
                return entry
    return known[-1]
