# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Drive the robot from the keyboard, where no teleop of a ROS 2 distro is at hand."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
import os
import select
import sys
import time

from inspatio_ros.cli import surroundings

SUMMARY = 'drive the robot from the keyboard (publishes cmd_vel)'
EXAMPLES = """\
examples:
  inspatio drive                                 arrow keys or w a s d; space stops; q leaves
  inspatio drive --forward 0.5 --seconds 4       half a metre a second for four seconds, then stop
  inspatio drive --forward 0.3 --turn 0.5 --seconds 10

The robot stops when no key has come for half a second.
"""

PERIOD_S = 0.1
HOLD_S = 0.5
# Key -> forward and turn, as shares of the speeds.
KEYS = {'w': (1.0, 0.0), 's': (-1.0, 0.0), 'a': (0.0, 1.0), 'd': (0.0, -1.0), ' ': (0.0, 0.0),
        '\x1b[A': (1.0, 0.0), '\x1b[B': (-1.0, 0.0), '\x1b[D': (0.0, 1.0), '\x1b[C': (0.0, -1.0)}
QUIT = ('q', '\x03', '\x04')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument('--forward', type=float, help='m/s (keys: 0.5)')
    parser.add_argument('--turn', type=float, help='rad/s, + is left (keys: 0.6)')
    parser.add_argument('--seconds', type=float, default=0.0,
                        help='drive so long without a keyboard, then stop')
    parser.add_argument('--topic', default='cmd_vel', help='default: cmd_vel')
    parser.add_argument('--stamped', choices=('auto', 'true', 'false'), default='auto',
                        help='TwistStamped instead of Twist; auto: as the node')


def run(args: argparse.Namespace) -> int:
    """
    Publish velocity commands until told to stop.

    :raises ValueError: no keyboard and no duration.
    """
    if args.seconds <= 0.0 and not sys.stdin.isatty():
        raise ValueError('there is no keyboard here: give --forward, --turn and --seconds')
    surroundings.use_fastdds_profile()
    with _publishing(args.topic, args.stamped) as send:
        if args.seconds > 0.0:
            _for_a_while(send, args.forward or 0.0, args.turn or 0.0, args.seconds)
        else:
            _by_keyboard(send, 0.5 if args.forward is None else args.forward,
                         0.6 if args.turn is None else args.turn)
    return 0


Send = Callable[[float, float], None]


def _for_a_while(send: Send, forward: float, turn: float, seconds: float) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0.0:
        send(forward, turn)
        time.sleep(min(PERIOD_S, left))


def _by_keyboard(send: Send, forward: float, turn: float) -> None:
    print(EXAMPLES.splitlines()[1].strip().split('   ')[-1].strip(), file=sys.stderr)
    shares, until = (0.0, 0.0), 0.0
    with _raw_terminal():
        while (key := _key(PERIOD_S)) not in QUIT:
            if key in KEYS:
                shares, until = KEYS[key], time.monotonic() + HOLD_S
            elif time.monotonic() > until:
                shares = (0.0, 0.0)
            send(shares[0] * forward, shares[1] * turn)


def _key(timeout_s: float) -> str:
    """Return the newest key pressed within a time, an arrow as its whole sequence; '' if none."""
    if not select.select([sys.stdin], [], [], timeout_s)[0]:
        return ''
    pressed = os.read(sys.stdin.fileno(), 64).decode('utf-8', 'ignore')
    if any(key in pressed for key in QUIT):
        return QUIT[0]
    return pressed[-3:] if pressed[-3:] in KEYS else pressed[-1:]


@contextmanager
def _raw_terminal() -> Iterator[None]:
    """Take keys one by one, without showing them."""
    import termios
    import tty
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    try:
        tty.setcbreak(terminal)
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


@contextmanager
def _publishing(topic: str, stamped: str) -> Iterator[Send]:
    """Yield a function that publishes forward (m/s) and turn (rad/s); the last word is zero."""
    from geometry_msgs.msg import Twist, TwistStamped
    from inspatio_ros.robot.sources import stamped_cmd_vel
    import rclpy
    rclpy.init(args=[])
    node = rclpy.create_node('inspatio_drive')
    kind = TwistStamped if stamped_cmd_vel(stamped) else Twist
    publisher = node.create_publisher(kind, topic, 10)

    def send(forward: float, turn: float) -> None:
        message = kind()
        # Without a stamp it counts from when it comes, whatever clock the world lives by.
        twist = message.twist if kind is TwistStamped else message
        twist.linear.x, twist.angular.z = forward, turn
        publisher.publish(message)

    try:
        end = time.monotonic() + 5.0
        while publisher.get_subscription_count() == 0:
            if time.monotonic() > end:
                raise ValueError(f'nobody listens to {topic} ({kind.__name__}): is the world '
                                 'running, in the same ROS_DOMAIN_ID?')
            time.sleep(0.05)
        yield send
        send(0.0, 0.0)
        publisher.wait_for_all_acked()
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
