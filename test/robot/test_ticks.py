# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Ticks are in order, show where the robot is, and forget when they must."""

from inspatio_ros.contracts import Outputs
from inspatio_ros.motion.transforms import pose_rpy
from inspatio_ros.robot.health import Health
from inspatio_ros.robot.parameters import WorldParameters
from inspatio_ros.robot.robots import Robot
from inspatio_ros.robot.sensor import Sensor
from inspatio_ros.robot.sources import open_source
from inspatio_ros.robot.ticks import Ticks
import numpy as np
from painted_world import PaintedWorld
import pytest

NS = 1_000_000_000
T0 = 100 * NS


class Driven:
    """Ticks on a painted world, and all that they said."""

    def __init__(self, **parameters):
        self.world = PaintedWorld()
        self.health = Health()
        self.warned, self.logged = [], []
        settings = WorldParameters(rate=10.0, **parameters)
        sensor = Sensor(self.world, settings)
        source = open_source(settings, pose_rpy(1.0), lambda: T0, lambda *_: None)
        self.ticks = Ticks(sensor, [Robot('', settings, source)], settings, self.health,
                           lambda key, text: self.warned.append(key), self.logged.append)
        self.ticks.start()

    def begin(self, stamp_ns):
        """Return the only robot's moment, None if there is none."""
        return self.ticks.begin(stamp_ns).get('')

    def look(self, moment, outputs):
        """Return the frame of the only camera, None if there is none."""
        wanted = {'camera': outputs} if outputs else {}
        sights = self.ticks.look({'': moment}, {'': wanted})['']
        return sights.cameras['camera'].frame if sights.cameras else None


@pytest.fixture
def driven():
    return Driven()


def test_a_tick_is_newer_than_the_last_one(driven):
    assert driven.begin(T0).stamp_ns == T0
    assert driven.begin(T0) is None
    assert driven.begin(T0 - NS // 10) is None
    assert driven.begin(T0 + NS // 10) is not None
    assert driven.health.drops == {'clock_stood': 2}


def test_ticks_that_were_left_out_are_counted(driven):
    for stamp in (T0, T0 + NS // 10, T0 + NS // 2):
        driven.begin(stamp)
    assert driven.health.drops == {'tick_skipped': 3}


def test_a_first_frame_that_is_begun_ahead_of_its_stamp_skips_nothing(driven):
    for stamp in (T0, T0 + NS // 10, T0 + NS // 10 + 7 * NS // 40):
        driven.begin(stamp)
    assert not driven.health.drops


def test_a_clock_that_jumps_back_makes_the_world_forget_once(driven):
    driven.begin(T0)
    resets = driven.world.resets
    assert driven.begin(T0 - 10 * NS) is not None
    assert driven.begin(T0 - 10 * NS + NS // 10) is not None
    assert driven.world.resets == resets + 1
    assert driven.logged == ['the clock jumped back by 10.000 s: buffers cleared']


def test_a_robot_that_is_lost_is_not_shown():
    driven = Driven(motion_source='pose')
    assert driven.begin(T0) is None
    assert driven.health.drops == {'pose_unknown': 1} and driven.warned == ['pose']


def test_a_teleport_shows_in_the_next_frame(driven):
    driven.begin(T0)
    resets = driven.world.resets
    T = driven.ticks.teleport('', pose_rpy(4.0, 5.0), in_odom=True, now_ns=T0)
    np.testing.assert_allclose(T[:2, 3], (5.0, 5.0))
    moment = driven.begin(T0 + NS // 10)
    assert driven.world.resets == resets + 1
    frame = driven.look(moment, Outputs.DEPTH)
    assert frame.depth.ravel()[:2].tolist() == [5.0, 5.0]


def test_nothing_is_rendered_for_nobody_and_holes_only_when_asked(driven):
    moment = driven.begin(T0)
    assert driven.look(moment, Outputs.NONE) is None
    driven.look(moment, Outputs.RGB)
    assert np.isnan(driven.health.unobserved_ratio)
    driven.ticks.look_at_holes()
    driven.look(moment, Outputs.RGB)
    driven.look(moment, Outputs.RGB)
    assert driven.world.asked == [Outputs.RGB, Outputs.RGB | Outputs.OBSERVED, Outputs.RGB]
    assert driven.health.unobserved_ratio == 0.25
