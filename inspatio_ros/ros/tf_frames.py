# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What tf2 knows of the robot in odom."""

from __future__ import annotations

from typing import Any

from inspatio_ros.robot.clock import WorldTime
from inspatio_ros.robot.messages import stamp_ns_of
from inspatio_ros.robot.parameters import WorldParameters
from inspatio_ros.robot.tf_source import Numbers, STATIC_NS
from rclpy.time import Time

_AUTHORITY = 'world_node'  # tf2 names it where it complains


class TfFrames:
    """
    A buffer of tf2, asked for one pair of frames.

    The buffer has no node, and so no service and no clock of its own: whoever asks says when time
    has fallen back.

    :param parameters: names the frames.
    :param world_time: stamps are those of messages, questions are about the time of the world.
    :raises ImportError: there is no tf2_ros.
    """

    def __init__(self, parameters: WorldParameters, world_time: WorldTime) -> None:
        try:
            import tf2_ros
        except ImportError as error:
            raise ImportError(
                'motion_source tf needs the package tf2_ros (ros-DISTRO-tf2-ros-py of a ROS 2 '
                f'distribution; there is none on PyPI): {error}') from error
        self._pair = parameters.odom_frame, parameters.base_frame
        self._time = world_time
        self._buffer = tf2_ros.Buffer()
        self._unknown = tf2_ros.TransformException

    def instant_of(self, transform: Any) -> int:
        """Return the instant of a TransformStamped."""
        return self._time.world_of(stamp_ns_of(transform.header.stamp))

    def keep(self, transform: Any, static: bool) -> None:
        """Keep a TransformStamped; one that is no transform tf2 ignores, and logs."""
        (self._buffer.set_transform_static if static else self._buffer.set_transform)(
            transform, _AUTHORITY)

    def newest(self) -> tuple[int, Numbers, Numbers] | None:
        """Return the newest instant (or STATIC_NS), position, quaternion xyzw; None: unknown."""
        try:
            found = self._buffer.lookup_transform_core(*self._pair, Time())
        except self._unknown:
            return None
        stamp_ns = stamp_ns_of(found.header.stamp)
        world_ns = STATIC_NS if stamp_ns == 0 else self._time.world_of(stamp_ns)
        return (world_ns, *_numbers_of(found.transform))

    def at(self, world_ns: int) -> tuple[Numbers, Numbers] | None:
        """Return position and quaternion xyzw at an instant, None if they are not known then."""
        time = Time(nanoseconds=self._time.stamp_of(world_ns))
        try:
            return _numbers_of(self._buffer.lookup_transform_core(*self._pair, time).transform)
        except self._unknown:
            return None

    def why_not(self) -> str:
        """Return why nothing is known, in the words of TF."""
        try:
            self._buffer.lookup_transform_core(*self._pair, Time())
        except self._unknown as error:
            return f'{self._pair[0]} -> {self._pair[1]}: {str(error).strip()}'
        return ''

    def clear(self) -> None:
        """Forget all transforms but the static ones."""
        self._buffer.clear()


def _numbers_of(transform: Any) -> tuple[Numbers, Numbers]:
    t, q = transform.translation, transform.rotation
    return (t.x, t.y, t.z), (q.x, q.y, q.z, q.w)
