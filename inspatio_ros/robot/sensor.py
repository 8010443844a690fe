# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The cameras of robots in a world: what they see, all of one instant in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
import math

from inspatio_ros.contracts import Box, CameraTrack, CameraView, F64, I64, Intrinsics, Outputs
from inspatio_ros.contracts import SensorFrame, Spawn, WorldBackend
from inspatio_ros.motion.transforms import pose_rpy
from inspatio_ros.robot.parameters import WorldParameters
from inspatio_ros.robot.rig import MountedCamera, rig_of, RING, Sight, Sights, Wanted
from inspatio_ros.robot.ring import Ring
from inspatio_ros.robot.scan import scan_pose, scan_within
from inspatio_ros.robot.tables import InitialPose
import numpy as np

# Poses of a predicted track are as far apart as the frames of a generator's block.
_TRACK_STEP_NS = round(1e9 / 24.0)
# A generator that takes longer than this is not helped by a longer track.
_FARTHEST_S = 10.0
# A box that lies in the picture while the world warms up.
_BOX_AHEAD_M = 1.0
_BOX_SIZE_M = (0.1, 0.1, 0.1)

Predict = Callable[[I64, F64], CameraTrack | None]


def start_of(initial: InitialPose, spawn: Spawn) -> F64:
    """Return T_map_base where the robot starts; NaN means the scene's spawn."""
    x, y, yaw = (own if math.isnan(asked) else asked for asked, own in
                 ((initial.x, spawn.x), (initial.y, spawn.y), (initial.yaw, spawn.yaw)))
    return pose_rpy(x, y, spawn.z, yaw=yaw)


@dataclass(frozen=True)
class Look:
    """
    What one robot looks at.

    :param T_map_base: (4, 4) where it is.
    :param wanted: outputs of its cameras, by name, and of RING.
    :param boxes: that stand in the world for this instant.
    """

    T_map_base: F64
    wanted: Wanted
    boxes: tuple[Box, ...] = ()


class Sensor:
    """
    A world seen through mounted cameras; all robots have the same. For one thread at a time.

    :param parameters: cameras, scan.
    """

    def __init__(self, world: WorldBackend, parameters: WorldParameters) -> None:
        self.pace = 1.0  # seconds of world time per second, for a generator that paints ahead
        self._ring: Ring | None = None  # of the newest camera, mount and parameters
        self.enter(world, parameters)

    def enter(self, world: WorldBackend, parameters: WorldParameters) -> None:
        """Look into another world; who closes the old one is not said here."""
        self.world = world
        self.spawn = world.spawn
        self.reconfigure(parameters)

    def reconfigure(self, parameters: WorldParameters) -> None:
        """Take other cameras or mounts; what a scan all around needs is worked out here."""
        self.rig = rig_of(parameters, self.world.intrinsics, self.spawn)
        self._parameters = parameters
        self._scan = scan_within(parameters)
        if parameters.scan.full_circle:
            self._the_ring()

    @property
    def first(self) -> MountedCamera:
        """Return the camera that makes the scan and leads the generator."""
        return next(iter(self.rig.values()))

    @property
    def intrinsics(self) -> Intrinsics:
        """Return the first camera."""
        return self.first.intrinsics

    def shift(self, T: F64) -> None:
        """
        Move all cameras on the robot, until the next `reconfigure`.

        :param T: (4, 4) along the axes of the base, see MountedCamera.shifted.
        """
        self.rig = {name: camera.shifted(T) for name, camera in self.rig.items()}

    def look(self, stamp_ns: int, looks: Sequence[Look]) -> list[Sights]:
        """Return what robots see from exactly these poses: one for each."""
        views, owners = [], []
        for index, look in enumerate(looks):
            for name, outputs in look.wanted.items():
                for camera, T_base_cam in self._cameras(name):
                    views.append(CameraView(look.T_map_base @ T_base_cam, camera, outputs,
                                            look.boxes))
                    owners.append((index, name))
        frames = self.world.observe_all(stamp_ns, views) if views else []
        return [self._sights([(name, frame) for (owner, name), frame in zip(owners, frames)
                              if owner == index]) for index in range(len(looks))]

    def glance(self, stamp_ns: int, T_map_base: F64, outputs: Outputs = Outputs.ALL,
               boxes: tuple[Box, ...] = ()) -> SensorFrame:
        """Return what the first camera sees from exactly this pose of the robot."""
        name = next(iter(self.rig))
        sights = self.look(stamp_ns, [Look(T_map_base, {name: outputs}, boxes)])[0]
        return sights.cameras[name].frame

    def expect(self, stamp_ns: int, predict: Predict) -> None:
        """
        Tell the world where the first camera is going, if the world wants to know.

        :param stamp_ns: of the frame that is looked at next; the track begins there.
        :param predict: the track in the map from stamps and the camera on the base, or None.
        """
        lookahead_s = self.world.status().lookahead_s * self.pace
        if not lookahead_s > 0.0:
            return
        stamps_ns = stamp_ns + np.arange(
            math.ceil(1e9 * min(lookahead_s, _FARTHEST_S) / _TRACK_STEP_NS) + 1) * _TRACK_STEP_NS
        track = predict(stamps_ns, self.first.T_base_cam)
        if track is not None:
            self.world.expect(track)

    def warm_up(self, T_map_base: F64) -> None:
        """
        Render once, so that the first frame that counts does not wait for compilers.

        Nor does the first one in which robots see each other: if there are several, a box stands
        ahead of the camera.
        """
        boxes = (self._box_ahead(T_map_base),) if len(self._parameters.robots) > 1 else ()
        self.glance(0, T_map_base, boxes=boxes)
        self.world.reset()

    def _box_ahead(self, T_map_base: F64) -> Box:
        T_map_box = T_map_base @ self.first.T_base_cam
        T_map_box[:3, 3] += _BOX_AHEAD_M * T_map_box[:3, 2]
        return Box(T_map_box, _BOX_SIZE_M, (0, 0, 0))

    def _cameras(self, name: str) -> list[tuple[Intrinsics, F64]]:
        """Return the cameras of this name with their mounts, T_base_cam."""
        if name == RING:
            return [(it.intrinsics, it.T_base_cam) for it in self._the_ring().sectors]
        return [(self.rig[name].intrinsics, self.rig[name].T_base_cam)]

    def _sights(self, seen: Sequence[tuple[str, SensorFrame]]) -> Sights:
        around = [frame for name, frame in seen if name == RING]
        return Sights({name: Sight(frame, self.rig[name].T_base_cam)
                       for name, frame in seen if name != RING},
                      (self._the_ring(), around) if around else None)

    def _the_ring(self) -> Ring:
        """Return the cameras of a scan all around, at the scan's frame."""
        camera = self.first
        T_base_scan = scan_pose(camera.T_base_cam, self._scan)
        step_rad = 1.0 / max(camera.intrinsics.fx, camera.intrinsics.fy)
        key = (T_base_scan.tobytes(), self._scan, step_rad)
        if self._ring is None or self._ring.made_for != key:
            self._ring = Ring(T_base_scan, self._scan, step_rad)
        return self._ring
