# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The time of a recording as its robot knew it, and the instants at which a camera looks.

Usually the recorder's clock and that of the headers are one. In a recording of a simulation the
headers may run on a clock of their own, at another speed, and fall back when it is reset.
"""

from __future__ import annotations

from collections.abc import Iterator

from inspatio_ros.robot.ticks import CLOCK_JUMP_NS

MODES = ('auto', 'log', 'header')
# Clocks that are further apart are not the same one.
_SAME_CLOCK_NS = 1_000_000_000


class MessageClock:
    """
    What time it is as a message comes.

    A stamp far from what was expected is doubted (and leaves the clock where it is) until the next
    one agrees: one broken header moves no clock, a reset one does.

    :param mode: log: the recorder's clock. header: that of the headers. auto: the recorder's,
        unless the first header is further from it than any delay.
    :param log_ns: when the first message was recorded.
    :param stamp_ns: its header's stamp; 0 = none.
    """

    def __init__(self, mode: str, log_ns: int, stamp_ns: int) -> None:
        apart = stamp_ns != 0 and abs(stamp_ns - log_ns) > _SAME_CLOCK_NS
        self.by_header = mode == 'header' or (mode == 'auto' and apart)
        if self.by_header and stamp_ns == 0:
            raise ValueError('the motion has no stamps to go by')
        self.start_ns = stamp_ns if self.by_header else log_ns
        self._now_ns = self.start_ns
        self._offset_ns = stamp_ns - log_ns
        self._doubted_ns: int | None = None

    def at(self, log_ns: int, stamp_ns: int) -> int:
        """
        Return the time at which a message comes.

        :param stamp_ns: of its header; 0 = none.
        """
        if not self.by_header:
            return log_ns
        if stamp_ns == 0:
            return self._now_ns
        offset_ns = stamp_ns - log_ns
        lead_ns = offset_ns - self._offset_ns
        if -CLOCK_JUMP_NS <= lead_ns <= _SAME_CLOCK_NS:
            self._now_ns = max(self._now_ns, stamp_ns)
        elif self._doubted_ns is not None and abs(offset_ns - self._doubted_ns) < CLOCK_JUMP_NS:
            self._now_ns = stamp_ns
        else:
            self._doubted_ns = offset_ns
            return self._now_ns
        self._offset_ns, self._doubted_ns = offset_ns, None
        return self._now_ns


class Grid:
    """
    Instants at a rate.

    :param start_ns: the first one.
    :param rate_hz: exact over any length: the k-th is k periods after the first.
    """

    def __init__(self, start_ns: int, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        self.restart(start_ns)

    def restart(self, start_ns: int) -> None:
        """Begin again at another instant, as after a clock that fell back."""
        self._start_ns, self._count = start_ns, 0

    def until(self, stop_ns: int) -> Iterator[int]:
        """Go on through the instants before another one."""
        while (stamp_ns := self._start_ns + round(self._count * 1e9 / self._rate_hz)) < stop_ns:
            self._count += 1
            yield stamp_ns


class Instants:
    """
    Given instants, as the stamps of another camera.

    :param stamps_ns: in the order of recording.
    """

    def __init__(self, stamps_ns: list[int]) -> None:
        self._stamps_ns = stamps_ns
        self._next = 0

    def restart(self, start_ns: int) -> None:
        """Nothing begins again: what is given is given."""

    def until(self, stop_ns: int) -> Iterator[int]:
        """Go on through the instants before another one."""
        while self._next < len(self._stamps_ns) and self._stamps_ns[self._next] < stop_ns:
            self._next += 1
            yield self._stamps_ns[self._next - 1]
