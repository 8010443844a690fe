# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which frames of a long video are worth the work: sharp ones, where something changes."""

from __future__ import annotations

from collections.abc import Sequence

from inspatio_ros.contracts import F64
from inspatio_ros.scene.reconstruction.video import Footage
import numpy as np


def choose_frames(footage: Footage, count: int) -> list[int]:
    """
    Choose frames of a video.

    The video is cut into pieces in which equally much happens, half by the clock and half by the
    change of the picture, so that few frames fall on a camera that rests. Each piece is
    represented by its sharpest frame.

    :param count: how many at most, at least 2.
    :returns: numbers of the frames, increasing; all of them if there are not more.
    :raises ValueError: a count below 2.
    """
    if count < 2:
        raise ValueError(f'at least 2 frames are needed, got {count}')
    total = len(footage.stamps_s)
    if total <= count:
        return list(range(total))
    happened = 0.5 * _share(np.arange(total, dtype=np.float64)) + 0.5 * _share(
        np.cumsum(footage.change))
    pieces = np.minimum((count * happened).astype(np.int64), count - 1)
    return [int(members[np.argmax(footage.sharpness[members])])
            for members in (np.flatnonzero(pieces == piece) for piece in range(count))
            if len(members)]


def _share(grown: F64) -> F64:
    """Bring a quantity that grows to 0..1; one that does not grow stays 0."""
    return grown / grown[-1] if grown[-1] > 0.0 else np.zeros_like(grown)


def timeline(stamps_s: Sequence[float], fps: float) -> list[int]:
    """
    Say which of some frames is shown at each tick of a clock.

    :param stamps_s: when each was taken, seconds since the recording began, in any order.
    :param fps: ticks per second.
    :returns: for tick i the index of the frame that was taken nearest to i / fps. Before the
        first frame was taken, that one stands in.
    """
    if len(stamps_s) == 1:
        return [0]
    order = np.argsort(stamps_s, kind='stable')
    stamps = np.asarray(stamps_s)[order]
    ticks = np.arange(round(float(stamps[-1]) * fps) + 1) / fps
    after = np.clip(np.searchsorted(stamps, ticks), 1, len(stamps) - 1)
    nearer_before = ticks - stamps[after - 1] <= stamps[after] - ticks
    return [int(it) for it in order[after - nearer_before]]
