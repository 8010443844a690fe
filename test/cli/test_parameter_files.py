# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A misspelled parameter is refused where it is given; what is for others is not looked at."""

from inspatio_ros.cli.parameter_files import check_ros_arguments
import pytest


@pytest.fixture
def check(tmp_path):
    """Return a function that checks arguments of which one is a file with this text."""
    def check(text, *words):
        path = tmp_path / 'mine.yaml'
        path.write_text(text)
        check_ros_arguments(['--ros-args', '--params-file', str(path), *words])
    return check


def of(node, parameters):
    return f'{node}:\n  ros__parameters:\n    {parameters}\n'


@pytest.mark.parametrize('node', ['/**', '/*', 'world_node', '/world_node', '/**/world_node',
                                  '"**"'])
@pytest.mark.parametrize('parameters, near', [
    ('rat: 5.0', 'rate'), ('mount: {xx: 1.0}', 'mount.x'), ('scan.range_mx: 1.0',
                                                            'scan.range_max')])
def test_an_unknown_key_names_the_file_and_the_nearest_parameter(check, node, parameters, near):
    with pytest.raises(ValueError, match='mine.yaml: no parameter ') as error:
        check(of(node, parameters))
    assert f'did you mean {near}?' in str(error.value)


@pytest.mark.parametrize('text', [
    of('controller_server', 'rat: 5.0') + of('/**', 'rate: 5.0'),
    of('/other/world_node', 'rat: 5.0'),
    of('/**', 'use_sim_time: true\n    qos_overrides: {/tf: {publisher: {depth: 3}}}\n'
              '    start_type_description_service: false'),
    'here:\n  world_node: {ros__parameters: {rat: 5.0}}\n  there: {}\n',
    '/**:\n  other_node: {ros__parameters: {rat: 5.0}}\n'])
def test_keys_of_others_and_of_rclpy_are_fine(check, text):
    check(text)


@pytest.mark.parametrize('text', [
    of('/here/world_node', 'rat: 5.0'), of('/here/*', 'rat: 5.0'), of('/*/world_node', 'rat: 5.0'),
    'here:\n  world_node: {ros__parameters: {rat: 5.0}}\n',
    '/**:\n  world_node: {ros__parameters: {rat: 5.0}}\n'])
def test_the_node_is_found_in_its_namespace(check, text):
    with pytest.raises(ValueError, match='rate'):
        check(text, '-r', '__ns:=/here')


def test_the_node_is_found_by_another_name(check):
    text = of('/here/eyes', 'rat: 5.0')
    check(text, '-r', '__ns:=/here')
    with pytest.raises(ValueError, match='rate'):
        check(text, '-r', '__ns:=/here', '-r', '__node:=eyes')
    with pytest.raises(ValueError, match='rate'):  # of several rules rcl takes the first
        check(text, '-r', '__ns:=/here', '-r', '__node:=eyes', '-r', '__node:=ears')
    check(text, '-r', '__ns:=/here', '-r', '__node:=ears', '-r', '__node:=eyes')


@pytest.mark.parametrize('word, refused', [
    ('rat:=1.0', True), ('world_node:rat:=1.0', True), ('/**:rat:=1.0', True),
    ('other:rat:=1.0', False), ('rate:=1.0', False), ('use_sim_time:=true', False),
    ('scene:="a:=b"', False), ('world_node:scene:=/a:b', False)])
def test_assignments_are_checked_too(word, refused):
    arguments = ['--ros-args', '-p', word]
    if not refused:
        return check_ros_arguments(arguments)
    with pytest.raises(ValueError, match='-p: no parameter .rat.; did you mean rate?'):
        check_ros_arguments(arguments)


@pytest.mark.parametrize('name, words', [
    ('/tf.publisher.depht', 'did you mean depth?'),
    ('/cmd_vel.subscriber.depth', "expected publisher or subscription after the topic, got 'sub"),
    ('cmd_vel.subscription.depth', 'the topic needs its whole name'),
    ('/cmd_vel', 'expected publisher or subscription'), ('/cmd_vel.publisher', 'no quality')])
def test_an_override_that_means_nothing_is_refused(check, name, words):
    with pytest.raises(ValueError, match='mine.yaml: qos_overrides') as error:
        check(of('/**', f'qos_overrides.{name}: 3'))
    assert words in str(error.value)
    with pytest.raises(ValueError, match='-p: qos_overrides'):
        check(of('/**', 'rate: 5.0'), '-p', f'qos_overrides.{name}:=3')


@pytest.mark.parametrize('name', ['/tf.publisher.depth', '/a/cmd_vel.subscription.reliability',
                                  '/tf.publisher_mine.deadline'])
def test_an_override_that_means_something_is_fine(check, name):
    check(of('/**', f'qos_overrides.{name}: 3'))


def test_tables_of_cameras_and_robots_are_known_by_their_names(check):
    rig = 'cameras: [camera, rear]\n    robots: [a, b]\n    '
    check(of('/**', rig + 'rear: {mount: {yaw: 3.1}}\n    a.initial_pose.x: 1.0'))
    with pytest.raises(ValueError, match=r"'rear.mount.yw'; did you mean rear.mount.yaw\?"):
        check(of('/**', rig + 'rear: {mount: {yw: 3.1}}'))
    with pytest.raises(ValueError, match="no parameter 'rear.rate'"):
        check(of('/**', 'rear: {rate: 3.0}'))
    check(of('/**', 'rear: {rate: 3.0}'), '-p', 'cameras:=[rear]')


def test_the_file_that_ships_is_fine(checkout):
    check_ros_arguments(['--ros-args', '--params-file', str(checkout / 'config/world.yaml')])


@pytest.mark.parametrize('text, words', [('a: [', 'mine.yaml'), ('a: 1', 'no parameters'),
                                         ('', 'no parameters')])
def test_what_is_no_parameter_file_is_refused(check, text, words):
    with pytest.raises(ValueError, match=words):
        check(text)
