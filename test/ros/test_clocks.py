# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Time of the world's own: scaled, and in lockstep with what drives the robot."""

import time

from geometry_msgs.msg import TwistStamped
from inspatio_ros.bags.typestore import typestore
from inspatio_ros.bags.writing import BagWriter
from inspatio_ros.cli import compare, main
from inspatio_ros.engine.world import SceneWorld, WorldSettings
from inspatio_ros.robot.clock import START_NS
from inspatio_ros.robot.messages import stamp_ns_of
from inspatio_ros.ros.messages import messages
from nav_msgs.msg import Odometry
import numpy as np
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.serialization import serialize_message
from rig import (camera_position, COLOR, COLOR_INFO, DEPTH, DEPTH_INFO, JPEG, OBSERVED, PNG,
                 POINTS, Rig, SCAN, TYPES)
from rooms import room
from rosgraph_msgs.msg import Clock

NS = 1_000_000_000
# A rate shows in the first second that the machine has time for; a busy one may lack it for long.
CALM_S = 60.0
PICTURES = (COLOR, DEPTH, OBSERVED, COLOR_INFO, DEPTH_INFO)
DRIVEN = (*PICTURES, SCAN, POINTS, JPEG, PNG, 'tf', 'odom')


def stamps(rig, topic):
    return [stamp for name, stamp in list(rig.order) if name == topic]


def clock_ns(rig):
    return stamp_ns_of(rig.got['clock'][-1].clock)


# ---- scaled

@pytest.fixture(scope='module')
def fast(make_rig):
    rig = make_rig(clock='scaled', speed_factor=3.0, rate=10.0)
    rig.listen('clock', 'tf', DEPTH, 'odom', 'diagnostics')
    return rig


def speed(rig):
    """Return how fast time goes, from what is told within a second of when it is sent."""
    told = []  # (when it was sent, time)
    subscription = rig.listener.create_subscription(Clock, 'clock', lambda message, info: (
        told.append((info['source_timestamp'], stamp_ns_of(message.clock)))), 1000)
    rig.wait(lambda: told and told[-1][0] - told[0][0] > NS)
    rig.in_thread_of(rig.listener, rig.listener.destroy_subscription, subscription)
    sent_ns, time_ns = np.subtract(told[-1], told[0])
    return time_ns / sent_ns


def test_scaled_time_goes_as_fast_as_it_is_told_and_fine_enough(fast):
    assert speed(fast) == pytest.approx(3.0, rel=0.2)
    fast.wait(lambda: np.median(np.diff(stamps(fast, 'clock')[-100:])) < 0.025 * NS, CALM_S,
              'a fine clock')


def test_ticks_keep_their_rate_in_scaled_time(fast):
    fast.diagnostic('rate_hz', lambda value: float(value) > 0.9 * 3.0 * 10.0, CALM_S)
    steps = np.diff(stamps(fast, 'odom')[-60:])
    assert np.median(steps) == pytest.approx(NS / 10.0, rel=0.2)


def test_the_time_has_come_before_anything_is_stamped_with_it(fast):
    told, seen = [], []  # (when it was sent, stamp); topics may overtake each other on the way
    for topic, sent, stamp_of in (('clock', told, lambda message: message.clock),
                                  (DEPTH, seen, lambda message: message.header.stamp)):
        def keep(message, info, sent=sent, stamp_of=stamp_of):
            sent.append((info['source_timestamp'], stamp_ns_of(stamp_of(message))))
        fast.listener.create_subscription(TYPES[topic], topic, keep, 1000)
    fast.wait(lambda: told and len(seen) > 30)
    assert told == sorted(told), 'time fell back'
    begin = told[0][0]
    for sent, stamp_ns in [one for one in seen if one[0] > begin]:
        assert max(now_ns for when, now_ns in told if when <= sent) >= stamp_ns


def test_a_robot_covers_its_way_in_scaled_time(fast):
    assert fast.reset().success
    fast.drive(forward=1.0)
    fast.wait(lambda: fast.got['odom'][-1].twist.twist.linear.x == 1.0)
    fast.wait(lambda: fast.got['odom'][-1].twist.twist.linear.x == 0.0, what='the timeout')
    x = fast.fresh('odom', after_ns=clock_ns(fast)).pose.pose.position.x
    assert x == pytest.approx(1.0, abs=1e-6), 'one second of scaled time at 1 m/s'


