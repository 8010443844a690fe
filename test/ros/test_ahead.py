# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Frames that are begun before their stamp."""

import time

from inspatio_ros.robot.messages import stamp_ns_of
import numpy as np
from painted_world import PaintedWorld
import pytest
from rclpy.duration import Duration
from rig import camera_position, COLOR, COLOR_INFO, DEPTH
from tf2_msgs.msg import TFMessage

RENDER_S = 0.02


@pytest.fixture(scope='module')
def rig(make_rig):
    rig = make_rig(world=PaintedWorld(delay_s=RENDER_S))
    rig.listen('tf', COLOR, DEPTH)
    time.sleep(1.0)  # until the node knows how long its frames take
    return rig


def latencies_ms(rig, seconds=1.5):
    """Return stamp-to-arrival times of colour images."""
    arrivals = []

    def note(message):
        arrivals.append((rig.now_ns() - stamp_ns_of(message.header.stamp)) * 1e-6)

    subscription = rig.listener.create_subscription(type(rig.got[COLOR][0]), COLOR, note, 10)
    time.sleep(seconds)
    rig.in_thread_of(rig.listener, rig.listener.destroy_subscription, subscription)
    return np.array(arrivals[2:])


def test_pictures_arrive_soon_after_their_stamp_and_never_before(rig):
    ahead = latencies_ms(rig)
    assert rig.set_parameter('render.ahead', False).successful
    now = latencies_ms(rig)
    assert rig.set_parameter('render.ahead', True).successful
    assert ahead.min() >= 0.0
    assert now.min() >= RENDER_S * 1e3
    # Of the quick ones: how late the others are says how busy the machine is.
    assert np.percentile(ahead, 10) < 0.7 * np.percentile(now, 10)


def test_the_pose_is_still_that_of_the_stamp(rig):
    rig.drive(forward=1.0)
    time.sleep(0.3)
    for _ in range(3):
        depth = rig.fresh(DEPTH)
        stamp = stamp_ns_of(depth.header.stamp)
        tf = rig.wait(lambda: next(  # noqa: B023
            (m for m in rig.got['tf'] if stamp_ns_of(m.transforms[0].header.stamp) == stamp),
            None), what='TF of the same stamp')
        moves = {t.child_frame_id: t.transform.translation for t in tf.transforms}
        x = moves['odom'].x + moves['base_footprint'].x  # both unrotated
        assert camera_position(depth)[0] == pytest.approx(x, abs=1e-5)
    rig.drive()


@pytest.mark.parametrize('ahead', [False, True])
def test_a_teleport_is_never_followed_by_the_old_place(rig, monkeypatch, ahead):
    assert rig.set_parameter('render.ahead', ahead).successful
    observe, loop, goals, moved_ns = rig.world.observe, rig.node._opened.loop, [], []

    def interrupted(stamp_ns, *args, **kwargs):
        if goals:
            rig.teleport(goals.pop(), 0.0)
            rig.wait(lambda: loop._ticks.forgets)
            moved_ns.append(stamp_ns)
        return observe(stamp_ns, *args, **kwargs)

    monkeypatch.setattr(rig.world, 'observe', interrupted)
    for x in (5.0, -5.0, 7.0):
        seen = len(rig.got[DEPTH])
        moved_ns.clear()
        goals.append(x)
        rig.wait(lambda: moved_ns)
        rig.fresh(DEPTH, moved_ns[0] + 100_000_000)
        later = [m for m in rig.got[DEPTH][seen:] if stamp_ns_of(m.header.stamp) >= moved_ns[0]]
        assert {round(camera_position(m)[0], 4) for m in later} == {x}


def test_a_clock_that_steps_back_stops_no_picture(rig, monkeypatch):
    clock, back_s = rig.node.get_clock(), []
    now, observe = clock.now, rig.world.observe

    def step_back(*args, **kwargs):
        back_s[:] = [5]
        return observe(*args, **kwargs)

    monkeypatch.setattr(clock, 'now', lambda: now() - Duration(seconds=sum(back_s)))
    monkeypatch.setattr(rig.world, 'observe', step_back)
    rig.wait(lambda: back_s)
    seen = len(rig.got[DEPTH])
    rig.wait(lambda: len(rig.got[DEPTH]) > seen + 5, timeout_s=2.5, what='pictures')


def test_a_robot_that_sees_nothing_stays_in_tf(rig, monkeypatch):
    assert rig.set_parameter('render.ahead', True).successful
    rig.listen('odom', COLOR_INFO)
    failed_ns, arrivals_ns = [], []

    def fail(stamp_ns, *args, **kwargs):
        failed_ns.append(stamp_ns)
        raise RuntimeError('the lamp broke')

    def stamps(topic):
        messages = rig.got[topic][:]
        return {stamp_ns_of((m.transforms[0] if topic == 'tf' else m).header.stamp)
                for m in messages}

    subscription = rig.listener.create_subscription(
        TFMessage, 'tf', lambda m: arrivals_ns.append(
            (stamp_ns_of(m.transforms[0].header.stamp), rig.now_ns())), 10)
    monkeypatch.setattr(rig.world, 'observe', fail)
    rig.wait(lambda: len(failed_ns) > 5)
    assert rig.node._loop()._ticks.lead_ns() > 0, 'frames are begun ahead'
    some = set(failed_ns[1:6])
    for topic in ('tf', 'odom', COLOR_INFO):
        rig.wait(lambda topic=topic: some <= stamps(topic), what=f'{topic} of frames that failed')
    assert not some & stamps(COLOR)
    assert all(came_ns >= stamp_ns for stamp_ns, came_ns in arrivals_ns if stamp_ns in some)
    monkeypatch.undo()
    rig.in_thread_of(rig.listener, rig.listener.destroy_subscription, subscription)
    rig.fresh(DEPTH)


def test_a_command_during_a_slow_frame_is_no_clock_that_fell_back(make_rig):
    slow = make_rig(rate=1.0, world=PaintedWorld(delay_s=0.7))
    slow.listen(DEPTH)  # one frame: the node knows how long they take
    for _ in range(60):
        slow.drive(forward=0.1)
        time.sleep(0.04)
    assert slow.node._loop().robots[0].source.clock_jumps() == 0
