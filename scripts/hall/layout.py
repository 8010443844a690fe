# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What stands where in the hall: building, racks, goods, furniture, lamps.

Everything is a `Solid`; the list is the same on every machine and for every run.
"""

from __future__ import annotations

import math

from hall.goods import drum_pallet, pallet_stack, rack
from hall.world import box, Mover, Solid

LENGTH, WIDTH, HEIGHT = 12.0, 8.0, 3.2
X, Y = 0.5 * LENGTH, 0.5 * WIDTH
WALL = 0.25
WINDOWS = ((-5.0, -3.0), (-1.5, 0.5), (3.0, 5.0))  # x ranges in the south wall
SILL, HEAD = 1.35, 2.55
DOOR = (-2.7, -1.3)  # y range in the east wall
DOOR_HEIGHT = 2.2
ROOM_X, ROOM_Y, ROOM_HEIGHT = 9.4, (-3.5, -0.5), 2.6
# Lines of paint on the floor: (x0, y0, x1, y1, colour).
LINES = (
    (-4.6, -0.98, 4.6, -0.90, 'yellow'), (-4.6, 0.90, 4.6, 0.98, 'yellow'),
    (-4.6, -0.98, -4.52, 0.98, 'yellow'), (4.52, -0.98, 4.6, 0.98, 'yellow'),
    (-5.0, 3.17, 4.9, 3.25, 'yellow'), (-5.9, -2.98, 0.52, -2.90, 'yellow'),
    (1.68, -2.98, 5.0, -2.90, 'yellow'),
)
MAT = (0.60, -3.25, 1.60, -0.68)  # dark rubber under the moving box: x0, y0, x1, y1
MOVER = Mover(size=(0.6, 0.6, 0.6), start=(1.1, -2.80), end=(1.1, -1.10), frames=44, fps=10.0)


def _shell() -> list[Solid]:
    x, y, out = X, Y, X + WALL
    south = [box('wall_south_low', (-out, -y - WALL, 0), (out, -y, SILL), 'plaster'),
             box('wall_south_high', (-out, -y - WALL, HEAD), (out, -y, HEIGHT), 'plaster')]
    edges = [-out, *(edge for window in WINDOWS for edge in window), out]
    for i, (a, b) in enumerate(zip(edges[::2], edges[1::2], strict=True)):
        south.append(box(f'pier_{i}', (a, -y - WALL, SILL), (b, -y, HEAD), 'plaster'))
    return south + [
        box('floor', (-out, -y - WALL, -0.2), (out, y + WALL, 0), 'floor'),
        box('ceiling', (-out, -y - WALL, HEIGHT), (out, y + WALL, HEIGHT + 0.2), 'ceiling'),
        box('wall_north', (-out, y, 0), (out, y + WALL, HEIGHT), 'plaster'),
        box('wall_west', (-out, -y, 0), (-x, y, HEIGHT), 'brick'),
        box('wall_east_0', (x, -y, 0), (out, DOOR[0], HEIGHT), 'plaster'),
        box('wall_east_1', (x, DOOR[1], 0), (out, y, HEIGHT), 'plaster'),
        box('lintel', (x, DOOR[0], DOOR_HEIGHT), (out, DOOR[1], HEIGHT), 'plaster'),
    ]


def _windows() -> list[Solid]:
    solids = []
    for i, (a, b) in enumerate(WINDOWS):
        y = -Y - WALL
        solids.append(box(f'sky_{i}', (a, y - 0.02, SILL), (b, y, HEAD), 'sky'))
        solids.append(box(f'sill_{i}', (a - 0.06, -Y, SILL - 0.05),
                          (b + 0.06, -Y + 0.1, SILL), 'stone'))
        for j, share in enumerate((0.0, 0.5, 1.0)):
            m = a + 0.03 + share * (b - a - 0.06)
            solids.append(box(f'mullion_{i}_{j}', (m - 0.03, y + 0.04, SILL),
                              (m + 0.03, y + 0.1, HEAD), 'frame'))
        for j, z in enumerate((SILL + 0.03, SILL + 0.8, HEAD - 0.03)):
            solids.append(box(f'transom_{i}_{j}', (a, y + 0.045, z - 0.03),
                              (b, y + 0.095, z + 0.03), 'frame'))
    return solids


def _room() -> list[Solid]:
    (y0, y1), x0, x1, z = ROOM_Y, X + WALL, ROOM_X, ROOM_HEIGHT
    t, top = 0.15, DOOR_HEIGHT + 0.07
    return [
        box('room_floor', (x0, y0 - t, -0.2), (x1 + t, y1 + t, 0), 'tiles'),
        box('room_ceiling', (x0, y0 - t, z), (x1 + t, y1 + t, z + 0.2), 'ceiling'),
        box('room_south', (x0, y0 - t, 0), (x1, y0, z), 'roomwall'),
        box('room_north', (x0, y1, 0), (x1, y1 + t, z), 'roomwall'),
        box('room_east', (x1, y0 - t, 0), (x1 + t, y1 + t, z), 'roomwall'),
        box('room_door', (x1 - 0.05, -2.45, 0), (x1, -1.55, 2.05), 'door'),
        box('room_notice', (x1 - 0.02, -3.3, 1.2), (x1, -2.7, 2.0), 'poster:PLAN'),
        box('room_cabinet', (7.6, y1 - 0.45, 0), (8.8, y1, 1.9), 'locker'),
        box('room_bench', (7.2, y0, 0.38), (8.9, y0 + 0.4, 0.46), 'wood'),
        box('room_bench_a', (7.3, y0 + 0.05, 0), (7.38, y0 + 0.35, 0.38), 'frame'),
        box('room_bench_b', (8.72, y0 + 0.05, 0), (8.8, y0 + 0.35, 0.38), 'frame'),
        box('lamp_room', (7.1, -2.1, z - 0.07), (8.7, -1.9, z - 0.01), 'lamp'),
        box('jamb_0', (X - 0.03, DOOR[0] - 0.07, 0), (X + 0.1, DOOR[0] + 0.02, top), 'frame'),
        box('jamb_1', (X - 0.03, DOOR[1] - 0.02, 0), (X + 0.1, DOOR[1] + 0.07, top), 'frame'),
        box('jamb_2', (X - 0.03, DOOR[0] + 0.02, DOOR_HEIGHT - 0.02),
            (X + 0.1, DOOR[1] - 0.02, top), 'frame'),
    ]


def _roof() -> list[Solid]:
    solids = [box(f'beam_{i}', (x - 0.09, -Y, HEIGHT - 0.26), (x + 0.09, Y, HEIGHT), 'girder')
              for i, x in enumerate((-4.5, -1.5, 1.5, 4.5))]
    for i, y in enumerate((-1.95, 2.05)):
        for j, x in enumerate((-5.0, -3.0, 0.0, 3.0, 5.0)):
            length = 0.8 if abs(x) == 5.0 else 1.7
            x += math.copysign(0.15, x) if abs(x) == 5.0 else 0.0
            solids.append(box(f'lamp_{i}_{j}', (x - length / 2, y - 0.1, 2.86),
                              (x + length / 2, y + 0.1, 2.94), 'lamp'))
    solids.append(Solid('duct', 'cylinder', (0.0, 0.0, 2.72), (0.4, 0.4, LENGTH), 'duct',
                        axis='x'))
    for i, y in enumerate((-3.2, 3.0)):
        solids.append(Solid(f'sprinkler_{i}', 'cylinder', (0.0, y, 2.86), (0.07, 0.07, LENGTH),
                            'paint:red', axis='x'))
    return solids


def _pillars() -> list[Solid]:
    solids = []
    for i, x in enumerate((-3.75, 3.75)):
        solids.append(box(f'pillar_{i}', (x - 0.2, -0.2, 0), (x + 0.2, 0.2, HEIGHT), 'pillar'))
        solids.append(box(f'pillar_sign_{i}', (x - 0.15, -0.215, 1.45), (x + 0.15, -0.2, 1.85),
                          'sign:extinguisher'))
        solids.append(Solid(f'extinguisher_{i}', 'cylinder', (x, -0.31, 0.95), (0.16, 0.16, 0.5),
                            'extinguisher'))
    for i, x in enumerate((-2.25, 1.75)):
        solids.append(Solid(f'column_{i}', 'cylinder', (x, -3.82, 0.5 * HEIGHT),
                            (0.32, 0.32, HEIGHT), 'column'))
    return solids


def _table() -> list[Solid]:
    x0, x1, y0, y1, top = 2.5, 4.5, -3.92, -3.17, 0.78
    corners = [(x, y) for y in (y0 + 0.06, y1 - 0.06) for x in (x0 + 0.06, x1 - 0.06)]
    legs = [box(f'leg_{i}', (x - 0.035, y - 0.035, 0), (x + 0.035, y + 0.035, top - 0.05),
                'frame') for i, (x, y) in enumerate(corners)]
    return legs + [
        box('table_top', (x0, y0, top - 0.05), (x1, y1, top), 'wood'),
        box('table_shelf', (x0 + 0.1, y0 + 0.05, 0.18), (x1 - 0.1, y1 - 0.1, 0.22), 'wood'),
        box('table_crate_0', (2.75, -3.8, 0.22), (3.3, -3.35, 0.5), 'crate:blue'),
        box('table_crate_1', (3.5, -3.8, 0.22), (4.1, -3.35, 0.46), 'crate:grey'),
        Solid('monitor', 'box', (3.0, -3.72, 1.07), (0.62, 0.05, 0.38), 'monitor',
              yaw=0.12 + math.pi),
        box('monitor_foot', (2.9, -3.8, top), (3.1, -3.64, top + 0.1), 'dark'),
        box('toolbox', (3.55, -3.72, top), (4.0, -3.45, top + 0.24), 'toolbox'),
        Solid('ledger', 'box', (3.25, -3.38, top + 0.03), (0.3, 0.22, 0.06), 'book', yaw=0.4),
        Solid('mug', 'cylinder', (3.42, -3.5, top + 0.055), (0.09, 0.09, 0.11), 'paint:white'),
        Solid('spool', 'cylinder', (4.22, -3.55, top + 0.1), (0.24, 0.24, 0.2), 'spool'),
        Solid('stool_seat', 'cylinder', (3.3, -2.72, 0.5), (0.36, 0.36, 0.06), 'wood'),
        Solid('stool_foot', 'cylinder', (3.3, -2.72, 0.235), (0.1, 0.1, 0.47), 'dark'),
        Solid('stool_base', 'cylinder', (3.3, -2.72, 0.02), (0.4, 0.4, 0.04), 'dark'),
    ]


def _walls() -> list[Solid]:
    """Return what hangs on the walls or stands along them."""
    return [
        box('shutter', (X - 0.04, 0.9, 0), (X, 3.1, 2.5), 'shutter'),
        box('shutter_drum', (X - 0.34, 0.75, 2.5), (X, 3.25, 2.82), 'steel'),
        box('shutter_rail_0', (X - 0.1, 0.78, 0), (X, 0.9, 2.5), 'hazard'),
        box('shutter_rail_1', (X - 0.1, 3.1, 0), (X, 3.22, 2.5), 'hazard'),
        box('sign_exit', (X - 0.03, -2.3, 2.42), (X, -1.7, 2.66), 'sign:exit'),
        box('sign_gate', (X - 0.02, 0.05, 1.5), (X, 0.55, 2.0), 'sign:forklift'),
        box('sign_safety', (X - 0.02, -3.75, 1.35), (X, -3.05, 2.25), 'poster:SAFETY'),
        box('cabinet', (-X, 0.9, 0.1), (-X + 0.35, 1.7, 2.0), 'cabinet'),
        box('whiteboard', (-X, -2.6, 0.95), (-X + 0.03, -0.9, 2.05), 'whiteboard'),
        box('west_sign', (-X, 0.0, 1.6), (-X + 0.02, 0.5, 2.1), 'sign:voltage'),
        box('west_number', (-X, -0.7, 2.2), (-X + 0.02, 0.4, 2.8), 'banner:HALL 2'),
        Solid('pipe_0', 'cylinder', (-5.88, 2.2, 1.6), (0.12, 0.12, HEIGHT), 'duct'),
        Solid('pipe_1', 'cylinder', (-5.9, 2.42, 1.6), (0.08, 0.08, HEIGHT), 'paint:red'),
        Solid('roll_0', 'cylinder', (-5.5, 3.45, 0.5), (0.62, 0.62, 1.0), 'roll'),
        Solid('roll_1', 'cylinder', (-5.45, 2.75, 0.5), (0.58, 0.58, 1.0), 'roll'),
        Solid('roll_2', 'cylinder', (-5.5, 3.42, 1.3), (0.5, 0.5, 0.6), 'roll'),
        box('bin', (-5.9, -3.9, 0), (-5.3, -3.3, 0.95), 'bin'),
    ]


def build_hall() -> tuple[Solid, ...]:
    """
    Return every solid of the hall but the moving box.

    :returns: solids with unique names, in a fixed order.
    """
    solids = [*_shell(), *_windows(), *_room(), *_roof(), *_pillars(), *_table(), *_walls()]
    levels = (0.10, 0.82, 1.46, 2.06)
    solids += rack('north', -4.9, 3.41, 0.54, 4, 2.4, levels, facing=-1, seed=11)
    solids += rack('aisle_s', -2.6, -0.62, 0.56, 2, 2.6, levels, facing=-1, seed=12)
    solids += rack('aisle_n', -2.6, 0.62, 0.56, 2, 2.6, levels, facing=1, seed=13)
    solids.append(box('rack_wall', (-2.6, -0.03, 0.05), (2.6, 0.03, 2.2), 'backpanel'))
    solids += pallet_stack('stack_sw', (-3.7, -3.45), (1.2, 0.8), 0.62, seed=21)
    solids += pallet_stack('stack_w', (-5.35, -0.4), (0.8, 0.9), 0.95, seed=22)
    solids += pallet_stack('stack_se', (5.45, -3.45), (0.8, 0.9), 1.25, seed=23)
    solids += drum_pallet('drums', (-0.45, -3.5))
    names = [solid.name for solid in solids]
    assert len(set(names)) == len(names), sorted(n for n in names if names.count(n) > 1)
    return tuple(solids)
