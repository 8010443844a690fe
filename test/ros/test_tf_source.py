# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""TF moves the robot: the real tf2_ros, where it is installed."""

import importlib.util
import math
import sys
import time

from geometry_msgs.msg import TransformStamped
from inspatio_ros.motion.counts import Verdict
from inspatio_ros.motion.transforms import pose_rpy
from inspatio_ros.robot.clock import OwnTime, WallTime
from inspatio_ros.robot.parameters import WorldParameters
from inspatio_ros.robot.tf_source import TfSource
from inspatio_ros.ros.messages import messages
from inspatio_ros.ros.tf_frames import TfFrames
import numpy as np
from painted_world import SPAWN
import pytest
from rclpy.qos import DurabilityPolicy, QoSProfile
from rig import camera_position, DEPTH, Rig
from tf2_msgs.msg import TFMessage

needs_tf2 = pytest.mark.skipif(
    importlib.util.find_spec('tf2_ros') is None,
    reason='tf2_ros comes with a ROS 2 distro; it is not on PyPI')
NS = 1_000_000_000
START = pose_rpy(1.0, 2.0, yaw=math.pi / 2)
Z = SPAWN.camera_height


def transform(stamp_ns, x, yaw=0.0, parent='odom', child='base_footprint'):
    header = messages.header_of(messages.time_of(stamp_ns), parent)
    message = messages.transform_of(pose_rpy(yaw=yaw), header, child)
    message.transform.translation.x = x
    return message


def told(*transforms):
    return TFMessage(transforms=transforms)


class Robot:
    """A source on a clock that a test sets."""

    def __init__(self, **parameters):
        self.now_ns = 100 * NS
        self.dropped = []
        p = WorldParameters(motion_source='tf', **parameters)
        self.time = WallTime(lambda: self.now_ns)
        self.source = TfSource(p, START, self.time.now_ns,
                               lambda topic, verdict, detail: self.dropped.append(verdict),
                               TfFrames(p, self.time))

    def tell(self, x, age_ns=0, **transform_of):
        self.source.take(told(transform(self.now_ns - age_ns, x, **transform_of)))

    def x(self):
        """Return where the robot is in odom now, None if nobody knows."""
        motion = self.source.motion_at(self.time.now_ns())
        return None if motion is None else motion.T_odom_base[0, 3]

    @property
    def counts(self):
        return self.source.counts()['tf'].as_dict()


def test_without_tf2_the_node_says_which_package_it_lacks(monkeypatch):
    monkeypatch.setitem(sys.modules, 'tf2_ros', None)
    rig = Rig(start=False, motion_source='tf')
    try:
        assert not rig.node.start()
        assert 'tf2_ros' in rig.node._health.error and 'motion_source' in rig.node._health.error
        assert rig.world.closed
    finally:
        rig.close()


