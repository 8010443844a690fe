# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The thread that a generator works in.

Whoever shows the world says where the camera is going and collects what is ready; neither waits.
A generator that raises, hangs or is late costs blocks and never a picture of the sensor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
import math
import threading
import time
from typing import Generic, TypeVar

from inspatio_ros.contracts import CameraTrack, GeneratorState, GeneratorStatus, I64
from inspatio_ros.engine.imaginer import (along, Block, block_stamps, CancelledError, Imaginer,
                                          NotFiniteError, plan_start)

Ready = TypeVar('Ready')

# After so many failures in a row a generator begins anew: its memory may be what is wrong.
_FAILURES_TO_RESET = 2


@dataclass(frozen=True)
class PainterSettings:
    """
    How patient a painter is.

    :param lockstep: paint what `wait_for` asks for, and only that: same input, same blocks.
    :param backoff_s: wait after a failure, doubled with every further one.
    :param max_backoff_s: longest wait.
    :param late_s: a block that takes longer is called late.
    :param wait_s: how long `wait_for` waits at most.
    :param join_s: how long `close` waits for a generator that does not stop.
    :raises ValueError: a time that is not positive.
    """

    lockstep: bool = False
    backoff_s: float = 0.5
    max_backoff_s: float = 30.0
    late_s: float = 2.0
    wait_s: float = 60.0
    join_s: float = 1.0

    def __post_init__(self) -> None:
        for name in ('backoff_s', 'max_backoff_s', 'late_s', 'wait_s', 'join_s'):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0.0):
                raise ValueError(f'painter.{name} must be finite and > 0, got {value!r}')


@dataclass(frozen=True)
class _Job:
    """A block to paint: its instants, the track, the time when it was begun, of which world."""

    stamps_ns: I64
    track: CameraTrack
    now_ns: int
    epoch: int


