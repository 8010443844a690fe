# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The first pass over a bag: when every picture was taken, the cameras, the transforms, the poses.

Pictures are not decoded, only the stamps at their beginning are read, so that what stays in memory
is a few numbers a message.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from inspatio_ros.bags.choice import Choice, POSE_TYPES, TF
from inspatio_ros.bags.reading import Bag, NS_PER_S, Raw, stamp_ns, Topic, Window
from inspatio_ros.bags.scenes.calibration import Calibration, calibration_of
from inspatio_ros.bags.tf import frame_name, numbers_or_none, PoseSeries, Transforms
from inspatio_ros.contracts import I64
from inspatio_ros.scene.parallel import Progress
import numpy as np

_ODOMETRY, _WITH_COVARIANCE, _STAMPED, _PATH = POSE_TYPES
_TELL_EVERY = 200


@dataclass
class Row:
    """
    What a topic holds, as the table shows it.

    :param count: messages in the part that is read.
    :param first_ns, last_ns: when they were recorded.
    """

    topic: Topic
    count: int = 0
    first_ns: int = 0
    last_ns: int = 0

    @property
    def rate_hz(self) -> float:
        """Return messages per second; 0 for fewer than two."""
        span_ns = self.last_ns - self.first_ns
        return (self.count - 1) * NS_PER_S / span_ns if span_ns > 0 else 0.0

    def see(self, log_ns: int) -> None:
        """Count a message."""
        self.first_ns = log_ns if not self.count else min(self.first_ns, log_ns)
        self.last_ns = max(self.last_ns, log_ns)
        self.count += 1


@dataclass
class Track:
    """
    The poses of one topic.

    :param fixed: frame in which they are.
    :param base: frame that they are of; empty where the messages do not say.
    """

    topic: str
    series: PoseSeries
    fixed: str = ''
    base: str = ''

    def join(self, fixed: str, base: str) -> None:
        """
        Take the frames of a message.

        :raises ValueError: they change on the way.
        """
        frames = frame_name(fixed), frame_name(base)
        if not self.fixed:
            self.fixed, self.base = frames
        elif frames != (self.fixed, self.base):
            raise ValueError(f'{self.topic}: the frames change from {self.fixed} {self.base} to '
                             f'{frames[0]} {frames[1]}')


@dataclass
class Survey:
    """
    What the first pass found.

    :param rows: topic -> what it holds.
    :param stamps: picture topic -> (N,) stamps of its messages, in the order of recording.
    :param cameras: CameraInfo topic -> camera.
    :param tracks: pose topic -> poses.
    """

    rows: dict[str, Row]
    stamps: dict[str, I64]
    tf: Transforms
    cameras: dict[str, Calibration] = field(default_factory=dict)
    tracks: dict[str, Track] = field(default_factory=dict)

    def table(self, start_ns: int, used: dict[str, str]) -> str:
        """
        Return what the bag holds, a topic a line.

        :param start_ns: when the bag begins; times count from there.
        :param used: what is used -> topic.
        """
        roles = {name: role for role, name in used.items()}
        width = max(len('topic'), *(len(name) for name in self.rows))
        kind = max(len('type'), *(len(row.topic.msgtype) for row in self.rows.values()))
        lines = [f'{"topic":{width}}  {"type":{kind}}   count     Hz   first s    last s  used as']
        for name, row in self.rows.items():
            times = (f'{(row.first_ns - start_ns) / NS_PER_S:9.2f} '
                     f'{(row.last_ns - start_ns) / NS_PER_S:9.2f}' if row.count else ' ' * 19)
            lines.append(f'{name:{width}}  {row.topic.msgtype:{kind}} {row.count:7d} '
                         f'{row.rate_hz:6.1f} {times}  {roles.get(name, "")}'.rstrip())
        return '\n'.join(lines)


