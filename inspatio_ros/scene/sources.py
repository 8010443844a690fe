# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which other pictures the depth of a picture is best measured with."""

from __future__ import annotations

from collections.abc import Sequence

from inspatio_ros.contracts import F64
from inspatio_ros.scene.structure import Structure
import numpy as np

# The angle between two rays that measures depth best: wider measures finer, but looks different.
_BEST_ANGLE_DEG = 6.0
_NARROW_DEG, _WIDE_DEG = 3.0, 10.0
# How often a point wants to be seen: by one neighbour, and by another where that one is hidden.
_ENOUGH = 2.0


def choose_sources(structure: Structure, picture: int, others: Sequence[int],
                   count: int) -> list[int]:
    """
    Choose pictures that see the points of one picture from a little aside, and all of them.

    One after the other: always the one that adds most to what is not yet seen well enough.

    :param picture: whose depth is wanted.
    :param others: what can be chosen, all with a pose.
    :param count: how many at most.
    :returns: the chosen ones, best first; fewer where no other sees anything of it.
    """
    own = structure.points_of(picture)
    worth = {other: _worth(structure, own, picture, other) for other in others
             if other != picture}
    covered = np.zeros(len(own))
    chosen: list[int] = []
    while worth and len(chosen) < count:
        gains = {other: float((np.minimum(covered + value, _ENOUGH) - covered).sum())
                 for other, value in worth.items()}
        best = max(gains, key=lambda other: (gains[other], -other))
        if gains[best] <= 0.0:
            break
        covered += worth.pop(best)
        chosen.append(best)
    return chosen


def _worth(structure: Structure, own: np.ndarray, picture: int, other: int) -> F64:
    """Return 0..1 for each point of a picture: how well another picture measures it."""
    seen = np.isin(own, structure.points_of(other), assume_unique=True)
    rays = [structure.points[own] - structure.T_world_cam[it, :3, 3] for it in (picture, other)]
    cosine = (rays[0] * rays[1]).sum(axis=1) / (np.linalg.norm(rays[0], axis=1)
                                                * np.linalg.norm(rays[1], axis=1))
    off = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))) - _BEST_ANGLE_DEG
    width = np.where(off < 0.0, _NARROW_DEG, _WIDE_DEG)
    worth: F64 = seen * np.exp(-0.5 * (off / width) ** 2)
    return worth
