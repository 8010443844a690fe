# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The parameters of a driven world as those of a node: one loop declares them all."""

from __future__ import annotations

from collections.abc import Iterable
import math
from typing import Any

from inspatio_ros.robot import loopback
from inspatio_ros.robot.parameter_values import all_specs, contradiction, from_values, specs
from inspatio_ros.robot.parameter_values import table_specs, to_values
from inspatio_ros.robot.parameters import WorldParameters
from inspatio_ros.robot.spec import Change, Spec
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rcl_interfaces.msg import SetParametersResult
from rclpy.exceptions import ParameterException
from rclpy.node import Node
from rclpy.parameter import Parameter


def declare(node: Node, as_loopback: bool = False) -> WorldParameters:
    """
    Declare all parameters and return their values.

    :param as_loopback: begin with the defaults of nav2_loopback_sim.
    :raises ValueError: a value given at start that is bad; the message names the parameter.
    """
    meaning = loopback.Meaning(_declared(node, loopback.specs()), as_loopback)
    values = _declared(node, (it for it in specs() if not meaning.means(it[0])))
    values.update(_resolved(node, meaning))
    values.update(_declared(node, table_specs(values)))
    if reason := contradiction(values):
        raise ValueError(f'parameter {reason}')
    return from_values(values)


def _declared(node: Node, parameters: Iterable[tuple[str, Any, Spec]]) -> dict[str, Any]:
    """Declare parameters and return their values; raises as `declare`."""
    values = {}
    for name, default, spec in parameters:
        try:
            parameter = node.declare_parameter(name, default, descriptor_of(spec, default))
        except ParameterException as error:
            raise ValueError(f'parameter {name}: {error}') from error
        values[name] = str(parameter.value).lower() if spec.bool_or_text else parameter.value
        if reason := spec.why_not(parameter.value):
            raise ValueError(f'parameter {name}: {reason}')
    return values


def _resolved(node: Node, meaning: loopback.Meaning) -> dict[str, Any]:
    """Declare those parameters that others mean something for; raises as `declare`."""
    meant = {}
    for name, default, spec in specs():
        if not meaning.means(name):
            continue
        # What is given for it is seen by declaring it; one that is read only stays as it is.
        asked = node.declare_parameter(name, default,
                                       ParameterDescriptor(dynamic_typing=spec.bool_or_text))
        node.undeclare_parameter(name)
        try:
            value = meaning.resolved(name, asked.value, default)
        except ValueError as error:
            raise ValueError(f'parameter {error}') from error
        if reason := spec.why_not(value):
            raise ValueError(f'parameter {name}: {reason}')
        node.declare_parameter(name, value, descriptor_of(spec, default), ignore_override=True)
        meant[name] = value
    return meant


def changed(parameters: WorldParameters, changes: Iterable[Parameter],
            configured: bool) -> tuple[WorldParameters, SetParametersResult]:
    """
    Apply a request to change parameters, all of it or none.

    :param configured: whether the node holds a world now.
    :returns: the new values (the old ones if refused) and the answer with its reason.
    """
    values, known = to_values(parameters), all_specs(parameters)
    for change in changes:
        if change.name not in known:
            continue  # use_sim_time, qos_overrides: not ours
        default, spec = known[change.name]
        reason = _why_not_type(change, default, spec) or spec.why_not(change.value)
        if not reason and spec.change is Change.UNCONFIGURED and configured:
            reason = f'can change {spec.change.value}'
        if reason:
            answer = SetParametersResult(successful=False, reason=f'{change.name} {reason}')
            return parameters, answer
        values[change.name] = change.value
    if reason := contradiction(values):
        return parameters, SetParametersResult(successful=False, reason=reason)
    return from_values(values), SetParametersResult(successful=True)


def _why_not_type(change: Parameter, default: Any, spec: Spec) -> str:
    """Return why a parameter with this default cannot be of such a type, or nothing."""
    wanted = Parameter.Type.from_parameter_value(default)
    if spec.bool_or_text or change.type_ == wanted:
        return ''
    return f'must be of type {wanted.name}, got {change.type_.name}'


def descriptor_of(spec: Spec, default: Any) -> ParameterDescriptor:
    """Return the descriptor of a parameter with this default."""
    text = spec.description + (f' [{spec.unit}]' if spec.unit else '')
    if spec.nan_means:
        text += f'; nan = {spec.nan_means}'
    result = ParameterDescriptor(description=text, read_only=spec.change is Change.NEVER,
                                 dynamic_typing=spec.bool_or_text)
    result.additional_constraints = _constraints(spec)
    if spec.low is None and spec.high is None or spec.nan_means:
        return result  # rclpy's own range check refuses NaN; ours does not
    low = -math.inf if spec.low is None else spec.low
    high = math.inf if spec.high is None else spec.high
    if isinstance(default, float):
        result.floating_point_range = [FloatingPointRange(from_value=float(low),
                                                          to_value=float(high))]
    else:
        result.integer_range = [IntegerRange(from_value=int(low), to_value=int(high),
                                             step=spec.step)]
    return result


def _constraints(spec: Spec) -> str:
    parts = [f'changes {spec.change.value}']
    if spec.choices:
        parts.append(f'one of {", ".join(spec.choices)}')
    if spec.nan_means and spec.low is not None and spec.high is not None:
        parts.append(f'{spec.low:g} to {spec.high:g} or nan')
    return '; '.join(parts)
