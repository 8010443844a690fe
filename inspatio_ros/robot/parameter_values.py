# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Parameters by their dotted names: what each must satisfy, and which cannot be together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
import dataclasses
from typing import Any

from inspatio_ros.robot.names import ALONE, CAMERA, why_not_together
from inspatio_ros.robot.parameters import cameras_of, WorldParameters
from inspatio_ros.robot.spec import Spec
from inspatio_ros.robot.tables import CameraTable, RobotTable


def specs(group: Any = WorldParameters, prefix: str = '') -> Iterator[tuple[str, Any, Spec]]:
    """Yield (dotted name, default, spec) of every parameter but those of tables."""
    for field in dataclasses.fields(group):
        if 'spec' in field.metadata:
            default = field.default
            yield (prefix + field.name, list(default) if isinstance(default, tuple) else default,
                   field.metadata['spec'])
        elif 'tables' not in field.metadata:
            yield from specs(field.default_factory, prefix + _prefix_of(field))


def _prefix_of(group: dataclasses.Field[Any]) -> str:
    return str(group.metadata.get('prefix', f'{group.name}.'))


SPECS: dict[str, Spec] = {name: spec for name, _, spec in specs()}


def table_specs(values: dict[str, Any]) -> Iterator[tuple[str, Any, Spec]]:
    """
    Yield (dotted name, default, spec) of the parameters that cameras and robots have a table of.

    :param values: of all other parameters; what the tables do not say is as there.
    :raises ValueError: names that cannot be.
    """
    if reason := _why_not_names(values):
        raise ValueError(reason)
    for field in dataclasses.fields(WorldParameters):
        for name in _tabled(field, values):
            for key, default, spec in specs(field.metadata['tables'], f'{name}.'):
                yield key, _inherited(name, key.removeprefix(f'{name}.'), default, values), spec


def all_specs(parameters: WorldParameters) -> dict[str, tuple[Any, Spec]]:
    """Return default and spec of all parameters, those of tables among them."""
    return {name: (default, spec) for name, default, spec in
            (*specs(), *table_specs(to_values(parameters)))}


def _tabled(field: dataclasses.Field[Any], values: dict[str, Any]) -> list[str]:
    """Return who has a table in this field."""
    names: Sequence[str] = values[field.metadata['of']] if 'tables' in field.metadata else ()
    return [name for name in names if name not in (CAMERA, ALONE)]


def _inherited(name: str, key: str, default: Any, values: dict[str, Any]) -> Any:
    """Return what a parameter of a table is where the table does not say it."""
    if key in ('link_frame', 'optical_frame'):
        return f'{name}_{key}' if key == 'optical_frame' else f'{name}_link'
    if key == 'size':
        return list(values['robot_size'])
    # A rate of its own is none that ticks have.
    return values[key] if '.' in key else default


def _why_not_names(values: dict[str, Any]) -> str:
    """Return why cameras and robots cannot be called so, or nothing."""
    for what in ('cameras', 'robots'):
        if reason := SPECS[what].why_not(values[what]):
            return f'{what}: {reason}'
        for name in values[what]:
            if name != CAMERA and any(f'{key}.'.startswith(f'{name}.') for key in SPECS):
                return (f'{what}: {name!r} is taken by a parameter: choose another name, as '
                        f'{name}_{what[:-1]}')
    return why_not_together(values['cameras'], values['robots'])


# Parameters of which the first must be less than the second.
_ORDERED = (('min_range', 'max_range'), ('scan.min_height', 'scan.max_height'),
            ('scan.angle_min', 'scan.angle_max'), ('scan.range_min', 'scan.range_max'),
            ('points.min_height', 'points.max_height'), ('points.min_range', 'points.max_range'))


# Of the frames that must differ, so many do so by what moves the robot, or need not.
_ROBOTS_OWN = 3


def contradiction(values: dict[str, Any]) -> str:
    """Return why these values, each of which is good, are not together, or nothing."""
    for low, high in _ORDERED:
        if values[low] >= values[high]:  # never so if one of them is NaN
            return f'{low} {values[low]:g} must be less than {high} {values[high]:g}'
    if reason := _why_not_names(values):
        return reason
    parameters = from_values(values)
    return (_why_not_frames(cameras_of(parameters), values)
            or _why_not_starts(parameters.robot_tables))


def _why_not_frames(cameras: dict[str, CameraTable], values: dict[str, Any]) -> str:
    """Return which frames are of the same name, but must not be, or nothing."""
    names = [(name, values[name]) for name in ('map_frame', 'odom_frame', 'base_frame')]
    for camera, table in cameras.items():
        own = f'{camera}.' if camera != CAMERA else ''
        names += [(f'{own}{"link" if own else "camera"}_frame', table.link_frame),
                  (f'{own}optical_frame', table.optical_frame)]
    if values['scan.publish_tf']:
        names.append(('scan.frame', values['scan.frame']))
    for k, (name, frame) in enumerate(names[_ROBOTS_OWN:], _ROBOTS_OWN):
        for other, taken in names[:k]:
            if frame == taken:
                return f'{name} {frame!r} must be another frame than {other}'
    return ''


def _why_not_starts(robots: tuple[tuple[str, RobotTable], ...]) -> str:
    """Return which robots start in the same place, or nothing."""
    starts = [(name, (repr(table.initial_pose.x), repr(table.initial_pose.y)))
              for name, table in robots]
    for k, (name, start) in enumerate(starts):
        for other, taken in starts[:k]:
            if start == taken:
                return (f'robots: {other!r} and {name!r} start in the same place: set '
                        f'{name}.initial_pose.x or .y')
    return ''


def from_values(values: dict[str, Any]) -> WorldParameters:
    """
    Return the dataclass that holds these values, keyed by dotted name.

    :param values: of all parameters; those of tables may be left out.
    """
    inherited = {name: default for name, default, _ in table_specs(values)}
    return _build(WorldParameters, {**inherited, **values}, '')


def _build(group: Any, values: dict[str, Any], prefix: str) -> Any:
    return group(**{field.name: _field(field, values, prefix)
                    for field in dataclasses.fields(group)})


def _field(field: dataclasses.Field[Any], values: dict[str, Any], prefix: str) -> Any:
    if 'spec' in field.metadata:
        return _frozen(values[prefix + field.name])
    if 'tables' in field.metadata:
        return tuple((name, _build(field.metadata['tables'], values, f'{name}.'))
                     for name in _tabled(field, values))
    return _build(field.default_factory, values, prefix + _prefix_of(field))


def _frozen(value: Any) -> Any:
    return value if isinstance(value, (str, int, float)) else tuple(value)


def to_values(parameters: Any, prefix: str = '') -> dict[str, Any]:
    """Return the values keyed by dotted name."""
    values = {}
    for field in dataclasses.fields(parameters):
        value = getattr(parameters, field.name)
        if 'spec' in field.metadata:
            values[prefix + field.name] = value
        elif 'tables' in field.metadata:
            for name, table in value:
                values.update(to_values(table, f'{name}.'))
        else:
            values.update(to_values(value, prefix + _prefix_of(field)))
    return values
