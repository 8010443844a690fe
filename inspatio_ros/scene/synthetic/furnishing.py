# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Made-up rooms and corridors: walls, lamps, shelves, tables, crates, pillars, by seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from inspatio_ros.contracts import F32, F64, U8
from inspatio_ros.geometry import raycast
from inspatio_ros.motion.transforms import pose_rpy
from inspatio_ros.scene.synthetic import painting
from inspatio_ros.scene.synthetic.lighting import face_size
import numpy as np

# Furniture stays so far away from where the camera and moving things pass, metres.
CLEARANCE_M = 0.55
_BOX_FACES = 6


@dataclass(frozen=True)
class Thing:
    """
    One solid.

    :param shape: of `raycast`.
    :param half_m: (3,) half sizes, metres.
    :param T_world_body: (4, 4) float64, where it stands.
    :param pictures: of its faces, or one for all of them.
    :param glows: it is a lamp, and not lit by others.
    """

    shape: int
    half_m: F64
    T_world_body: F64
    pictures: tuple[U8, ...]
    glows: bool = False


@dataclass(frozen=True)
class Place:
    """
    The empty room.

    :param half_m: (3,) half sizes of the room, metres; its floor is at z = 0, its middle above
        the origin.
    :param clear: (P, 2) points of the floor that stay free.
    :param corridor: it is long and narrow.
    """

    half_m: F64
    clear: F64
    corridor: bool


def furnish(rng: np.random.Generator, place: Place) -> tuple[list[Thing], F64]:
    """
    Build a room.

    :returns: its solids, the room itself first, and the panels of `lighting.light_face`.
    """
    lamps, panels = _lamps(place)
    things = [_walls(rng, place), *lamps]
    taken: list[tuple[F64, float]] = []
    for wall in range(4):
        things += _along_wall(rng, place, wall, taken)
    if not place.corridor:
        things += _islands(rng, place, taken)
    return things, panels


def painted_box(rng: np.random.Generator, size_m: Sequence[float] | F64, T: F64) -> Thing:
    """Return a box with a poster on every side: nothing else looks like it."""
    half = 0.5 * np.asarray(size_m, np.float64)
    faces = [painting.poster(rng, *face_size(raycast.BOX, half, face))
             for face in range(_BOX_FACES)]
    return Thing(raycast.BOX, half, T, tuple(faces))


def _walls(rng: np.random.Generator, place: Place) -> Thing:
    length, width, height = 2.0 * place.half_m
    floor = (painting.planks, painting.tiles)[int(rng.integers(2))](
        rng, length, width, _wood(rng))
    painting.speckle(rng, floor, 15.0)
    ceiling = painting.plain(rng, length, width, (215, 213, 208), 0.08, 0.0)
    painting.speckle(rng, ceiling, 25.0)
    colour = painting.muted(rng, 140, 215)
    sides = [_wall(rng, side, height, colour) for side in (width, width, length, length)]
    T = pose_rpy(0.0, 0.0, place.half_m[2])
    return Thing(raycast.ROOM, place.half_m, T, (*sides, floor, ceiling))


def _wall(rng: np.random.Generator, width: float, height: float, colour: F32) -> U8:
    wall = painting.plain(rng, width, height, colour * rng.uniform(0.95, 1.05),
                          0.1, 0.0)
    painting.speckle(rng, wall, 30.0)
    for _ in range(int(width * rng.uniform(1.2, 2.2))):
        painting.paste(rng, wall, painting.poster(rng, *rng.uniform(0.3, 1.1, 2)))
    skirting = int(0.1 / painting.TEXEL_M)
    wall[-skirting:] = wall[-skirting:] // 3
    return wall


def _lamps(place: Place) -> tuple[list[Thing], F64]:
    """Return panels under the ceiling, one for every 2.5 m, and where their light comes from."""
    length, width, height = 2.0 * place.half_m
    half = np.array([0.6, 0.15, 0.02])
    white = np.full((16, 16, 3), 250, np.uint8)
    rows = (0.0,) if place.corridor else (-0.25 * width, 0.25 * width)
    spots = [(x, y) for x in np.linspace(-0.5, 0.5, int(length / 2.5) + 2)[1:-1] * length
             for y in rows]
    things = [Thing(raycast.BOX, half, pose_rpy(x, y, height - 0.05), (white,), glows=True)
              for x, y in spots]
    panels = np.array([[(x, y, height - 0.08), (*half[:2], 0.0)] for x, y in spots])
    return things, panels


