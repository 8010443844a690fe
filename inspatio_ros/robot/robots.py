# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The robots of a world: each with what moves it, and names of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from inspatio_ros.contracts import Box, F64, Spawn
from inspatio_ros.motion.counts import Counts
from inspatio_ros.motion.transforms import pose_rpy
from inspatio_ros.robot.names import prefix_of
from inspatio_ros.robot.parameters import parameters_of, WorldParameters
from inspatio_ros.robot.sensor import start_of
from inspatio_ros.robot.sources import Report, TrackSource, TwistSource

Source = TwistSource | TrackSource
OpenSource = Callable[[WorldParameters, F64, Report], Source]

# Robots tell each other apart by these, in their order.
_COLOURS = ((200, 60, 50), (60, 110, 200), (230, 170, 40), (70, 160, 90), (150, 80, 170),
            (60, 170, 180), (220, 120, 60), (120, 120, 120))


@dataclass
class Robot:
    """
    One robot.

    :param name: empty if it is the only one.
    :param parameters: as they are for it.
    :param source: what moves it.
    :param colour: of the box that others see.
    """

    name: str
    parameters: WorldParameters
    source: Source
    colour: tuple[int, int, int] = _COLOURS[0]

    @property
    def prefix(self) -> str:
        """Return what the names of its topics and counters begin with."""
        return prefix_of(self.name)

    def reconfigure(self, parameters: WorldParameters) -> None:
        """Take other parameters, those of the world."""
        self.parameters = parameters_of(self.name, parameters)
        self.source.reconfigure(self.parameters)

    def start(self, spawn: Spawn) -> F64:
        """Return T_map_base where it starts in a world."""
        return start_of(self.parameters.initial_pose, spawn)

    def counts(self) -> dict[str, Counts]:
        """Return what became of the messages that move it, by topic."""
        return {self.prefix + topic: it for topic, it in self.source.counts().items()}

    def box(self, T_map_base: F64) -> Box:
        """Return what others see of it: a box that stands on its base."""
        length, width, height = self.parameters.robot_size
        return Box(T_map_base @ pose_rpy(z=0.5 * height), (length, width, height), self.colour)


def open_robots(parameters: WorldParameters, spawn: Spawn, open_source: OpenSource,
                report: Report) -> list[Robot]:
    """
    Return the robots that the parameters ask for.

    :param spawn: where robots start in this world.
    :param open_source: returns what moves a robot, from its parameters, its start and where to
        report messages that it drops.
    :param report: called with topic, verdict, detail.
    """
    robots = []
    for index, name in enumerate(parameters.robots):
        own = parameters_of(name, parameters)
        source = open_source(own, start_of(own.initial_pose, spawn),
                             _reporter(prefix_of(name), report))
        robots.append(Robot(name, own, source, _COLOURS[index % len(_COLOURS)]))
    return robots


def boxes_beside(index: int, boxes: Sequence[Box]) -> tuple[Box, ...]:
    """Return the boxes of all robots but one: no robot sees itself."""
    return (*boxes[:index], *boxes[index + 1:])


def _reporter(prefix: str, report: Report) -> Report:
    return lambda topic, verdict, detail: report(prefix + topic, verdict, detail)
