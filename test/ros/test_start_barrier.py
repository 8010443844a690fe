# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The barrier that opens when all subscribers have been discovered."""

import subprocess
import sys
import time

import pytest

rclpy = pytest.importorskip('rclpy', reason='no ROS 2 here')

from geometry_msgs.msg import Twist  # noqa: E402, I100
from inspatio_ros.ros.start_barrier import Listener, main  # noqa: E402


@pytest.fixture
def listen():
    """Return what makes a node of a name that subscribes to a topic."""
    context = rclpy.Context()
    rclpy.init(context=context)
    nodes = []

    def make(name, topic):
        nodes.append(rclpy.create_node(name, context=context))
        nodes[-1].create_subscription(Twist, topic, print, 5)
    yield make
    for node in nodes:
        node.destroy_node()
    context.try_shutdown()


def test_it_opens_when_the_last_one_has_come(checkout, listen):
    listen('recorder', '/barrier/out')
    barrier = subprocess.Popen(
        [sys.executable, '-m', 'inspatio_ros.ros.start_barrier', '/barrier/in',
         '/barrier/out@recorder', '--timeout', '40'], cwd=checkout)
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            barrier.wait(timeout=4.0)
        listen('robot', '/barrier/in')
        assert barrier.wait(timeout=20.0) == 0
    finally:
        barrier.kill()
        barrier.wait()


def test_it_says_who_is_missing(listen, capfd):
    listen('robot', '/barrier/in')
    begin = time.monotonic()
    assert main(['/barrier/in', '/barrier/out', '/barrier/in@recorder', '--timeout', '2']) == 1
    assert 2.0 <= time.monotonic() - begin < 10.0
    assert ('nobody listens after 2 s: /barrier/out, /barrier/in@recorder'
            in capfd.readouterr().err)


def test_listeners_are_named(capsys):
    assert Listener.parsed('/a/b') == Listener('/a/b')
    assert Listener.parsed('/a@node') == Listener('/a', 'node')
    assert str(Listener.parsed('/a@node')) == '/a@node'
    with pytest.raises(SystemExit):
        main(['cmd_vel'])
    assert 'cmd_vel' in capsys.readouterr().err
