# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The viewer as a client of the node, over real rclpy and DDS."""

import math
import queue
import time

from geometry_msgs.msg import Twist, TwistStamped
from inspatio_ros.cli.depth_picture import SteadyColours
from inspatio_ros.view.driving import STOP, Velocity
from inspatio_ros.view.ros_client import RosClient
from painted_world import PaintedWorld, SPAWN
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import Image

ALL = frozenset({'color', 'depth', 'observed'})
SUBSCRIBED = {'color': 'camera/color/image_raw', 'depth': 'camera/depth/image_raw',
              'observed': 'camera/observed'}


def wait(condition, what='it', timeout_s=8.0):
    end = time.monotonic() + timeout_s
    while not (result := condition()):
        assert time.monotonic() < end, f'waited for {what}'
        time.sleep(0.01)
    return result


@pytest.fixture(scope='module')
def rig(make_rig):
    return make_rig(world=lambda request: PaintedWorld(),
                    scenes=['attic=/places/a', '/places/cellar'])


@pytest.fixture(scope='module')
def make_client():
    """Return a function that makes clients, closed at the end of the module."""
    clients = []

    def make(namespace, **options):
        pictures = queue.Queue()
        names = ['--ros-args', *(word for name in ('tf', 'tf_static', 'diagnostics')
                                 for word in ('-r', f'/{name}:={name}'))]
        clients.append(RosClient(pictures.put, SteadyColours(), namespace, ros_args=names,
                                 **options))
        clients[-1].pictures = pictures
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture(scope='module')
def client(make_client, rig):
    client = make_client(rig.namespace)
    wait(lambda: client.state()['world'], 'the node')
    return client


def listeners(rig):
    return {name for name, topic in SUBSCRIBED.items()
            if rig.node.count_subscribers(f'{rig.namespace}/{topic}') > 0}


def test_the_node_is_found_with_its_services(client):
    wait(lambda: 'reset' in client.state()['services'])
    assert set(client.state()['services']) == {'reset', 'pause', 'resume', 'step'}


@pytest.mark.parametrize('streams', [ALL, {'depth'}, set(), {'color', 'observed'}])
def test_only_what_is_shown_is_subscribed_to(rig, client, streams):
    client.show(frozenset(streams))
    wait(lambda: listeners(rig) == set(streams), f'{streams}')


def test_nobody_there_leaves_nothing_behind(rig, client):
    client.show(ALL)
    wait(lambda: client.state()['drives'])
    client.show(None)
    wait(lambda: not listeners(rig) and not client.state()['drives'])
    topic = f'{rig.namespace}/cmd_vel'
    wait(lambda: rig.node.count_publishers(topic) == 0, 'the publisher of cmd_vel to go')
    wait(lambda: rig.node.count_subscribers(f'{rig.namespace}/tf') == 0, 'TF')


def test_pictures_come_with_what_stands_around(client):
    client.show(ALL)
    wait(lambda: client.state()['robot'])
    while not client.pictures.empty():
        client.pictures.get()
    got = {}
    end = time.monotonic() + 8.0
    while set(got) != ALL or 'outline' not in got['depth'].notes:
        assert time.monotonic() < end, set(got)
        picture = client.pictures.get(timeout=8.0)
        got[picture.stream] = picture
    assert {(p.width, p.height) for p in got.values()} == {(64, 48)}
    assert all(abs(time.time() - p.stamp_ns * 1e-9) < 5.0 for p in got.values())
    wait(lambda: all(client.state()['rates'][name] > 5.0 for name in ALL))


def test_the_state_says_where_robot_and_camera_are(rig, client):
    client.show(ALL)
    rig.reset()
    wait(lambda: client.state()['robot'] == [SPAWN.x, SPAWN.y, 0.0])
    state = wait(lambda: client.state()['hfov'] and client.state())
    assert state['camera'] == [SPAWN.x, SPAWN.y, 0.0]
    assert state['hfov'] == pytest.approx(2.0 * math.atan(32.0 / 50.0), abs=1e-3)
    wait(lambda: client.state()['scene'] == 'bundled scene' and client.state()['text'])
    assert client.state()['state'] == 'active' and client.state()['render_ms'] > 0.0


def test_driving_moves_the_robot_and_the_speed_shows(rig, client):
    client.show(frozenset())
    wait(lambda: client.state()['drives'] == 'TwistStamped')
    rig.teleport(0.0, 0.0, math.pi / 2)
    wait(lambda: (client.state()['robot'] or [9.0])[0] == 0.0)
    for _ in range(10):
        client.drive(Velocity(forward=0.5, turn=0.2))
        time.sleep(0.05)
    forward, turn = client.state()['speed']
    assert forward == pytest.approx(0.5, abs=0.05) and turn == pytest.approx(0.2, abs=0.02)
    client.drive(STOP)
    wait(lambda: client.state()['speed'] == [0.0, 0.0])
    assert 0.1 < client.state()['robot'][1] < 1.0


def test_reset_is_called_and_answers(rig, client):
    rig.teleport(3.0, 3.0)
    assert ask(client.call, 'reset') == (True, 'back at the start')
    client.show(frozenset())
    wait(lambda: client.state()['robot'][:2] == [SPAWN.x, SPAWN.y])


