# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Everything that the node publishes; one stamp for all of one tick, TF before images."""

from __future__ import annotations

from typing import Any

from builtin_interfaces.msg import Time
from inspatio_ros.contracts import F64, Intrinsics, SensorFrame
from inspatio_ros.motion.drive import Motion
from inspatio_ros.robot.frames import FRAME_TOPICS, FrameMessages, rate_of
from inspatio_ros.robot.health import Health
from inspatio_ros.robot.outputs import COLOR_INFO, DEPTH_INFO, TickMessages
from inspatio_ros.robot.pace import Pace
from inspatio_ros.robot.parameters import WorldParameters
from inspatio_ros.ros.messages import messages
from nav_msgs.msg import Odometry
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSPolicyKind, QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, LaserScan, PointCloud2
from tf2_msgs.msg import TFMessage

KINDS = {f'sensor_msgs/msg/{kind.__name__}': kind
         for kind in (CompressedImage, Image, LaserScan, PointCloud2)}
_QUEUE = 5
OVERRIDES = (QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH, QoSPolicyKind.RELIABILITY,
             QoSPolicyKind.DURABILITY)


class Publishers:
    """
    The node's outputs, from configure to cleanup.

    :param parameters: frame names; they are fixed for the life of the node.
    :param health: where publishing that failed is counted.
    """

    def __init__(self, node: Node, parameters: WorldParameters, health: Health) -> None:
        self._node = node
        drives = parameters.motion_source == 'twist'
        self._says = TickMessages(messages, parameters, alone=drives)
        self._frames = FrameMessages(messages, parameters)
        self._health = health
        self._seen = {
            topic: node.create_publisher(
                kind, topic, QoSProfile(depth=_QUEUE),
                qos_overriding_options=QoSOverridingOptions(OVERRIDES))
            for topic, kind in ((COLOR_INFO, CameraInfo), (DEPTH_INFO, CameraInfo),
                                *((topic, KINDS[it.kind]) for topic, it in FRAME_TOPICS.items()))}
        self._paces = {topic: Pace() for topic in FRAME_TOPICS}
        self._tf = node.create_publisher(TFMessage, '/tf', QoSProfile(depth=100))
        self._tf_static = node.create_publisher(TFMessage, '/tf_static', QoSProfile(
            depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL))
        self._odom = (node.create_publisher(Odometry, 'odom', QoSProfile(depth=10))
                      if drives else None)

    def destroy(self) -> None:
        """Take all topics off the network."""
        for publisher in (*self._seen.values(), self._tf, self._tf_static, self._odom):
            if publisher is not None:
                self._node.destroy_publisher(publisher)

    def heard(self, topic: str) -> bool:
        """Return whether anybody subscribes to what the camera sees or to a camera_info."""
        return self._seen[topic].get_subscription_count() > 0

    def wanted(self) -> bool:
        """Return whether somebody subscribes to something that is made of a frame."""
        return any(self.heard(topic) for topic in FRAME_TOPICS)

    def due(self, stamp_ns: int, parameters: WorldParameters) -> frozenset[str]:
        """Return the topics made of a frame that somebody waits for at this tick."""
        return frozenset(
            topic for topic, pace in self._paces.items()
            if self.heard(topic) and pace.due(stamp_ns, rate_of(topic, parameters),
                                              parameters.rate))

    def send_mount(self, T_base_link: F64, stamp: Time, parameters: WorldParameters) -> None:
        """Publish base -> camera -> optical frame and base -> scan on /tf_static."""
        transforms = self._says.mount(T_base_link, stamp, parameters)
        if transforms is not None:
            self._send(self._tf_static, transforms)

    def send_motion(self, stamp: Time, motion: Motion, T_map_odom: F64,
                    parameters: WorldParameters) -> None:
        """Publish where the robot is: TF, and odometry when the node itself drives."""
        transforms = self._says.transforms(stamp, motion, T_map_odom, parameters)
        if transforms is not None:
            self._send(self._tf, transforms)
        if self._odom is not None:
            self._send(self._odom, self._says.odometry(stamp, motion))

    def send_infos(self, stamp: Time, intrinsics: Intrinsics) -> None:
        """Publish both camera_infos to whoever listens."""
        for topic in (COLOR_INFO, DEPTH_INFO):
            if self.heard(topic):
                self._send(self._seen[topic], self._says.info(stamp, intrinsics))

    def send_frame(self, frame: SensorFrame, T_base_cam: F64, parameters: WorldParameters,
                   topics: frozenset[str]) -> None:
        """
        Publish what is made of a frame.

        :param topics: of `due`.
        """
        stamp = messages.time_of(frame.stamp_ns)
        for topic, make in self._frames.of(stamp, frame, T_base_cam, parameters, topics):
            with self._health.stage('convert'):
                message = make()
            with self._health.stage('publish'):
                self._send(self._seen[topic], message)
            self._paces[topic].take(frame.stamp_ns, rate_of(topic, parameters))

    def _send(self, publisher: Publisher, message: Any) -> None:
        send(self._node, self._health, publisher, message)


def send(node: Node, health: Health, publisher: Publisher, message: Any) -> None:
    """Publish; what the middleware refuses is dropped and counted."""
    try:
        publisher.publish(message)
    except rclpy_implementation.RCLError as error:
        # A full queue under back-pressure, or a context that shuts down.
        health.drop('publish_failed')
        if node.context.ok():
            node.get_logger().warning(
                f'{publisher.topic_name}: not published: {error}', throttle_duration_sec=1.0)
