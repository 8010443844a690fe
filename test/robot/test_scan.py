# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A scan of depth against a slow twin, and against the geometry that the depth is of."""

from dataclasses import replace
import math

from inspatio_ros.bags.messages import messages
from inspatio_ros.contracts import Intrinsics, SensorFrame
from inspatio_ros.motion.transforms import pose_rpy, T_LINK_OPTICAL
from inspatio_ros.robot.frames import FrameMessages
from inspatio_ros.robot.outputs import DEPTH, SCAN
from inspatio_ros.robot.parameters import Scan, WorldParameters
from inspatio_ros.robot.rig import Sight, Sights
from inspatio_ros.robot.scan import scan_pose, Scanner
import numpy as np
import pytest

pytestmark = pytest.mark.filterwarnings('error')
CAMERA = Intrinsics(160, 120, 90.0, 90.0, 79.5, 59.5)
LEVEL = pose_rpy(z=0.5) @ T_LINK_OPTICAL
MOUNTS = {'level': pose_rpy(z=0.5), 'looks down': pose_rpy(0.3, -0.2, 0.9, pitch=0.5),
          'looks up': pose_rpy(z=0.2, pitch=-0.3), 'turned': pose_rpy(0.1, 0.2, 0.4, yaw=1.2),
          'rolled': pose_rpy(z=0.5, roll=0.4, pitch=0.1, yaw=-0.5),
          'on its side': pose_rpy(z=0.5, roll=math.pi / 2.0)}


def room_depth(camera, T_base_cam, half=3.0, floor=0.0, ceiling=2.5):
    """Return the exact depth in a square room around the base, pixel by pixel."""
    depth = np.full((camera.height, camera.width), np.inf, np.float32)
    origin = T_base_cam[:3, 3]
    for v in range(camera.height):
        for u in range(camera.width):
            ray = T_base_cam[:3, :3] @ ((u - camera.cx) / camera.fx,
                                        (v - camera.cy) / camera.fy, 1.0)
            for axis, low, high in ((0, -half, half), (1, -half, half), (2, floor, ceiling)):
                wall = high if ray[axis] > 0.0 else low
                if ray[axis] != 0.0:
                    depth[v, u] = min(depth[v, u], (wall - origin[axis]) / ray[axis])
    return depth


def slow_scan(depth, camera, T_base_cam, scan, angles, width):
    """Return the nearest point of the band in each sector, from every single pixel."""
    T_scan_base = np.linalg.inv(scan_pose(T_base_cam, scan))
    ranges = np.full(len(angles), np.inf)
    for v in range(camera.height):
        for u in range(camera.width):
            if not math.isfinite(depth[v, u]):
                continue
            point = depth[v, u] * np.array([(u - camera.cx) / camera.fx,
                                            (v - camera.cy) / camera.fy, 1.0])
            base = T_base_cam[:3, :3] @ point + T_base_cam[:3, 3]
            if not scan.min_height <= base[2] <= scan.max_height:
                continue
            x, y, _ = T_scan_base[:3, :3] @ base + T_scan_base[:3, 3]
            if math.hypot(x, y) > scan.range_max:
                continue
            off = np.abs(np.angle(np.exp(1j * (angles - math.atan2(y, x)))))
            ranges = np.where(off <= width, np.minimum(ranges, math.hypot(x, y)), ranges)
    return ranges


@pytest.mark.parametrize('mount', MOUNTS)
def test_scan_is_that_of_a_loop_over_all_pixels(mount):
    T_base_cam = MOUNTS[mount] @ T_LINK_OPTICAL
    scan = Scan(angle_increment=0.02)
    depth = room_depth(CAMERA, T_base_cam)
    scanner = Scanner(CAMERA, T_base_cam, scan)
    ranges = scanner.ranges(depth)
    expected = slow_scan(depth, CAMERA, T_base_cam, scan, scanner.beams.angles, 0.012)
    both = np.isfinite(ranges) & np.isfinite(expected)
    assert both.sum() > 0.9 * np.isfinite(expected).sum() > 10
    off = np.abs(ranges[both] - expected[both])
    assert np.median(off) < 0.02 and np.mean(off < 0.08) > 0.97