def ask(call, *words):
    answers = queue.Queue()
    call(*words, lambda *answer: answers.put(answer))
    return answers.get(timeout=10.0)


def test_the_scenes_of_the_node_are_listed_and_changed(client):
    client.show(frozenset())
    wait(lambda: client.state()['scenes'] == ['attic', 'cellar'])
    assert ask(client.change_scene, 'cellar') == (True, 'now in cellar')
    wait(lambda: client.state()['scene'] == 'cellar')
    assert ask(client.change_scene, '/etc') == (False, "the world has no scene '/etc'")
    assert ask(client.change_scene, '')[0]
    wait(lambda: client.state()['scene'] == 'bundled scene')


def test_a_pause_shows_in_the_state_and_a_step_without_one_is_refused(client):
    client.show(frozenset())
    wait(lambda: set(client.state()['services']) == {'reset', 'pause', 'resume', 'step'})
    success, message = ask(client.call, 'step')
    assert not success and 'pause' in message
    assert ask(client.call, 'pause')[0]
    wait(lambda: client.state()['state'] == 'paused')
    assert ask(client.call, 'step')[0]
    assert ask(client.call, 'resume')[0]
    wait(lambda: client.state()['state'] == 'active')


def test_a_service_that_is_not_there_says_so(make_client):
    client = make_client('/nobody')
    assert ask(client.call, 'reset') == (False, 'the world has no reset')
    assert ask(client.change_scene, '') == (False, 'the world has no change of scene')


def test_without_a_node_there_is_no_world(make_client):
    lonely = make_client('/nobody')
    lonely.show(ALL)
    lonely.drive(Velocity(forward=1.0))   # goes nowhere
    time.sleep(0.7)
    state = lonely.state()
    assert not state['world'] and state['services'] == [] and state['drives'] == ''
    assert state['robot'] is None and state['complaint'] == ''


@pytest.fixture
def robot():
    """Return another robot: a node named world_node of our own, spun by hand."""
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node('world_node', context=context, namespace='/other')
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    node.spin_until = lambda condition: wait(
        lambda: executor.spin_once(timeout_sec=0.02) or condition())
    yield node
    executor.shutdown()
    node.destroy_node()
    context.try_shutdown()


def test_commands_have_the_type_that_is_listened_to(make_client, robot):
    client, got = make_client('/other'), []
    client.show(frozenset())
    listener = robot.create_subscription(Twist, 'cmd_vel', got.append, 10)
    robot.spin_until(lambda: client.state()['drives'] == 'Twist')
    robot.spin_until(lambda: client.drive(Velocity(0.1, 0.2, 0.3)) or got)
    assert (got[0].linear.x, got[0].linear.y, got[0].angular.z) == (0.1, 0.2, 0.3)
    robot.destroy_subscription(listener)
    robot.create_subscription(TwistStamped, 'cmd_vel', got.append, 10)
    robot.spin_until(lambda: client.state()['drives'] == 'TwistStamped')
    robot.spin_until(lambda: client.drive(Velocity(0.4)) or isinstance(got[-1], TwistStamped))
    assert got[-1].twist.linear.x == 0.4


def test_the_last_word_of_who_leaves_is_zero(make_client, robot):
    client, got = make_client('/other'), []
    client.show(frozenset())
    robot.create_subscription(TwistStamped, 'cmd_vel', got.append, 10)
    robot.spin_until(lambda: client.state()['drives'])
    robot.spin_until(lambda: client.drive(Velocity(0.5)) or got)
    client.show(None)
    robot.spin_until(lambda: got[-1].twist.linear.x == 0.0)


def test_a_broken_image_is_said_and_the_next_is_shown(make_client, robot):
    client = make_client('/other')
    client.show(frozenset({'color'}))
    publisher = robot.create_publisher(Image, 'camera/color/image_raw', 5)
    robot.spin_until(lambda: client.state()['world'] and publisher.get_subscription_count())
    broken = Image(height=4_000_000, width=4_000_000, encoding='rgb8', step=12_000_000)
    robot.spin_until(lambda: publisher.publish(broken) or client.state()['complaint'])
    assert 'camera/color/image_raw' in client.state()['complaint']
    assert client.pictures.empty()
    whole = Image(height=1, width=2, encoding='rgb8', step=6, data=bytes(6))
    robot.spin_until(lambda: publisher.publish(whole) or not client.pictures.empty())


def test_one_camera_of_a_rig_is_looked_through(make_rig, make_client):
    rig = make_rig(cameras=['front', 'rear'], rear__image__width=32, rear__mount__x=-0.4)
    client = make_client(rig.namespace, camera='rear')
    wait(lambda: client.state()['world'], 'the node')
    client.show(frozenset({'color'}))
    picture = client.pictures.get(timeout=10.0)
    assert picture.stream == 'color'
    wait(lambda: client.state()['camera'], 'where the camera is')
    robot, camera = client.state()['robot'], client.state()['camera']
    assert camera[0] == pytest.approx(robot[0] - 0.4)
    assert rig.node.count_subscribers(f'{rig.namespace}/front/color/image_raw') == 0
