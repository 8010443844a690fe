# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Everything that the node publishes; one stamp for all of one tick, TF before images."""

from __future__ import annotations

from typing import Any

from builtin_interfaces.msg import Time
from inspatio_ros.contracts import F32, F64, Intrinsics, Outputs, SensorFrame
from inspatio_ros.motion.drive import Motion
from inspatio_ros.motion.transforms import T_LINK_OPTICAL
from inspatio_ros.ros import messages
from inspatio_ros.ros.health import Health
from inspatio_ros.ros.parameters import WorldParameters
from nav_msgs.msg import Odometry
import numpy as np
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSPolicyKind, QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, Image
from tf2_msgs.msg import TFMessage

COLOR = 'camera/color/image_raw'
COLOR_INFO = 'camera/color/camera_info'
DEPTH = 'camera/depth/image_raw'
DEPTH_INFO = 'camera/depth/camera_info'
OBSERVED = 'camera/observed'

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
        self._frames = parameters
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
                      if parameters.motion_source == 'twist' else None)

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
        f = self._frames
        self._send(self._tf_static, TFMessage(transforms=[
            messages.transform_of(T_base_link, messages.header_of(stamp, f.base_frame),
                                  f.camera_frame),
            messages.transform_of(T_LINK_OPTICAL, messages.header_of(stamp, f.camera_frame),
                                  f.optical_frame)]))

    def send_motion(self, stamp: Time, motion: Motion, T_map_odom: F64,
                    parameters: WorldParameters) -> None:
        """Publish where the robot is: TF, and odometry when the node itself drives."""
        f = self._frames
        odom_header = messages.header_of(stamp, f.odom_frame)
        transforms = []
        if parameters.publish_map_odom_tf:
            transforms.append(messages.transform_of(
                T_map_odom, messages.header_of(stamp, f.map_frame), f.odom_frame))
        if self._odom is not None:
            transforms.append(messages.transform_of(motion.T_odom_base, odom_header,
                                                    f.base_frame))
        if transforms:
            self._send(self._tf, TFMessage(transforms=transforms))
        if self._odom is not None:
            self._send(self._odom, messages.odometry_of(
                motion.T_odom_base, motion.linear, motion.angular, odom_header, f.base_frame))

    def send_infos(self, stamp: Time, intrinsics: Intrinsics) -> None:
        """Publish both camera_infos to whoever listens."""
        header = messages.header_of(stamp, self._frames.optical_frame)
        for topic in (COLOR_INFO, DEPTH_INFO):
            if self.heard(topic):
                self._send(self._images[topic],
                           messages.camera_info_of(intrinsics, header))

    def send_frame(self, stamp: Time, frame: SensorFrame, parameters: WorldParameters) -> None:
        """Publish the pictures of a frame; those that were not asked for are None."""
        header = messages.header_of(stamp, self._frames.optical_frame)
        depth = None if frame.depth is None else depth_pixels(frame.depth, parameters)
        for topic, pixels in ((COLOR, frame.rgb), (DEPTH, depth), (OBSERVED, frame.observed)):
            if pixels is None or not self.heard(topic):
                continue
            with self._health.stage('convert'):
                message = messages.image_of(pixels, header)
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


def depth_pixels(depth_HW: F32, parameters: WorldParameters) -> Any:
    """
    Return depth as the parameters want it: range limits (REP-117), then the encoding.

    :param depth_HW: (H, W) float32, metres; changed in place.
    :returns: (H, W) float32 metres or uint16 millimetres.
    """
    if np.isfinite(parameters.max_range):
        depth_HW[depth_HW > parameters.max_range] = np.inf
    if parameters.min_range > 0.0:
        depth_HW[depth_HW < parameters.min_range] = -np.inf
    return messages.millimetres_of(depth_HW) if parameters.depth_encoding == '16UC1' else depth_HW
