# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Start a world and an installed Nav2 in it, with a map of the world.

The world says where the robot is, so there is no localisation. Nav2 is what navigation_launch.py
of nav2_bringup starts, and a map server beside it.
"""

from pathlib import Path
import re
import tempfile

from ament_index_python.packages import get_package_share_directory, PackageNotFoundError
from launch import LaunchContext, LaunchDescription
from launch.action import Action
from launch.actions import DeclareLaunchArgument, GroupAction, IncludeLaunchDescription
from launch.actions import OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

PACKAGE = 'inspatio_ros'
# The bundled scene, and its map.
SCENE, MAP = 'hall', ('config', 'maps', 'hall.yaml')
BOOLEANS = ['true', 'false', 'True', 'False']
# With a namespace Nav2 takes TF from its own topics, and the world has to send it there.
TF = (('/tf', 'tf'), ('/tf_static', 'tf_static'))


def share(*parts: str) -> str:
    """Return the path of a file that ships with the package."""
    return str(Path(get_package_share_directory(PACKAGE), *parts))


def bringup(*parts: str) -> str:
    """
    Return the path of a file of nav2_bringup.

    :raises RuntimeError: Nav2 is not installed.
    """
    try:
        return str(Path(get_package_share_directory('nav2_bringup'), *parts))
    except PackageNotFoundError as error:
        raise RuntimeError('Nav2 is not installed: apt install ros-$ROS_DISTRO-navigation2 '
                           'ros-$ROS_DISTRO-nav2-bringup') from error


def included(path: str, **arguments: str) -> GroupAction:
    """Return another launch file, whose arguments are its own."""
    return GroupAction([IncludeLaunchDescription(PythonLaunchDescriptionSource(path),
                                                 launch_arguments=arguments.items())])


def map_of(scene: str, asked: str) -> str:
    """
    Return the map to use.

    :raises ValueError: none for this scene, or a file that is not there.
    """
    if not asked and scene:
        raise ValueError(f'map: of the scene {scene} is missing; make one with '
                         f'`inspatio map {scene} my_map` and give map:=$PWD/my_map.yaml')
    path = Path(asked or share(*MAP)).expanduser().absolute()
    if not path.is_file():
        raise ValueError(f'map: {path}: there is no such file')
    return str(path)


def in_namespace(params_file: str, namespace: str) -> str:
    """Return a copy of a parameter file whose absolute topics lie in a namespace."""
    text = re.sub(r'(?m)^(\s*\w*topic:\s*[\'"]?)/', rf'\1/{namespace}/',
                  Path(params_file).read_text())
    with tempfile.NamedTemporaryFile('w', suffix='.yaml', delete=False) as file:
        file.write(text)
    return file.name


def everything(context: LaunchContext) -> list[Action]:
    """
    Return the world, the map server and Nav2.

    :raises ValueError: a map that is missing.
    :raises RuntimeError: Nav2 is not installed.
    """
    def asked(name: str) -> str:
        return str(context.perform_substitution(LaunchConfiguration(name)))

    scene, namespace = asked('scene'), asked('namespace').strip('/')
    simulated = asked('use_sim_time').lower() == 'true'
    map_file = map_of('' if scene == SCENE else scene, asked('map'))
    params_file = asked('params_file')
    words = [asked('ros_args')]
    if simulated:
        words.append('-p clock:=scaled')  # the world tells the time that Nav2 uses
    if namespace:
        params_file = in_namespace(params_file, namespace)
        words += [f'-r {name}:={to}' for name, to in TF]
    return [
        # Whoever tells the time does not take it from there.
        included(share('launch', 'world.launch.py'), namespace=namespace, use_sim_time='false',
                 scene='' if scene == SCENE else scene, params_file=asked('world_params_file'),
                 rviz=asked('rviz'), view=asked('view'), ros_args=' '.join(words).strip()),
        *map_server(map_file, namespace, simulated),
        included(bringup('launch', 'navigation_launch.py'), params_file=params_file,
                 namespace=namespace, use_sim_time=str(simulated), autostart='true',
                 use_composition='False', graph='')]


def map_server(map_file: str, namespace: str, simulated: bool) -> list[Node]:
    """Return the map server and who brings it up."""
    shared = {'use_sim_time': simulated}
    return [
        Node(package='nav2_map_server', executable='map_server', name='map_server',
             namespace=namespace, output='screen', remappings=list(TF),
             parameters=[shared, {'yaml_filename': map_file, 'frame_id': 'map'}]),
        Node(package='nav2_lifecycle_manager', executable='lifecycle_manager',
             name='lifecycle_manager_map', namespace=namespace, output='screen',
             parameters=[shared, {'autostart': True, 'node_names': ['map_server']}])]


def generate_launch_description() -> LaunchDescription:
    """Return the description that `ros2 launch` runs."""
    return LaunchDescription([
        DeclareLaunchArgument(
            'scene', default_value='',
            description='Scene folder. Empty: the bundled hall.'),
        DeclareLaunchArgument(
            'map', default_value='',
            description='YAML file of its map, made by `inspatio map`. Empty: that of the hall.'),
        DeclareLaunchArgument(
            'params_file', default_value=share('config', 'nav2_params.yaml'),
            description='Parameters of Nav2.'),
        DeclareLaunchArgument(
            'world_params_file', default_value=share('config', 'world.yaml'),
            description='Parameters of the world.'),
        DeclareLaunchArgument(
            'namespace', default_value='', description='Namespace of everything but /clock.'),
        DeclareLaunchArgument(
            'use_sim_time', default_value='false', choices=BOOLEANS,
            description='The world tells the time, on /clock.'),
        DeclareLaunchArgument(
            'rviz', default_value='false', choices=BOOLEANS,
            description='Show the world in RViz, with its map, scan and points.'),
        DeclareLaunchArgument(
            'view', default_value='',
            description='Port of a page that shows the world and drives, e.g. 8088. Empty: none.'),
        DeclareLaunchArgument(
            'ros_args', default_value='',
            description='More ROS arguments for the world: "-p scan.full_circle:=true".'),
        OpaqueFunction(function=everything),
    ])
