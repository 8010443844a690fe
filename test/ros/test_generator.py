# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a generator is told, what is said of it, and that the sensor does not depend on it."""

from dataclasses import replace
import time

from geometry_msgs.msg import PoseStamped
from imagining_world import ImaginingWorld, LOOKAHEAD_S
from inspatio_ros.contracts import GeneratorState
from inspatio_ros.robot.parameters import Imagination
import numpy as np
from painted_world import PaintedWorld
import pytest
from rig import camera_position, COLOR, DEPTH, Rig

STEP_S = 1.0 / 24.0
ERROR = bytes([2])


@pytest.fixture(scope='module')
def rig(make_rig):
    rig = make_rig(world=ImaginingWorld())
    rig.listen(DEPTH, 'diagnostics')
    return rig


def newest(rig):
    """Return (track, stamp_ns, T_map_cam) of a look that begins from now on."""
    count = len(rig.world.expected)
    rig.wait(lambda: len(rig.world.expected) > count + 1, what='a track')
    return rig.world.expected[-1]


def generator_status(rig):
    return next((status for status in rig.got['diagnostics'][-1].status
                 if status.name.endswith(': generator')), None)


def generator_values(rig):
    return {item.key: item.value for item in generator_status(rig).values}


def test_each_look_is_announced_once_by_a_track_that_begins_there(rig):
    rig.reset()
    newest(rig)
    for track, stamp_ns, T_map_cam in list(rig.world.expected)[-5:]:
        assert track.stamps_ns[0] == stamp_ns
        np.testing.assert_allclose(track.T_map_cam[0], T_map_cam, atol=1e-9)
        seconds = (track.stamps_ns - stamp_ns) * 1e-9
        np.testing.assert_allclose(np.diff(seconds), STEP_S, atol=1e-8)
        assert LOOKAHEAD_S <= seconds[-1] < LOOKAHEAD_S + STEP_S


def test_the_track_goes_on_as_the_robot_does(rig):
    rig.reset()
    rig.drive(forward=1.5)
    time.sleep(0.2)
    track, stamp_ns, T_map_cam = newest(rig)
    ahead = track.T_map_cam[:, :3, 3] - T_map_cam[:3, 3]
    seconds = (track.stamps_ns - stamp_ns) * 1e-9
    np.testing.assert_allclose(ahead[:, 0], 1.5 * seconds, atol=1e-6)
    np.testing.assert_allclose(ahead[:, 1:], 0.0, atol=1e-9)
    np.testing.assert_allclose(track.T_map_cam[:, :3, :3],
                               np.broadcast_to(T_map_cam[:3, :3], (len(track.stamps_ns), 3, 3)),
                               atol=1e-9)


def test_the_track_turns_and_lies_where_a_teleport_put_it(rig):
    rig.teleport(4.0, -3.0, yaw=np.pi / 2.0)
    rig.wait(lambda: np.allclose(camera_position(rig.fresh(DEPTH))[:2], (4.0, -3.0)))
    rig.drive(turn=1.0)
    time.sleep(0.2)
    track, stamp_ns, T_map_cam = newest(rig)
    np.testing.assert_allclose(track.T_map_cam[:, :2, 3], [(4.0, -3.0)] * len(track.stamps_ns),
                               atol=1e-9)
    forward = track.T_map_cam[:, :2, 2]  # the optical axis, seen from above
    turned = np.unwrap(np.arctan2(forward[:, 1], forward[:, 0]))
    np.testing.assert_allclose(turned - turned[0], (track.stamps_ns - stamp_ns) * 1e-9, atol=1e-6)


def test_a_robot_driven_by_poses_is_predicted_from_its_velocity(make_rig):
    rig = make_rig(world=ImaginingWorld(), motion_source='pose')
    rig.subscribe(DEPTH)
    begin_ns = rig.now_ns()
    while not (len(rig.world.expected) > 20 and rig.now_ns() > begin_ns + 1_000_000_000):
        assert rig.now_ns() < begin_ns + 8_000_000_000
        message = PoseStamped()
        message.header.frame_id = 'map'
        now_ns = rig.now_ns()
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(now_ns, 10 ** 9)
        message.pose.position.x = 2.0 * (now_ns - begin_ns) * 1e-9
        message.pose.orientation.w = 1.0
        rig.publish('pose', message)
        time.sleep(0.02)
    track, stamp_ns, T_map_cam = rig.world.expected[-1]
    assert track.stamps_ns[0] == stamp_ns
    way = track.T_map_cam[-1, 0, 3] - T_map_cam[0, 3]
    assert way == pytest.approx(2.0 * (track.stamps_ns[-1] - stamp_ns) * 1e-9, rel=0.05)


