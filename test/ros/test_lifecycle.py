# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Transitions, over the services that a lifecycle manager calls, and clocks that jump."""

import time

from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
import pytest
from rclpy.qos import DurabilityPolicy, QoSProfile
from rig import COLOR, DEPTH, Rig
from rosgraph_msgs.msg import Clock


@pytest.fixture
def rig():
    rig = Rig(start=False)
    yield rig
    rig.close()


def change(rig, transition):
    request = ChangeState.Request(transition=Transition(id=transition))
    return rig.call(ChangeState, 'world_node/change_state', request).success


def state(rig):
    return rig.call(GetState, 'world_node/get_state', GetState.Request()).current_state.id


def test_a_manager_drives_the_node_around_the_circle(rig):
    assert state(rig) == State.PRIMARY_STATE_UNCONFIGURED
    assert not rig.reset().success
    for _ in range(2):
        assert change(rig, Transition.TRANSITION_CONFIGURE)
        assert not rig.world.closed
        assert not rig.got[COLOR]
        assert change(rig, Transition.TRANSITION_ACTIVATE)
        rig.listen(COLOR, 'tf_static')
        assert change(rig, Transition.TRANSITION_DEACTIVATE)
        time.sleep(0.2)
        count = len(rig.got[COLOR])
        time.sleep(0.3)
        assert len(rig.got[COLOR]) == count, 'published while inactive'
        assert change(rig, Transition.TRANSITION_CLEANUP)
        assert rig.world.closed
        assert not rig.node.get_publishers_info_by_topic(f'{rig.namespace}/{COLOR}')
        rig.got.clear()
    assert change(rig, Transition.TRANSITION_UNCONFIGURED_SHUTDOWN)
    assert state(rig) == State.PRIMARY_STATE_FINALIZED


@pytest.mark.parametrize('error', [
    ValueError('hall/scene.json: fps must be > 0, got -1'), OSError('disk'), KeyError('bug')])
def test_a_world_that_does_not_open_fails_configure_and_leaves_the_node_alive(rig, error):
    rig.listen('diagnostics')
    good, rig.world = rig.world, error
    assert not change(rig, Transition.TRANSITION_CONFIGURE)
    assert state(rig) == State.PRIMARY_STATE_UNCONFIGURED
    rig.wait(lambda: str(error) in rig.got['diagnostics'][-1].status[0].message)
    assert rig.got['diagnostics'][-1].status[0].level == bytes([2])
    rig.world = good
    assert change(rig, Transition.TRANSITION_CONFIGURE)
    assert state(rig) == State.PRIMARY_STATE_INACTIVE


def test_a_world_that_fails_to_render_is_closed_again(rig):
    rig.world.fail_with = ValueError('no view')
    assert not change(rig, Transition.TRANSITION_CONFIGURE)
    assert rig.world.closed


def test_what_the_world_is_opened_with_changes_between_cleanup_and_configure_only(rig):
    assert change(rig, Transition.TRANSITION_CONFIGURE)
    answer = rig.set_parameter('render.max_views', 2)
    assert not answer.successful and 'unconfigured' in answer.reason
    assert change(rig, Transition.TRANSITION_CLEANUP)
    assert rig.set_parameter('render.max_views', 2).successful
    assert rig.set_parameter('scene', '/another').successful
    assert change(rig, Transition.TRANSITION_CONFIGURE)
    assert [(request.scene, request.max_views) for request in rig.requests] == [
        ('', 8), ('/another', 2)]


class SimulatedTime:
    """Publish /clock as a simulator does, ten times as fast as the wall."""

    def __init__(self, rig):
        self._rig = rig
        self._publisher = rig.listener.create_publisher(Clock, '/clock', QoSProfile(
            depth=10, durability=DurabilityPolicy.VOLATILE))

    def run(self, first_s, seconds):
        for k in range(round(seconds * 50)):
            message = Clock()
            ns = round((first_s + k * 0.02) * 1e9)
            message.clock.sec, message.clock.nanosec = divmod(ns, 10 ** 9)
            self._publisher.publish(message)
            time.sleep(0.004)


def test_simulated_time_is_honoured_and_may_jump_back():
    rig = Rig(use_sim_time=True)
    try:
        clock = SimulatedTime(rig)
        rig.subscribe(DEPTH)
        rig.wait(lambda: clock.run(100.0, 0.2) or rig.node.count_subscribers(
            f'{rig.namespace}/{DEPTH}'))
        rig.wait(lambda: clock.run(100.2, 2.0) or len(rig.order) > 5)
        assert all(100.0 <= stamp * 1e-9 < 103.0 for _, stamp in rig.order)
        resets = rig.world.resets
        rig.order.clear()
        clock.run(10.0, 3.0)
        rig.wait(lambda: rig.order)
        assert all(stamp * 1e-9 < 14.0 for _, stamp in rig.order[1:])
        assert rig.world.resets == resets + 1, 'cleared once'
    finally:
        rig.close()
