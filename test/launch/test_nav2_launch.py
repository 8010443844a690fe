# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The launch file for Nav2, with stand-ins for all that it starts, and its map and parameters.

The stand-ins write down how they were called and wait; Nav2 itself need not be there.
"""

import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import time

from inspatio_ros.cli.main import main
import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
RECORDER = f"""\
#!{sys.executable}
import json, os, pathlib, signal, sys
name = pathlib.Path(sys.argv[0]).name
again = [word[len('__node:='):] for word in sys.argv if word.startswith('__node:=')]
out = pathlib.Path(os.environ['CALLS']) / f'{{(again or [name])[-1]}}.json'
fresh = out.with_suffix('.part')
fresh.write_text(json.dumps(sys.argv[1:]))
fresh.rename(out)
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
signal.pause()
"""
NAVIGATION = """\
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node


def generate_launch_description():
    names = ('namespace', 'use_sim_time', 'params_file', 'autostart', 'use_composition', 'graph')
    return LaunchDescription([*(DeclareLaunchArgument(name) for name in names), Node(
        package='nav2_planner', executable='planner_server', name='planner_server',
        namespace=LaunchConfiguration('namespace'),
        arguments=[[f'{name}=', LaunchConfiguration(name)] for name in names])])
"""
RUN = """\
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
service = LaunchService()
service.include_launch_description(LaunchDescription([IncludeLaunchDescription(
    PythonLaunchDescriptionSource(sys.argv[1]),
    launch_arguments=[word.split(':=', 1) for word in sys.argv[2:]])]))
sys.exit(service.run())
"""
STARTED = {'nav2_map_server': ['map_server'], 'nav2_lifecycle_manager': ['lifecycle_manager'],
           'nav2_planner': ['planner_server'], 'inspatio_ros': ['world_node'],
           'rviz2': ['rviz2']}


def install(prefix: Path, executables: dict[str, list[str]], navigation: str | None) -> None:
    """Install stand-ins, and this package's launch files beside them."""
    for package, names in executables.items():
        add_package(prefix, package)
        for name in names:
            file = prefix / 'lib' / package / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(RECORDER)
            file.chmod(0o755)
    for folder in ('launch', 'config'):
        (prefix / 'share' / 'inspatio_ros' / folder).symlink_to(CHECKOUT / folder)
    if navigation is not None:
        add_package(prefix, 'nav2_bringup')
        (prefix / 'share' / 'nav2_bringup' / 'launch').mkdir()
        (prefix / 'share/nav2_bringup/launch/navigation_launch.py').write_text(navigation)


def add_package(prefix: Path, package: str) -> None:
    (prefix / 'share' / package).mkdir(parents=True)
    marker = prefix / 'share/ament_index/resource_index/packages' / package
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.touch()