def test_another_speed_does_not_jump(fast):
    before_ns, before_s = clock_ns(fast), time.monotonic()
    assert fast.set_parameter('speed_factor', 0.5).successful
    passed_s = (clock_ns(fast) - before_ns) / NS
    assert 0.0 <= passed_s < 3.0 * (time.monotonic() - before_s) + 1.0
    assert speed(fast) == pytest.approx(0.5, rel=0.2)
    for bad in (0.0, -1.0, 1e4, float('nan')):
        assert not fast.set_parameter('speed_factor', bad).successful
    assert fast.set_parameter('speed_factor', 3.0).successful


def test_a_node_on_simulated_time_lives_by_it(fast):
    node = rclpy.create_node('follower', context=fast.context, namespace=fast.namespace,
                             cli_args=['--ros-args', '-r', '/clock:=clock'],
                             parameter_overrides=[Parameter('use_sim_time', value=True)])
    fired = []  # (time of the node, time that is told)
    node.create_timer(0.5, lambda: fired.append(
        (node.get_clock().now().nanoseconds, clock_ns(fast))))
    executor = SingleThreadedExecutor(context=fast.context)
    executor.add_node(node)
    try:
        end = time.monotonic() + CALM_S
        while len(fired) < 8 and time.monotonic() < end:
            executor.spin_once(timeout_sec=0.1)
    finally:
        executor.shutdown()
        node.destroy_node()
    # The first two may lie around the jump from no time at all.
    periods_s = np.diff([own for own, _ in fired[2:]]) / NS
    assert 0.45 < periods_s.mean() and periods_s.min() < 1.0, 'half a second of it, or late'
    assert min(abs(own - told) for own, told in fired[2:]) < NS


def test_two_who_tell_the_time_are_told_of(fast):
    publisher = fast.listener.create_publisher(Clock, 'clock', 1)
    assert fast.diagnostic('clock.others') == '1'
    fast.in_thread_of(fast.listener, fast.listener.destroy_publisher, publisher)


def test_diagnostics_tell_the_clock(fast):
    values = fast.wait(fast.values)
    assert values['clock'] == 'scaled'
    assert values['speed_factor'] == '3'
    assert float(values['time_s']) > 1.0


@pytest.mark.parametrize('clock', ['scaled', 'lockstep'])
def test_use_sim_time_changes_nothing_for_who_tells_the_time(make_rig, clock):
    rig = make_rig(clock=clock, tick_on='free', tick_rate=30.0, use_sim_time=True)
    rig.listen('clock', 'odom', DEPTH, 'diagnostics')
    rig.wait(lambda: len(rig.got['odom']) > 20)
    assert stamps(rig, 'odom') == sorted(set(stamps(rig, 'odom')))
    assert stamps(rig, 'odom')[-1] < clock_ns(rig) + NS
    assert not {'drops.publish_failed', 'drops.frame_failed'} & set(rig.values())


def test_no_clock_is_told_where_time_is_that_of_others(make_rig):
    rig = make_rig()
    rig.listen('odom')
    names = [name for name, _ in rig.node.get_publisher_names_and_types_by_node(
        'world_node', rig.namespace)]
    assert '/clock' not in names and f'{rig.namespace}/odom' in names


def test_a_clock_that_nobody_knows_is_refused():
    from inspatio_ros.ros.world_node import WorldNode
    context = rclpy.Context()
    rclpy.init(context=context)
    try:
        with pytest.raises(ValueError, match='clock: must be one of wall, scaled, lockstep'):
            WorldNode(lambda request: None, context=context,
                      parameter_overrides=[Parameter('clock', value='atomic')])
    finally:
        context.try_shutdown()


# ---- lockstep

def command(k, stamp):
    """Return the k-th command of a drive in curves."""
    message = TwistStamped(header=messages.header_of(stamp, ''))
    message.twist.linear.x = 0.3 * np.sin(0.05 * k)
    message.twist.angular.z = 0.8 * np.cos(0.021 * k)
    return message