def survey(bag: Bag, choice: Choice, pose_topics: Iterable[str], window: Window, max_gap_s: float,
           progress: Progress | None = None) -> Survey:
    """
    Go through a bag once.

    :param pose_topics: whose poses are wanted.
    :param window: which part of the bag; transforms that never change, and cameras that are silent
        in this part, are read from all of it.
    :param progress: called as progress(messages done, messages in all).
    :raises ValueError: a damaged message, a camera that changes, no picture.
    """
    surveyor = _Surveyor(bag, choice, set(pose_topics), max_gap_s)
    static = [topic.name for topic in bag.of_type(TF) if _is_static(topic)]
    for raw in bag.messages(static):
        surveyor.tf.add_message(bag.decode(raw), static=True)
    for done, raw in enumerate(bag.messages(list(bag.topics), window), start=1):
        surveyor.take(raw)
        if progress is not None and done % _TELL_EVERY == 0:
            progress(done, bag.message_count)
    for name in surveyor.silent_infos():
        # A camera that says what it is once, at the beginning.
        surveyor.take_info(bag.first(name))
    if progress is not None:
        progress(bag.message_count, bag.message_count)
    seen = surveyor.finish()
    if not len(seen.stamps[choice.color.name]):
        raise ValueError(f'{bag.path}: {choice.color.name} has no picture in this part of the bag')
    return seen


def _is_static(topic: Topic) -> bool:
    return topic.name.endswith('tf_static')


class _Surveyor:
    """Takes message after message."""

    def __init__(self, bag: Bag, choice: Choice, pose_topics: set[str], max_gap_s: float) -> None:
        self._bag, self._pose_topics = bag, pose_topics
        self.tf = Transforms(max_gap_s)
        self._rows = {name: Row(topic) for name, topic in bag.topics.items()}
        pictures = [topic for topic in (choice.color, choice.depth, choice.right) if topic]
        self._stamps = {topic.name: array('q') for topic in pictures}
        self._infos = {info.name: topic.name for topic, info in (
            (choice.color, choice.info), (choice.depth, choice.depth_info),
            (choice.right, choice.right_info)) if topic and info}
        self._cameras: dict[str, Calibration] = {}
        self._tracks = {name: Track(name, PoseSeries(name, max_gap_s)) for name in pose_topics}
        self._paths: dict[str, Raw] = {}

    def take(self, raw: Raw) -> None:
        name = raw.topic.name
        self._rows[name].see(raw.log_ns)
        if name in self._stamps:
            self._stamps[name].append(stamp_ns(raw))
        elif name in self._infos:
            self.take_info(raw)
        elif raw.topic.msgtype == TF and not _is_static(raw.topic):
            self.tf.add_message(self._bag.decode(raw), static=False)
        elif name in self._pose_topics:
            self._take_pose(raw)

    def finish(self) -> Survey:
        for raw in self._paths.values():
            message, track = self._bag.decode(raw), self._tracks[raw.topic.name]
            for stamped in message.poses:
                _add(track, message.header.frame_id, '', stamped.header.stamp, stamped.pose)
        stamps = {name: np.array(values, np.int64) for name, values in self._stamps.items()}
        return Survey(self._rows, stamps, self.tf, self._cameras, self._tracks)

    def silent_infos(self) -> list[str]:
        return [name for name in self._infos if name not in self._cameras]

    def take_info(self, raw: Raw) -> None:
        what = f'{self._bag.path}: {raw.topic.name}: message {raw.number}'
        camera = calibration_of(self._bag.decode(raw), self._infos[raw.topic.name], what)
        first = self._cameras.setdefault(raw.topic.name, camera)
        if not camera.same_as(first):
            raise ValueError(f'{what}: the camera changes: {_words(camera)}, before '
                             f'{_words(first)}; --from and --to take one part of the bag')

    def _take_pose(self, raw: Raw) -> None:
        if raw.topic.msgtype == _PATH:
            # Each holds all poses so far: the last one is enough.
            self._paths[raw.topic.name] = raw
            return
        message = self._bag.decode(raw)
        pose = message.pose if raw.topic.msgtype == _STAMPED else message.pose.pose
        child = message.child_frame_id if raw.topic.msgtype == _ODOMETRY else ''
        _add(self._tracks[raw.topic.name], message.header.frame_id, child, message.header.stamp,
             pose)


def _add(track: Track, fixed: str, base: str, stamp: Any, pose: Any) -> None:
    track.join(fixed, base)
    track.series.add(stamp.sec * NS_PER_S + stamp.nanosec,
                     numbers_or_none(pose.position, pose.orientation))


def _words(camera: Calibration) -> str:
    it = camera.intrinsics
    return (f'{it.width}x{it.height} fx {it.fx:.6g} fy {it.fy:.6g} cx {it.cx:.6g} cy {it.cy:.6g} '
            f'in {camera.frame}')
