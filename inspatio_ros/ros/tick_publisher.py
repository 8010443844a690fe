# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
One tick: where the robots are and what their cameras see, published with one stamp.

Belongs to the sensor loop's thread. Motion has a lock of its own, so that commands and teleports
are taken while a frame renders.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
import threading
import time

from inspatio_ros.contracts import F64, SensorFrame
from inspatio_ros.robot.clock import OwnTime, WorldTime
from inspatio_ros.robot.health import COMMAND_TO_PIXEL, Health
from inspatio_ros.robot.parameters import WorldParameters
from inspatio_ros.robot.rig import Sights
from inspatio_ros.robot.robots import Robot
from inspatio_ros.robot.sensor import Sensor
from inspatio_ros.robot.sources import TwistSource
from inspatio_ros.robot.ticks import Moment, Ticks
from inspatio_ros.ros.messages import messages
from inspatio_ros.ros.publishers import Publishers
from rclpy.clock import ROSClock
from rclpy.node import Node

# A frame is begun as long before its stamp as nearly all of the last ones took, but at most
# this share of the period, so that a command shows within two ticks of it, and never by as much as
# a clock that falls back (CLOCK_JUMP_S): the next command, stamped with the time it is, would look
# like one.
_USUALLY = 0.98
_LONGEST_LEAD = 0.5
_LONGEST_LEAD_S = 0.1
# Sleep ends a little early or late; time of our own must have come when a frame goes out.
_NAP_S = 0.0001

# Name of a robot -> topics that are due.
_Due = Mapping[str, frozenset[str]]


