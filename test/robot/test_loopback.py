# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the parameters of nav2_loopback_sim mean here, and what contradicts them."""

import math

from inspatio_ros.robot import loopback
from inspatio_ros.robot.parameter_values import SPECS, specs
import pytest

DEFAULTS = {name: default for name, default, _ in specs()}


def resolved(given=None, alone=False, **aliases):
    """Return our parameters from both kinds."""
    values = {name: default for name, default, _ in loopback.specs()}
    meaning = loopback.Meaning({**values, **aliases}, alone)
    ours = {**DEFAULTS, **(given or {})}
    return {name: meaning.resolved(name, value, DEFAULTS[name]) for name, value in ours.items()}


def changes(values):
    return {name: value for name, value in values.items()
            if not (value == DEFAULTS[name] or value != value)}


def test_nothing_given_changes_nothing():
    assert changes(resolved()) == {}


@pytest.mark.parametrize(('alias', 'value', 'ours', 'meant'), [
    ('base_frame_id', 'base_link', 'base_frame', 'base_link'),
    ('odom_frame_id', 'o', 'odom_frame', 'o'),
    ('map_frame_id', 'm', 'map_frame', 'm'),
    ('scan_frame_id', 'rplidar_link', 'scan.frame', 'rplidar_link'),
    ('update_duration', 0.02, 'motion_rate', 50.0),
    ('odom_publish_dur', 0.05, 'odom_rate', 20.0),
    ('scan_publish_dur', 0.1, 'scan.rate', 10.0),
    ('publish_scan', False, 'scan.publish', False),
    ('publish_clock', True, 'clock', 'scaled'),
    ('scan_range_min', 0.2, 'scan.range_min', 0.2),
    ('scan_range_max', 30.0, 'scan.range_max', 30.0),
    ('scan_angle_min', -1.0, 'scan.angle_min', -1.0),
    ('scan_angle_max', 1.0, 'scan.angle_max', 1.0),
    ('scan_angle_increment', 0.02617, 'scan.angle_increment', 0.02617),
    ('scan_use_inf', False, 'scan.use_inf', False),
    ('scan_noise_std', 0.01, 'scan.noise_std', 0.01)])
def test_each_stands_for_one_of_ours(alias, value, ours, meant):
    found = changes(resolved(**{alias: value}))
    assert found == {ours: pytest.approx(meant)}
    assert not SPECS[ours].why_not(meant)
    # The same with both is no contradiction, something else is.
    assert changes(resolved({ours: meant}, **{alias: value})) == found
    other = {float: 0.5, str: 'other', bool: None}[type(meant)]
    if other is not None:
        with pytest.raises(ValueError, match=f'{alias} .* and {ours} .* say different things'):
            resolved({ours: other}, **{alias: value})


def test_a_full_turn_needs_cameras_all_around():
    angles = {'scan_angle_min': -3.1415, 'scan_angle_max': 3.1415}
    assert resolved(**angles)['scan.full_circle'] is True
    assert resolved(scan_angle_min=-1.5, scan_angle_max=1.5)['scan.full_circle'] is False


def test_lockstep_publishes_a_clock_as_well():
    assert resolved({'clock': 'lockstep'}, publish_clock=True)['clock'] == 'lockstep'
    with pytest.raises(ValueError, match='publish_clock False .* clock would be .?wall'):
        resolved({'clock': 'lockstep'}, publish_clock=False)


def test_in_its_place_its_defaults_count_and_give_way_to_what_is_given():
    alone = resolved(alone=True)
    assert alone['clock'] == 'scaled' and alone['motion_rate'] == 100.0
    assert alone['scan.rate'] == 10.0 and alone['scan.range_max'] == 30.0
    assert alone['scan.noise_std'] == 0.01 and alone['scan.full_circle'] is True
    assert math.isclose(alone['scan.angle_max'] - alone['scan.angle_min'], 2.0 * math.pi)
    given = resolved({'scan.range_max': 5.0, 'clock': 'lockstep'}, alone=True,
                     scan_noise_std=0.0)
    assert given['scan.range_max'] == 5.0 and given['clock'] == 'lockstep'
    assert given['scan.noise_std'] == 0.0


def test_names_are_those_of_nobody_else_here():
    assert not set(loopback.ALIASES) & set(SPECS)
    assert {alias.ours for alias in loopback.ALIASES.values()} <= set(SPECS)


@pytest.mark.parametrize(('name', 'value'), [
    ('update_duration', 0.0), ('update_duration', -1.0), ('scan_publish_dur', 1e9),
    ('scan_noise_std', -0.1), ('publish_clock', 'perhaps')])
def test_bad_values_are_refused(name, value):
    assert loopback.SPECS[name].why_not(value)
