# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
An occupancy grid as the two files that Nav2's map_server loads: a grey picture and what it means.

Pixels and numbers are those of Nav2's map_saver in mode trinary. Unknown is the pixel 205, which
is an occupancy of 0.1961: with the threshold 0.25 that is often seen it would be loaded as free.
"""

from __future__ import annotations

import json
from pathlib import Path

from inspatio_ros.contracts import U8
from inspatio_ros.scene.atomic import write_whole
from inspatio_ros.scene.occupancy import FREE, OccupancyGrid, OCCUPIED, UNKNOWN
import numpy as np

PICTURE, META = '.pgm', '.yaml'
PIXEL_OF = {FREE: 254, OCCUPIED: 0, UNKNOWN: 205}
OCCUPIED_THRESH, FREE_THRESH = 0.65, 0.196
# Metres with more digits than this are noise of the arithmetic.
_DIGITS = 6


def pixels_of(grid: OccupancyGrid) -> U8:
    """Return (rows, columns) uint8, the greatest y on top."""
    pixels = np.empty(grid.cells.shape, np.uint8)
    for value, pixel in PIXEL_OF.items():
        pixels[grid.cells == value] = pixel
    return np.ascontiguousarray(pixels[::-1])


def pgm_bytes(grid: OccupancyGrid) -> bytes:
    """Return the picture as a binary PGM."""
    rows, columns = grid.cells.shape
    return f'P5\n{columns} {rows}\n255\n'.encode() + pixels_of(grid).tobytes()


def yaml_text(grid: OccupancyGrid, picture: str) -> str:
    """Return what the picture means; `picture` is its name, beside this file."""
    x, y, side = (round(it, _DIGITS) for it in (grid.x, grid.y, grid.resolution))
    return (f'image: {json.dumps(picture, ensure_ascii=False)}\nmode: trinary\n'
            f'resolution: {side}\norigin: [{x}, {y}, 0.0]\nnegate: 0\n'
            f'occupied_thresh: {OCCUPIED_THRESH}\nfree_thresh: {FREE_THRESH}\n')


def files_of(stem: Path) -> tuple[Path, Path]:
    """Return where picture and meaning lie; `stem` is their path without a suffix."""
    return stem.with_name(stem.name + PICTURE), stem.with_name(stem.name + META)


def write_map(grid: OccupancyGrid, stem: Path) -> None:
    """
    Write both files, each as a whole or not at all, the picture first.

    :param stem: their path without a suffix; what is there is replaced.
    :raises OSError: what writing raised; names the file.
    """
    picture, meta = files_of(stem)
    write_whole(picture, pgm_bytes(grid))
    write_whole(meta, yaml_text(grid, picture.name).encode())
