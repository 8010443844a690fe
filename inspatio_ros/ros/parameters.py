# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Every parameter of the node, in one dataclass.

A field's metadata holds unit, range, choices, description and when it may change; one loop
declares them all. Nested dataclasses become dotted names (`mount.x`). `config/world.yaml` holds
values only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
import dataclasses
from dataclasses import dataclass
import enum
import math
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rcl_interfaces.msg import SetParametersResult
from rclpy.exceptions import ParameterException
from rclpy.node import Node
from rclpy.parameter import Parameter


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
    :param nan_means: what NaN stands for; None if NaN is refused.
    """

    description: str
    change: Change
    unit: str = ''
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    nan_means: str | None = None
    may_be_empty: bool = False
    bool_or_text: bool = False

    def why_not(self, value: Any) -> str:
        """Return the reason why this value is bad, or nothing."""
        if self.bool_or_text:
            value = str(value).lower()
        if isinstance(value, str):
            if self.choices and value not in self.choices:
                return f'must be one of {", ".join(self.choices)}, got {value!r}'
            return '' if value or self.may_be_empty else 'must not be empty'
        if isinstance(value, float) and math.isnan(value):
            return '' if self.nan_means else 'must be a number, got nan'
        if isinstance(value, bool):
            return ''
        if self.low is not None and value < self.low:
            return f'must be at least {self.low:g}{self._suffix}, got {value:g}'
        if self.high is not None and value > self.high:
            return f'must be at most {self.high:g}{self._suffix}, got {value:g}'
        return ''

    @property
    def _suffix(self) -> str:
        return f' {self.unit}' if self.unit else ''

    def descriptor(self, default: Any) -> ParameterDescriptor:
        """Return the descriptor of a parameter with this default."""
        text = self.description + (f' [{self.unit}]' if self.unit else '')
        if self.nan_means:
            text += f'; nan = {self.nan_means}'
        result = ParameterDescriptor(description=text, read_only=self.change is Change.NEVER,
                                     dynamic_typing=self.bool_or_text)
        result.additional_constraints = self._constraints()
        if self.low is None and self.high is None or self.nan_means:
            return result  # rclpy's own range check refuses NaN; ours does not
        low = -math.inf if self.low is None else self.low
        high = math.inf if self.high is None else self.high
        if isinstance(default, float):
            result.floating_point_range = [FloatingPointRange(from_value=float(low),
                                                              to_value=float(high))]
        else:
            result.integer_range = [IntegerRange(from_value=int(low), to_value=int(high))]
        return result

    def _constraints(self) -> str:
        parts = [f'changes {self.change.value}']
        if self.choices:
            parts.append(f'one of {", ".join(self.choices)}')
        if self.nan_means and self.low is not None and self.high is not None:
            parts.append(f'{self.low:g} to {self.high:g} or nan')
        return '; '.join(parts)


def _live(default: Any, description: str, **spec: Any) -> Any:
    return _parameter(default, description, Change.ANY_TIME, **spec)


def _setup(default: Any, description: str, **spec: Any) -> Any:
    return _parameter(default, description, Change.UNCONFIGURED, **spec)


def _fixed(default: Any, description: str, **spec: Any) -> Any:
    return _parameter(default, description, Change.NEVER, **spec)


def _parameter(default: Any, description: str, change: Change, **spec: Any) -> Any:
    return dataclasses.field(default=default,
                             metadata={'spec': Spec(description, change, **spec)})


SPAWN = "the scene's spawn"
RECORDED = 'as the scene was recorded'


@dataclass(frozen=True)
class Image:
    """The camera."""

    width: int = _live(0, "Image width; 0 = the scene's", unit='px', low=0, high=8192)
    height: int = _live(0, "Image height; 0 = the scene's", unit='px', low=0, high=8192)
    hfov: float = _live(0.0, "Horizontal field of view; 0 = the scene's", unit='rad',
                        low=0.0, high=3.1)


@dataclass(frozen=True)
class Mount:
    """Where the camera sits on the robot: base frame to camera frame."""

    x: float = _live(0.0, 'Camera, forward of the base', unit='m', low=-100.0, high=100.0)
    y: float = _live(0.0, 'Camera, left of the base', unit='m', low=-100.0, high=100.0)
    z: float = _live(math.nan, 'Camera, above the base', unit='m', low=-100.0, high=100.0,
                     nan_means=RECORDED)
    roll: float = _live(0.0, 'Camera roll', unit='rad', low=-math.pi, high=math.pi)
    pitch: float = _live(math.nan, 'Camera pitch, + looks down', unit='rad',
                         low=-math.pi, high=math.pi, nan_means=RECORDED)
    yaw: float = _live(0.0, 'Camera yaw, + looks left', unit='rad', low=-math.pi, high=math.pi)


@dataclass(frozen=True)
class InitialPose:
    """Where the robot starts: odometry's origin in the map."""

    x: float = _setup(math.nan, 'Start', unit='m', nan_means=SPAWN, low=-1e6, high=1e6)
    y: float = _setup(math.nan, 'Start', unit='m', nan_means=SPAWN, low=-1e6, high=1e6)
    yaw: float = _setup(math.nan, 'Start', unit='rad', nan_means=SPAWN,
                        low=-2.0 * math.pi, high=2.0 * math.pi)


