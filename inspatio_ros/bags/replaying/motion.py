# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What moves the robot in a bag: velocity commands, odometry, poses or TF."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from inspatio_ros.bags.choice import holdings, TF
from inspatio_ros.bags.messages import messages
from inspatio_ros.bags.reading import Bag, Topic
from inspatio_ros.bags.tf import matrix_or_none
from inspatio_ros.contracts import F64
from inspatio_ros.robot.messages import stamp_ns_of
from inspatio_ros.robot.parameters import WorldParameters
from inspatio_ros.robot.sources import frame_of
import numpy as np

TWISTS = ('geometry_msgs/msg/TwistStamped', 'geometry_msgs/msg/Twist')
ODOMETRY = ('nav_msgs/msg/Odometry',)
POSES = ('geometry_msgs/msg/PoseStamped', 'geometry_msgs/msg/PoseWithCovarianceStamped')
# Topics that hold poses of something else.
_NO_MOTION = ('goal_pose', 'goal', 'initialpose')


@dataclass(frozen=True)
class Kind:
    """
    A kind of motion.

    :param types: of its messages.
    :param names: of its topics, whatever the namespace.
    """

    types: tuple[str, ...]
    names: tuple[str, ...]

    def topics(self, bag: Bag) -> list[Topic]:
        """Return the topics that may hold it."""
        return [topic for topic in bag.of_type(*self.types)
                if _last(topic.name) not in _NO_MOTION and _last(topic.name) != 'tf_static']

    def named(self, bag: Bag) -> list[Topic]:
        """Return those whose name says so."""
        return [topic for topic in self.topics(bag) if _last(topic.name) in self.names]


# In the order in which they are looked for.
MOTIONS = {'twist': Kind(TWISTS, ('cmd_vel',)),
           'odometry': Kind(ODOMETRY, ('odom_in', 'odom')),
           'pose': Kind(POSES, ('pose', 'amcl_pose')),
           'tf': Kind((TF,), ('tf',))}


@dataclass(frozen=True)
class Motion:
    """
    Where the motion comes from.

    :param kind: of MOTIONS.
    :param topic: that holds it.
    """

    kind: str
    topic: Topic

    @property
    def source(self) -> str:
        """Return the value of the parameter motion_source that it needs."""
        return 'pose' if self.kind == 'tf' else self.kind


def choose_motion(bag: Bag, kind: str = 'auto', name: str | None = None) -> Motion:
    """
    Find what moves the robot.

    :param kind: of MOTIONS; auto takes the first that is there.
    :param name: of the topic; None to find it.
    :raises ValueError: nothing does, several could, or the topic is not there or of another type;
        the message lists what the bag holds.
    """
    if name is not None:
        return _by_name(bag, kind, name)
    wanted = MOTIONS if kind == 'auto' else {kind: MOTIONS[kind]}
    for find in (Kind.named, Kind.topics):
        for found_kind, motion in wanted.items():
            topics = find(motion, bag)
            if len(topics) > 1:
                raise ValueError(f'{bag.path}: several topics could be the motion ({found_kind}): '
                                 f'{", ".join(topic.name for topic in topics)}; name one with '
                                 f'--topic')
            if topics:
                return Motion(found_kind, topics[0])
    looked_for = ', '.join(f'{"/".join(motion.names)} ({_short(motion.types)})'
                           for motion in wanted.values())
    raise ValueError(f'{bag.path}: no motion: looked for {looked_for}; {holdings(bag)}')


def other_motions(bag: Bag, motion: Motion) -> list[str]:
    """Return the topics that could have moved the robot as well."""
    return [topic.name for kind in MOTIONS.values() for topic in kind.named(bag)
            if topic != motion.topic]


def initial_poses(bag: Bag) -> list[str]:
    """Return the topics that put the robot elsewhere."""
    return [topic.name for topic in bag.of_type(POSES[1]) if _last(topic.name) == 'initialpose']


