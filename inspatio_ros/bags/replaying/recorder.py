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
from inspatio_ros.contracts import F64, Intrinsics, Outputs, SensorFrame
from inspatio_ros.robot.health import Health
from inspatio_ros.robot.outputs import COLOR, COLOR_INFO, DEPTH, DEPTH_INFO, OBSERVED, pictures
from inspatio_ros.robot.outputs import TickMessages
from inspatio_ros.robot.parameters import WorldParameters
from inspatio_ros.robot.ticks import Moment

IMAGE, INFO = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CameraInfo'
TF = 'tf2_msgs/msg/TFMessage'
# Name for `--outputs` -> topic -> (type, quality of service).
OUTPUTS = {
    'color': {f'/{COLOR}': (IMAGE, offered(5))},
    'depth': {f'/{DEPTH}': (IMAGE, offered(5))},
    'observed': {f'/{OBSERVED}': (IMAGE, offered(5))},
    'info': {f'/{COLOR_INFO}': (INFO, offered(5)), f'/{DEPTH_INFO}': (INFO, offered(5))},
    'odom': {'/odom': ('nav_msgs/msg/Odometry', offered(10))},
    'tf': {'/tf_static': (TF, LATCHED), '/tf': (TF, offered(100))},
    'clock': {'/clock': ('rosgraph_msgs/msg/Clock', offered(1))},
    'diagnostics': {'/diagnostics': ('diagnostic_msgs/msg/DiagnosticArray', offered(10))},
}
USUAL = tuple(name for name in OUTPUTS if name != 'observed')

# Ticks that wait to be written: enough for a disk that hesitates, little memory.
_WAITING = 4
# About what a tick takes without its pictures, bytes.
_OVERHEAD = 4096


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
        self._topics: set[str] = set()
        self._kept: set[str] = set()
        for name, topics in OUTPUTS.items():
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

    @property
    def wanted(self) -> Outputs:
        """Return what is to be rendered."""
        return ((Outputs.RGB if f'/{COLOR}' in self._topics else Outputs.NONE)
                | (Outputs.DEPTH if f'/{DEPTH}' in self._topics else Outputs.NONE)
                | (Outputs.OBSERVED if f'/{OBSERVED}' in self._topics else Outputs.NONE))

    def frame_bytes(self, intrinsics: Intrinsics) -> int:
        """Return about how many bytes one tick takes, not compressed."""
        wanted, depth = self.wanted, 2 if self._parameters.depth_encoding == '16UC1' else 4
        pixel = ((3 if Outputs.RGB in wanted else 0) + (depth if Outputs.DEPTH in wanted else 0)
                 + (1 if Outputs.OBSERVED in wanted else 0))
        return pixel * intrinsics.width * intrinsics.height + _OVERHEAD

    def keep(self, topic: Topic) -> None:
        """Have `copy` write a topic, unless it is among the outputs."""
        if topic.name not in self._topics:
            self._bag.add_topic(topic.name, topic.msgtype)
            self._kept.add(topic.name)

    def mount(self, stamp_ns: int, T_base_link: F64) -> None:
        """Write where the camera is on the robot."""
        if self._parameters.publish_mount_tf:
            log_ns, stamp = self._log_time(stamp_ns), messages.time_of(stamp_ns)
            self._do(lambda: self._write('/tf_static', log_ns,
                                         self._says.mount(T_base_link, stamp)))

    def tick(self, moment: Moment, intrinsics: Intrinsics, frame: SensorFrame | None) -> None:
        """
        Write all of a tick.

        :param frame: belongs to the recorder now.
        :raises OSError: of this or an earlier tick: the disk is full, ...
        """
        log_ns = self._log_time(moment.stamp_ns)
        self._do(lambda: self._write_tick(log_ns, moment, intrinsics, frame))

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
                    frame: SensorFrame | None) -> None:
        says, p = self._says, self._parameters
        stamp = messages.time_of(moment.stamp_ns)
        with self._health.stage('write'):
            self._write('/clock', log_ns, clock_of(stamp))
            transforms = says.transforms(stamp, moment.motion, moment.T_map_odom, p)
            self._write('/tf', log_ns, transforms)
            self._write('/odom', log_ns, says.odometry(stamp, moment.motion))
            for topic in (COLOR_INFO, DEPTH_INFO):
                self._write(f'/{topic}', log_ns, says.info(stamp, intrinsics))
            for topic, pixels in ({} if frame is None else pictures(frame, p)).items():
                self._write(f'/{topic}', log_ns, says.image(stamp, pixels))

    def _write(self, topic: str, log_ns: int, message: Any) -> None:
        if topic in self._topics:
            self._bag.write(topic, log_ns, message)
