# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a replay writes: the topics of the node, into a bag, in a thread beside the renderer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
import queue
import threading
from types import TracebackType
from typing import Any

from inspatio_ros.bags.messages import clock_of, messages
from inspatio_ros.bags.reading import Topic
from inspatio_ros.bags.writing import BagWriter, LATCHED, offered
from inspatio_ros.contracts import Intrinsics, Outputs
from inspatio_ros.robot.frames import frame_topics, FrameMessages, FrameTopics
from inspatio_ros.robot.health import Health
from inspatio_ros.robot.outputs import SCAN, TickMessages, topics_of
from inspatio_ros.robot.parameters import WorldParameters
from inspatio_ros.robot.rig import MountedCamera, Sights
from inspatio_ros.robot.ticks import Moment

TF = 'tf2_msgs/msg/TFMessage'
# Names for `--outputs`.
OUTPUTS = ('color', 'depth', 'observed', 'scan', 'points', 'compressed', 'compressed_depth',
           'info', 'odom', 'tf', 'clock', 'diagnostics')
USUAL = ('color', 'depth', 'info', 'odom', 'tf', 'clock', 'diagnostics')

# Ticks that wait to be written: enough for a disk that hesitates, little memory.
_WAITING = 4
# About what a tick takes without its pictures, bytes.
_OVERHEAD = 4096
# About what a pixel takes, compressed.
_JPEG_BYTES, _PNG_BYTES = 0.4, 0.1


def topics_by_output(cameras: Sequence[str]) -> dict[str, dict[str, tuple[str, Any]]]:
    """Return name of OUTPUTS -> topic -> (type, quality of service), for these cameras."""
    kinds, each = frame_topics(cameras), [topics_of(camera) for camera in cameras]
    of_frames = {
        'color': [t.color for t in each], 'depth': [t.depth for t in each],
        'observed': [t.observed for t in each], 'scan': [SCAN],
        'points': [t.points for t in each], 'compressed': [t.color_jpeg for t in each],
        'compressed_depth': [t.depth_png for t in each],
        'info': [topic for t in each for topic in (t.color_info, t.depth_info)]}
    return {
        **{name: {f'/{topic}': (kinds[topic].kind, offered(5)) for topic in topics}
           for name, topics in of_frames.items()},
        'odom': {'/odom': ('nav_msgs/msg/Odometry', offered(10))},
        'tf': {'/tf_static': (TF, LATCHED), '/tf': (TF, offered(100))},
        'clock': {'/clock': ('rosgraph_msgs/msg/Clock', offered(1))},
        'diagnostics': {'/diagnostics': ('diagnostic_msgs/msg/DiagnosticArray', offered(10))}}


