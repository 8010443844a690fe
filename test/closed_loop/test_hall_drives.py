# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A robot that hears only scan, odom and TF drives through the hall and touches nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
import itertools
import math
import os
import signal
import subprocess
import sys

from hall_run import room_beside, ROBOT_RADIUS_M, Run, run_of, TICK_HZ, wandering
import numpy as np
import pytest
from robot_node import Instant, Robot

LONGEST_S = 150.0
SOAK_S = 600.0
_NAMES = (f'/drive{number}' for number in itertools.count())


@contextmanager
def world_and_robot(run: Run) -> Iterator[Robot]:
    """Start the world in a process of its own, with a robot where a run begins."""
    namespace = next(_NAMES)
    values = {'clock': 'lockstep', 'tick_timeout': 0.0, 'rate': TICK_HZ, 'image.width': 320,
              'image.height': 240, 'scan.min_height': 0.05, 'enable_stamped_cmd_vel': 'true',
              'render.threads': 1, 'initial_pose.x': run.start[0],
              'initial_pose.y': run.start[1], 'initial_pose.yaw': run.start[2]}
    names = {f'/{name}': name for name in ('tf', 'tf_static', 'clock', 'diagnostics')}
    words = [word for name, value in values.items() for word in ('-p', f'{name}:={value}')]
    words += [word for old, new in {**names, '__ns': namespace}.items()
              for word in ('-r', f'{old}:={new}')]
    process = subprocess.Popen(
        [sys.executable, '-m', 'inspatio_ros.cli.world', '--ros-args', *words], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=os.environ)
    robot = Robot(namespace, ROBOT_RADIUS_M)
    try:
        robot.meet()
        yield robot
    finally:
        robot.close()
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=20.0)[0]
    assert process.returncode == 0 and 'Traceback' not in said, said


def drive(run: Run) -> list[Instant]:
    """Drive once; the end of the list is the goal, or where the robot was after a long while."""
    with world_and_robot(run) as robot:
        instants = robot.drive(iter([run.goal]), run.wait_s)
        return list(itertools.islice(instants, round(LONGEST_S * TICK_HZ)))


def check(run: Run, instants: list[Instant]) -> float:
    """Fail unless the robot reached the goal and touched nothing; return how near it came."""
    least = min_room(instants)
    end = instants[-1]
    assert end.arrived, f'{run} is at {end} after {len(instants)} ticks'
    assert math.hypot(end.x - run.goal[0], end.y - run.goal[1]) < ROBOT_RADIUS_M
    return least


def min_room(instants: list[Instant]) -> float:
    begin_ns = instants[0].stamp_ns
    rooms = [room_beside(it.x, it.y, (it.stamp_ns - begin_ns) * 1e-9) for it in instants]
    nearest = int(np.argmin(rooms))
    assert rooms[nearest] > 0.0, f'touched something at tick {nearest}: {instants[nearest]}'
    return rooms[nearest]


def test_the_same_seed_is_the_same_drive_and_nothing_is_touched():
    run = run_of(4)
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
    print(f'seed {seed}: {len(instants) / TICK_HZ:.1f} s, nearest {least:.3f} m')
