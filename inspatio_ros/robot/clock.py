# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The time that a world lives by: that of a clock, a multiple of it, or its own.

Motion and pictures follow world time, which stands while the world is paused. Messages carry
stamps. The two are one, unless the clock is that of others and went on during a pause: then stamps
go on with the clock, and the world as if the pause had never been.
"""

from __future__ import annotations

from collections.abc import Callable
import threading
import time

MODES = ('wall', 'scaled', 'lockstep')
# Where a time of one's own begins; 0 means `now` in a command and `unknown` in a clock.
START_NS = 1_000_000_000


class WallTime:
    """
    The time of a clock that nobody here can stop: the system's, or a simulator's.

    :param clock: nanoseconds, what stamps are made from.
    """

    own = False
    pace = 1.0

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._lag_ns = 0                     # of world time behind the clock, while it flows
        self._stands_ns: int | None = None   # world time in a pause
        self._stood_ns = 0                   # world time at the end of the last pause
        self._begun_ns: int | None = None    # stamp at the begin of the last pause
        self._lag_before_ns = 0              # of the time before it

    def now_ns(self) -> int:
        """Return world time."""
        with self._lock:
            return self._clock() - self._lag_ns if self._stands_ns is None else self._stands_ns

    def stamp_ns(self) -> int:
        """Return what a message is stamped with that is about no tick."""
        return self._clock()

    def stamp_of(self, world_ns: int) -> int:
        """Return the stamp of an instant since the last pause or step."""
        with self._lock:
            return world_ns + self._lag_ns

    def world_of(self, stamp_ns: int) -> int:
        """Return the instant that a message means; all of a pause is one instant, 0 remains."""
        with self._lock:
            if stamp_ns == 0 or self._begun_ns is None:
                return stamp_ns
            if stamp_ns < self._begun_ns:
                return stamp_ns - self._lag_before_ns
            if self._stands_ns is None:
                return max(self._stood_ns, stamp_ns - self._lag_ns)
            return max(self._stands_ns, stamp_ns - self._clock() + self._stands_ns)

    def stand(self) -> None:
        """Let world time stand, if it does not yet."""
        with self._lock:
            if self._stands_ns is None:
                self._begun_ns, self._lag_before_ns = self._clock(), self._lag_ns
                self._stands_ns = self._begun_ns - self._lag_ns

    def flow(self) -> None:
        """Let world time go on, if it does not yet."""
        with self._lock:
            if self._stands_ns is not None:
                self._lag_ns = self._clock() - self._stands_ns
                self._stood_ns, self._stands_ns = self._stands_ns, None

    def advance(self, step_ns: int) -> int:
        """Set time that stands on by a step, which is stamped now; return world time."""
        with self._lock:
            assert self._stands_ns is not None, 'only time that stands is stepped'
            self._stands_ns += step_ns
            self._lag_ns = self._clock() - self._stands_ns
            return self._stands_ns


class OwnTime:
    """
    Time of the world's own, from START_NS on; it stands until told to flow.

    :param pace: seconds per second of the steady clock; 0 = only `advance` moves it.
    :param steady: nanoseconds of a clock that nobody sets.
    """

    own = True

    def __init__(self, pace: float, steady: Callable[[], int] = time.monotonic_ns) -> None:
        self.pace = pace
        self._steady = steady
        self._lock = threading.Lock()
        self._base_ns = START_NS
        self._since_ns: int | None = None    # steady time of the base, while it flows

    def now_ns(self) -> int:
        """Return world time."""
        with self._lock:
            return self._now_ns()

    def stamp_ns(self) -> int:
        """Return what a message is stamped with that is about no tick."""
        return self.now_ns()

    def stamp_of(self, world_ns: int) -> int:
        """Return the stamp of an instant: they are one."""
        return world_ns

    def world_of(self, stamp_ns: int) -> int:
        """Return the instant of a stamp: they are one."""
        return stamp_ns

    def stand(self) -> None:
        """Let time stand, if it does not yet."""
        with self._lock:
            self._base_ns, self._since_ns = self._now_ns(), None

    def flow(self) -> None:
        """Let time go on, if it does not yet."""
        with self._lock:
            if self._since_ns is None:
                self._since_ns = self._steady()

    def advance(self, step_ns: int) -> int:
        """Set time on by a step; return it."""
        with self._lock:
            self._base_ns += step_ns
            return self._now_ns()

    def change_pace(self, pace: float) -> None:
        """Go on at another pace from now."""
        with self._lock:
            now_ns = self._now_ns()
            if self._since_ns is not None:
                self._since_ns = self._steady()
            self._base_ns, self.pace = now_ns, pace

    def rewind(self) -> None:
        """Begin again."""
        with self._lock:
            self._base_ns = START_NS
            if self._since_ns is not None:
                self._since_ns = self._steady()

    def _now_ns(self) -> int:
        if self._since_ns is None:
            return self._base_ns
        return self._base_ns + round((self._steady() - self._since_ns) * self.pace)


WorldTime = WallTime | OwnTime


def open_time(mode: str, speed_factor: float, clock: Callable[[], int]) -> WorldTime:
    """
    Return the time of a world.

    :param mode: of MODES.
    :param speed_factor: of `scaled`.
    :param clock: nanoseconds, for `wall`.
    """
    if mode == 'wall':
        return WallTime(clock)
    return OwnTime(speed_factor if mode == 'scaled' else 0.0)