@pytest.mark.parametrize('mount', MOUNTS)
def test_scan_is_where_the_walls_are(mount):
    T_base_cam = MOUNTS[mount] @ T_LINK_OPTICAL
    scan = Scan()
    scanner = Scanner(CAMERA, T_base_cam, scan)
    ranges = scanner.ranges(room_depth(CAMERA, T_base_cam))
    T = scan_pose(T_base_cam, scan)
    hit = np.isfinite(ranges)
    angles = scanner.beams.angles[hit] + math.atan2(T[1, 0], T[0, 0])
    x = T[0, 3] + ranges[hit] * np.cos(angles)
    y = T[1, 3] + ranges[hit] * np.sin(angles)
    assert hit.sum() > 50
    off = np.abs(np.maximum(np.abs(x), np.abs(y)) - 3.0)
    assert np.mean(off < 0.03) > 0.98 and off.max() < 0.1


def test_pose_of_the_frame_is_level_and_under_the_camera():
    scan = Scan(min_height=0.2, max_height=0.8)
    T = scan_pose(pose_rpy(0.3, -0.1, 1.2, roll=0.2, pitch=0.6, yaw=0.4) @ T_LINK_OPTICAL, scan)
    np.testing.assert_allclose(T[:3, 3], (0.3, -0.1, 0.5))
    np.testing.assert_allclose(T[2, :3], (0.0, 0.0, 1.0), atol=1e-12)
    assert math.atan2(T[1, 0], T[0, 0]) == pytest.approx(0.4)
    straight = scan_pose(pose_rpy(pitch=math.pi / 2.0, yaw=0.7) @ T_LINK_OPTICAL, scan)
    assert math.atan2(straight[1, 0], straight[0, 0]) == pytest.approx(0.7)
    upward = scan_pose(pose_rpy(pitch=-math.pi / 2.0, yaw=0.7) @ T_LINK_OPTICAL, scan)
    assert math.atan2(upward[1, 0], upward[0, 0]) == pytest.approx(0.7)


def flat_wall(metres):
    return np.full((CAMERA.height, CAMERA.width), metres, np.float32)


@pytest.mark.parametrize('depth, means', [
    (np.inf, 'free'), (20.0, 'free'), (np.nan, 'unknown'), (-np.inf, 'unknown'),
    (0.03, 'too near'), (2.0, 'hit')])
def test_what_beams_say(depth, means):
    ranges = Scanner(CAMERA, LEVEL, Scan()).ranges(flat_wall(depth))
    middle = slice(20, -20)  # a wall at range_min is farther away at the sides
    said = {'free': np.isposinf, 'unknown': np.isnan, 'too near': np.isneginf,
            'hit': lambda r: np.isclose(r, 2.0, atol=0.5)}[means](ranges[middle])
    assert said.all()


def test_a_measured_thing_is_reported_whatever_is_unknown_around_it():
    depth = flat_wall(np.nan)
    depth[60:64, 80] = 2.0
    ranges = Scanner(CAMERA, LEVEL, Scan()).ranges(depth)
    assert np.nanmin(ranges) == pytest.approx(2.0, abs=0.01)
    assert np.isnan(ranges).sum() >= len(ranges) - 2


def test_a_beam_is_free_only_if_most_of_its_band_was_seen():
    scanner = Scanner(CAMERA, LEVEL, Scan())
    depth = room_depth(CAMERA, LEVEL, half=30.0)
    assert np.isposinf(scanner.ranges(depth)).all()
    depth[50:70] = np.nan  # the horizon, where a ray stays in the band for long
    assert np.isnan(scanner.ranges(depth)).all()
    depth = room_depth(CAMERA, LEVEL, half=30.0)
    depth[100:] = np.nan   # the floor before the robot, where it does not
    assert np.isposinf(scanner.ranges(depth)).all()


def test_what_the_picture_does_not_show_as_far_as_that_is_not_free():
    down = pose_rpy(z=0.9, pitch=0.9) @ T_LINK_OPTICAL  # up to 2.7 m of the floor
    depth = room_depth(CAMERA, down, half=30.0)
    assert np.isnan(Scanner(CAMERA, down, Scan()).ranges(depth)).all()
    assert np.isposinf(Scanner(CAMERA, down, Scan(range_max=1.5)).ranges(depth)).mean() > 0.5


