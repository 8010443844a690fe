# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Measure what several robots in one world cost against one: a tick of all their cameras."""

from __future__ import annotations

from collections.abc import Callable
import time
from typing import Any

from inspatio_ros.cli.output import progress
import numpy as np

# Robots of the figure, and the camera of each: width, height, horizontal field of view in radians.
COUNTS = (1, 4)
_WIDTH, _HEIGHT, _HFOV_RAD = 320, 240, 1.3
# How far apart they start, sideways and ahead, metres.
_ASIDE_M, _BEHIND_M = 0.5, 0.8
_WARM_UP = 3


def measure(scene: Any, threads: int, frames: int) -> list[dict[str, Any]]:
    """
    Time ticks of one robot and of several, in turn, so that both meet the same machine.

    :param scene: with the place for all of them around its spawn.
    :param threads: render threads.
    :param frames: ticks of each.
    :returns: rows with robots, p50_ms, p99_ms and `ratio`, the median against that of one.
    """
    from inspatio_ros.engine.world import SceneWorld, WorldSettings
    world = SceneWorld(scene, WorldSettings(threads=threads))
    ticks = [_ticks(world, count) for count in COUNTS]
    times: list[list[float]] = [[] for _ in COUNTS]
    for index in progress(range(_WARM_UP + frames), _WARM_UP + frames, 'robots'):
        for spent, tick in zip(times, ticks):
            begin = time.perf_counter()
            tick(index)
            spent.append((time.perf_counter() - begin) * 1e3)
    world.close()
    kept = [spent[_WARM_UP:] for spent in times]
    return [{'robots': count, 'width': _WIDTH, 'height': _HEIGHT, 'threads': threads,
             'p50_ms': float(np.median(spent)), 'p99_ms': float(np.percentile(spent, 99)),
             'ratio': float(np.median(spent) / np.median(kept[0]))}
            for count, spent in zip(COUNTS, kept)]


def _ticks(world: Any, count: int) -> Callable[[int], None]:
    """Return what takes the k-th tick of so many robots that drive ahead, swinging."""
    from inspatio_ros.contracts import Outputs
    from inspatio_ros.robot.health import Health
    from inspatio_ros.robot.parameters import from_values, specs
    from inspatio_ros.robot.robots import open_robots
    from inspatio_ros.robot.sensor import Sensor
    from inspatio_ros.robot.sources import open_source
    from inspatio_ros.robot.ticks import Ticks
    names, spawn = [f'r{k}' for k in range(count)], world.spawn
    values = {name: default for name, default, _ in specs()}
    values.update({'robots': names, 'image.width': _WIDTH, 'image.height': _HEIGHT,
                   'image.hfov': _HFOV_RAD})
    ahead, left = np.array([np.cos(spawn.yaw), np.sin(spawn.yaw)]), np.array(
        [-np.sin(spawn.yaw), np.cos(spawn.yaw)])
    for k, name in enumerate(names):
        place = (k % 2 - 0.5) * _ASIDE_M * left + (k // 2) * _BEHIND_M * ahead
        values.update({f'{name}.initial_pose.x': spawn.x + float(place[0]),
                       f'{name}.initial_pose.y': spawn.y + float(place[1]),
                       f'{name}.initial_pose.yaw': spawn.yaw})
    parameters = from_values(values)
    robots = open_robots(parameters, spawn, lambda own, T, report: open_source(
        own, T, lambda: 0, report), lambda *_: None)
    ticks = Ticks(Sensor(world, parameters), robots, parameters, Health(), lambda *_: None,
                  lambda text: None)
    wanted = {name: {'camera': Outputs.ALL} for name in names}

    def tick(index: int) -> None:
        for robot in robots:
            robot.source.take(_command(0.3 * np.sin(0.1 * index)))
        ticks.look(ticks.begin((1 + index) * 41_666_667), wanted)

    return tick


def _command(turn_rad_s: float) -> Any:
    """Return a velocity command: slowly ahead, and a turn."""
    from types import SimpleNamespace as Message
    return Message(linear=Message(x=0.1, y=0.0, z=0.0),
                   angular=Message(x=0.0, y=0.0, z=turn_rad_s))
