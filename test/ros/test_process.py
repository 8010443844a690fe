# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The node as the process that users start: signals, exit codes, arguments, what it imports."""

import os
from pathlib import Path
import signal
import subprocess
import sys
import time

from inspatio_ros.robot import distro
import pytest
from rcl_interfaces.srv import SetParameters
import rclpy
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image

HERE = Path(__file__).parent


@pytest.fixture
def start(checkout):
    """Return a function that starts the node; none outlives its test."""
    processes = []

    def start(*arguments, script=HERE / 'painted_node.py', **environment):
        path = os.pathsep.join(filter(None, [str(checkout), os.environ.get('PYTHONPATH')]))
        command = [str(script)] if script else ['-m', 'inspatio_ros.cli.world']
        processes.append(subprocess.Popen(
            [sys.executable, *command, *arguments],
            env={**os.environ, 'PYTHONPATH': path, **environment},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
        return processes[-1]

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
            process.communicate()


@pytest.fixture
def viewer():
    """Return a function that waits for an image on a topic."""
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node('viewer', context=context)
    executor = rclpy.executors.SingleThreadedExecutor(context=context)
    executor.add_node(node)

    def wait(topic, timeout_s=60.0):
        images = []
        node.create_subscription(Image, topic, images.append, QoSProfile(depth=5))
        end = time.monotonic() + timeout_s
        while not images:
            assert time.monotonic() < end, f'no image on {topic}'
            executor.spin_once(timeout_sec=0.1)
        return images[0]

    wait.node = node
    yield wait
    executor.shutdown()
    node.destroy_node()
    context.try_shutdown()


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(start, viewer, number):
    process = start('--ros-args', '-r', '__ns:=/signalled')
    viewer('/signalled/camera/color/image_raw')
    begin = time.monotonic()
    process.send_signal(number)
    output = process.communicate(timeout=10.0)[0]
    assert time.monotonic() - begin < 3.0
    assert process.returncode == 0, output
    assert 'Traceback' not in output and 'rror' not in output
    assert output.endswith('thin\n'), 'torch was imported'


@pytest.mark.parametrize('clock', ['scaled', 'lockstep'])
def test_a_signal_ends_a_clock_of_its_own_cleanly(start, viewer, clock):
    process = start('--ros-args', '-r', '__ns:=/timed', '-p', f'clock:={clock}', '-p',
                    'tick_on:=free', '-p', 'tick_rate:=20.0', '-r', '/clock:=clock')
    viewer('/timed/camera/color/image_raw')
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    output = process.communicate(timeout=10.0)[0]
    assert time.monotonic() - begin < 3.0
    assert process.returncode == 0, output
    assert 'Traceback' not in output and 'rror' not in output


def test_a_signal_ends_it_cleanly_while_a_scene_is_opened(start, viewer):
    process = start('--ros-args', '-r', '__ns:=/slowly')
    viewer('/slowly/camera/color/image_raw')
    client = viewer.node.create_client(SetParameters, '/slowly/world_node/set_parameters')
    assert client.wait_for_service(timeout_sec=5.0)
    change = Parameter('scene', value='/places/slow').to_parameter_msg()
    answer = client.call_async(SetParameters.Request(parameters=[change]))
    time.sleep(0.5)
    begin = time.monotonic()
    process.send_signal(signal.SIGTERM)
    output = process.communicate(timeout=10.0)[0]
    assert not answer.done() and 'opening /places/slow' in output
    assert time.monotonic() - begin < 3.0
    assert process.returncode == 0, output
    assert 'Traceback' not in output


def test_a_signal_while_it_starts_ends_it_cleanly(start):
    process = start()
    time.sleep(0.7)
    process.send_signal(signal.SIGINT)
    output = process.communicate(timeout=10.0)[0]
    assert process.returncode == 0, output
    assert 'Traceback' not in output


@pytest.mark.parametrize('arguments, code, words', [
    (['--scene', '/missing'], 1, '/missing/scene.json: no such file'),
    (['--ros-args', '-p', 'rate:=-1.0'], 2, 'parameter rate'),
    (['--ros-args', '-p', 'motion_source:=mars'], 2, 'must be one of twist, odometry, pose'),
    (['--ros-args', '-p', 'rat:=5.0'], 2, "-p: no parameter 'rat'; did you mean rate?"),
    (['--params-file', '/nope.yaml'], 2, '/nope.yaml'),
    (['--speed', '3'], 2, 'unrecognized arguments')])
def test_what_cannot_work_is_said_in_one_line(start, arguments, code, words):
    process = start(*arguments)
    output = process.communicate(timeout=20.0)[0]
    assert process.returncode == code, output
    assert words in output
    assert 'Traceback' not in output


def test_a_bad_scene_leaves_the_node_alive_without_autostart(start):
    process = start('--scene', '/missing', '--ros-args', '-p', 'autostart:=false')
    time.sleep(1.5)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10.0)
    assert process.returncode == 0


def test_users_own_profile_and_parameters_win(checkout, start, viewer, tmp_path):
    profile = checkout / 'config' / 'fastdds.xml'
    parameters = tmp_path / 'mine.yaml'
    parameters.write_text('/**: {ros__parameters: {image: {width: 40, height: 20}}}')
    process = start('--params-file', str(parameters), '--ros-args', '-r',
                    '__ns:=/mine', '-p', 'image.height:=30',
                    **{distro.fastdds_profile_variables()[0]: str(profile)})
    image = viewer('/mine/camera/depth/image_raw')
    assert (image.width, image.height) == (40, 30)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10.0)


def test_the_real_world_shows_the_bundled_hall(checkout, start, viewer):
    if not (checkout / 'scenes' / 'hall').is_dir():
        pytest.skip('scenes/hall is not built')
    process = start('--ros-args', '-r', '__ns:=/hall', script=None)
    image = viewer('/hall/camera/color/image_raw')
    assert len(set(bytes(image.data[::997]))) > 20, 'a picture, not a plain colour'
    process.send_signal(signal.SIGINT)
    output = process.communicate(timeout=10.0)[0]
    assert process.returncode == 0, output


def test_a_generator_without_weights_is_refused_in_one_line(checkout, start):
    pytest.importorskip('torch', reason='torch is not installed')
    if not (checkout / 'scenes' / 'hall').is_dir():
        pytest.skip('scenes/hall is not built')
    process = start('--ros-args', '-p', 'generator:=star', '-p', 'weights_dir:=/nowhere',
                    script=None, OMP_NUM_THREADS='1')
    output = process.communicate(timeout=60.0)[0]
    assert process.returncode == 1, output
    assert '/nowhere: no such folder' in output and 'Traceback' not in output
    assert output.count('cannot configure') == 1


def test_nothing_of_the_node_imports_torch(checkout):
    code = ('import sys, inspatio_ros.cli.world, inspatio_ros.ros.world_node, '
            'inspatio_ros.engine.world, inspatio_ros.scene.detect; '
            'sys.exit("torch" in sys.modules)')
    assert subprocess.run([sys.executable, '-c', code], cwd=checkout).returncode == 0
