# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Velocity commands become a pose that does not depend on when anybody asks."""

import math

from inspatio_ros.motion.counts import Verdict
from inspatio_ros.motion.drive import Drive, Limits
from inspatio_ros.motion.transforms import is_rigid, pose_rpy, T_base_cam
from inspatio_ros.motion.twists import exp_twist
import numpy as np
import pytest

S = 1_000_000_000
T0 = 1_700_000_000 * S  # a wall clock; integer nanoseconds must not lose digits
STILL = [0.0, 0.0, 0.0]


def drive_at(stamp_ns=T0, **kwargs):
    drive = Drive(**kwargs)
    drive.advance_to(stamp_ns)
    return drive


def moved(drive, stamp_ns):
    return drive.advance_to(stamp_ns).T_odom_base


def test_all_six_axes():
    for axis in range(6):
        drive = drive_at()
        twist = np.eye(6)[axis] * 0.7
        assert drive.set_twist(T0, twist[:3], twist[3:], T0).used
        motion = drive.advance_to(T0 + S // 2)
        assert motion.T_odom_base == pytest.approx(exp_twist(twist, 0.5), abs=1e-14)
        assert np.array_equal(np.concatenate([motion.linear, motion.angular]), twist)


def test_an_arc_is_an_arc():
    drive = drive_at(timeout_s=10.0)
    drive.set_twist(T0, [1.0, 0, 0], [0, 0, 0.5], T0)
    T = moved(drive, T0 + 2 * S)
    assert T == pytest.approx(
        pose_rpy(2 * math.sin(1.0), 2 - 2 * math.cos(1.0), 0.0, yaw=1.0), abs=1e-14)


def test_velocity_is_in_the_base_frame():
    drive = drive_at(T_odom_base=pose_rpy(yaw=math.pi / 2))
    drive.set_twist(T0, [1.0, 0, 0], STILL, T0)
    assert moved(drive, T0 + S)[:3, 3] == pytest.approx([0.0, 1.0, 0.0])


@pytest.mark.parametrize('steps', [1, 7, 1000])
def test_tick_rate_does_not_matter(steps):
    rng = np.random.default_rng(0)
    commands = [(T0 + i * S // 9, rng.normal(size=3), rng.normal(size=3)) for i in range(18)]
    once, often = drive_at(), drive_at()
    for drive, n in ((once, 1), (often, steps)):
        for (stamp, linear, angular), after in zip(commands, [*commands[1:], None]):
            drive.set_twist(stamp, linear, angular, stamp)
            end = after[0] if after else T0 + 4 * S
            for k in range(1, n + 1):
                drive.advance_to(stamp + (end - stamp) * k // n)
    assert np.array_equal(moved(once, T0 + 4 * S), moved(often, T0 + 4 * S))


def test_a_late_command_counts_from_its_stamp():
    early, late = drive_at(), drive_at()
    late.advance_to(T0 + S // 10)
    early.set_twist(T0 + S // 20, [1.0, 0, 0], [0, 0, 1.0], T0 + S // 20)
    late.set_twist(T0 + S // 20, [1.0, 0, 0], [0, 0, 1.0], T0 + S // 10)
    assert np.array_equal(moved(early, T0 + S), moved(late, T0 + S))


@pytest.mark.parametrize('tick_ns', [S // 1000, S // 24, 3 * S, 400 * S])
def test_motion_ends_exactly_at_the_timeout(tick_ns):
    drive = drive_at(timeout_s=0.6)
    drive.set_twist(T0, [1.0, 0, 0], STILL, T0)
    for k in range(1, 2 * S // tick_ns + 2):
        motion = drive.advance_to(T0 + k * tick_ns)
    assert motion.T_odom_base[0, 3] == pytest.approx(0.6, abs=1e-15)
    assert not motion.linear.any()


def test_twist_is_zero_from_the_timeout_on():
    drive = drive_at()
    drive.set_twist(T0, [1.0, 0, 0], STILL, T0)
    assert drive.motion_at(T0 + S - 1).linear[0] == 1.0
    assert drive.motion_at(T0 + S).linear[0] == 0.0


def test_a_zero_stamp_counts_as_now():
    drive = drive_at()
    assert drive.set_twist(0, [1.0, 0, 0], STILL, T0 + 5).used
    assert moved(drive, T0 + 5 + S // 2)[0, 3] == pytest.approx(0.5)


@pytest.mark.parametrize(('linear', 'angular', 'verdict'), [
    ([math.nan, 0, 0], STILL, Verdict.NOT_FINITE),
    (STILL, [0, 0, math.inf], Verdict.NOT_FINITE),
    (STILL, [-math.inf, 0, 0], Verdict.NOT_FINITE),
    ([1.001, 0, 0], STILL, Verdict.OVER_LIMIT),
    ([0.8, 0.8, 0], STILL, Verdict.OVER_LIMIT),
    ([1e308, 1e308, 0], STILL, Verdict.OVER_LIMIT),
    (STILL, [0, 0, -2.001], Verdict.OVER_LIMIT)])
def test_a_bad_twist_changes_nothing_and_is_counted(linear, angular, verdict):
    drive = drive_at(limits=Limits(1.0, 2.0))
    drive.set_twist(T0, [0.5, 0, 0], STILL, T0)
    assert drive.set_twist(T0 + 1, linear, angular, T0 + 1) is verdict
    assert moved(drive, T0 + S)[0, 3] == pytest.approx(0.5)
    assert drive.counts.as_dict() == {
        'received': 2, 'used': 1, f'rejected.{verdict.value}': 1}


def test_a_twist_exactly_at_the_limit_is_used():
    drive = drive_at(limits=Limits(0.3, 0.7))
    assert drive.set_twist(T0, [0.3, 0, 0], [0, -0.7, 0], T0).used


def test_a_twist_of_the_wrong_shape_is_an_error():
    with pytest.raises(ValueError, match='3 . 3 numbers'):
        drive_at().set_twist(T0, [1.0, 0], STILL, T0)


def test_older_is_ignored_and_equal_replaces():
    drive = drive_at()
    assert drive.set_twist(T0 + 10, [1.0, 0, 0], STILL, T0 + 10).used
    assert drive.set_twist(T0 + 9, [5.0, 0, 0], STILL, T0 + 11) is Verdict.STALE
    assert drive.set_twist(T0 + 10, [0, 1.0, 0], STILL, T0 + 12).used
    assert moved(drive, T0 + 10 + S)[:3, 3] == pytest.approx([0, 1.0, 0])


def test_a_command_whose_motion_is_over_is_ignored():
    drive = drive_at()
    assert drive.set_twist(T0 - S, [1.0, 0, 0], STILL, T0) is Verdict.STALE
    assert np.array_equal(moved(drive, T0 + 1), np.eye(4))


def test_a_command_from_far_ahead_does_not_block_the_next():
    drive = drive_at()
    assert drive.set_twist(T0 + 3600 * S, [1.0, 0, 0], STILL, T0) is Verdict.FUTURE
    assert drive.set_twist(T0 + 1, [1.0, 0, 0], STILL, T0 + 1).used


def test_a_command_a_little_ahead_starts_when_it_says():
    drive = drive_at()
    drive.set_twist(T0, [1.0, 0, 0], STILL, T0)
    drive.set_twist(T0 + S // 10, [0, 1.0, 0], STILL, T0 + S // 20)
    assert drive.motion_at(T0 + S // 20).linear[0] == 1.0
    assert moved(drive, T0 + S // 5)[:3, 3] == pytest.approx([0.1, 0.1, 0.0])


def test_teleport_stands_still_and_old_commands_are_over():
    drive = drive_at()
    drive.set_twist(T0, [1.0, 0, 0], STILL, T0)
    target = pose_rpy(5.0, 6.0, 0.0, yaw=1.0)
    drive.teleport(target, T0 + 100)
    assert drive.set_twist(T0 + 99, [1.0, 0, 0], STILL, T0 + 101) is Verdict.STALE
    assert np.array_equal(moved(drive, T0 + S), target)
    assert drive.set_twist(T0 + S, [1.0, 0, 0], STILL, T0 + S).used


def test_teleport_to_no_pose_is_refused_and_changes_nothing():
    drive = drive_at()
    with pytest.raises(ValueError, match='not finite'):
        drive.teleport(np.full((4, 4), math.nan), T0)
    assert np.array_equal(moved(drive, T0), np.eye(4))


def test_reset_goes_home():
    home = pose_rpy(1.0, 2.0, 0.0)
    drive = drive_at(T_odom_base=home)
    drive.set_twist(T0, [1.0, 0, 0], STILL, T0)
    drive.advance_to(T0 + S)
    drive.reset(T0 + S)
    assert drive.set_twist(T0 + S - 1, [1.0, 0, 0], STILL, T0 + S) is Verdict.STALE
    assert np.array_equal(moved(drive, T0 + 2 * S), home)
    drive.reset()
    assert drive.set_twist(5, [1.0, 0, 0], STILL, 5).used
    assert drive.counts.received == 3


def test_a_clock_that_falls_back_leaves_the_robot_where_it_was():
    drive = drive_at()
    drive.set_twist(T0, [1.0, 0, 0], STILL, T0)
    here = moved(drive, T0 + S // 2)
    assert np.array_equal(moved(drive, 10 * S), here)
    assert np.array_equal(moved(drive, 11 * S), here)
    assert drive.clock_jumps == 1
    assert drive.set_twist(11 * S, [1.0, 0, 0], STILL, 11 * S).used
    assert moved(drive, 12 * S)[0, 3] == pytest.approx(1.5)


def test_a_tick_a_little_in_the_past_is_no_jump():
    drive = drive_at()
    drive.set_twist(T0, [1.0, 0, 0], STILL, T0)
    drive.advance_to(T0 + S // 2)
    assert moved(drive, T0 + S // 4)[0, 3] == pytest.approx(0.25)
    assert drive.clock_jumps == 0


def test_thousands_of_commands_stay_rigid():
    drive = drive_at()
    rng = np.random.default_rng(0)
    for i in range(5000):
        stamp = T0 + i * S // 50
        drive.set_twist(stamp, rng.normal(size=3), rng.normal(size=3), stamp)
    assert is_rigid(moved(drive, stamp + S), tolerance=1e-13)


def test_the_answer_belongs_to_the_caller():
    drive = drive_at()
    moved(drive, T0)[0, 3] = 99.0
    assert np.array_equal(moved(drive, T0), np.eye(4))


def test_prediction_stops_at_the_timeout_and_looks_through_the_camera():
    drive = drive_at()
    drive.set_twist(T0, [1.0, 0, 0], STILL, T0)
    T_bc = T_base_cam(z=0.4)
    track = drive.predict([T0 + S // 2, T0 + 2 * S], T_bc)
    assert track.T_map_cam[0] == pytest.approx(pose_rpy(0.5, 0, 0) @ T_bc)
    assert track.T_map_cam[1] == pytest.approx(pose_rpy(1.0, 0, 0) @ T_bc)
    assert len(drive.predict([], T_bc).stamps_ns) == 0


def test_prediction_equals_what_then_happens():
    rng = np.random.default_rng(2)
    drive = drive_at()
    for i in range(5):
        stamp = T0 + i * S // 10
        drive.set_twist(stamp, rng.normal(size=3), rng.normal(size=3), stamp)
    stamps = T0 - S + np.arange(60) * (S // 20)
    track = drive.predict(stamps, np.eye(4))
    for stamp, T in zip(stamps.tolist(), track.T_map_cam):
        assert T == pytest.approx(drive.motion_at(stamp).T_odom_base, abs=1e-14)


@pytest.mark.parametrize('timeout', [0.0, -1.0, math.nan, math.inf])
def test_a_timeout_that_is_none_is_refused(timeout):
    with pytest.raises(ValueError, match='cmd_vel_timeout'):
        Drive(timeout_s=timeout)


@pytest.mark.parametrize('limit', [0.0, -1.0, math.nan])
def test_a_limit_that_is_none_is_refused(limit):
    with pytest.raises(ValueError, match='limits.linear must be > 0'):
        Limits(linear=limit)
    with pytest.raises(ValueError, match='limits.angular must be > 0'):
        Limits(angular=limit)
