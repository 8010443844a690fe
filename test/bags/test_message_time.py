# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Whose time it is, and when the camera looks."""

from inspatio_ros.bags.replaying.message_time import Grid, Instants, MessageClock
import pytest

S = 1_000_000_000
LOG = 1_700_000_000 * S


def test_headers_of_the_same_clock_leave_time_to_the_recorder():
    clock = MessageClock('auto', LOG, LOG - S // 20)
    assert not clock.by_header and clock.at(LOG + 7, LOG) == LOG + 7


def test_messages_without_stamps_come_when_they_were_recorded():
    clock = MessageClock('auto', LOG, 0)
    assert clock.at(LOG + S, 0) == LOG + S
    with pytest.raises(ValueError, match='no stamps'):
        MessageClock('header', LOG, 0)


def test_headers_of_another_clock_are_the_time():
    clock = MessageClock('auto', LOG, 5 * S)
    assert clock.by_header and clock.start_ns == 5 * S
    assert clock.at(LOG + S // 10, 5 * S + S // 20) == 5 * S + S // 20
    assert clock.at(LOG + S // 5, 0) == 5 * S + S // 20  # no stamp: it is as late as it was
    assert not MessageClock('log', LOG, 5 * S).by_header


def test_time_stands_while_messages_come_out_of_order():
    clock = MessageClock('header', LOG, 5 * S)
    clock.at(LOG + S, 6 * S)
    assert clock.at(LOG + S, 6 * S - S // 5) == 6 * S


@pytest.mark.parametrize('stamp', [2 * S, 900 * S])
def test_a_stamp_far_off_is_doubted_until_another_agrees(stamp):
    clock = MessageClock('header', LOG, 5 * S)
    assert clock.at(LOG + S, 6 * S) == 6 * S
    assert clock.at(LOG + 2 * S, stamp) == 6 * S
    assert clock.at(LOG + 3 * S, 8 * S) == 8 * S         # it was wrong
    assert clock.at(LOG + 4 * S, stamp) == 8 * S
    assert clock.at(LOG + 5 * S, stamp + S) == stamp + S  # it was right


def test_a_grid_keeps_its_place_and_starts_again():
    grid = Grid(100, 3.0)
    assert list(grid.until(100)) == []
    assert list(grid.until(100 + S)) == [100, 100 + 333_333_333, 100 + 666_666_667]
    assert list(grid.until(101 + S)) == [100 + S]
    grid.restart(5)
    assert list(grid.until(6)) == [5]


def test_given_instants_are_taken_in_their_order():
    instants = Instants([3, 5, 9])
    assert list(instants.until(5)) == [3]
    instants.restart(0)
    assert list(instants.until(100)) == [5, 9]
