# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The launch file as users start it: its arguments reach the node, and its end ends the launch."""

from pathlib import Path
import time

import pytest

launch_pytest = pytest.importorskip(
    'launch_pytest', reason='launch_pytest comes with a ROS 2 distro; none is sourced')
launch_ros = pytest.importorskip('launch_ros', reason='launch_ros comes with a ROS 2 distro')

from ament_index_python.packages import get_package_share_directory  # noqa: E402, I100
from ament_index_python.packages import PackageNotFoundError  # noqa: E402
from launch import LaunchContext, LaunchDescription  # noqa: E402
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription  # noqa: E402
from launch.launch_description_sources import PythonLaunchDescriptionSource  # noqa: E402
import rclpy  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402

try:
    SHARE = Path(get_package_share_directory('inspatio_ros'))
except PackageNotFoundError:
    pytest.skip('inspatio_ros is not installed: build it with colcon', allow_module_level=True)

ARGUMENTS = {'namespace': '/launched', 'rate': '12', 'use_sim_time': 'false',
             'log_level': 'warn', 'ros_args': '-p image.width:=80 -p image.height:=60'}


def source():
    return PythonLaunchDescriptionSource(str(SHARE / 'launch' / 'world.launch.py'))


@launch_pytest.fixture
def launched():
    return LaunchDescription([
        IncludeLaunchDescription(source(), launch_arguments=ARGUMENTS.items()),
        launch_pytest.actions.ReadyToTest()])


def images_of(topic, count, timeout_s=60.0):
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node('launch_viewer', context=context)
    executor = rclpy.executors.SingleThreadedExecutor(context=context)
    executor.add_node(node)
    images = []
    node.create_subscription(Image, topic, images.append, 5)
    end = time.monotonic() + timeout_s
    try:
        while len(images) < count:
            assert time.monotonic() < end, f'{len(images)} images on {topic}'
            executor.spin_once(timeout_sec=0.1)
    finally:
        executor.shutdown()
        node.destroy_node()
        context.try_shutdown()
    return images


@pytest.mark.launch(fixture=launched)
def test_arguments_reach_the_node():
    images = images_of('/launched/camera/color/image_raw', 13)
    assert (images[0].width, images[0].height) == (80, 60)
    stamps_s = [i.header.stamp.sec + i.header.stamp.nanosec * 1e-9 for i in images]
    periods_s = sorted(b - a for a, b in zip(stamps_s, stamps_s[1:]))
    assert periods_s[len(periods_s) // 2] == pytest.approx(1.0 / 12.0, rel=0.2)


def test_every_argument_is_described():
    description = source().get_launch_description(LaunchContext())
    arguments = {action.name: action for action in description.entities
                 if isinstance(action, DeclareLaunchArgument)}
    assert {'scene', 'params_file', 'motion_source', 'rate', 'namespace', 'use_sim_time',
            'log_level', 'rviz', 'ros_args'} == set(arguments)
    for name, argument in arguments.items():
        assert argument.description and argument.description != 'no description given', name
