# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Scans of the rendered hall against ray casts of the solids that it was made of."""

import math
from pathlib import Path
import sys

from inspatio_ros.contracts import CameraView, Intrinsics, Outputs
from inspatio_ros.engine.world import SceneWorld
from inspatio_ros.motion.transforms import pose_rpy, T_LINK_OPTICAL
from inspatio_ros.robot.parameters import Scan
from inspatio_ros.robot.ring import Ring
from inspatio_ros.robot.scan import scan_pose, Scanner
from inspatio_ros.scene.format import load_scene
import numpy as np
import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / 'scripts'))

from hall.layout import build_hall, MOVER  # noqa: E402, I100, I202
from hall.world import ray_cast  # noqa: E402

CAMERA = Intrinsics.from_hfov(640, 480, math.radians(90.0))
MOUNTS = {'as recorded': pose_rpy(z=0.5),
          'looking down': pose_rpy(0.2, 0.1, 0.4, pitch=0.2, yaw=0.3)}
# Along the aisle of the spawn, both ways, and through the door.
WAY = [(x, -1.95, yaw) for x, yaw in ((-5.0, 0.0), (-3.5, 0.25), (-2.0, -0.2), (-0.5, 0.3),
                                      (2.5, 0.1), (4.5, 0.0), (4.5, 3.0), (0.0, 3.4), (-3.0, 3.1))]


@pytest.fixture(scope='module')
def world():
    world = SceneWorld(load_scene(CHECKOUT / 'scenes' / 'hall'))
    yield world
    world.close()


def met(solids, T_map_scan, height, angles, scan):
    """
    Return how far along each beam a ray of an eye at some height first meets the band.

    As the camera sees it: what stands in the band, but behind something else, is not met. The eye
    is in the band, so whatever is met elsewhere comes after all that is in it.
    """
    elevations = np.arctan(np.linspace(-0.7, 0.7, 561))
    a, e = np.meshgrid(angles + math.atan2(T_map_scan[1, 0], T_map_scan[0, 0]), elevations)
    rays = np.stack([np.cos(a), np.sin(a), np.tan(e)], axis=-1).reshape(-1, 3)
    eye = np.tile((*T_map_scan[:2, 3], height), (len(rays), 1))
    assert scan.min_height < height < scan.max_height
    there = [solid for solid in solids if solid.bounds[0][2] < scan.max_height
             and solid.bounds[1][2] > scan.min_height]
    way, _ = ray_cast(there, eye, rays)
    heights = height + way * rays[:, 2]
    inside = (heights >= scan.min_height) & (heights <= scan.max_height)
    return np.where(inside, way, np.inf).reshape(a.shape).min(axis=0)


def judge(found, true, scan, unknown):
    """
    Assert that observed beams end where things are, and that free ones are free.

    :param found, true: (N,) metres, of the scan and of the ray casts.
    :param unknown: the share of beams that may be.
    """
    observed = np.isfinite(found)
    off = np.abs(found[observed] - true[observed])
    assert np.isnan(found).sum() < unknown * len(found)
    assert np.mean(true[np.isposinf(found)] > scan.range_max) > 0.9
    assert np.mean(off < 0.05) >= 0.95, f'{np.mean(off < 0.05):.3f} within 5 cm'
    assert np.median(off) < 0.01


@pytest.mark.parametrize('step_rad', [math.radians(0.25), math.radians(1.0)])
def test_a_scan_all_around_ends_where_the_hall_does(world, step_rad):
    scan = Scan(full_circle=True, angle_increment=step_rad)
    T_base_scan = scan_pose(MOUNTS['looking down'] @ T_LINK_OPTICAL, scan)
    ring, solids = Ring(T_base_scan, scan, math.nan), [*build_hall(), MOVER.solid_at(0)]
    every = ring.beams.count // 60
    found, true = [], []
    for x, y, yaw in WAY:
        world.reset()
        T_map_base = pose_rpy(x, y, yaw=yaw)
        frames = world.observe_all(0, [
            CameraView(T_map_base @ it.T_base_cam, it.intrinsics, Outputs.DEPTH)
            for it in ring.sectors])
        ranges = ring.ranges([frame.depth for frame in frames])
        assert len(ranges) == ring.beams.count == 1 + round(math.tau / step_rad)
        np.testing.assert_allclose((ring.beams.first_rad, ring.beams.last_rad),
                                   (-math.pi, math.pi), atol=1e-9)
        T_map_scan = T_map_base @ T_base_scan
        true.append(met(solids, T_map_scan, T_map_scan[2, 3], ring.beams.angles[::every], scan))
        found.append(ranges[::every])
    judge(np.concatenate(found), np.concatenate(true), scan, unknown=0.05)


@pytest.mark.parametrize('mount', MOUNTS)
def test_observed_beams_end_where_the_hall_does(world, mount):
    scan, solids = Scan(), [*build_hall(), MOVER.solid_at(0)]
    T_base_cam = MOUNTS[mount] @ T_LINK_OPTICAL
    scanner = Scanner(CAMERA, T_base_cam, scan)
    found, true = [], []
    for x, y, yaw in WAY:
        world.reset()  # the moving box is where it begins
        T_map_base = pose_rpy(x, y, yaw=yaw)
        frame = world.observe(0, T_map_base @ T_base_cam, CAMERA, Outputs.DEPTH)
        found.append(scanner.ranges(frame.depth)[::12])
        true.append(met(solids, T_map_base @ scan_pose(T_base_cam, scan), T_base_cam[2, 3],
                        scanner.beams.angles[::12], scan))
    # The lower corners of a picture that looks down do not show how far it goes on there.
    judge(np.concatenate(found), np.concatenate(true), scan, unknown=0.15)
