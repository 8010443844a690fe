# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The recent poses of a robot: looked up between samples, carried a little beyond, predicted.

Used where poses come from outside (odometry, pose). Not thread-safe: whoever owns a track locks
it.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
import math

from inspatio_ros.contracts import CameraTrack, F64
from inspatio_ros.motion.counts import Counts, Verdict
from inspatio_ros.motion.drive import CLOCK_JUMP_S, Limits
from inspatio_ros.motion.transforms import interpolate_wxyz, is_rigid, quaternion_wxyz
from inspatio_ros.motion.twists import exp_twists, twist_through
import numpy as np
import numpy.typing as npt

# A stamp further ahead of the clock than this would block everything after it.
FUTURE_S = 1.0
# Poses this far back tell the velocity: long enough to average noise, short against a manoeuvre.
_TWIST_WINDOW_S = 0.25
_TWIST_SAMPLES = 8
# Poses nearer to each other than this say little about speed: their noise and stamps' jitter do.
_SHORTEST_STEP_S = 0.02


@dataclass(frozen=True)
class _Sample:
    """One pose, with the velocity that came with it if one did."""

    T: F64
    q_wxyz: F64
    twist: F64 | None


class PoseTrack:
    """
    A bounded history of stamped poses.

    :param T_base_cam: (4, 4) optical frame in the base frame, for `predict`; identity if None.
    :param capacity: poses kept.
    :param max_extrapolation_s: how far beyond the newest pose `lookup` still answers.
    :param max_prediction_s: the same for `predict`.
    :param limits: a step between poses that would need more speed is a jump (a localisation that
        found itself elsewhere): what lies before it is forgotten. None: nothing is a jump.
    :raises ValueError: a capacity below 2, a bound that is negative or not finite.
    """

    def __init__(self, T_base_cam: F64 | None = None, capacity: int = 512,
                 max_extrapolation_s: float = 0.25, max_prediction_s: float = 2.0,
                 limits: Limits | None = None) -> None:
        if capacity < 2:
            raise ValueError(f'capacity must be >= 2, got {capacity!r}')
        for name, bound in (('max_extrapolation_s', max_extrapolation_s),
                            ('max_prediction_s', max_prediction_s)):
            if not (math.isfinite(bound) and bound >= 0.0):
                raise ValueError(f'{name} must be finite and >= 0, got {bound!r}')
        self.T_base_cam: F64 = np.eye(4) if T_base_cam is None else T_base_cam
        self.capacity = capacity
        self.limits = limits
        self.counts = Counts()
        self.clock_jumps = 0
        self._lookup_ns = round(max_extrapolation_s * 1e9)
        self._predict_ns = round(max_prediction_s * 1e9)
        self._stamps: list[int] = []
        self._samples: list[_Sample] = []
        self._now_ns: int | None = None
        self._twist: F64 | None = None  # of the newest pose, computed when first asked for

    def __len__(self) -> int:
        """Return the number of poses."""
        return len(self._stamps)

    @property
    def newest_ns(self) -> int | None:
        """Return the newest stamp, None while empty."""
        return self._stamps[-1] if self._stamps else None

    def clear(self) -> None:
        """Forget all poses, as after a teleport. The counters stay: they are history."""
        self._forget_poses()
        self._now_ns = None

    def push(self, stamp_ns: int, T_map_base: F64, twist: npt.ArrayLike | None = None,
             now_ns: int | None = None, anew: bool = False) -> Verdict:
        """
        Take a pose.

        :param stamp_ns: its instant; 0 counts as now if the clock is given.
        :param T_map_base: (4, 4), metres.
        :param twist: (6,) velocity in the base frame, m/s and rad/s, if the source knows it.
        :param now_ns: the clock. Without it the stamps are the clock: one that falls back far
            clears the history, whereas with it only the clock itself can.
        :param anew: forget all other poses if this one is used, as when its frame is another.
        :returns: USED, or why the pose was dropped; counted either way.
        """
        stamp = now_ns if stamp_ns == 0 and now_ns is not None else stamp_ns
        verdict = _judge_values(T_map_base, twist)
        if verdict.used:
            self.watch_clock(stamp if now_ns is None else now_ns)
            verdict = self._judge_stamp(stamp, now_ns)
        if verdict.used:
            if anew:
                self._forget_poses()
            self._keep(stamp, T_map_base, twist)
        return self.counts.note(verdict)

    def stand(self, stamp_ns: int, T_map_base: F64, anew: bool = False) -> None:
        """
        Add a pose that no message brought, at rest: nothing is counted.

        :param stamp_ns: the clock; what is not newer than the newest pose adds nothing.
        :param T_map_base: (4, 4) rigid, metres.
        :param anew: forget all other poses.
        """
        if anew:
            self._forget_poses()
        if not self._stamps or stamp_ns > self._stamps[-1]:
            self._keep(stamp_ns, T_map_base, np.zeros(6))

    def place(self, stamp_ns: int, T_map_base: F64) -> None:
        """
        Forget all poses but this one, which no message brought, at rest.

        :param stamp_ns: the clock.
        :param T_map_base: (4, 4) rigid, metres.
        """
        self.clear()
        self._now_ns = stamp_ns
        self._keep(stamp_ns, T_map_base, np.zeros(6))

    def watch_clock(self, now_ns: int) -> bool:
        """
        Tell the track what time it is.

        :returns: whether the clock fell back so far that the history was cleared just now.
        """
        before_ns = self._now_ns
        if before_ns is not None and now_ns < before_ns - round(CLOCK_JUMP_S * 1e9):
            self.clear()
            self._now_ns = now_ns
            self.clock_jumps += 1
            return True
        if before_ns is None or now_ns > before_ns:
            self._now_ns = now_ns
        return False

    def lookup(self, stamp_ns: int, twist: npt.ArrayLike | None = None) -> F64 | None:
        """
        Return the pose at an instant.

        :param twist: (6,) velocity in the base frame to go on with; None: `twist()`.
        :returns: (4, 4) T_map_base; None if the instant lies before the history or too far after.
        """
        if not self._stamps or stamp_ns < self._stamps[0]:
            return None
        after_ns = stamp_ns - self._stamps[-1]
        if after_ns > self._lookup_ns:
            return None
        if after_ns > 0:
            return self._carry(np.array([after_ns * 1e-9]), self._going(twist))[0]
        return self._between(stamp_ns)

    def twist(self) -> F64:
        """
        Return the velocity at the newest pose.

        What its source said; else the straight line through the poses of the last quarter
        second, in the coordinates of the newest (noise averages out, acceleration is ignored).

        :returns: (6,) base frame, m/s and rad/s; zero if fewer than two poses are known or if
            they tell of a speed over the limits.
        """
        if self._twist is None:
            self._twist = self._estimate_twist()
        return self._twist

    def predict(self, stamps_ns: npt.ArrayLike, twist: npt.ArrayLike | None = None,
                ) -> CameraTrack | None:
        """
        Return the camera over a block: the history where it reaches, constant velocity beyond.

        :param stamps_ns: (N,) nanoseconds, strictly increasing.
        :param twist: (6,) velocity in the base frame to go on with; None: `twist()`.
        :returns: N camera poses, or None if one of them lies outside what is known.
        """
        stamps = np.asarray(stamps_ns, dtype=np.int64)
        if not self._stamps or len(stamps) == 0 or int(stamps[0]) < self._stamps[0]:
            return None
        newest = self._stamps[-1]
        if int(stamps[-1]) - newest > self._predict_ns:
            return None
        known = int(np.searchsorted(stamps, newest, side='right'))
        T_map_base = np.empty((len(stamps), 4, 4))
        for i in range(known):
            T_map_base[i] = self._between(int(stamps[i]))
        if known < len(stamps):
            ahead_s = np.float64(1e-9) * (stamps[known:] - newest)
            T_map_base[known:] = self._carry(ahead_s, self._going(twist))
        return CameraTrack(stamps, T_map_base @ self.T_base_cam)

    def _going(self, twist: npt.ArrayLike | None) -> F64:
        return self.twist() if twist is None else np.asarray(twist, dtype=np.float64)

    def _carry(self, dt_s: F64, twist: F64) -> F64:
        return self._samples[-1].T @ exp_twists(twist, dt_s)

    def _between(self, stamp_ns: int) -> F64:
        right = bisect_left(self._stamps, stamp_ns)
        if self._stamps[right] == stamp_ns:
            return self._samples[right].T.copy()
        a, b = self._samples[right - 1], self._samples[right]
        start_ns = self._stamps[right - 1]
        fraction = (stamp_ns - start_ns) / (self._stamps[right] - start_ns)
        return interpolate_wxyz(a.q_wxyz, a.T[:3, 3], b.q_wxyz, b.T[:3, 3], fraction)

    def _judge_stamp(self, stamp_ns: int, now_ns: int | None) -> Verdict:
        if self._stamps and stamp_ns < self._stamps[-1]:
            return Verdict.STALE
        if now_ns is not None and stamp_ns > now_ns + round(FUTURE_S * 1e9):
            return Verdict.FUTURE
        return Verdict.USED

    def _forget_poses(self) -> None:
        self._stamps.clear()
        self._samples.clear()
        self._twist = None

    def _keep(self, stamp_ns: int, T: F64, twist: npt.ArrayLike | None) -> None:
        if self._stamps and self._stamps[-1] == stamp_ns:
            self._stamps.pop()  # equal stamps: the later message replaces
            self._samples.pop()
        elif len(self._stamps) == self.capacity:
            del self._stamps[0], self._samples[0]
        own_twist = None if twist is None else np.array(twist, dtype=np.float64)
        sample = _Sample(np.array(T, dtype=np.float64), quaternion_wxyz(T), own_twist)
        if own_twist is None and self._is_jump(stamp_ns, sample):
            self._forget_poses()
        self._stamps.append(stamp_ns)
        self._samples.append(sample)
        self._twist = own_twist

    def _is_jump(self, stamp_ns: int, new: _Sample) -> bool:
        if self.limits is None or not self._stamps:
            return False
        step_s = max((stamp_ns - self._stamps[-1]) * 1e-9, _SHORTEST_STEP_S)
        old = self._samples[-1]
        return self._is_too_fast(twist_through([-step_s, 0.0], [old.q_wxyz, new.q_wxyz],
                                               [old.T, new.T]))

    def _is_too_fast(self, twist: F64) -> bool:
        return self.limits is not None and not self.limits.judge(twist[:3], twist[3:]).used

    def _estimate_twist(self) -> F64:
        if len(self._stamps) < 2:
            return np.zeros(6)
        newest = self._stamps[-1]
        first = bisect_left(self._stamps, newest - round(_TWIST_WINDOW_S * 1e9))
        first = min(first, len(self._stamps) - 2)
        step = -((first - len(self._stamps)) // _TWIST_SAMPLES)
        picked = range(len(self._stamps) - 1, first - 1, -step)[::-1]
        recent = [self._samples[i] for i in picked]
        twist = twist_through([(self._stamps[i] - newest) * 1e-9 for i in picked],
                              [s.q_wxyz for s in recent], [s.T for s in recent])
        return np.zeros(6) if self._is_too_fast(twist) else twist


def _judge_values(T: F64, twist: npt.ArrayLike | None) -> Verdict:
    if not np.isfinite(T).all() or (twist is not None and not np.isfinite(twist).all()):
        return Verdict.NOT_FINITE
    return Verdict.USED if is_rigid(T) else Verdict.NOT_RIGID
