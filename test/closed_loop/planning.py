# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The cheapest way over a grid: near things it costs more, where something moves much more."""

from dataclasses import dataclass

import numpy as np
from occupancy import CELL_M, Occupancy
from scipy.ndimage import distance_transform_edt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

_STRIDE = 2            # of the cells, every so many is a node
# Cost per metre, on top of 1.
_NEAR, _NEAR_M = 6.0, 0.2
_UNKNOWN = 1.0
_EXPECTED = 60.0       # rather around the whole hall
_BESIDE_M = 0.03       # of the robot, where it is that
# So many nodes around it the robot may go over anything: it stands there already.
_WAY_OUT = 3
_STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))


@dataclass(frozen=True)
class Body:
    """
    How much room a robot takes.

    :param radius_m: it is round.
    :param margin_m: that it keeps from all things, as far as that can be planned.
    """

    radius_m: float
    margin_m: float


class Terrain:
    """
    What it costs to be where, as of now.

    :param grid: what the robot knows.
    :param body: of the robot.
    """

    def __init__(self, grid: Occupancy, body: Body) -> None:
        self._grid = grid
        some = np.s_[::_STRIDE, ::_STRIDE]
        wide = body.radius_m + body.margin_m
        room, berth = distance_to(grid.standing())[some], distance_to(grid.expected())[some]
        near = np.exp(-np.maximum(np.minimum(room, berth) - wide, 0.0) / _NEAR_M)
        self._cost = 1.0 + _NEAR * near          # per metre
        self._cost[grid.unknown(some)] += _UNKNOWN
        self._cost[berth < body.radius_m + _BESIDE_M] += _EXPECTED
        self._passable = room >= wide            # for the middle of the robot

    def way(self, start: np.ndarray, goal: np.ndarray) -> np.ndarray | None:
        """
        Find the cheapest way.

        :param start, goal: (2,) x and y in odom.
        :returns: (N, 2) points of it, a tenth of a metre apart; None if there is none.
        """
        first, last = self._node_of(start), self._node_of(goal)
        passable = self._passable.copy()
        passable[tuple(slice(max(at - _WAY_OUT, 0), at + _WAY_OUT + 1) for at in first)] = True
        graph = _graph(self._cost, passable)
        begin, end = (int(np.ravel_multi_index(node, passable.shape)) for node in (first, last))
        length, before = dijkstra(graph, indices=begin, return_predecessors=True)
        if not np.isfinite(length[end]):
            return None
        way = [end]
        while way[-1] != begin:
            way.append(int(before[way[-1]]))
        index = np.stack(np.unravel_index(way[::-1], passable.shape), axis=-1)
        return np.concatenate([self._grid.point_of(index * _STRIDE), [goal]])

    def effort(self, way: np.ndarray) -> float:
        """Return what a way costs as a whole; infinity if it is blocked."""
        nodes = tuple(self._node_of(way).T)
        if not self._passable[nodes][_WAY_OUT:].all():
            return np.inf
        steps_m = np.linalg.norm(np.diff(way, axis=0), axis=1)
        return float(steps_m @ self._cost[nodes][1:])

    def _node_of(self, points: np.ndarray) -> np.ndarray:
        return self._grid.index_of(points) // _STRIDE


def distance_to(taken: np.ndarray) -> np.ndarray:
    """Return (rows, columns) how far cells are from the nearest one that is taken, metres."""
    if not taken.any():
        return np.full(taken.shape, np.inf)
    return distance_transform_edt(~taken) * CELL_M


def _graph(cost: np.ndarray, passable: np.ndarray) -> coo_array:
    """Return the graph of the passable cells, joined to their eight neighbours."""
    number = np.arange(cost.size).reshape(cost.shape)
    rows, columns = cost.shape
    froms, tos, weights = [], [], []
    for down, right in _STEPS:
        here = np.s_[:rows - down, max(-right, 0):columns - max(right, 0)]
        there = np.s_[down:, max(right, 0):columns + min(right, 0)]
        joined = passable[here] & passable[there]
        froms.append(number[here][joined])
        tos.append(number[there][joined])
        step_m = np.hypot(down, right) * _STRIDE * CELL_M
        weights.append(0.5 * step_m * (cost[here] + cost[there])[joined])
    a, b, weight = (np.concatenate(parts) for parts in (froms, tos, weights))
    both = np.concatenate([weight, weight]), (np.concatenate([a, b]), np.concatenate([b, a]))
    return coo_array(both, shape=(cost.size, cost.size)).tocsr()
