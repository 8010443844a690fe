# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Write the map that a planner needs of a scene: free, occupied, unknown."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inspatio_ros.contracts import U8
    from inspatio_ros.scene.occupancy import OccupancyGrid
    from inspatio_ros.scene.scene import Scene

SUMMARY = "scene -> occupancy map (PGM and YAML) for Nav2's map_server"

EXAMPLES = """\
examples:
  inspatio map hall maps/hall
      the bundled scene: maps/hall.pgm, maps/hall.yaml, and maps/hall.png to look at
  inspatio map my_scene my_map --resolution 0.1 --max-height 1.2
      coarser, for a robot that is 1.2 m high
  ros2 launch inspatio_ros nav2.launch.py map:=$PWD/maps/hall.yaml
      drive on it with an installed Nav2

Only what the scene has measured is used, and only its static views where it has some. White is
free, black is occupied in the band of heights, grey nobody has seen. docs/nav2.md says more.
"""

_SHOWN = '.png'
# The picture to look at: pixels per cell so that the longer side has about so many.
_WIDE_PX, _MOST_PER_CELL = 1200, 8
_CAMERA_RGB, _SPAWN_RGB = (48, 128, 224), (220, 40, 40)
_ARROW_M = 0.5


@dataclass(frozen=True)
class Report:
    """
    What was done; printed by `--json`.

    :param x, y: of the outer corner of the lower left cell, metres in `map`.
    :param free, occupied, unknown: shares of the cells.
    """

    out: str
    width: int
    height: int
    resolution: float
    x: float
    y: float
    free: float
    occupied: float
    unknown: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    from inspatio_ros.robot.parameters import Scan
    scan = Scan()
    parser.add_argument('scene', help='scene folder, or hall for the bundled one')
    parser.add_argument('out', type=Path, metavar='OUT',
                        help='map to write, without a suffix: OUT.pgm, OUT.yaml, OUT.png')
    parser.add_argument('--resolution', type=float, default=0.05, metavar='M',
                        help='side of a cell (default: 0.05)')
    parser.add_argument('--min-height', type=float, default=scan.min_height, metavar='M',
                        help='what is lower over the floor is driven over '
                             f'(default: {scan.min_height}, as scan.min_height)')
    parser.add_argument('--max-height', type=float, default=scan.max_height, metavar='M',
                        help='what is higher is driven under '
                             f'(default: {scan.max_height}, as scan.max_height)')
    parser.add_argument('--max-range', type=float, default=math.inf, metavar='M',
                        help='depth beyond it is not used (default: all is)')
    parser.add_argument('--force', action='store_true', help='replace a map that is there')
    parser.add_argument('--json', action='store_true', help='print what was done as one object')


def run(args: argparse.Namespace) -> int:
    """
    Map and write.

    :raises ValueError: an argument or scene that is wrong.
    :raises OSError: a file that cannot be read or written.
    """
    from inspatio_ros.cli.output import print_json, stage
    from inspatio_ros.cli.render import open_scene
    from inspatio_ros.scene.atomic import write_whole
    from inspatio_ros.scene.images import png_bytes
    from inspatio_ros.scene.map_files import write_map
    from inspatio_ros.scene.occupancy import MapSettings, occupancy_of
    settings = MapSettings(args.resolution, args.min_height, args.max_height, args.max_range)
    stem = checked_stem(args.out, args.force)
    scene = open_scene(args.scene)
    with stage('map', 'view') as progress:
        grid = occupancy_of(scene, settings, progress)
    write_whole(stem.with_name(stem.name + _SHOWN), png_bytes(picture_of(grid, scene)))
    write_map(grid, stem)
    report = report_of(grid, stem)
    if args.json:
        print_json(asdict(report))
    else:
        print(f'{report.out}: {report.width} x {report.height} cells of {report.resolution:g} m, '
              f'{report.free:.0%} free, {report.occupied:.0%} occupied, '
              f'{report.unknown:.0%} unknown')
    return 0


def checked_stem(out: Path, force: bool) -> Path:
    """
    Return the path of the map without a suffix, once it is clear that it can be written.

    :param out: with or without the suffix of one of the files.
    :raises ValueError: no name, or a map that is there already.
    :raises OSError: a folder that is not there or cannot be written to.
    """
    from inspatio_ros.scene.map_files import files_of, META, PICTURE
    stem = out.with_suffix('') if out.suffix in (PICTURE, META, _SHOWN) else out
    if not stem.name or out.is_dir():
        raise ValueError(f'{out}: is a folder, expected the name of a map in one, e.g. '
                         f'{out / "hall"}')
    if not stem.parent.is_dir():
        raise FileNotFoundError(f'{stem.parent}: there is no such folder')
    if not os.access(stem.parent, os.W_OK | os.X_OK):
        raise PermissionError(f'{stem.parent}: no permission to write there')
    there = [path for path in (*files_of(stem), stem.with_name(stem.name + _SHOWN))
             if path.exists()]
    if there and not force:
        raise ValueError(f'{there[0]}: is there already; --force replaces it')
    return stem


def report_of(grid: OccupancyGrid, stem: Path) -> Report:
    """Return what was done."""
    from inspatio_ros.scene.map_files import files_of
    from inspatio_ros.scene.occupancy import FREE, OCCUPIED, UNKNOWN
    height, width = grid.cells.shape
    return Report(str(files_of(stem)[1]), width, height, grid.resolution, round(grid.x, 6),
                  round(grid.y, 6), *(grid.share(it) for it in (FREE, OCCUPIED, UNKNOWN)))


def picture_of(grid: OccupancyGrid, scene: Scene) -> U8:
    """
    Return the map with where its views were taken, and where a robot starts, to look at.

    :returns: (H, W, 3) uint8 RGB.
    """
    import cv2
    from inspatio_ros.scene.map_files import pixels_of
    import numpy as np
    scale = max(1, min(_MOST_PER_CELL, _WIDE_PX // max(grid.cells.shape)))
    grey = pixels_of(grid).repeat(scale, axis=0).repeat(scale, axis=1)
    rgb = np.repeat(grey[..., None], 3, axis=2)
    per_m = scale / grid.resolution

    def at(x: float, y: float) -> tuple[int, int]:
        return round((x - grid.x) * per_m), round(len(rgb) - (y - grid.y) * per_m)
    for view in scene.views or scene.all_views():
        cv2.circle(rgb, at(*view.T_map_cam[:2, 3]), max(2, scale // 2), _CAMERA_RGB, -1)
    spawn = scene.spawn
    tip = at(spawn.x + _ARROW_M * math.cos(spawn.yaw), spawn.y + _ARROW_M * math.sin(spawn.yaw))
    cv2.arrowedLine(rgb, at(spawn.x, spawn.y), tip, _SPAWN_RGB, max(1, scale // 2), cv2.LINE_AA,
                    tipLength=0.4)
    return rgb
