# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where a camera was at a stamp: from TF, or from a topic of poses with TF up to the camera."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from inspatio_ros.bags.choice import POSE_TYPES
from inspatio_ros.bags.reading import Bag
from inspatio_ros.bags.survey import Survey, Track
from inspatio_ros.bags.tf import frame_name, NoPoseError, Transforms
from inspatio_ros.contracts import F64, I64
import numpy as np

# The frames of REP-105 that do not move, the best first.
FIXED_FRAMES = ('map', 'odom', 'world')
BASE_FRAMES = ('base_footprint', 'base_link')
# A fixed frame is guessed if it tells where this share of some pictures was taken.
_ENOUGH = 0.5
_SAMPLES = 50


class NoPosesError(ValueError):
    """A bag that does not say where its camera was."""


@dataclass(frozen=True)
class Poses:
    """
    Poses of all frames of a robot in a frame that does not move.

    :param fixed: that frame.
    :param tf: from the base, or from `fixed`, up to the cameras.
    :param track: poses of the frame `base`; None if TF knows them.
    :param base: frame that the track is of.
    :param remark: why a better frame was not taken.
    """

    fixed: str
    tf: Transforms
    track: Track | None = None
    base: str = ''
    remark: str = ''

    @property
    def topics(self) -> tuple[str, ...]:
        """Return the topic of the poses; none for those of TF."""
        return () if self.track is None else (self.track.topic,)

    def at(self, frame: str, stamp_ns: int) -> F64:
        """
        Return T_fixed_frame at an instant.

        :raises NoPoseError: why it is not known.
        """
        if self.track is None:
            return self.tf.lookup(self.fixed, frame, stamp_ns)
        return self.track.series.at(stamp_ns) @ self.tf.lookup(self.base, frame, stamp_ns)

    def summary(self, frame: str) -> str:
        """Say in words where the poses of a camera come from."""
        if self.track is None:
            return f'TF {self.fixed} -> {frame}'
        way = f', TF {self.base} -> {frame}' if self.base != frame else ''
        return f'{self.track.topic} ({self.fixed} -> {self.base}){way}'


def pose_topics(bag: Bag, wish: str | None) -> list[str]:
    """
    Say whose poses are worth collecting.

    :param wish: `tf:FRAME`, TOPIC or TOPIC:FRAME; None to guess, which only trusts odometry: a
        PoseStamped may as well be a goal, a Path a plan.
    :raises ValueError: a topic that is not there or holds no poses.
    """
    if wish is None:
        return [topic.name for topic in bag.of_type(POSE_TYPES[0])]
    name, _ = _parsed(wish)
    if name == 'tf':
        return []
    topic = bag.topics.get(name) or bag.topics.get(f'/{name}')
    known = [it.name for it in bag.of_type(*POSE_TYPES)]
    if topic is None or topic.msgtype not in POSE_TYPES or not topic.count:
        found = 'there is no such topic' if topic is None else (
            f'it is {topic.msgtype} with {topic.count} messages')
        raise ValueError(f'{bag.path}: --poses {wish}: {found}; topics with poses are '
                         f'{", ".join(known) or "not in the bag"}; tf:FRAME takes them from TF')
    return [topic.name]


