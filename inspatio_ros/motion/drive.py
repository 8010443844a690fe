# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
From velocity commands to a pose, exactly.

The pose at an instant is a function of the commands alone: each accepted command opens a segment
of constant body twist at its stamp, and the segment rests after the timeout. Asking at 1 Hz or
1000 Hz gives the same answer, and a command that arrives after a tick that is younger than its
stamp still counts from its stamp. Not thread-safe: whoever owns a drive locks it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import groupby
import math

from inspatio_ros.contracts import CameraTrack, F64
from inspatio_ros.motion.counts import Counts, Verdict
from inspatio_ros.motion.transforms import check_rigid, orthonormalised
from inspatio_ros.motion.twists import exp_twists
import numpy as np
import numpy.typing as npt

# A clock that falls back by more than this was reset; less is the disorder of
# threads and messages.
CLOCK_JUMP_S = 0.5
# Segments kept for questions about the past: over a second of commands at 100 Hz.
_SEGMENTS = 128
# A command exactly at the limit must not fail for its last bit.
_LIMIT_SLACK = 1.0 + 1e-9


@dataclass(frozen=True)
class Limits:
    """
    Speeds that a command may ask for; one above is rejected as a whole, never clamped.

    :param linear: length of the linear velocity, m/s.
    :param angular: length of the angular velocity, rad/s.
    :raises ValueError: a limit that is not > 0.
    """

    linear: float = 5.0
    angular: float = 6.0

    def __post_init__(self) -> None:
        for name in ('linear', 'angular'):
            value = getattr(self, name)
            if not value > 0.0:
                raise ValueError(f'limits.{name} must be > 0, got {value!r}')

    def judge(self, linear: npt.ArrayLike, angular: npt.ArrayLike) -> Verdict:
        """
        Judge a velocity.

        :param linear: (3,) m/s.
        :param angular: (3,) rad/s.
        :returns: USED, NOT_FINITE or OVER_LIMIT.
        """
        v, w = np.asarray(linear, dtype=np.float64), np.asarray(angular, dtype=np.float64)
        if v.shape != (3,) or w.shape != (3,):
            raise ValueError(f'a velocity needs 3 + 3 numbers, got shapes {v.shape}, {w.shape}')
        if not (np.isfinite(v).all() and np.isfinite(w).all()):
            return Verdict.NOT_FINITE
        if (math.hypot(*v) > self.linear * _LIMIT_SLACK
                or math.hypot(*w) > self.angular * _LIMIT_SLACK):
            return Verdict.OVER_LIMIT
        return Verdict.USED


@dataclass(frozen=True)
class Motion:
    """
    Where the robot is and how it moves at one instant.

    :param stamp_ns: the instant, nanoseconds.
    :param T_odom_base: (4, 4) float64, metres.
    :param linear: (3,) m/s in the base frame.
    :param angular: (3,) rad/s in the base frame.
    """

    stamp_ns: int
    T_odom_base: F64
    linear: F64
    angular: F64


@dataclass(frozen=True, eq=False)
class _Segment:
    """Constant body twist from start_ns to end_ns, then rest."""

    start_ns: int
    end_ns: int
    T_start: F64
    twist: F64

    def pose_at(self, stamp_ns: int) -> F64:
        return self.poses_at([stamp_ns])[0]

    def poses_at(self, stamps_ns: list[int]) -> F64:
        ran_s = [max(0, min(t, self.end_ns) - self.start_ns) * 1e-9 for t in stamps_ns]
        return self.T_start @ exp_twists(self.twist, np.array(ran_s))

    def twist_at(self, stamp_ns: int) -> F64:
        return self.twist if self.start_ns <= stamp_ns < self.end_ns else np.zeros(6)