def _along_wall(rng: np.random.Generator, place: Place, wall: int,
                taken: list[tuple[F64, float]]) -> list[Thing]:
    """Stand furniture along a wall, backs to it."""
    x, y = place.half_m[:2]
    reach, away = (y, x) if wall < 2 else (x, y)
    angle = (-0.5, 0.5, 0.0, 1.0)[wall] * np.pi
    # Corners belong to the long walls.
    along = -reach + (0.9 if wall < 2 else 0.1)
    things: list[Thing] = []
    while True:
        depth = rng.uniform(0.2, 0.35) if place.corridor else rng.uniform(0.3, 0.6)
        width = rng.uniform(0.5, 1.5)
        along += rng.uniform(0.05, 1.2) + 0.5 * width
        if along + 0.5 * width > reach - (0.9 if wall < 2 else 0.1):
            return things
        T = pose_rpy(0.0, 0.0, 0.0, yaw=angle) @ pose_rpy(along, -away, 0.0)
        T = T @ pose_rpy(0.0, 0.5 * depth + 0.01, 0.0)
        build = (_cupboard, _rack, _table, _crates)[int(rng.integers(4))]
        piece = build(rng, width, depth, T)
        radius = 0.5 * float(np.hypot(width, depth))
        if _is_free(place, T[:2, 3], radius):
            things += piece
            taken.append((T[:2, 3], radius))
        along += 0.5 * width


def _islands(rng: np.random.Generator, place: Place,
             taken: list[tuple[F64, float]]) -> list[Thing]:
    """Scatter a few things over the floor."""
    things: list[Thing] = []
    for _ in range(24):
        at = rng.uniform(-1.0, 1.0, 2) * (place.half_m[:2] - 0.8)
        width, depth = rng.uniform(0.3, 0.9, 2)
        radius = 0.5 * float(np.hypot(width, depth))
        crowded = any(np.linalg.norm(at - other) < radius + size + 0.15 for other, size in taken)
        if crowded or not _is_free(place, at, radius):
            continue
        T = pose_rpy(at[0], at[1], 0.0, yaw=rng.uniform(0.0, 2.0 * np.pi))
        build = (_crates, _table, _pillar, _globe)[int(rng.integers(4))]
        things += build(rng, width, depth, T)
        taken.append((at, radius))
    return things


def _is_free(place: Place, at: F64, radius: float) -> bool:
    return bool(np.linalg.norm(place.clear - at, axis=1).min() > radius + CLEARANCE_M)


def _wood(rng: np.random.Generator) -> F64:
    return rng.uniform(0.75, 1.25) * rng.uniform((135, 108, 78), (160, 125, 98))


def _box(rng: np.random.Generator, T: F64, middle: Sequence[float], size: Sequence[float],
         colour: F64 | F32, front: U8 | None = None) -> Thing:
    """Return a box of one material; `front` goes onto the side that looks along y."""
    half = 0.5 * np.asarray(size, np.float64)
    faces = [painting.plain(rng, *face_size(raycast.BOX, half, face), colour, 0.1)
             for face in range(_BOX_FACES)]
    if front is not None:
        faces[3] = front
    return Thing(raycast.BOX, half, T @ pose_rpy(*middle), tuple(faces))


def _cupboard(rng: np.random.Generator, width: float, depth: float, T: F64) -> list[Thing]:
    height, colour = rng.uniform(0.7, 1.9), painting.muted(rng, 60, 210)
    front = painting.plain(rng, width, height, colour, 0.1)
    rows, columns = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    for edge in np.linspace(0, front.shape[0] - 2, rows + 1).astype(int):
        front[edge:edge + 2] //= 3
    for edge in np.linspace(0, front.shape[1] - 2, columns + 1).astype(int):
        front[:, edge:edge + 2] //= 3
    for _ in range(int(rng.integers(1, 5))):
        painting.paste(rng, front, painting.poster(rng, *rng.uniform(0.1, 0.3, 2)))
    body = _box(rng, T, (0.0, 0.0, 0.5 * height), (width, depth, height), colour, front)
    top = T @ pose_rpy(0.0, 0.0, height)
    return [body, *_things_on(rng, top, width, depth)]


def _rack(rng: np.random.Generator, width: float, depth: float, T: F64) -> list[Thing]:
    """Build open shelves with books and boxes."""
    height, boards = rng.uniform(1.2, 2.0), int(rng.integers(3, 5))
    colour, thick = _wood(rng), 0.025
    things = [_box(rng, T, (side * 0.5 * (width - thick), 0.0, 0.5 * height),
                   (thick, depth, height), colour) for side in (-1.0, 1.0)]
    things.append(_box(rng, T, (0.0, 0.5 * (thick - depth), 0.5 * height),
                       (width, thick, height), colour))
    levels = np.linspace(0.08, height - 0.5 * thick, boards)
    for low, high in zip(levels, [*levels[1:], height + 0.35]):
        things.append(_box(rng, T, (0.0, 0.0, low), (width - 2.0 * thick, depth, thick), colour))
        room = high - low - thick
        filled = rng.uniform(0.4, 0.95) * (width - 2.0 * thick)
        tall = rng.uniform(0.5, 0.9) * min(room, 0.4)
        front = painting.books(rng, filled, tall)
        things.append(_box(rng, T, (rng.uniform(-0.5, 0.5) * (width - 2.0 * thick - filled),
                                    0.0, low + 0.5 * (thick + tall)),
                           (filled, 0.7 * depth, tall), painting.muted(rng, 60, 200), front))
    return things


