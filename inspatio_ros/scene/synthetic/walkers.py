# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Bodies of the size of people that go to and fro through a made-up place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
import math

from inspatio_ros.contracts import F64
from inspatio_ros.geometry import raycast
from inspatio_ros.motion.transforms import pose_rpy
from inspatio_ros.scene.synthetic import painting
from inspatio_ros.scene.synthetic.furnishing import painted_box, Thing
from inspatio_ros.scene.synthetic.lighting import face_size
import numpy as np


@dataclass(frozen=True)
class Route:
    """
    A way to and fro.

    :param middle: (3,) metres, world.
    :param swing: (3,) metres from the middle to the end.
    :param period_s: of one way to and fro.
    :param phase_rad: where on it the time 0 is.
    :param turn_rad_s: how fast the body turns about z.
    """

    middle: F64
    swing: F64
    period_s: float
    phase_rad: float
    turn_rad_s: float

    def pose(self, time_s: float) -> F64:
        """Return (4, 4) T_world_body at a time."""
        share = math.sin(2.0 * math.pi * time_s / self.period_s + self.phase_rad)
        x, y, z = self.middle + share * self.swing
        return pose_rpy(x, y, z, yaw=self.turn_rad_s * time_s)

    def at_height(self, z: float) -> Route:
        """Return the same way at another height, metres over the floor."""
        return replace(self, middle=np.array([*self.middle[:2], z]))

    def spots(self) -> F64:
        """Return (9, 2) points of the floor along it, metres."""
        return self.middle[:2] + np.linspace(-1.0, 1.0, 9)[:, None] * self.swing[:2]


Mover = tuple[Thing, Route]


def walker(rng: np.random.Generator, route: Route) -> list[Mover]:
    """Return a body that takes a way: a person, a robot or a box on wheels."""
    build: Callable[[np.random.Generator, Route], list[Mover]] = (
        _person, _robot, _trolley)[int(rng.integers(3))]
    return build(rng, route)


def _upright(rng: np.random.Generator, radius: float, low: float, high: float,
             route: Route) -> Mover:
    """Return a painted cylinder between two heights."""
    half = np.array([radius, radius, 0.5 * (high - low)])
    colour = painting.muted(rng, 40, 220)
    side = painting.plain(rng, *face_size(raycast.CYLINDER, half, 0), colour, 0.15)
    for _ in range(int(rng.integers(1, 4))):
        painting.paste(rng, side, painting.poster(rng, *rng.uniform(0.1, 0.35, 2)))
    caps = [painting.plain(rng, *face_size(raycast.CYLINDER, half, 1), colour) for _ in range(2)]
    way = route.at_height(0.5 * (low + high))
    return Thing(raycast.CYLINDER, half, way.pose(0.0), (side, *caps)), way


def _person(rng: np.random.Generator, route: Route) -> list[Mover]:
    height, head = rng.uniform(1.5, 1.85), rng.uniform(0.1, 0.13)
    hips, neck = 0.5 * height, height - 2.0 * head
    half = np.full(3, head)
    skin = painting.plain(rng, *face_size(raycast.BALL, half, 0), painting.muted(rng, 60, 210))
    way = route.at_height(height - head)
    return [_upright(rng, rng.uniform(0.12, 0.17), 0.0, hips, route),
            _upright(rng, rng.uniform(0.18, 0.24), hips, neck, route),
            (Thing(raycast.BALL, half, way.pose(0.0), (skin,)), way)]


def _robot(rng: np.random.Generator, route: Route) -> list[Mover]:
    top = rng.uniform(0.25, 0.5)
    return [_upright(rng, rng.uniform(0.2, 0.3), 0.02, top, route),
            _upright(rng, rng.uniform(0.03, 0.08), top, top + rng.uniform(0.2, 0.8), route)]


def _trolley(rng: np.random.Generator, route: Route) -> list[Mover]:
    size = rng.uniform((0.3, 0.3, 0.5), (0.5, 0.5, 1.4))
    way = route.at_height(0.5 * size[2] + 0.05)
    return [(painted_box(rng, size, way.pose(0.0)), way)]
