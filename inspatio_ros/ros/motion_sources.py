# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What moves the robot comes from a topic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped, Twist, TwistStamped
from inspatio_ros.robot.sources import TrackSource, TwistSource
from nav_msgs.msg import Odometry
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription

_KINDS = {kind.__name__: kind for kind in (
    Odometry, PoseStamped, PoseWithCovarianceStamped, Twist, TwistStamped)}


def subscribe(node: Node, source: TwistSource | TrackSource,
              then: Callable[[], None]) -> Subscription:
    """
    Have a source take what comes.

    :param then: called after each message.
    """
    def take(message: Any) -> None:
        source.take(message)
        then()

    return node.create_subscription(_KINDS[source.kind], source.topic, take,
                                    QoSProfile(depth=source.queue))
