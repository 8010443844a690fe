# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
When a world whose time moves in ticks takes the next one.

Time stands between two ticks. What moves the robot answers a tick if it is stamped with its time
or later; what is not stamped counts from the time that stands, and so answers the newest tick. If
every tick is answered once, the same answers make the same ticks, however long they take.
"""

from __future__ import annotations

from collections.abc import Callable
import math
import time

from inspatio_ros.robot.parameters import WorldParameters

# Parameter `tick_on`.
INPUT, FREE, STEP = 'input', 'free', 'step'


class Lockstep:
    """
    The rule of the next tick.

    :param settings: tick_on, tick_timeout, tick_rate; may be replaced.
    :param clock: monotonic seconds.
    """

    def __init__(self, settings: WorldParameters,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self.settings = settings
        self.timeouts = 0     # ticks that nothing had answered
        self._clock = clock
        self._taken_s = clock()
        self._first = True

    def begin(self) -> None:
        """Begin to wait for the first tick."""
        self._taken_s, self._first = self._clock(), True

    def due_in_s(self, now_ns: int, heard_ns: int | None) -> float:
        """
        Return in how many seconds the next tick is due; infinity: when something has come.

        :param now_ns: world time, that of the newest tick.
        :param heard_ns: stamp of the newest message that moved the robot.
        """
        p = self.settings
        if p.tick_on == STEP:
            return math.inf
        soonest_s = 0.0 if self._first or p.tick_rate == 0.0 else 1.0 / p.tick_rate
        if p.tick_on == INPUT and not _answered(now_ns, heard_ns):
            if p.tick_timeout == 0.0:
                return math.inf
            soonest_s = max(soonest_s, p.tick_timeout)
        return max(0.0, self._taken_s + soonest_s - self._clock())

    def take(self, now_ns: int, heard_ns: int | None) -> None:
        """Count a tick, which is taken now; the arguments are as they were before it."""
        if self.settings.tick_on == INPUT and not _answered(now_ns, heard_ns):
            self.timeouts += 1
        self._taken_s, self._first = self._clock(), False


def _answered(now_ns: int, heard_ns: int | None) -> bool:
    return heard_ns is not None and heard_ns >= now_ns
