# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The sensor plane's loop: at every tick, where the robot is and what its camera sees, published.

It runs in a thread of its own. A timer tells it when to look; a loop that is late skips, it never
queues. In lockstep there is no timer: what moves the robot tells it. Motion has a lock of its own,
so that commands and teleports are taken while a frame renders; what changes the world, the outputs
or time itself waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
import math
import threading
import time

from inspatio_ros.contracts import F64, SensorFrame, Spawn, WorldBackend
from inspatio_ros.robot.clock import OwnTime, WorldTime
from inspatio_ros.robot.frames import needed
from inspatio_ros.robot.health import Health
from inspatio_ros.robot.lockstep import Lockstep, STEP
from inspatio_ros.robot.parameters import WorldParameters
from inspatio_ros.robot.sensor import Sensor, start_of
from inspatio_ros.robot.sources import TrackSource, TwistSource
from inspatio_ros.robot.ticks import Moment, Ticks
from inspatio_ros.ros.messages import messages
from inspatio_ros.ros.publishers import Publishers
from inspatio_ros.ros.worker import Worker
from rclpy.clock import Clock, ClockType, ROSClock
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
# A step, which a generator may have to paint for, is waited for longer.
_STEP_PATIENCE_S = 10.0
# Sleep ends a little early or late; time of our own must have come when a frame goes out.
_NAP_S = 0.0001


class Busy(Exception):
    """A frame takes long just now; nothing has changed."""

    def __init__(self) -> None:
        super().__init__('a frame takes long just now, nothing has changed')


