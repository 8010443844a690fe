# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The services of simulation_interfaces, where that package is installed."""

import math
from pathlib import Path
import threading

from inspatio_ros.robot.clock import START_NS
from inspatio_ros.robot.messages import stamp_ns_of
import numpy as np
from painted_world import PaintedWorld, SPAWN
import pytest
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rig import camera_position, DEPTH, Rig

srv = pytest.importorskip('simulation_interfaces.srv', reason='not installed')
msg = pytest.importorskip('simulation_interfaces.msg')
OK, UNSUPPORTED = msg.Result.RESULT_OK, msg.Result.RESULT_FEATURE_UNSUPPORTED
NOT_FOUND, FAILED = msg.Result.RESULT_NOT_FOUND, msg.Result.RESULT_OPERATION_FAILED
State = msg.SimulationState


class Simulator(Rig):
    """A node seen as a simulator."""

    def ask(self, name, **request):
        """Call a service by the name of its type."""
        kind = getattr(srv, name)
        snake = ''.join(f'_{c.lower()}' if c.isupper() else c for c in name)[1:]
        return self.call(kind, snake, kind.Request(**request))

    def code(self, name, **request):
        """Call a service; return its result code."""
        return self.ask(name, **request).result.result

    def state(self):
        """Return the state of the simulation."""
        return self.ask('GetSimulationState').state.state

    def go(self, state):
        """Ask for a state; return the result code."""
        return self.code('SetSimulationState', state=State(state=state))


def open_any(request):
    if 'broken' in request.scene:
        raise ValueError('broken/inspatio_scene.json: no such file')
    return PaintedWorld()


@pytest.fixture
def simulator(tmp_path):
    rig = Simulator(world=open_any, clock='lockstep', tick_on='free', tick_rate=30.0, rate=10.0,
                    scenes=[f'garden={tmp_path}/a b', f'{tmp_path}/broken'])
    rig.listen('odom', DEPTH)
    yield rig
    rig.close()


def test_only_what_works_is_listed(simulator):
    f = msg.SimulatorFeatures
    features = set(simulator.ask('GetSimulatorFeatures').features.features)
    assert f.SIMULATION_RESET_TIME in features
    assert not features & {f.SPAWNING, f.DELETING, f.STEP_SIMULATION_ACTION, f.WORLD_UNLOADING}
    other = Simulator()
    try:
        assert f.SIMULATION_RESET_TIME not in other.ask('GetSimulatorFeatures').features.features
        assert other.code('ResetSimulation', scope=1) == UNSUPPORTED
        assert other.code('ResetSimulation', scope=0) == OK
        assert other.code('ResetSimulation', scope=2) == OK
    finally:
        other.close()


def test_the_simulation_plays_pauses_and_stops(simulator):
    already = srv.SetSimulationState.Response.ALREADY_IN_TARGET_STATE
    assert simulator.state() == State.STATE_PLAYING
    assert simulator.go(State.STATE_PLAYING) == already
    assert simulator.go(State.STATE_PAUSED) == OK
    assert simulator.state() == State.STATE_PAUSED
    assert simulator.go(State.STATE_STOPPED) == OK
    assert simulator.state() == State.STATE_STOPPED
    simulator.got.clear()
    assert simulator.go(State.STATE_PLAYING) == OK
    first = simulator.wait(lambda: simulator.got['odom'])[0]
    assert stamp_ns_of(first.header.stamp) == START_NS + 100_000_000
    for other in (State.STATE_QUITTING, State.STATE_NO_WORLD, 77):
        assert simulator.go(other) == UNSUPPORTED


def test_steps_are_exact(simulator):
    assert simulator.code('StepSimulation', steps=1) == FAILED, 'it is not paused'
    assert simulator.go(State.STATE_PAUSED) == OK
    simulator.wait(lambda: len(simulator.got[DEPTH]) == len(simulator.got['odom']))
    count = len(simulator.got[DEPTH])
    assert simulator.code('StepSimulation', steps=5) == OK
    simulator.wait(lambda: len(simulator.got[DEPTH]) == count + 5)
    for bad in (0, 10 ** 6):
        assert simulator.code('StepSimulation', steps=bad) == FAILED


def test_time_and_state_begin_again_together_in_lockstep(simulator):
    assert simulator.go(State.STATE_PAUSED) == OK
    for part in (1, 2):
        assert simulator.code('ResetSimulation', scope=part) == UNSUPPORTED
    for scope in (0, 3, 255):
        assert simulator.code('StepSimulation', steps=2) == OK
        assert simulator.code('ResetSimulation', scope=scope) == OK
        simulator.got.clear()
        assert simulator.code('StepSimulation', steps=1) == OK
        odom = simulator.wait(lambda: simulator.got['odom'])[0]
        assert stamp_ns_of(odom.header.stamp) == START_NS + 100_000_000


def test_the_robot_is_the_one_entity(simulator):
    assert simulator.ask('GetEntities').entities == ['robot']
    filters = msg.EntityFilters(filter='^wall')
    assert simulator.ask('GetEntities', filters=filters).entities == []
    assert simulator.code('GetEntities', filters=msg.EntityFilters(filter='(')) == FAILED
    assert simulator.code('GetEntityState', entity='wall') == NOT_FOUND
    state = simulator.ask('GetEntityState', entity='robot').state
    assert state.header.frame_id == 'map'
    assert (state.pose.position.x, state.pose.position.y) == (SPAWN.x, SPAWN.y)


