# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What moves the robot comes from topics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped, Twist, TwistStamped
from inspatio_ros.contracts import F64
from inspatio_ros.robot import sources
from inspatio_ros.robot.clock import WorldTime
from inspatio_ros.robot.parameters import WorldParameters
from inspatio_ros.robot.sources import Report, TrackSource, TwistSource
from inspatio_ros.robot.tf_source import TfSource
from inspatio_ros.ros.publishers import naming_override, OVERRIDES
from inspatio_ros.ros.tf_frames import TfFrames
from nav_msgs.msg import Odometry
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription
from tf2_msgs.msg import TFMessage

_KINDS = {kind.__name__: kind for kind in (
    Odometry, PoseStamped, PoseWithCovarianceStamped, Twist, TwistStamped)}
# As tf2's own listener has it.
_TF_QUEUE = 100


def open_source(parameters: WorldParameters, T_map_odom: F64, world_time: WorldTime,
                report: Report) -> TwistSource | TrackSource:
    """
    Return the source that the parameters ask for.

    :param report: called with every message that was dropped: topic, verdict, detail.
    :raises ImportError: motion_source is tf, and there is no tf2_ros.
    """
    if parameters.motion_source == 'tf':
        return TfSource(parameters, T_map_odom, world_time.now_ns, report,
                        TfFrames(parameters, world_time))
    return sources.open_source(parameters, T_map_odom, world_time.now_ns, report,
                               world_time.world_of)


def subscribe(node: Node, source: TwistSource | TrackSource, then: Callable[[], None],
              prefix: str = '') -> list[Subscription]:
    """
    Have a source take what comes.

    :param then: called after each message.
    :param prefix: before the name of the topic, of a robot that is not alone.
    """
    def by(take: Callable[[Any], None]) -> Callable[[Any], None]:
        def take_and_go_on(message: Any) -> None:
            take(message)
            then()
        return take_and_go_on

    if isinstance(source, TfSource):
        static = QoSProfile(depth=_TF_QUEUE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        return [node.create_subscription(TFMessage, '/tf', by(source.take),
                                         QoSProfile(depth=_TF_QUEUE)),
                node.create_subscription(TFMessage, '/tf_static', by(source.take_static), static)]
    topic = prefix + source.topic
    with naming_override(node, topic, 'subscription'):
        return [node.create_subscription(_KINDS[source.kind], topic, by(source.take),
                                         QoSProfile(depth=source.queue),
                                         qos_overriding_options=QoSOverridingOptions(OVERRIDES))]