class TfPoses:
    """
    Poses of the base out of the transforms of a recording, each as soon as it is known.

    The pose is in the map if TF leads there (the newest map -> odom counts), else in odom.

    :param bag: whose static transforms are read at once.
    :param parameters: names of the frames.
    """

    def __init__(self, bag: Bag, parameters: WorldParameters) -> None:
        self.not_finite = 0  # transforms that were none
        self._frames = parameters
        self._parents: dict[str, tuple[str, F64]] = {}
        self._moving: set[str] = set()
        static = [topic.name for topic in bag.of_type(TF) if _last(topic.name) == 'tf_static']
        for raw in bag.messages(static):
            for it in bag.decode(raw).transforms:
                self._keep(it)

    @property
    def missing(self) -> str:
        """Return what is wrong if there never was a pose."""
        f = self._frames
        known = {*self._parents, *(parent for parent, _ in self._parents.values())}
        return (f'TF does not lead from {f.base_frame} up to {f.map_frame} or {f.odom_frame} '
                f'(parameters base_frame, map_frame, odom_frame); its frames are '
                f'{", ".join(sorted(known))}')

    def take(self, message: Any) -> Iterator[Any]:
        """Take a TFMessage and return the PoseStamped that it makes known."""
        for it in message.transforms:
            if not self._keep(it):
                continue
            child = frame_of(it.child_frame_id)
            self._moving.add(child)
            root, T_root_base, lowest = self._climb()
            if child == lowest and root in (self._frames.map_frame, self._frames.odom_frame):
                yield _PoseStamped(messages.header_of(it.header.stamp, root),
                                   messages.pose_message_of(T_root_base))

    def _keep(self, it: Any) -> bool:
        T = matrix_or_none(it.transform.translation, it.transform.rotation)
        if T is None:
            self.not_finite += 1
            return False
        self._parents[frame_of(it.child_frame_id)] = frame_of(it.header.frame_id), T
        return True

    def _climb(self) -> tuple[str, F64, str]:
        """Return how far up TF leads from the base, the way, and the lowest frame that moves."""
        frame, T, lowest, ends = self._frames.base_frame, np.eye(4), '', (
            self._frames.map_frame, self._frames.odom_frame)
        seen = set()
        best = frame, T
        while frame in self._parents and frame not in seen:
            seen.add(frame)
            lowest = lowest or (frame if frame in self._moving else '')
            frame, T_parent_frame = self._parents[frame]
            T = T_parent_frame @ T
            if frame in ends:
                best = frame, T
        return *best, lowest


@dataclass(frozen=True)
class _PoseStamped:
    """What a source needs of a geometry_msgs/PoseStamped."""

    header: Any
    pose: Any


def header_stamp_ns(message: Any) -> int:
    """Return the stamp of a motion message; 0 if it has none."""
    if hasattr(message, 'transforms'):
        message = message.transforms[0] if message.transforms else None
    return stamp_ns_of(message.header.stamp) if hasattr(message, 'header') else 0


def _by_name(bag: Bag, kind: str, name: str) -> Motion:
    topic = bag.topics.get(name) or bag.topics.get(f'/{name}')
    if topic is None:
        raise ValueError(f'{bag.path}: --topic: there is no topic {name}; {holdings(bag)}')
    wanted = MOTIONS if kind == 'auto' else {kind: MOTIONS[kind]}
    for found_kind, motion in wanted.items():
        if topic.msgtype in motion.types:
            return Motion(found_kind, topic)
    types = _short(tuple(it for motion in wanted.values() for it in motion.types))
    raise ValueError(f'{bag.path}: --topic: {topic.name} is {topic.msgtype}, expected {types}')


def _last(name: str) -> str:
    return name.rsplit('/', 1)[-1]


def _short(types: tuple[str, ...]) -> str:
    return ', '.join(_last(name) for name in types)
