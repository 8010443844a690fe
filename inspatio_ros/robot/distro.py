# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What differs between the ROS 2 distributions; nothing else asks for their names.

ROS_DISTRO names the one that is sourced or, from `./inspatio`, the one whose wheels are used.
Where it is not set, the newest is taken for granted.
"""

from __future__ import annotations

import os

_BEFORE_JAZZY = ('humble', 'iron')
_BEFORE_KILTED = (*_BEFORE_JAZZY, 'jazzy')


def name() -> str:
    """Return the name of the distribution, or nothing."""
    return os.environ.get('ROS_DISTRO', '')


def is_sourced() -> bool:
    """Return whether a whole distribution is there, with packages that are not on PyPI."""
    return bool(name() and os.environ.get('AMENT_PREFIX_PATH'))


def label() -> str:
    """Return what reports call it."""
    return name() if is_sourced() else f'{name()} (wheels)'.lstrip()


def rclpy_is_typed() -> bool:
    """Return whether the type hints of rclpy are whole enough to check code against."""
    return name() not in _BEFORE_KILTED


def nav2_stamps_cmd_vel() -> bool:
    """Return whether Nav2 publishes TwistStamped unless told otherwise."""
    return name() not in _BEFORE_KILTED


def fastdds_profile_variables() -> tuple[str, ...]:
    """Return which variables Fast DDS takes its profiles from, the one without a warning first."""
    old, new = 'FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE'
    return (old,) if name() in _BEFORE_KILTED else (new, old)


def record_topics_option() -> tuple[str, ...]:
    """Return what `ros2 bag record` wants before the names of topics."""
    return () if name() in _BEFORE_JAZZY else ('--topics',)
