# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a robot knows of the floor around it, from its scans alone.

A grid in the frame of odometry that rolls along with the robot. A cell is what the newest scan
that saw it says: met, or free. What was never seen is neither. Where something is met that was
free a moment ago, something moves: there, and as deep behind, the grid remembers it for longer
than it can be seen, because it may come back.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_erosion, binary_opening, label, minimum_filter1d

CELL_M = 0.05
_SIDE = 400                # cells along each side of the grid
_ROLL = 20                 # cells by which the robot leaves the middle before the grid follows
_REACH_M = 8.0             # farther parts of a scan are left out
_BLIND_M = 0.65            # nearer, low things are below the picture: what was met remains
_SNAPSHOT_S = 0.3          # `a moment ago` is once or twice that
_BEAMS = np.ones(3, bool)  # so many side by side see what moves; fewer see an edge
_REMEMBERED_S = 120.0      # what moved is expected for so long where it was
_PRESENT_S = 1.5           # and was there just now
_DEEP_M = 0.6              # what moves is as deep, behind the side that is seen
_STRAIGHT_M = 0.1          # a side that is seen for less has no direction
_NEVER = -np.inf

Part = tuple[slice, slice]
ALL: Part = np.s_[:, :]


@dataclass(frozen=True)
class Sweep:
    """
    One scan.

    :param stamp_s: when.
    :param x, y, yaw: where its frame is in odom, metres and radians.
    :param ranges: (N,) metres; +inf free up to range_max, NaN unknown, -inf too near to measure.
    :param first_rad, step_rad: angles of the beams, counterclockwise.
    :param range_min, range_max: metres.
    """

    stamp_s: float
    x: float
    y: float
    yaw: float
    ranges: np.ndarray
    first_rad: float
    step_rad: float
    range_min: float
    range_max: float


