# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a replay writes: the topics of the node, into a bag, in a thread beside the renderer."""

from __future__ import annotations

from collections.abc import Callable, Collection
import queue
import threading
from types import TracebackType
from typing import Any

from inspatio_ros.bags.messages import clock_of, messages
from inspatio_ros.bags.reading import Topic
from inspatio_ros.bags.writing import BagWriter, LATCHED, offered
from inspatio_ros.contracts import F64, Intrinsics, SensorFrame
from inspatio_ros.motion.transforms import T_LINK_OPTICAL
from inspatio_ros.robot.frames import FRAME_TOPICS, FrameMessages, rate_of
from inspatio_ros.robot.health import Health
from inspatio_ros.robot.outputs import COLOR, COLOR_INFO, COLOR_JPEG, DEPTH, DEPTH_INFO, DEPTH_PNG
from inspatio_ros.robot.outputs import OBSERVED, POINTS, SCAN, TickMessages
from inspatio_ros.robot.pace import Pace
from inspatio_ros.robot.parameters import WorldParameters
from inspatio_ros.robot.ticks import Moment

INFO = 'sensor_msgs/msg/CameraInfo'
TF = 'tf2_msgs/msg/TFMessage'
# Name for `--outputs` -> topic -> (type, quality of service).
OUTPUTS = {
    **{name: {f'/{topic}': (FRAME_TOPICS[topic].kind, offered(5))} for name, topic in (
        ('color', COLOR), ('depth', DEPTH), ('observed', OBSERVED), ('scan', SCAN),
        ('points', POINTS), ('compressed', COLOR_JPEG), ('compressed_depth', DEPTH_PNG))},
    'info': {f'/{COLOR_INFO}': (INFO, offered(5)), f'/{DEPTH_INFO}': (INFO, offered(5))},
    'odom': {'/odom': ('nav_msgs/msg/Odometry', offered(10))},
    'tf': {'/tf_static': (TF, LATCHED), '/tf': (TF, offered(100))},
    'clock': {'/clock': ('rosgraph_msgs/msg/Clock', offered(1))},
    'diagnostics': {'/diagnostics': ('diagnostic_msgs/msg/DiagnosticArray', offered(10))},
}
USUAL = ('color', 'depth', 'info', 'odom', 'tf', 'clock', 'diagnostics')

# Ticks that wait to be written: enough for a disk that hesitates, little memory.
_WAITING = 4
# About what a tick takes without its pictures, bytes.
_OVERHEAD = 4096
# About what a pixel takes, compressed.
_JPEG_BYTES, _PNG_BYTES = 0.4, 0.1


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
        self._T_base_cam = T_LINK_OPTICAL
        self._topics: set[str] = set()
        self._kept: set[str] = set()
        for name, topics in OUTPUTS.items():
            if name in outputs:
                for topic, (msgtype, qos) in topics.items():
                    bag.add_topic(topic, msgtype, qos)
                    self._topics.add(topic)
        self._paces = {topic: Pace() for topic in FRAME_TOPICS if f'/{topic}' in self._topics}
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
        """Return the topics made of a frame that are written at this tick."""
        p = self._parameters
        return frozenset(topic for topic, pace in self._paces.items()
                         if pace.due(stamp_ns, rate_of(topic, p), p.rate))

    def frame_bytes(self, intrinsics: Intrinsics) -> int:
        """Return about how many bytes one tick takes at most, not compressed."""
        p = self._parameters
        each = {COLOR: 3.0, DEPTH: 2.0 if p.depth_encoding == '16UC1' else 4.0, OBSERVED: 1.0,
                COLOR_JPEG: _JPEG_BYTES, DEPTH_PNG: _PNG_BYTES,
                POINTS: 16.0 / p.points.stride ** 2, SCAN: 4.0 / intrinsics.height}
        pixel = sum(each[topic] for topic in self._paces)
        return round(pixel * intrinsics.width * intrinsics.height) + _OVERHEAD

    def keep(self, topic: Topic) -> None:
        """Have `copy` write a topic, unless it is among the outputs."""
        if topic.name not in self._topics:
            self._bag.add_topic(topic.name, topic.msgtype)
            self._kept.add(topic.name)

    def mount(self, stamp_ns: int, T_base_link: F64) -> None:
        """Note and write where the camera is on the robot."""
        self._T_base_cam = T_base_link @ T_LINK_OPTICAL
        log_ns, stamp = self._log_time(stamp_ns), messages.time_of(stamp_ns)
        transforms = self._says.mount(T_base_link, stamp, self._parameters)
        if transforms is not None:
            self._do(lambda: self._write('/tf_static', log_ns, transforms))

    def tick(self, moment: Moment, intrinsics: Intrinsics, frame: SensorFrame | None,
             topics: frozenset[str]) -> None:
        """
        Write all of a tick.

        :param frame: belongs to the recorder now.
        :param topics: of `due`.
        :raises OSError: of this or an earlier tick: the disk is full, ...
        """
        log_ns = self._log_time(moment.stamp_ns)
        for topic in topics:
            self._paces[topic].take(moment.stamp_ns, rate_of(topic, self._parameters))
        self._do(lambda: self._write_tick(log_ns, moment, intrinsics, frame, topics))

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

    def _write_tick(self, log_ns: int, moment: Moment, intrinsics: Intrinsics,
                    frame: SensorFrame | None, topics: frozenset[str]) -> None:
        says, p = self._says, self._parameters
        stamp = messages.time_of(moment.stamp_ns)
        with self._health.stage('write'):
            self._write('/clock', log_ns, clock_of(stamp))
            transforms = says.transforms(stamp, moment.motion, moment.T_map_odom, p)
            self._write('/tf', log_ns, transforms)
            self._write('/odom', log_ns, says.odometry(stamp, moment.motion))
            for topic in (COLOR_INFO, DEPTH_INFO):
                self._write(f'/{topic}', log_ns, says.info(stamp, intrinsics))
            if frame is not None:
                for topic, make in self._frames.of(stamp, frame, self._T_base_cam, p, topics):
                    self._write(f'/{topic}', log_ns, make())

    def _write(self, topic: str, log_ns: int, message: Any) -> None:
        if topic in self._topics:
            self._bag.write(topic, log_ns, message)
