# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Everything that the node publishes; one stamp for all of one tick, TF before images."""

from __future__ import annotations

from typing import Any

from builtin_interfaces.msg import Time
from inspatio_ros.contracts import F64, Intrinsics, Outputs, SensorFrame
from inspatio_ros.motion.drive import Motion
from inspatio_ros.robot import outputs
from inspatio_ros.robot.health import Health
from inspatio_ros.robot.outputs import COLOR, COLOR_INFO, DEPTH, DEPTH_INFO, OBSERVED
from inspatio_ros.robot.parameters import WorldParameters
from inspatio_ros.ros.messages import messages
from nav_msgs.msg import Odometry
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSPolicyKind, QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, Image
from tf2_msgs.msg import TFMessage

_QUEUE = 5
_OVERRIDES = (QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH, QoSPolicyKind.RELIABILITY,
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
        self._says = outputs.TickMessages(messages, parameters, alone=drives)
        self._health = health
        self._images = {
            topic: node.create_publisher(
                kind, topic, QoSProfile(depth=_QUEUE),
                qos_overriding_options=QoSOverridingOptions(_OVERRIDES))
            for topic, kind in ((COLOR, Image), (COLOR_INFO, CameraInfo), (DEPTH, Image),
                                (DEPTH_INFO, CameraInfo), (OBSERVED, Image))}
        self._tf = node.create_publisher(TFMessage, '/tf', QoSProfile(depth=100))
        self._tf_static = node.create_publisher(TFMessage, '/tf_static', QoSProfile(
            depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL))
        self._odom = (node.create_publisher(Odometry, 'odom', QoSProfile(depth=10))
                      if drives else None)

    def destroy(self) -> None:
        """Take all topics off the network."""
        for publisher in (*self._images.values(), self._tf, self._tf_static, self._odom):
            if publisher is not None:
                self._node.destroy_publisher(publisher)

    def heard(self, topic: str) -> bool:
        """Return whether anybody subscribes to an image or camera_info topic."""
        return self._images[topic].get_subscription_count() > 0

    def wanted(self) -> Outputs:
        """Return what somebody subscribes to."""
        outputs = Outputs.NONE
        for topic, output in ((COLOR, Outputs.RGB), (DEPTH, Outputs.DEPTH),
                              (OBSERVED, Outputs.OBSERVED)):
            if self.heard(topic):
                outputs |= output
        return outputs

    def send_mount(self, T_base_link: F64, stamp: Time) -> None:
        """Publish base -> camera -> optical frame on /tf_static."""
        self._send(self._tf_static, self._says.mount(T_base_link, stamp))

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
                self._send(self._images[topic], self._says.info(stamp, intrinsics))

    def send_frame(self, stamp: Time, frame: SensorFrame, parameters: WorldParameters) -> None:
        """Publish the pictures of a frame; those that were not asked for are None."""
        for topic, pixels in outputs.pictures(frame, parameters).items():
            if not self.heard(topic):
                continue
            with self._health.stage('convert'):
                message = self._says.image(stamp, pixels)
            with self._health.stage('publish'):
                self._send(self._images[topic], message)

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
