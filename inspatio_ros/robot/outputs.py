# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a driven camera says at a tick: topics, frames, one stamp for all of it."""

from __future__ import annotations

from typing import Any

from inspatio_ros.contracts import F64, Intrinsics
from inspatio_ros.motion.drive import Motion
from inspatio_ros.motion.transforms import T_LINK_OPTICAL
from inspatio_ros.robot.messages import Messages
from inspatio_ros.robot.parameters import WorldParameters
from inspatio_ros.robot.scan import scan_pose

COLOR = 'camera/color/image_raw'
COLOR_INFO = 'camera/color/camera_info'
DEPTH = 'camera/depth/image_raw'
DEPTH_INFO = 'camera/depth/camera_info'
OBSERVED = 'camera/observed'
COLOR_JPEG = f'{COLOR}/compressed'        # names of image_transport
DEPTH_PNG = f'{DEPTH}/compressedDepth'
POINTS = 'camera/points'
SCAN = 'scan'


class TickMessages:
    """
    The messages of a tick.

    :param messages: makes them.
    :param parameters: frame names; they are fixed for the life of a robot.
    :param alone: whether nobody else says where the robot is in odom.
    """

    def __init__(self, messages: Messages, parameters: WorldParameters, alone: bool) -> None:
        self._messages = messages
        self._frames = parameters
        self._alone = alone

    def mount(self, T_base_link: F64, stamp: Any, parameters: WorldParameters) -> Any | None:
        """
        Return base -> camera -> optical frame and base -> scan, for /tf_static.

        :returns: None if others say both of them.
        """
        f, m = self._frames, self._messages
        found = []
        if parameters.publish_mount_tf:
            found.append(m.transform_of(T_base_link, m.header_of(stamp, f.base_frame),
                                        f.camera_frame))
            found.append(m.transform_of(T_LINK_OPTICAL, m.header_of(stamp, f.camera_frame),
                                        f.optical_frame))
        if parameters.scan.publish_tf:
            found.append(m.transform_of(scan_pose(T_base_link @ T_LINK_OPTICAL, parameters.scan),
                                        m.header_of(stamp, f.base_frame), f.scan.frame))
        return m.transforms_of(found) if found else None

    def transforms(self, stamp: Any, motion: Motion, T_map_odom: F64,
                   parameters: WorldParameters) -> Any | None:
        """Return where the robot is, for /tf; None if others say that."""
        f, m = self._frames, self._messages
        found = []
        if parameters.publish_map_odom_tf:
            found.append(m.transform_of(T_map_odom, m.header_of(stamp, f.map_frame),
                                        f.odom_frame))
        if self._alone:
            found.append(m.transform_of(motion.T_odom_base, m.header_of(stamp, f.odom_frame),
                                        f.base_frame))
        return m.transforms_of(found) if found else None

    def odometry(self, stamp: Any, motion: Motion) -> Any:
        """Return the robot's odometry."""
        f, m = self._frames, self._messages
        return m.odometry_of(motion.T_odom_base, motion.linear, motion.angular,
                             m.header_of(stamp, f.odom_frame), f.base_frame)

    def info(self, stamp: Any, intrinsics: Intrinsics) -> Any:
        """Return the camera_info of color and depth."""
        return self._messages.camera_info_of(
            intrinsics, self._messages.header_of(stamp, self._frames.optical_frame))