def test_a_generator_that_wants_no_track_and_one_that_nobody_watches_get_none(make_rig):
    rig = make_rig(world=ImaginingWorld())
    rig.listen('odom')
    rig.fresh('odom')
    assert not rig.world.tracks and not rig.world.expected
    rig.world.generator = replace(rig.world.generator, lookahead_s=0.0)
    rig.listen(DEPTH)
    rig.fresh(DEPTH)
    assert not rig.world.tracks and not rig.world.expected


def test_what_the_generator_does_reaches_diagnostics(rig):
    rig.world.generator = replace(rig.world.generator, state=GeneratorState.PAINTING, blocks=3,
                                  frames=33, latency_s=0.25, flushed=1)
    rig.wait(lambda: generator_values(rig)['blocks'] == '3')
    values, status = generator_values(rig), generator_status(rig)
    assert status.level == bytes([0]) and status.message == 'painting'
    assert values['latency_ms'] == '250.0' and values['size'] == '832x480'
    assert (values['frames'], values['failures'], values['flushed']) == ('33', '0', '1')
    assert float(values['lookahead_ms']) == LOOKAHEAD_S * 1e3
    assert rig.got['diagnostics'][-1].status[0].name.endswith(': sensor')


def test_a_failing_generator_is_an_error_and_the_sensor_goes_on(rig):
    rig.world.fail('ArithmeticError: NaN in block 4')
    rig.wait(lambda: generator_status(rig).level == ERROR)
    assert generator_status(rig).message == 'ArithmeticError: NaN in block 4'
    assert generator_values(rig)['state'] == 'failed'
    assert generator_values(rig)['failures'] == '1'
    count = len(rig.got[DEPTH])
    time.sleep(1.0)
    assert len(rig.got[DEPTH]) - count > 12
    assert rig.got['diagnostics'][-1].status[0].level != ERROR
    rig.world.generator = replace(rig.world.generator, state=GeneratorState.WAITING, reason='')
    rig.wait(lambda: generator_status(rig).level == bytes([0]))


def test_without_a_generator_nothing_is_said_of_one(make_rig):
    rig = make_rig(world=PaintedWorld())
    rig.listen(DEPTH, 'diagnostics')
    rig.diagnostic('ticks', lambda value: int(value) > 0)
    assert generator_status(rig) is None


def test_the_request_carries_every_setting(make_rig):
    asked = {'generator': 'star', 'weights_dir': '/weights', 'precision': 'fp8', 'compile': False,
             'block_latents': 2, 'generator_width': 640, 'generator_height': 384,
             'prompt': 'a hall', 'seed': 7, 'lockstep': True}
    rig = make_rig(start=False, **asked)
    assert rig.node.start()
    assert rig.requests[0].imagination == Imagination(**asked)


@pytest.mark.parametrize('name, value, words', [
    ('generator', 'none', 'unconfigured'), ('generator', 'magic', 'one of none, star'),
    ('precision', 'int8', 'one of bf16, fp8, fp32'), ('block_latents', -1, 'Min: 0'),
    ('generator_width', 100, 'step'), ('generator_height', 16, 'at least 64'),
    ('generator_height', -16, 'Min: 0'),
    ('seed', -1, 'Min: 0'), ('lockstep', 'yes', 'type'), ('compile', 1, 'type'),
    ('weights_dir', '/elsewhere', 'unconfigured')])
def test_a_bad_setting_is_refused_with_its_reason(rig, name, value, words):
    before = rig.node.get_parameter(name).value
    answer = rig.set_parameter(name, value)
    assert not answer.successful
    assert words.lower() in answer.reason.lower(), answer.reason
    assert rig.node.get_parameter(name).value == before


def test_a_frame_that_waits_for_ever_does_not_keep_the_node():
    rig = Rig(world=ImaginingWorld(), lockstep=True)
    try:
        rig.listen(COLOR)
        rig.world.delay_s = 6.0
        rig.wait(lambda: rig.world.making_s, what='a slow frame')
        answer = rig.set_parameter('rate', 12.0)
        assert not answer.successful and 'takes long' in answer.reason
        assert rig.node.get_parameter('rate').value == 24.0
        begin = time.monotonic()
        rig.node.release()
        assert time.monotonic() - begin < 2.0
        assert rig.world.closed
        rig.world.delay_s = 0.0
    finally:
        rig.close()
