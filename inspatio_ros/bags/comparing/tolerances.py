# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How far two recordings may lie apart and still count as the same: `psnr=40 pose=0.01`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
import difflib
from fnmatch import fnmatchcase
import math

# Name -> what it bounds. Without a tolerance of its kind a difference of any size counts.
NAMES = {
    'psnr': 'pictures: peak signal-to-noise ratio of every frame, at least, dB',
    'depth': 'depth pictures: mean relative error where both know depth',
    'unknown': 'depth pictures: share of pixels that are unknown or out of range in one only',
    'pose': 'positions of poses and transforms, metres',
    'angle': 'their orientations, degrees',
    'stamp': 'stamps of messages and within them, seconds',
    'value': 'all other numbers: absolute up to 1, relative above',
    'missing': 'share of messages that only one of the two has',
}
EVERY_TOPIC = '*'


@dataclass(frozen=True)
class Tolerances:
    """
    Tolerances of all topics.

    :param rules: (pattern of topic names, name of the tolerance, value); a pattern of some topics
        beats that of all, and a later rule an earlier one.
    """

    rules: tuple[tuple[str, str, float], ...] = ()

    def of(self, topic: str) -> dict[str, float]:
        """Return name -> value of what is tolerated on a topic."""
        found: dict[str, float] = {}
        for general in (True, False):
            found.update((name, value) for pattern, name, value in self.rules
                         if (pattern == EVERY_TOPIC) == general and fnmatchcase(topic, pattern))
        return found


def parse_tolerances(words: Iterable[str]) -> Tolerances:
    """
    Read `NAME=VALUE` and `TOPIC:NAME=VALUE`; a topic may hold * and ?.

    :param words: each may hold several, separated by spaces or commas.
    :raises ValueError: another form, an unknown name (tells the nearest), a bad value.
    """
    parts = [part for word in words for part in word.replace(',', ' ').split()]
    return Tolerances(tuple(_rule(part) for part in parts))


def _rule(text: str) -> tuple[str, str, float]:
    key, equals, number = text.partition('=')
    topic, colon, name = key.rpartition(':')
    if not equals:
        raise ValueError(f'tolerance {text!r} is not of the form NAME=VALUE or TOPIC:NAME=VALUE; '
                         'bags and other arguments go before --tolerance')
    if name not in NAMES:
        near = difflib.get_close_matches(name.lower(), NAMES, n=1)
        hint = f'did you mean {near[0]}?' if near else f'known are {", ".join(NAMES)}'
        raise ValueError(f'tolerance {text!r}: there is no {name!r}; {hint}')
    if colon and not topic:
        raise ValueError(f'tolerance {text!r} names no topic before the colon')
    try:
        value = float(number)
    except ValueError:
        raise ValueError(f'tolerance {text!r}: {number!r} is no number') from None
    if math.isnan(value) or value < 0.0:
        raise ValueError(f'tolerance {text!r}: expected a number >= 0')
    return topic or EVERY_TOPIC, name, value


def perfect(name: str) -> float:
    """Return the figure of two things that are equal."""
    return math.inf if name == 'psnr' else 0.0


def worse(name: str, one: float, other: float) -> bool:
    """Return whether the first figure is worse than the other."""
    return one < other if name == 'psnr' else one > other


def within(name: str, figure: float, tolerances: dict[str, float]) -> bool:
    """Return whether a figure is tolerated; one that has no tolerance has to be perfect."""
    return not worse(name, figure, tolerances.get(name, perfect(name)))
