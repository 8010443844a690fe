# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Twist, odometry and poses as motion input, good and bad."""

import math
import time

from geometry_msgs.msg import PoseStamped, Twist
from inspatio_ros.motion.transforms import pose_rpy
from inspatio_ros.robot.sources import stamped_cmd_vel
from inspatio_ros.ros.messages import messages
from nav_msgs.msg import Odometry
import numpy as np
from painted_world import SPAWN
import pytest
from rig import camera_position, DEPTH

Z = SPAWN.camera_height


@pytest.fixture(scope='module')
def by_odometry(make_rig):
    rig = make_rig(motion_source='odometry', pose_timeout=0.4)
    rig.subscribe(DEPTH)
    rig.listen('diagnostics')
    return rig


@pytest.fixture(scope='module')
def by_pose(make_rig):
    rig = make_rig(motion_source='pose', pose_timeout=0.4)
    rig.subscribe(DEPTH)
    rig.listen('diagnostics')
    return rig


def odometry(rig, x, forward=0.0, parent='odom', child='base_footprint', age_s=0.0):
    stamp = messages.time_of(rig.now_ns() - round(age_s * 1e9))
    message = Odometry(header=messages.header_of(stamp, parent), child_frame_id=child)
    message.pose.pose.position.x = x
    message.twist.twist.linear.x = forward
    return message


def pose(rig, x, y=0.0, frame='map', age_s=0.0, **orientation):
    stamp = messages.time_of(rig.now_ns() - round(age_s * 1e9))
    message = PoseStamped(header=messages.header_of(stamp, frame),
                          pose=messages.pose_message_of(pose_rpy()))
    message.pose.position.x, message.pose.position.y = x, y
    for name, value in orientation.items():
        setattr(message.pose.orientation, name, value)
    return message


def sees(rig, message, x, y):
    """Keep sending until the picture is from there."""
    def there():
        rig.publish('odom_in' if isinstance(message(), Odometry) else 'pose', message())
        time.sleep(0.05)
        return rig.got[DEPTH] and np.allclose(camera_position(rig.got[DEPTH][-1]), (x, y, Z),
                                              atol=1e-4)
    rig.wait(there, what=f'a picture from {x}, {y}')


def is_counted(rig, topic, message, reason):
    key = f'{topic}.rejected.{reason}'
    before = int(rig.values().get(key, 0))
    rig.publish(topic, message)
    rig.diagnostic(key, lambda value: int(value) > before)


def test_unstamped_twist_drives(make_rig):
    rig = make_rig(enable_stamped_cmd_vel=False)
    rig.listen('odom')
    message = Twist()
    message.linear.y = 0.5
    rig.publish('cmd_vel', message)
    rig.wait(lambda: rig.got['odom'][-1].pose.pose.position.y > 0.1)


@pytest.mark.parametrize('distro, stamped', [
    ('humble', False), ('iron', False), ('jazzy', False), ('kilted', True), ('rolling', True),
    ('', True)])
def test_type_of_cmd_vel_is_that_of_nav2(monkeypatch, distro, stamped):
    monkeypatch.setenv('ROS_DISTRO', distro)
    assert stamped_cmd_vel('auto') is stamped
    assert stamped_cmd_vel('true') and not stamped_cmd_vel('false')


@pytest.mark.parametrize('distro, kind', [('jazzy', 'Twist'), ('kilted', 'TwistStamped')])
def test_the_node_takes_what_nav2_of_its_distro_sends(make_rig, monkeypatch, distro, kind):
    monkeypatch.setenv('ROS_DISTRO', distro)
    rig = make_rig(enable_stamped_cmd_vel='auto')
    taken = dict(rig.node.get_subscriber_names_and_types_by_node('world_node', rig.namespace))
    assert taken[f'{rig.namespace}/cmd_vel'] == [f'geometry_msgs/msg/{kind}']


def test_without_odometry_nothing_is_published(by_odometry):
    by_odometry.diagnostic('drops.pose_unknown')
    assert not by_odometry.got[DEPTH]


def test_odometry_moves_the_camera(by_odometry):
    sees(by_odometry, lambda: odometry(by_odometry, 2.0), SPAWN.x + 2.0, SPAWN.y)


def test_odometry_is_carried_to_the_stamp(by_odometry):
    rig = by_odometry
    rig.subscribe('tf')

    def carried():
        rig.publish('odom_in', odometry(rig, 5.0, forward=1.0, age_s=0.2))
        time.sleep(0.05)
        return rig.got['tf'] and camera_position(rig.got[DEPTH][-1])[0] > SPAWN.x + 5.2
    rig.wait(carried)
    # Whoever sends odometry also publishes its TF; the node adds map -> odom alone.
    assert [t.child_frame_id for t in rig.got['tf'][-1].transforms] == ['odom']


def test_odometry_that_falls_silent_stops_the_pictures(by_odometry):
    rig = by_odometry
    sees(rig, lambda: odometry(rig, 1.0), SPAWN.x + 1.0, SPAWN.y)
    time.sleep(0.6)
    count = len(rig.got[DEPTH])
    time.sleep(0.3)
    assert len(rig.got[DEPTH]) == count


