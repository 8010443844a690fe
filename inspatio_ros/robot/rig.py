# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The cameras of a robot: which ones, where they are mounted, and what they have seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
import math

from inspatio_ros.contracts import F64, Intrinsics, Outputs, SensorFrame, Spawn
from inspatio_ros.motion.transforms import pose_rpy, T_LINK_OPTICAL
from inspatio_ros.robot.parameters import cameras_of, WorldParameters
from inspatio_ros.robot.ring import Ring
from inspatio_ros.robot.tables import Image, Mount

# What is wanted of each camera, by its name; of the ring of the scan by this one.
RING = 'scan'
Wanted = Mapping[str, Outputs]


def intrinsics_of(image: Image, recorded: Intrinsics) -> Intrinsics:
    """
    Return the camera that the parameters ask for.

    :param recorded: the scene's own, which fills in what is 0.
    """
    width, height = image.width or recorded.width, image.height or recorded.height
    if image.hfov > 0.0:
        return Intrinsics.from_hfov(width, height, image.hfov)
    if image.width and not image.height:
        height = max(1, round(recorded.height * width / recorded.width))
    elif image.height and not image.width:
        width = max(1, round(recorded.width * height / recorded.height))
    return recorded.scaled(width, height)


def mount_of(mount: Mount, spawn: Spawn) -> F64:
    """Return T_base_link; NaN height and pitch are those of the recording."""
    return pose_rpy(mount.x, mount.y,
                    spawn.camera_height if math.isnan(mount.z) else mount.z,
                    mount.roll,
                    spawn.camera_pitch if math.isnan(mount.pitch) else mount.pitch,
                    mount.yaw)


@dataclass(frozen=True)
class MountedCamera:
    """
    A camera on its robot.

    :param T_base_link: (4, 4) camera frame, x forward, to base.
    """

    intrinsics: Intrinsics
    T_base_link: F64

    @cached_property
    def T_base_cam(self) -> F64:
        """Return the (4, 4) optical frame in the base frame."""
        return self.T_base_link @ T_LINK_OPTICAL

    def shifted(self, T: F64) -> MountedCamera:
        """
        Return the camera elsewhere on the robot.

        :param T: (4, 4) along the axes of the base: where to, and how to turn it on its own spot.
        """
        moved = self.T_base_link.copy()
        moved[:3, :3] = T[:3, :3] @ moved[:3, :3]
        moved[:3, 3] += T[:3, 3]
        return MountedCamera(self.intrinsics, moved)


def rig_of(parameters: WorldParameters, recorded: Intrinsics,
           spawn: Spawn) -> dict[str, MountedCamera]:
    """
    Return the cameras that the parameters ask for.

    :param recorded: the scene's own camera.
    :param spawn: how that was held.
    """
    return {name: MountedCamera(intrinsics_of(it.image, recorded), mount_of(it.mount, spawn))
            for name, it in cameras_of(parameters).items()}


@dataclass(frozen=True)
class Sight:
    """
    What a camera has seen.

    :param T_base_cam: (4, 4) its mount.
    """

    frame: SensorFrame
    T_base_cam: F64


@dataclass(frozen=True)
class Sights:
    """
    What a robot has seen at one instant, with all cameras that were wanted.

    :param ring: of the scan, and one frame of each of its cameras; None if it was not wanted.
    """

    cameras: dict[str, Sight] = field(default_factory=dict)
    ring: tuple[Ring, list[SensorFrame]] | None = None

    @property
    def unobserved_ratio(self) -> float:
        """Return the greatest of all pictures; NaN if none of them says."""
        ratios = [it.frame.unobserved_ratio for it in self.cameras.values()]
        return max((it for it in ratios if not math.isnan(it)), default=math.nan)
