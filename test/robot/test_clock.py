# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""World time flows, stands, is stepped, and never falls back but where it is told to."""

from inspatio_ros.robot.clock import open_time, OwnTime, START_NS, WallTime
import pytest

NS = 1_000_000_000


class Hands:
    """A clock that a test sets."""

    ns = 100 * NS

    def __call__(self):
        return self.ns


@pytest.fixture
def hands():
    return Hands()


def test_a_wall_clock_that_was_never_stopped_is_world_time(hands):
    wall = WallTime(hands)
    for _ in range(3):
        assert wall.now_ns() == wall.stamp_ns() == wall.stamp_of(hands.ns) == hands.ns
        assert wall.world_of(hands.ns) == hands.ns
        hands.ns += 7


def test_a_pause_is_no_time_for_the_world_and_stamps_go_on(hands):
    wall = WallTime(hands)
    wall.stand()
    hands.ns += 50 * NS
    assert (wall.now_ns(), wall.stamp_ns()) == (100 * NS, 150 * NS)
    wall.flow()
    hands.ns += NS
    assert (wall.now_ns(), wall.stamp_ns()) == (101 * NS, 151 * NS)
    assert wall.stamp_of(wall.now_ns()) == hands.ns


def test_what_was_stamped_in_a_pause_counts_from_when_time_stood(hands):
    wall = WallTime(hands)
    wall.stand()
    hands.ns += 10 * NS
    assert wall.world_of(0) == 0, 'not stamped'
    assert [wall.world_of(s * NS) for s in (99, 100, 105, 110)] == [99 * NS] + [100 * NS] * 3
    assert wall.world_of(111 * NS) == 101 * NS, 'ahead of the clock'
    wall.flow()
    hands.ns += NS
    assert [wall.world_of(s * NS) for s in (99, 105, 110, 111)] == [
        99 * NS, 100 * NS, 100 * NS, 101 * NS]


def test_a_second_pause_adds_to_the_first(hands):
    wall = WallTime(hands)
    for _ in range(2):
        wall.stand()
        hands.ns += 10 * NS
        wall.flow()
        hands.ns += NS
    assert wall.now_ns() == 102 * NS
    assert wall.world_of(111 * NS - 1) == 101 * NS - 1, 'before the second pause'


def test_a_step_of_a_wall_clock_is_exact_and_stamped_now(hands):
    wall = WallTime(hands)
    wall.stand()
    for k in range(1, 4):
        hands.ns += 5 * NS
        assert wall.advance(NS // 10) == 100 * NS + k * NS // 10
        assert wall.stamp_of(wall.now_ns()) == hands.ns
    wall.flow()
    assert (wall.now_ns(), wall.stamp_of(wall.now_ns())) == (100 * NS + 3 * NS // 10, hands.ns)


def test_stopping_twice_is_stopping_once(hands):
    wall, own = WallTime(hands), OwnTime(2.0, hands)
    own.flow()
    for moment in (wall, own):
        before_ns = moment.now_ns()
        moment.stand()
        hands.ns += NS
        moment.stand()
        assert moment.now_ns() == before_ns
        moment.flow()
        moment.flow()
        assert moment.now_ns() == before_ns
        hands.ns -= NS


@pytest.mark.parametrize('pace', [0.1, 1.0, 20.0])
def test_own_time_flows_at_its_pace_from_a_start_that_is_not_zero(hands, pace):
    own = OwnTime(pace, hands)
    hands.ns += NS
    assert own.now_ns() == START_NS > 0, 'stands until it is told to flow'
    own.flow()
    hands.ns += NS
    assert own.now_ns() == START_NS + round(pace * NS)
    assert own.stamp_of(5) == own.world_of(5) == 5


def test_another_pace_does_not_jump(hands):
    own = OwnTime(1.0, hands)
    own.flow()
    hands.ns += NS
    own.change_pace(10.0)
    assert own.now_ns() == START_NS + NS
    hands.ns += NS
    assert own.now_ns() == START_NS + 11 * NS


def test_own_time_without_a_pace_moves_by_steps_alone(hands):
    own = open_time('lockstep', 3.0, hands)
    own.flow()
    hands.ns += NS
    assert own.now_ns() == START_NS
    assert own.advance(5) == own.now_ns() == START_NS + 5
    own.rewind()
    assert own.now_ns() == START_NS


def test_each_mode_has_its_time(hands):
    assert open_time('wall', 3.0, hands).now_ns() == hands.ns
    assert open_time('scaled', 3.0, hands).pace == 3.0
    assert open_time('lockstep', 3.0, hands).pace == 0.0
