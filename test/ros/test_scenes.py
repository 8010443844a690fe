# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Another scene while the node runs: shown at once, refused with a reason, nothing left behind."""

from dataclasses import replace
import os
import subprocess
import sys
import threading
import time

from inspatio_ros.cli.world import open_world
from inspatio_ros.robot.messages import stamp_ns_of
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
import numpy as np
from painted_world import CAMERA, PaintedWorld, SPAWN
import pytest
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rig import camera_position, COLOR, COLOR_INFO, DEPTH, Rig

NAMES = ('here=/places/one', '/places/two')
WIDE = replace(CAMERA, width=96)


class Place(PaintedWorld):
    """A painted world with a start and a camera of its own."""

    def __init__(self, x=SPAWN.x, camera=CAMERA, height=0.5):
        super().__init__()
        self._spawn, self._camera = replace(SPAWN, x=x, camera_height=height), camera

    @property
    def spawn(self):
        """Return where a robot starts here."""
        return self._spawn

    @property
    def intrinsics(self):
        """Return the camera of here."""
        return self._camera


class Places:
    """Opens a new place each time, and remembers them."""

    def __init__(self):
        self.opened = []

    def __call__(self, request):
        if request.scene == '/broken':
            raise ValueError('/broken/inspatio_scene.json: fps must be > 0, got -1')
        if request.scene == '/unreadable':
            raise ModuleNotFoundError("No module named 'av'")
        place = {'/places/two': lambda: Place(20.0, WIDE, 1.5)}.get(request.scene, Place)()
        self.opened.append(place)
        return place


@pytest.fixture
def rig():
    rig = Rig(world=Places(), scenes=list(NAMES), clock='lockstep', tick_on='free',
              tick_rate=40.0)
    rig.listen(COLOR, DEPTH, COLOR_INFO, 'odom', 'tf_static', 'diagnostics')
    yield rig
    rig.close()


def x_of_camera(rig, count):
    """Return where the camera was in each picture from this one on."""
    rig.wait(lambda: len(rig.got[DEPTH]) > count + 3)
    return [camera_position(message)[0] for message in rig.got[DEPTH][count:]]


def test_the_next_frame_shows_the_new_place_and_the_old_one_is_freed(rig):
    rig.drive(forward=1.0)
    rig.wait(lambda: rig.got['odom'][-1].pose.pose.position.x > 0.05)
    count = len(rig.got[DEPTH])
    assert rig.set_parameter('scene', 'two').successful
    x = x_of_camera(rig, count)
    first = next(k for k, at in enumerate(x) if at > 10.0)
    assert all(at < 10.0 for at in x[:first]), 'old pictures until the new one'
    np.testing.assert_allclose(x[first:], 20.0, atol=1e-6)
    old, new = rig.world.opened
    assert old.closed and not new.closed
    info, image = rig.got[COLOR_INFO][-1], rig.got[COLOR][-1]
    assert info.width == image.width == 96
    rig.wait(lambda: rig.got['tf_static'][-1].transforms[0].transform.translation.z == 1.5)
    rig.wait(lambda: rig.got['odom'][-1].pose.pose.position.x == 0.0)
    stamps = [stamp_ns_of(message.header.stamp) for message in rig.got['odom']]
    assert len(set(np.diff(stamps))) == 1, 'no tick was lost'
    rig.wait(lambda: rig.got['diagnostics'][-1].status[0].hardware_id == 'two')


@pytest.fixture
def slow(request):
    """Return a rig that opens scenes in 1.5 s; its clock may be a parameter."""
    places = Places()

    def open_slowly(scene):
        place = places(scene)
        time.sleep(1.5 if len(places.opened) > 1 else 0.0)
        return place

    rig = Rig(world=open_slowly, scenes=[*NAMES, 'bad=/broken'],
              clock=getattr(request, 'param', 'wall'),
              tick_on='free', tick_rate=24.0, speed_factor=1.0)
    rig.places = places.opened
    rig.listen(DEPTH, 'odom', 'diagnostics')
    yield rig
    rig.close()


