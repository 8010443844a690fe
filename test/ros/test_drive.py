# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Driving from the command line, over real DDS, with a real terminal."""

import os
import pty
import subprocess
import sys
import time

from inspatio_ros.robot.messages import stamp_ns_of
from painted_world import SPAWN
import pytest
from rig import camera_position, DEPTH


@pytest.fixture(scope='module')
def rig(make_rig):
    rig = make_rig()
    rig.listen(DEPTH)
    return rig


def command(rig, *words):
    return [sys.executable, '-m', 'inspatio_ros', 'drive', '--stamped', 'true', '--topic',
            f'{rig.namespace}/cmd_vel', *words]


def test_driving_for_a_while_moves_and_then_stops(rig, checkout):
    done = subprocess.run(command(rig, '--forward', '1.0', '--seconds', '0.6'), timeout=30,
                          env={**os.environ, 'PYTHONPATH': str(checkout)})
    assert done.returncode == 0
    x = camera_position(rig.fresh(DEPTH))[0] - SPAWN.x
    assert 0.4 < x < 1.0
    time.sleep(0.3)
    assert camera_position(rig.fresh(DEPTH))[0] - SPAWN.x == pytest.approx(x, abs=1e-4)


def test_keys_drive_and_letting_go_stops(rig, checkout):
    assert rig.reset().success
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command(rig), stdin=theirs, stderr=subprocess.DEVNULL,
                               env={**os.environ, 'PYTHONPATH': str(checkout)})
    try:
        rig.wait(lambda: rig.node.count_publishers(f'{rig.namespace}/cmd_vel'), timeout_s=30.0,
                 what='the one who drives')
        for _ in range(5):
            os.write(ours, b'\x1b[A')  # arrow up
            time.sleep(0.1)
        rig.wait(lambda: camera_position(rig.fresh(DEPTH))[0] > SPAWN.x + 0.1)
        time.sleep(1.0)
        x = camera_position(rig.fresh(DEPTH))[0]
        time.sleep(0.3)
        still = rig.fresh(DEPTH)
        assert camera_position(still)[0] == pytest.approx(x, abs=1e-4), stamp_ns_of(
            still.header.stamp)
        os.write(ours, b'q')
        assert process.wait(timeout=10) == 0
    finally:
        process.kill()
        os.close(ours)
        os.close(theirs)


def test_without_keyboard_and_duration_it_says_what_to_give(rig, checkout):
    done = subprocess.run(command(rig), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=30, env={**os.environ, 'PYTHONPATH': str(checkout)})
    assert done.returncode == 2
    assert '--seconds' in done.stderr and 'Traceback' not in done.stderr


def test_a_world_that_is_not_there_is_named(checkout):
    done = subprocess.run(
        [sys.executable, '-m', 'inspatio_ros', 'drive', '--topic', '/nowhere/cmd_vel',
         '--forward', '1', '--seconds', '1'], capture_output=True, text=True, timeout=40,
        env={**os.environ, 'PYTHONPATH': str(checkout)})
    assert done.returncode == 2
    assert 'nobody listens to /nowhere/cmd_vel' in done.stderr