@pytest.mark.parametrize('silence_s', [0.0, 0.6])
def test_initialpose_moves_the_origin_of_odometry(by_odometry, silence_s):
    rig = by_odometry
    sees(rig, lambda: odometry(rig, 1.0), SPAWN.x + 1.0, SPAWN.y)
    time.sleep(silence_s)
    resets = rig.world.resets
    rig.teleport(7.0, 8.0)
    rig.wait(lambda: rig.world.resets > resets)
    sees(rig, lambda: odometry(rig, 1.0), 7.0, 8.0)
    sees(rig, lambda: odometry(rig, 1.5), 7.5, 8.0)
    put_origin_back(rig)


def put_origin_back(rig):
    """Reset while odometry says 0, so that the two begin in one place again."""
    rig.publish('odom_in', odometry(rig, 0.0))
    time.sleep(0.2)
    assert rig.reset().success
    sees(rig, lambda: odometry(rig, 0.0), SPAWN.x, SPAWN.y)


def test_a_reset_puts_the_robot_to_its_start_and_odometry_goes_on(by_odometry):
    rig = by_odometry
    sees(rig, lambda: odometry(rig, 2.0), SPAWN.x + 2.0, SPAWN.y)
    assert rig.reset().success
    sees(rig, lambda: odometry(rig, 2.0), SPAWN.x, SPAWN.y)
    sees(rig, lambda: odometry(rig, 2.5), SPAWN.x + 0.5, SPAWN.y)
    put_origin_back(rig)


@pytest.mark.parametrize('bad, reason', [
    ({'x': math.nan}, 'not_finite'), ({'x': 0.0, 'forward': math.inf}, 'not_finite'),
    ({'x': 0.0, 'forward': 50.0}, 'over_limit'), ({'x': 0.0, 'parent': 'mars'}, 'bad_frame'),
    ({'x': 0.0, 'child': 'left_wheel'}, 'bad_frame')])
def test_bad_odometry_is_dropped_and_counted(by_odometry, bad, reason):
    is_counted(by_odometry, 'odom_in', odometry(by_odometry, **bad), reason)


def test_out_of_order_odometry_is_ignored(by_odometry):
    sees(by_odometry, lambda: odometry(by_odometry, 3.0), SPAWN.x + 3.0, SPAWN.y)
    is_counted(by_odometry, 'odom_in', odometry(by_odometry, 9.0, age_s=5.0), 'stale')


def test_pose_in_the_map_moves_the_camera(by_pose):
    sees(by_pose, lambda: pose(by_pose, 4.0, 3.0), 4.0, 3.0)


def test_pose_in_odom_starts_at_the_spawn(by_pose):
    sees(by_pose, lambda: pose(by_pose, 1.0, frame='odom'), SPAWN.x + 1.0, SPAWN.y)


def test_zero_stamp_counts_as_now(by_pose):
    def unstamped():
        message = pose(by_pose, -1.0, -2.0)
        message.header.stamp.sec = message.header.stamp.nanosec = 0
        return message
    sees(by_pose, unstamped, -1.0, -2.0)


@pytest.mark.parametrize('bad, reason', [
    ({'x': math.inf}, 'not_finite'), ({'x': 0.0, 'z': math.nan}, 'not_finite'),
    ({'x': 0.0, 'w': 0.5}, 'not_rigid'), ({'x': 0.0, 'w': 0.0}, 'not_rigid'),
    ({'x': 0.0, 'frame': 'camera_link'}, 'bad_frame'), ({'x': 0.0, 'age_s': -30.0}, 'future')])
def test_bad_pose_is_dropped_and_counted(by_pose, bad, reason):
    is_counted(by_pose, 'pose', pose(by_pose, **bad), reason)


@pytest.mark.parametrize('age_s, reason', [(30.0, 'stale'), (-30.0, 'future')])
def test_a_pose_in_another_frame_wipes_nothing_unless_it_is_used(by_pose, age_s, reason):
    rig = by_pose
    sees(rig, lambda: pose(rig, 4.0, 3.0), 4.0, 3.0)
    track = rig.node._loop().robots[0].source._track
    known = len(track)
    key = f'pose.rejected.{reason}'
    before = int(rig.values().get(key, 0))
    rig.publish('pose', pose(rig, 50.0, frame='odom', age_s=age_s))
    rig.diagnostic(key, lambda value: int(value) > before)
    assert len(track) >= known
    assert rig.node._loop().robots[0].source._parent == 'map'


def test_a_localisation_that_jumps_is_not_overshot(by_pose):
    rig = by_pose
    sees(rig, lambda: pose(rig, 4.0, 3.0), 4.0, 3.0)
    seen = len(rig.got[DEPTH])
    rig.publish('pose', pose(rig, 14.0, 3.0))
    time.sleep(0.3)
    assert {round(camera_position(m)[0], 3) for m in rig.got[DEPTH][seen:]} <= {4.0, 14.0}
    assert camera_position(rig.got[DEPTH][-1])[0] == pytest.approx(14.0)


def test_pose_with_covariance_moves_the_camera(make_rig):
    rig = make_rig(motion_source='pose', pose_type='PoseWithCovarianceStamped')
    rig.subscribe(DEPTH)

    def message():
        header = messages.header_of(messages.time_of(rig.now_ns()), '/map')
        return messages.initial_pose_of(pose_rpy(6.0, 1.0), header)
    sees(rig, message, 6.0, 1.0)
