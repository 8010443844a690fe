# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Racks and pallets, and the goods that fill them, drawn from a seed."""

from __future__ import annotations

from collections.abc import Sequence
import random

from hall.world import box, Solid

_CRATES = ('blue', 'grey', 'red', 'green', 'yellow')
_GAP = 0.02  # between neighbours


def _item(name: str, x: float, width: float, y_front: float, depth: float, z: float,
          height: float, facing: int, rng: random.Random) -> list[Solid]:
    """Return one thing on a shelf; it may be a stack of two or a row of tins."""
    y = y_front - facing * (0.5 * depth + 0.02 + 0.05 * rng.random())
    kind = rng.random()
    if kind < 0.62 or height < 0.25:
        size = (width, depth, height)
        yaw = rng.uniform(-0.035, 0.035)
        if height > 0.42 and rng.random() < 0.65:
            low = height * rng.uniform(0.45, 0.6)
            top = (width * rng.uniform(0.85, 1.0), depth * 0.92, height - low)
            return [Solid(f'{name}_a', 'box', (x, y, z + 0.5 * low), (width, depth, low),
                          'carton', yaw),
                    Solid(f'{name}_b', 'box', (x, y, z + low + 0.5 * top[2]), top, 'carton',
                          yaw + rng.uniform(-0.03, 0.03))]
        return [Solid(name, 'box', (x, y, z + 0.5 * height), size, 'carton', yaw)]
    if kind < 0.86:
        height = min(height, 0.34)
        colour = rng.choice(_CRATES)
        crates = [Solid(name, 'box', (x, y, z + 0.5 * height), (width, depth, height),
                        f'crate:{colour}', rng.uniform(-0.015, 0.015))]
        return crates
    diameter = min(width, depth, 0.34)
    height = min(height, 1.15 * diameter)
    return [Solid(name, 'cylinder', (x, y_front - facing * (0.5 * diameter + 0.06),
                                     z + 0.5 * height), (diameter, diameter, height),
                  f'tin:{rng.choice(("white", "blue", "green", "steel"))}')]


def _fill(name: str, x0: float, x1: float, y_front: float, depth: float, z: float,
          clearance: float, facing: int, rng: random.Random) -> list[Solid]:
    solids: list[Solid] = []
    x, count = x0, 0
    while x1 - x > 0.2:
        width = min(rng.uniform(0.26, 0.62), x1 - x)
        if x1 - x - width < 0.2:
            width = x1 - x
        height = clearance * rng.uniform(0.62, 0.94)
        solids += _item(f'{name}_{count}', x + 0.5 * width, width - 2.0 * _GAP, y_front,
                        depth - 0.12, z, height, facing, rng)
        x, count = x + width, count + 1
    return solids


def rack(name: str, x0: float, y_front: float, depth: float, bays: int, bay: float,
         levels: Sequence[float], facing: int, seed: int) -> list[Solid]:
    """
    Return a rack along x with its goods.

    :param x0: where it begins; it is bays * bay long, metres.
    :param y_front: y of its front, metres.
    :param levels: heights of the shelf tops, metres; the last one carries low goods.
    :param facing: +1 if one looks at it from higher y, else -1.
    """
    rng = random.Random(seed)
    back = y_front - facing * depth
    y_lo, y_hi = min(y_front, back), max(y_front, back)
    top, x1 = levels[-1], x0 + bays * bay
    solids = []
    for i in range(bays + 1):
        x = x0 + i * bay + (0.04 if i == 0 else -0.04 if i == bays else 0.0)
        for tag, y in (('f', y_front - facing * 0.04), ('b', back + facing * 0.04)):
            solids.append(box(f'{name}_post_{tag}{i}', (x - 0.04, y - 0.035, 0),
                              (x + 0.04, y + 0.035, top + 0.12), 'upright'))
    for side, x in (('w', x0), ('e', x1)):
        solids.append(box(f'{name}_end_{side}', (x - 0.012, y_lo + 0.01, 0.06),
                          (x + 0.012, y_hi - 0.01, top + 0.1), f'endpanel:{name}'))
    for k, z in enumerate(levels):
        for i in range(bays):
            a, b = x0 + i * bay + 0.04, x0 + (i + 1) * bay - 0.04
            front = sorted((y_front - facing * 0.01, y_front - facing * 0.05))
            solids.append(box(f'{name}_beam_{k}{i}', (a, front[0], z - 0.10),
                              (b, front[1], z - 0.005), 'beam'))
            solids.append(box(f'{name}_board_{k}{i}', (a, y_lo + 0.06, z - 0.03),
                              (b, y_hi - 0.055, z), 'chipboard'))
            room = levels[k + 1] - 0.12 - z if k + 1 < len(levels) else 0.42
            # The posts at both ends stand wholly inside of the rack.
            span = (a + (0.02 if i else 0.05), b - (0.02 if i + 1 < bays else 0.05))
            solids += _fill(f'{name}_{k}{i}', *span, y_front - facing * 0.05, depth, z, room,
                            facing, rng)
    return solids


def _pallet(name: str, x: float, y: float, size: tuple[float, float]) -> list[Solid]:
    w, d = 0.5 * size[0], 0.5 * size[1]
    deck = box(f'{name}_deck', (x - w, y - d, 0.1), (x + w, y + d, 0.144), 'pallet')
    blocks = [box(f'{name}_block_{i}', (x - w, at - 0.05, 0), (x + w, at + 0.05, 0.1), 'pallet')
              for i, at in enumerate((y - d + 0.05, y, y + d - 0.05))]
    return [deck, *blocks]


def pallet_stack(name: str, at: tuple[float, float], size: tuple[float, float], height: float,
                 seed: int) -> list[Solid]:
    """Return a pallet with layers of cartons, about `height` metres high."""
    rng = random.Random(seed)
    solids = _pallet(name, *at, size)
    columns, rows = (3, 2) if size[0] > 1.0 else (2, 2)
    cell = (size[0] / columns, size[1] / rows)
    layers = max(1, round(height / 0.33))
    layer = height / layers
    for k in range(layers):
        for i in range(columns):
            for j in range(rows):
                if k == layers - 1 and rng.random() < 0.3:
                    continue
                centre = (at[0] - 0.5 * size[0] + (i + 0.5) * cell[0],
                          at[1] - 0.5 * size[1] + (j + 0.5) * cell[1],
                          0.144 + (k + 0.5) * layer)
                solids.append(Solid(f'{name}_{k}{i}{j}', 'box', centre,
                                    (cell[0] - 0.015, cell[1] - 0.015, layer - 0.002),
                                    f'carton:{name}', rng.uniform(-0.02, 0.02)))
    return solids


def drum_pallet(name: str, at: tuple[float, float]) -> list[Solid]:
    """Return a pallet with four steel drums."""
    solids = _pallet(name, *at, (1.2, 1.0))
    for i, (dx, dy, colour) in enumerate(((-0.32, 0.2, 'blue'), (0.32, 0.2, 'blue'),
                                          (0.0, -0.2, 'green'))):
        solids.append(Solid(f'{name}_{i}', 'cylinder', (at[0] + dx, at[1] + dy, 0.144 + 0.41),
                            (0.48, 0.48, 0.82), f'drum:{colour}'))
    return solids
