# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A robot that hears only scan, odom and TF drives through the hall and touches nothing."""

import itertools
import math

from hall_run import ROBOT_RADIUS_M, room_beside, Run, run_of, wandering
from hall_world import world_and_robot
import numpy as np
import pytest
from robot_node import Instant

RATE_HZ, LONGEST_S = 12.0, 120.0
SOAK_RATE_HZ, SOAK_S = 24.0, 600.0


def drive(run: Run, full_circle: bool = False) -> list[Instant]:
    """Drive once; the end of the list is the goal, or where the robot was after a long while."""
    with world_and_robot(run, RATE_HZ, full_circle) as robot:
        instants = robot.drive(iter([run.goal]), run.wait_s)
        return list(itertools.islice(instants, round(LONGEST_S * RATE_HZ)))


def check(run: Run, instants: list[Instant]) -> float:
    """Fail unless the robot reached the goal and touched nothing; return how near it came."""
    least = nearest(instants)
    end = instants[-1]
    assert end.arrived, f'{run} is at {end} after {len(instants)} ticks'
    assert math.hypot(end.x - run.goal[0], end.y - run.goal[1]) < ROBOT_RADIUS_M
    return least


def nearest(instants: list[Instant]) -> float:
    """Fail if the robot touched something; return how near it came, metres."""
    begin_ns = instants[0].stamp_ns
    rooms = [room_beside(it.x, it.y, (it.stamp_ns - begin_ns) * 1e-9) for it in instants]
    tick = int(np.argmin(rooms))
    assert rooms[tick] > 0.0, f'touched something at tick {tick}: {instants[tick]}'
    return rooms[tick]


def test_the_same_seed_is_the_same_drive_and_nothing_is_touched():
    run = run_of(2)
    first = drive(run)
    check(run, first)
    again = drive(run)
    assert again == first


@pytest.mark.slow
@pytest.mark.parametrize('seed', range(10))
def test_ten_drives_reach_their_goals_around_the_moving_box(seed):
    run = run_of(seed)
    instants = drive(run)
    least = check(run, instants)
    print(f'seed {seed}: {len(instants) / RATE_HZ:.1f} s, nearest {least:.3f} m')


@pytest.mark.slow
def test_a_robot_that_sees_all_around_gets_there_as_well():
    run = run_of(8)
    check(run, drive(run, full_circle=True))


@pytest.mark.slow
def test_ten_minutes_to_and_fro_without_a_touch():
    run = run_of(0)
    with world_and_robot(run, SOAK_RATE_HZ) as robot:
        drive = robot.drive(wandering(0), run.wait_s)
        instants = list(itertools.islice(drive, round(SOAK_S * SOAK_RATE_HZ)))
    least = nearest(instants)
    steps_ns = np.diff([it.stamp_ns for it in instants])
    assert np.ptp(steps_ns) <= 1, 'no tick was lost'
    reached = sum(it.arrived for it in instants)
    print(f'{reached} goals in {SOAK_S / 60.0:.0f} min, nearest {least:.3f} m')
    assert reached >= 10
