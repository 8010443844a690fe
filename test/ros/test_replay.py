# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The node and a replay of what drove it show the same pictures, bit by bit."""

import dataclasses
import time

from inspatio_ros.bags.typestore import typestore
from inspatio_ros.bags.writing import BagWriter
from inspatio_ros.cli import main, replay as command
from inspatio_ros.engine.world import SceneWorld, WorldSettings
from inspatio_ros.robot.messages import stamp_ns_of
import pytest
from rclpy.serialization import serialize_message
from rig import COLOR, COLOR_INFO, DEPTH, DEPTH_INFO, OBSERVED
from rooms import room
from rosbags.rosbag2 import Reader

ODOMETRY = 'nav_msgs/msg/Odometry'
PICTURES = (COLOR, DEPTH, OBSERVED, COLOR_INFO, DEPTH_INFO)
WORDS = ['-p', 'image.width:=80', '-p', 'mount.pitch:=0.1', '-p', 'max_range:=3.0', '-p',
         'mount.x:=0.2']


def open_world(request=None):
    # What moves begins with the first picture, and the node's was before anybody listened.
    return SceneWorld(dataclasses.replace(room(), frames=()), WorldSettings(threads=1))


@pytest.fixture(scope='module')
def driven(make_rig):
    """Return a rig that has driven for two seconds, and the commands that it was given."""
    rig = make_rig(world=open_world(), render__ahead=False, image__width=80, mount__x=0.2,
                   mount__pitch=0.1, max_range=3.0)
    rig.listen(*PICTURES, 'tf', 'odom')
    sent = []
    for i in range(40):
        stamp_ns = rig.now_ns()
        rig.drive(forward=0.5, turn=0.6 if i < 20 else -0.9, stamp_ns=stamp_ns)
        sent.append((stamp_ns, rig.now_ns()))
        time.sleep(0.05)
    time.sleep(1.5)  # until the robot has come to rest
    return rig, sent


def write_recording(path, rig, sent):
    """Write what drove the node, and when its camera looked."""
    from geometry_msgs.msg import TwistStamped
    with BagWriter(path) as bag:
        bag.add_topic('/cmd_vel', 'geometry_msgs/msg/TwistStamped')
        bag.add_topic('/looked', 'sensor_msgs/msg/CameraInfo')
        for i, (stamp_ns, log_ns) in enumerate(sent):
            message = TwistStamped()
            message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, 10 ** 9)
            message.twist.linear.x, message.twist.angular.z = 0.5, 0.6 if i < 20 else -0.9
            bag.write_cdr('/cmd_vel', log_ns, serialize_message(message))
        for info in rig.got[COLOR_INFO]:
            bag.write_cdr('/looked', stamp_ns_of(info.header.stamp), serialize_message(info))
    return path


def by_stamp(messages, kind):
    """Return stamp -> bytes; what the middleware leaves in the gaps between fields is wiped."""
    return {stamp_ns_of(it.header.stamp): bytes(typestore().serialize_cdr(
        typestore().deserialize_cdr(serialize_message(it), kind), kind)) for it in messages}


@pytest.fixture(scope='module')
def replayed(driven, tmp_path_factory):
    """Return topic -> stamp -> bytes of the replay."""
    folder = tmp_path_factory.mktemp('replay')
    bag = write_recording(folder / 'in', *driven)
    args = main.command_parser('replay').parse_args(
        [str(bag), str(folder / 'out'), '--stamps-of', '/looked', '--outputs', 'all', *WORDS])
    assert command.run(args, open_world) == 0
    found = {}
    with Reader(folder / 'out') as reader:
        for connection, log_ns, data in reader.messages():
            found.setdefault(connection.topic, {})[log_ns] = bytes(data)
    return found


def test_poses_are_the_same_but_where_a_command_came_in_between(driven, replayed):
    node, own = by_stamp(driven[0].got['odom'], ODOMETRY), replayed['/odom']
    same = [stamp for stamp in node if own.get(stamp) == node[stamp]]
    assert len(own) >= 80
    assert len(same) >= 0.9 * len(own)


@pytest.mark.parametrize('topic', PICTURES)
def test_pictures_are_the_same_wherever_the_pose_is(driven, replayed, topic):
    rig = driven[0]
    odom, own_odom = by_stamp(rig.got['odom'], ODOMETRY), replayed['/odom']
    own = replayed[f'/{topic}']
    compared = 0
    kind = f'sensor_msgs/msg/{type(rig.got[topic][0]).__name__}'
    for stamp, data in by_stamp(rig.got[topic], kind).items():
        if stamp in own and odom.get(stamp) == own_odom[stamp]:
            assert own[stamp] == data, f'{topic} at {stamp}'
            compared += 1
    assert compared >= 70