def meanwhile(rig, name, value):
    """Ask for a parameter and return the answer to come."""
    request = SetParameters.Request()
    request.parameters = [Parameter(name, value=value).to_parameter_msg()]
    client = rig.listener.create_client(SetParameters, 'world_node/set_parameters')
    assert client.wait_for_service(timeout_sec=5.0)
    return client.call_async(request)


@pytest.mark.parametrize('slow', ['wall', 'scaled', 'lockstep'], indirect=True)
def test_all_goes_on_while_a_scene_is_opened(slow):
    rig = slow
    answer = meanwhile(rig, 'scene', 'two')
    rig.wait(lambda: len(rig.places) == 2)
    count = len(rig.got[DEPTH])
    rig.drive(forward=1.0)
    rig.wait(lambda: rig.got['odom'][-1].pose.pose.position.x > 0.2, what='a command that acts')
    assert rig.describe('rate')[0].name == 'rate'
    assert not answer.done(), 'it took longer to answer than to open'
    assert len(rig.got[DEPTH]) > count + 1, 'one may have been on its way'
    assert camera_position(rig.got[DEPTH][-1])[0] < 5.0, 'still the old place'
    rig.wait(answer.done)
    assert answer.result().results[0].successful
    rig.wait(lambda: camera_position(rig.got[DEPTH][-1])[0] == pytest.approx(20.0))
    assert rig.places[0].closed and not rig.places[1].closed


def test_changes_are_answered_one_after_the_other(slow):
    first, second = meanwhile(slow, 'scene', 'two'), meanwhile(slow, 'scene', 'here')
    bad, rate = meanwhile(slow, 'scene', 'bad'), meanwhile(slow, 'rate', 12.0)
    slow.wait(lambda: all(it.done() for it in (first, second, bad, rate)))
    results = [it.result().results[0] for it in (first, second, bad, rate)]
    assert [it.successful for it in results] == [True, True, False, True]
    assert 'fps must be > 0' in results[2].reason
    assert [place.closed for place in slow.places] == [True, True, False]


def test_a_node_that_is_cleaned_up_meanwhile_holds_no_world(slow):
    answer = meanwhile(slow, 'scene', 'two')
    slow.wait(lambda: len(slow.places) == 2)
    for transition in (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP):
        request = ChangeState.Request(transition=Transition(id=transition))
        assert slow.call(ChangeState, 'world_node/change_state', request).success
    assert not answer.done()
    slow.wait(answer.done)
    assert answer.result().results[0].successful, 'the next one that is opened'
    slow.wait(lambda: all(place.closed for place in slow.places))


def test_a_scene_asked_for_in_this_process_does_not_overtake_one_that_is_opened(slow):
    answer = meanwhile(slow, 'scene', 'two')
    slow.wait(lambda: len(slow.places) == 2)
    other = slow.in_thread_of(slow.node, slow.node.set_parameters_atomically,
                              [Parameter('scene', value='here')])
    assert not other.successful and 'another scene is being opened' in other.reason
    assert len(slow.places) == 2, 'it was not opened'
    slow.wait(answer.done)
    assert answer.result().results[0].successful
    assert slow.node.get_parameter('scene').value == 'two'


def test_a_scene_that_is_there_after_the_node_is_gone_is_closed_in_silence(monkeypatch):
    errors, go_on, places = [], threading.Event(), []
    monkeypatch.setattr(threading, 'excepthook', errors.append)

    def open_in_the_end(request):
        places.append(Place())
        if len(places) > 1:
            assert go_on.wait(10.0)
        return places[-1]

    rig = Rig(world=open_in_the_end, scenes=list(NAMES))
    meanwhile(rig, 'scene', 'two')
    rig.wait(lambda: len(places) == 2)
    opening, = (it for it in threading.enumerate() if it.name == 'opening')
    rig.close()
    go_on.set()
    opening.join(5.0)
    assert not opening.is_alive()
    assert places[1].closed and not errors


def test_a_scene_is_changed_by_name_by_folder_and_back(rig):
    for scene, folder in (('here', '/places/one'), ('/elsewhere', None), ('', ''),
                          ('two', '/places/two')):
        if folder is None:
            assert not rig.set_parameter('scene', scene).successful
            continue
        assert rig.set_parameter('scene', scene).successful
        assert rig.requests[-1].scene == folder


