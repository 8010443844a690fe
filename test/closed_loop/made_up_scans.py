# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Scans of made-up rooms: discs, and nothing else for as far as one can see."""

from collections.abc import Sequence
import math

import numpy as np
from occupancy import Sweep

FORWARD = (-math.pi / 4.0, math.pi / 4.0)
AROUND = (-math.pi, math.pi)
_STEP_RAD = 0.01
_RANGE_MAX = 10.0


def sweep(stamp_s: float = 1.0, pose: tuple[float, float, float] = (0.0, 0.0, 0.0),
          discs: Sequence[tuple[float, float, float]] = (),
          view: tuple[float, float] = FORWARD) -> Sweep:
    """
    Return a scan.

    :param discs: x, y, radius of each.
    :param view: angles of the first and the last beam.
    """
    angles = np.arange(view[0], view[1], _STEP_RAD)
    ahead = np.stack([np.cos(angles + pose[2]), np.sin(angles + pose[2])], axis=-1)
    ranges = np.full(len(angles), np.inf)
    for x, y, radius in discs:
        away = np.array([x, y]) - pose[:2]
        along = ahead @ away
        reach = radius ** 2 - away @ away + along ** 2
        met = (reach > 0.0) & (along > 0.0)
        ranges = np.where(met, np.minimum(ranges, along - np.sqrt(np.maximum(reach, 0.0))), ranges)
    return Sweep(stamp_s, *pose, ranges, view[0], _STEP_RAD, 0.05, _RANGE_MAX)