@dataclass(frozen=True)
class LimitsGroup:
    """Commands beyond these are dropped."""

    linear: float = _live(5.0, 'Largest speed', unit='m/s', low=0.001, high=100.0)
    angular: float = _live(6.0, 'Largest turn rate', unit='rad/s', low=0.001, high=100.0)


@dataclass(frozen=True)
class Render:
    """How the world is drawn; handed to the world as it is opened."""

    backend: str = _setup('auto', 'Renderer', choices=('auto', 'numba', 'torch'))
    threads: int = _setup(0, 'Render threads; 0 = all cores', low=0, high=256)
    max_views: int = _setup(4, 'Most source views used for one frame', low=1, high=64)
    ahead: bool = _live(True, 'Begin a frame before its stamp, so that it is ready when the stamp '
                              'has come; commands then act from the next frame on. Twist only')


@dataclass(frozen=True)
class WorldParameters:
    """All parameters of the node."""

    scene: str = _setup('', 'Scene folder; empty = the bundled hall', may_be_empty=True)
    motion_source: str = _fixed('twist', 'What moves the robot',
                                choices=('twist', 'odometry', 'pose'))
    pose_type: str = _fixed('PoseStamped', 'Message type of the topic `pose`',
                            choices=('PoseStamped', 'PoseWithCovarianceStamped'))
    enable_stamped_cmd_vel: str = _fixed(
        'auto', "cmd_vel is TwistStamped; auto = Nav2's default of this ROS distribution",
        choices=('auto', 'true', 'false'), bool_or_text=True)
    autostart: bool = _fixed(True, 'Configure and activate without a lifecycle manager')
    rate: float = _live(24.0, 'Frames', unit='Hz', low=0.1, high=240.0)
    cmd_vel_timeout: float = _setup(1.0, 'Silence after which the robot stops', unit='s',
                                    low=0.01, high=60.0)
    pose_timeout: float = _setup(0.5, 'Silence of odometry or pose after which the robot is lost',
                                 unit='s', low=0.01, high=60.0)
    depth_encoding: str = _live('32FC1', 'Depth: metres (32FC1) or millimetres (16UC1)',
                                choices=('32FC1', '16UC1'))
    min_range: float = _live(0.0, 'Nearer depth is published as -inf', unit='m',
                             low=0.0, high=1000.0)
    max_range: float = _live(math.inf, 'Farther depth is published as +inf', unit='m',
                             low=0.01, high=math.inf)
    fill_depth: bool = _setup(False, 'Give what no view has seen a depth; false leaves it NaN')
    max_unobserved_ratio: float = _live(0.5, 'Share of unseen pixels that is worth a warning',
                                        low=0.0, high=1.0)
    map_frame: str = _fixed('map', 'World frame')
    odom_frame: str = _fixed('odom', 'Odometry frame')
    base_frame: str = _fixed('base_footprint', 'Robot frame')
    camera_frame: str = _fixed('camera_link', 'Camera frame, x forward')
    optical_frame: str = _fixed('camera_optical_frame', 'Camera frame, z forward; of the images')
    publish_map_odom_tf: bool = _live(True, 'Publish TF map -> odom')
    publish_mount_tf: bool = _setup(True, 'Publish TF base -> camera; off when a URDF does it')
    image: Image = dataclasses.field(default_factory=Image)
    mount: Mount = dataclasses.field(default_factory=Mount)
    initial_pose: InitialPose = dataclasses.field(default_factory=InitialPose)
    limits: LimitsGroup = dataclasses.field(default_factory=LimitsGroup)
    render: Render = dataclasses.field(default_factory=Render)


