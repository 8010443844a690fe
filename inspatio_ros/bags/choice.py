# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which topics of a bag are the colour, the depth, the camera and the poses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import re

from inspatio_ros.bags.reading import Bag, Topic
from inspatio_ros.bags.scenes.images import COLOUR_BYTES, COMPRESSED, DEPTH_BYTES, IMAGE

INFO = 'sensor_msgs/msg/CameraInfo'
TF = 'tf2_msgs/msg/TFMessage'
POSE_TYPES = ('nav_msgs/msg/Odometry', 'geometry_msgs/msg/PoseWithCovarianceStamped',
              'geometry_msgs/msg/PoseStamped', 'nav_msgs/msg/Path')
# Pictures that are neither colour nor depth, by a word of their topic's name.
_OTHER = re.compile(r'disparity|confidence|infra|mask|label|segment|debug|overlay|observed|'
                    r'(^|[/_])ir([/_]|$)')
_RIGHT = re.compile(r'(^|[/_])right([/_]|$)')
# Words that make a topic likely, the better ones first.
_GOOD_COLOUR = ('color', 'colour', 'rgb', 'left', 'front')
_GOOD_DEPTH = ('aligned', 'registered', 'depth')
_TRANSPORTS = ('compressed', 'compressedDepth')


@dataclass(frozen=True)
class Wish:
    """
    What somebody says of the topics; None leaves it to a guess.

    :param poses: `tf:FRAME`, a topic, or `TOPIC:FRAME` where FRAME is what the poses are of.
    """

    color: str | None = None
    depth: str | None = None
    info: str | None = None
    depth_info: str | None = None
    right: str | None = None
    right_info: str | None = None
    poses: str | None = None


@dataclass(frozen=True)
class Choice:
    """
    The topics that are used.

    :param color: of the colour pictures (the left ones of a stereo pair).
    :param info: their CameraInfo; None if there is none.
    :param depth, depth_info: None without depth.
    :param right, right_info: None without a stereo pair.
    """

    color: Topic
    info: Topic | None
    depth: Topic | None = None
    depth_info: Topic | None = None
    right: Topic | None = None
    right_info: Topic | None = None

    def names(self) -> dict[str, str]:
        """Return what is used as what."""
        return {what: topic.name for what, topic in vars(self).items() if topic is not None}


def choose(bag: Bag, wish: Wish) -> Choice:
    """
    Find the topics of pictures and cameras.

    :raises ValueError: a topic that is not there, of the wrong type or empty, or nothing that
        could be colour; the message lists what the bag holds.
    """
    color = (_named(bag, wish.color, 'color', IMAGE, COMPRESSED) if wish.color
             else _best(_of_kind(bag, depth=False), _GOOD_COLOUR))
    if color is None:
        raise ValueError(f'{bag.path}: no colour pictures found: looked for a topic of '
                         f'{IMAGE} or {COMPRESSED} with a colour encoding; name it with --color; '
                         f'{holdings(bag)}')
    depth, right = _partner(bag, color, wish)
    return Choice(color, _info(bag, color, wish.info, 'info'),
                  depth, depth and _info(bag, depth, wish.depth_info, 'depth-info'),
                  right, right and _info(bag, right, wish.right_info, 'right-info'))


def _partner(bag: Bag, color: Topic, wish: Wish) -> tuple[Topic | None, Topic | None]:
    """Return what says how far things are: depth, or the right pictures, or neither."""
    if wish.depth and wish.right:
        raise ValueError(f'{bag.path}: depth is either given (--depth {wish.depth}) or made of a '
                         f'pair (--right {wish.right}), not both')
    if wish.right:
        return None, _named(bag, wish.right, 'right', IMAGE, COMPRESSED)
    if wish.depth:
        return _named(bag, wish.depth, 'depth', IMAGE, COMPRESSED), None
    depth = _best(_of_kind(bag, depth=True), _GOOD_DEPTH, color.name)
    return depth, None if depth is not None else _right_of(bag, color)


def holdings(bag: Bag) -> str:
    """Return what a bag holds, for an error."""
    return 'the bag holds ' + ', '.join(f'{topic.name} ({topic.count} {topic.msgtype})'
                                        for topic in bag.topics.values())


def info_name(topic: str) -> str:
    """Return where image_transport publishes the CameraInfo of a picture topic."""
    parts = topic.split('/')
    if parts[-1] in _TRANSPORTS:
        parts.pop()
    return '/'.join([*parts[:-1], 'camera_info'])


def _named(bag: Bag, name: str, option: str, *types: str) -> Topic:
    topic = bag.topics.get(name) or bag.topics.get(f'/{name}')
    if topic is None:
        raise ValueError(f'{bag.path}: --{option}: there is no topic {name}; '
                         f'{holdings(bag)}')
    if topic.msgtype not in types:
        raise ValueError(f'{bag.path}: --{option}: {topic.name} is {topic.msgtype}, expected '
                         f'{" or ".join(types)}')
    if not topic.count:
        raise ValueError(f'{bag.path}: --{option}: {topic.name} holds no message')
    return topic


def _of_kind(bag: Bag, depth: bool) -> list[Topic]:
    """Return the topics of colour or of depth: by the encoding of their first picture."""
    return [topic for topic in bag.of_type(IMAGE, COMPRESSED)
            if not _OTHER.search(topic.name.lower())
            and (depth or not _RIGHT.search(topic.name.lower()))
            and _is_depth(bag, topic) is depth]


def _is_depth(bag: Bag, topic: Topic) -> bool | None:
    """Say whether pictures are depth or colour; None for neither."""
    by_name = 'depth' in topic.name.lower()
    try:
        message = bag.decode(bag.first(topic.name))
    except ValueError:
        return by_name  # whoever reads it says what is wrong
    if topic.msgtype == COMPRESSED:
        return 'compressedDepth' in message.format
    if message.encoding in DEPTH_BYTES and message.encoding in COLOUR_BYTES:
        return by_name
    if message.encoding in DEPTH_BYTES:
        return True
    return False if message.encoding in COLOUR_BYTES else None


def _best(topics: Sequence[Topic], good: Sequence[str], like: str = '') -> Topic | None:
    """Return the likeliest topic: beside another one, by words, raw before compressed."""
    def rank(topic: Topic) -> tuple[int, int, int, int]:
        words = [index for index, word in enumerate(good) if word in topic.name.lower()]
        return (-len(_shared(topic.name, like)), min(words, default=len(good)),
                int(topic.msgtype == COMPRESSED), -topic.count)

    return min(topics, key=rank, default=None)


def _shared(a: str, b: str) -> list[str]:
    """Return the leading parts that two names have in common."""
    same = []
    for x, y in zip(a.split('/'), b.split('/')):
        if x != y:
            break
        same.append(x)
    return same


def _right_of(bag: Bag, left: Topic) -> Topic | None:
    """Return the topic that is called like the left one, but right."""
    name = re.sub(r'(^|[/_])left([/_]|$)', r'\1right\2', left.name)
    topic = bag.topics.get(name)
    return topic if topic is not None and topic.count and name != left.name else None


def _info(bag: Bag, pictures: Topic, name: str | None, option: str) -> Topic | None:
    """Return the CameraInfo of a picture topic: named, beside it, or the only one."""
    if name:
        return _named(bag, name, option, INFO)
    infos = bag.of_type(INFO)
    beside = [topic for topic in infos if topic.name == info_name(pictures.name)]
    return beside[0] if beside else infos[0] if len(infos) == 1 else None
