# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What /diagnostics says adds up, whatever is thrown at the node; QoS is as the user wants it."""

import math
import random
import time

from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped, TwistStamped
from inspatio_ros.motion.transforms import pose_rpy
from inspatio_ros.ros.messages import messages
from nav_msgs.msg import Odometry
import pytest
import rclpy
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rig import COLOR, DEPTH, Rig

HUGE = 'frame' * 400_000  # two megabytes
WARN, OK = bytes([1]), bytes([0])
NUMBERS = (0.0, 0.5, -0.5, math.nan, math.inf, -math.inf, 1e9, 1e308, 5e-324)
AGES_S = (0.0, 0.05, 30.0, -0.2, -30.0)
FRAMES = ('map', 'odom', '/odom', '', 'mars', HUGE)


def throw(dice, choices):
    """Return the first, which is good, most of the time."""
    return choices[0] if dice.random() < 0.7 else dice.choice(choices)


def header(rig, dice, frame):
    message = messages.header_of(messages.time_of(
        rig.now_ns() - round(throw(dice, AGES_S) * 1e9)), frame)
    if dice.random() < 0.3:
        message.stamp.sec = message.stamp.nanosec = 0
    return message


def twist(rig, dice):
    message = TwistStamped(header=header(rig, dice, throw(dice, FRAMES)))
    message.twist.linear.x, message.twist.angular.z = throw(dice, NUMBERS), throw(dice, NUMBERS)
    return message


def broken(pose, dice):
    for part, name in ((pose.position, 'x'), (pose.orientation, 'w'), (pose.orientation, 'z')):
        if dice.random() < 0.1:
            setattr(part, name, dice.choice(NUMBERS))
    return pose


def odometry(rig, dice):
    message = Odometry(header=header(rig, dice, throw(dice, FRAMES)),
                       child_frame_id=throw(dice, ('base_footprint', '', 'wheel', HUGE)))
    message.pose.pose = broken(messages.pose_message_of(pose_rpy()), dice)
    message.twist.twist.linear.x = throw(dice, NUMBERS)
    return message


def pose(rig, dice):
    return PoseStamped(header=header(rig, dice, throw(dice, FRAMES)),
                       pose=broken(messages.pose_message_of(pose_rpy()), dice))


def initial_pose(rig, dice):
    message = PoseWithCovarianceStamped(header=header(rig, dice, throw(dice, FRAMES)))
    message.pose.pose = broken(messages.pose_message_of(pose_rpy()), dice)
    message.pose.covariance[0] = throw(dice, NUMBERS)
    return message


def numbers_of(rig, topic):
    """Return received, used, and the sum of what was rejected."""
    values = {key.removeprefix(f'{topic}.'): int(value) for key, value in rig.values().items()
              if key.startswith(f'{topic}.')}
    received, used = values.pop('received', 0), values.pop('used', 0)
    assert all(key.startswith('rejected.') for key in values)
    return received, used, sum(values.values()), len(values)


@pytest.mark.parametrize('source, topic, make', [
    ('twist', 'cmd_vel', twist), ('odometry', 'odom_in', odometry), ('pose', 'pose', pose)])
def test_what_is_received_is_used_or_dropped_with_a_reason(make_rig, source, topic, make):
    rig = make_rig(motion_source=source, enable_stamped_cmd_vel='true')
    rig.listen('diagnostics')
    dice, count = random.Random(7), 120
    robot, = rig.node._opened.loop.robots
    for k in range(1, count + 1):
        rig.publish('initialpose', initial_pose(rig, dice))
        rig.publish(topic, make(rig, dice))
        # Queues are short: what is huge must have been taken before the next one.
        rig.wait(lambda k=k: robot.counts()[topic].received == k)
        rig.wait(lambda k=k: rig.node._teleport_counts['initialpose'].received == k)
    for name in (topic, 'initialpose'):
        rig.wait(lambda name=name: numbers_of(rig, name)[0] == count, 20.0, f'all of {name}')
        received, used, rejected, reasons = numbers_of(rig, name)
        assert received == used + rejected
        assert used > 5 and reasons >= 3, f'{name}: the dice threw too little'
    assert sum(len(value) for value in rig.values().values()) < 5000, 'nothing huge is told on'


def test_names_that_are_huge_are_not_logged_whole(make_rig, capfd):
    rig = make_rig()
    rig.listen('diagnostics')
    rig.teleport(1.0, 1.0, frame=HUGE)
    rig.diagnostic('initialpose.rejected.bad_frame')
    said = capfd.readouterr()
    assert 0 < len(said.err + said.out) < 5000


def test_two_masters_are_told_on_and_the_newest_command_counts(make_rig):
    rig = make_rig()
    rig.listen('diagnostics', 'odom')
    rig.drive(forward=0.5)
    rig.wait(lambda: rig.got['diagnostics'][-1].status[0].level == OK)
    other = rclpy.create_node('joystick', context=rig.context, namespace=rig.namespace)
    try:
        commands = other.create_publisher(TwistStamped, 'cmd_vel', 10)
        rig.wait(lambda: commands.get_subscription_count() > 0)
        rig.wait(lambda: rig.got['diagnostics'][-1].status[0].level == WARN)
        said = rig.got['diagnostics'][-1].status[0].message
        assert (f'2 publishers on cmd_vel: {rig.namespace}/joystick, {rig.namespace}/listener'
                in said), said
        rig.drive(forward=0.5)
        time.sleep(0.1)
        command = TwistStamped()
        command.twist.linear.x = -0.25
        commands.publish(command)
        rig.wait(lambda: rig.got['odom'][-1].twist.twist.linear.x == -0.25)
        rig.drive(forward=0.5)
        rig.wait(lambda: rig.got['odom'][-1].twist.twist.linear.x == 0.5)
    finally:
        other.destroy_node()
    rig.wait(lambda: rig.got['diagnostics'][-1].status[0].level == OK)


