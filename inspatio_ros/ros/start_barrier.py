# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Wait until everybody listens: a process that ends once all subscribers are discovered.

    python3 -m inspatio_ros.ros.start_barrier /cmd_vel /odom@rosbag2_recorder --timeout 30

What is published before its subscriber is discovered is lost, and which messages those are differs
from run to run. `TOPIC` asks for any subscriber, `TOPIC@NODE` for one of a node of that name.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
import sys
import time

import rclpy
from rclpy.node import Node

# How long all have to be there: what has been discovered here may not be everywhere yet.
HOLD_S = 0.5
_PERIOD_S = 0.05


@dataclass(frozen=True)
class Listener:
    """
    A subscriber that is waited for.

    :param topic: fully qualified name.
    :param node: name of its node without namespace; empty = any.
    """

    topic: str
    node: str = ''

    @staticmethod
    def parsed(text: str) -> Listener:
        """
        Read `TOPIC` or `TOPIC@NODE`.

        :raises ValueError: a topic that does not begin with a slash.
        """
        topic, _, node = text.partition('@')
        if not topic.startswith('/'):
            raise ValueError(f'{text!r} does not begin with a slash: names are fully qualified')
        return Listener(topic, node)

    def __str__(self) -> str:
        """Return the form that `parsed` reads."""
        return f'{self.topic}@{self.node}' if self.node else self.topic

    def is_there(self, node: Node) -> bool:
        """Return whether it has been discovered by a node."""
        found = node.get_subscriptions_info_by_topic(self.topic)
        return any(not self.node or info.node_name == self.node for info in found)


def wait_for(listeners: Sequence[Listener], node: Node, timeout_s: float,
             hold_s: float = HOLD_S) -> list[Listener]:
    """
    Wait until all listeners have been there for a while.

    :param node: looks around; it need not be spun.
    :returns: who is missing when the time is over; nobody if all are there.
    """
    begin = whole_since = time.monotonic()
    while True:
        missing = [listener for listener in listeners if not listener.is_there(node)]
        now = time.monotonic()
        if missing:
            whole_since = now
        if (not missing and now - whole_since >= hold_s) or now - begin >= timeout_s:
            return missing
        time.sleep(_PERIOD_S)


def main(argv: Sequence[str] | None = None) -> int:
    """Wait; return 0 if everybody came, 1 if not."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument('listener', nargs='+', type=Listener.parsed, metavar='TOPIC[@NODE]')
    parser.add_argument('--timeout', type=float, default=30.0, help='seconds (default: 30)')
    args = parser.parse_args(argv)
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node('start_barrier', context=context, start_parameter_services=False)
    try:
        missing = wait_for(args.listener, node, args.timeout)
    finally:
        node.destroy_node()
        context.try_shutdown()
    if missing:
        print(f'nobody listens after {args.timeout:g} s: {", ".join(map(str, missing))}',
              file=sys.stderr)
    return 1 if missing else 0


if __name__ == '__main__':
    sys.exit(main())
