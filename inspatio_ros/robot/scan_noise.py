# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What becomes of the ranges of a scan before it is published: noise, and what no return is."""

from __future__ import annotations

import zlib

from inspatio_ros.contracts import F32
from inspatio_ros.robot.parameters import Scan
import numpy as np

# Where no return is a number, it is so much less than the largest, as in nav2_loopback_sim.
_BELOW_MAX_M = 0.1


def as_published(ranges: F32, scan: Scan, stamp_ns: int, frame: str) -> F32:
    """
    Return the ranges of a message.

    The noise is drawn from stamp, frame and seed alone: a replay gets the same, and a scan that
    nobody heard takes nothing from the next.

    :param ranges: (N,) float32, metres, as `Scanner.ranges` has them.
    :param frame: of the scan; that of another robot is another one.
    """
    published = ranges
    if scan.noise_std > 0.0:
        noise = _normal(len(ranges), scan.noise_seed, stamp_ns, frame)
        noisy = np.clip(ranges + np.float32(scan.noise_std) * noise, scan.range_min,
                        scan.range_max)
        published = np.where(np.isfinite(ranges), noisy, ranges).astype(np.float32)
    if not scan.use_inf:
        published = np.where(np.isposinf(published),
                             np.float32(scan.range_max - _BELOW_MAX_M), published)
    return published


def _normal(count: int, seed: int, stamp_ns: int, frame: str) -> F32:
    """Return (count,) standard normal numbers that follow from the other arguments."""
    # The first word counts blocks of numbers; the stamp must not be where that goes.
    counter = [0, 0, stamp_ns, zlib.crc32(frame.encode())]
    generator = np.random.Generator(np.random.Philox(key=seed, counter=counter))
    return generator.standard_normal(count, dtype=np.float32)