def test_a_command_is_timed_to_the_first_picture_made_with_it(make_rig):
    rig = make_rig(rate=20.0)
    rig.listen('diagnostics', DEPTH)
    assert 'command_to_pixel_p50_ms' not in rig.values(), 'nothing was commanded'
    for _ in range(40):
        rig.drive(forward=0.1)
        time.sleep(0.023)
    p50, p99 = (float(rig.diagnostic(f'command_to_pixel_{key}_ms')) for key in ('p50', 'p99'))
    # Half of a period on average, where the machine keeps up.
    assert 5.0 < p50 <= p99 < 5000.0


def test_no_command_is_timed_where_nobody_looks(make_rig):
    rig = make_rig()
    rig.listen('diagnostics', 'odom')
    rig.drive(forward=0.1)
    rig.diagnostic('cmd_vel.used')
    rig.fresh('odom')
    count = len(rig.got['diagnostics'])
    rig.wait(lambda: len(rig.got['diagnostics']) > count)
    assert 'command_to_pixel_p50_ms' not in rig.values()


def test_memory_is_that_of_the_process(make_rig):
    rig = make_rig()
    rig.listen('diagnostics')
    told = float(rig.diagnostic('memory_mib'))
    with open('/proc/self/status') as status:
        resident = next(int(line.split()[1]) for line in status if line.startswith('VmRSS'))
    assert told == pytest.approx(resident / 1024.0, rel=0.2)


# ---- QoS

def overridden(topic, end, policy, value):
    """Return a rig whose topic is of another quality, and the topic's full name."""
    probe = Rig(start=False)
    probe.close()
    number = int(probe.namespace.removeprefix('/rig')) + 1
    name = f'/rig{number}/{topic}'
    rig = Rig(start=False, **{f'qos_overrides__{name}__{end}__{policy}': value})
    assert rig.namespace == f'/rig{number}'
    return rig, name


@pytest.mark.parametrize('topic, end, policy, value', [
    ('cmd_vel', 'subscription', 'reliability', 'best_effort'),
    ('cmd_vel', 'subscription', 'depth', 3),
    (COLOR, 'publisher', 'reliability', 'best_effort'),
    (DEPTH, 'publisher', 'durability', 'transient_local')])
def test_quality_is_overridden_per_topic(topic, end, policy, value):
    rig, name = overridden(topic, end, policy, value)
    try:
        assert rig.node.start()
        assert rig.node.get_parameter(f'qos_overrides.{name}.{end}.{policy}').value == value
        infos = (rig.listener.get_subscriptions_info_by_topic if end == 'subscription'
                 else rig.listener.get_publishers_info_by_topic)
        qos = rig.wait(lambda: infos(name))[0].qos_profile
        if policy == 'depth':
            return  # the network does not tell
        assert getattr(qos, policy).name.lower() == value
        rig.listen(COLOR, DEPTH) if topic == 'cmd_vel' else rig.listen('odom')
    finally:
        rig.close()


def test_a_picture_that_is_kept_reaches_who_comes_late():
    rig, name = overridden(DEPTH, 'publisher', 'durability', 'transient_local')
    try:
        assert rig.node.start()
        rig.listen(DEPTH)
        assert rig.trigger('pause').success
        time.sleep(0.3)
        late = []
        rig.listener.create_subscription(type(rig.got[DEPTH][-1]), name, late.append, QoSProfile(
            depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL))
        assert rig.wait(lambda: late)[-1].header.stamp == rig.got[DEPTH][-1].header.stamp
    finally:
        rig.close()


def test_a_best_effort_command_drives_where_the_subscription_is_so_too():
    rig, name = overridden('cmd_vel', 'subscription', 'reliability', 'best_effort')
    try:
        assert rig.node.start()
        rig.listen('odom')
        commands = rig.listener.create_publisher(TwistStamped, name, QoSProfile(
            depth=1, reliability=ReliabilityPolicy.BEST_EFFORT))
        command = TwistStamped()
        command.twist.linear.x = 0.5

        def moves():
            commands.publish(command)
            return rig.got['odom'][-1].twist.twist.linear.x == 0.5
        rig.wait(moves)
    finally:
        rig.close()


@pytest.mark.parametrize('topic, end, policy, value', [
    ('cmd_vel', 'subscription', 'reliability', 'sometimes'),
    (COLOR, 'publisher', 'durability', 'forever'), (COLOR, 'publisher', 'depth', 'deep'),
    (COLOR, 'publisher', 'depth', -1)])
def test_a_bad_quality_is_refused_by_its_name(topic, end, policy, value):
    rig, name = overridden(topic, end, policy, value)
    try:
        assert not rig.node.start()
        assert f'qos_overrides.{name}.{end}' in rig.node._health.error
        assert policy in rig.node._health.error
        assert rig.world.closed
        assert not rig.listener.get_publishers_info_by_topic(f'{rig.namespace}/{DEPTH}')
    finally:
        rig.close()
