# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Drive a recording through a world again, in message time, as fast as it goes.

What the robot does at an instant follows from the messages alone, and nothing here looks at a
clock: the same recording makes the same bag on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
import itertools
import logging
import math
from typing import Any

from inspatio_ros.bags.choice import holdings
from inspatio_ros.bags.messages import messages
from inspatio_ros.bags.reading import Bag, Raw, stamp_ns
from inspatio_ros.bags.replaying.message_time import Grid, Instants, MessageClock
from inspatio_ros.bags.replaying.motion import header_stamp_ns, initial_poses, Motion, TfPoses
from inspatio_ros.bags.replaying.recorder import Recorder
from inspatio_ros.bags.typestore import typestore
from inspatio_ros.contracts import F64, GeneratorState, Intrinsics, WorldBackend
from inspatio_ros.motion.counts import Counts, Verdict
from inspatio_ros.robot import health as health_of
from inspatio_ros.robot.health import Health, Level
from inspatio_ros.robot.names import ALONE
from inspatio_ros.robot.parameters import WorldParameters
from inspatio_ros.robot.rig import MountedCamera
from inspatio_ros.robot.robots import Robot
from inspatio_ros.robot.sensor import Sensor, start_of
from inspatio_ros.robot.sources import frame_of, judged_initial_pose, open_source
from inspatio_ros.robot.ticks import CLOCK_JUMP_NS, Ticks
from inspatio_ros.scene.parallel import Progress
import numpy as np

_DIAGNOSTICS_NS = 1_000_000_000
# What a generator counts; the rest of its status is about times of this machine.
_GENERATOR_COUNTS = ('blocks', 'frames', 'failures', 'not_finite', 'out_of_memory', 'size')

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Options:
    """
    What is replayed, and how.

    :param start_s: first instant that is written, after the beginning; motion before it counts.
    :param duration_s: of what is written; infinity = to the end.
    :param clock: of message_time.MODES.
    :param stamps_of: topic at whose stamps the camera looks; None = at the parameter `rate`.
    :param initial_poses: whether messages on `initialpose` put the robot elsewhere.
    :param keep: whether the messages that moved the robot are written, too.
    :param T_shift: (4, 4) of the camera, see Sensor.shift; None = as recorded.
    :param scene: what to call the scene in diagnostics.
    """

    start_s: float = 0.0
    duration_s: float = math.inf
    clock: str = 'auto'
    stamps_of: str | None = None
    initial_poses: bool = True
    keep: bool = False
    T_shift: F64 | None = None
    scene: str = ''


@dataclass(frozen=True)
class Summary:
    """
    What a replay did.

    :param frames: ticks that were written.
    :param span_s: from the first to the last of them, of message time.
    :param unobserved_ratio: share of pixels that no view has seen, mean over seconds; NaN if
        nothing was rendered.
    :param inputs: topic -> what became of its messages.
    :param drops: ticks that were not written, by reason.
    """

    frames: int
    span_s: float
    unobserved_ratio: float
    inputs: dict[str, dict[str, int]]
    drops: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