class Drive:
    """
    Answer every colour picture with the next command, and keep what is published.

    :param stamped: whether commands carry the stamp of the picture, or none.
    """

    def __init__(self, rig, stamped=True):
        """Subscribe; the node knows of all that listen when this returns."""
        self._rig, self._stamped = rig, stamped
        rig.subscribe(*DRIVEN, 'clock')
        self._publisher = rig.listener.create_publisher(TwistStamped, 'cmd_vel', 10)
        rig.listener.create_subscription(TYPES[COLOR], COLOR, self._answer, 10)
        rig.wait(lambda: self._publisher.get_subscription_count() == 1)
        rig.wait(lambda: all(rig.node.count_subscribers(f'{rig.namespace}/{topic}')
                             for topic in DRIVEN))
        time.sleep(0.3)
        self._left = self._sent = 0

    def run(self, ticks):
        """Drive for some ticks; return topic -> stamp -> bytes."""
        self._rig.got.clear()
        self._left, self._sent = ticks - 1, 1
        self._publisher.publish(command(0, messages.time_of(0)))
        self._rig.wait(lambda: all(len(self._rig.got[topic]) >= ticks for topic in DRIVEN),
                       timeout_s=60.0, what=f'{ticks} ticks')
        time.sleep(0.2)
        return {topic: by_stamp(self._rig.got[topic]) for topic in DRIVEN}

    def _answer(self, image):
        if self._left > 0:
            self._left -= 1
            stamp = image.header.stamp if self._stamped else messages.time_of(0)
            self._publisher.publish(command(self._sent, stamp))
            self._sent += 1


def kind_of(message_type):
    """Return the full name of a type of message."""
    return f'{message_type.__module__.split(".")[0]}/msg/{message_type.__name__}'


def by_stamp(received):
    """Return stamp -> bytes; what the middleware leaves in the gaps between fields is wiped."""
    found = {}
    for message in received:
        kind = kind_of(type(message))
        header = (message.transforms[0] if kind.endswith('TFMessage') else message).header
        wiped = typestore().deserialize_cdr(serialize_message(message), kind)
        found[stamp_ns_of(header.stamp)] = bytes(typestore().serialize_cdr(wiped, kind))
    assert len(found) == len(received), 'two messages of one stamp'
    return found


def lockstep_rig(**parameters):
    return Rig(**{'world': SceneWorld(room(), WorldSettings(threads=1)), 'clock': 'lockstep',
                  'tick_timeout': 0.0, **parameters})


@pytest.fixture(scope='module')
def drives():
    """Return what three drives published: two nodes, the second one twice."""
    found = []
    for stamped in (True, False):
        rig = lockstep_rig()
        try:
            drive = Drive(rig, stamped)
            found.append(drive.run(480))
            if not stamped:
                assert rig.reset().success
                found.append(drive.run(480))
        finally:
            rig.close()
    return found


@pytest.mark.parametrize('topic', DRIVEN)
def test_the_same_commands_make_the_same_bytes(drives, topic):
    first, other_node, after_reset = (drive[topic] for drive in drives)
    assert len(first) == 480
    assert first == other_node
    assert first == after_reset


def test_two_drives_in_lockstep_compare_as_the_same_recording(drives, tmp_path, capsys):
    for name, drive in zip('ab', drives):
        with BagWriter(tmp_path / name) as bag:
            for topic, found in drive.items():
                bag.add_topic(f'/{topic}', kind_of(TYPES[topic]))
                for stamp_ns, data in found.items():
                    bag.write_cdr(f'/{topic}', stamp_ns, data)
    args = main.command_parser('compare').parse_args([str(tmp_path / 'a'), str(tmp_path / 'b')])
    assert compare.run(args) == 0, capsys.readouterr().out


def test_every_tick_is_one_period_after_the_last(drives):
    period_ns = round(NS / 24.0)
    for topic in DRIVEN:
        assert list(drives[0][topic]) == [START_NS + k * period_ns for k in range(1, 481)]


@pytest.fixture(scope='module')
def waiting(make_rig):
    rig = make_rig(clock='lockstep', tick_timeout=0.0, rate=10.0)
    rig.subscribe('clock', 'odom', DEPTH, 'diagnostics')
    rig.listen('diagnostics')
    return rig


