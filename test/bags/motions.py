# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Recordings of what moves a robot, and what a replay made of them."""

from inspatio_ros.bags.typestore import typestore
from inspatio_ros.motion.transforms import pose_rpy
from make_bag import header, msg, NS, odometry, pose, TF, tf, transform, write_bag
import numpy as np
from rosbags.rosbag2 import Reader

T0 = 1_700_000_000 * NS
STAMPED, PLAIN = 'geometry_msgs/msg/TwistStamped', 'geometry_msgs/msg/Twist'
ODOMETRY = 'nav_msgs/msg/Odometry'
POSE = 'geometry_msgs/msg/PoseStamped'
INITIAL_POSE = 'geometry_msgs/msg/PoseWithCovarianceStamped'


def twist(forward=0.0, turn=0.0, left=0.0):
    vector = [msg('geometry_msgs/Vector3', x=x, y=y, z=z)
              for x, y, z in ((forward, left, 0.0), (0.0, 0.0, turn))]
    return msg('geometry_msgs/Twist', linear=vector[0], angular=vector[1])


def stamped(message, stamp_ns):
    return msg('geometry_msgs/TwistStamped', header=header(stamp_ns, 'base_footprint'),
               twist=message)


def commands(seconds=3.0, begin_ns=T0, log_of=lambda t: t, hz=20, **speed):
    """Return (log_ns, topic, type, message) of velocity commands."""
    stamps = [begin_ns + round(i * NS / hz) for i in range(round(seconds * hz) + 1)]
    return [(log_of(t), '/cmd_vel', STAMPED, stamped(twist(**(speed or {'forward': 1.0})), t))
            for t in stamps]


def along_odometry(seconds=3.0, speed=1.0, topic='/odom', child='base_footprint'):
    """Return events of odometry along x."""
    events = []
    for i in range(round(seconds * 20) + 1):
        t = T0 + i * NS // 20
        message = odometry(pose_rpy(speed * i / 20), t, child=child)
        message.twist.twist = twist(speed)
        events.append((t, topic, ODOMETRY, message))
    return events


def along_poses(seconds=3.0, frame='map', topic='/pose'):
    """Return events of poses along x."""
    stamps = [T0 + i * NS // 20 for i in range(round(seconds * 20) + 1)]
    return [(t, topic, POSE, msg('geometry_msgs/PoseStamped', header=header(t, frame),
                                 pose=pose(pose_rpy((t - T0) / NS)))) for t in stamps]


def along_tf(seconds=3.0, T_map_odom=None):
    """Return events of TF: odom -> base_footprint along x, base_link above it, maybe a map."""
    events = [(T0, '/tf_static', TF, tf(transform(pose_rpy(z=0.1), 'base_footprint',
                                                  'base_link', T0)))]
    for i in range(round(seconds * 20) + 1):
        t = T0 + i * NS // 20
        events.append((t, '/tf', TF, tf(transform(pose_rpy(i / 20), 'odom', 'base_footprint',
                                                  t))))
        if T_map_odom is not None and i % 10 == 0:
            events.append((t + 1, '/tf', TF, tf(transform(T_map_odom, 'map', 'odom', t))))
    return events


def initial_pose(T, stamp_ns, frame='map'):
    """Return the event of an initialpose."""
    at = msg('geometry_msgs/PoseWithCovariance', pose=pose(T), covariance=np.zeros(36))
    return (stamp_ns, '/initialpose', INITIAL_POSE,
            msg('geometry_msgs/PoseWithCovarianceStamped', header=header(stamp_ns, frame),
                pose=at))


def record(path, events, storage='mcap'):
    """Write events in the order of recording."""
    return write_bag(path, sorted(events, key=lambda event: event[0]), storage)


def read(path, topic=None):
    """Return (topic, log_ns, message) of a bag, or (log_ns, message) of one topic."""
    with Reader(path) as reader:
        found = [(connection.topic, log_ns,
                  typestore().deserialize_cdr(data, connection.msgtype))
                 for connection, log_ns, data in reader.messages()]
    return found if topic is None else [(log, it) for name, log, it in found if name == topic]


def stamp_of(message):
    """Return the stamp of a message, or of its first transform."""
    time = (message.transforms[0].header if hasattr(message, 'transforms')
            else message.header).stamp
    return time.sec * NS + time.nanosec


def positions(path):
    """Return (N,) stamps, seconds after T0, and (N, 3) where the painted world's camera was."""
    found = [it for _, it in read(path, '/camera/depth/image_raw')]
    xyz = np.array([np.frombuffer(it.data[:12].tobytes(), np.float32) for it in found])
    return np.array([(stamp_of(it) - T0) / NS for it in found]), xyz