def specs(group: Any = WorldParameters, prefix: str = '') -> Iterator[tuple[str, Any, Spec]]:
    """Yield (dotted name, default, spec) of every parameter."""
    for field in dataclasses.fields(group):
        if 'spec' in field.metadata:
            yield prefix + field.name, field.default, field.metadata['spec']
        else:
            yield from specs(field.default_factory, f'{prefix}{field.name}.')


SPECS: dict[str, Spec] = {name: spec for name, _, spec in specs()}


@dataclass(frozen=True)
class WorldRequest:
    """
    What the node asks of whoever opens worlds.

    :param scene: scene folder; empty = the bundled one.
    :param threads: render threads; 0 = all cores.
    """

    scene: str
    backend: str
    threads: int
    max_views: int
    fill_depth: bool


def request_of(parameters: WorldParameters) -> WorldRequest:
    """Return the world that the parameters ask for."""
    render = parameters.render
    return WorldRequest(parameters.scene, render.backend, render.threads, render.max_views,
                        parameters.fill_depth)


def declare(node: Node) -> WorldParameters:
    """
    Declare all parameters and return their values.

    :raises ValueError: a value given at start that is bad; the message names the parameter.
    """
    values = {}
    for name, default, spec in specs():
        try:
            parameter = node.declare_parameter(name, default, spec.descriptor(default))
        except ParameterException as error:
            raise ValueError(f'parameter {name}: {error}') from error
        values[name] = str(parameter.value).lower() if spec.bool_or_text else parameter.value
        if reason := spec.why_not(parameter.value):
            raise ValueError(f'parameter {name}: {reason}')
    return from_values(values)


def from_values(values: dict[str, Any]) -> WorldParameters:
    """Return the dataclass that holds these values, keyed by dotted name."""
    return _build(WorldParameters, values, '')


def _build(group: Any, values: dict[str, Any], prefix: str) -> Any:
    return group(**{
        field.name: values[prefix + field.name] if 'spec' in field.metadata
        else _build(field.default_factory, values, f'{prefix}{field.name}.')
        for field in dataclasses.fields(group)})


def to_values(parameters: Any, prefix: str = '') -> dict[str, Any]:
    """Return the values keyed by dotted name."""
    values = {}
    for field in dataclasses.fields(parameters):
        value = getattr(parameters, field.name)
        if 'spec' in field.metadata:
            values[prefix + field.name] = value
        else:
            values.update(to_values(value, f'{prefix}{field.name}.'))
    return values


def changed(parameters: WorldParameters, changes: Iterable[Parameter],
            configured: bool) -> tuple[WorldParameters, SetParametersResult]:
    """
    Apply a request to change parameters, all of it or none.

    :param configured: whether the node holds a world now.
    :returns: the new values (the old ones if refused) and the answer with its reason.
    """
    values = to_values(parameters)
    for change in changes:
        spec = SPECS.get(change.name)
        if spec is None:
            continue  # use_sim_time, qos_overrides: not ours
        reason = spec.why_not(change.value)
        if not reason and spec.change is Change.UNCONFIGURED and configured:
            reason = f'can change {spec.change.value}'
        if reason:
            answer = SetParametersResult(successful=False, reason=f'{change.name} {reason}')
            return parameters, answer
        values[change.name] = change.value
    return from_values(values), SetParametersResult(successful=True)
