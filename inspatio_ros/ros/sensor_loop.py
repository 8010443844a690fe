# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The sensor plane's loop: when a tick is taken, and who waits for it.

It runs in a thread of its own. A timer tells it when to look; a loop that is late skips, it never
queues. In lockstep there is no timer: what moves the robots tells it. Commands and teleports are
taken while a frame renders; what changes the world, the outputs or time itself waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
import math
import threading
import time

from inspatio_ros.contracts import F64, SensorFrame, Spawn, WorldBackend
from inspatio_ros.robot.clock import OwnTime, WorldTime
from inspatio_ros.robot.health import Health
from inspatio_ros.robot.lockstep import Lockstep, STEP
from inspatio_ros.robot.names import ALONE
from inspatio_ros.robot.parameters import WorldParameters
from inspatio_ros.robot.robots import Robot
from inspatio_ros.robot.sensor import Sensor
from inspatio_ros.robot.ticks import Moment
from inspatio_ros.ros.publishers import Publishers
from inspatio_ros.ros.step import Busy, StepRequest
from inspatio_ros.ros.tick_publisher import TickPublisher
from inspatio_ros.ros.worker import Worker
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.timer import Timer

# A frame in the making is waited for no longer: a generator in lockstep may hang.
_PATIENCE_S = 1.0


