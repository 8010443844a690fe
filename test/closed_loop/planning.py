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
# So near to itself the robot may go over anything: it stands there already.
_WAY_OUT_M = 0.3
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


def plan(grid: Occupancy, body: Body, start: np.ndarray, goal: np.ndarray) -> np.ndarray | None:
    """
    Find a way.

    :param start, goal: (2,) x and y in odom.
    :returns: (N, 2) points of it, a tenth of a metre apart; None if there is none.
    """
    cost, passable = _costs(grid, body, start)
    nodes = cost[::_STRIDE, ::_STRIDE]
    graph = _graph(nodes, passable[::_STRIDE, ::_STRIDE])
    first, last = (int(np.ravel_multi_index(grid.index_of(point) // _STRIDE, nodes.shape))
                   for point in (start, goal))
    length, before = dijkstra(graph, indices=first, return_predecessors=True)
    if not np.isfinite(length[last]):
        return None
    way = [last]
    while way[-1] != first:
        way.append(int(before[way[-1]]))
    index = np.stack(np.unravel_index(way[::-1], nodes.shape), axis=-1)
    return np.concatenate([grid.point_of(index * _STRIDE), [goal]])


def _costs(grid: Occupancy, body: Body,
           start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return cost per metre of cells, and whether the middle of the robot may be there."""
    wide = body.radius_m + body.margin_m
    room, berth = distance_to(grid.standing()), distance_to(grid.expected())
    cost = 1.0 + _NEAR * np.exp(-np.maximum(np.minimum(room, berth) - wide, 0.0) / _NEAR_M)
    cost[grid.unknown()] += _UNKNOWN
    cost[berth < wide] += _EXPECTED
    index = np.stack(np.indices(room.shape), axis=-1)
    here = np.linalg.norm(grid.point_of(index) - start, axis=-1) < _WAY_OUT_M
    return cost, (room >= wide) | here


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