@needs_tf2
def test_between_two_transforms_tf_itself_says_where_the_robot_is():
    robot = Robot()
    robot.tell(1.0, age_ns=NS // 5)
    robot.tell(2.0, age_ns=-NS // 5)
    assert robot.x() == pytest.approx(1.5)
    assert robot.counts == {'received': 2, 'used': 2}


@needs_tf2
def test_beyond_the_newest_it_goes_on_at_its_velocity_until_it_is_lost():
    robot = Robot(pose_timeout=0.5)
    for k in range(5):
        robot.tell(0.1 * k)
        robot.now_ns += NS // 10
    assert robot.x() == pytest.approx(0.5)
    robot.now_ns += 3 * NS // 10
    assert robot.x() == pytest.approx(0.8)
    robot.now_ns += NS // 5
    assert robot.x() is None
    why = robot.source.why_unknown(robot.now_ns)
    assert 'odom -> base_footprint is 0.60 s old' in why and 'pose_timeout 0.5' in why


@needs_tf2
def test_the_chain_may_have_links_and_static_ones():
    robot = Robot()
    robot.source.take_static(told(transform(0, 0.25, parent='base_link',
                                            child='base_footprint')))
    assert robot.x() is None
    assert 'odom' in robot.source.why_unknown(robot.now_ns)
    robot.tell(3.0, child='base_link')
    assert robot.x() == pytest.approx(3.25)


@needs_tf2
def test_a_static_transform_is_a_robot_that_stands():
    robot = Robot(pose_timeout=0.5)
    robot.source.take_static(told(transform(0, 4.0)))
    for _ in range(3):
        assert robot.x() == pytest.approx(4.0)
        robot.now_ns += 100 * NS
    assert not robot.source.motion_at(robot.now_ns).linear.any()
    stamps_ns = robot.now_ns + np.arange(3) * NS // 24
    track = robot.source.predict(stamps_ns, np.eye(4))
    np.testing.assert_allclose(track.T_map_cam, np.stack([START @ pose_rpy(4.0)] * 3), atol=1e-12)


@needs_tf2
def test_time_that_passes_over_a_static_transform_is_no_message():
    robot = Robot()
    for count, x in ((1, 4.0), (2, 6.0)):
        robot.source.take_static(told(transform(0, x)))
        heard_ns = robot.source.heard_ns
        assert heard_ns == robot.now_ns
        for _ in range(3):
            robot.now_ns += NS // 10
            robot.source.take(told(transform(robot.now_ns, 1.0, parent='wheel', child='valve')))
            assert robot.x() == pytest.approx(x)
        assert robot.source.heard_ns == heard_ns
        assert robot.counts == {'received': count, 'used': count}


@needs_tf2
def test_a_static_transform_that_is_no_pose_is_dropped_once():
    robot = Robot()
    robot.source.take_static(told(transform(0, math.inf)))
    for _ in range(3):
        assert robot.x() is None
        robot.now_ns += NS // 10
    assert robot.dropped == [Verdict.NOT_FINITE]
    robot.source.take_static(told(transform(0, 4.0)))
    assert robot.x() == pytest.approx(4.0)


@needs_tf2
def test_a_robot_on_a_static_transform_is_put_elsewhere_and_back():
    robot = Robot()
    robot.source.take_static(told(transform(0, 4.0)))

    def in_map():
        motion = robot.source.motion_at(robot.now_ns)
        return robot.source.T_map_odom @ motion.T_odom_base

    robot.source.reset(now_ns=robot.now_ns)
    np.testing.assert_allclose(in_map(), START, atol=1e-12)
    for pause_ns in (NS // 10, 10 * NS):  # also where the newest pose has lapsed meanwhile
        robot.now_ns += pause_ns
        robot.source.teleport(pose_rpy(-2.0), robot.now_ns)
        for _ in range(3):
            np.testing.assert_allclose(in_map(), pose_rpy(-2.0), atol=1e-12)
            robot.now_ns += NS // 10
    robot.source.reset()
    np.testing.assert_allclose(in_map(), START, atol=1e-12)
    assert robot.source.heard_ns is None


@needs_tf2
@pytest.mark.parametrize('back_ns', [3 * NS, 50 * NS])
def test_a_clock_that_falls_back_makes_it_forget(back_ns):
    robot = Robot()
    robot.tell(5.0)
    assert robot.x() == 5.0
    robot.now_ns -= back_ns
    assert robot.x() is None
    assert robot.source.clock_jumps() == 1
    robot.tell(6.0)
    assert robot.x() == 6.0


@needs_tf2
def test_tf_that_comes_after_a_jump_but_before_the_next_tick_is_kept():
    robot = Robot()
    robot.tell(5.0)
    robot.now_ns -= 50 * NS
    robot.tell(6.0)
    assert robot.x() == 6.0


@needs_tf2
def test_a_jump_of_the_robot_is_not_overshot():
    robot = Robot()
    robot.tell(0.0)
    robot.now_ns += NS // 10
    robot.tell(50.0)
    robot.now_ns += NS // 10
    assert robot.x() == 50.0


@needs_tf2
@pytest.mark.parametrize('numbers, verdict', [
    ({'x': math.inf}, Verdict.NOT_FINITE), ({'age_ns': -5 * NS, 'x': 1.0}, Verdict.FUTURE)])
def test_what_is_no_pose_is_dropped_once_and_counted(numbers, verdict):
    robot = Robot()
    robot.tell(1.0)
    robot.now_ns += NS // 10
    robot.tell(**numbers)
    for _ in range(3):
        assert robot.x() == pytest.approx(1.0)
    assert robot.dropped == [verdict]
    assert robot.counts == {'received': 2, 'used': 1, f'rejected.{verdict.value}': 1}


@needs_tf2
def test_a_transform_from_far_ahead_does_not_lose_the_robot():
    robot = Robot()
    robot.tell(1.0, age_ns=-60 * NS)
    robot.tell(0.0, age_ns=-60 * NS, parent='map', child='odom')
    for _ in range(20):
        robot.tell(1.0)
        robot.now_ns += NS // 10
    assert robot.x() == 1.0
    assert robot.counts == {'received': 21, 'used': 20, 'rejected.future': 1}


@needs_tf2
def test_what_tf2_itself_refuses_changes_nothing():
    robot = Robot()
    robot.tell(1.0)
    bad = transform(robot.now_ns, 9.0)
    bad.transform.rotation.w = 0.0
    nan = transform(robot.now_ns, math.nan)
    robot.source.take(told(bad, nan, TransformStamped()))
    assert robot.x() == 1.0


@needs_tf2
def test_reset_and_teleport_move_odometrys_origin():
    robot = Robot()

    def in_map():
        motion = robot.source.motion_at(robot.now_ns)
        return robot.source.T_map_odom @ motion.T_odom_base

    robot.tell(3.0, yaw=0.5)
    np.testing.assert_allclose(in_map(), START @ pose_rpy(3.0, yaw=0.5), atol=1e-12)
    robot.source.reset(now_ns=robot.now_ns)
    np.testing.assert_allclose(in_map(), START, atol=1e-12)
    robot.source.teleport(pose_rpy(-1.0), robot.now_ns)
    np.testing.assert_allclose(in_map(), pose_rpy(-1.0), atol=1e-12)
    robot.now_ns += 10 * NS
    robot.source.teleport(pose_rpy(-2.0), robot.now_ns)
    np.testing.assert_allclose(in_map(), pose_rpy(-2.0), atol=1e-12)
    robot.now_ns += NS // 10
    robot.tell(8.0)
    np.testing.assert_allclose(in_map(), pose_rpy(-2.0), atol=1e-12)


@needs_tf2
def test_a_pause_counts_for_nothing():
    robot = Robot()
    robot.tell(1.0)
    robot.time.stand()
    robot.now_ns += 60 * NS
    assert robot.x() == 1.0
    robot.tell(2.0)
    robot.time.flow()
    robot.now_ns += NS // 10
    robot.tell(3.0, age_ns=NS // 20)
    robot.tell(5.0, age_ns=-NS // 20)
    assert robot.x() == pytest.approx(4.0)


@needs_tf2
def test_time_that_begins_again_forgets_tf_of_before():
    p = WorldParameters(motion_source='tf', clock='lockstep')
    own = OwnTime(0.0)
    source = TfSource(p, START, own.now_ns, lambda *what: None, TfFrames(p, own))
    own.advance(20 * NS)
    source.take(told(transform(own.now_ns(), 3.0)))
    source.reset()
    own.rewind()
    assert source.motion_at(own.now_ns()) is None and source.heard_ns is None
    source.take(told(transform(own.now_ns(), 4.0)))
    assert source.heard_ns == own.now_ns()
    motion = source.motion_at(own.now_ns())
    np.testing.assert_allclose(source.T_map_odom @ motion.T_odom_base, START, atol=1e-12)


@needs_tf2
def test_the_node_follows_tf_of_others_and_says_what_it_lacks(make_rig):
    rig = make_rig(motion_source='tf', pose_timeout=0.4)
    rig.subscribe(DEPTH, 'tf')
    rig.listen('diagnostics')
    rig.diagnostic('drops.pose_unknown')
    assert not rig.got[DEPTH] and not rig.got['tf']

    def there():
        rig.publish('tf', told(transform(rig.now_ns(), 2.0)))
        time.sleep(0.05)
        return rig.got[DEPTH] and np.allclose(camera_position(rig.got[DEPTH][-1]),
                                              (SPAWN.x + 2.0, SPAWN.y, Z), atol=1e-4)
    rig.wait(there, what='a picture from where TF says')
    own = [t for m in rig.got['tf'] for t in m.transforms if t.child_frame_id != 'base_footprint']
    assert {t.child_frame_id for t in own} == {'odom'}, 'it adds map -> odom alone'
    time.sleep(0.7)
    count = len(rig.got[DEPTH])
    time.sleep(0.3)
    assert len(rig.got[DEPTH]) == count, 'TF fell silent: no picture'
    values = rig.values()
    assert values['tf.received'] == values['tf.used']


@needs_tf2
def test_in_lockstep_a_static_transform_answers_one_tick_and_no_other(make_rig):
    rig = make_rig(motion_source='tf', clock='lockstep', tick_on='input', tick_timeout=0.0)
    qos = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    statics = rig.listener.create_publisher(TFMessage, 'tf_static', qos)
    statics.publish(told(transform(0, 2.0)))
    rig.wait(lambda: rig.node._health.ticks)
    time.sleep(0.5)
    assert rig.node._health.ticks == 1
    robot, = rig.node._loop().robots
    assert robot.counts()['tf'].as_dict() == {'received': 1, 'used': 1}


@needs_tf2
def test_each_of_several_robots_follows_frames_of_its_own(make_rig):
    rig = make_rig(motion_source='tf', robots=['a', 'b'], a__initial_pose__x=0.0,
                   b__initial_pose__x=5.0)
    rig.listen('diagnostics')
    rig.subscribe('tf')

    def known():
        rig.publish('tf', told(*(transform(rig.now_ns(), 1.0, parent=f'{name}/odom',
                                           child=f'{name}/base_footprint') for name in 'ab')))
        time.sleep(0.05)
        return {'a/odom', 'b/odom'} <= {
            t.child_frame_id for m in rig.got['tf'] for t in m.transforms}
    rig.wait(known, what='map -> odom of both')
    for name in 'ab':
        rig.diagnostic(f'{name}/tf.used')
