# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The messages of robot.messages in the classes of rclpy."""

from __future__ import annotations

import array
from collections.abc import Callable, Sequence
from typing import Any

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import Point, Pose, PoseWithCovariance, PoseWithCovarianceStamped
from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Twist
from geometry_msgs.msg import TwistWithCovariance, Vector3
from inspatio_ros.contracts import F32
from inspatio_ros.robot.messages import Messages
from nav_msgs.msg import Odometry
import numpy.typing as npt
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, LaserScan, PointCloud2
from sensor_msgs.msg import PointField, RegionOfInterest
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage

_KINDS = {kind.__name__: kind for kind in (
    CameraInfo, CompressedImage, DiagnosticArray, DiagnosticStatus, Header, Image, KeyValue,
    LaserScan, Odometry, Point, PointCloud2, PointField, Pose, PoseWithCovariance,
    PoseWithCovarianceStamped, Quaternion, RegionOfInterest, TFMessage, Time, Transform,
    TransformStamped, Twist, TwistWithCovariance, Vector3)}


class RosLibrary:
    """Messages as rclpy publishes them."""

    def kind(self, name: str) -> Callable[..., Any]:
        """Return the class of a message, e.g. of `sensor_msgs/msg/Image`."""
        return _KINDS[name.split('/')[-1]]

    def octets(self, pixels: npt.NDArray[Any]) -> array.array[int]:
        """Return the one copy that is made: bytes are as fast here, but slow on Humble."""
        data = array.array('B')
        # An empty array has no view of its bytes.
        data.frombytes(pixels.data.cast('B') if pixels.size else b'')
        return data

    def floats(self, numbers: F32) -> array.array[float]:
        """Return the one sequence of floats that rclpy takes without looking at each."""
        return array.array('f', numbers.tobytes())

    def doubles(self, numbers: Sequence[float]) -> list[float]:
        """Return a list: rclpy takes no numpy array where the length is not fixed."""
        return list(numbers)

    def octet(self, number: int) -> bytes:
        """Return a `byte`, which is bytes here."""
        return bytes([number])


messages = Messages(RosLibrary())
