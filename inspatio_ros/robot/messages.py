# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Numpy to ROS messages and back. Pure functions: no node, no clock, no state.

What a message says is the same on the network and in a bag; who makes its parts differs (rclpy's
classes, those of rosbags). A `Library` names that difference, `Messages` is everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
import sys
from typing import Any, Protocol

from inspatio_ros.contracts import F32, F64, Intrinsics, U8
from inspatio_ros.motion.transforms import quaternion_xyzw
import numpy as np
import numpy.typing as npt

# Image encoding of each (dtype, channels).
ENCODINGS = {('uint8', 3): 'rgb8', ('uint8', 1): 'mono8', ('float32', 1): '32FC1',
             ('uint16', 1): '16UC1'}
NS_PER_S = 1_000_000_000
# sensor_msgs/PointField.FLOAT32
_FLOAT32 = 7
COVARIANCE = np.diag([1e-6] * 6).ravel()


class Library(Protocol):
    """Classes of messages, and how they want their numbers."""

    def kind(self, name: str) -> Callable[..., Any]:
        """
        Return the class of a message; it is called with all fields by name.

        :param name: as `sensor_msgs/msg/Image`.
        """
        ...

    def octets(self, pixels: npt.NDArray[Any]) -> Any:
        """
        Return the data of an image.

        :param pixels: contiguous, of any type.
        """
        ...

    def floats(self, numbers: F32) -> Any:
        """Return a sequence of float32 of no fixed length."""
        ...

    def doubles(self, numbers: Sequence[float]) -> Any:
        """Return a sequence of no fixed length."""
        ...

    def octet(self, number: int) -> Any:
        """Return a single `byte`."""
        ...


