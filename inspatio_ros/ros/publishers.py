# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Everything that the node publishes; one stamp for all of one tick, TF before images."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from builtin_interfaces.msg import Time
from inspatio_ros.contracts import F64, Outputs
from inspatio_ros.motion.drive import Motion
from inspatio_ros.robot.frames import FrameMessages, FrameTopics
from inspatio_ros.robot.health import Health
from inspatio_ros.robot.outputs import TickMessages, topics_of
from inspatio_ros.robot.pace import Pace
from inspatio_ros.robot.rig import MountedCamera, Sights
from inspatio_ros.robot.robots import Robot
from inspatio_ros.ros.messages import messages
from nav_msgs.msg import Odometry
from rclpy.exceptions import ParameterException
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSPolicyKind, QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, LaserScan, PointCloud2
from tf2_msgs.msg import TFMessage

_KINDS = {f'sensor_msgs/msg/{kind.__name__}': kind
          for kind in (CameraInfo, CompressedImage, Image, LaserScan, PointCloud2)}
_QUEUE = 5
OVERRIDES = (QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH, QoSPolicyKind.RELIABILITY,
             QoSPolicyKind.DURABILITY)


class MotionPublishers:
    """
    Where one robot is, as TF and odometry, from configure to cleanup.

    :param robot: its names.
    :param health: where publishing that failed is counted.
    """

    def __init__(self, node: Node, robot: Robot, health: Health) -> None:
        self._node, self._robot, self._health = node, robot, health
        drives = robot.parameters.motion_source == 'twist'
        self._says = TickMessages(messages, robot.parameters, alone=drives)
        self._tf = node.create_publisher(TFMessage, '/tf', QoSProfile(depth=100))
        self._tf_static = node.create_publisher(TFMessage, '/tf_static', QoSProfile(
            depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL))
        self._odom = (node.create_publisher(Odometry, f'{robot.prefix}odom', QoSProfile(depth=10))
                      if drives else None)
        self._odom_pace = Pace()

    def destroy(self) -> None:
        """Take all topics off the network."""
        for publisher in (self._tf, self._tf_static, self._odom):
            if publisher is not None:
                self._node.destroy_publisher(publisher)

    def send_mounts(self, rig: Mapping[str, MountedCamera], stamp: Time) -> None:
        """Publish base -> camera -> optical frame and base -> scan on /tf_static."""
        transforms = self._says.mounts(rig, stamp, self._robot.parameters)
        if transforms is not None:
            send(self._node, self._health, self._tf_static, transforms)

    def send(self, stamp: Time, motion: Motion, T_map_odom: F64) -> None:
        """
        Publish where the robot is: TF, and odometry when the node itself drives and it is due.

        :param motion: with the instant that the stamp means.
        """
        p = self._robot.parameters
        transforms = self._says.transforms(stamp, motion, T_map_odom, p)
        if transforms is not None:
            send(self._node, self._health, self._tf, transforms)
        if self._odom is not None and self._odom_pace.due(motion.stamp_ns, p.odom_rate,
                                                          max(p.rate, p.motion_rate)):
            send(self._node, self._health, self._odom, self._says.odometry(stamp, motion))
            self._odom_pace.take(motion.stamp_ns, p.odom_rate)


class Publishers:
    """
    What one robot says, from configure to cleanup.

    :param robot: its names; they are fixed for the life of the node.
    :param health: where publishing that failed is counted.
    """

    def __init__(self, node: Node, robot: Robot, health: Health) -> None:
        self._node, self._robot, self._health = node, robot, health
        self.motion = MotionPublishers(node, robot, health)
        p = robot.parameters
        self._says = TickMessages(messages, p, alone=p.motion_source == 'twist')
        self._frames = FrameMessages(messages, p)
        self._topics = FrameTopics(p.cameras)
        self._seen = {topic: self._open(_KINDS[it.kind], robot.prefix + topic)
                      for topic, it in self._topics.all.items()}

    def destroy(self) -> None:
        """Take all topics off the network."""
        for publisher in self._seen.values():
            self._node.destroy_publisher(publisher)
        self.motion.destroy()

    def _open(self, kind: type[Any], topic: str) -> Publisher:
        with naming_override(self._node, topic, 'publisher'):
            return self._node.create_publisher(
                kind, topic, QoSProfile(depth=_QUEUE),
                qos_overriding_options=QoSOverridingOptions(OVERRIDES))

    def heard(self, topic: str) -> bool:
        """
        Return whether anybody subscribes to what a camera sees or to a camera_info.

        :param topic: without the robot's name.
        """
        return self._seen[topic].get_subscription_count() > 0

    def wanted(self) -> bool:
        """Return whether somebody subscribes to something that is made of a frame."""
        return any(it.needs and self.heard(topic) for topic, it in self._topics.all.items())

    def due(self, stamp_ns: int) -> frozenset[str]:
        """Return the topics of cameras that somebody waits for at this tick."""
        return self._topics.due(stamp_ns, self._robot.parameters, self.heard)

    def needed(self, topics: Collection[str]) -> dict[str, Outputs]:
        """Return what has to be rendered for these topics, by camera."""
        return self._topics.needed(topics, self._robot.parameters)

    def send_infos(self, stamp: Time, rig: Mapping[str, MountedCamera],
                   topics: Collection[str]) -> None:
        """Publish those camera_infos that are among the topics."""
        for camera, mounted in rig.items():
            names = topics_of(camera)
            for topic in (names.color_info, names.depth_info):
                if topic in topics:
                    self._send(topic, self._says.info(stamp, camera, mounted.intrinsics))

    def send_frames(self, stamp_ns: int, sights: Sights, topics: Collection[str]) -> None:
        """
        Publish what is made of frames.

        :param stamp_ns: of the messages.
        :param topics: of `due`.
        """
        p, stamp = self._robot.parameters, messages.time_of(stamp_ns)
        self._topics.take(stamp_ns, p, topics)
        for topic, make in self._frames.of(stamp, sights, p, topics):
            with self._health.stage('convert'):
                message = make()
            with self._health.stage('publish'):
                self._send(topic, message)

    def _send(self, topic: str, message: Any) -> None:
        send(self._node, self._health, self._seen[topic], message)


@contextmanager
def naming_override(node: Node, topic: str, end: str) -> Iterator[None]:
    """
    Have an error say of which `qos_overrides` it comes.

    :param end: publisher or subscription.
    :raises ValueError: a quality that there is not.
    """
    try:
        yield
    except (ParameterException, RuntimeError) as error:
        name = f'qos_overrides.{node.resolve_topic_name(topic)}.{end}'
        asked = ', '.join(f'{policy} {it.value}' for policy, it in
                          node.get_parameters_by_prefix(name).items())
        raise ValueError(f'{name}, {asked}: {error}') from error


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
