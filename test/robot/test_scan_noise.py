# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Noise of a scan: as large as asked for, from stamp and seed alone; no return as a number."""

import math

from inspatio_ros.robot.parameters import Scan
from inspatio_ros.robot.scan_noise import as_published
import numpy as np
import pytest

RANGES = np.full(20000, 2.0, np.float32)
RANGES[:4] = math.inf, math.nan, -math.inf, 0.06
STAMP_NS = 1_764_200_000_123_456_789


def noisy(seed=0, stamp_ns=STAMP_NS, frame='base_scan', **scan):
    return as_published(RANGES, Scan(noise_std=0.02, noise_seed=seed, **scan), stamp_ns, frame)


def test_without_noise_ranges_stay_as_they_are():
    assert as_published(RANGES, Scan(), STAMP_NS, 'base_scan') is RANGES


def test_noise_is_normal_and_on_what_was_measured_alone():
    published = noisy()
    assert published.dtype == np.float32
    off = published[4:] - 2.0
    assert abs(off.mean()) < 5.0 * 0.02 / math.sqrt(off.size)
    assert off.std() == pytest.approx(0.02, rel=0.03)
    assert np.array_equal(published[:3], RANGES[:3], equal_nan=True)


def test_noise_keeps_within_what_the_scan_can_say():
    scan = Scan(noise_std=0.5, range_min=1.9, range_max=2.1)
    published = as_published(RANGES[4:], scan, STAMP_NS, 'base_scan')
    assert published.min() >= np.float32(1.9) and published.max() <= np.float32(2.1)


def test_same_stamp_seed_and_frame_same_noise_and_else_another():
    assert noisy().tobytes() == noisy().tobytes()
    for other in (noisy(seed=1), noisy(stamp_ns=STAMP_NS + 1), noisy(frame='b/base_scan')):
        assert np.mean(other[4:] == noisy()[4:]) < 0.01
        assert abs(np.corrcoef(other[4:], noisy()[4:])[0, 1]) < 0.05


def test_neighbouring_stamps_do_not_share_parts_of_their_noise():
    one, next_one = noisy()[4:], noisy(stamp_ns=STAMP_NS + 1)[4:]
    for lag in range(1, 64):  # as if one were the other, a few draws later
        assert np.mean(one[lag:] == next_one[:-lag]) < 0.01
        assert np.mean(one[:-lag] == next_one[lag:]) < 0.01


def test_no_return_may_be_a_number():
    published = as_published(RANGES, Scan(use_inf=False, range_max=30.0), STAMP_NS, 'base_scan')
    assert published[0] == np.float32(29.9)
    assert math.isnan(published[1]) and published[2] == -math.inf and published[4] == 2.0
