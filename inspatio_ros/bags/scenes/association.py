# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which depth belongs to which colour picture, by time; and what is said if none does."""

from __future__ import annotations

from inspatio_ros.bags.reading import NS_PER_S
from inspatio_ros.bags.tf import MAX_DISORDER_S, went_back
from inspatio_ros.contracts import I64
import numpy as np


def nearest(stamps_ns: I64, others_ns: I64, bound_s: float) -> I64:
    """
    Find for each stamp the one of another topic that is nearest in time.

    :param stamps_ns: (N,) in any order.
    :param others_ns: (M,) in any order.
    :param bound_s: how far apart they may be.
    :returns: (N,) index into `others_ns`, -1 where none is near enough; the earlier one of two
        that are equally near.
    """
    if not len(others_ns):
        return np.full(len(stamps_ns), -1)
    order = np.argsort(others_ns, kind='stable')
    ordered = others_ns[order]
    right = np.searchsorted(ordered, stamps_ns).clip(1, max(len(ordered) - 1, 1))
    left, right = right - 1, np.minimum(right, len(ordered) - 1)
    nearer = np.where(np.abs(ordered[right] - stamps_ns) < np.abs(ordered[left] - stamps_ns),
                      right, left)
    near = np.abs(ordered[nearer] - stamps_ns) <= round(bound_s * NS_PER_S)
    found: I64 = np.where(near, order[nearer], -1)
    return found


def closest_s(stamps_ns: I64, others_ns: I64) -> float:
    """Return the median of how far each stamp is from the nearest other one, seconds."""
    index = nearest(stamps_ns, others_ns, 1e9)
    return float(np.median(np.abs(others_ns[index] - stamps_ns))) / NS_PER_S


def check_time(stamps_ns: I64, topic: str) -> None:
    """
    Refuse stamps that belong to two runs; small disorder is none.

    :param stamps_ns: (N,) in the order of recording.
    :raises ValueError: time goes backwards.
    """
    newest = np.maximum.accumulate(stamps_ns)
    back = newest - stamps_ns
    if len(back) and back.max() > MAX_DISORDER_S * NS_PER_S:
        at = int(np.argmax(back > MAX_DISORDER_S * NS_PER_S))
        raise ValueError(f'{went_back(topic, int(newest[at]), int(stamps_ns[at]))}; it is message '
                         f'{at}')
