# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Velocity commands, in the type that the robot listens to."""

from __future__ import annotations

from typing import Any

from geometry_msgs.msg import Twist, TwistStamped
from inspatio_ros.view.driving import STOP, Velocity
from rclpy.duration import Duration
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile

TOPIC = 'cmd_vel'
_KINDS = {'geometry_msgs/msg/Twist': Twist, 'geometry_msgs/msg/TwistStamped': TwistStamped}
# The last word is waited for so long.
_LAST_WORD_S = 0.5


class CmdVel:
    """
    The publisher of commands, there while it is wanted and somebody listens.

    :param node: of the viewer.
    :param world: name of the node that is driven, without namespace; others may listen, too.
    """

    def __init__(self, node: Node, world: str) -> None:
        self._node = node
        self._world = world
        self._open: tuple[type[Any], Publisher] | None = None

    @property
    def kind(self) -> str:
        """Return the type that is published; empty while there is no publisher."""
        return self._open[0].__name__ if self._open else ''

    def look(self, wanted: bool) -> None:
        """
        Match the publisher to who listens now.

        :param wanted: whether anybody is there who could drive.
        """
        kind = self._listened_to() if wanted else None
        if self._open and self._open[0] is not kind:
            self.close()
        if kind is not None and self._open is None:
            self._open = kind, self._node.create_publisher(kind, TOPIC, QoSProfile(depth=10))

    def _listened_to(self) -> type[Any] | None:
        topic = self._node.resolve_topic_name(TOPIC)
        found = [info for info in self._node.get_subscriptions_info_by_topic(topic)
                 if info.topic_type in _KINDS]
        found.sort(key=lambda info: info.node_name != self._world)
        return _KINDS[found[0].topic_type] if found else None

    def send(self, velocity: Velocity) -> None:
        """
        Publish, from any thread; nothing where nobody listens.

        A stamp of zero counts as now, whatever clock the node goes by.
        """
        if self._open is None:
            return
        kind, publisher = self._open
        message = kind()
        twist = message.twist if kind is TwistStamped else message
        twist.linear.x, twist.linear.y = velocity.forward, velocity.left
        twist.angular.z = velocity.turn
        try:
            publisher.publish(message)
        except (rclpy_implementation.RCLError, rclpy_implementation.InvalidHandle) as error:
            if self._node.context.ok():
                self._node.get_logger().warning(f'{TOPIC}: not published: {error}',
                                                throttle_duration_sec=1.0)

    def close(self) -> None:
        """Leave, with a zero as the last word."""
        if self._open is None:
            return
        self.send(STOP)
        (_, publisher), self._open = self._open, None
        publisher.wait_for_all_acked(Duration(seconds=_LAST_WORD_S))
        self._node.destroy_publisher(publisher)
