# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The parameters of the node, given to a command that runs without ROS."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
import difflib
from pathlib import Path
from typing import Any

from inspatio_ros.robot.parameters import contradiction, from_values, SPECS, specs, table_specs
from inspatio_ros.robot.parameters import WorldParameters
from inspatio_ros.robot.spec import Spec

# What a parameter file may hold for rclpy itself.
_NOT_OURS = ('use_sim_time', 'qos_overrides', 'start_type_description_service')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that give parameters."""
    parser.add_argument('--params-file', type=Path, action='append', default=[],
                        help='parameter file of the node, as config/world.yaml')
    parser.add_argument('-p', dest='assignments', action='append', default=[],
                        metavar='NAME:=VALUE', help='a parameter of the node, e.g. -p rate:=10.0')


def read_parameters(args: argparse.Namespace) -> WorldParameters:
    """
    Return the parameters: defaults, then the files in order, then the assignments.

    :raises ValueError: an unknown name (with the nearest known one), a bad value or file, values
        that contradict each other.
    :raises OSError: a file that cannot be read.
    """
    given = list(_given(args))
    values, known = {name: default for name, default, _ in specs()}, dict(SPECS)
    for name, value, where in given:
        if name in SPECS:
            _assign(values, SPECS[name], name, value, where)
    for name, default, spec in table_specs(values):
        values[name], known[name] = default, spec
    for name, value, where in given:
        if name not in SPECS:
            _assign(values, _spec_of(name, known, where), name, value, where)
    if reason := contradiction(values):
        raise ValueError(reason)
    return from_values(values)


def _given(args: argparse.Namespace) -> Iterator[tuple[str, Any, str]]:
    """Yield (name, value, where it is said) of what is given, in order."""
    for file in args.params_file:
        for name, value in _read_file(file):
            if name.split('.')[0] not in _NOT_OURS:
                yield name, value, str(file)
    for text in args.assignments:
        name, found, value = text.partition(':=')
        if not found:
            raise ValueError(f'-p {text}: expected NAME:=VALUE, e.g. rate:=10.0')
        if name.split('.')[0] not in _NOT_OURS:
            yield name, _parsed(value, f'-p {text}'), '-p'


def _spec_of(name: str, known: dict[str, Spec], where: str) -> Spec:
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    raise ValueError(f'{where}: no parameter {name!r}; '
                     + (f'did you mean {near[0]}?' if near else 'config/world.yaml lists all'))


def _read_file(file: Path) -> Iterator[tuple[str, Any]]:
    tree = _parsed(file.read_text(), str(file))
    nodes = tree.values() if isinstance(tree, dict) else ()
    groups = [node['ros__parameters'] for node in nodes
              if isinstance(node, dict) and isinstance(node.get('ros__parameters'), dict)]
    if not groups:
        raise ValueError(f'{file}: no parameters: expected a node, in it ros__parameters')
    for group in groups:
        yield from _flat(group)


def _flat(tree: dict[str, Any], prefix: str = '') -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f'{prefix}{key}.')
        else:
            yield f'{prefix}{key}', value


def _parsed(text: str, where: str) -> Any:
    import yaml
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f'{where}: {" ".join(str(error).split())}') from error


def _as_float(value: int | str) -> Any:
    """Return a number that YAML took for something else (nan, 1e-3); other text as it is."""
    try:
        return float(value)
    except ValueError:
        return value


def _assign(values: dict[str, Any], spec: Spec, name: str, value: Any, where: str) -> None:
    if spec.bool_or_text:
        value = str(value).lower()
    elif isinstance(values[name], float) and type(value) in (int, str):
        value = _as_float(value)
    elif isinstance(values[name], str) and value is None:
        value = ''
    if type(value) is not type(values[name]):
        raise ValueError(f'{where}: {name} must be a {type(values[name]).__name__}, '
                         f'got {value!r}')
    if reason := spec.why_not(value):
        raise ValueError(f'{where}: {name} {reason}')
    values[name] = value