def test_time_stands_until_a_command_has_come(waiting):
    time.sleep(0.5)
    assert not waiting.got['odom']
    assert set(stamps(waiting, 'clock')) == {START_NS}
    waiting.drive(forward=1.0)
    waiting.wait(lambda: waiting.got[DEPTH])
    time.sleep(0.3)
    assert stamps(waiting, 'odom') == [START_NS + NS // 10]
    assert waiting.got['odom'][0].pose.pose.position.x == pytest.approx(0.1)
    assert clock_ns(waiting) == START_NS + NS // 10


def test_a_command_that_is_no_good_or_too_old_is_no_answer(waiting):
    count = len(waiting.got['odom'])
    waiting.drive(forward=float('nan'))
    waiting.drive(forward=1.0, stamp_ns=START_NS + NS // 20)
    time.sleep(0.4)
    assert len(waiting.got['odom']) == count
    waiting.drive(forward=1.0, stamp_ns=START_NS + NS // 10)
    waiting.wait(lambda: len(waiting.got['odom']) == count + 1)


def test_ticks_that_nobody_answers_go_on_after_a_while_and_are_counted(waiting):
    assert waiting.set_parameter('tick_timeout', 0.05).successful
    count = len(waiting.got['odom'])
    waiting.wait(lambda: len(waiting.got['odom']) > count + 5)
    assert int(waiting.diagnostic('ticks_unanswered', lambda value: int(value) > 4)) > 4
    assert waiting.set_parameter('tick_timeout', 0.0).successful


def test_free_ticks_keep_the_rate_that_they_are_told(waiting):
    assert waiting.set_parameter('tick_rate', 50.0).successful
    assert waiting.set_parameter('tick_on', 'free').successful
    waiting.diagnostic('rate_hz', lambda value: 30.0 < float(value) < 55.0, CALM_S)
    assert set(np.diff(stamps(waiting, 'odom')[-20:])) == {NS // 10}
    assert waiting.set_parameter('tick_on', 'input').successful
    assert waiting.set_parameter('tick_rate', 0.0).successful


def test_free_ticks_come_as_fast_as_they_can(waiting):
    assert waiting.set_parameter('tick_on', 'free').successful
    waiting.diagnostic('rate_hz', lambda value: float(value) > 60.0, CALM_S)
    assert waiting.set_parameter('tick_on', 'input').successful
    for topic in ('clock', 'odom'):
        assert stamps(waiting, topic) == sorted(stamps(waiting, topic))


def test_steps_alone_make_ticks_if_asked(waiting):
    assert waiting.set_parameter('tick_on', 'step').successful
    time.sleep(0.2)
    count = len(waiting.got['odom'])
    waiting.drive(forward=1.0)
    time.sleep(0.3)
    assert len(waiting.got['odom']) == count
    for _ in range(3):
        assert waiting.trigger('step').success
    waiting.wait(lambda: len(waiting.got['odom']) == count + 3)
    assert waiting.set_parameter('tick_on', 'input').successful
    for bad in ('', 'now'):
        assert not waiting.set_parameter('tick_on', bad).successful


def test_reset_begins_again_at_the_first_instant(waiting):
    waiting.set_parameter('tick_on', 'input')
    assert waiting.reset().success
    waiting.wait(lambda: clock_ns(waiting) == START_NS)
    waiting.got.clear()
    waiting.drive(forward=1.0)
    odom = waiting.wait(lambda: waiting.got['odom'] and waiting.got['odom'][0])
    assert stamp_ns_of(odom.header.stamp) == START_NS + NS // 10
    assert odom.pose.pose.position.x == pytest.approx(0.1)
    depth = waiting.wait(lambda: waiting.got[DEPTH] and waiting.got[DEPTH][0])
    assert camera_position(depth)[0] == pytest.approx(1.1)


def test_odometry_answers_ticks_too(make_rig):
    rig = make_rig(clock='lockstep', tick_timeout=0.0, rate=10.0, motion_source='odometry')
    rig.listen('tf_static')
    rig.subscribe(DEPTH)
    rig.wait(lambda: rig.node.count_subscribers(f'{rig.namespace}/{DEPTH}'))
    for k in range(1, 4):
        stamp = messages.time_of(START_NS + (k - 1) * NS // 10)
        message = Odometry(header=messages.header_of(stamp, 'odom'),
                           child_frame_id='base_footprint')
        message.pose.pose.position.x = float(k)
        rig.publish('odom_in', message)
        rig.wait(lambda: len(rig.got[DEPTH]) == k)
        assert camera_position(rig.got[DEPTH][-1])[0] == pytest.approx(1.0 + k)
    time.sleep(0.3)
    assert len(rig.got[DEPTH]) == 3
