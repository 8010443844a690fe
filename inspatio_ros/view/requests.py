# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a page may say, checked: anything else is an error of whoever speaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import json
from typing import Any

from inspatio_ros.view.driving import Velocity
from inspatio_ros.view.pictures import STREAMS

# Longer than anything that a page says.
LONGEST = 1024
# What the page has buttons for; each is a service of the node, std_srvs/Trigger.
SERVICES = ('reset', 'pause', 'resume', 'step')


@dataclass(frozen=True)
class Show:
    """The page shows these streams and no others."""

    streams: frozenset[str]


@dataclass(frozen=True)
class Shown:
    """The page has put these pictures on the screen and can take others."""

    number: int


@dataclass(frozen=True)
class Drive:
    """The robot is to move like this."""

    velocity: Velocity


@dataclass(frozen=True)
class Call:
    """A button was pressed."""

    service: str


@dataclass(frozen=True)
class ChangeScene:
    """Another scene was chosen; empty: the bundled one."""

    scene: str


Request = Show | Shown | Drive | Call | ChangeScene


def parse(text: str) -> Request:
    """
    Read one message of a page.

    :raises ValueError: not one of the messages that there are; the text says why.
    """
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError('a message is one JSON object') from None
    if not isinstance(message, dict) or len(message) != 1:
        raise ValueError('a message is one JSON object with one key')
    (key, value), = message.items()
    if key not in _READERS:
        raise ValueError(f'{key!r} is none of {", ".join(_READERS)}')
    return _READERS[key](value)


def _show(value: Any) -> Show:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError('show takes a list of names')
    if unknown := sorted(set(value) - set(STREAMS)):
        raise ValueError(f'show {unknown[0]!r} is none of {", ".join(STREAMS)}')
    return Show(frozenset(value))


def _shown(value: Any) -> Shown:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError('shown takes a whole number')
    return Shown(value)


def _drive(value: Any) -> Drive:
    numbers = isinstance(value, list) and len(value) == 3 and all(
        isinstance(x, (int, float)) and not isinstance(x, bool) for x in value)
    if not numbers:
        raise ValueError('drive takes three numbers: forward, left, turn')
    try:
        return Drive(Velocity(*map(float, value)))
    except OverflowError:
        raise ValueError('drive takes three numbers of a size that is to be driven') from None


def _call(value: Any) -> Call:
    if not isinstance(value, str) or value not in SERVICES:
        raise ValueError(f'call takes one of {", ".join(SERVICES)}')
    return Call(value)


def _scene(value: Any) -> ChangeScene:
    if not isinstance(value, str):
        raise ValueError('scene takes a name')
    return ChangeScene(value)


_READERS: dict[str, Callable[[Any], Request]] = {
    'show': _show, 'shown': _shown, 'drive': _drive, 'call': _call, 'scene': _scene}
