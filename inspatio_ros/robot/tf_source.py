# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The robot's pose in odom, looked up in TF at every tick.

Where TF knows the instant, its own answer counts, interpolated between what it was told. A little
beyond the newest transform the robot goes on at its velocity, as with odometry: TF of an instant
comes after that instant, and a camera that waited for it would always be late.
"""

from __future__ import annotations

from typing import Any, Protocol

from inspatio_ros.contracts import F64
from inspatio_ros.motion.counts import Verdict
from inspatio_ros.motion.track import FUTURE_S
from inspatio_ros.robot.parameters import WorldParameters
from inspatio_ros.robot.sources import Clock, frame_of, judged_numbers, Report, shown
from inspatio_ros.robot.sources import TrackSource
import numpy as np

# The instant of transforms that hold at all times: a robot that stands.
STATIC_NS = 0

Numbers = tuple[float, ...]


class Frames(Protocol):
    """Where the base is in odom over time, by the time of the world; positions in metres."""

    def instant_of(self, transform: Any) -> int:
        """Return the instant of a TransformStamped."""
        ...

    def keep(self, transform: Any, static: bool) -> None:
        """
        Keep a TransformStamped.

        :param static: whether it holds at all times.
        """
        ...

    def newest(self) -> tuple[int, Numbers, Numbers] | None:
        """Return the newest instant (or STATIC_NS), position, quaternion xyzw; None: unknown."""
        ...

    def at(self, world_ns: int) -> tuple[Numbers, Numbers] | None:
        """Return position and quaternion xyzw at an instant, None if they are not known then."""
        ...

    def why_not(self) -> str:
        """Return why nothing is known, in the words of TF."""
        ...

    def clear(self) -> None:
        """Forget all transforms but the static ones."""
        ...


class TfSource(TrackSource):
    """
    The transform odom -> base of others.

    :param T_map_odom: (4, 4) odometry's origin in the map.
    :param clock: returns nanoseconds, the time it is.
    :param report: called with every transform that was dropped: topic, verdict, detail.
    :param frames: where it is looked up.
    """

    queue = 100

    def __init__(self, parameters: WorldParameters, T_map_odom: F64, clock: Clock,
                 report: Report, frames: Frames) -> None:
        super().__init__(parameters, T_map_odom, clock, report)
        self.topic, self.kind = 'tf', 'TFMessage'
        self._frames = frames
        self._refused_ns: int | None = None  # newest instant whose transform is no pose
        self._static: F64 | None = None      # numbers of the newest static chain that was counted

    def take(self, message: Any) -> None:
        """Take a TFMessage; most of what comes is about other frames."""
        self._take_transforms(message, static=False)

    def take_static(self, message: Any) -> None:
        """Take a TFMessage of transforms that hold at all times."""
        self._take_transforms(message, static=True)

    def reset(self, T_map_odom: F64 | None = None, now_ns: int | None = None) -> None:
        """
        Go back to the start; TF goes on from there.

        :param T_map_odom: (4, 4) another start from now on.
        :param now_ns: the clock; None: time begins again, and TF of before does not count.
        """
        if now_ns is None:
            self._frames.clear()
        super().reset(T_map_odom, now_ns)

    def why_unknown(self, now_ns: int) -> str:
        """Return why nobody knows where the robot is at this instant."""
        newest, p = self._frames.newest(), self._parameters
        if newest is None:
            return self._frames.why_not()
        return (f'{p.odom_frame} -> {p.base_frame} is {(now_ns - newest[0]) * 1e-9:.2f} s old '
                f'(pose_timeout {p.pose_timeout:g} s)')

    def _take_transforms(self, message: Any, static: bool) -> None:
        with self._lock:
            # A clock that fell back is noticed before what has been stamped since is kept.
            now_ns = self._clock()
            self._watch_clock(now_ns)
            for transform in message.transforms:
                ahead_s = (self._frames.instant_of(transform) - now_ns) * 1e-9
                if not static and ahead_s > FUTURE_S and self._is_ours(transform):
                    # tf2 would refuse all that comes after it.
                    self._drop(Verdict.FUTURE, f'{shown(transform.child_frame_id)} is stamped '
                                               f'{ahead_s:.3f} s ahead')
                else:
                    self._frames.keep(transform, static)
            self._follow(now_ns)

    def _is_ours(self, transform: Any) -> bool:
        """Return whether this is what drives the robot; other frames may be as they like."""
        p = self._parameters
        return (frame_of(transform.header.frame_id) == p.odom_frame
                or frame_of(transform.child_frame_id) == p.base_frame)

    def _watch_clock(self, now_ns: int) -> None:
        if self._track.watch_clock(now_ns):
            self._frames.clear()
            self._refused_ns = None

    def _follow(self, now_ns: int) -> None:
        """Push the newest transform, once."""
        newest = self._frames.newest()
        if newest is None:
            return
        stamp_ns, position, q_xyzw = newest
        known_ns = self._track.newest_ns
        if stamp_ns == STATIC_NS:
            if known_ns is None or now_ns >= known_ns:
                self._stand(now_ns, position, q_xyzw)
        elif stamp_ns != self._refused_ns and (known_ns is None or stamp_ns > known_ns):
            self._push_numbers(stamp_ns, position, q_xyzw)

    def _stand(self, now_ns: int, position: Numbers, q_xyzw: Numbers) -> None:
        """
        Go on where the robot stands by a static chain.

        Only the message that changed the chain is counted and was heard: time that passes is no
        message, and answers no tick.
        """
        numbers = np.array([*position, *q_xyzw])
        if self._static is None or not np.array_equal(numbers, self._static, equal_nan=True):
            self._static = numbers
            self._push_numbers(now_ns, position, q_xyzw)
            return
        T, odom_frame = judged_numbers(position, q_xyzw)[2], self._parameters.odom_frame
        if T is not None:
            self._track.stand(now_ns, T, anew=self._parent != odom_frame)
            self._settle(odom_frame, T)

    def _push_numbers(self, stamp_ns: int, position: Numbers, q_xyzw: Numbers) -> None:
        verdict, detail, T = judged_numbers(position, q_xyzw)
        if T is None:
            self._refused_ns = stamp_ns
            self._drop(verdict, detail)
        else:
            self._push(self._parameters.odom_frame, stamp_ns, T, None)

    def _drop(self, verdict: Verdict, detail: str) -> None:
        self._track.counts.note(verdict)
        self._report(self.topic, verdict, detail)

    def _find(self, now_ns: int) -> F64 | None:
        self._watch_clock(now_ns)
        self._follow(now_ns)
        found = self._frames.at(now_ns)
        T_odom_base = None if found is None else judged_numbers(*found)[2]
        return super()._find(now_ns) if T_odom_base is None else T_odom_base
