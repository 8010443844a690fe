# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
From one instant to the next: whether it is newer, where robots are, what their cameras see.

The node asks at the instants of its timer, a replay at those of a recording. Not thread-safe:
whoever asks locks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
import math

from inspatio_ros.contracts import F64, Outputs, SensorFrame
from inspatio_ros.motion.drive import Motion
from inspatio_ros.robot.health import Health
from inspatio_ros.robot.parameters import WorldParameters
from inspatio_ros.robot.rig import RING, Sights, Wanted
from inspatio_ros.robot.robots import boxes_beside, Robot
from inspatio_ros.robot.sensor import Look, Sensor
from inspatio_ros.robot.sources import TrackSource, TwistSource

# A clock that falls back by less than this is late, not reset: the tick is skipped.
CLOCK_JUMP_NS = 500_000_000
# Frames that are begun before their stamp begin earlier once somebody looks: the first of them is
# stamped up to three quarters of a period later than the others, and none before it was skipped.
_SKIPPED_AFTER = 1.8


@dataclass(frozen=True)
class Moment:
    """
    What a tick is about for one robot.

    :param stamp_ns: the instant.
    :param motion: of the robot, at that instant.
    :param T_map_odom: (4, 4), likewise.
    :param commanded_s: when the oldest command came that this tick is the first to show,
        monotonic seconds; None: it shows none.
    """

    stamp_ns: int
    motion: Motion
    T_map_odom: F64
    commanded_s: float | None = None

    @property
    def T_map_base(self) -> F64:
        """Return the robot's pose in the map."""
        return self.T_map_odom @ self.motion.T_odom_base


