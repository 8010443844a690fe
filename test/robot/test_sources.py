# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Messages of any library move the robot, by a clock that is told."""

import math
import time
from types import SimpleNamespace as Message

from inspatio_ros.motion.counts import Verdict
from inspatio_ros.motion.transforms import pose_rpy, quaternion_xyzw
from inspatio_ros.robot.parameters import WorldParameters
from inspatio_ros.robot.sources import judged_initial_pose, open_source, shown
import numpy as np
import pytest

NS = 1_000_000_000
START = pose_rpy(1.0, 2.0, yaw=math.pi / 2)


class Clock:
    """Nanoseconds that a test sets."""

    now_ns = 100 * NS

    def __call__(self):
        return self.now_ns


@pytest.fixture
def clock():
    return Clock()


def source(clock, dropped=None, **parameters):
    def report(topic, verdict, detail):
        assert dropped is not None, f'{topic}: {verdict}: {detail}'
        dropped.append((topic, verdict))
    return open_source(WorldParameters(**parameters), START, clock, report)


def header(stamp_ns, frame='odom'):
    return Message(stamp=Message(sec=stamp_ns // NS, nanosec=stamp_ns % NS), frame_id=frame)


def vector(x=0.0, y=0.0, z=0.0):
    return Message(x=x, y=y, z=z)


def twist(forward, turn=0.0):
    return Message(linear=vector(forward), angular=vector(z=turn))


def pose(T):
    q = quaternion_xyzw(T)
    return Message(position=vector(*T[:3, 3]),
                   orientation=Message(x=q[0], y=q[1], z=q[2], w=q[3]))


def odometry(T, stamp_ns, forward=0.0):
    return Message(header=header(stamp_ns), child_frame_id='base_footprint',
                   pose=Message(pose=pose(T)), twist=Message(twist=twist(forward)))


def test_a_stamped_twist_counts_from_its_stamp_and_a_plain_one_from_now(clock):
    drive = source(clock)
    drive.take(Message(header=header(clock.now_ns - NS // 10), twist=twist(1.0)))
    assert drive.motion_at(clock.now_ns).T_odom_base[0, 3] == pytest.approx(0.1)
    clock.now_ns += NS // 10
    drive.take(twist(2.0))
    clock.now_ns += NS // 10
    assert drive.motion_at(clock.now_ns).T_odom_base[0, 3] == pytest.approx(0.4)


def test_odometry_moves_the_robot_from_its_start(clock):
    track = source(clock, motion_source='odometry')
    assert (track.topic, track.kind) == ('odom_in', 'Odometry')
    track.take(odometry(pose_rpy(3.0), clock.now_ns, forward=1.0))
    motion = track.motion_at(clock.now_ns + NS // 10)
    assert motion.T_odom_base[0, 3] == pytest.approx(3.1)
    np.testing.assert_allclose((track.T_map_odom @ motion.T_odom_base)[:3, 3], (1.0, 5.1, 0.0),
                               atol=1e-9)


@pytest.mark.parametrize('wrap', [lambda it: it, lambda it: Message(pose=it)])
def test_poses_come_with_and_without_covariance(clock, wrap):
    track = source(clock, motion_source='pose')
    track.take(Message(header=header(clock.now_ns, '/map'), pose=wrap(pose(pose_rpy(7.0)))))
    motion = track.motion_at(clock.now_ns)
    assert (track.T_map_odom @ motion.T_odom_base)[0, 3] == pytest.approx(7.0)


def test_what_is_dropped_is_reported_and_counted(clock):
    dropped = []
    drive = source(clock, dropped)
    for bad in (twist(math.nan), twist(99.0)):
        drive.take(bad)
    drive.take(Message(header=header(clock.now_ns - 50 * NS), twist=twist(1.0)))
    assert dropped == [('cmd_vel', Verdict.NOT_FINITE), ('cmd_vel', Verdict.OVER_LIMIT),
                       ('cmd_vel', Verdict.STALE)]
    assert drive.counts()['cmd_vel'].received == 3 and drive.counts()['cmd_vel'].used == 0


def test_an_initial_pose_is_judged_by_frame_and_value():
    p = WorldParameters()
    good = Message(header=header(0, 'map'), pose=Message(pose=pose(pose_rpy(3.0))))
    verdict, _, T = judged_initial_pose(good, p)
    assert verdict.used and T[0, 3] == 3.0
    good.header.frame_id = 'mars'
    assert judged_initial_pose(good, p)[::2] == (Verdict.BAD_FRAME, None)
    good.pose.pose.position.x = math.inf
    assert judged_initial_pose(good, p)[::2] == (Verdict.NOT_FINITE, None)


def test_commands_from_before_a_reset_do_not_move_the_robot(clock):
    dropped = []
    robot = source(clock, dropped)
    robot.reset(now_ns=clock.now_ns)
    robot.take(Message(header=header(clock.now_ns - NS // 2), twist=twist(1.0)))
    assert dropped == [('cmd_vel', Verdict.STALE)]
    np.testing.assert_array_equal(robot.motion_at(clock.now_ns).T_odom_base, np.eye(4))
    robot.take(Message(header=header(clock.now_ns), twist=twist(1.0)))
    clock.now_ns += NS // 2
    assert robot.motion_at(clock.now_ns).T_odom_base[0, 3] == pytest.approx(0.5)


@pytest.mark.parametrize('silence_ns', [0, 5 * NS])
def test_a_reset_puts_the_robot_to_its_start_whatever_odometry_says(clock, silence_ns):
    track = source(clock, motion_source='odometry')
    track.take(odometry(pose_rpy(3.0, yaw=0.5), clock.now_ns))
    clock.now_ns += silence_ns
    track.reset(now_ns=clock.now_ns)
    track.take(odometry(pose_rpy(3.0, yaw=0.5), clock.now_ns))
    motion = track.motion_at(clock.now_ns)
    np.testing.assert_allclose(track.T_map_odom @ motion.T_odom_base, START, atol=1e-12)
    track.take(odometry(pose_rpy(3.0, yaw=0.5) @ pose_rpy(1.0), clock.now_ns + NS // 10))
    clock.now_ns += NS // 10
    motion = track.motion_at(clock.now_ns)
    np.testing.assert_allclose(track.T_map_odom @ motion.T_odom_base, START @ pose_rpy(1.0),
                               atol=1e-12)


def test_a_reset_of_time_itself_takes_the_next_odometry_for_the_start(clock):
    track = source(clock, motion_source='odometry')
    track.take(odometry(pose_rpy(3.0), clock.now_ns))
    clock.now_ns = NS
    track.reset()
    assert track.motion_at(clock.now_ns) is None
    track.take(odometry(pose_rpy(4.0), clock.now_ns))
    motion = track.motion_at(clock.now_ns)
    np.testing.assert_allclose(track.T_map_odom @ motion.T_odom_base, START, atol=1e-12)


def test_a_pose_in_the_map_wins_over_a_reset(clock):
    track = source(clock, motion_source='pose')
    at_seven = Message(header=header(clock.now_ns, 'map'), pose=pose(pose_rpy(7.0)))
    track.take(at_seven)
    track.reset(now_ns=clock.now_ns)
    track.take(at_seven)
    motion = track.motion_at(clock.now_ns)
    assert (track.T_map_odom @ motion.T_odom_base)[0, 3] == pytest.approx(7.0)


@pytest.mark.parametrize('parameters', [{'motion_source': 'pose'}, {'motion_source': 'odometry'}])
def test_a_teleport_is_no_message_of_the_topic_that_moves_the_robot(clock, parameters):
    track = source(clock, **parameters)
    track.teleport(pose_rpy(4.0), clock.now_ns)
    motion = track.motion_at(clock.now_ns)
    assert (track.T_map_odom @ motion.T_odom_base)[0, 3] == pytest.approx(4.0)
    assert track.counts()[track.topic].as_dict() == {'received': 0, 'used': 0}


@pytest.mark.parametrize('where', [{'x': 1.1e6}, {'y': -1e300}])
def test_there_are_no_places_that_far_away(clock, where):
    dropped = []
    track = source(clock, dropped, motion_source='pose')
    track.take(Message(header=header(clock.now_ns, 'map'), pose=pose(pose_rpy(**where))))
    assert dropped == [('pose', Verdict.OVER_LIMIT)]


def test_what_a_tick_shows_is_timed_from_the_oldest_command(clock):
    drive = source(clock)
    assert drive.show(clock.now_ns) is None
    begin = time.monotonic()
    drive.take(twist(1.0))
    between = time.monotonic()
    clock.now_ns += NS // 100
    drive.take(twist(2.0))
    assert drive.show(clock.now_ns - NS // 50) is None, 'a tick that began before'
    assert begin <= drive.show(clock.now_ns) <= between
    assert drive.show(clock.now_ns) is None, 'once'
    drive.take(twist(2.0))
    drive.reset(now_ns=clock.now_ns)
    assert drive.show(clock.now_ns + NS) is None


def test_names_of_others_are_told_in_short():
    assert shown('odom') == "'odom'"
    assert len(shown('x' * 10 ** 7)) < 100
