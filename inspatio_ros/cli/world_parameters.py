# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The parameters of the node, given to a command that runs without ROS."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from inspatio_ros.cli.parameter_files import assigned, check_name, Given, in_file, is_ours
from inspatio_ros.robot import loopback
from inspatio_ros.robot.parameter_values import contradiction, from_values, SPECS, specs
from inspatio_ros.robot.parameter_values import table_specs
from inspatio_ros.robot.parameters import WorldParameters
from inspatio_ros.robot.spec import Spec


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
    given = [it for it in _given(args) if is_ours(it.name)]
    values, known = {name: default for name, default, _ in specs()}, dict(SPECS)
    aliases = {name: default for name, default, _ in loopback.specs()}
    for it in given:
        if it.name in SPECS:
            _assign(values, SPECS[it.name], it)
        elif it.name in loopback.SPECS:
            _assign(aliases, loopback.SPECS[it.name], it)
    meaning = loopback.Meaning(aliases)
    values.update((name, meaning.resolved(name, values[name], default))
                  for name, default, _ in specs())
    for name, default, spec in table_specs(values):
        values[name], known[name] = default, spec
    for it in given:
        if it.name not in SPECS and it.name not in loopback.SPECS:
            check_name(it, (*known, *loopback.SPECS))
            _assign(values, known[it.name], it)
    if reason := contradiction(values):
        raise ValueError(reason)
    return from_values(values)


def _given(args: argparse.Namespace) -> Iterator[Given]:
    """Yield what is given, in order."""
    for file in args.params_file:
        yield from in_file(file)
    for text in args.assignments:
        yield from assigned(text)


def _as_float(value: int | str) -> Any:
    """Return a number that YAML took for something else (nan, 1e-3); other text as it is."""
    try:
        return float(value)
    except ValueError:
        return value


def _assign(values: dict[str, Any], spec: Spec, given: Given) -> None:
    name, value, where = given.name, given.value, given.where
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
