# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The world node in a process of its own, and a robot in it."""

from collections.abc import Iterator
from contextlib import contextmanager
import itertools
import os
import signal
import subprocess
import sys

from hall_run import ROBOT_RADIUS_M, Run
from robot_node import Robot

_CAMERA = {'image.width': 320, 'image.height': 240, 'scan.min_height': 0.05}
_LEAVE_S = 20.0
_NAMES = (f'/drive{number}' for number in itertools.count())


@contextmanager
def world_and_robot(run: Run, rate_hz: float, full_circle: bool = False) -> Iterator[Robot]:
    """
    Start the world in a process of its own, with a robot where a run begins.

    :param rate_hz: instants per second of its time.
    :param full_circle: the robot sees all around, instead of what is before it.
    """
    namespace = next(_NAMES)
    values = {**_CAMERA, 'clock': 'lockstep', 'tick_timeout': 0.0, 'rate': rate_hz,
              'scan.full_circle': str(full_circle).lower(),
              'enable_stamped_cmd_vel': 'true', 'render.threads': 1,
              'initial_pose.x': run.start[0], 'initial_pose.y': run.start[1],
              'initial_pose.yaw': run.start[2]}
    names = {f'/{name}': name for name in ('tf', 'tf_static', 'clock', 'diagnostics')}
    words = [word for name, value in values.items() for word in ('-p', f'{name}:={value}')]
    words += [word for old, new in {**names, '__ns': namespace}.items()
              for word in ('-r', f'{old}:={new}')]
    process = subprocess.Popen(
        [sys.executable, '-m', 'inspatio_ros.cli.world', '--ros-args', *words], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)})
    robot = Robot(namespace, ROBOT_RADIUS_M)
    try:
        robot.meet()
        yield robot
    finally:
        robot.close()
        process.send_signal(signal.SIGINT)
        try:
            said = process.communicate(timeout=_LEAVE_S)[0]
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    assert process.returncode == 0 and 'Traceback' not in said, said