class Replay:
    """
    A recording that drives through a world.

    :param bag: the recording.
    :param motion: what of it moves the robot.
    :param world: what is driven through.
    :param parameters: of the robot; motion_source is taken from the motion.
    :raises ValueError: a topic of `stamps_of` that is not there, or several robots.
    """

    def __init__(self, bag: Bag, motion: Motion, world: WorldBackend,
                 parameters: WorldParameters, options: Options = Options()) -> None:
        self._bag, self._motion, self._options = bag, motion, options
        self.health = Health()
        if parameters.robots != (ALONE,):
            raise ValueError(f'robots: a recording moves one robot without a name, got '
                             f'{list(parameters.robots)}')
        stamps = None if options.stamps_of is None else stamps_of(bag, options.stamps_of)
        rate_hz = parameters.rate if stamps is None else _rate_hz(stamps)
        self.parameters = replace(parameters, motion_source=motion.source, rate=rate_hz)
        self._sensor = Sensor(world, self.parameters)
        if options.T_shift is not None:
            self._sensor.shift(options.T_shift)
        self._now_ns = 0
        self._source = open_source(self.parameters,
                                   start_of(parameters.initial_pose, self._sensor.spawn),
                                   lambda: self._now_ns, self._on_dropped)
        robot = Robot(ALONE, self.parameters, self._source)
        self._ticks = Ticks(self._sensor, [robot], self.parameters, self.health,
                            self._say_once, _log.warning)
        self._tf = TfPoses(bag, self.parameters) if motion.kind == 'tf' else None
        self._teleports = initial_poses(bag) if options.initial_poses else []
        self._teleport_counts = Counts()
        self._said: dict[str, str] = {}
        self._clock = self._first_clock()
        self._instants = (Grid(self._clock.start_ns, self.parameters.rate) if stamps is None
                          else Instants(stamps))
        self._first_ns: int | None = None      # tick that was written
        self._last_ns = 0                      # likewise
        self._told_ns: int | None = None       # of the newest diagnostics
        self._told_ticks = 0
        self._unobserved: list[float] = []

    @property
    def intrinsics(self) -> Intrinsics:
        """Return the first camera."""
        return self._sensor.intrinsics

    @property
    def rig(self) -> dict[str, MountedCamera]:
        """Return all cameras."""
        return self._sensor.rig

    @property
    def frames(self) -> int:
        """Return about how many frames there will be."""
        return max(1, round(self._span_ns() * 1e-9 * self.parameters.rate))

    def run(self, recorder: Recorder, progress: Progress | None = None) -> Summary:
        """
        Replay.

        :param progress: called as progress(frames done, about how many in all).
        :raises ValueError: a message that is damaged, or motion of which nothing can be used.
        :raises OSError: the bag cannot be written any further.
        """
        self._ticks.start()
        if self._options.keep:
            for name in (self._motion.topic.name, *self._teleports):
                recorder.keep(self._bag.topics[name])
        for stamp_ns_ in self._drive(recorder):
            self._tick(stamp_ns_, recorder)
            if progress is not None:
                progress(self.health.ticks, max(self.frames, self.health.ticks))
        if not self.health.ticks:
            raise ValueError(f'{self._bag.path}: nothing to show: {self._why_nothing()}')
        return self.summary()

    def summary(self) -> Summary:
        """Return what was done so far."""
        drops = self.health.drop_counts()
        if self._tf is not None and self._tf.not_finite:
            drops['tf_not_finite'] = self._tf.not_finite
        ratio = float(np.mean(self._unobserved)) if self._unobserved else math.nan
        return Summary(self.health.ticks, (self._last_ns - (self._first_ns or 0)) * 1e-9, ratio,
                       {topic: counts.as_dict() for topic, counts in self._inputs().items()},
                       drops)

    def _why_nothing(self) -> str:
        if not self.health.drops['pose_unknown']:
            return 'no instant to look at lies in the part of the recording that was asked for'
        if self._tf is not None:
            return self._tf.missing
        return '; '.join(self._said.values())

    # ---- time

    def _first_clock(self) -> MessageClock:
        name = self._motion.topic.name
        first = next(iter(self._bag.messages([name])), None)
        if first is None:
            raise ValueError(f'{self._bag.path}: {name} holds no message; {holdings(self._bag)}')
        clock = MessageClock(self._options.clock, first.log_ns,
                             header_stamp_ns(self._bag.decode(first)))
        if clock.by_header:
            _log.info('time is that of the headers of %s: it is not the time of recording', name)
            return clock
        return MessageClock('log', self._bag.start_ns, 0)

    def _span_ns(self) -> int:
        whole_ns = self._bag.end_ns - self._bag.start_ns
        left_ns = whole_ns - round(self._options.start_s * 1e9)
        return max(0, round(min(left_ns, self._options.duration_s * 1e9)))

    def _drive(self, recorder: Recorder) -> Iterator[int]:
        """Take message after message and yield the instants between them."""
        begin_ns = self._clock.start_ns + round(self._options.start_s * 1e9)
        stop_ns = begin_ns + self._options.duration_s * 1e9
        newest_ns, fallen_ns = self._clock.start_ns, 0
        for raw in itertools.chain(self._bag.messages(
                [self._motion.topic.name, *self._teleports]), [None]):
            message = None if raw is None else self._bag.decode(raw)
            now_ns = (self._end_ns(newest_ns) if raw is None
                      else self._clock.at(raw.log_ns, header_stamp_ns(message)))
            if now_ns < newest_ns - CLOCK_JUMP_NS:
                self._instants.restart(now_ns)
                fallen_ns += newest_ns - now_ns
            newest_ns = now_ns
            for stamp_ns_ in self._instants.until(now_ns):
                if stamp_ns_ + fallen_ns >= stop_ns:
                    return
                if stamp_ns_ + fallen_ns >= begin_ns:
                    yield stamp_ns_
            if raw is not None:
                self._take(raw, message, now_ns, recorder)

    def _end_ns(self, newest_ns: int) -> int:
        """Return the instant after the last one."""
        return (newest_ns if self._clock.by_header else self._bag.end_ns) + 1

    # ---- messages

    def _take(self, raw: Raw, message: Any, now_ns: int, recorder: Recorder) -> None:
        self._now_ns = now_ns
        if raw.topic.name in self._teleports:
            self._teleport(message, now_ns)
        elif self._tf is not None:
            for pose in self._tf.take(message):
                self._source.take(pose)
        else:
            self._source.take(message)
        if self._options.keep:
            recorder.copy(raw.topic.name, now_ns, raw.data)

    def _teleport(self, message: Any, now_ns: int) -> None:
        verdict, detail, T = judged_initial_pose(message, self.parameters)
        self._teleport_counts.note(verdict)
        if T is None:
            self._on_dropped('initialpose', verdict, detail)
            return
        in_odom = frame_of(message.header.frame_id) == self.parameters.odom_frame
        self._ticks.teleport(ALONE, T, in_odom, now_ns)

    def _on_dropped(self, topic: str, verdict: Verdict, detail: str) -> None:
        self._say_once(f'{topic}/{verdict.value}', f'{topic}: messages are dropped, '
                                                   f'{verdict.value}; the first one: {detail}')

    def _say_once(self, key: str, text: str) -> None:
        if key not in self._said:
            self._said[key] = text
            _log.warning(text)

    # ---- ticks

    def _tick(self, stamp_ns_: int, recorder: Recorder) -> None:
        moments = self._ticks.begin(stamp_ns_)
        if not moments:
            return
        if self._first_ns is None:
            self._first_ns = stamp_ns_
            recorder.mount(stamp_ns_, self.rig)
        due = self._told_ns is None or not (
            self._told_ns <= stamp_ns_ < self._told_ns + _DIAGNOSTICS_NS)
        if due:
            self._ticks.look_at_holes()
        topics = recorder.due(stamp_ns_)
        sights = self._ticks.look(moments, {ALONE: recorder.needed(topics)})
        recorder.tick(moments[ALONE], self.rig, sights[ALONE], topics)
        self.health.ticks += 1
        self._last_ns = stamp_ns_
        if due:
            self._tell(stamp_ns_, recorder)

    def _tell(self, stamp_ns_: int, recorder: Recorder) -> None:
        """Write diagnostics, of which nothing depends on the machine."""
        h, p = self.health, self.parameters
        ticks, since_ns = h.ticks - self._told_ticks, stamp_ns_ - (self._told_ns or stamp_ns_)
        rate_hz = ticks / (since_ns * 1e-9) if since_ns > 0 else p.rate
        self._told_ns, self._told_ticks = stamp_ns_, h.ticks
        if not math.isnan(h.unobserved_ratio):
            self._unobserved.append(h.unobserved_ratio)
        values = health_of.sensor_values(h, 'active', rate_hz, {}, self._inputs())
        verdict = health_of.verdict_of(h, 'active', rate_hz, p.rate, p.max_unobserved_ratio)
        recorder.diagnostics(stamp_ns_, [
            messages.status_of('replay: sensor', self._options.scene, verdict, values),
            *self._generator_status()])

    def _generator_status(self) -> list[Any]:
        status = self._sensor.world.status()
        if status.state is GeneratorState.NONE:
            return []
        verdict = ((Level.ERROR, status.reason) if status.state is GeneratorState.FAILED
                   else (Level.OK, ''))
        values = health_of.generator_values(status)
        return [messages.status_of('replay: generator', self.parameters.imagination.generator,
                                   verdict, {name: values[name] for name in _GENERATOR_COUNTS})]

    def _inputs(self) -> dict[str, Counts]:
        inputs = self._source.counts()
        return {**inputs, 'initialpose': self._teleport_counts} if self._teleports else inputs


def stamps_of(bag: Bag, name: str) -> list[int]:
    """
    Return the stamps of the headers of a topic.

    :raises ValueError: no such topic, fewer than two messages, or messages without a header.
    """
    topic = bag.topics.get(name) or bag.topics.get(f'/{name}')
    if topic is None:
        raise ValueError(f'{bag.path}: --stamps-of: there is no topic {name}; {holdings(bag)}')
    fields = typestore().fielddefs[topic.msgtype][1] if topic.msgtype in typestore().types else ()
    if topic.count < 2 or not fields or fields[0][0] != 'header':
        raise ValueError(f'{bag.path}: --stamps-of: {topic.name} ({topic.count} {topic.msgtype}) '
                         f'does not hold two messages with a header')
    return [stamp_ns(raw) for raw in bag.messages([topic.name])]


def _rate_hz(stamps: list[int]) -> float:
    span_ns = stamps[-1] - stamps[0]
    return (len(stamps) - 1) * 1e9 / span_ns if span_ns > 0 else 1.0