class SensorLoop:
    """
    Looks around at the sensor's rate, from `start` to `stop`.

    :param node: gives clock, context, timers and the log.
    :param sensor: the cameras in their world; belong to the loop.
    :param robots: what moves, each with its publishers.
    :param settings: the node's parameters.
    :param health: what is counted and measured.
    :param warn: called with (key, text); says the same thing at most once a second.
    :param world_time: what time it is.
    :param tell_time: publishes that on /clock, if it is our own.
    """

    def __init__(self, node: Node, sensor: Sensor, robots: Sequence[tuple[Robot, Publishers]],
                 settings: WorldParameters, health: Health, warn: Callable[[str, str], None],
                 world_time: WorldTime, tell_time: Callable[[], None]) -> None:
        self._node = node
        self._sensor = sensor
        self._settings = settings
        self._health = health
        self._warn = warn
        self._ticks = TickPublisher(node, sensor, robots, settings, health, warn, world_time,
                                    tell_time)
        self._time = world_time
        self._lockstep = Lockstep(settings) if settings.clock == 'lockstep' else None
        self._set_pace()
        self._timer: Timer | None = None
        self._motion_timer: Timer | None = None  # of TF between ticks
        # A clock of others may be a simulator's: then timers follow that.
        self._timer_clock = Clock(clock_type=ClockType.STEADY_TIME) if world_time.own else None
        self._worker: Worker | None = None
        self._paused = False
        self._steps = StepRequest()
        self._world_lock = threading.Lock()   # around all that touches the world or the outputs
        self._change_waits = False            # for the world lock, which is not fair

    def start(self) -> None:
        """Begin to look around, in a world that has nothing to remember."""
        self._ticks.start()
        self._ticks.live, self._paused = True, False
        self._time.flow()
        self._worker = Worker(self._look_around)
        if self._lockstep is not None:
            self._lockstep.begin()
            self._worker.tell()
            return
        self._timer = self._node.create_timer(self._period_s(), self._worker.tell,
                                              clock=self._timer_clock)
        self._open_motion_timer()

    def stop(self) -> None:
        """Stop; a frame that is nearly ready still goes out before this returns."""
        for timer in (self._timer, self._motion_timer):
            if timer is not None:
                self._node.destroy_timer(timer)
        self._timer = self._motion_timer = None
        if self._worker is not None:
            self._worker.stop(_PATIENCE_S)
            self._worker = None
        self._ticks.live = False
        if self._time.own:
            self._time.stand()

    # ---- robots

    @property
    def robots(self) -> list[Robot]:
        """Return what moves in this world."""
        return self._ticks.robots

    @property
    def spawn(self) -> Spawn:
        """Return where a robot starts in this world."""
        return self._sensor.spawn

    def where(self, robot: str = ALONE) -> Moment | None:
        """Return where a robot is now; None if nobody knows."""
        return self._ticks.where(robot)

    def teleport(self, T_base: F64, in_odom: bool, robot: str = ALONE) -> F64:
        """Put a robot elsewhere, see TickPublisher.teleport; the next frame shows it."""
        return self._ticks.teleport(robot, T_base, in_odom)

    def reset(self) -> None:
        """
        Put all robots back to their start; the world forgets. In lockstep time begins again, too.

        :raises Busy: a frame in the making takes too long, in lockstep.
        """
        if self._lockstep is None:
            self._ticks.restart(now_ns=self._time.now_ns())
            return
        assert isinstance(self._time, OwnTime), 'ticks have a time of their own'
        with self._between_frames():
            self._ticks.begin_again(self._time)
            self._lockstep.begin()
        self.nudge()

    # ---- time

    @property
    def paused(self) -> bool:
        """Return whether nothing moves."""
        return self._paused

    @property
    def unanswered(self) -> int | None:
        """Return how many ticks nothing had answered in time; None if this is no lockstep."""
        return None if self._lockstep is None else self._lockstep.timeouts

    def nudge(self) -> None:
        """Say that something has come that may be what the next tick waits for."""
        if self._lockstep is not None and self._worker is not None:
            self._worker.tell()

    def pause(self) -> None:
        """
        Let time stand. What moves the robots is taken and counts from the time that stands.

        :raises Busy: a frame in the making takes too long.
        """
        with self._between_frames():
            self._paused = True
            self._time.stand()

    def resume(self) -> None:
        """
        Let time go on.

        :raises Busy: a frame in the making takes too long.
        """
        with self._between_frames():
            self._paused = False
            self._time.flow()
            if self._lockstep is not None:
                self._lockstep.begin()
        self.nudge()

    def step(self) -> int:
        """
        Take exactly one tick; time goes on by one period.

        :returns: its stamp.
        :raises ValueError: time does not stand, the tick failed, or nobody knows where a robot is.
        :raises Busy: the tick takes long; what has become of it is said.
        """
        if not (self._paused or self._lockstep is not None and self._settings.tick_on == STEP):
            raise ValueError('not paused: ~/pause comes first')
        assert self._worker is not None, 'only an active node steps'
        return self._steps.ask(self._worker.tell)

    # ---- changes between two frames

    def enter(self, world: WorldBackend, settings: WorldParameters) -> WorldBackend:
        """
        Go to the start of another world; the next frame shows it.

        :param settings: the node's parameters from now on.
        :returns: the world that was left, for the caller to close.
        :raises Busy: the frame in the making takes too long.
        """
        with self._between_frames():
            left = self._sensor.world
            self._sensor.enter(world, settings)
            self._reconfigure(settings)
            self._ticks.restart(at_start=True, now_ns=self._time.now_ns())
        return left

    def glance(self) -> tuple[SensorFrame, F64] | None:
        """
        Return all that the first robot's first camera sees now, and where the robot is in the map.

        :returns: None if nobody knows where the robot is.
        :raises Busy: the frame in the making takes too long.
        """
        with self._between_frames():
            seen = self._ticks.glance()
            if seen is None:
                return None
            frame, T_map_base = seen
            return replace(frame, stamp_ns=self._time.stamp_ns()), T_map_base

    def reconfigure(self, settings: WorldParameters) -> None:
        """
        Take other parameters, between two frames.

        :raises Busy: the frame in the making takes too long.
        """
        with self._between_frames():
            self._reconfigure(settings)
        self.nudge()

    def look_at_holes(self) -> None:
        """Have one of the next frames say how much of it was never seen."""
        self._ticks.look_at_holes()

    def _reconfigure(self, settings: WorldParameters) -> None:
        self._settings = settings
        self._ticks.reconfigure(settings)
        self._set_pace()
        if self._timer is not None:
            period_ns = round(1e9 * self._period_s())
            if self._timer.timer_period_ns != period_ns:
                self._timer.timer_period_ns = period_ns
            self._open_motion_timer()

    def _set_pace(self) -> None:
        if self._lockstep is not None:
            self._lockstep.settings = self._settings
        elif isinstance(self._time, OwnTime):
            self._time.change_pace(self._settings.speed_factor)
            self._sensor.pace = self._time.pace

    def _period_s(self) -> float:
        """Return the real time from tick to tick."""
        return 1.0 / (self._settings.rate * self._time.pace)

    def _open_motion_timer(self) -> None:
        """Have TF go out between ticks as often as the parameters say now."""
        if self._motion_timer is not None:
            self._node.destroy_timer(self._motion_timer)
            self._motion_timer = None
        if self._settings.motion_rate > 0.0:
            self._motion_timer = self._node.create_timer(
                1.0 / (self._settings.motion_rate * self._time.pace), self._between_ticks,
                clock=self._timer_clock)

    def _between_ticks(self) -> None:
        if not self._paused:
            self._ticks.between()

    @contextmanager
    def _between_frames(self) -> Iterator[None]:
        """Hold the loop between two frames; raises Busy."""
        self._change_waits = True
        free = self._world_lock.acquire(timeout=_PATIENCE_S)
        self._change_waits = False
        if not free:
            raise Busy
        try:
            yield
        finally:
            self._world_lock.release()

    # ---- in the loop's thread

    def _look_around(self) -> None:
        while self._change_waits:
            time.sleep(0.001)
        try:
            with self._world_lock:
                if self._ticks.live and self._node.context.ok():
                    self._take_ticks()
        except Exception as error:  # noqa: B902  a thread boundary: the loop goes on
            if not self._ticks.live:
                return  # left behind: its world is gone
            self._health.drop('frame_failed')
            self._health.error = f'{type(error).__name__}: {error}'
            self._warn('frame', f'a frame failed: {self._health.error}')

    def _take_ticks(self) -> None:
        step = self._steps.take()
        if step is not None:
            step.do(self._tick_on)
        elif not self._paused:
            if self._lockstep is None:
                self._tick()
            else:
                self._tick_if_due(self._lockstep)

    def _tick_if_due(self, lockstep: Lockstep) -> None:
        assert self._worker is not None
        now_ns, heard_ns = self._time.now_ns(), self._ticks.heard_ns()
        wait_s = lockstep.due_in_s(now_ns, heard_ns)
        if wait_s > 0.0:
            if math.isfinite(wait_s):
                self._worker.tell_in(wait_s)
            return
        lockstep.take(now_ns, heard_ns)
        self._worker.tell()  # to look whether another one is due
        self._tick_on()

    def _tick_on(self) -> int | None:
        """Set time that stands on by one period and tick; return the stamp, None if none was."""
        ticks, period_ns = self._health.ticks, round(1e9 / self._settings.rate)
        world_ns = self._time.advance(period_ns)
        if not self._ticks.now():
            world_ns = self._time.advance(period_ns)
            self._ticks.now()
        self._health.error = ''
        return self._time.stamp_of(world_ns) if self._health.ticks > ticks else None

    def _tick(self) -> None:
        lead_ns = self._ticks.lead_ns()
        if (lead_ns == 0 or not self._ticks.ahead(lead_ns)) and not self._ticks.now():
            self._ticks.now()  # once: who teleports all the time must not keep the world locked
        self._health.error = ''
