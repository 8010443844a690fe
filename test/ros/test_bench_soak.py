# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The soak: its sums on ticks that are known, and a short one for real."""

import argparse
import sys

from inspatio_ros.cli import bench_ros, bench_ros_soak
from inspatio_ros.cli.bench_ros_soak import Diary
import pytest

PERIOD_NS = 100_000_000


def diary(*missing, spans=()):
    """Return what came of fifty ticks at 10 Hz."""
    return Diary([k * PERIOD_NS for k in range(50) if k not in missing], list(spans))


def test_where_all_came_nothing_is_missing():
    assert diary().missing(10.0) == {'lost': 0}


def test_ticks_are_missing_where_their_stamps_are():
    assert diary(7, 20, 21, 22).missing(10.0) == {'lost': 4}


def test_ticks_in_a_pause_are_not_lost():
    pause = ('in a pause', 20 * PERIOD_NS, 23 * PERIOD_NS)
    told = diary(7, 20, 21, 22, spans=[pause])
    assert told.missing(10.0) == {'lost': 1, 'in a pause': 3}
    assert told.lost(10.0) == [(0.6, '', 1)]
    told.steps = [(0, 'driving'), (15 * PERIOD_NS, 'standing')]
    assert told.lost(10.0) == [(0.6, 'driving', 1)]


def test_a_clock_that_wavers_loses_nothing():
    wavering = Diary([k * PERIOD_NS + (-1) ** k * PERIOD_NS // 5 for k in range(50)])
    assert wavering.missing(10.0) == {'lost': 0}


def test_stamps_that_are_ahead_from_now_on_lose_nothing():
    ahead = Diary([k * PERIOD_NS + (k > 20) * 3 * PERIOD_NS // 4 for k in range(50)])
    assert ahead.missing(10.0) == {'lost': 0}


@pytest.mark.slow
def test_half_a_minute_for_real(checkout, monkeypatch):
    monkeypatch.setenv('PYTHONPATH', str(checkout))
    parser = argparse.ArgumentParser()
    bench_ros.add_arguments(parser)
    args = parser.parse_args(['--soak', '0.5', '--size', '160x120', '--rate', '10'])
    result = bench_ros_soak.run(args, [sys.executable, '-m', 'inspatio_ros.cli.world'])
    assert result['tracebacks'] == 0 and not result['errors']
    assert abs(result['rss_growth']) < bench_ros_soak.GROWTH, result['rss_mib']
    assert result['jumps']['noticed_once_each']
    assert result['missing']['in a pause'] > 5
    assert 'memory' in bench_ros_soak.table(result)
