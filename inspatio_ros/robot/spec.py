# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a parameter is besides its value: unit, range, choices, and when it may change."""

from __future__ import annotations

from collections.abc import Callable
import dataclasses
from dataclasses import dataclass
import enum
import math
from typing import Any


class Change(enum.Enum):
    """When a parameter may change."""

    NEVER = 'fixed when the node starts (read only)'
    UNCONFIGURED = 'only while the node is unconfigured'
    ANY_TIME = 'at any time'


@dataclass(frozen=True)
class Spec:
    """
    What a value must satisfy beyond its type.

    :param low: smallest value, inclusive; None for no bound.
    :param high: largest value, inclusive; None for no bound.
    :param step: integers lie this far apart, from `low` on; 0 for no such rule.
    :param nan_means: what NaN stands for; None if NaN is refused.
    :param check: returns why a value is bad that is good otherwise, or nothing.
    """

    description: str
    change: Change
    unit: str = ''
    low: float | None = None
    high: float | None = None
    step: int = 0
    choices: tuple[str, ...] = ()
    nan_means: str | None = None
    may_be_empty: bool = False
    bool_or_text: bool = False
    check: Callable[[Any], str] | None = None

    def why_not(self, value: Any) -> str:
        """Return the reason why this value is bad, or nothing."""
        if self.check is not None and (reason := self.check(value)):
            return reason
        if self.bool_or_text:
            value = str(value).lower()
        if isinstance(value, str):
            if self.choices and value not in self.choices:
                return f'must be one of {", ".join(self.choices)}, got {value!r}'
            return '' if value or self.may_be_empty else 'must not be empty'
        if isinstance(value, float) and math.isnan(value):
            return '' if self.nan_means else 'must be a number, got nan'
        if isinstance(value, (bool, list, tuple)):
            return ''
        if self.low is not None and value < self.low:
            return f'must be at least {self.low:g}{self._suffix}, got {value:g}'
        if self.high is not None and value > self.high:
            return f'must be at most {self.high:g}{self._suffix}, got {value:g}'
        if self.step and (value - int(self.low or 0)) % self.step:
            return f'must be {self.low or 0:g} or a multiple of {self.step} more, got {value:g}'
        return ''

    @property
    def _suffix(self) -> str:
        return f' {self.unit}' if self.unit else ''


def live(default: Any, description: str, **spec: Any) -> Any:
    """Return a field of a parameter that may change at any time; further fields as of Spec."""
    return _parameter(default, description, Change.ANY_TIME, **spec)


def setup(default: Any, description: str, **spec: Any) -> Any:
    """Return a field of a parameter that is asked for as the world is opened."""
    return _parameter(default, description, Change.UNCONFIGURED, **spec)


def fixed(default: Any, description: str, **spec: Any) -> Any:
    """Return a field of a parameter that is read as the node starts."""
    return _parameter(default, description, Change.NEVER, **spec)


def _parameter(default: Any, description: str, change: Change, **spec: Any) -> Any:
    return dataclasses.field(default=default,
                             metadata={'spec': Spec(description, change, **spec)})
