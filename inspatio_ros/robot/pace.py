# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Outputs that are slower than the ticks: at which ticks they are due."""

from __future__ import annotations


class Pace:
    """
    Keeps a rate by the stamps of ticks, and so the same one in a replay.

    The tick that is nearest to the instant that the rate asks for is taken.
    """

    def __init__(self) -> None:
        self._last_ns: int | None = None  # tick that was taken
        self._rate_hz = 0.0               # at which
        self._next_ns = 0                 # instant to come

    def due(self, stamp_ns: int, rate_hz: float, tick_hz: float) -> bool:
        """
        Return whether a tick is to be taken.

        :param rate_hz: that is kept; 0 = every tick.
        :param tick_hz: of the ticks.
        """
        if self._last_ns is None or not 0.0 < rate_hz < tick_hz:
            return True
        if stamp_ns < self._last_ns:
            return True  # the clock was set back
        next_ns = (self._next_ns if rate_hz == self._rate_hz
                   else self._last_ns + round(1e9 / rate_hz))
        return stamp_ns + round(0.5e9 / tick_hz) > next_ns

    def take(self, stamp_ns: int, rate_hz: float) -> None:
        """Note that a tick was taken."""
        period_ns = round(1e9 / rate_hz) if rate_hz > 0.0 else 0
        late_ns = stamp_ns - self._next_ns
        on_time = rate_hz == self._rate_hz and abs(late_ns) < period_ns
        self._next_ns = (self._next_ns if on_time else stamp_ns) + period_ns
        self._last_ns, self._rate_hz = stamp_ns, rate_hz
