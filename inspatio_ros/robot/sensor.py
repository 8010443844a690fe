# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The camera on the robot: which one, where it is mounted, and what it sees."""

from __future__ import annotations

from collections.abc import Callable
import math

from inspatio_ros.contracts import CameraTrack, CameraView, F64, I64, Intrinsics, Outputs
from inspatio_ros.contracts import SensorFrame, Spawn, WorldBackend
from inspatio_ros.motion.transforms import pose_rpy, T_LINK_OPTICAL
from inspatio_ros.robot.parameters import WorldParameters
from inspatio_ros.robot.tables import InitialPose, Mount
import numpy as np

# Poses of a predicted track are as far apart as the frames of a generator's block.
_TRACK_STEP_NS = round(1e9 / 24.0)
# A generator that takes longer than this is not helped by a longer track.
_FARTHEST_S = 10.0

Predict = Callable[[I64, F64], CameraTrack | None]


def camera_of(parameters: WorldParameters, recorded: Intrinsics) -> Intrinsics:
    """
    Return the camera that the parameters ask for.

    :param recorded: the scene's own, which fills in what is 0.
    """
    image = parameters.image
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


def start_of(initial: InitialPose, spawn: Spawn) -> F64:
    """Return T_map_base where the robot starts; NaN means the scene's spawn."""
    x, y, yaw = (own if math.isnan(asked) else asked for asked, own in
                 ((initial.x, spawn.x), (initial.y, spawn.y), (initial.yaw, spawn.yaw)))
    return pose_rpy(x, y, spawn.z, yaw=yaw)


class Sensor:
    """
    A world seen through the mounted camera. Belongs to one thread at a time.

    :param parameters: image, mount.
    """

    def __init__(self, world: WorldBackend, parameters: WorldParameters) -> None:
        self.pace = 1.0  # seconds of world time per second, for a generator that paints ahead
        self.enter(world, parameters)

    def enter(self, world: WorldBackend, parameters: WorldParameters) -> None:
        """Look into another world; who closes the old one is not said here."""
        self.world = world
        self.spawn = world.spawn
        self.reconfigure(parameters)

    def reconfigure(self, parameters: WorldParameters) -> None:
        """Take another camera or mount."""
        self.intrinsics = camera_of(parameters, self.world.intrinsics)
        self.T_base_link = mount_of(parameters.mount, self.spawn)
        self.T_base_cam = self.T_base_link @ T_LINK_OPTICAL

    def shift(self, T: F64) -> None:
        """
        Move the camera on the robot, until the next `reconfigure`.

        :param T: (4, 4) along the axes of the base: where to, and how to turn it on its own spot.
        """
        moved = self.T_base_link.copy()
        moved[:3, :3] = T[:3, :3] @ moved[:3, :3]
        moved[:3, 3] += T[:3, 3]
        self.T_base_link = moved
        self.T_base_cam = moved @ T_LINK_OPTICAL

    def look(self, stamp_ns: int, T_map_base: F64, outputs: Outputs) -> SensorFrame:
        """Return what the camera sees from exactly this pose of the robot."""
        view = CameraView(T_map_base @ self.T_base_cam, self.intrinsics, outputs)
        return self.world.observe_all(stamp_ns, [view])[0]

    def expect(self, stamp_ns: int, predict: Predict) -> None:
        """
        Tell the world where the camera is going, if the world wants to know.

        :param stamp_ns: of the frame that is looked at next; the track begins there.
        :param predict: the track in the map from stamps and the camera on the base, or None.
        """
        lookahead_s = self.world.status().lookahead_s * self.pace
        if not lookahead_s > 0.0:
            return
        stamps_ns = stamp_ns + np.arange(
            math.ceil(1e9 * min(lookahead_s, _FARTHEST_S) / _TRACK_STEP_NS) + 1) * _TRACK_STEP_NS
        track = predict(stamps_ns, self.T_base_cam)
        if track is not None:
            self.world.expect(track)

    def warm_up(self, T_map_base: F64) -> None:
        """Render once, so that the first frame that counts does not wait for compilers."""
        self.look(0, T_map_base, Outputs.ALL)
        self.world.reset()
