# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Where a robot can go in a scene, as a map of free, occupied and unknown cells.

Only what the views measured counts, and only the static ones where there are any: what moves is
for a costmap. A cell is occupied if views met something in its band of heights. It is free if
they looked through the band, right over the floor and most of the rest (over a box one looks
through the rest alone), or if they saw the floor in it and nothing hides what is over that, as a
cabinet on legs does. What no view has seen stays unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
import math

from inspatio_ros.contracts import F32, Spawn
from inspatio_ros.geometry.votes import Boxes, reach, vote, Votes
from inspatio_ros.scene.parallel import in_parallel, Progress
from inspatio_ros.scene.scene import Scene, View
import numpy as np
import numpy.typing as npt

# Values of a cell, as in nav_msgs/OccupancyGrid.
FREE, OCCUPIED, UNKNOWN = 0, 100, -1
# Something is there if this share of the views that say something of the place has met it. A thin
# post is missed by views from afar; a stray point of one view is seen through by others.
_MET_SHARE = 1.0 / 3.0
# So much of the band must have been looked through where the floor was not seen.
_PASSED_SHARE = 0.5
# Cells that are added around what was seen, so that its rim is a rim.
_RIM = 1
_FINEST_M, _COARSEST_M = 0.005, 1.0
_MOST_BOXES = 100_000_000
_BANDS = 8

I8 = npt.NDArray[np.int8]


@dataclass(frozen=True)
class MapSettings:
    """
    What is mapped.

    :param resolution: side of a cell, metres.
    :param min_height, max_height: band of heights over the robot's base in which things are in its
        way, metres. The floor may lie as far as min_height over or under the base.
    :param max_range: depth beyond it is not used, metres.
    :raises ValueError: a number out of range.
    """

    resolution: float = 0.05
    min_height: float = 0.15
    max_height: float = 0.6
    max_range: float = math.inf

    def __post_init__(self) -> None:
        if not _FINEST_M <= self.resolution <= _COARSEST_M:
            raise ValueError(f'resolution must lie between {_FINEST_M:g} and {_COARSEST_M:g} m, '
                             f'got {self.resolution:g}')
        if not 0.0 < self.min_height < self.max_height < math.inf:
            raise ValueError('heights must be 0 < min_height < max_height, got '
                             f'{self.min_height:g} and {self.max_height:g} m')
        if not self.max_range > 0.0:
            raise ValueError(f'max_range must be > 0 m, got {self.max_range:g}')


@dataclass(frozen=True)
class OccupancyGrid:
    """
    A map.

    :param cells: (rows, columns) int8, FREE, OCCUPIED or UNKNOWN; the first row has the least y.
    :param resolution: side of a cell, metres.
    :param x, y: of the outer corner of the first cell, metres in `map`.
    """

    cells: I8
    resolution: float
    x: float
    y: float

    def share(self, value: int) -> float:
        """Return the share of cells that have a value."""
        return float(np.mean(self.cells == value))


def occupancy_of(scene: Scene, settings: MapSettings,
                 progress: Progress | None = None) -> OccupancyGrid:
    """
    Map a scene.

    :param progress: called as progress(done, total) after every view.
    :raises ValueError: nothing was measured at these heights, or more cells than can be held.
    """
    views = scene.views or scene.all_views()
    boxes = _boxes(views, settings, scene.spawn)
    votes = Votes.of_nobody(boxes)
    for done, view in enumerate(views, 1):
        vote(boxes, votes, _depth(view, settings), view.intrinsics.K, view.T_map_cam, _BANDS,
             _run)
        if progress is not None:
            progress(done, len(views))
    return OccupancyGrid(_judge(votes), boxes.side_m, boxes.x_m, boxes.y_m)


def _run(pieces: Sequence[Callable[[], None]]) -> None:
    in_parallel(lambda piece: piece(), pieces)


def _depth(view: View, settings: MapSettings) -> F32:
    """Return (H, W) what was measured; NaN unknown, +inf beyond what counts."""
    depth = np.where(view.measured(), view.depth, np.float32(np.nan))
    depth[depth > settings.max_range] = np.inf
    return depth


def _boxes(views: Sequence[View], settings: MapSettings, spawn: Spawn) -> Boxes:
    """
    Return the space around all that lies on the floor or in the band, the floor first.

    Cameras and the robot's start are in it as well: a planner has to find itself on the map.
    """
    floor_z = spawn.z
    side, low, high = settings.resolution, settings.min_height, settings.max_height
    found = np.array([reach(_depth(view, settings), view.intrinsics.K, view.T_map_cam,
                            floor_z - low, floor_z + high) for view in views])
    if not np.isfinite(found).any():
        raise ValueError(f'no view has measured anything between {-low:g} and {high:g} m over '
                         'the robot: is the scene level, and its spawn on the floor?')
    places = np.array([(spawn.x, spawn.y), *(view.T_map_cam[:2, 3] for view in views)])
    first = np.minimum(found[:, [0, 2]].min(axis=0), places.min(axis=0))
    last = np.maximum(found[:, [1, 3]].max(axis=0), places.max(axis=0))
    x0, y0 = (math.floor(it / side) - _RIM for it in first.tolist())
    x1, y1 = (math.floor(it / side) + 1 + _RIM for it in last.tolist())
    layers = math.ceil((high - low) / side)
    count = (x1 - x0) * (y1 - y0) * (1 + layers)
    if count > _MOST_BOXES:
        raise ValueError(
            f'{(x1 - x0) * side:.0f} x {(y1 - y0) * side:.0f} m at a resolution of {side:g} m '
            f'are {count:.2g} cells in all heights, at most {_MOST_BOXES:.2g} can be held: take '
            'a coarser resolution, or a max_range')
    edges = floor_z + np.array([-low, *np.linspace(low, high, layers + 1)])
    return Boxes(x0 * side, y0 * side, side, y1 - y0, x1 - x0, edges)


def _judge(votes: Votes) -> I8:
    """Return (rows, columns) what the votes on the floor and on the band over it come to."""
    met, passed = votes.met.astype(np.int32), votes.passed.astype(np.int32)
    there = (met > 0) & (met >= _MET_SHARE * (met + passed))
    clear = (passed > met)[1:]
    through = clear[0] & (np.mean(clear, axis=0) >= _PASSED_SHARE)
    floor = (met[0] > 0) & (clear[0] | (votes.hidden[1] == 0))
    drop = passed[0] > met[0]
    cells = np.full(met.shape[1:], UNKNOWN, np.int8)
    # Over a drop one can see, but not drive.
    cells[(floor | through) & ~drop] = FREE
    cells[np.any(there[1:], axis=0)] = OCCUPIED
    return cells