class _Step:
    """A tick that somebody waits for."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.stamp_ns: int | None = None  # None: nothing went out


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
    :param world_time: what time it is.
    :param tell_time: publishes that on /clock, if it is our own.
    """

    def __init__(self, node: Node, sensor: Sensor, source: TwistSource | TrackSource,
                 publishers: Publishers, settings: WorldParameters, health: Health,
                 warn: Callable[[str, str], None], world_time: WorldTime,
                 tell_time: Callable[[], None]) -> None:
        self._node = node
        self._sensor = sensor
        self._source = source
        self._publishers = publishers
        self._settings = settings
        self._health = health
        self._warn = warn
        self._ticks = Ticks(sensor, source, settings, health, warn, self._log)
        self._time = world_time
        self._tell_time = tell_time
        self._lockstep = Lockstep(settings) if settings.clock == 'lockstep' else None
        self._set_pace()
        self._timer: Timer | None = None
        self._worker: Worker | None = None
        self._running = False
        self._paused = False
        self._step: _Step | None = None       # that is asked for
        self._world_lock = threading.Lock()   # around all that touches the world or the outputs
        self._change_waits = False            # for the world lock, which is not fair
        self._motion_lock = threading.Lock()  # around a teleport and what that makes us forget

    def start(self) -> None:
        """Begin to look around, in a world that has nothing to remember."""
        self._ticks.start()
        self._running, self._paused = True, False
        self._time.flow()
        self._worker = Worker(self._look_around)
        if self._lockstep is not None:
            self._lockstep.begin()
            self._worker.tell()
            return
        # A clock of others may be a simulator's: then the timer follows that.
        clock = Clock(clock_type=ClockType.STEADY_TIME) if self._time.own else None
        self._timer = self._node.create_timer(self._period_s(), self._worker.tell, clock=clock)

    def stop(self) -> None:
        """Stop; a frame that is nearly ready still goes out before this returns."""
        if self._timer is not None:
            self._node.destroy_timer(self._timer)
            self._timer = None
        if self._worker is not None:
            self._worker.stop(_PATIENCE_S)
            self._worker = None
        self._running = False
        if self._time.own:
            self._time.stand()

    def teleport(self, T_base: F64, in_odom: bool) -> F64:
        """
        Put the robot elsewhere; the next frame shows the new place.

        :param T_base: (4, 4) in odom or in the map.
        :returns: (4, 4) in the map.
        """
        with self._motion_lock:
            return self._ticks.teleport(T_base, in_odom, self._time.now_ns())

    def reset(self) -> None:
        """
        Put the robot back to its start; the world forgets. In lockstep time begins again, too.

        :raises Busy: a frame in the making takes too long, in lockstep.
        """
        if self._lockstep is None:
            with self._motion_lock:
                self._source.reset(now_ns=self._time.now_ns())
                self._ticks.forget = True
            return
        with self._between_frames(), self._motion_lock:
            self._begin_again()
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
        Let time stand. What moves the robot is taken and counts from the time that stands.

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
        :raises ValueError: time does not stand, or nobody knows where the robot is.
        :raises Busy: the tick takes long; it goes out once it is ready.
        """
        if not (self._paused or self._lockstep is not None and self._settings.tick_on == STEP):
            raise ValueError('not paused: ~/pause comes first')
        assert self._worker is not None, 'only an active node steps'
        step = self._step = _Step()
        self._worker.tell()
        if not step.done.wait(_STEP_PATIENCE_S):
            raise Busy
        if step.stamp_ns is None:
            raise ValueError(self._health.error or 'the pose of the robot is unknown')
        return step.stamp_ns

    # ---- changes between two frames

    def enter(self, world: WorldBackend, settings: WorldParameters) -> WorldBackend:
        """
        Go to the start of another world; the next frame shows it.

        :param settings: the node's parameters from now on.
        :returns: the world that was left, for the caller to close.
        :raises Busy: the frame in the making takes too long.
        """
        with self._between_frames(), self._motion_lock:
            left = self._sensor.world
            self._sensor.enter(world, settings)
            self._source.reset(start_of(settings.initial_pose, self._sensor.spawn),
                               self._time.now_ns())
            self._ticks.forget = True
            self._reconfigure(settings)
        return left

    def glance(self) -> tuple[SensorFrame, F64] | None:
        """
        Return all that the camera sees now, and where the robot is in the map.

        :returns: None if nobody knows where the robot is.
        :raises Busy: the frame in the making takes too long.
        """
        with self._between_frames():
            seen = self._ticks.glance(self._time.now_ns())
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

    def where(self) -> Moment | None:
        """Return where the robot is now; None if nobody knows."""
        with self._motion_lock:
            now_ns = self._time.now_ns()
            motion = self._source.motion_at(now_ns)
            if motion is None:
                return None
            return Moment(now_ns, motion, self._source.T_map_odom)

    @property
    def spawn(self) -> Spawn:
        """Return where a robot starts in this world."""
        return self._sensor.spawn

    def look_at_holes(self) -> None:
        """Have one of the next frames say how much of it was never seen."""
        self._ticks.look_at_holes()

    def _reconfigure(self, settings: WorldParameters) -> None:
        self._settings = settings
        self._ticks.settings = settings
        self._sensor.reconfigure(settings)
        self._source.reconfigure(settings)
        self._set_pace()
        if self._timer is not None:
            period_ns = round(1e9 * self._period_s())
            if self._timer.timer_period_ns != period_ns:
                self._timer.timer_period_ns = period_ns

    def _set_pace(self) -> None:
        if self._lockstep is not None:
            self._lockstep.settings = self._settings
        elif isinstance(self._time, OwnTime):
            self._time.change_pace(self._settings.speed_factor)
            self._sensor.pace = self._time.pace

    def _period_s(self) -> float:
        """Return the real time from tick to tick."""
        return 1.0 / (self._settings.rate * self._time.pace)

    def _begin_again(self) -> None:
        assert isinstance(self._time, OwnTime) and self._lockstep is not None
        self._source.reset()
        self._time.rewind()
        self._tell_time()
        self._ticks.start()
        self._lockstep.begin()

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
                if self._running and self._node.context.ok():
                    self._take_ticks()
        except Exception as error:  # noqa: B902  a thread boundary: the loop goes on
            if not self._running:
                return  # left behind: its world is gone
            self._health.drop('frame_failed')
            self._health.error = f'{type(error).__name__}: {error}'
            self._warn('frame', f'a frame failed: {self._health.error}')

    def _take_ticks(self) -> None:
        step, self._step = self._step, None
        if step is not None:
            try:
                step.stamp_ns = self._tick_on()
            finally:
                step.done.set()
        elif not self._paused:
            if self._lockstep is None:
                self._tick()
            else:
                self._tick_if_due(self._lockstep)

    def _tick_if_due(self, lockstep: Lockstep) -> None:
        assert self._worker is not None
        now_ns, heard_ns = self._time.now_ns(), self._source.heard_ns
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
        if not self._tick_now():
            world_ns = self._time.advance(period_ns)
            self._tick_now()
        self._health.error = ''
        return self._time.stamp_of(world_ns) if self._health.ticks > ticks else None

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
        topics = self._publishers.due(self._time.stamp_of(moment.stamp_ns), self._settings)
        frame = self._ticks.look(moment, needed(topics))
        if self._ticks.forget:
            return False
        self._send_frame(frame, topics)
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
        topics = self._publishers.due(self._time.stamp_of(moment.stamp_ns), self._settings)
        frame = self._ticks.look(moment, needed(topics))
        time.sleep(max(0.0, due_s - time.monotonic()))
        while self._time.own and self._time.now_ns() < moment.stamp_ns:
            time.sleep(_NAP_S)
        if self._ticks.forget:
            return False
        if not self._running:
            return True
        self._send_motion(moment)
        self._send_frame(frame, topics)
        return True

    def _lead_ns(self) -> int:
        """Return how long before its stamp a frame is begun; 0 where its pose is not ours."""
        if not (self._settings.render.ahead and isinstance(self._source, TwistSource)
                and self._publishers.wanted() and self._time_is_known()):
            return 0
        usual_s = self._health.usual_s('render', _USUALLY) * self._time.pace
        return round(1e9 * min(usual_s, _LONGEST_LEAD / self._settings.rate, _LONGEST_LEAD_S))

    def _time_is_known(self) -> bool:
        """Return whether it is known when an instant to come comes."""
        clock = self._node.get_clock()
        return self._time.own or isinstance(clock, ROSClock) and not clock.ros_time_is_active

    def _begin(self, lead_ns: int) -> tuple[Moment | None, float]:
        """Return what the tick is about, and its instant on the clock that no one sets."""
        with self._motion_lock:
            stamp_ns = self._time.now_ns() + lead_ns
            due_s = time.monotonic()
            if lead_ns:
                due_s += lead_ns * 1e-9 / self._time.pace
            return self._ticks.begin(stamp_ns), due_s

    def _send_motion(self, moment: Moment) -> None:
        self._tell_time()
        stamp = messages.time_of(self._time.stamp_of(moment.stamp_ns))
        self._publishers.send_motion(stamp, moment.motion, moment.T_map_odom, self._settings)
        self._publishers.send_infos(stamp, self._sensor.intrinsics)

    def _send_frame(self, frame: SensorFrame | None, topics: frozenset[str]) -> None:
        if not self._running:
            return
        if frame is not None:
            with self._health.stage('host'):
                stamped = replace(frame, stamp_ns=self._time.stamp_of(frame.stamp_ns))
                self._publishers.send_frame(stamped, self._sensor.T_base_cam, self._settings,
                                            topics)
        self._health.ticks += 1

    def _log(self, text: str) -> None:
        self._node.get_logger().warning(text)