def launched(tmp_path: Path, *words: str, wait_for: set[str] | None = None):
    """Launch until all have started, then end; return exit code, calls by node, and output."""
    prefix, calls = tmp_path / 'prefix', tmp_path / 'calls'
    calls.mkdir()
    environment = {**os.environ, 'CALLS': str(calls), 'ROS_LOG_DIR': str(tmp_path / 'log'),
                   'AMENT_PREFIX_PATH': os.pathsep.join(
                       [str(prefix), *filter(None, [os.environ.get('AMENT_PREFIX_PATH')])])}
    launch = prefix / 'share/inspatio_ros/launch/nav2.launch.py'
    process = subprocess.Popen([sys.executable, '-c', RUN, str(launch), *words], text=True,
                               env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    end = time.monotonic() + 60.0
    while process.poll() is None and time.monotonic() < end:
        if (wait_for or set()) <= {path.stem for path in calls.glob('*.json')} and wait_for:
            process.send_signal(signal.SIGINT)
            break
        time.sleep(0.1)
    output = process.communicate(timeout=60.0)[0]
    return (process.returncode, {path.stem: json.loads(path.read_text())
                                 for path in calls.glob('*.json')}, output)


ALL = {'world_node', 'map_server', 'lifecycle_manager_map', 'planner_server'}
needs_launch = pytest.mark.skipif(
    subprocess.run([sys.executable, '-c', 'import launch_ros.actions, launch'],
                   capture_output=True).returncode != 0,
    reason='launch and launch_ros come with a ROS 2 distro; none is sourced')


def parameters_in(call: list[str]) -> dict:
    """Return what the parameter files of a call say."""
    found = {}
    for option, word in zip(call, call[1:]):
        if option == '--params-file' and Path(word).is_file():
            for group in yaml.safe_load(Path(word).read_text()).values():
                found.update(group.get('ros__parameters', {}))
    return found


@needs_launch
def test_all_of_it_starts_on_the_map_of_the_hall(tmp_path):
    install(tmp_path / 'prefix', STARTED, NAVIGATION)
    code, calls, output = launched(tmp_path, wait_for=ALL)
    assert code == 0, output
    assert set(calls) == ALL
    share = tmp_path / 'prefix' / 'share' / 'inspatio_ros'
    assert f'params_file={share}/config/nav2_params.yaml' in calls['planner_server']
    assert {'use_composition=False', 'autostart=true', 'graph='} <= set(calls['planner_server'])
    assert f'{share}/config/world.yaml' in calls['world_node']
    assert 'clock:=scaled' not in calls['world_node']
    assert not [word for word in calls['world_node'] if word.startswith('scene')]
    assert parameters_in(calls['map_server'])['yaml_filename'] == f'{share}/config/maps/hall.yaml'


@needs_launch
def test_namespace_and_time_reach_all_of_it(tmp_path):
    install(tmp_path / 'prefix', STARTED, NAVIGATION)
    map_file = tmp_path / 'my.yaml'
    map_file.touch()
    code, calls, output = launched(
        tmp_path, 'namespace:=/tb', 'use_sim_time:=true', 'scene:=/some/where',
        f'map:={map_file}', 'ros_args:=-p rate:=12.0', 'rviz:=true', wait_for=ALL | {'rviz2'})
    assert code == 0, output
    world = calls['world_node']
    assert {'clock:=scaled', '/tf:=tf', '/tf_static:=tf_static', 'rate:=12.0', '__ns:=/tb',
            'scene:="/some/where"'} <= set(world)
    assert {'__ns:=/tb', '/tf:=tf', '/tf_static:=tf_static'} <= set(calls['rviz2'])
    assert 'rate:=12.0' not in calls['rviz2']
    # It tells the time, and does not wait for it.
    assert 'use_sim_time:=true' not in world
    assert parameters_in(calls['map_server'])['use_sim_time'] is True
    said = dict(word.split('=', 1) for word in calls['planner_server'] if '=' in word)
    assert said['use_sim_time'] == 'True' and said['namespace'] == 'tb'
    tree = yaml.safe_load(Path(said['params_file']).read_text())
    local = tree['local_costmap']['local_costmap']['ros__parameters']
    assert local['scan_layer']['scan']['topic'] == '/tb/scan'
    assert local['points_layer']['points']['topic'] == '/tb/camera/points'
    assert tree['bt_navigator']['ros__parameters']['odom_topic'] == '/tb/odom'
    assert tree['velocity_smoother']['ros__parameters']['odom_topic'] == 'odom'


@needs_launch
@pytest.mark.parametrize(('words', 'message'), [
    (['scene:=/some/where'], 'make one with `inspatio map /some/where my_map`'),
    (['map:=/no/where.yaml'], '/no/where.yaml: there is no such file')])
def test_a_map_that_is_missing_is_named(tmp_path, words, message):
    install(tmp_path / 'prefix', STARTED, NAVIGATION)
    code, calls, output = launched(tmp_path, *words)
    assert code != 0 and message in output
    assert not calls


@needs_launch
def test_without_nav2_it_says_what_to_install(tmp_path):
    install(tmp_path / 'prefix', STARTED, None)
    code, calls, output = launched(tmp_path)
    if 'nav2_bringup' in output or code == 0:
        pytest.skip('Nav2 is installed')
    assert code != 0 and 'nav2-bringup' in output
    assert not calls


def test_map_that_ships_is_that_of_the_hall(tmp_path):
    assert main(['map', 'hall', str(tmp_path / 'hall')]) == 0
    for name in ('hall.pgm', 'hall.yaml'):
        assert (CHECKOUT / 'config/maps' / name).read_bytes() == (tmp_path / name).read_bytes()


def test_parameters_fit_the_frames_and_topics_of_the_world():
    from inspatio_ros.robot.names import CAMERA
    from inspatio_ros.robot.outputs import SCAN, topics_of
    from inspatio_ros.robot.parameters import WorldParameters
    text = (CHECKOUT / 'config/nav2_params.yaml').read_text()
    assert '&' not in text and '*' not in text  # rcl reads no anchors
    world, found = WorldParameters(), {}

    def walk(tree, path=()):
        for key, value in tree.items():
            if isinstance(value, dict):
                walk(value, (*path, key))
            else:
                found.setdefault(key, []).append(value)
    walk(yaml.safe_load(text))
    for key in ('robot_base_frame', 'base_frame_id', 'base_frame'):
        assert set(found[key]) == {world.base_frame}
    assert set(found['odom_frame_id']) == {world.odom_frame}
    assert {it.lstrip('/') for it in found['topic']} == {SCAN, topics_of(CAMERA).points}
    assert {it.lstrip('/') for it in found['odom_topic']} == {'odom'}
    # A transform may be late by a period of the slowest rate and the latency, and one may be lost.
    assert min(found['transform_tolerance']) >= 2.0 / 15.0 + 0.04
    assert min(found['expected_update_rate'] + found['source_timeout']) >= 2.0 / 15.0 + 0.04
