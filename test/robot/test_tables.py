# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Tables of cameras and robots: what they inherit, and names that cannot be."""

import math
from pathlib import Path

from inspatio_ros.cli import world_parameters
from inspatio_ros.robot.parameter_values import contradiction, from_values, specs, table_specs
from inspatio_ros.robot.parameter_values import to_values
from inspatio_ros.robot.parameters import cameras_of, parameters_of, WorldParameters
import pytest


def values(**given):
    """Return the values of all parameters, defaults but for these; __ stands for the dot."""
    found = {name: default for name, default, _ in specs()}
    found.update({name.replace('__', '.'): value for name, value in given.items()})
    found.update({name: default for name, default, _ in table_specs(found) if name not in found})
    return found


def test_one_camera_and_one_robot_are_as_ever():
    p = WorldParameters()
    assert list(cameras_of(p)) == ['camera'] and parameters_of('', p) is p
    camera = cameras_of(p)['camera']
    assert (camera.link_frame, camera.optical_frame) == ('camera_link', 'camera_optical_frame')
    assert not list(table_specs(values()))


def test_a_table_inherits_what_it_does_not_say():
    p = from_values(values(cameras=['camera', 'rear'], image__width=320, mount__z=1.5, rate=12.0,
                           rear__image__hfov=2.0, rear__mount__yaw=3.0))
    front, rear = cameras_of(p).values()
    assert (rear.image.width, rear.image.hfov, front.image.hfov) == (320, 2.0, 0.0)
    assert (rear.mount.z, rear.mount.yaw, front.mount.yaw) == (1.5, 3.0, 0.0)
    assert (rear.rate, rear.link_frame, rear.optical_frame) == (
        0.0, 'rear_link', 'rear_optical_frame')
    assert from_values(to_values(p)) == p or math.isnan(p.mount.pitch)
    assert str(from_values(to_values(p))) == str(p)


def test_a_robot_has_frames_and_a_start_of_its_own():
    p = from_values(values(robots=['a', 'b'], cameras=['camera', 'rear'], b__initial_pose__x=2.0,
                           robot_size=[1.0, 0.5, 0.25], b__size=[0.1, 0.2, 0.3]))
    a, b = (parameters_of(name, p) for name in ('a', 'b'))
    assert (a.map_frame, a.odom_frame, a.base_frame) == ('map', 'a/odom', 'a/base_footprint')
    assert [it.optical_frame for it in cameras_of(b).values()] == [
        'b/camera_optical_frame', 'b/rear_optical_frame']
    assert b.scan.frame == 'b/base_scan' and b.initial_pose.x == 2.0
    assert math.isnan(a.initial_pose.x)
    assert (a.robot_size, b.robot_size) == ((1.0, 0.5, 0.25), (0.1, 0.2, 0.3))


@pytest.mark.parametrize('given, words', [
    ({'cameras': []}, 'at least one'), ({'cameras': ['']}, 'at least one'),
    ({'cameras': ['front', 'front']}, "'front' is there twice"),
    ({'cameras': ['2nd']}, 'no ROS name: a camera is called by letters'),
    ({'cameras': ['left/eye']}, 'no ROS name'), ({'cameras': ['a b']}, 'no ROS name'),
    ({'cameras': ['scan']}, 'choose another name, as scan_camera'),
    ({'cameras': ['rate']}, 'taken by a parameter'),
    ({'robots': ['robot-1']}, 'no ROS name: a robot'), ({'robots': ['a', '']}, 'a name for each'),
    ({'robots': ['mount']}, 'mount_robot'),
    ({'robots': ['a', 'rear'], 'cameras': ['rear']}, "'rear' is the name of a camera, too"),
    ({'robots': ['a', 'camera'], 'cameras': ['rear']}, "'camera' is the name of a camera, too")])
def test_names_that_cannot_be_are_refused_with_what_to_do(given, words):
    with pytest.raises(ValueError, match=words):
        values(**given)


@pytest.mark.parametrize('given, words', [
    ({'robots': ['a', 'b']}, r"'a' and 'b' start in the same place: set b.initial_pose.x or .y"),
    ({'cameras': ['camera', 'rear'], 'rear__link_frame': 'camera_link'},
     'rear.link_frame .* must be another frame than camera_frame'),
    ({'cameras': ['a', 'b'], 'b__optical_frame': 'a_optical_frame'}, 'than a.optical_frame')])
def test_what_cannot_be_together_is_refused(given, words):
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(contradiction(values(**given)))


def test_the_example_of_a_rig_is_as_it_says(checkout: Path):
    parser = world_parameters.argparse.ArgumentParser()
    world_parameters.add_arguments(parser)
    p = world_parameters.read_parameters(parser.parse_args(
        ['--params-file', str(checkout / 'config/rig.yaml')]))
    front, rear, wide = cameras_of(p).values()
    assert (front.image.width, rear.image.width, wide.image.hfov) == (640, 320, 2.4)
    assert (rear.rate, wide.link_frame, wide.optical_frame) == (
        8.0, 'wide_angle_link', 'wide_optical_frame')


@pytest.mark.parametrize('word, reason', [
    ('rear.mount.yawn:=1.0', 'did you mean rear.mount.yaw'), ('rear.rate:=-1.0', 'at least 0'),
    ('side.mount.yaw:=1.0', 'no parameter'), ('rear.image.width:=1.5', 'must be a int')])
def test_a_bad_word_in_a_table_is_refused(word, reason):
    parser = world_parameters.argparse.ArgumentParser()
    world_parameters.add_arguments(parser)
    with pytest.raises(ValueError, match=reason):
        world_parameters.read_parameters(parser.parse_args(
            ['-p', word, '-p', 'cameras:=[camera, rear]']))
