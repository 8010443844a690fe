# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Start a world that can be driven through.

The node configures and activates itself (parameter autostart) and picks its Fast DDS profile
itself. What is given here wins over params_file; what is left empty is as params_file says.
"""

import json
from pathlib import Path
import shlex

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, Shutdown
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

PACKAGE = 'inspatio_ros'
NODE = 'world_node'


def share(*parts: str) -> str:
    """Return the path of a file that ships with the package."""
    return str(Path(get_package_share_directory(PACKAGE), *parts))


def world_node(context: LaunchContext) -> list[Node]:
    """
    Return the node with everything as ROS arguments, in the order in which they win.

    :raises ValueError: a rate that is not a number.
    """
    def asked(name: str) -> str:
        return str(context.perform_substitution(LaunchConfiguration(name)))

    arguments = ['--params-file', asked('params_file')]
    for name in ('scene', 'motion_source'):
        if value := asked(name):
            # JSON quotes are YAML quotes: a folder named 2024 stays text.
            arguments += ['-p', f'{name}:={json.dumps(value)}']
    if rate := asked('rate'):
        arguments += ['-p', f'rate:={float(rate)}']
    if asked('use_sim_time').lower() in ('true', '1'):
        arguments += ['-p', 'use_sim_time:=true']
    namespace = asked('namespace')
    logger = '.'.join([*namespace.strip('/').split('/'), NODE]).lstrip('.')
    arguments += ['--log-level', f'{logger}:={asked("log_level")}']
    arguments += shlex.split(asked('ros_args'))
    page = ['--view', asked('view')] if asked('view') else []
    return [Node(package=PACKAGE, executable=NODE, name=NODE, namespace=namespace,
                 arguments=page, ros_arguments=arguments, output='screen', emulate_tty=True,
                 on_exit=Shutdown(reason='the world has ended'))]


def rviz(context: LaunchContext) -> list[Node]:
    """Return RViz, which looks at the topics where the node has them."""
    def asked(name: str) -> str:
        return str(context.perform_substitution(LaunchConfiguration(name)))

    words = shlex.split(asked('ros_args'))
    remaps = [word for option, rule in zip(words, words[1:]) if option in ('-r', '--remap')
              for word in (option, rule)]
    return [Node(package='rviz2', executable='rviz2', name='rviz2', output='log',
                 namespace=asked('namespace'), arguments=['-d', share('config', 'world.rviz')],
                 ros_arguments=remaps)]


def generate_launch_description() -> LaunchDescription:
    """Return the description that `ros2 launch` runs."""
    return LaunchDescription([
        DeclareLaunchArgument(
            'scene', default_value='',
            description='Scene folder. Empty: as params_file says; the bundled hall by default.'),
        DeclareLaunchArgument(
            'params_file', default_value=share('config', 'world.yaml'),
            description='Parameters of the node.'),
        DeclareLaunchArgument(
            'motion_source', default_value='', choices=['', 'twist', 'odometry', 'pose', 'tf'],
            description='What moves the robot: cmd_vel, odom_in, pose, or TF odom -> base. '
                        'Empty: as params_file.'),
        DeclareLaunchArgument(
            'rate', default_value='', description='Frames per second. Empty: as params_file.'),
        DeclareLaunchArgument(
            'namespace', default_value='', description='Namespace of the node and its topics.'),
        DeclareLaunchArgument(
            'use_sim_time', default_value='false', choices=['true', 'false', 'True', 'False'],
            description='Take the time from /clock.'),
        DeclareLaunchArgument(
            'log_level', default_value='info',
            choices=['debug', 'info', 'warn', 'error', 'fatal'],
            description='What the node logs at least.'),
        DeclareLaunchArgument(
            'rviz', default_value='false', choices=['true', 'false', 'True', 'False'],
            description='Show pictures, scan, points and map in RViz.'),
        DeclareLaunchArgument(
            'view', default_value='',
            description='Port of a page that shows the world and drives, e.g. 8088. Empty: none.'),
        DeclareLaunchArgument(
            'ros_args', default_value='',
            description='More ROS arguments for the node, one string: "-p mount.x:=0.2".'),
        OpaqueFunction(function=world_node),
        OpaqueFunction(function=rviz, condition=IfCondition(LaunchConfiguration('rviz'))),
    ])
