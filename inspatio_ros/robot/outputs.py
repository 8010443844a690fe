# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a driven camera says at a tick: topics, frames, one stamp for all of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from inspatio_ros.contracts import F64, Intrinsics
from inspatio_ros.motion.drive import Motion
from inspatio_ros.motion.transforms import T_LINK_OPTICAL
from inspatio_ros.robot.messages import Messages
from inspatio_ros.robot.names import CAMERA
from inspatio_ros.robot.parameters import cameras_of, WorldParameters
from inspatio_ros.robot.rig import MountedCamera
from inspatio_ros.robot.scan import scan_pose


class CameraTopics(NamedTuple):
    """The topics of one camera; names of image_transport where they are compressed."""

    color: str
    color_info: str
    depth: str
    depth_info: str
    observed: str
    color_jpeg: str
    depth_png: str
    points: str


def topics_of(camera: str) -> CameraTopics:
    """Return the topics of a camera of this name."""
    color, depth = f'{camera}/color/image_raw', f'{camera}/depth/image_raw'
    return CameraTopics(color, f'{camera}/color/camera_info', depth,
                        f'{camera}/depth/camera_info', f'{camera}/observed',
                        f'{color}/compressed', f'{depth}/compressedDepth', f'{camera}/points')


(COLOR, COLOR_INFO, DEPTH, DEPTH_INFO, OBSERVED, COLOR_JPEG, DEPTH_PNG,
 POINTS) = topics_of(CAMERA)
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

    def mounts(self, rig: Mapping[str, MountedCamera], stamp: Any,
               parameters: WorldParameters) -> Any | None:
        """
        Return base -> camera -> optical frame of all cameras and base -> scan, for /tf_static.

        :returns: None if others say all of them.
        """
        f, m = self._frames, self._messages
        found = []
        if parameters.publish_mount_tf:
            for name, frames in cameras_of(f).items():
                found.append(m.transform_of(rig[name].T_base_link, m.header_of(
                    stamp, f.base_frame), frames.link_frame))
                found.append(m.transform_of(T_LINK_OPTICAL, m.header_of(
                    stamp, frames.link_frame), frames.optical_frame))
        if parameters.scan.publish_tf:
            first = rig[f.cameras[0]]
            found.append(m.transform_of(scan_pose(first.T_base_cam, parameters.scan),
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

    def info(self, stamp: Any, camera: str, intrinsics: Intrinsics) -> Any:
        """Return the camera_info of color and depth of a camera."""
        frame = cameras_of(self._frames)[camera].optical_frame
        return self._messages.camera_info_of(intrinsics, self._messages.header_of(stamp, frame))
