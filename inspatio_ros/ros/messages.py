# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Numpy to ROS messages and back. Pure functions: no node, no clock, no state."""

from __future__ import annotations

import array
import sys
from typing import Any

from builtin_interfaces.msg import Time
from geometry_msgs.msg import Pose, PoseWithCovarianceStamped, Transform, TransformStamped, Twist
from inspatio_ros.contracts import F32, F64, Intrinsics
from inspatio_ros.motion.transforms import pose_matrix, quaternion_xyzw
from nav_msgs.msg import Odometry
import numpy as np
import numpy.typing as npt
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

# Image encoding of each (dtype, channels).
ENCODINGS = {('uint8', 3): 'rgb8', ('uint8', 1): 'mono8', ('float32', 1): '32FC1',
             ('uint16', 1): '16UC1'}
NS_PER_S = 1_000_000_000


def time_of(stamp_ns: int) -> Time:
    """Return nanoseconds as a message."""
    return Time(sec=stamp_ns // NS_PER_S, nanosec=stamp_ns % NS_PER_S)


def stamp_ns_of(stamp: Time) -> int:
    """Return a message as nanoseconds."""
    return stamp.sec * NS_PER_S + stamp.nanosec


def header_of(stamp: Time, frame_id: str) -> Header:
    """Return a header."""
    return Header(stamp=stamp, frame_id=frame_id)


def image_of(pixels: npt.NDArray[Any], header: Header) -> Image:
    """
    Return an image message; the one copy is into the message's own buffer.

    :param pixels: (H, W, 3) uint8, (H, W) uint8, (H, W) float32 or (H, W) uint16.
    :raises ValueError: any other dtype or shape.
    """
    channels = 1 if pixels.ndim == 2 else pixels.shape[-1]
    encoding = ENCODINGS.get((pixels.dtype.name, channels))
    if encoding is None or pixels.ndim not in (2, 3):
        raise ValueError(f'no image encoding for {pixels.dtype} {pixels.shape}; '
                         f'known: {", ".join(ENCODINGS.values())}')
    pixels = np.ascontiguousarray(pixels)
    data = array.array('B')
    data.frombytes(pixels.data.cast('B'))
    height, width = pixels.shape[:2]
    return Image(header=header, height=height, width=width, encoding=encoding,
                 is_bigendian=sys.byteorder == 'big', step=pixels.nbytes // height, data=data)


def millimetres_of(depth_HW: F32) -> npt.NDArray[np.uint16]:
    """
    Return depth as 16UC1 has it.

    :param depth_HW: (H, W) float32, metres; NaN and infinities allowed.
    :returns: (H, W) uint16, millimetres; 0 = unknown, out of range or over 65.535 m.
    """
    known = (depth_HW > 0.0) & (depth_HW < 65.5355)
    millimetres = np.where(known, depth_HW, np.float32(0.0)) * np.float32(1000.0)
    return np.rint(millimetres).astype(np.uint16)


def camera_info_of(intrinsics: Intrinsics, header: Header) -> CameraInfo:
    """Return the camera without distortion: P = K with a column of zeros."""
    K = intrinsics.K
    P = np.hstack([K, np.zeros((3, 1))])
    return CameraInfo(header=header, width=intrinsics.width, height=intrinsics.height,
                      distortion_model='plumb_bob', d=[0.0] * 5, k=K.ravel(),
                      r=np.eye(3).ravel(), p=P.ravel())


def transform_of(T_parent_child: F64, header: Header, child_frame_id: str) -> TransformStamped:
    """Return the message of a (4, 4) pose of the child in the header's frame."""
    transform = Transform()
    _fill_vector(transform.translation, T_parent_child[:3, 3])
    _fill_quaternion(transform.rotation, quaternion_xyzw(T_parent_child))
    return TransformStamped(header=header, child_frame_id=child_frame_id, transform=transform)


def pose_message_of(T_parent_child: F64) -> Pose:
    """Return the message of a (4, 4) pose."""
    pose = Pose()
    _fill_vector(pose.position, T_parent_child[:3, 3])
    _fill_quaternion(pose.orientation, quaternion_xyzw(T_parent_child))
    return pose


def pose_matrix_of(pose: Pose) -> F64:
    """
    Return the (4, 4) matrix of a pose message.

    :raises ValueError: a number that is not finite, or a quaternion that is not of unit length.
    """
    p, q = pose.position, pose.orientation
    return pose_matrix((p.x, p.y, p.z), (q.x, q.y, q.z, q.w))


def twist_vectors_of(twist: Twist) -> tuple[F64, F64]:
    """Return (linear (3,) m/s, angular (3,) rad/s)."""
    return (np.array([twist.linear.x, twist.linear.y, twist.linear.z]),
            np.array([twist.angular.x, twist.angular.y, twist.angular.z]))


def odometry_of(T_odom_base: F64, linear: F64, angular: F64, header: Header,
                child_frame_id: str) -> Odometry:
    """
    Return odometry that is exact, with small variances because zero means unknown.

    :param linear: (3,) m/s in the base frame.
    :param angular: (3,) rad/s in the base frame.
    """
    odometry = Odometry(header=header, child_frame_id=child_frame_id)
    odometry.pose.pose = pose_message_of(T_odom_base)
    _fill_vector(odometry.twist.twist.linear, linear)
    _fill_vector(odometry.twist.twist.angular, angular)
    odometry.pose.covariance = COVARIANCE
    odometry.twist.covariance = COVARIANCE
    return odometry


def initial_pose_of(T_map_base: F64, header: Header) -> PoseWithCovarianceStamped:
    """Return the message that RViz sends for `2D Pose Estimate`."""
    message = PoseWithCovarianceStamped(header=header)
    message.pose.pose = pose_message_of(T_map_base)
    return message


COVARIANCE = np.diag([1e-6] * 6).ravel()


def _fill_vector(message: Any, vector: Any) -> None:
    message.x, message.y, message.z = (float(v) for v in vector)


def _fill_quaternion(message: Any, q_xyzw: Any) -> None:
    message.x, message.y, message.z, message.w = (float(v) for v in q_xyzw)
