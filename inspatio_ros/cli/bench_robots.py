# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Measure what several robots in one world cost against one: a tick of all their cameras."""

from __future__ import annotations

from collections.abc import Callable, Sequence
import time
from typing import Any

from inspatio_ros.cli.output import progress
import numpy as np

# Robots of the figure, and the camera of each: width, height, horizontal field of view in radians.
ROBOTS = 4
_WIDTH, _HEIGHT, _HFOV_RAD = 320, 240, 1.3
# How far apart they start, sideways and ahead, metres.
_ASIDE_M, _AHEAD_M = 0.5, 0.8
_PERIOD_NS = round(1e9 / 24.0)


def measure(scene: Any, threads: int, frames: int) -> list[dict[str, Any]]:
    """
    Time ticks of all robots together, and in turn with them of each of them alone in the world.

    Places differ in how much there is to see, and machines in how much else they do: so one robot
    is each of them as often as the others, and both meet the same machine.

    :param scene: with the place for all of them ahead of its spawn.
    :param threads: render threads.
    :param frames: ticks of either.
    :returns: rows with robots, p50_ms, p99_ms and `ratio`, the median against that of one.
    """
    from inspatio_ros.engine.world import SceneWorld, WorldSettings
    world = SceneWorld(scene, WorldSettings(threads=threads))
    alone = [_ticks(world, [k]) for k in range(ROBOTS)]
    together = _ticks(world, range(ROBOTS))
    for tick in (*alone, together):
        tick(0)  # compilers
    times: dict[int, list[float]] = {1: [], ROBOTS: []}
    for index in progress(range(1, 1 + frames), frames, 'robots'):
        for count, tick in ((1, alone[index % ROBOTS]), (ROBOTS, together)):
            begin = time.perf_counter()
            tick(index)
            times[count].append((time.perf_counter() - begin) * 1e3)
    world.close()
    return [{'robots': count, 'width': _WIDTH, 'height': _HEIGHT, 'threads': threads,
             'p50_ms': float(np.median(spent)), 'p99_ms': float(np.percentile(spent, 99)),
             'ratio': float(np.median(spent) / np.median(times[1]))}
            for count, spent in times.items()]


def _ticks(world: Any, places: Sequence[int]) -> Callable[[int], None]:
    """Return what takes the k-th tick of robots that start at these places and drive ahead."""
    from inspatio_ros.contracts import Outputs
    from inspatio_ros.robot.health import Health
    from inspatio_ros.robot.robots import open_robots
    from inspatio_ros.robot.sensor import Sensor
    from inspatio_ros.robot.sources import open_source
    from inspatio_ros.robot.ticks import Ticks
    parameters = _parameters(world.spawn, places)
    robots = open_robots(parameters, world.spawn, lambda own, T, report: open_source(
        own, T, lambda: 0, report), lambda *_: None)
    ticks = Ticks(Sensor(world, parameters), robots, parameters, Health(), lambda *_: None,
                  lambda text: None)
    wanted = {robot.name: {'camera': Outputs.ALL} for robot in robots}

    def tick(index: int) -> None:
        for robot in robots:
            robot.source.take(_command(0.3 * np.sin(0.1 * index)))
        ticks.look(ticks.begin((1 + index) * _PERIOD_NS), wanted)

    return tick


def _parameters(spawn: Any, places: Sequence[int]) -> Any:
    """Return parameters of robots in two columns, ahead of the spawn."""
    from inspatio_ros.robot.parameter_values import from_values, specs
    values = {name: default for name, default, _ in specs()}
    values.update({'robots': [f'r{place}' for place in places], 'image.width': _WIDTH,
                   'image.height': _HEIGHT, 'image.hfov': _HFOV_RAD})
    ahead = np.array([np.cos(spawn.yaw), np.sin(spawn.yaw)])
    left = np.array([-ahead[1], ahead[0]])
    for place in places:
        x, y = ((place % 2 - 0.5) * _ASIDE_M * left + place // 2 * _AHEAD_M * ahead).tolist()
        values.update({f'r{place}.initial_pose.x': spawn.x + x,
                       f'r{place}.initial_pose.y': spawn.y + y,
                       f'r{place}.initial_pose.yaw': spawn.yaw})
    return from_values(values)


def _command(turn_rad_s: float) -> Any:
    """Return a velocity command: slowly ahead, and a turn."""
    from types import SimpleNamespace as Message
    return Message(linear=Message(x=0.1, y=0.0, z=0.0),
                   angular=Message(x=0.0, y=0.0, z=turn_rad_s))