class Recorder:
    """
    Writes ticks, in order. Use it as a context manager: what came is written when it ends.

    :param bag: where to; belongs to the recorder's thread meanwhile.
    :param outputs: of OUTPUTS.
    :param parameters: frame names, depth encoding.
    :param health: what is measured.
    """

    def __init__(self, bag: BagWriter, outputs: Collection[str], parameters: WorldParameters,
                 health: Health) -> None:
        self._bag, self._parameters, self._health = bag, parameters, health
        self._says = TickMessages(messages, parameters, alone=True)
        self._frames = FrameMessages(messages, parameters)
        self._frame_topics = FrameTopics(parameters.cameras)
        self._topics: set[str] = set()
        self._kept: set[str] = set()
        for name, topics in topics_by_output(parameters.cameras).items():
            if name in outputs:
                for topic, (msgtype, qos) in topics.items():
                    bag.add_topic(topic, msgtype, qos)
                    self._topics.add(topic)
        self._log_ns: int | None = None  # of the newest tick
        self._shift_ns = 0               # from stamps to the bag's time
        self._jobs: queue.Queue[Callable[[], None] | None] = queue.Queue(_WAITING)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name='recorder', daemon=True)

    def __enter__(self) -> Recorder:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """Write what waits."""
        self._jobs.put(None)
        self._thread.join()
        if error is None and self._error is not None:
            raise self._error

    def due(self, stamp_ns: int) -> frozenset[str]:
        """Return the topics of cameras that are written at this tick."""
        return self._frame_topics.due(stamp_ns, self._parameters,
                                      lambda topic: f'/{topic}' in self._topics)

    def needed(self, topics: Collection[str]) -> dict[str, Outputs]:
        """Return what has to be rendered for these topics, by camera."""
        return self._frame_topics.needed(topics, self._parameters)

    def frame_bytes(self, rig: Mapping[str, MountedCamera]) -> int:
        """Return about how many bytes one tick takes at most, not compressed."""
        return _OVERHEAD + sum(self._bytes_of(name, camera.intrinsics)
                               for name, camera in rig.items())

    def _bytes_of(self, name: str, camera: Intrinsics) -> int:
        p, t = self._parameters, topics_of(name)
        each = {t.color: 3.0, t.depth: 2.0 if p.depth_encoding == '16UC1' else 4.0,
                t.observed: 1.0, t.color_jpeg: _JPEG_BYTES, t.depth_png: _PNG_BYTES,
                t.points: 16.0 / p.points.stride ** 2, SCAN: 4.0 / camera.height}
        pixel = sum(size for topic, size in each.items() if f'/{topic}' in self._topics)
        return round(pixel * camera.width * camera.height)

    def keep(self, topic: Topic) -> None:
        """Have `copy` write a topic, unless it is among the outputs."""
        if topic.name not in self._topics:
            self._bag.add_topic(topic.name, topic.msgtype)
            self._kept.add(topic.name)

    def mount(self, stamp_ns: int, rig: Mapping[str, MountedCamera]) -> None:
        """Write where the cameras are on the robot."""
        log_ns, stamp = self._log_time(stamp_ns), messages.time_of(stamp_ns)
        transforms = self._says.mounts(rig, stamp, self._parameters)
        if transforms is not None:
            self._do(lambda: self._write('/tf_static', log_ns, transforms))

    def tick(self, moment: Moment, rig: Mapping[str, MountedCamera], sights: Sights,
             topics: frozenset[str]) -> None:
        """
        Write all of a tick.

        :param sights: belong to the recorder now.
        :param topics: of `due`.
        :raises OSError: of this or an earlier tick: the disk is full, ...
        """
        log_ns = self._log_time(moment.stamp_ns)
        self._frame_topics.take(moment.stamp_ns, self._parameters, topics)
        self._do(lambda: self._write_tick(log_ns, moment, rig, sights, topics))

    def diagnostics(self, stamp_ns: int, statuses: list[Any]) -> None:
        """Write what a tick says of itself."""
        log_ns, header = self._log_time(stamp_ns), messages.header_of(messages.time_of(stamp_ns),
                                                                      '')
        self._do(lambda: self._write('/diagnostics', log_ns,
                                     messages.diagnostics_of(statuses, header)))

    def copy(self, topic: str, stamp_ns: int, data: bytes) -> None:
        """Write a message of a topic that is kept."""
        if topic in self._kept:
            log_ns = stamp_ns + self._shift_ns
            self._do(lambda: self._bag.write_cdr(topic, log_ns, data))

    def _log_time(self, stamp_ns: int) -> int:
        """Return the bag's time, which goes on also where the stamps fall back."""
        newest_ns = self._log_ns
        if newest_ns is not None and stamp_ns + self._shift_ns < newest_ns:
            self._shift_ns = newest_ns - stamp_ns + round(1e9 / self._parameters.rate)
        self._log_ns = stamp_ns + self._shift_ns
        return self._log_ns

    def _do(self, job: Callable[[], None]) -> None:
        if self._error is not None:
            raise self._error
        self._jobs.put(job)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            if self._error is None:
                try:
                    job()
                except Exception as error:  # noqa: B902  a thread boundary: see _do
                    self._error = error

    def _write_tick(self, log_ns: int, moment: Moment, rig: Mapping[str, MountedCamera],
                    sights: Sights, topics: frozenset[str]) -> None:
        says, p = self._says, self._parameters
        stamp = messages.time_of(moment.stamp_ns)
        with self._health.stage('write'):
            self._write('/clock', log_ns, clock_of(stamp))
            transforms = says.transforms(stamp, moment.motion, moment.T_map_odom, p)
            self._write('/tf', log_ns, transforms)
            self._write('/odom', log_ns, says.odometry(stamp, moment.motion))
            for camera, mounted in rig.items():
                t = topics_of(camera)
                for topic in (t.color_info, t.depth_info):
                    if topic in topics:
                        self._write(f'/{topic}', log_ns,
                                    says.info(stamp, camera, mounted.intrinsics))
            for topic, make in self._frames.of(stamp, sights, p, topics):
                self._write(f'/{topic}', log_ns, make())

    def _write(self, topic: str, log_ns: int, message: Any) -> None:
        if topic in self._topics:
            self._bag.write(topic, log_ns, message)