def _table(rng: np.random.Generator, width: float, depth: float, T: F64) -> list[Thing]:
    height, colour, leg = rng.uniform(0.5, 0.8), _wood(rng), 0.05
    half = np.array([0.5 * width, 0.5 * depth, 0.02])
    faces = [painting.planks(rng, *face_size(raycast.BOX, half, face), colour)
             for face in range(_BOX_FACES)]
    things = [Thing(raycast.BOX, half, T @ pose_rpy(0.0, 0.0, height - 0.02), tuple(faces))]
    for x in (-1.0, 1.0):
        for y in (-1.0, 1.0):
            things.append(_box(rng, T, (x * 0.5 * (width - leg), y * 0.5 * (depth - leg),
                                        0.5 * height - 0.02), (leg, leg, height - 0.04), colour))
    return things + _things_on(rng, T @ pose_rpy(0.0, 0.0, height), width, depth)


def _things_on(rng: np.random.Generator, T_top: F64, width: float, depth: float) -> list[Thing]:
    """Put a few small things side by side on something."""
    things: list[Thing] = []
    along = -0.5 * width + 0.05
    while True:
        size = rng.uniform(0.12, 0.3)
        along += 0.5 * size + rng.uniform(0.0, 0.25)
        if along + 0.5 * size > 0.5 * width or size > depth:
            return things
        T = T_top @ pose_rpy(along, rng.uniform(-0.5, 0.5) * (depth - size), 0.0,
                             yaw=rng.uniform(-0.2, 0.2))
        things += (_ball, _tin, _parcel)[int(rng.integers(3))](rng, size, T)
        along += 0.5 * size


def _parcel(rng: np.random.Generator, size: float, T: F64) -> list[Thing]:
    height = size * rng.uniform(0.5, 1.2)
    sides = (0.75 * size, 0.75 * size, height)
    return [painted_box(rng, sides, T @ pose_rpy(0.0, 0.0, 0.5 * height))]


def _ball(rng: np.random.Generator, size: float, T: F64) -> list[Thing]:
    half = np.full(3, 0.5 * size)
    picture = painting.poster(rng, *face_size(raycast.BALL, half, 0))
    return [Thing(raycast.BALL, half, T @ pose_rpy(0.0, 0.0, 0.5 * size), (picture,))]


def _tin(rng: np.random.Generator, size: float, T: F64) -> list[Thing]:
    half = np.array([0.35, 0.35, rng.uniform(0.4, 0.7)]) * size
    faces = [painting.poster(rng, *face_size(raycast.CYLINDER, half, face)) for face in range(3)]
    return [Thing(raycast.CYLINDER, half, T @ pose_rpy(0.0, 0.0, half[2]), tuple(faces))]


def _crates(rng: np.random.Generator, width: float, depth: float, T: F64) -> list[Thing]:
    """Stack cardboard boxes with lettering, each turned a little."""
    things, low, colour = [], 0.0, _wood(rng)
    for _ in range(int(rng.integers(1, 4))):
        height, share = rng.uniform(0.25, 0.5), rng.uniform(0.7, 1.0)
        crate = _box(rng, T @ pose_rpy(0.0, 0.0, 0.0, yaw=rng.uniform(-0.15, 0.15)),
                     (0.0, 0.0, low + 0.5 * height),
                     (share * width, share * depth, height), colour * rng.uniform(0.85, 1.15))
        things.append(replace(crate, pictures=tuple(_labelled(rng, it) for it in crate.pictures)))
        low += height
    return things


def _labelled(rng: np.random.Generator, picture: U8) -> U8:
    height, width = picture.shape[:2]
    for _ in range(3):
        painting.write(rng, picture, (int(rng.uniform(0.02, 0.4) * width),
                                      int(rng.uniform(0.3, 0.95) * height)),
                       rng.uniform(0.08, 0.22) * height)
    middle = height // 2
    picture[middle - 1:middle + 1] //= 2
    return picture


def _pillar(rng: np.random.Generator, width: float, depth: float, T: F64) -> list[Thing]:
    half = np.array([0.3 * width, 0.3 * width, rng.uniform(0.3, 0.7)])
    colour = painting.muted(rng, 70, 220)
    side = painting.tiles(rng, *face_size(raycast.CYLINDER, half, 0), colour)
    caps = [painting.plain(rng, *face_size(raycast.CYLINDER, half, 1), colour) for _ in range(2)]
    return [Thing(raycast.CYLINDER, half, T @ pose_rpy(0.0, 0.0, half[2]), (side, *caps))]


def _globe(rng: np.random.Generator, width: float, depth: float, T: F64) -> list[Thing]:
    return _ball(rng, width, T)