class Drive:
    """
    Integrate velocity commands on all six axes.

    :param limits: speeds above are rejected.
    :param timeout_s: silence after which the robot stands still, seconds.
    :param T_odom_base: (4, 4) where `reset` puts the robot; identity if None.
    :raises ValueError: a timeout that is not finite and > 0, a pose that is not rigid.
    """

    def __init__(self, limits: Limits = Limits(), timeout_s: float = 1.0,
                 T_odom_base: npt.ArrayLike | None = None) -> None:
        if not (math.isfinite(timeout_s) and timeout_s > 0.0):
            raise ValueError(f'cmd_vel_timeout must be finite and > 0 s, got {timeout_s!r}')
        self.limits = limits
        self.counts = Counts()
        self.clock_jumps = 0
        self._timeout_ns = round(timeout_s * 1e9)
        home = np.eye(4) if T_odom_base is None else check_rigid(T_odom_base, 'T_odom_base')
        self._T_home = home
        self._segments: deque[_Segment] = deque(maxlen=_SEGMENTS)
        self._newest_ns: int | None = None  # stamp of the newest command or teleport
        self._now_ns: int | None = None     # newest instant that anybody asked about
        self.reset()

    def reset(self, now_ns: int | None = None) -> None:
        """
        Go home, stand still, forget all stamps. The counters stay: they are history.

        :param now_ns: the clock; commands stamped before it no longer count. None: any counts.
        """
        self._rest_at(self._T_home, 0 if now_ns is None else now_ns)
        self._newest_ns = now_ns
        self._now_ns = now_ns

    def teleport(self, T_odom_base: npt.ArrayLike, now_ns: int) -> None:
        """
        Stand still at another pose; commands stamped before now no longer count.

        :param T_odom_base: (4, 4), metres.
        :raises ValueError: a pose that is not rigid; the robot stays where it was.
        """
        T = check_rigid(T_odom_base, 'T_odom_base')
        self._watch_clock(now_ns)
        self._rest_at(T, now_ns)
        self._newest_ns = now_ns

    def set_twist(self, stamp_ns: int, linear: npt.ArrayLike, angular: npt.ArrayLike,
                  now_ns: int) -> Verdict:
        """
        Take a velocity command.

        :param stamp_ns: when it was given; 0 counts as now.
        :param linear: (3,) m/s in the base frame.
        :param angular: (3,) rad/s in the base frame.
        :param now_ns: the clock.
        :returns: USED, or why the command was dropped; counted either way.
        """
        self._watch_clock(now_ns)
        stamp = stamp_ns if stamp_ns != 0 else now_ns
        verdict = self.limits.judge(linear, angular)
        if verdict.used:
            verdict = self._judge_stamp(stamp, now_ns)
        if verdict.used:
            self._open_segment(stamp, np.concatenate([linear, angular], dtype=np.float64))
        return self.counts.note(verdict)

    def advance_to(self, stamp_ns: int) -> Motion:
        """
        Return where the robot is; the clock now stands at this instant.

        A clock that fell back far leaves the robot where it was, at rest (see `clock_jumps`).
        """
        self._watch_clock(stamp_ns)
        return self.motion_at(stamp_ns)

    def motion_at(self, stamp_ns: int) -> Motion:
        """Return the motion at an instant, past or to come, if no further command arrives."""
        segment = self._segment_at(stamp_ns)
        twist = segment.twist_at(stamp_ns)
        return Motion(stamp_ns, segment.pose_at(stamp_ns), twist[:3].copy(),
                      twist[3:].copy())

    def predict(self, stamps_ns: npt.ArrayLike, T_base_cam: F64) -> CameraTrack:
        """
        Return the camera over a block ahead, if no further command arrives.

        :param stamps_ns: (N,) nanoseconds, strictly increasing.
        :param T_base_cam: (4, 4) optical frame in the base frame.
        """
        stamps = np.asarray(stamps_ns, dtype=np.int64)
        poses = [segment.poses_at(list(some)) @ T_base_cam
                 for segment, some in groupby(stamps.tolist(), self._segment_at)]
        return CameraTrack(stamps, np.concatenate([np.empty((0, 4, 4)), *poses]))

    def _segment_at(self, stamp_ns: int) -> _Segment:
        for segment in reversed(self._segments):
            if segment.start_ns <= stamp_ns:
                return segment
        return self._segments[0]

    def _rest_at(self, T: F64, stamp_ns: int) -> None:
        self._segments.clear()
        self._segments.append(_Segment(stamp_ns, stamp_ns, T.copy(), np.zeros(6)))

    def _open_segment(self, stamp_ns: int, twist: F64) -> None:
        last = self._segments[-1]
        if last.start_ns == stamp_ns:
            T_start = last.T_start
            self._segments.pop()  # equal stamps: the later message replaces
        else:
            T_start = orthonormalised(last.pose_at(stamp_ns))
        self._segments.append(_Segment(stamp_ns, stamp_ns + self._timeout_ns, T_start, twist))
        self._newest_ns = stamp_ns

    def _judge_stamp(self, stamp_ns: int, now_ns: int) -> Verdict:
        if self._newest_ns is not None and stamp_ns < self._newest_ns:
            return Verdict.STALE
        if stamp_ns + self._timeout_ns <= now_ns:
            return Verdict.STALE  # all of its motion lies in the past
        if stamp_ns > now_ns + self._timeout_ns:
            return Verdict.FUTURE
        return Verdict.USED

    def _watch_clock(self, now_ns: int) -> None:
        before_ns = self._now_ns
        if before_ns is not None and now_ns < before_ns - round(CLOCK_JUMP_S * 1e9):
            self._rest_at(self._segment_at(before_ns).pose_at(before_ns), now_ns)
            self._newest_ns = None
            self._now_ns = now_ns
            self.clock_jumps += 1
        elif before_ns is None or now_ns > before_ns:
            self._now_ns = now_ns
