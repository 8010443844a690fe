# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which camera, where on the robot, and where the robot starts."""

import math

from inspatio_ros.contracts import Box, Outputs, Spawn
from inspatio_ros.engine.world import SceneWorld, WorldSettings
from inspatio_ros.geometry import boxes
from inspatio_ros.geometry.kernel import kernel
from inspatio_ros.motion.transforms import pose_rpy
from inspatio_ros.robot.parameters import WorldParameters
from inspatio_ros.robot.rig import intrinsics_of, mount_of
from inspatio_ros.robot.sensor import Look, Sensor, start_of
from inspatio_ros.robot.tables import Image, InitialPose, Mount
import numpy as np
from painted_world import CAMERA, PaintedWorld
import pytest
from rooms import pose, room

SPAWN = Spawn(1.0, 2.0, 0.1, 0.5, 1.4, 0.2)


@pytest.mark.parametrize('image, expected', [
    (Image(), (64, 48, 50.0)), (Image(width=128, height=96), (128, 96, 100.0)),
    (Image(width=128), (128, 96, 100.0)), (Image(height=24), (32, 24, 25.0)),
    (Image(width=100, height=50, hfov=math.pi / 2.0), (100, 50, 50.0))])
def test_camera_fills_in_from_the_recording(image, expected):
    camera = intrinsics_of(image, CAMERA)
    assert (camera.width, camera.height) == expected[:2]
    assert camera.fx == pytest.approx(expected[2])


def test_mount_is_as_recorded_unless_asked():
    np.testing.assert_allclose(mount_of(Mount(), SPAWN), pose_rpy(z=1.4, pitch=0.2))
    np.testing.assert_allclose(mount_of(Mount(x=0.1, z=0.3, pitch=0.0), SPAWN),
                               pose_rpy(x=0.1, z=0.3))


def test_start_is_the_spawn_unless_asked():
    np.testing.assert_allclose(start_of(InitialPose(), SPAWN), pose_rpy(1.0, 2.0, 0.1, yaw=0.5))
    np.testing.assert_allclose(start_of(InitialPose(x=4.0), SPAWN),
                               pose_rpy(4.0, 2.0, 0.1, yaw=0.5))


def test_the_camera_looks_forward_along_the_base():
    sensor = Sensor(PaintedWorld(), WorldParameters(mount=Mount(z=1.0, pitch=0.0)))
    frame = sensor.glance(5, pose_rpy(yaw=math.pi / 2.0))
    np.testing.assert_allclose(frame.T_map_cam[:3, 2], (0.0, 1.0, 0.0), atol=1e-12)
    np.testing.assert_allclose(frame.T_map_cam[:3, 1], (0.0, 0.0, -1.0), atol=1e-12)
    assert frame.stamp_ns == 5


def test_warming_up_leaves_no_trace():
    world = PaintedWorld()
    Sensor(world, WorldParameters()).warm_up(np.eye(4))
    assert world.asked == [Outputs.ALL]
    assert world.resets == 1


class BoxedWorld(PaintedWorld):
    """Keeps the boxes of each view."""

    boxes = ()

    def observe_all(self, stamp_ns, views):
        """Keep the boxes."""
        self.boxes = [view.boxes for view in views]
        return super().observe_all(stamp_ns, views)


@pytest.mark.parametrize('robots, count', [(('',), 0), (('a', 'b'), 1)])
def test_a_box_warms_up_only_what_several_robots_need(robots, count):
    world = BoxedWorld()
    Sensor(world, WorldParameters(robots=robots)).warm_up(np.eye(4))
    boxes, = world.boxes
    assert len(boxes) == count


def test_robots_that_see_each_other_wait_for_no_compiler(monkeypatch):
    drawn = kernel()(boxes._draw.py_func)  # as in a process of its own: nothing compiled yet
    monkeypatch.setattr(boxes, '_draw', drawn)
    assert not drawn.signatures
    world = SceneWorld(room(), WorldSettings(threads=1))
    try:
        sensor = Sensor(world, WorldParameters(robots=('a', 'b')))
        T_map_base = pose(0.0, 0.0, 0.0) @ np.linalg.inv(sensor.first.T_base_cam)
        sensor.warm_up(T_map_base)
        compiled = list(drawn.signatures)
        assert compiled
        other = Box(T_map_base @ pose_rpy(1.5, z=0.3), (0.6, 0.4, 0.5), (200, 60, 50))
        looks = [Look(T_map_base, {'camera': outputs}, (other,))
                 for outputs in (Outputs.ALL, Outputs.RGB, Outputs.DEPTH, Outputs.OBSERVED)]
        for sights in sensor.look(1, looks):
            assert sights.cameras
        assert drawn.signatures == compiled
    finally:
        world.close()
