# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The measurement itself: its sums on arrivals that are known, and once for real."""

import argparse
from pathlib import Path
import sys

from inspatio_ros.cli import bench_ros
from inspatio_ros.cli.bench_ros import Seen, summarise, TOPICS
import pytest

PERIOD_NS = 41_666_667


def arrivals(ticks=48, late_ms=5.0):
    seen = Seen()
    for topic in (*TOPICS, '/tf'):
        seen.arrivals[topic] = [(k * PERIOD_NS, k * PERIOD_NS + round(late_ms * 1e6))
                                for k in range(1, ticks + 1)]
    return seen


def test_a_perfect_run():
    result = summarise(arrivals(), 24.0)
    assert result['delivered'] == 1.0
    assert result['rate_hz'] == pytest.approx(24.0, abs=1e-3)
    assert result['p50_ms'] == result['p99_ms'] == 5.0
    assert result['stamps_equal']


def test_a_lost_image_is_a_lost_tick():
    seen = arrivals(100)
    del seen.arrivals['camera/depth/image_raw'][50]
    assert summarise(seen, 24.0)['delivered'] == 0.99


def test_a_skipped_tick_counts():
    seen = arrivals(100)
    for messages in seen.arrivals.values():
        del messages[40:50]
    assert summarise(seen, 24.0)['delivered'] == 0.9


def test_a_node_that_falls_silent_has_lost_the_rest():
    assert summarise(arrivals(240), 24.0, duration_s=10.0)['delivered'] == 1.0
    assert summarise(arrivals(80), 24.0, duration_s=10.0)['delivered'] < 0.35


def test_another_stamp_is_noticed():
    seen = arrivals()
    stamp, arrival = seen.arrivals['camera/color/camera_info'][20]
    seen.arrivals['camera/color/camera_info'][20] = (stamp + 1, arrival)
    result = summarise(seen, 24.0)
    assert not result['stamps_equal']
    assert result['delivered'] < 1.0


def test_nothing_whole_is_an_error():
    with pytest.raises(RuntimeError, match='no tick arrived whole'):
        summarise(Seen(), 24.0)


def test_a_short_run_for_real(checkout, monkeypatch):
    monkeypatch.setenv('PYTHONPATH', str(checkout))
    parser = argparse.ArgumentParser()
    bench_ros.add_arguments(parser)
    node = [sys.executable, str(Path(__file__).parent / 'painted_node.py')]
    result = bench_ros.run(parser.parse_args(['--duration', '2']), node)
    assert result['stamps_equal']
    assert result['ticks'] > 20
    assert 0.0 < result['p50_ms'] <= result['p99_ms']
    assert result['start_to_first_image_s'] < 30.0
    assert 'stamp to callback p99' in bench_ros.table(result)
    stages = result['node_stages_ms']
    assert 0.0 < stages['convert_p50_ms'] <= stages['host_p50_ms'] <= stages['host_p99_ms']
    assert 'frame to messages p50' in bench_ros.table(result)
