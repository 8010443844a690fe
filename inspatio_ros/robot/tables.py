# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What each camera of a rig, and each robot of several, has parameters of its own for.

A table is named by its camera or robot: `rear.mount.yaw`. What a table does not say is as at the
top level when the node starts.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
import dataclasses
from dataclasses import dataclass
import math

from inspatio_ros.robot.spec import fixed, live, setup

SPAWN = "the scene's spawn"
RECORDED = 'as the scene was recorded'


@dataclass(frozen=True)
class Image:
    """The camera."""

    width: int = live(0, "Image width; 0 = the scene's", unit='px', low=0, high=8192)
    height: int = live(0, "Image height; 0 = the scene's", unit='px', low=0, high=8192)
    hfov: float = live(0.0, "Horizontal field of view; 0 = the scene's", unit='rad',
                       low=0.0, high=3.1)


@dataclass(frozen=True)
class Mount:
    """Where the camera sits on the robot: base frame to camera frame."""

    x: float = live(0.0, 'Camera, forward of the base', unit='m', low=-100.0, high=100.0)
    y: float = live(0.0, 'Camera, left of the base', unit='m', low=-100.0, high=100.0)
    z: float = live(math.nan, 'Camera, above the base', unit='m', low=-100.0, high=100.0,
                    nan_means=RECORDED)
    roll: float = live(0.0, 'Camera roll', unit='rad', low=-math.pi, high=math.pi)
    pitch: float = live(math.nan, 'Camera pitch, + looks down', unit='rad',
                        low=-math.pi, high=math.pi, nan_means=RECORDED)
    yaw: float = live(0.0, 'Camera yaw, + looks left', unit='rad', low=-math.pi, high=math.pi)


@dataclass(frozen=True)
class InitialPose:
    """Where the robot starts: odometry's origin in the map."""

    x: float = setup(math.nan, 'Start', unit='m', nan_means=SPAWN, low=-1e6, high=1e6)
    y: float = setup(math.nan, 'Start', unit='m', nan_means=SPAWN, low=-1e6, high=1e6)
    yaw: float = setup(math.nan, 'Start', unit='rad', nan_means=SPAWN,
                       low=-2.0 * math.pi, high=2.0 * math.pi)


def why_not_size(size: object) -> str:
    """Return why this is not length, width and height of a box, or nothing."""
    if (isinstance(size, (Sequence, array)) and len(size) == 3 and all(
            isinstance(it, (int, float)) and 0.0 < it < math.inf for it in size)):
        return ''
    return f'must be length, width and height, each finite and > 0, got {size!r}'


@dataclass(frozen=True)
class CameraTable:
    """A camera of a rig."""

    image: Image = dataclasses.field(default_factory=Image)
    mount: Mount = dataclasses.field(default_factory=Mount)
    rate: float = live(0.0, 'Pictures of this camera; 0 = at every tick', unit='Hz', low=0.0,
                       high=240.0)
    link_frame: str = fixed('', 'Frame of this camera, x forward; NAME_link')
    optical_frame: str = fixed('', 'Frame of this camera, z forward; of its images; '
                                   'NAME_optical_frame')


@dataclass(frozen=True)
class RobotTable:
    """One of several robots."""

    initial_pose: InitialPose = dataclasses.field(default_factory=InitialPose)
    size: tuple[float, ...] = live((0.6, 0.4, 0.5), 'Length, width and height of the box that '
                                                    'other robots see', unit='m',
                                   check=why_not_size)