def placed(x, y, yaw=0.0, w=None):
    state = msg.EntityState()
    state.pose.position.x, state.pose.position.y = x, y
    state.pose.orientation.z = math.sin(yaw / 2.0)
    state.pose.orientation.w = math.cos(yaw / 2.0) if w is None else w
    return state


def test_the_robot_is_put_elsewhere_and_its_velocity_is_told_in_the_map(simulator):
    assert simulator.code('SetEntityState', entity='robot', set_pose=True,
                          state=placed(7.0, 8.0, math.pi / 2.0)) == OK
    simulator.wait(lambda: np.allclose(camera_position(simulator.got[DEPTH][-1])[:2], (7.0, 8.0)))
    simulator.drive(forward=1.0)

    def driving():
        state = simulator.ask('GetEntityState', entity='robot').state
        return state if state.twist.linear.y > 0.5 else None
    state = simulator.wait(driving)
    assert state.twist.linear.x == pytest.approx(0.0, abs=1e-9)
    assert state.twist.linear.y == pytest.approx(1.0)
    assert state.pose.position.y > 7.9


def test_a_place_that_is_none_is_refused(simulator):
    invalid = srv.SetEntityState.Response.INVALID_POSE
    for state in (placed(math.nan, 0.0), placed(0.0, 0.0, w=0.0)):
        assert simulator.code('SetEntityState', entity='robot', set_pose=True,
                              state=state) == invalid
    mars = placed(0.0, 0.0)
    mars.header.frame_id = 'mars'
    assert simulator.code('SetEntityState', entity='robot', set_pose=True, state=mars) == FAILED
    assert simulator.code('SetEntityState', entity='robot', set_twist=True,
                          state=placed(0.0, 0.0)) == UNSUPPORTED
    assert simulator.code('SetEntityState', entity='wall', set_pose=True,
                          state=placed(0.0, 0.0)) == NOT_FOUND


def test_the_start_has_a_name(simulator):
    (pose,) = simulator.ask('GetNamedPoses').poses
    assert (pose.name, pose.pose.position.x) == ('spawn', SPAWN.x)
    tags = msg.TagsFilter(tags=['parking'])
    assert not simulator.ask('GetNamedPoses', tags=tags).poses
    tags = msg.TagsFilter(tags=['parking', 'spawn'])
    assert simulator.ask('GetNamedPoses', tags=tags).poses


def test_worlds_are_listed_and_loaded_and_left_stopped(simulator, tmp_path):
    worlds = {w.name: w.world_resource for w in simulator.ask('GetAvailableWorlds').worlds}
    assert list(worlds) == ['hall', 'garden', 'broken']
    assert Path(tmp_path / 'a b').as_uri() == worlds['garden'].uri
    assert simulator.ask('GetCurrentWorld').world.name == 'hall'
    assert simulator.code('LoadWorld', world_resource=worlds['garden']) == OK
    assert simulator.requests[-1].scene == f'{tmp_path}/a b'
    assert simulator.state() == State.STATE_STOPPED
    current = simulator.ask('GetCurrentWorld').world
    assert (current.name, current.world_resource) == ('garden', worlds['garden'])
    assert simulator.go(State.STATE_PLAYING) == OK
    answers = srv.LoadWorld.Response
    assert simulator.code('LoadWorld', world_resource=worlds['broken']
                          ) == answers.RESOURCE_PARSE_ERROR
    assert simulator.state() == State.STATE_PLAYING, 'the world that was open goes on'
    assert simulator.code('LoadWorld', world_resource=worlds['hall']) == OK
    assert simulator.requests[-1].scene == ''
    for resource, code in ((msg.Resource(), answers.NO_RESOURCE),
                           (msg.Resource(resource_string='<sdf/>'), answers.UNSUPPORTED_FORMAT),
                           (msg.Resource(uri='https://a.b/c'), answers.UNSUPPORTED_FORMAT)):
        assert simulator.code('LoadWorld', world_resource=resource) == code
    assert simulator.code('GetAvailableWorlds', additional_sources=['/x']) == UNSUPPORTED


def test_no_world_is_loaded_while_another_scene_is_opened(simulator):
    go_on = threading.Event()

    def open_in_the_end(request):
        assert go_on.wait(10.0)
        return PaintedWorld()

    worlds = {w.name: w.world_resource for w in simulator.ask('GetAvailableWorlds').worlds}
    simulator.world = open_in_the_end
    request = SetParameters.Request(
        parameters=[Parameter('scene', value='garden').to_parameter_msg()])
    client = simulator.listener.create_client(SetParameters, 'world_node/set_parameters')
    assert client.wait_for_service(timeout_sec=5.0)
    answer = client.call_async(request)
    simulator.wait(lambda: simulator.requests[-1].scene)
    assert simulator.code('LoadWorld', world_resource=worlds['hall']
                          ) == msg.Result.RESULT_INCORRECT_STATE
    assert simulator.state() == State.STATE_PLAYING
    go_on.set()
    simulator.wait(answer.done)
    assert answer.result().results[0].successful
    assert simulator.code('LoadWorld', world_resource=worlds['hall']) == OK


def test_without_a_world_there_is_little_to_do():
    rig = Simulator(start=False)
    try:
        incorrect = msg.Result.RESULT_INCORRECT_STATE
        assert rig.state() == State.STATE_NO_WORLD
        for name in ('StepSimulation', 'ResetSimulation', 'GetNamedPoses', 'LoadWorld',
                     'SetSimulationState'):
            assert rig.code(name) == incorrect, name
        assert rig.code('GetCurrentWorld') == srv.GetCurrentWorld.Response.NO_WORLD_LOADED
        assert rig.code('GetAvailableWorlds') == OK
    finally:
        rig.close()
