# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
From one instant to the next: whether it is newer, where the robot is, what its camera sees.

The node asks at the instants of its timer, a replay at those of a recording. Not thread-safe:
whoever asks locks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import math

from inspatio_ros.contracts import F64, Outputs, SensorFrame
from inspatio_ros.motion.drive import Motion
from inspatio_ros.robot.health import Health
from inspatio_ros.robot.parameters import WorldParameters
from inspatio_ros.robot.sensor import Sensor
from inspatio_ros.robot.sources import TrackSource, TwistSource

# A clock that falls back by less than this is late, not reset: the tick is skipped.
CLOCK_JUMP_NS = 500_000_000


@dataclass(frozen=True)
class Moment:
    """
    What a tick is about.

    :param stamp_ns: the instant.
    :param motion: of the robot, at that instant.
    :param T_map_odom: (4, 4), likewise.
    """

    stamp_ns: int
    motion: Motion
    T_map_odom: F64

    @property
    def T_map_base(self) -> F64:
        """Return the robot's pose in the map."""
        return self.T_map_odom @ self.motion.T_odom_base


class Ticks:
    """
    The ticks of a robot's camera.

    :param sensor: the camera in its world.
    :param source: where the robot is.
    :param settings: parameters; may be replaced between ticks.
    :param health: what is counted and measured.
    :param warn: called with (key, text) as long as something is not as it should be.
    :param log: called with what happens once.
    """

    def __init__(self, sensor: Sensor, source: TwistSource | TrackSource,
                 settings: WorldParameters, health: Health, warn: Callable[[str, str], None],
                 log: Callable[[str], None]) -> None:
        self.settings = settings
        self.forget = False                 # the world forgets before the next frame
        self._sensor = sensor
        self._source = source
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

    def teleport(self, T_base: F64, in_odom: bool, now_ns: int) -> F64:
        """
        Put the robot elsewhere; the next frame shows the new place.

        :param T_base: (4, 4) in odom or in the map.
        :returns: (4, 4) in the map.
        """
        T_map_base = self._source.T_map_odom @ T_base if in_odom else T_base
        self._source.teleport(T_map_base, now_ns)
        self.forget = True
        return T_map_base

    def begin(self, stamp_ns: int) -> Moment | None:
        """
        Begin a tick.

        :returns: None if it is not newer than the last one, or if nobody knows where the robot is.
        """
        if not self._in_order(stamp_ns):
            return None
        motion, T_map_odom = self._source.motion_at(stamp_ns), self._source.T_map_odom
        if motion is None:
            self._lost(stamp_ns)
            return None
        if self.forget:
            self._sensor.world.reset()
            self.forget = False
        return Moment(stamp_ns, motion, T_map_odom)

    def look(self, moment: Moment, wanted: Outputs) -> SensorFrame | None:
        """Return what the camera sees; None if nothing of it is wanted."""
        if wanted is Outputs.NONE:
            return None
        if self._look_at_holes:
            wanted |= Outputs.OBSERVED
        self._sensor.expect(moment.stamp_ns, self._source.predict)
        with self._health.stage('render'):
            frame = self._sensor.look(moment.stamp_ns, moment.T_map_base, wanted)
        if not math.isnan(frame.unobserved_ratio):
            self._health.unobserved_ratio = frame.unobserved_ratio
            self._look_at_holes = False
            self._ratio_is_free |= Outputs.OBSERVED not in wanted
        return frame

    def glance(self, now_ns: int) -> tuple[SensorFrame, F64] | None:
        """
        Return all that the camera sees between two ticks, and where the robot is in the map.

        :returns: None if nobody knows where the robot is.
        """
        motion = self._source.motion_at(now_ns)
        if motion is None:
            return None
        if self.forget:
            self._sensor.world.reset()
        T_map_base = self._source.T_map_odom @ motion.T_odom_base
        return self._sensor.look(now_ns, T_map_base, Outputs.ALL), T_map_base

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
        skipped = round((stamp_ns - last_ns) * 1e-9 * self.settings.rate) - 1
        if skipped > 0:
            self._health.drop('tick_skipped', skipped)
        return True

    def _lost(self, stamp_ns: int) -> None:
        self._health.drop('pose_unknown')
        assert isinstance(self._source, TrackSource), 'who drives knows where he is'
        self._warn('pose', f'{self.settings.motion_source}: the pose of the robot is unknown, '
                           f'nothing is published: {self._source.why_unknown(stamp_ns)}')
