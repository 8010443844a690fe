# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The parameters of nav2_loopback_sim, and what they mean here.

A file that was written for it starts this node as it is. Each of its parameters stands for one of
ours, which has the value from then on; who gives both has to say the same with both.
`enable_stamped_cmd_vel`, `publish_map_odom_tf` and `speed_factor` have the same name and meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
import math
from typing import Any

from inspatio_ros.robot.spec import Change, Spec

_NOT_GIVEN = 'auto'
_TURN = 2.0 * math.pi
# Beams that leave less than this of a turn are meant to go all around.
_GAP_RAD = 0.05


@dataclass(frozen=True)
class Alias:
    """
    One of its parameters.

    :param ours: the parameter that it stands for.
    :param default: of its own: what the executable of that name begins with.
    :param low, high: of numbers.
    :param meant: returns what ours has to be for its value.
    """

    ours: str
    default: Any
    unit: str = ''
    low: float | None = None
    high: float | None = None
    meant: Callable[[Any], Any] = lambda value: value

    @property
    def spec(self) -> Spec:
        """Return what a value has to satisfy."""
        about = f'Of nav2_loopback_sim; stands for {self.ours}'
        if isinstance(self.default, bool):
            return Spec(about, Change.NEVER, choices=(_NOT_GIVEN, 'true', 'false'),
                        bool_or_text=True)
        if isinstance(self.default, str):
            return Spec(f'{about}; empty = not given', Change.NEVER, may_be_empty=True)
        return Spec(about, Change.NEVER, unit=self.unit, low=self.low, high=self.high,
                    nan_means='not given')

    @property
    def not_given(self) -> Any:
        """Return the value that says nothing."""
        return (_NOT_GIVEN if isinstance(self.default, bool) else
                '' if isinstance(self.default, str) else math.nan)


def _rate(period_s: float) -> float:
    return 1.0 / period_s


def _clock(publish: bool) -> str:
    return 'scaled' if publish else 'wall'


ALIASES = {
    'update_duration': Alias('motion_rate', 0.01, 's', 0.002, 10.0, _rate),
    'odom_publish_dur': Alias('odom_rate', math.nan, 's', 0.002, 10.0, _rate),
    'scan_publish_dur': Alias('scan.rate', 0.1, 's', 1.0 / 240.0, 10.0, _rate),
    'base_frame_id': Alias('base_frame', 'base_footprint'),
    'odom_frame_id': Alias('odom_frame', 'odom'),
    'map_frame_id': Alias('map_frame', 'map'),
    'scan_frame_id': Alias('scan.frame', 'base_scan'),
    'publish_scan': Alias('scan.publish', True),
    'publish_clock': Alias('clock', True, meant=_clock),
    'scan_range_min': Alias('scan.range_min', 0.05, 'm', 0.0, 1000.0),
    'scan_range_max': Alias('scan.range_max', 30.0, 'm', 0.01, 1000.0),
    'scan_angle_min': Alias('scan.angle_min', -math.pi, 'rad', -math.pi, math.pi),
    'scan_angle_max': Alias('scan.angle_max', math.pi, 'rad', -math.pi, math.pi),
    'scan_angle_increment': Alias('scan.angle_increment', 0.0261, 'rad', 0.001, 1.0),
    'scan_use_inf': Alias('scan.use_inf', True),
    'scan_noise_std': Alias('scan.noise_std', 0.01, 'm', 0.0, 10.0),
}
SPECS: dict[str, Spec] = {name: alias.spec for name, alias in ALIASES.items()}
# Besides the one that an alias stands for: lockstep publishes a clock, too.
_ALSO_MEANT = {('clock', 'scaled'): 'lockstep'}


def specs() -> Iterator[tuple[str, Any, Spec]]:
    """Yield (name, value if it is not given, spec) of every parameter."""
    for name, alias in ALIASES.items():
        yield name, alias.not_given, SPECS[name]


class Meaning:
    """
    What its parameters come to.

    :param values: of them.
    :param alone: take its defaults for those that are not given, as its own executable does.
    """

    def __init__(self, values: Mapping[str, Any], alone: bool = False) -> None:
        self._said: dict[str, tuple[str, Any]] = {}  # ours -> alias and its value
        self._meant: dict[str, Any] = {}
        for name, alias in ALIASES.items():
            value = _plain(values[name], alias)
            if value is not None:
                self._said[alias.ours] = name, value
                self._meant[alias.ours] = alias.meant(value)
            elif alone and (own := _plain(alias.default, alias)) is not None:
                self._meant[alias.ours] = alias.meant(own)
        span = (self._meant.get('scan.angle_max', 0.0) - self._meant.get('scan.angle_min', 0.0))
        if span > _TURN - _GAP_RAD:
            self._meant['scan.full_circle'] = True

    def means(self, ours: str) -> bool:
        """Return whether something is meant for one of our parameters."""
        return ours in self._meant

    def resolved(self, ours: str, value: Any, default: Any) -> Any:
        """
        Return what one of our parameters is.

        :param value: given for it, or its default.
        :param default: config/world.yaml gives this, too, so that it counts as not given.
        :raises ValueError: the two say different things.
        """
        if ours not in self._meant:
            return value
        meant = self._meant[ours]
        if _same(value, default) or _same(value, meant):
            return meant
        if ours in self._said and value != _ALSO_MEANT.get((ours, meant)):
            alias, said = self._said[ours]
            raise ValueError(f'{alias} {said!r} (as of nav2_loopback_sim) and {ours} {value!r} '
                             f'say different things, {ours} would be {meant!r}: give one of them')
        return value


def _plain(value: Any, alias: Alias) -> Any:
    """Return a value as what it is; None if it was not given."""
    if isinstance(alias.default, bool):
        return {'true': True, 'false': False}.get(str(value).lower())
    if isinstance(alias.default, str):
        return value or None
    return None if math.isnan(value) else value


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return bool(one == other)
