# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
From a command to the first picture that shows it.

The robot stands, is told to turn, and is looked at. Where something moves in the scene, no picture
is quite like the last: a picture shows the turn if much more of it has changed than ever did while
the robot stood.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
import time
from typing import Any

from inspatio_ros.contracts import U8
import numpy as np

# Quick, so that a picture a few milliseconds later is another one; well under `limits`.
TURN_RAD_S, FORWARD_M_S = 4.0, 1.0
# So many pictures tell what else moves, and so many before them are of a robot that stops.
_STANDING = 8
_STOPPING = 6
# Where ticks were skipped, more has moved from one picture to the next.
_MARGIN = 3.0
_TIMEOUT_S = 2.0
_MOMENT_S = 0.001
# Times that share no rhythm with ticks.
_GOLDEN = 0.618


@dataclass
class Pictures:
    """
    How much of each picture is not as in the one before.

    :param changes: (arrival, nanoseconds; share of the bytes) of each picture but the first.
    """

    changes: list[tuple[int, float]] = field(default_factory=list)
    _last: U8 | None = None

    def note(self, data: Any, arrival_ns: int) -> None:
        """Compare a picture with the last one."""
        pixels = np.frombuffer(data, np.uint8)
        if self._last is not None and self._last.size == pixels.size:
            share = np.count_nonzero(pixels != self._last) / pixels.size
            self.changes.append((arrival_ns, share))
        self._last = pixels


def tries_of(pictures: Pictures, spin: Callable[[float], None],
             send: Callable[[float, float], None], tries: int,
             period_s: float) -> Iterator[float]:
    """
    Have the robot turn many times.

    :param pictures: told of what comes while `spin` spins.
    :param send: publishes a command, m/s and rad/s.
    :param period_s: from tick to tick.
    :returns: milliseconds from before each command was published to the callback of the first
        picture that showed it.
    :raises RuntimeError: a command that no picture shows.
    """
    for k in range(tries):
        send(0.0, 0.0)
        _await(pictures, spin, _STOPPING + _STANDING)
        spin(period_s * (k * _GOLDEN % 1.0))
        standing = max(share for _, share in pictures.changes[-_STANDING:])
        begun_ns = time.time_ns()
        way = 1.0 if k % 2 else -1.0
        send(way * FORWARD_M_S, way * TURN_RAD_S)
        yield (_first(pictures, spin, begun_ns, standing) - begun_ns) * 1e-6
    send(0.0, 0.0)


def step_figures(steps_ms: list[float], rate_hz: float) -> dict[str, Any]:
    """
    Return how long commands took to be seen; nothing if none was tried.

    :param steps_ms: from before a command is published to the callback of the first picture that
        shows it.
    """
    if not steps_ms:
        return {}
    ms = {'median': float(np.median(steps_ms)), 'max': max(steps_ms)}
    return {'command_to_pixel_ms': {key: round(value, 2) for key, value in ms.items()},
            'command_to_pixel_ticks': {key: round(value * 1e-3 * rate_hz, 3)
                                       for key, value in ms.items()},
            'command_to_pixel_tries': len(steps_ms)}


def _await(pictures: Pictures, spin: Callable[[float], None], count: int) -> None:
    """Wait for so many pictures."""
    wanted, end = len(pictures.changes) + count, time.monotonic() + _TIMEOUT_S * count
    while len(pictures.changes) < wanted:
        if time.monotonic() > end:
            raise RuntimeError('no pictures any more')
        spin(_MOMENT_S)


def _first(pictures: Pictures, spin: Callable[[float], None], begun_ns: int,
           standing: float) -> int:
    """Return when the first picture arrived of which much more had changed."""
    end = time.monotonic() + _TIMEOUT_S
    while time.monotonic() < end:
        for arrival_ns, share in pictures.changes[-_STANDING:]:
            if arrival_ns > begun_ns and share > _MARGIN * standing:
                return arrival_ns
        spin(_MOMENT_S)
    raise RuntimeError(f'no picture within {_TIMEOUT_S:g} s showed a command')