class Messages:
    """
    Makes messages of one library.

    :param library: whose classes they are.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        kind = library.kind
        self._time = kind('builtin_interfaces/msg/Time')
        self._header = kind('std_msgs/msg/Header')
        self._image = kind('sensor_msgs/msg/Image')
        self._compressed = kind('sensor_msgs/msg/CompressedImage')
        self._scan = kind('sensor_msgs/msg/LaserScan')
        self._cloud = kind('sensor_msgs/msg/PointCloud2')
        self._field = kind('sensor_msgs/msg/PointField')
        self._camera_info = kind('sensor_msgs/msg/CameraInfo')
        self._region = kind('sensor_msgs/msg/RegionOfInterest')
        self._vector = kind('geometry_msgs/msg/Vector3')
        self._point = kind('geometry_msgs/msg/Point')
        self._quaternion = kind('geometry_msgs/msg/Quaternion')
        self._pose = kind('geometry_msgs/msg/Pose')
        self._pose_with_covariance = kind('geometry_msgs/msg/PoseWithCovariance')
        self._stamped_pose = kind('geometry_msgs/msg/PoseWithCovarianceStamped')
        self._twist = kind('geometry_msgs/msg/Twist')
        self._twist_with_covariance = kind('geometry_msgs/msg/TwistWithCovariance')
        self._transform = kind('geometry_msgs/msg/Transform')
        self._stamped_transform = kind('geometry_msgs/msg/TransformStamped')
        self._transforms = kind('tf2_msgs/msg/TFMessage')
        self._odometry = kind('nav_msgs/msg/Odometry')
        self._key_value = kind('diagnostic_msgs/msg/KeyValue')
        self._status = kind('diagnostic_msgs/msg/DiagnosticStatus')
        self._diagnostics = kind('diagnostic_msgs/msg/DiagnosticArray')

    def time_of(self, stamp_ns: int) -> Any:
        """Return nanoseconds as builtin_interfaces/Time."""
        return self._time(sec=stamp_ns // NS_PER_S, nanosec=stamp_ns % NS_PER_S)

    def header_of(self, stamp: Any, frame_id: str) -> Any:
        """Return a std_msgs/Header."""
        return self._header(stamp=stamp, frame_id=frame_id)

    def image_of(self, pixels: npt.NDArray[Any], header: Any) -> Any:
        """
        Return a sensor_msgs/Image.

        :param pixels: (H, W, 3) uint8, (H, W) uint8, (H, W) float32 or (H, W) uint16.
        :raises ValueError: any other dtype or shape.
        """
        channels = 1 if pixels.ndim == 2 else pixels.shape[-1]
        encoding = ENCODINGS.get((pixels.dtype.name, channels))
        if encoding is None or pixels.ndim not in (2, 3):
            raise ValueError(f'no image encoding for {pixels.dtype} {pixels.shape}; '
                             f'known: {", ".join(ENCODINGS.values())}')
        pixels = np.ascontiguousarray(pixels)
        height, width = pixels.shape[:2]
        return self._image(header=header, height=height, width=width, encoding=encoding,
                           is_bigendian=sys.byteorder == 'big', step=pixels.nbytes // height,
                           data=self._library.octets(pixels))

    def compressed_of(self, data: U8, encoding: str, header: Any) -> Any:
        """
        Return a sensor_msgs/CompressedImage.

        :param encoding: its `format`, which names the transport.
        """
        return self._compressed(header=header, format=encoding, data=self._library.octets(data))

    def scan_of(self, ranges: F32, angles: tuple[float, float, float],
                limits: tuple[float, float], period_s: float, header: Any) -> Any:
        """
        Return a sensor_msgs/LaserScan, all of whose beams are of one instant.

        :param ranges: (N,) metres.
        :param angles: of the first and the last beam, and between beams, radians.
        :param limits: least and largest range, metres.
        :param period_s: from scan to scan.
        """
        return self._scan(
            header=header, angle_min=angles[0], angle_max=angles[1], angle_increment=angles[2],
            time_increment=0.0, scan_time=period_s, range_min=limits[0], range_max=limits[1],
            ranges=self._library.floats(ranges),
            intensities=self._library.floats(np.empty(0, np.float32)))

    def cloud_of(self, points: F32, header: Any) -> Any:
        """
        Return a sensor_msgs/PointCloud2 that is not organised.

        :param points: (N, 4) x, y, z, colour as the bits 0x00RRGGBB.
        """
        fields = [self._field(name=name, offset=4 * k, datatype=_FLOAT32, count=1)
                  for k, name in enumerate(('x', 'y', 'z', 'rgb'))]
        return self._cloud(
            header=header, height=1, width=len(points), fields=fields,
            is_bigendian=sys.byteorder == 'big', point_step=points.strides[0],
            row_step=points.nbytes, data=self._library.octets(points), is_dense=True)

    def camera_info_of(self, intrinsics: Intrinsics, header: Any) -> Any:
        """Return the camera without distortion: P = K with a column of zeros."""
        K = intrinsics.K
        region = self._region(x_offset=0, y_offset=0, height=0, width=0, do_rectify=False)
        return self._camera_info(
            header=header, width=intrinsics.width, height=intrinsics.height,
            distortion_model='plumb_bob', d=self._library.doubles([0.0] * 5), k=K.ravel(),
            r=np.eye(3).ravel(), p=np.hstack([K, np.zeros((3, 1))]).ravel(), binning_x=0,
            binning_y=0, roi=region)

    def transform_of(self, T_parent_child: F64, header: Any, child_frame_id: str) -> Any:
        """Return the TransformStamped of a (4, 4) pose of the child in the header's frame."""
        transform = self._transform(translation=self._vector_of(T_parent_child[:3, 3]),
                                    rotation=self._rotation_of(T_parent_child))
        return self._stamped_transform(header=header, child_frame_id=child_frame_id,
                                       transform=transform)

    def transforms_of(self, transforms: list[Any]) -> Any:
        """Return a tf2_msgs/TFMessage."""
        return self._transforms(transforms=transforms)

    def pose_message_of(self, T_parent_child: F64) -> Any:
        """Return the geometry_msgs/Pose of a (4, 4) pose."""
        x, y, z = T_parent_child[:3, 3].tolist()
        return self._pose(position=self._point(x=x, y=y, z=z),
                          orientation=self._rotation_of(T_parent_child))

    def odometry_of(self, T_odom_base: F64, linear: F64, angular: F64, header: Any,
                    child_frame_id: str) -> Any:
        """
        Return odometry that is exact, with small variances because zero means unknown.

        :param linear: (3,) m/s in the base frame.
        :param angular: (3,) rad/s in the base frame.
        """
        pose = self._pose_with_covariance(pose=self.pose_message_of(T_odom_base),
                                          covariance=COVARIANCE)
        twist = self._twist_with_covariance(
            twist=self._twist(linear=self._vector_of(linear), angular=self._vector_of(angular)),
            covariance=COVARIANCE)
        return self._odometry(header=header, child_frame_id=child_frame_id, pose=pose,
                              twist=twist)

    def initial_pose_of(self, T_map_base: F64, header: Any) -> Any:
        """Return the message that RViz sends for `2D Pose Estimate`."""
        pose = self._pose_with_covariance(pose=self.pose_message_of(T_map_base),
                                          covariance=np.zeros(36))
        return self._stamped_pose(header=header, pose=pose)

    def status_of(self, name: str, hardware_id: str, verdict: tuple[int, str],
                  values: dict[str, str]) -> Any:
        """
        Return a DiagnosticStatus.

        :param verdict: level, message.
        """
        pairs = [self._key_value(key=key, value=value) for key, value in values.items()]
        return self._status(level=self._library.octet(verdict[0]), name=name, message=verdict[1],
                            hardware_id=hardware_id, values=pairs)

    def diagnostics_of(self, status: list[Any], header: Any) -> Any:
        """Return a DiagnosticArray."""
        return self._diagnostics(header=header, status=status)

    def _vector_of(self, vector: F64) -> Any:
        x, y, z = vector.tolist()
        return self._vector(x=x, y=y, z=z)

    def _rotation_of(self, T: F64) -> Any:
        x, y, z, w = quaternion_xyzw(T).tolist()
        return self._quaternion(x=x, y=y, z=z, w=w)


def stamp_ns_of(stamp: Any) -> int:
    """Return builtin_interfaces/Time as nanoseconds."""
    return int(stamp.sec * NS_PER_S + stamp.nanosec)


def millimetres_of(depth_HW: F32) -> npt.NDArray[np.uint16]:
    """
    Return depth as 16UC1 has it.

    :param depth_HW: (H, W) float32, metres; NaN and infinities allowed.
    :returns: (H, W) uint16, millimetres; 0 = unknown, out of range or over 65.535 m.
    """
    known = (depth_HW > 0.0) & (depth_HW < 65.5355)
    millimetres = np.where(known, depth_HW, np.float32(0.0)) * np.float32(1000.0)
    return np.rint(millimetres).astype(np.uint16)


def twist_vectors_of(twist: Any) -> tuple[F64, F64]:
    """Return (linear (3,) m/s, angular (3,) rad/s)."""
    return (np.array([twist.linear.x, twist.linear.y, twist.linear.z]),
            np.array([twist.angular.x, twist.angular.y, twist.angular.z]))
