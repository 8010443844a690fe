# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The sensor plane's loop: at every tick, where the robot is and what its camera sees, published.

It runs in a thread of its own. A timer tells it when to look; a loop that is late skips, it never
queues. Motion has a lock of its own, so that commands and teleports are taken while a frame
renders; what changes the world or the outputs waits for it.
"""

from __future__ import annotations

from collections.abc import Callable
import threading
import time

from inspatio_ros.contracts import F64, Outputs, SensorFrame
from inspatio_ros.robot.health import Health
from inspatio_ros.robot.parameters import WorldParameters
from inspatio_ros.robot.sensor import Sensor
from inspatio_ros.robot.sources import TrackSource, TwistSource
from inspatio_ros.robot.ticks import Moment, Ticks
from inspatio_ros.ros.messages import messages
from inspatio_ros.ros.publishers import Publishers
from inspatio_ros.ros.worker import Worker
from rclpy.clock import ROSClock
from rclpy.node import Node
from rclpy.timer import Timer

# A frame is begun as long before its stamp as nearly all of the last ones took, but at most
# this share of the period, and never by as much as a clock that falls back (CLOCK_JUMP_S): the
# next command, stamped with the time it is, would look like one.
_USUALLY = 0.98
_LONGEST_LEAD = 0.75
_LONGEST_LEAD_S = 0.1

# A frame in the making is waited for no longer: a generator in lockstep may hang.
_PATIENCE_S = 1.0


class SensorLoop:
    """
    Looks around at the sensor's rate, from `start` to `stop`.

    :param node: gives clock, context, timers and the log.
    :param sensor: the camera in its world; belongs to the loop.
    :param source: where the robot is.
    :param publishers: where everything goes.
    :param settings: the node's parameters.
    :param health: what is counted and measured.
    :param warn: called with (key, text); says the same thing at most once a second.
    """

    def __init__(self, node: Node, sensor: Sensor, source: TwistSource | TrackSource,
                 publishers: Publishers, settings: WorldParameters, health: Health,
                 warn: Callable[[str, str], None]) -> None:
        self._node = node
        self._sensor = sensor
        self._source = source
        self._publishers = publishers
        self._settings = settings
        self._health = health
        self._warn = warn
        self._ticks = Ticks(sensor, source, settings, health, warn, self._log)
        self._timer: Timer | None = None
        self._worker: Worker | None = None
        self._running = False
        self._world_lock = threading.Lock()   # around all that touches the world or the outputs
        self._change_waits = False            # for the world lock, which is not fair
        self._motion_lock = threading.Lock()  # around a teleport and what that makes us forget

    def start(self) -> None:
        """Begin to look around, in a world that has nothing to remember."""
        self._ticks.start()
        self._running = True
        self._worker = Worker(self._look_around)
        self._timer = self._node.create_timer(1.0 / self._settings.rate, self._worker.tell)

    def stop(self) -> None:
        """Stop; a frame that is nearly ready still goes out before this returns."""
        if self._timer is not None:
            self._node.destroy_timer(self._timer)
            self._timer = None
        if self._worker is not None:
            self._worker.stop(_PATIENCE_S)
            self._worker = None
        self._running = False

    def teleport(self, T_base: F64, in_odom: bool) -> F64:
        """
        Put the robot elsewhere; the next frame shows the new place.

        :param T_base: (4, 4) in odom or in the map.
        :returns: (4, 4) in the map.
        """
        with self._motion_lock:
            return self._ticks.teleport(T_base, in_odom, self._now_ns())

    def reset(self) -> None:
        """Put the robot back to its start; the world forgets."""
        with self._motion_lock:
            self._source.reset()
            self._ticks.forget = True

    def reconfigure(self, settings: WorldParameters) -> bool:
        """
        Take other parameters, between two frames.

        :returns: False if the frame in the making takes too long: nothing has changed.
        """
        self._change_waits = True
        free = self._world_lock.acquire(timeout=_PATIENCE_S)
        self._change_waits = False
        if not free:
            return False
        try:
            old, self._settings = self._settings, settings
            self._ticks.settings = settings
            self._sensor.reconfigure(settings)
            self._source.reconfigure(settings)
            if self._timer is not None and settings.rate != old.rate:
                self._timer.timer_period_ns = round(1e9 / settings.rate)
        finally:
            self._world_lock.release()
        return True

    def look_at_holes(self) -> None:
        """Have one of the next frames say how much of it was never seen."""
        self._ticks.look_at_holes()

    # ---- in the loop's thread

    def _look_around(self) -> None:
        while self._change_waits:
            time.sleep(0.001)
        try:
            with self._world_lock:
                if self._running and self._node.context.ok():
                    self._tick()
        except Exception as error:  # noqa: B902  a thread boundary: the loop goes on
            if not self._running:
                return  # left behind: its world is gone
            self._health.drop('frame_failed')
            self._health.error = f'{type(error).__name__}: {error}'
            self._warn('frame', f'a frame failed: {self._health.error}')

    def _tick(self) -> None:
        lead_ns = self._lead_ns()
        if (lead_ns == 0 or not self._tick_ahead(lead_ns)) and not self._tick_now():
            self._tick_now()  # once: who teleports all the time must not keep the world locked
        self._health.error = ''

    def _tick_now(self) -> bool:
        """
        Publish where the robot is, render, and publish what it sees.

        :returns: False if the robot was put elsewhere meanwhile: the picture was dropped.
        """
        moment, _ = self._begin(0)
        if moment is None:
            return True
        self._send_motion(moment)
        frame = self._ticks.look(moment, self._publishers.wanted())
        if self._ticks.forget:
            return False
        self._send_frame(moment, frame)
        return True

    def _tick_ahead(self, lead_ns: int) -> bool:
        """
        Render for an instant to come and publish when it has come.

        The node drives the robot itself, so the pose of that instant is what it says it is: a
        command that arrives meanwhile acts from the next frame on.

        :returns: False if the robot was put elsewhere meanwhile: nothing was published.
        """
        moment, due_s = self._begin(lead_ns)
        if moment is None:
            return True
        frame = self._ticks.look(moment, self._publishers.wanted())
        time.sleep(max(0.0, due_s - time.monotonic()))
        if self._ticks.forget:
            return False
        if not self._running:
            return True
        self._send_motion(moment)
        self._send_frame(moment, frame)
        return True

    def _lead_ns(self) -> int:
        """Return how long before its stamp a frame is begun; 0 where its pose is not ours."""
        clock = self._node.get_clock()
        if not (self._settings.render.ahead and isinstance(self._source, TwistSource)
                and self._publishers.wanted() is not Outputs.NONE
                and isinstance(clock, ROSClock) and not clock.ros_time_is_active):
            return 0
        usual_s = self._health.usual_s('render', _USUALLY)
        return round(1e9 * min(usual_s, _LONGEST_LEAD / self._settings.rate, _LONGEST_LEAD_S))

    def _begin(self, lead_ns: int) -> tuple[Moment | None, float]:
        """Return what the tick is about, and its instant on the clock that no one sets."""
        with self._motion_lock:
            stamp_ns = self._now_ns() + lead_ns
            due_s = time.monotonic() + lead_ns * 1e-9
            return self._ticks.begin(stamp_ns), due_s

    def _send_motion(self, moment: Moment) -> None:
        stamp = messages.time_of(moment.stamp_ns)
        self._publishers.send_motion(stamp, moment.motion, moment.T_map_odom, self._settings)
        self._publishers.send_infos(stamp, self._sensor.intrinsics)

    def _send_frame(self, moment: Moment, frame: SensorFrame | None) -> None:
        if not self._running:
            return
        if frame is not None:
            with self._health.stage('host'):
                self._publishers.send_frame(messages.time_of(moment.stamp_ns), frame,
                                            self._settings)
        self._health.ticks += 1

    def _log(self, text: str) -> None:
        self._node.get_logger().warning(text)

    def _now_ns(self) -> int:
        return int(self._node.get_clock().now().nanoseconds)