def test_the_same_place_by_another_name_is_not_opened_again(rig):
    assert rig.set_parameter('scene', 'here').successful
    opened = len(rig.requests)
    assert rig.set_parameter('scene', '/places/one').successful
    assert rig.set_parameter('scene', 'here').successful
    assert len(rig.requests) == opened


@pytest.mark.parametrize('scenes, scene, words', [
    (None, 'tow', 'did you mean two?'), (['bad=/broken'], 'bad', 'fps must be > 0'),
    (['bad=/unreadable'], 'bad', "No module named 'av'")])
def test_a_scene_that_cannot_be_opened_is_refused_and_the_old_one_goes_on(
        rig, scenes, scene, words):
    if scenes:
        assert rig.set_parameter('scenes', scenes).successful
    answer = rig.set_parameter('scene', scene)
    assert not answer.successful and words in answer.reason
    assert rig.node.get_parameter('scene').value == ''
    np.testing.assert_allclose(x_of_camera(rig, len(rig.got[DEPTH])), 1.0, atol=1e-6)
    assert not rig.world.opened[0].closed


def test_a_place_that_fails_to_render_is_closed_and_the_old_one_goes_on(rig):
    broken = Place(20.0)
    broken.fail_with = ValueError('no view')
    rig.world = lambda request: broken
    answer = rig.set_parameter('scene', 'two')
    assert not answer.successful and 'no view' in answer.reason
    assert broken.closed
    np.testing.assert_allclose(x_of_camera(rig, len(rig.got[DEPTH])), 1.0, atol=1e-6)


@pytest.mark.parametrize('scenes, words', [
    (['=/x'], 'neither NAME=FOLDER'), (['a=/x', 'a=/y'], 'two scenes')])
def test_bad_names_are_refused(rig, scenes, words):
    answer = rig.set_parameter('scenes', scenes)
    assert not answer.successful and words in answer.reason


def test_a_name_whose_scene_is_shown_can_mean_another_folder(rig):
    assert rig.set_parameter('scene', 'here').successful
    assert rig.set_parameter('scenes', ['here=/places/two']).successful
    assert rig.requests[-1].scene == '/places/two'
    rig.wait(lambda: rig.got['tf_static'][-1].transforms[0].transform.translation.z == 1.5)


def test_a_scene_is_changed_in_a_pause_and_shown_by_the_step(rig):
    assert rig.trigger('pause').success
    time.sleep(0.2)
    count = len(rig.got[DEPTH])
    assert rig.set_parameter('scene', 'two').successful
    time.sleep(0.2)
    assert len(rig.got[DEPTH]) == count
    assert rig.trigger('step').success
    depth = rig.wait(lambda: rig.got[DEPTH][count:])[0]
    assert camera_position(depth)[0] == pytest.approx(20.0)


def test_no_scene_is_changed_under_a_generator():
    rig = Rig(world=Places(), generator='star', weights_dir='/weights')
    try:
        answer = rig.set_parameter('scene', '/places/two')
        assert not answer.successful and 'generator' in answer.reason
    finally:
        rig.close()


def test_a_folder_that_is_missing_is_named_by_the_real_opener(tmp_path):
    rig = Rig(world=open_world, image__width=80)
    try:
        answer = rig.set_parameter('scene', str(tmp_path / 'missing'))
        assert not answer.successful and 'missing' in answer.reason
        rig.listen(COLOR)
    finally:
        rig.close()


def test_memory_is_back_after_twenty_changes(checkout):
    # The process of the tests grows and shrinks by what the others leave behind.
    folders = [str(checkout), *(str(checkout / 'test' / name) for name in ('ros', 'engine'))]
    done = subprocess.run([sys.executable, str(checkout / 'test/ros/changing_scenes.py')],
                          env={**os.environ, 'PYTHONPATH': os.pathsep.join(folders)},
                          stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0
    resident_mb = [float(word) for word in done.stdout.split()]
    assert len(resident_mb) == 24
    assert np.median(resident_mb[18:]) < 1.05 * np.median(resident_mb[4:10]), resident_mb
