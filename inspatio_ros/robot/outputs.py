# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a driven camera says at a tick: topics, frames, one stamp for all of it."""

from __future__ import annotations

from typing import Any

from inspatio_ros.contracts import F32, F64, Intrinsics, SensorFrame
from inspatio_ros.motion.drive import Motion
from inspatio_ros.motion.transforms import T_LINK_OPTICAL
from inspatio_ros.robot.messages import Messages, millimetres_of
from inspatio_ros.robot.parameters import WorldParameters
import numpy as np
import numpy.typing as npt

COLOR = 'camera/color/image_raw'
COLOR_INFO = 'camera/color/camera_info'
DEPTH = 'camera/depth/image_raw'
DEPTH_INFO = 'camera/depth/camera_info'
OBSERVED = 'camera/observed'


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

    def mount(self, T_base_link: F64, stamp: Any) -> Any:
        """Return base -> camera -> optical frame, for /tf_static."""
        f, m = self._frames, self._messages
        return m.transforms_of([
            m.transform_of(T_base_link, m.header_of(stamp, f.base_frame), f.camera_frame),
            m.transform_of(T_LINK_OPTICAL, m.header_of(stamp, f.camera_frame), f.optical_frame)])

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
        return self._messages.camera_info_of(intrinsics, self._optical(stamp))

    def image(self, stamp: Any, pixels: npt.NDArray[Any]) -> Any:
        """Return one of the `pictures`."""
        return self._messages.image_of(pixels, self._optical(stamp))

    def _optical(self, stamp: Any) -> Any:
        return self._messages.header_of(stamp, self._frames.optical_frame)


def pictures(frame: SensorFrame, parameters: WorldParameters) -> dict[str, npt.NDArray[Any]]:
    """Return topic -> pixels of what was asked for; depth is changed in place."""
    depth = None if frame.depth is None else depth_pixels(frame.depth, parameters)
    return {topic: pixels for topic, pixels in (
        (COLOR, frame.rgb), (DEPTH, depth), (OBSERVED, frame.observed)) if pixels is not None}


def depth_pixels(depth_HW: F32, parameters: WorldParameters) -> npt.NDArray[Any]:
    """
    Return depth as the parameters want it: range limits (REP-117), then the encoding.

    :param depth_HW: (H, W) float32, metres; changed in place.
    :returns: (H, W) float32 metres or uint16 millimetres.
    """
    if np.isfinite(parameters.max_range):
        depth_HW[depth_HW > parameters.max_range] = np.inf
    if parameters.min_range > 0.0:
        depth_HW[depth_HW < parameters.min_range] = -np.inf
    return millimetres_of(depth_HW) if parameters.depth_encoding == '16UC1' else depth_HW