def test_what_is_under_or_over_the_band_is_not_met():
    T_base_cam, scan = LEVEL, Scan(min_height=0.2, max_height=0.4, range_max=2.5)
    scanner = Scanner(CAMERA, T_base_cam, scan)
    floor = room_depth(CAMERA, T_base_cam, half=50.0)
    assert np.isposinf(scanner.ranges(floor)).all()
    raised = room_depth(CAMERA, T_base_cam, half=50.0, floor=0.3)  # a step in the band
    assert np.isfinite(scanner.ranges(raised)).all()


def test_a_thin_plate_in_the_band_is_met_at_every_distance():
    for metres in (0.4, 1.0, 3.0, 8.0):
        depth = room_depth(CAMERA, LEVEL, half=30.0)
        rows = np.arange(120)
        height = 0.5 - (rows - CAMERA.cy) / CAMERA.fy * metres
        depth[(height > 0.25) & (height < 0.29 + metres / CAMERA.fy)] = metres
        ranges = Scanner(CAMERA, LEVEL, Scan()).ranges(depth)
        assert ranges[len(ranges) // 2] == pytest.approx(metres, rel=1e-3)


def test_angles_are_those_asked_for_and_nobody_looks_beyond_the_picture():
    scan = Scan(angle_min=-math.pi, angle_max=math.pi, angle_increment=0.01)
    scanner = Scanner(CAMERA, LEVEL, scan)
    assert scanner.beams.count == 629
    ranges = scanner.ranges(flat_wall(2.0))
    half = math.atan(79.5 / 90.0)
    inside = np.abs(scanner.beams.angles) < half
    assert np.isfinite(ranges[inside]).all() and np.isnan(ranges[~inside]).sum() > 450
    view = Scanner(CAMERA, LEVEL, Scan()).beams
    assert (view.first_rad, view.step_rad) == (pytest.approx(-half), pytest.approx(1.0 / 90.0))
    assert half - 1.0 / 90.0 < view.last_rad <= half + 1e-9


def test_a_camera_that_never_sees_the_band_knows_nothing():
    up = pose_rpy(z=1.5, pitch=-1.0) @ T_LINK_OPTICAL
    scanner = Scanner(CAMERA, up, Scan())
    assert np.isnan(scanner.ranges(flat_wall(2.0))).all()
    assert scanner.beams.count > 10


@pytest.mark.parametrize('height', [0.15, 0.6, 0.0, 3.0])
def test_a_camera_on_the_edge_of_the_band_or_beyond_makes_no_nonsense(height):
    T_base_cam = pose_rpy(z=height) @ T_LINK_OPTICAL
    with np.errstate(all='raise'):
        scanner = Scanner(CAMERA, T_base_cam, replace(Scan(), range_max=50.0))
        ranges = scanner.ranges(room_depth(CAMERA, T_base_cam, half=4.0, ceiling=5.0))
    assert np.isfinite(ranges).mean() > (0.9 if height < 1.0 else -1.0)
    found = ranges[np.isfinite(ranges)]
    assert ((found > 3.95) & (found < 5.7)).all()


def test_nothing_is_free_beyond_the_range_of_the_depth():
    # A wall at 5 m before a depth camera that is told to see 4 m: free up to there, says the scan.
    parameters = replace(WorldParameters(), max_range=4.0)
    camera = Intrinsics.from_hfov(64, 48, 1.2)
    depth = np.full((48, 64), 5.0, np.float32)
    frame = SensorFrame(0, np.eye(4), camera, depth=depth)
    made = {topic: make() for topic, make in FrameMessages(messages, parameters).of(
        messages.time_of(0), Sights({'camera': Sight(frame, pose_rpy(z=0.3) @ T_LINK_OPTICAL)}),
        parameters, {SCAN, DEPTH})}
    assert made[SCAN].range_max == 4.0 < parameters.scan.range_max
    assert np.isposinf(np.array(made[SCAN].ranges)).mean() > 0.9
    pixels = np.frombuffer(bytes(made[DEPTH].data), np.float32)
    assert np.isposinf(pixels).all()
