# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From the stamps of a bag to pictures that can become views: each with its depth and its pose."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from inspatio_ros.bags.scenes.association import check_time, closest_s, nearest
from inspatio_ros.bags.scenes.poses import Poses
from inspatio_ros.bags.tf import NoPoseError
from inspatio_ros.contracts import F64, I64
import numpy as np


@dataclass(frozen=True)
class Shot:
    """
    A colour picture of which everything is known.

    :param number: of its message in its topic.
    :param partner: number of the message of depth, or of the right picture, that belongs to it.
    :param T_fixed_cam: (4, 4) of the colour camera at the stamp of colour.
    :param T_fixed_partner: (4, 4) of the depth camera at the stamp of depth.
    """

    number: int
    stamp_ns: int
    partner: int
    T_fixed_cam: F64
    T_fixed_partner: F64


@dataclass(frozen=True)
class Shots:
    """
    What became of all colour pictures.

    :param found: in the order of time.
    :param dropped: why not -> how many.
    """

    found: tuple[Shot, ...]
    dropped: Counter[str]

    def summary(self) -> str:
        """Say how many pictures were dropped and why; empty if none."""
        if not self.dropped:
            return ''
        total = len(self.found) + self.dropped.total()
        reasons = ', '.join(f'{count} {reason}' for reason, count in self.dropped.most_common())
        return f'{self.dropped.total()} of {total} pictures dropped: {reasons}'


def find_shots(path: object, topics: tuple[str, str], stamps: tuple[I64, I64], bound_s: float,
               poses: Poses, frames: tuple[str, str]) -> Shots:
    """
    Associate colour with depth by time and both with the robot's poses.

    :param path: of the bag, for messages.
    :param topics: of the colour pictures and of what belongs to them.
    :param stamps: of both, in the order of recording.
    :param bound_s: how far apart two that belong together may be.
    :param frames: of the colour camera and of the other one.
    :raises ValueError: time that goes backwards, or no picture is left; says why.
    """
    for topic, stamps_ns in zip(topics, stamps):
        check_time(stamps_ns, f'{path}: {topic}')
    partner = nearest(*stamps, bound_s)
    dropped: Counter[str] = Counter()
    found = []
    newest = None
    for number in np.argsort(stamps[0], kind='stable'):
        stamp_ns = int(stamps[0][number])
        if stamp_ns == newest:
            dropped['with the stamp of another'] += 1
        elif partner[number] < 0:
            dropped[f'with no {topics[1]} within {bound_s:g} s'] += 1
        else:
            try:
                found.append(_shot(int(number), stamp_ns, int(partner[number]),
                                   int(stamps[1][partner[number]]), poses, frames))
            except NoPoseError as error:
                dropped[error.reason] += 1
        newest = stamp_ns
    shots = Shots(tuple(found), dropped)
    if not found:
        raise ValueError(f'{path}: no picture of {topics[0]} can be used: {shots.summary()}'
                         f'{_distance(topics, stamps, bound_s)}')
    return shots


def _shot(number: int, stamp_ns: int, partner: int, partner_ns: int, poses: Poses,
          frames: tuple[str, str]) -> Shot:
    T = poses.at(frames[0], stamp_ns)
    same = (frames[0], stamp_ns) == (frames[1], partner_ns)
    return Shot(number, stamp_ns, partner, T, T if same else poses.at(frames[1], partner_ns))


def _distance(topics: tuple[str, str], stamps: tuple[I64, I64], bound_s: float) -> str:
    if not len(stamps[1]):
        return f'; {topics[1]} holds no message in this part of the bag'
    median_s = closest_s(*stamps)
    if median_s <= bound_s:
        return ''
    return (f'; the nearest message of {topics[1]} is {median_s:.3f} s away (median): the two are '
            'not synchronised; --max-offset allows more')