def choose_poses(path: object, seen: Survey, wish: str | None, camera_frame: str, stamps_ns: I64,
                 ) -> Poses:
    """
    Choose where poses come from.

    :param path: of the bag, for messages.
    :param seen: the first pass.
    :param wish: as for `pose_topics`.
    :param camera_frame: whose poses are wanted.
    :param stamps_ns: (N,) at which they are wanted.
    :raises NoPosesError: nothing that says where the camera was; lists what there is.
    :raises ValueError: what was wished for does not say it.
    """
    if wish is not None:
        name, frame = _parsed(wish)
        if name != 'tf':
            return _of_track(path, next(iter(seen.tracks.values())), seen.tf, frame, camera_frame)
        if not seen.tf.connects(frame, camera_frame):
            raise ValueError(f'{path}: --poses {wish}: TF does not connect {frame} with the '
                             f'camera {camera_frame}; {_frames(seen.tf)}')
        return Poses(frame, seen.tf)
    remarks: list[str] = []
    for fixed in (*FIXED_FRAMES, seen.tf.root_of(camera_frame)):
        if not seen.tf.moves(fixed, camera_frame):
            continue
        poses = Poses(fixed, seen.tf, remark='; '.join(remarks))
        share = _share(poses, camera_frame, stamps_ns)
        if share >= _ENOUGH:
            return poses
        remarks.append(f'TF {fixed} -> {camera_frame} is known for {share:.0%} of the pictures '
                       'only')
    tracks = [track for track in seen.tracks.values() if len(track.series)]
    if tracks:
        best = max(tracks, key=lambda track: len(track.series))
        return replace(_of_track(path, best, seen.tf, '', camera_frame),
                       remark='; '.join(remarks))
    raise NoPosesError(
        f'{path}: nothing says where the camera was: looked for TF {" | ".join(FIXED_FRAMES)} -> '
        f'{camera_frame} at the stamps of its pictures and for odometry; {_frames(seen.tf)}; '
        f'{_troubles(seen, camera_frame, stamps_ns)}--poses names a topic with poses')


def _parsed(wish: str) -> tuple[str, str]:
    name, _, frame = wish.partition(':')
    if name == 'tf' and not frame:
        raise ValueError(f'--poses {wish}: expected tf:FRAME, TOPIC or TOPIC:FRAME')
    return name, frame_name(frame)


def _of_track(path: object, track: Track, tf: Transforms, frame: str, camera_frame: str) -> Poses:
    candidates = [frame or track.base] if frame or track.base else list(BASE_FRAMES)
    base = next((it for it in candidates if tf.connects(it, camera_frame)), None)
    if base is None:
        raise ValueError(
            f'{path}: {track.topic} has poses of {" or ".join(candidates)}, and TF does not say '
            f'where the camera {camera_frame} is on it; --poses {track.topic}:{camera_frame} if '
            f'they are of the camera itself; {_frames(tf)}')
    if not len(track.series):
        raise ValueError(f'{path}: {track.topic} has no usable pose: {track.series.not_finite} '
                         'are not finite or no unit quaternion')
    return Poses(track.fixed, tf, track, base)


def _share(poses: Poses, frame: str, stamps_ns: I64) -> float:
    """Return the share of some stamps at which a frame's pose is known."""
    picked = stamps_ns[::max(1, len(stamps_ns) // _SAMPLES)]
    known = 0
    for stamp in picked:
        try:
            poses.at(frame, int(stamp))
            known += 1
        except NoPoseError:
            pass
    return known / max(len(picked), 1)


def _frames(tf: Transforms) -> str:
    return f'the frames of TF are {", ".join(tf.frames)}' if tf.frames else 'there is no TF'


def _troubles(seen: Survey, camera_frame: str, stamps_ns: I64) -> str:
    """Say what stands in the way of each likely frame, and which poses were not finite."""
    found: list[str] = []
    middle = int(np.median(stamps_ns)) if len(stamps_ns) else 0
    for fixed in FIXED_FRAMES:
        if seen.tf.is_known(fixed):
            try:
                seen.tf.lookup(fixed, camera_frame, middle)
            except NoPoseError as error:
                found.append(f'the middle picture is {error.reason}' if 'the ' in error.reason
                             else error.reason)
    found += not_finite(seen.tf, seen.tracks.values())
    return ''.join(f'{it}; ' for it in found)


def not_finite(tf: Transforms, tracks: Iterable[Track]) -> list[str]:
    """Say how many poses of a recording are none."""
    counts = {**tf.not_finite, **{track.topic: track.series.not_finite for track in tracks}}
    return [f'{count} poses of {name} are not finite or no unit quaternion'
            for name, count in counts.items() if count]