class Painter(Generic[Ready]):
    """
    Paints block after block along the newest track.

    All stamps are scene time. Every method returns at once, but for `wait_for` and `close`.

    :param imaginer: the generator; belongs to the thread from now on, which also closes it.
    :param prepare: makes of a block what `collect` returns; called in the thread.
    :param settings: see there.
    """

    def __init__(self, imaginer: Imaginer, prepare: Callable[[Block], Ready],
                 settings: PainterSettings = PainterSettings()) -> None:
        self._imaginer, self._prepare, self._settings = imaginer, prepare, settings
        self._changed = threading.Condition()
        # Guarded by `_changed`, as is everything below.
        self._track: CameraTrack | None = None
        self._wanted_ns: int | None = None    # lockstep: the instant that somebody waits for
        self._follows_ns: int | None = None   # the stamp that continues the newest block
        self._now_ns, self._latency_ns = 0, 0
        self._epoch, self._reset_due = 0, False
        self._closing, self._ended = False, False
        self._ready: list[Ready] = []
        self._begun_s: float | None = None    # of the block under way
        self._attempts, self._failed_in_row, self._retry_s = 0, 0, 0.0
        self._failure, self._note = '', ''
        self._period_ns, self._frames = imaginer.period_ns, imaginer.block_frames()
        self._counts = GeneratorStatus(size=imaginer.size)
        self._thread = threading.Thread(target=self._run, name='painter', daemon=True)
        self._thread.start()

    def expect(self, track: CameraTrack) -> None:
        """
        Take the newest track.

        :param track: from about now on; a track without poses is passed over.
        """
        if not len(track.stamps_ns):
            return
        with self._changed:
            if self._track is not None:
                self._counts = replace(self._counts, replaced=self._counts.replaced + 1)
            self._track, self._now_ns = track, int(track.stamps_ns[0])
            self._changed.notify_all()

    def collect(self) -> list[Ready]:
        """Return what has become ready since the last call, oldest first."""
        with self._changed:
            ready, self._ready = self._ready, []
            return ready

    def wait_for(self, stamp_ns: int) -> None:
        """
        Wait for the block that holds an instant, in lockstep; return at once otherwise.

        Returns without it if the generator fails, hangs or has no track: `status` says so.
        """
        with self._changed:
            if not self._settings.lockstep or self._track is None or self._ended or (
                    self._holds(stamp_ns)):
                return
            self._wanted_ns, before = stamp_ns, self._attempts
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._closing or self._attempts > before,
                                   self._settings.wait_s)
            self._wanted_ns = None

    def flush(self) -> None:
        """Forget tracks and blocks; the one under way is thrown away, the next is a first one."""
        with self._changed:
            self._epoch += 1
            self._reset_due = True
            self._track = self._follows_ns = None
            self._ready = []
            self._failed_in_row, self._retry_s = 0, 0.0
            self._failure = self._failure if self._ended else ''
            self._imaginer.cancel()
            self._changed.notify_all()

    def status(self) -> GeneratorStatus:
        """Return what the generator is doing."""
        with self._changed:
            now_s = time.monotonic()
            lookahead_ns = self._latency_ns + (self._frames + 1) * self._period_ns
            state, reason = self._state(now_s)
            return replace(self._counts, state=state, reason=reason,
                           lookahead_s=lookahead_ns * 1e-9,
                           retry_in_s=max(self._retry_s - now_s, 0.0))

    def close(self) -> None:
        """End the thread. One that hangs is left behind, and ends when its block does."""
        with self._changed:
            self._closing = True
            self._ready = []
            self._imaginer.cancel()
            self._changed.notify_all()
        self._thread.join(self._settings.join_s)

    def _state(self, now_s: float) -> tuple[GeneratorState, str]:
        if self._closing:
            return GeneratorState.CLOSED, ''
        if self._failure:
            return GeneratorState.FAILED, self._failure
        if self._begun_s is None:
            return GeneratorState.WAITING, self._note
        taken_s = now_s - self._begun_s
        if taken_s > self._settings.late_s:
            return GeneratorState.LATE, f'a block is not ready after {taken_s:.1f} s'
        return GeneratorState.PAINTING, self._note

    def _holds(self, stamp_ns: int) -> bool:
        return self._follows_ns is not None and stamp_ns < self._follows_ns

    def _run(self) -> None:
        try:
            while (task := self._next()) is not None:
                task()
        except Exception as error:  # noqa: B902  the edge of the thread: reported in `status`
            with self._changed:
                self._failure = f'the generator has ended: {type(error).__name__}: {error}'
                self._ended = True
                self._conclude()
                self._changed.notify_all()
        finally:
            self._imaginer.close()

    def _next(self) -> Callable[[], None] | None:
        """Wait for something to do; None = leave."""
        with self._changed:
            while not self._closing:
                hold_s = self._retry_s - time.monotonic()
                if hold_s <= 0.0:
                    if self._reset_due:
                        return partial(self._attempt, self._reset)
                    job = self._plan()
                    if job is not None:
                        self._begun_s = time.monotonic()
                        return partial(self._paint, job)
                self._changed.wait(hold_s if hold_s > 0.0 else None)
            return None

    def _plan(self) -> _Job | None:
        """Return the block that is to be painted now, if one is."""
        track, period_ns = self._track, self._period_ns
        if track is None:
            return None
        span_ns = (self._frames - 1) * period_ns
        if self._settings.lockstep:
            start_ns = self._wanted_ns
            if start_ns is None or self._holds(start_ns):
                return None
            follows_ns = self._follows_ns
            if follows_ns is not None and start_ns <= follows_ns + span_ns:
                start_ns = follows_ns
        else:
            start_ns = plan_start(track, self._follows_ns, span_ns, self._latency_ns, period_ns)
            if start_ns is None:
                return None
            self._track = None  # the block after it gets a newer one
        stamps_ns = block_stamps(start_ns, self._frames, period_ns)
        return _Job(stamps_ns, track, int(track.stamps_ns[0]), self._epoch)

    def _paint(self, job: _Job) -> None:
        begin_s = time.monotonic()

        def paint() -> None:
            ready = self._prepare(self._imaginer.imagine(along(job.track, job.stamps_ns)))
            with self._changed:
                self._take(job, ready, time.monotonic() - begin_s)

        self._attempt(paint)

    def _reset(self) -> None:
        with self._changed:
            self._reset_due = False
        try:
            self._imaginer.reset()
        except Exception:
            with self._changed:
                self._reset_due = True
                self._retry_s = time.monotonic() + self._settings.backoff_s
            raise

    def _attempt(self, work: Callable[[], None]) -> None:
        """Do something with the generator; note how it ended."""
        shortage: str | None = None
        try:
            work()
        except CancelledError:
            self._finish(self._give_up)
        except MemoryError as error:
            shortage = str(error)
        except Exception as error:  # noqa: B902  the edge of the thread: reported in `status`
            self._finish(partial(self._fail, error))
        else:
            self._finish(lambda: None)
        if shortage is not None:
            # Only now has all been freed that the error held on to.
            self._finish(partial(self._fail_for_memory, shortage, self._shrink()))

    def _finish(self, note: Callable[[], None]) -> None:
        with self._changed:
            note()
            self._begun_s = None
            self._frames = self._imaginer.block_frames()
            self._counts = replace(self._counts, size=self._imaginer.size)
            self._changed.notify_all()

    def _take(self, job: _Job, ready: Ready, taken_s: float) -> None:
        """Hand a block over, unless the world has changed since."""
        if job.epoch != self._epoch or self._closing:
            self._give_up()
            return
        self._conclude()
        self._ready.append(ready)
        self._follows_ns = int(job.stamps_ns[-1]) + self._period_ns
        self._latency_ns = max(self._now_ns - job.now_ns, 0)
        self._failed_in_row, self._retry_s, self._failure = 0, 0.0, ''
        self._counts = replace(self._counts, blocks=self._counts.blocks + 1, latency_s=taken_s,
                               frames=self._counts.frames + len(job.stamps_ns))

    def _fail(self, error: Exception) -> None:
        self._conclude()
        self._count('failures')
        if isinstance(error, NotFiniteError):
            self._count('not_finite')
        self._failure = f'{type(error).__name__}: {error}'
        self._failed_in_row += 1
        if self._failed_in_row % _FAILURES_TO_RESET == 0:
            self._reset_due = True
        backoff_s = self._settings.backoff_s * 2.0 ** min(self._failed_in_row - 1, 16)
        if not self._settings.lockstep:
            self._retry_s = time.monotonic() + min(backoff_s, self._settings.max_backoff_s)

    def _fail_for_memory(self, reason: str, smaller: bool) -> None:
        self._count('out_of_memory')
        if not smaller:
            self._fail(MemoryError(reason))
            return
        self._count('failures')
        height, width = self._imaginer.size
        # Whoever waits goes on waiting: it is tried again at once.
        self._note = f'out of memory ({reason}): painting {width}x{height}'

    def _shrink(self) -> bool:
        try:
            return self._imaginer.shrink()
        except Exception:  # noqa: B902  it cannot: the shortage itself is what is reported
            return False

    def _give_up(self) -> None:
        self._conclude()
        self._count('flushed')

    def _conclude(self) -> None:
        """Whoever waits need not wait any longer, nor is it tried again for them."""
        self._attempts += 1
        self._wanted_ns = None

    def _count(self, name: str) -> None:
        self._counts = replace(self._counts, **{name: getattr(self._counts, name) + 1})
