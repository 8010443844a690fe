# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Who drives, and the dead man's handle: a hand that falls silent has let go.

One hand at a time is on the wheel. It keeps it while it says how fast, again and again; it loses
it as it says zero, leaves, or says nothing for SILENCE_S. Whoever had it, the robot is stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass
import math
import time

# The page repeats itself every 100 ms while a key is held.
SILENCE_S = 0.4
# Between two commands, while somebody drives.
REPEAT_S = 0.05
# What a page can ask for; the node has limits of its own.
FASTEST_M_S, FASTEST_RAD_S = 5.0, 6.0


@dataclass(frozen=True)
class Velocity:
    """
    How the robot is to move.

    :param forward: m/s.
    :param left: m/s.
    :param turn: rad/s, + is left.
    :raises ValueError: not finite, or faster than a page may ask for.
    """

    forward: float = 0.0
    left: float = 0.0
    turn: float = 0.0

    def __post_init__(self) -> None:
        for name, most in (('forward', FASTEST_M_S), ('left', FASTEST_M_S),
                           ('turn', FASTEST_RAD_S)):
            value = getattr(self, name)
            if not (math.isfinite(value) and abs(value) <= most):
                raise ValueError(f'{name} must be from -{most:g} to {most:g}, got {value!r}')

    @property
    def still(self) -> bool:
        """Return whether this is to stand."""
        return not any(astuple(self))


STOP = Velocity()


class Driving:
    """
    Turns what hands say into commands.

    :param send: gives the robot a command.
    :param clock: monotonic seconds.
    """

    def __init__(self, send: Callable[[Velocity], None],
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._send = send
        self._clock = clock
        self._hand: object | None = None
        self._velocity = STOP
        self._heard_s = 0.0
        self._sent_s = 0.0

    @property
    def hand(self) -> object | None:
        """Return who drives; None if nobody does."""
        return self._hand

    def take(self, hand: object, velocity: Velocity) -> bool:
        """
        Do as a hand says, at once.

        :returns: False if another hand is on the wheel: nothing was done.
        """
        if self._hand is None and velocity.still:
            return True
        if self._hand not in (None, hand):
            return False
        self._heard_s = self._clock()
        if velocity.still:
            self.leave(hand)
        elif velocity != self._velocity or self._hand is None:
            self._hand = hand
            self._say(velocity)
        return True

    def leave(self, hand: object) -> None:
        """Stop, if it is this hand that drives."""
        if self._hand is not None and self._hand == hand:
            self._hand = None
            self._say(STOP)

    def beat(self) -> None:
        """Repeat the command, or stop for a hand that fell silent; to be called often."""
        if self._hand is None:
            return
        now = self._clock()
        if now - self._heard_s > SILENCE_S:
            self.leave(self._hand)
        elif now - self._sent_s >= REPEAT_S:
            self._say(self._velocity)

    def _say(self, velocity: Velocity) -> None:
        self._velocity, self._sent_s = velocity, self._clock()
        self._send(velocity)
