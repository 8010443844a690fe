# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The processes of a recorded replay: a node under test, and a player and recorder without rosbag2.

    parties.py relay SECONDS | play BAG | record BAG
"""

import itertools
from pathlib import Path
import sys
import time

import rclpy
from rclpy.executors import ExternalShutdownException
from std_msgs.msg import Int32

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from inspatio_ros.bags.reading import Bag  # noqa: E402, I100
from inspatio_ros.bags.typestore import typestore  # noqa: E402
from inspatio_ros.bags.writing import BagWriter  # noqa: E402

IN, OUT, TYPE = '/replay/number', '/replay/doubled', 'std_msgs/msg/Int32'
COUNT, PERIOD_S = 40, 0.02


def message(number):
    return typestore().types[TYPE](data=number)


def write_numbers(path):
    """Write the bag that is played: 0, 1, 2, ..."""
    with BagWriter(path) as bag:
        bag.add_topic(IN, TYPE)
        for number in range(COUNT):
            bag.write(IN, round(number * PERIOD_S * 1e9), message(number))
    return path


def relay(late_s):
    """Double what comes in, but be late to listen."""
    node = rclpy.create_node('relay')
    publisher = node.create_publisher(Int32, OUT, 100)
    time.sleep(float(late_s))
    node.create_subscription(Int32, IN, lambda it: publisher.publish(Int32(data=2 * it.data)), 100)
    rclpy.spin(node)


def play(path):
    node = rclpy.create_node('player')
    publisher = node.create_publisher(Int32, IN, 100)
    time.sleep(1.0)
    with Bag(Path(path)) as bag:
        for raw in bag.messages([IN]):
            publisher.publish(Int32(data=bag.decode(raw).data))
            time.sleep(PERIOD_S)
    time.sleep(0.5)


def record(path):
    node = rclpy.create_node('recorder')
    count = itertools.count()
    with BagWriter(Path(path)) as bag:
        bag.add_topic(OUT, TYPE)
        # Numbered, not timed: the time of recording differs from run to run.
        node.create_subscription(
            Int32, OUT, lambda it: bag.write(OUT, next(count), message(it.data)), 100)
        try:
            rclpy.spin(node)
        except (KeyboardInterrupt, ExternalShutdownException):
            pass


if __name__ == '__main__':
    rclpy.init()
    try:
        {'relay': relay, 'play': play, 'record': record}[sys.argv[1]](sys.argv[2])
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