class Occupancy:
    """
    The grid; rows are y, columns are x. All times are seconds of stamps.

    :param x, y: where the robot is, in odom.
    :param radius_m: of the robot: where it stands, nothing else does.
    """

    def __init__(self, x: float, y: float, radius_m: float) -> None:
        self._corner = self._cell(np.array([x, y])) - _SIDE // 2  # cell (column, row) of [0, 0]
        self._met_s, self._free_s, self._moved_s = (
            np.full((_SIDE, _SIDE), _NEVER) for _ in range(3))
        self._was_free = [np.zeros((_SIDE, _SIDE), bool) for _ in range(2)]  # the older one first
        self._snapshot_s = _NEVER
        self.now_s = _NEVER
        self._last_moved_s = _NEVER
        self._stand(x, y, radius_m)

    # ---- what is asked

    def standing(self, part: Part = ALL) -> np.ndarray:
        """Return (rows, columns) bool: something is there that stood there when last seen."""
        met_s = self._met_s[part]
        return (met_s > _NEVER) & (met_s >= self._free_s[part])

    def expected(self, part: Part = ALL) -> np.ndarray:
        """Return (rows, columns) bool: something that moves was there not long ago."""
        return self._moved_s[part] >= self.now_s - _REMEMBERED_S

    def moving(self, part: Part = ALL) -> np.ndarray:
        """Return (rows, columns) bool: something that moves is there now."""
        return self._moved_s[part] >= self.now_s - _PRESENT_S

    @property
    def moves_now(self) -> bool:
        """Return whether something was just seen to move, wherever."""
        return self._last_moved_s >= self.now_s - _PRESENT_S

    def unknown(self, part: Part = ALL) -> np.ndarray:
        """Return (rows, columns) bool: never seen."""
        return (self._met_s[part] == _NEVER) & (self._free_s[part] == _NEVER)

    def index_of(self, points: np.ndarray) -> np.ndarray:
        """Return (..., 2) row and column of (..., 2) x and y; those outside are on the rim."""
        return np.clip(self._cell(points) - self._corner, 0, _SIDE - 1)[..., ::-1]

    def point_of(self, index: np.ndarray) -> np.ndarray:
        """Return (..., 2) x and y of the middles of (..., 2) row and column."""
        return (index[..., ::-1] + self._corner + 0.5) * CELL_M

    # ---- what comes in

    def add(self, sweep: Sweep) -> None:
        """Take a scan that is newer than all before."""
        self.now_s = sweep.stamp_s
        self._follow(sweep.x, sweep.y)
        self._take_snapshot()
        self._free(sweep)
        self._meet(sweep)

    def _free(self, sweep: Sweep) -> None:
        """Note which cells the beams went through."""
        known = np.where(np.isposinf(sweep.ranges), sweep.range_max, sweep.ranges)
        known = np.where(np.isfinite(known), known, 0.0)
        # A cell lies between beams: what the nearest ones on both sides know is known of it.
        known = np.minimum(minimum_filter1d(known, 3), _REACH_M) - CELL_M
        cells = int(min(_REACH_M, known.max()) / CELL_M) + 1
        row, column = self.index_of(np.array([sweep.x, sweep.y]))
        part = np.s_[max(row - cells, 0):row + cells, max(column - cells, 0):column + cells]
        y = (np.arange(_SIDE)[part[0]] + self._corner[1] + 0.5) * CELL_M - sweep.y
        x = (np.arange(_SIDE)[part[1]] + self._corner[0] + 0.5) * CELL_M - sweep.x
        angle = np.arctan2(y[:, None], x[None, :], dtype=np.float32) - np.float32(
            sweep.yaw + sweep.first_rad)
        beam = np.rint(np.mod(angle, np.float32(2.0 * np.pi)) / np.float32(sweep.step_rad))
        known = np.append(known, -1.0).astype(np.float32)  # the last: no beam goes there
        reach = known[np.minimum(beam.astype(np.int32), len(known) - 1)]
        distance = np.hypot(y[:, None], x[None, :])
        through = (distance < reach) & ((distance > _BLIND_M) | ~self.standing(part))
        self._free_s[part][through] = sweep.stamp_s

    def _meet(self, sweep: Sweep) -> None:
        """Note what the beams met, and whether it moves."""
        ranges = np.where(np.isneginf(sweep.ranges), sweep.range_min, sweep.ranges)
        ended = np.flatnonzero(ranges < _REACH_M)
        angle = sweep.yaw + sweep.first_rad + sweep.step_rad * ended
        ahead = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        points = np.array([sweep.x, sweep.y]) + ranges[ended, None] * ahead
        met = tuple(self.index_of(points).T)
        self._met_s[met] = sweep.stamp_s
        moves = np.zeros(len(ranges), bool)
        moves[ended] = self._was_free[0][met]
        sides, count = label(binary_opening(moves, _BEAMS))
        for side in range(1, count + 1):
            here = sides[ended] == side
            body = _body(points[here], ahead[here])
            self._moved_s[tuple(self.index_of(body).T)] = self._last_moved_s = sweep.stamp_s

    def _take_snapshot(self) -> None:
        if self.now_s - self._snapshot_s >= _SNAPSHOT_S:
            free = self._free_s > self._met_s
            self._was_free = [self._was_free[1], binary_erosion(free, np.ones((3, 3)))]
            self._snapshot_s = self.now_s

    def _stand(self, x: float, y: float, radius_m: float) -> None:
        index = np.stack(np.mgrid[:_SIDE, :_SIDE], axis=-1)
        here = np.linalg.norm(self.point_of(index) - (x, y), axis=-1) < radius_m
        self._free_s[here] = np.finfo(np.float64).min  # before anything that is ever seen

    def _follow(self, x: float, y: float) -> None:
        """Roll, so that the robot stays near the middle."""
        off = self._cell(np.array([x, y])) - self._corner - _SIDE // 2
        if np.abs(off).max() <= _ROLL:
            return
        self._corner = self._corner + off
        for layer, empty in [(self._met_s, _NEVER), (self._free_s, _NEVER),
                             (self._moved_s, _NEVER), *((it, False) for it in self._was_free)]:
            layer[:] = np.roll(layer, -off[::-1], axis=(0, 1))
            for axis, shift in enumerate(off[::-1]):
                fresh = np.arange(_SIDE) >= _SIDE - shift if shift > 0 else (
                    np.arange(_SIDE) < -shift)
                layer[fresh if axis == 0 else np.s_[:, fresh]] = empty

    @staticmethod
    def _cell(points: np.ndarray) -> np.ndarray:
        return np.floor(np.asarray(points) / CELL_M).astype(np.int64)


def _body(side: np.ndarray, ahead: np.ndarray) -> np.ndarray:
    """
    Return (M, 2) points all over a thing of which one side is seen.

    :param side: (N, 2) points of that, in order.
    :param ahead: (N, 2) unit vectors, where the robot looks.
    """
    along = side[-1] - side[0]
    behind = np.array([-along[1], along[0]])  # at right angles
    if (length := np.linalg.norm(behind)) < _STRAIGHT_M:
        behind, length = ahead.mean(axis=0), 1.0
    behind *= np.sign(behind @ ahead.mean(axis=0)) / length
    deep = np.arange(0.0, _DEEP_M, 0.5 * CELL_M)
    return (side[:, None] + deep[:, None] * behind).reshape(-1, 2)
