# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pause, resume, step and save_view, whatever clock the world lives by."""

import json
from pathlib import Path
import time

from inspatio_ros.robot.clock import START_NS
from inspatio_ros.robot.messages import stamp_ns_of
import numpy as np
from painted_world import PaintedWorld
import pytest
from rig import camera_position, COLOR, DEPTH, Rig

NS = 1_000_000_000
PERIOD_NS = NS // 10
CLOCKS = ('wall', 'scaled', 'lockstep')


@pytest.fixture(scope='module', params=CLOCKS)
def rig(request, make_rig, tmp_path_factory):
    rig = make_rig(clock=request.param, speed_factor=2.0, tick_on='free', tick_rate=10.0,
                   rate=10.0, save_dir=str(tmp_path_factory.mktemp('seen') / 'views'))
    rig.mode = request.param
    rig.listen('odom', DEPTH, 'diagnostics')
    if rig.mode != 'wall':
        rig.listen('clock')
    return rig


@pytest.fixture
def paused(rig):
    """Return the rig with the robot at its start, paused, and nothing on its way."""
    assert rig.reset().success
    assert rig.trigger('pause').success
    time.sleep(0.3)
    yield rig
    rig.trigger('resume')


def x_of(message):
    return message.pose.pose.position.x


def quiet(rig, seconds=0.5):
    """Return whether nothing is published for a while."""
    count = len(rig.got['odom']), len(rig.got[DEPTH])
    time.sleep(seconds)
    return count == (len(rig.got['odom']), len(rig.got[DEPTH]))


def test_nothing_moves_while_paused_and_all_goes_on_after(paused):
    assert quiet(paused)
    if paused.mode != 'wall':
        told = [stamp_ns_of(message.clock) for message in paused.got['clock'][-3:]]
        assert len(set(told)) == 1, '/clock stands'
    count = len(paused.got[DEPTH])
    assert paused.trigger('resume').success
    paused.wait(lambda: len(paused.got[DEPTH]) > count + 3)


def test_a_step_is_one_tick_and_moves_the_robot_by_one_period(paused):
    paused.drive(forward=1.0)
    time.sleep(0.2)
    assert quiet(paused, 0.2), 'a command moves no time'
    odom, depth = len(paused.got['odom']), len(paused.got[DEPTH])
    for k in range(1, 6):
        answer = paused.trigger('step')
        assert answer.success, answer.message
        paused.wait(lambda: len(paused.got[DEPTH]) == depth + k)
        newest = paused.wait(lambda: paused.got['odom'][odom + k - 1:])[-1].header.stamp
        assert f'{stamp_ns_of(newest) * 1e-9:.9f}' in answer.message
        assert paused.got[DEPTH][-1].header.stamp == newest
    assert quiet(paused), 'one tick for each step, and no more'
    assert len(paused.got['odom']) == odom + 5
    moved = [x_of(message) for message in paused.got['odom'][odom:]]
    np.testing.assert_allclose(moved, np.arange(1, 6) * 0.1, atol=1e-9)


def test_a_pause_does_not_count_for_the_motion(paused):
    paused.drive(forward=1.0)
    time.sleep(1.3)  # longer than a command holds
    count = len(paused.got['odom'])
    assert paused.trigger('resume').success
    paused.wait(lambda: len(paused.got['odom']) > count + 15)
    moved = [x_of(message) for message in paused.got['odom'][count:]]
    assert max(np.diff(moved)) < 0.25, 'no jump'
    paused.wait(lambda: paused.got['odom'][-1].twist.twist.linear.x == 0.0)
    time.sleep(0.3)
    assert x_of(paused.got['odom'][-1]) - moved[0] <= 1.0 + 1e-6
    assert x_of(paused.got['odom'][-1]) - moved[0] > 0.7


def test_the_newest_of_what_came_in_a_pause_counts(paused):
    for speed in (5.0, -5.0, 1.0):
        paused.drive(forward=speed)
        time.sleep(0.1)
    count = len(paused.got['odom'])
    assert paused.trigger('step').success
    odom = paused.wait(lambda: paused.got['odom'][count:])[0]
    assert odom.twist.twist.linear.x == 1.0
    assert x_of(odom) == pytest.approx(0.1)


def test_stamps_go_on_after_a_pause(paused):
    before_ns = stamp_ns_of(paused.got['odom'][-1].header.stamp)
    count = len(paused.got['odom'])
    time.sleep(1.0)
    skipped = paused.node._health.drop_counts().get('tick_skipped', 0)
    assert paused.trigger('resume').success
    after_ns = stamp_ns_of(paused.wait(lambda: paused.got['odom'][count:])[0].header.stamp)
    if paused.mode == 'wall':
        assert after_ns - before_ns > NS // 2, 'the wall did not stop'
        assert abs(after_ns - paused.now_ns()) < NS
    else:
        assert 0 < after_ns - before_ns < 6 * PERIOD_NS
    assert paused.node._health.drop_counts().get('tick_skipped', 0) - skipped < 5, (
        'a pause leaves no ticks out')


def test_a_place_that_is_chosen_in_a_pause_is_what_the_step_shows(paused):
    paused.teleport(7.0, 3.0)
    time.sleep(0.3)
    assert quiet(paused, 0.2)
    count = len(paused.got[DEPTH])
    assert paused.trigger('step').success
    depth = paused.wait(lambda: paused.got[DEPTH][count:])[0]
    np.testing.assert_allclose(camera_position(depth)[:2], (7.0, 3.0), atol=1e-6)


