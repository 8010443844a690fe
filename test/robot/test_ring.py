# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A scan all around: beams without a gap, of as few and as small pictures as they need."""

import math

from inspatio_ros.contracts import Outputs
from inspatio_ros.motion.transforms import pose_rpy
from inspatio_ros.robot.parameters import Scan, WorldParameters
from inspatio_ros.robot.rig import RING
from inspatio_ros.robot.ring import Ring
from inspatio_ros.robot.sensor import Look, Sensor
import numpy as np
from painted_world import PaintedWorld
import pytest

T_BASE_SCAN = pose_rpy(0.1, 0.0, 0.4, yaw=0.3)


def round_wall(ring, radius):
    """Return depth pictures of a round, upright wall with the scan in its middle."""
    depths = []
    for sector in ring.sectors:
        c = sector.intrinsics
        x = (np.arange(c.width) - c.cx) / c.fx
        depth = radius / np.sqrt(1.0 + x * x)
        depths.append(np.tile(depth, (c.height, 1)).astype(np.float32))
    return depths


@pytest.mark.parametrize('scan', [
    Scan(), Scan(angle_increment=0.001), Scan(angle_increment=0.2),
    Scan(angle_min=-2.0, angle_max=2.0, angle_increment=0.01),
    Scan(angle_min=0.5, angle_max=0.5001, angle_increment=1.0),
    Scan(angle_increment=0.007, min_height=0.1, max_height=2.0, range_max=50.0)])
def test_every_beam_measures_a_round_wall(scan):
    ring = Ring(T_BASE_SCAN, scan, step_rad=0.004)
    ranges = ring.ranges(round_wall(ring, 3.0))
    assert len(ranges) == ring.beams.count
    np.testing.assert_allclose(ranges, 3.0, rtol=2e-3)


def test_pictures_are_few_and_as_fine_as_asked():
    coarse, fine = (Ring(T_BASE_SCAN, Scan(), step) for step in (0.02, 0.002))
    narrow = Ring(T_BASE_SCAN, Scan(angle_min=-0.5, angle_max=0.5), 0.002)
    assert len(coarse.sectors) == len(fine.sectors) == 3 and len(narrow.sectors) == 1
    assert coarse.sectors[0].intrinsics.width < 0.5 * fine.sectors[0].intrinsics.width
    assert fine.sectors[0].intrinsics.fx == pytest.approx(500.0)


def test_each_beam_looks_where_it_says():
    # Things in eight directions, each where one beam goes.
    ring = Ring(T_BASE_SCAN, Scan(angle_increment=math.radians(1.0)), math.nan)
    depths = round_wall(ring, 5.0)
    wanted = np.full(ring.beams.count, 5.0)
    for index in (3, 60, 119, 121, 180, 250, 300, 357):
        angle = ring.beams.angles[index]
        wanted[index] = 2.0
        for sector, depth in zip(ring.sectors, depths):
            T_scan_cam = np.linalg.inv(T_BASE_SCAN) @ sector.T_base_cam
            x, _, z = T_scan_cam[:3, :3].T @ (math.cos(angle), math.sin(angle), 0.0)
            column = round(sector.intrinsics.fx * x / z + sector.intrinsics.cx) if z > 0.1 else -1
            if 0 <= column < sector.intrinsics.width:
                depth[:, column] = 2.0 * z
    ranges = ring.ranges(depths)
    np.testing.assert_allclose(ranges, wanted, rtol=0.02)


def test_the_ring_is_worked_out_once_and_again_where_the_mount_moves():
    sensor = Sensor(PaintedWorld(), WorldParameters(scan=Scan(full_circle=True)))
    looks = [Look(pose_rpy(1.0, 2.0), {RING: Outputs.DEPTH})]
    first, second = (sensor.look(stamp, looks)[0] for stamp in (1, 2))
    assert first.ring[0] is second.ring[0] and not first.cameras
    assert len(first.ring[1]) == len(first.ring[0].sectors)
    sensor.shift(pose_rpy(0.5))
    assert sensor.look(3, looks)[0].ring[0] is not first.ring[0]


def test_no_tick_waits_for_the_ring_to_be_worked_out(monkeypatch):
    made, looks = [], [Look(pose_rpy(1.0, 2.0), {RING: Outputs.DEPTH})]

    class WatchedRing(Ring):

        def __init__(self, *args):
            super().__init__(*args)
            made.append(self)

    monkeypatch.setattr('inspatio_ros.robot.sensor.Ring', WatchedRing)
    full, fine = (WorldParameters(scan=Scan(full_circle=True, angle_increment=step))
                  for step in (0.1, 0.05))
    sensor = Sensor(PaintedWorld(), WorldParameters())
    sensor.warm_up(pose_rpy())
    assert not made, 'nobody asked for one'
    sensor = Sensor(PaintedWorld(), full)
    sensor.warm_up(pose_rpy())
    for count, parameters in ((1, full), (2, fine)):
        sensor.reconfigure(parameters)
        assert len(made) == count
        assert sensor.look(count, looks)[0].ring[0] is made[-1]
    assert len(made) == 2
