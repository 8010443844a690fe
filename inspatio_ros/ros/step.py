# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Steps: single ticks that somebody waits for in another thread."""

from __future__ import annotations

from collections.abc import Callable
import threading

# A generator may have to paint for a step.
PATIENCE_S = 10.0


class Busy(Exception):
    """A frame takes long just now; unless it says otherwise, nothing has changed."""

    def __init__(self, text: str = 'a frame takes long just now, nothing has changed') -> None:
        super().__init__(text)


class Step:
    """One tick that is waited for."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.stamp_ns: int | None = None  # None: nothing went out
        self.why = 'the pose of the robot is unknown'

    def do(self, tick: Callable[[], int | None]) -> None:
        """
        Take the tick.

        :param tick: returns the stamp of what went out.
        :raises Exception: whatever the tick raises; who waits is told of it before.
        """
        try:
            self.stamp_ns = tick()
        except Exception as error:
            self.why = f'{type(error).__name__}: {error}'
            raise
        finally:
            self.done.set()


class StepRequest:
    """
    The step that is asked for, between who asks and who ticks.

    :param patience_s: how long who asks waits.
    """

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._asked: Step | None = None

    def take(self) -> Step | None:
        """Return the step that is asked for; it is under way then."""
        with self._lock:
            step, self._asked = self._asked, None
            return step

    def ask(self, tell: Callable[[], None]) -> int:
        """
        Ask for a step and wait for it.

        :param tell: called once it is asked for.
        :returns: its stamp.
        :raises ValueError: nothing went out, and why.
        :raises Busy: it takes too long; one that has not begun will not be taken.
        """
        step = Step()
        with self._lock:
            self._asked = step
        tell()
        if not step.done.wait(self._patience_s):
            if self.take() is not None:
                raise Busy
            raise Busy('the step takes long, it goes out once it is ready')
        if step.stamp_ns is None:
            raise ValueError(step.why)
        return step.stamp_ns