class Ticks:
    """
    The ticks of robots in one world.

    :param sensor: their cameras.
    :param robots: at least one.
    :param settings: parameters; may be replaced between ticks.
    :param health: what is counted and measured.
    :param warn: called with (key, text) as long as something is not as it should be.
    :param log: called with what happens once.
    """

    def __init__(self, sensor: Sensor, robots: Sequence[Robot], settings: WorldParameters,
                 health: Health, warn: Callable[[str, str], None],
                 log: Callable[[str], None]) -> None:
        self.settings = settings
        self.forget = False                 # the world forgets before the next frame
        self._sensor = sensor
        self._robots = {robot.name: robot for robot in robots}
        self._health = health
        self._warn = warn
        self._log = log
        self._last_ns: int | None = None    # stamp of the newest tick
        self._look_at_holes = False         # the next frame says how much was never seen,
        self._ratio_is_free = False         # unless every frame does

    def start(self) -> None:
        """Begin in a world that has nothing to remember."""
        self._last_ns = None
        self.forget = True

    def teleport(self, robot: str, T_base: F64, in_odom: bool, now_ns: int) -> F64:
        """
        Put a robot elsewhere; the next frame shows the new place.

        :param robot: its name.
        :param T_base: (4, 4) in odom or in the map.
        :returns: (4, 4) in the map.
        """
        source = self._robots[robot].source
        T_map_base = source.T_map_odom @ T_base if in_odom else T_base
        source.teleport(T_map_base, now_ns)
        self.forget = True
        return T_map_base

    def begin(self, stamp_ns: int) -> dict[str, Moment]:
        """
        Begin a tick.

        :returns: by name of the robot; robots that nobody knows the place of are not there. Empty
            if the instant is not newer than the last one.
        """
        if not self._in_order(stamp_ns):
            return {}
        moments = {}
        for name, robot in self._robots.items():
            motion, T_map_odom = robot.source.motion_at(stamp_ns), robot.source.T_map_odom
            if motion is None:
                self._lost(robot, stamp_ns)
            else:
                commanded_s = (robot.source.show(stamp_ns)
                               if isinstance(robot.source, TwistSource) else None)
                moments[name] = Moment(stamp_ns, motion, T_map_odom, commanded_s)
        if moments and self.forget:
            self._sensor.world.reset()
            self.forget = False
        return moments

    def look(self, moments: Mapping[str, Moment],
             wanted: Mapping[str, Wanted]) -> dict[str, Sights]:
        """
        Return what all cameras see, rendered in one call.

        :param moments: of `begin`.
        :param wanted: what of each robot's cameras; of none: nothing is rendered.
        :returns: by name of the robot.
        """
        if not any(wanted.values()):
            return {name: Sights() for name in moments}
        if self._look_at_holes:
            wanted = {name: {camera: outputs if camera == RING else outputs | Outputs.OBSERVED
                             for camera, outputs in it.items()} for name, it in wanted.items()}
        self._expect(moments)
        with self._health.stage('render'):
            sights = self._look(moments, wanted)
        ratio = max((it.unobserved_ratio for it in sights.values()
                     if not math.isnan(it.unobserved_ratio)), default=math.nan)
        if not math.isnan(ratio):
            self._health.unobserved_ratio = ratio
            self._look_at_holes = False
            self._ratio_is_free |= not any(Outputs.OBSERVED in outputs for it in wanted.values()
                                           for outputs in it.values())
        return sights

    def glance(self, now_ns: int) -> tuple[SensorFrame, F64] | None:
        """
        Return all that the first robot's first camera sees, and where the robot is in the map.

        :returns: None if nobody knows where the robot is.
        """
        poses = self._poses(now_ns)
        first, *_ = self._robots
        if first not in poses:
            return None
        if self.forget:
            self._sensor.world.reset()
        others = tuple(self._robots[name].box(T) for name, T in poses.items() if name != first)
        return self._sensor.glance(now_ns, poses[first], boxes=others), poses[first]

    def look_at_holes(self) -> None:
        """Have one of the next frames say how much of it was never seen."""
        self._look_at_holes = not self._ratio_is_free

    def _in_order(self, stamp_ns: int) -> bool:
        """Return whether this tick is newer than the last; start over if the clock was reset."""
        last_ns = self._last_ns
        if last_ns is not None and last_ns - CLOCK_JUMP_NS <= stamp_ns <= last_ns:
            self._health.drop('clock_stood')
            return False
        self._last_ns = stamp_ns
        if last_ns is None:
            return True
        if stamp_ns < last_ns:
            self.forget = True
            self._log(f'the clock jumped back by {(last_ns - stamp_ns) * 1e-9:.3f} s: '
                      f'buffers cleared')
            return True
        periods = (stamp_ns - last_ns) * 1e-9 * self.settings.rate
        if periods > _SKIPPED_AFTER:
            self._health.drop('tick_skipped', max(round(periods) - 1, 1))
        return True

    def _poses(self, now_ns: int) -> dict[str, F64]:
        """Return T_map_base of the robots whose place is known now."""
        found = {}
        for name, robot in self._robots.items():
            motion = robot.source.motion_at(now_ns)
            if motion is not None:
                found[name] = robot.source.T_map_odom @ motion.T_odom_base
        return found

    def _expect(self, moments: Mapping[str, Moment]) -> None:
        """Have a generator paint for the first robot."""
        name, *_ = moments
        self._sensor.expect(moments[name].stamp_ns, self._robots[name].source.predict)

    def _look(self, moments: Mapping[str, Moment],
              wanted: Mapping[str, Wanted]) -> dict[str, Sights]:
        poses = [moment.T_map_base for moment in moments.values()]
        boxes = [self._robots[name].box(T) for name, T in zip(moments, poses)]
        looks = [Look(T, wanted.get(name, {}), boxes_beside(index, boxes))
                 for index, (name, T) in enumerate(zip(moments, poses))]
        stamp_ns = next(iter(moments.values())).stamp_ns
        return dict(zip(moments, self._sensor.look(stamp_ns, looks)))

    def _lost(self, robot: Robot, stamp_ns: int) -> None:
        assert isinstance(robot.source, TrackSource), 'who drives knows where he is'
        self._health.drop(f'{robot.prefix}pose_unknown')
        self._warn(f'{robot.prefix}pose', f'{robot.prefix}{self.settings.motion_source}: the pose '
                   f'of the robot is unknown, nothing is published: '
                   f'{robot.source.why_unknown(stamp_ns)}')
