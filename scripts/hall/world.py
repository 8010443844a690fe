# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The hall as plain geometry: boxes and cylinders, and a ray-caster over them.

This is the ground truth. The renderer draws these very solids, and whoever wants to know where a
surface or an obstacle really is asks here. Numpy alone; nothing here knows of rendering. Frame
`map`: origin on the floor in the middle of the hall, x along its long side, z up, metres.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import math

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]

# Columns are the own axes in `map`, for cylinders that lie along x, along y, or stand.
_CYLINDER_AXES = {
    'x': ((0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
    'y': ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, -1.0, 0.0)),
    'z': ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
}


@dataclass(frozen=True)
class Solid:
    """
    A box turned about z, or a cylinder along x, y or z.

    :param name: unique; also the seed of its looks.
    :param shape: 'box' or 'cylinder'.
    :param centre: (x, y, z) in `map`, metres.
    :param size: box: full lengths along its own x, y, z; cylinder: (diameter, diameter, length).
    :param material: what it is made of, `name` or `name:argument`.
    :param yaw: turn about z, radians; boxes only.
    :param axis: 'x', 'y' or 'z'; cylinders only.
    """

    name: str
    shape: str
    centre: tuple[float, float, float]
    size: tuple[float, float, float]
    material: str
    yaw: float = 0.0
    axis: str = 'z'

    @property
    def rotation(self) -> F64:
        """Return the (3, 3) rotation from the own axes to `map`."""
        if self.shape == 'cylinder':
            return np.array(_CYLINDER_AXES[self.axis])
        c, s = math.cos(self.yaw), math.sin(self.yaw)
        return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])

    @property
    def bounds(self) -> tuple[F64, F64]:
        """Return the lowest and highest corner of the axis-aligned bounding box, metres."""
        reach = np.abs(self.rotation) @ (0.5 * np.asarray(self.size))
        return np.asarray(self.centre) - reach, np.asarray(self.centre) + reach


def box(name: str, lo: Sequence[float], hi: Sequence[float], material: str) -> Solid:
    """Return the axis-aligned box between two corners, metres."""
    centre = tuple(0.5 * (a + b) for a, b in zip(lo, hi, strict=True))
    size = tuple(b - a for a, b in zip(lo, hi, strict=True))
    assert min(size) > 0.0, (name, lo, hi)
    return Solid(name, 'box', centre, size, material)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Mover:
    """
    The box that goes back and forth on a straight line.

    :param size: full lengths, metres.
    :param start, end: (x, y) of its centre at both ends, metres.
    :param frames: how many instants one way has.
    :param fps: instants per second.
    :param material: what it is made of.
    """

    size: tuple[float, float, float]
    start: tuple[float, float]
    end: tuple[float, float]
    frames: int
    fps: float
    material: str = 'mover'

    def solid_at(self, frame: int) -> Solid:
        """Return the box at an instant of the way there, 0 <= frame < frames."""
        share = frame / (self.frames - 1)
        # Speeds up and brakes over the first and last tenth, as a vehicle does.
        ramp = 0.1
        if share < ramp:
            way = share * share / (2.0 * ramp)
        elif share > 1.0 - ramp:
            way = 1.0 - ramp - (1.0 - share) ** 2 / (2.0 * ramp)
        else:
            way = share - 0.5 * ramp
        way /= 1.0 - ramp
        x, y = (a + way * (b - a) for a, b in zip(self.start, self.end, strict=True))
        return Solid('mover', 'box', (x, y, 0.5 * self.size[2]), self.size, self.material)


def _cast_box(origins: F64, directions: F64, half: F64) -> F64:
    with np.errstate(divide='ignore', invalid='ignore'):
        near = (-half - origins) / directions
        far = (half - origins) / directions
    # 0 / 0: the ray lies in the plane of a face; that face does not limit it.
    enter = np.nan_to_num(np.minimum(near, far), nan=-np.inf, posinf=np.inf, neginf=-np.inf)
    leave = np.nan_to_num(np.maximum(near, far), nan=np.inf, posinf=np.inf, neginf=-np.inf)
    first, last = enter.max(axis=1), leave.min(axis=1)
    return np.where((first <= last) & (first > 0.0), first, np.inf)


def _cast_cylinder(origins: F64, directions: F64, half: F64) -> F64:
    radius, length = half[0], half[2]
    a = (directions[:, :2] ** 2).sum(axis=1)
    b = (origins[:, :2] * directions[:, :2]).sum(axis=1)
    c = (origins[:, :2] ** 2).sum(axis=1) - radius ** 2
    with np.errstate(divide='ignore', invalid='ignore'):
        side = (-b - np.sqrt(b * b - a * c)) / a
        z = origins[:, 2] + side * directions[:, 2]
        side = np.where((side > 0.0) & (np.abs(z) <= length), side, np.inf)
        cap = (-np.sign(directions[:, 2]) * length - origins[:, 2]) / directions[:, 2]
        xy = origins[:, :2] + cap[:, None] * directions[:, :2]
        cap = np.where((cap > 0.0) & ((xy ** 2).sum(axis=1) <= radius ** 2), cap, np.inf)
    return np.fmin(np.nan_to_num(side, nan=np.inf, posinf=np.inf),
                   np.nan_to_num(cap, nan=np.inf, posinf=np.inf))


def ray_cast(solids: Sequence[Solid], origins: F64,
             directions: F64) -> tuple[F64, npt.NDArray[np.int64]]:
    """
    Find the first surface along each ray.

    :param origins: (N, 3) in `map`, metres, outside of every solid.
    :param directions: (N, 3) in `map`, any length. With the rays of a camera whose optical z is
        1 the result is depth.
    :returns: (N,) how many times its direction each ray goes, inf where it hits nothing, and
        (N,) index of the solid, -1 where it hits nothing.
    """
    best = np.full(len(origins), np.inf)
    index = np.full(len(origins), -1, dtype=np.int64)
    for i, solid in enumerate(solids):
        R = solid.rotation
        half = 0.5 * np.asarray(solid.size)
        cast = _cast_box if solid.shape == 'box' else _cast_cylinder
        t = cast((origins - np.asarray(solid.centre)) @ R, directions @ R, half)
        closer = t < best
        best[closer], index[closer] = t[closer], i
    return best, index


def distance_to(solids: Sequence[Solid], x: float, y: float, z_max: float) -> float:
    """
    Return how far a point of the floor is from the footprint of the nearest obstacle, metres.

    :param z_max: what begins higher than this is no obstacle (the height of the robot).
    """
    nearest = math.inf
    for solid in solids:
        low, high = solid.bounds
        if low[2] > z_max or high[2] < 0.02:
            continue
        own = (np.array([x, y, solid.centre[2]]) - np.asarray(solid.centre)) @ solid.rotation
        if solid.shape == 'cylinder' and solid.axis == 'z':
            gap = math.hypot(own[0], own[1]) - 0.5 * solid.size[0]
        else:
            beyond = np.maximum(np.abs(own) - 0.5 * np.asarray(solid.size), 0.0)
            gap = float(np.linalg.norm(beyond))
        nearest = min(nearest, max(gap, 0.0))
    return nearest