def test_reset_in_a_pause_shows_with_the_next_step(paused):
    assert paused.reset().success
    assert quiet(paused, 0.2)
    count = len(paused.got[DEPTH])
    assert paused.trigger('step').success
    depth = paused.wait(lambda: paused.got[DEPTH][count:])[0]
    np.testing.assert_allclose(camera_position(depth)[:2], (1.0, 2.0), atol=1e-6)
    if paused.mode == 'lockstep':
        assert stamp_ns_of(depth.header.stamp) == START_NS + PERIOD_NS


def test_parameters_change_in_a_pause(paused):
    assert paused.set_parameter('mount.x', 0.5).successful
    assert quiet(paused, 0.2)
    count = len(paused.got[DEPTH])
    assert paused.trigger('step').success
    depth = paused.wait(lambda: paused.got[DEPTH][count:])[0]
    assert camera_position(depth)[0] == pytest.approx(1.5)
    assert paused.set_parameter('mount.x', 0.0).successful


def test_pause_and_resume_may_be_said_twice(paused):
    assert 'already' in paused.trigger('pause').message
    assert paused.trigger('resume').success
    assert paused.trigger('resume').message == 'was not paused'


def test_a_step_needs_a_pause(rig):
    answer = rig.trigger('step')
    assert not answer.success and 'pause' in answer.message


def test_diagnostics_tell_of_the_pause(paused):
    paused.diagnostic('state', lambda value: value == 'paused')
    assert paused.got['diagnostics'][-1].status[0].level == bytes([0])
    assert paused.trigger('resume').success
    paused.diagnostic('state', lambda value: value == 'active')


def test_a_step_that_fails_says_why_and_the_next_one_works(paused):
    paused.world.fail_with = RuntimeError('the lamp broke')
    answer = paused.trigger('step')
    assert not answer.success and 'the lamp broke' in answer.message
    count = len(paused.got[DEPTH])
    assert paused.trigger('step').success
    paused.wait(lambda: len(paused.got[DEPTH]) == count + 1)


def test_a_view_is_saved_of_what_is_seen_now(paused):
    paused.teleport(4.0, 5.0)
    time.sleep(0.3)
    answer = paused.trigger('save_view')
    assert answer.success, answer.message
    folder = Path(answer.message)
    assert folder.parent == Path(paused.node.get_parameter('save_dir').value)
    np.testing.assert_allclose(np.load(folder / 'depth_1.npy').ravel()[:2], (4.0, 5.0))
    assert json.loads((folder / 'pose.json').read_text())['T_map_base'][0][3] == 4.0
    assert quiet(paused, 0.2), 'nothing is published for it'


def test_a_view_is_saved_while_the_robot_drives(rig):
    answer = rig.trigger('save_view')
    assert answer.success
    assert (Path(answer.message) / 'color_1.png').exists()


def test_the_folder_is_chosen_by_who_starts_the_node(rig):
    answer = rig.set_parameter('save_dir', '/tmp')
    assert not answer.successful and 'read-only' in answer.reason


def test_services_say_what_is_missing_before_there_is_a_world():
    rig = Rig(start=False)
    try:
        for name in ('pause', 'resume', 'step', 'save_view', 'reset'):
            answer = rig.trigger(name)
            assert not answer.success
            assert answer.message == 'the node is unconfigured'
        rig.node.trigger_configure()
        for name in ('pause', 'resume', 'step'):
            assert rig.trigger(name).message == 'the node is inactive'
        assert rig.reset().success
    finally:
        rig.close()


def test_a_folder_that_cannot_be_written_is_an_answer_not_an_end(tmp_path):
    (tmp_path / 'file').write_text('')
    rig = Rig(save_dir=str(tmp_path / 'file' / 'views'))
    try:
        answer = rig.trigger('save_view')
        assert not answer.success and 'file' in answer.message
        rig.listen(COLOR)
    finally:
        rig.close()


def test_nothing_is_saved_where_the_robot_is_lost(tmp_path):
    rig = Rig(save_dir=str(tmp_path), motion_source='pose')
    try:
        assert rig.trigger('save_view').message == 'the pose of the robot is unknown'
        assert rig.trigger('pause').success
        assert rig.trigger('step').message == 'the pose of the robot is unknown'
        assert not list(tmp_path.iterdir())
    finally:
        rig.close()


def test_a_pause_waits_for_the_frame_in_the_making_but_not_for_ever():
    rig = Rig(world=PaintedWorld(delay_s=0.2))
    try:
        rig.listen(DEPTH)
        assert rig.trigger('pause').success
        assert quiet(rig)
        assert rig.trigger('resume').success
        rig.world.delay_s = 2.5
        rig.wait(lambda: rig.world.making_s == 2.5, what='a slow frame')
        assert 'takes long' in rig.trigger('pause').message
        rig.world.delay_s = 0.0
    finally:
        rig.close()


def test_a_node_that_is_activated_again_is_not_paused():
    rig = Rig(clock='scaled')
    try:
        rig.listen('odom', 'clock')
        assert rig.trigger('pause').success
        rig.node.trigger_deactivate()
        time.sleep(0.2)  # what is on its way
        told_ns = stamp_ns_of(rig.got['clock'][-1].clock)
        time.sleep(0.5)
        assert stamp_ns_of(rig.got['clock'][-1].clock) == told_ns, 'time stands while inactive'
        rig.node.trigger_activate()
        count = len(rig.got['odom'])
        rig.wait(lambda: len(rig.got['odom']) > count + 3)
        assert 0 <= stamp_ns_of(rig.got['odom'][count].header.stamp) - told_ns < NS
    finally:
        rig.close()
