# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The measurement of several robots against one measures what it says."""

from pathlib import Path
import sys

from inspatio_ros.cli import bench_robots
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'engine'))

from rooms import room  # noqa: E402, I100, I202


def test_one_robot_and_several_are_timed_in_turn():
    one, several = bench_robots.measure(room(), threads=1, frames=3)
    assert (one['robots'], one['ratio'], several['robots']) == (1, 1.0, 4)
    assert several['ratio'] == pytest.approx(several['p50_ms'] / one['p50_ms'])
    assert several['p50_ms'] > one['p50_ms'], 'four pictures take longer than one'
    assert (one['width'], one['height'], one['threads']) == (320, 240, 1)
