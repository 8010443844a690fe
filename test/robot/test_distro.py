# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What differs between distributions, and that no other file asks which one it is."""

from pathlib import Path

from inspatio_ros.robot import distro
import pytest


OLD, NEW = 'FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE'


@pytest.mark.parametrize('name, stamped, variable, option', [
    ('humble', False, OLD, ()), ('iron', False, OLD, ()), ('jazzy', False, OLD, ('--topics',)),
    ('kilted', True, NEW, ('--topics',)), ('rolling', True, NEW, ('--topics',)),
    ('', True, NEW, ('--topics',)),
])
def test_distributions_differ(monkeypatch, name, stamped, variable, option):
    monkeypatch.setenv('ROS_DISTRO', name)
    assert distro.nav2_stamps_cmd_vel() is stamped
    assert distro.fastdds_profile_variables()[0] == variable
    assert distro.record_topics_option() == option


@pytest.mark.parametrize('prefix, name, sourced, label', [
    ('/opt/ros/jazzy', 'jazzy', True, 'jazzy'),
    ('', 'jazzy', False, 'jazzy (wheels)'),
    ('/opt/ros/jazzy', '', False, '(wheels)'),
])
def test_wheels_are_told_from_a_sourced_distribution(monkeypatch, prefix, name, sourced, label):
    monkeypatch.setenv('ROS_DISTRO', name)
    monkeypatch.setenv('AMENT_PREFIX_PATH', prefix)
    assert distro.is_sourced() is sourced
    assert distro.label() == label


def test_no_other_file_asks_for_the_distribution(checkout: Path):
    asking = [path for path in (checkout / 'inspatio_ros').rglob('*.py')
              if 'ROS_DISTRO' in path.read_text()]
    assert asking == [checkout / 'inspatio_ros/robot/distro.py']
