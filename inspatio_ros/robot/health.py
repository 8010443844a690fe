# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a driven world knows about itself: times of stages, drops by reason, what it said when."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
import enum
import math
import os
from pathlib import Path
import threading
import time

from inspatio_ros.contracts import GeneratorStatus
from inspatio_ros.motion.counts import Counts
from inspatio_ros.robot.parameters import WorldParameters
import numpy as np

# Stage times kept for the percentiles: ten seconds at 24 Hz.
_KEPT = 240
_RECENT = 40
# A rate below this share of the one that was asked for is low.
_LOW_RATE_SHARE = 0.9
# Of this process, in pages: the second number is what lies in memory.
_STATM = Path('/proc/self/statm')
_PAGE_BYTES = os.sysconf('SC_PAGE_SIZE')
# The way from a command to the first picture made with it.
COMMAND_TO_PIXEL = 'command_to_pixel'


class Level(enum.IntEnum):
    """How bad it is, as a diagnostic status has it."""

    OK = 0
    WARN = 1
    ERROR = 2


class Throttle:
    """
    Let each thing be said at most once per period.

    :param period_s: seconds between two sayings of the same key.
    :param clock: monotonic seconds.
    """

    def __init__(self, period_s: float = 1.0,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._period_s = period_s
        self._clock = clock
        self._said: dict[str, float] = {}

    def __call__(self, key: str) -> bool:
        """Return whether this key may be said now; if so it counts as said."""
        now = self._clock()
        if now - self._said.get(key, -math.inf) < self._period_s:
            return False
        self._said[key] = now
        return True


class Health:
    """
    Counters and stage times of the sensor loop.

    Written by the loop and by callbacks, read by diagnostics, in different threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()      # around drops and stages
        self.ticks = 0                     # that went out
        self.drops: Counter[str] = Counter()
        self.error = ''                    # why there is no picture now
        self.unobserved_ratio = math.nan   # of the newest frame that says
        self._stages: dict[str, deque[float]] = {}
        self._ticks_before = 0
        self._reported_s = time.monotonic()

    def drop(self, reason: str, count: int = 1) -> None:
        """Count frames or messages that did not go out."""
        with self._lock:
            self.drops[reason] += count

    def drop_counts(self) -> dict[str, int]:
        """Return how many were dropped for which reason, as of now."""
        with self._lock:
            return dict(self.drops)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure the time spent inside."""
        begin = time.perf_counter()
        yield
        self.note(name, time.perf_counter() - begin)

    def note(self, stage: str, took_s: float) -> None:
        """Keep the time that a stage took."""
        with self._lock:
            self._stages.setdefault(stage, deque(maxlen=_KEPT)).append(took_s)

    def usual_s(self, name: str, share: float) -> float:
        """Return the time within which this share of the last second or two of a stage ended."""
        with self._lock:
            times = list(self._stages.get(name, ()))
        times = sorted(times[-_RECENT:])
        return times[int(share * (len(times) - 1))] if times else 0.0

    def rate_hz(self) -> float:
        """Return the ticks per second since the last call."""
        now = time.monotonic()
        rate = (self.ticks - self._ticks_before) / max(now - self._reported_s, 1e-9)
        self._ticks_before, self._reported_s = self.ticks, now
        return rate

    def stage_values(self) -> dict[str, str]:
        """Return p50 and p99 of each stage as text, milliseconds."""
        values = {}
        with self._lock:
            stages = {name: list(times) for name, times in self._stages.items()}
        for name, times in stages.items():
            p50, p99 = np.percentile(times, (50, 99)) * 1e3
            values[f'{name}_p50_ms'] = f'{p50:.2f}'
            values[f'{name}_p99_ms'] = f'{p99:.2f}'
        return values


def sensor_values(health: Health, state: str, rate_hz: float, stages: dict[str, str],
                  inputs: dict[str, Counts]) -> dict[str, str]:
    """
    Return what the camera has done, as text.

    :param state: lifecycle state.
    :param stages: their times.
    :param inputs: topic -> what became of its messages.
    """
    values = {'state': state, 'rate_hz': f'{rate_hz:.2f}', **stages, 'ticks': str(health.ticks),
              'unobserved_ratio': f'{health.unobserved_ratio:.4f}'}
    values.update({f'drops.{reason}': str(n) for reason, n in health.drop_counts().items()})
    for topic, counts in inputs.items():
        values.update({f'{topic}.{key}': str(n) for key, n in counts.as_dict().items()})
    return values


def memory_values() -> dict[str, str]:
    """Return the memory of this process as text, MiB; nothing where the system does not say."""
    try:
        pages = int(_STATM.read_text().split()[1])
    except OSError:
        return {}
    return {'memory_mib': f'{pages * _PAGE_BYTES / 2 ** 20:.1f}'}


def time_values(parameters: WorldParameters, now_ns: int,
                unanswered: int | None) -> dict[str, str]:
    """
    Return how the world's time goes, as text.

    :param now_ns: world time.
    :param unanswered: ticks in lockstep that nothing had answered in time; None elsewhere.
    """
    values = {'clock': parameters.clock, 'time_s': f'{now_ns * 1e-9:.3f}'}
    if parameters.clock == 'scaled':
        values['speed_factor'] = f'{parameters.speed_factor:g}'
    if unanswered is not None:
        values.update({'tick_on': parameters.tick_on, 'ticks_unanswered': str(unanswered)})
    return values


def verdict_of(health: Health, state: str, rate_hz: float, wanted_hz: float,
               max_unobserved_ratio: float, doubts: Sequence[str] = ()) -> tuple[Level, str]:
    """
    Judge the camera.

    :param state: lifecycle state.
    :param wanted_hz: the rate that the parameters ask for.
    :param doubts: what else is not as it should be; said after what the pictures say.
    :returns: (level, message) of a diagnostic status.
    """
    if health.error:
        return Level.ERROR, health.error
    if state != 'active':
        return Level.OK, state
    wrong = []
    if health.unobserved_ratio > max_unobserved_ratio:
        wrong.append(f'{health.unobserved_ratio:.0%} of the picture was never seen '
                     f'(max_unobserved_ratio {max_unobserved_ratio:.0%})')
    if rate_hz < _LOW_RATE_SHARE * wanted_hz:
        wrong.append(f'{rate_hz:.1f} Hz instead of {wanted_hz:.1f} Hz')
    level = Level.WARN if wrong or doubts else Level.OK
    return level, '; '.join([*(wrong or [f'{rate_hz:.1f} Hz']), *doubts])


def generator_verdict_of(status: GeneratorStatus) -> tuple[Level, str]:
    """Judge the generator: (level, message) of a diagnostic status."""
    if status.faulty:
        return Level.ERROR, status.reason or status.state.value
    return Level.OK, status.reason or status.state.value


def generator_values(status: GeneratorStatus) -> dict[str, str]:
    """Return what the generator is doing and has done, as text."""
    counters = ('blocks', 'frames', 'failures', 'not_finite', 'out_of_memory', 'flushed',
                'replaced')
    return {'state': status.state.value, 'reason': status.reason,
            'size': f'{status.size[1]}x{status.size[0]}',
            'latency_ms': f'{status.latency_s * 1e3:.1f}',
            'lookahead_ms': f'{status.lookahead_s * 1e3:.1f}',
            'retry_in_s': f'{status.retry_in_s:.1f}',
            **{name: str(getattr(status, name)) for name in counters}}
