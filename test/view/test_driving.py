# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The wheel: one hand at a time, and who falls silent has let go."""

import math

from inspatio_ros.view.driving import Driving, REPEAT_S, SILENCE_S, STOP, Velocity
import pytest

AHEAD, LEFT = Velocity(forward=0.5), Velocity(turn=0.8)


class Ride:
    """A wheel, its commands, and a clock that is set by hand."""

    def __init__(self):
        """Start at zero."""
        self.now = 0.0
        self.sent = []
        self.driving = Driving(self.sent.append, lambda: self.now)

    def pass_time(self, seconds, hand=None, velocity=None):
        """Let time pass; a hand, if given, repeats what it says every 100 ms as the page does."""
        for step in range(round(seconds * 100)):
            self.now += 0.01
            if hand is not None and step % 10 == 0:
                self.driving.take(hand, velocity)
            self.driving.beat()


@pytest.fixture
def ride():
    return Ride()


def test_a_command_goes_out_at_once_and_again_and_again(ride):
    assert ride.driving.take('a', AHEAD)
    assert ride.sent == [AHEAD]
    ride.pass_time(1.0, 'a', AHEAD)
    assert set(ride.sent) == {AHEAD}
    assert len(ride.sent) == pytest.approx(1.0 / REPEAT_S, rel=0.3)


def test_a_change_goes_out_at_once(ride):
    ride.driving.take('a', AHEAD)
    ride.driving.take('a', LEFT)
    assert ride.sent == [AHEAD, LEFT]


def test_letting_go_sends_one_zero_and_then_nothing(ride):
    ride.driving.take('a', AHEAD)
    ride.driving.take('a', STOP)
    ride.pass_time(1.0)
    assert ride.sent == [AHEAD, STOP]


def test_who_only_stands_publishes_nothing(ride):
    assert ride.driving.take('a', STOP)
    ride.pass_time(1.0, 'a', STOP)
    assert ride.sent == [], 'others may be driving'


def test_silence_stops(ride):
    ride.driving.take('a', AHEAD)
    ride.pass_time(SILENCE_S - 0.05)
    assert ride.sent[-1] == AHEAD
    ride.pass_time(0.1)
    assert ride.sent[-1] == STOP
    assert ride.sent.count(STOP) == 1
    assert ride.driving.hand is None


def test_leaving_stops(ride):
    ride.driving.take('a', AHEAD)
    ride.driving.leave('a')
    assert ride.sent == [AHEAD, STOP]


def test_only_one_hand_is_on_the_wheel(ride):
    ride.driving.take('a', AHEAD)
    assert not ride.driving.take('b', LEFT)
    assert not ride.driving.take('b', STOP), 'nor can it stop what it does not drive'
    ride.driving.leave('b')
    assert ride.sent == [AHEAD]
    ride.driving.take('a', STOP)
    assert ride.driving.take('b', LEFT)
    assert ride.sent == [AHEAD, STOP, LEFT]


@pytest.mark.parametrize('value', [math.nan, math.inf, -math.inf, 5.1, -1e300])
@pytest.mark.parametrize('name', ['forward', 'left', 'turn'])
def test_no_velocity_is_not_finite_or_too_fast(name, value):
    with pytest.raises(ValueError, match=name):
        Velocity(**{name: 2.0 * value if name == 'turn' else value})
