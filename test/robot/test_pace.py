# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An output with a rate of its own, at ticks of another."""

from inspatio_ros.robot.pace import Pace
import numpy as np
import pytest


def taken(stamps_ns, rate_hz, tick_hz, pace=None):
    pace, found = pace or Pace(), []
    for stamp_ns in stamps_ns:
        if pace.due(stamp_ns, rate_hz, tick_hz):
            pace.take(stamp_ns, rate_hz)
            found.append(stamp_ns)
    return found


def ticks(tick_hz, seconds, jitter_s=0.0):
    n = round(seconds * tick_hz)
    jitter = np.random.default_rng(0).uniform(-jitter_s, jitter_s, n)
    return [round(1e9 * (5.0 + k / tick_hz + j)) for k, j in enumerate(jitter)]


@pytest.mark.parametrize('rate, tick', [(10.0, 24.0), (5.0, 24.0), (12.0, 24.0), (15.0, 30.0),
                                        (23.0, 24.0), (0.5, 24.0)])
@pytest.mark.parametrize('jitter_s', [0.0, 0.008])
def test_the_rate_is_kept(rate, tick, jitter_s):
    found = taken(ticks(tick, 20.0, jitter_s), rate, tick)
    assert len(found) == pytest.approx(20.0 * rate, abs=1.01)
    gaps = np.diff(found) * 1e-9
    assert gaps.max() < 1.0 / rate + 1.0 / tick + 2.1 * jitter_s
    assert gaps.min() > 1.0 / rate - 1.0 / tick - 2.1 * jitter_s


@pytest.mark.parametrize('rate', [0.0, 24.0, 100.0])
def test_every_tick_is_taken_if_the_rate_is_not_lower(rate):
    stamps = ticks(24.0, 2.0, 0.01)
    assert taken(stamps, rate, 24.0) == stamps


def test_a_clock_that_is_set_back_does_not_silence_it():
    pace, stamps = Pace(), ticks(24.0, 3.0)
    taken(stamps, 2.0, 24.0, pace)
    again = taken([stamp - 4_000_000_000 for stamp in stamps], 2.0, 24.0, pace)
    assert len(again) == pytest.approx(6, abs=1) and again[0] == stamps[0] - 4_000_000_000


def test_a_pause_is_not_made_up_for():
    pace, stamps = Pace(), ticks(24.0, 30.0)
    taken(stamps[:48], 2.0, 24.0, pace)
    after = taken(stamps[480:480 + 48], 2.0, 24.0, pace)
    assert len(after) in (4, 5)


def test_another_rate_acts_at_once():
    pace, stamps = Pace(), ticks(24.0, 4.0)
    taken(stamps[:24], 0.1, 24.0, pace)
    assert len(taken(stamps[24:], 10.0, 24.0, pace)) == pytest.approx(30, abs=1)