class TickPublisher:
    """
    Makes ticks, one at a time.

    :param node: gives clock, context and the log.
    :param sensor: the cameras in their world.
    :param robots: what moves, each with its publishers.
    :param settings: the node's parameters; may be replaced between ticks.
    :param health: what is counted and measured.
    :param warn: called with (key, text); says the same thing at most once a second.
    :param world_time: what time it is.
    :param tell_time: publishes that on /clock, if it is our own.
    """

    def __init__(self, node: Node, sensor: Sensor, robots: Sequence[tuple[Robot, Publishers]],
                 settings: WorldParameters, health: Health, warn: Callable[[str, str], None],
                 world_time: WorldTime, tell_time: Callable[[], None]) -> None:
        self.live = False  # nothing goes out unless it is
        self._node = node
        self._sensor = sensor
        self._robots = {robot.name: robot for robot, _ in robots}
        self._publishers = {robot.name: publishers for robot, publishers in robots}
        self._settings = settings
        self._health = health
        self._time = world_time
        self._tell_time = tell_time
        self._ticks = Ticks(sensor, self.robots, settings, health, warn, self._log)
        self._motion_lock = threading.Lock()  # around teleports and what they make us forget
        self._sent_ns: int | None = None      # instant of the newest TF
        self._tick_ns: int | None = None      # of the tick in the making, whose TF comes

    @property
    def robots(self) -> list[Robot]:
        """Return what moves."""
        return list(self._robots.values())

    @property
    def forgets(self) -> bool:
        """Return whether a robot was put elsewhere, and no frame has begun since."""
        return self._ticks.forget

    def start(self) -> None:
        """Begin in a world that has nothing to remember."""
        self._ticks.start()
        self._sent_ns = self._tick_ns = None

    def look_at_holes(self) -> None:
        """Have one of the next frames say how much of it was never seen."""
        self._ticks.look_at_holes()

    def reconfigure(self, settings: WorldParameters) -> None:
        """Take other parameters, between two ticks."""
        self._settings = self._ticks.settings = settings
        self._sensor.reconfigure(settings)
        for robot in self._robots.values():
            robot.reconfigure(settings)

    # ---- where robots are, from any thread

    def teleport(self, robot: str, T_base: F64, in_odom: bool) -> F64:
        """
        Put a robot elsewhere; the next frame shows the new place.

        :param robot: its name.
        :param T_base: (4, 4) in odom or in the map.
        :returns: (4, 4) in the map.
        """
        with self._motion_lock:
            return self._ticks.teleport(robot, T_base, in_odom, self._time.now_ns())

    def restart(self, at_start: bool = False, now_ns: int | None = None) -> None:
        """
        Put all robots back; the world forgets.

        :param at_start: whether to go where robots start in this world, not where they did.
        :param now_ns: commands stamped before it no longer count; None: time begins again.
        """
        with self._motion_lock:
            self._restart(at_start, now_ns)

    def begin_again(self, own_time: OwnTime) -> None:
        """Put all robots back and let time of our own begin again; the world forgets."""
        with self._motion_lock:
            self._restart(at_start=False, now_ns=None)
            own_time.rewind()
            self._tell_time()
            self.start()

    def where(self, robot: str) -> Moment | None:
        """Return where a robot is now; None if nobody knows."""
        with self._motion_lock:
            source, now_ns = self._robots[robot].source, self._time.now_ns()
            motion = source.motion_at(now_ns)
            return None if motion is None else Moment(now_ns, motion, source.T_map_odom)

    def heard_ns(self) -> int | None:
        """Return up to which instant all robots have heard what moves them; None: not yet."""
        heard = [robot.source.heard_ns for robot in self._robots.values()]
        known = [it for it in heard if it is not None]
        return min(known) if len(known) == len(heard) else None

    def glance(self) -> tuple[SensorFrame, F64] | None:
        """Return all that the first camera of the first robot sees now, see Ticks.glance."""
        return self._ticks.glance(self._time.now_ns())

    def _restart(self, at_start: bool, now_ns: int | None) -> None:
        for robot in self._robots.values():
            robot.source.reset(robot.start(self._sensor.spawn) if at_start else None, now_ns)
        self._ticks.forget = True

    # ---- ticks

    def now(self) -> bool:
        """
        Publish where the robots are, render, and publish what they see.

        :returns: False if a robot was put elsewhere meanwhile: the pictures were dropped.
        """
        moments, _ = self._begin(0)
        if not moments:
            return True
        due = self._due(moments)
        self._send_motion(moments, due)
        sights = self._look(moments, due)
        if self.forgets:
            return False
        self._send_frames(moments, sights, due)
        return True

    def ahead(self, lead_ns: int) -> bool:
        """
        Render for an instant to come and publish when it has come.

        The node drives the robots itself, so the pose of that instant is what it says it is: a
        command that arrives meanwhile acts from the next frame on.

        Where the robots are goes out even if they see nothing because rendering failed, as
        in `now`.

        :returns: False if a robot was put elsewhere meanwhile: nothing was published.
        """
        moments, due_s = self._begin(lead_ns)
        if not moments:
            return True
        due = self._due(moments)
        try:
            sights = self._look(moments, due)
        finally:
            self._sleep_until(due_s, moments)
            stays = not self.forgets
            if stays and self.live:
                self._send_motion(moments, due)
        if stays:
            self._send_frames(moments, sights, due)
        return stays

    def between(self) -> None:
        """Publish where the robots are now, if no tick is about to; from any thread."""
        with self._motion_lock:
            now_ns = self._time.now_ns()
            ahead = self._tick_ns is not None and now_ns >= self._tick_ns
            if not self.live or self._sent_ns is None or now_ns <= self._sent_ns or ahead:
                return
            self._sent_ns = now_ns
            stamp = messages.time_of(self._time.stamp_of(now_ns))
            for name, robot in self._robots.items():
                motion = robot.source.motion_at(now_ns)
                if motion is not None:
                    self._publishers[name].motion.send(stamp, motion, robot.source.T_map_odom)

    def lead_ns(self) -> int:
        """Return how long before its stamp a frame is begun; 0 where its pose is not ours."""
        if not (self._settings.render.ahead and self._time_is_known()
                and all(isinstance(it.source, TwistSource) for it in self._robots.values())
                and any(it.wanted() for it in self._publishers.values())):
            return 0
        usual_s = self._health.usual_s('render', _USUALLY) * self._time.pace
        return round(1e9 * min(usual_s, _LONGEST_LEAD / self._settings.rate, _LONGEST_LEAD_S))

    def _log(self, text: str) -> None:
        self._node.get_logger().warning(text)

    def _time_is_known(self) -> bool:
        """Return whether it is known when an instant to come comes."""
        clock = self._node.get_clock()
        return self._time.own or isinstance(clock, ROSClock) and not clock.ros_time_is_active

    def _begin(self, lead_ns: int) -> tuple[dict[str, Moment], float]:
        """Return what the tick is about, and its instant on the clock that no one sets."""
        with self._motion_lock:
            stamp_ns = self._time.now_ns() + lead_ns
            due_s = time.monotonic()
            if lead_ns:
                due_s += lead_ns * 1e-9 / self._time.pace
            self._tick_ns = stamp_ns
            return self._ticks.begin(stamp_ns), due_s

    def _sleep_until(self, due_s: float, moments: Mapping[str, Moment]) -> None:
        """
        Wait for the instant that a tick is about.

        :param due_s: that instant, monotonic seconds.
        """
        time.sleep(max(0.0, due_s - time.monotonic()))
        while self._time.own and self._time.now_ns() < _stamp_ns(moments):
            time.sleep(_NAP_S)

    def _due(self, moments: Mapping[str, Moment]) -> _Due:
        stamp_ns = self._time.stamp_of(_stamp_ns(moments))
        return {name: self._publishers[name].due(stamp_ns) for name in moments}

    def _look(self, moments: Mapping[str, Moment], due: _Due) -> dict[str, Sights]:
        return self._ticks.look(moments, {name: self._publishers[name].needed(topics)
                                          for name, topics in due.items()})

    def _send_motion(self, moments: Mapping[str, Moment], due: _Due) -> None:
        self._tell_time()
        stamp = messages.time_of(self._time.stamp_of(_stamp_ns(moments)))
        with self._motion_lock:
            said = self._sent_ns == _stamp_ns(moments)  # a clock that moves in steps stood still
            for name, moment in moments.items() if not said else ():
                self._publishers[name].motion.send(stamp, moment.motion, moment.T_map_odom)
            self._sent_ns, self._tick_ns = _stamp_ns(moments), None
        for name in moments:
            self._publishers[name].send_infos(stamp, self._sensor.rig, due[name])

    def _send_frames(self, moments: Mapping[str, Moment], sights: Mapping[str, Sights],
                     due: _Due) -> None:
        if not self.live:
            return
        stamp_ns = self._time.stamp_of(_stamp_ns(moments))
        if any(due.values()):
            with self._health.stage('host'):
                for name, seen in sights.items():
                    self._publishers[name].send_frames(stamp_ns, seen, due[name])
                    self._note_command(moments[name], seen)
        self._health.ticks += 1

    def _note_command(self, moment: Moment, seen: Sights) -> None:
        """Note how long a command took to the first picture that was made with it."""
        if seen.cameras and moment.commanded_s is not None:
            self._health.note(COMMAND_TO_PIXEL, time.monotonic() - moment.commanded_s)


def _stamp_ns(moments: Mapping[str, Moment]) -> int:
    """Return the instant that all of a tick is about."""
    return next(iter(moments.values())).stamp_ns
