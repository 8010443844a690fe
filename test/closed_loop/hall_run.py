# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The hall as it really is, and the runs through it that a seed means.

The truth is the list of solids that the hall was rendered from; no robot sees it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
import math
from pathlib import Path
import sys

from inspatio_ros.scene.scene import frame_at, TimeMode
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'scripts'))

from hall.layout import build_hall, MOVER  # noqa: E402, I100, I202
from hall.world import distance_to, Solid  # noqa: E402

ROBOT_RADIUS_M, ROBOT_HEIGHT_M = 0.2, 0.6
# Of the aisle that the box crosses: x and y ranges on both sides of it, metres.
_WEST, _EAST = ((-5.2, -0.6), (-2.6, -1.3)), ((2.5, 5.2), (-2.5, -1.3))
_ROOM_M = 0.3              # beside the robot, where it starts and where it goes
_TURNED_RAD = 0.6          # away from the goal, at the start, at most
_BOX_PERIOD_S = 2.0 * (MOVER.frames - 1) / MOVER.fps
_FLOORS = ('floor', 'room_floor')
OBSTACLES = [solid for solid in build_hall()
             if solid.bounds[0][2] <= ROBOT_HEIGHT_M and solid.name not in _FLOORS]


@dataclass(frozen=True)
class Run:
    """
    One way through the hall.

    :param start: x, y, yaw in the map.
    :param goal: x, y in the map.
    :param wait_s: how long after the box began to move the robot sets out.
    """

    start: tuple[float, float, float]
    goal: tuple[float, float]
    wait_s: float


def run_of(seed: int) -> Run:
    """Return a run from one side of the box's way to the other."""
    rng = np.random.default_rng(seed)
    sides = (_WEST, _EAST) if rng.integers(2) else (_EAST, _WEST)
    start, goal = (_free_place(rng, side) for side in sides)
    yaw = math.atan2(goal[1] - start[1], goal[0] - start[0])
    return Run((*start, yaw + rng.uniform(-_TURNED_RAD, _TURNED_RAD)), goal,
               rng.uniform(0.0, _BOX_PERIOD_S))


def wandering(seed: int) -> Iterator[tuple[float, float]]:
    """Yield goals without end, in turns on one side of the box's way and on the other."""
    rng = np.random.default_rng(seed)
    while True:
        yield _free_place(rng, _EAST)
        yield _free_place(rng, _WEST)


def _free_place(rng: np.random.Generator, side: tuple) -> tuple[float, float]:
    while True:
        x, y = (float(rng.uniform(*limits)) for limits in side)
        if distance_to(OBSTACLES, x, y, ROBOT_HEIGHT_M) > ROBOT_RADIUS_M + _ROOM_M:
            return x, y


def box_at(time_s: float) -> Solid:
    """Return the box as the scene shows it so long after its begin."""
    return MOVER.solid_at(frame_at(MOVER.frames, MOVER.fps, TimeMode.BOUNCE, time_s))


def room_beside(x: float, y: float, time_s: float) -> float:
    """Return how far the robot, there in the map and then, is from touching: metres, or 0."""
    distance = distance_to([*OBSTACLES, box_at(time_s)], x, y, ROBOT_HEIGHT_M)
    return max(distance - ROBOT_RADIUS_M, 0.0)
