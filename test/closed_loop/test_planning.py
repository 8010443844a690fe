# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Ways around things, past what may come, or none."""

from made_up_scans import AROUND, sweep
import numpy as np
from occupancy import Occupancy
from planning import Body, Terrain

BODY = Body(0.2, 0.1)
HERE, GOAL = np.array([0.0, 0.0]), np.array([4.0, 0.0])


def grid_of(*discs):
    grid = Occupancy(0.0, 0.0, 0.4)
    grid.add(sweep(discs=discs, view=AROUND))
    return grid


def length(way):
    return np.linalg.norm(np.diff(way, axis=0), axis=1).sum()


def test_where_nothing_is_it_goes_straight():
    way = Terrain(grid_of(), BODY).way(HERE, GOAL)
    assert length(way) < 4.3
    np.testing.assert_allclose(way[-1], GOAL)


def test_it_keeps_away_from_a_thing_in_the_way():
    way = Terrain(grid_of((2.0, 0.0, 0.4)), BODY).way(HERE, GOAL)
    room = np.linalg.norm(way - (2.0, 0.0), axis=1) - 0.4
    assert room.min() > BODY.radius_m
    assert 4.0 < length(way) < 6.0


def test_where_it_is_shut_in_there_is_no_way():
    ring = [(1.2 * np.cos(a), 1.2 * np.sin(a), 0.2) for a in np.arange(0.0, 6.3, 0.2)]
    assert Terrain(grid_of(*ring), BODY).way(HERE, GOAL) is None


def test_what_is_unknown_costs_more():
    seen, unseen = Terrain(grid_of(), BODY), Terrain(Occupancy(0.0, 0.0, 0.4), BODY)
    straight = np.linspace(HERE, GOAL, 40)
    assert unseen.effort(straight) > 1.5 * seen.effort(straight)


def test_a_way_through_a_thing_is_no_way():
    terrain = Terrain(grid_of((2.0, 0.0, 0.4)), BODY)
    assert terrain.effort(np.linspace(HERE, GOAL, 40)) == np.inf


def test_it_rather_goes_far_around_where_something_may_come():
    grid = Occupancy(0.0, 0.0, 0.4)
    for k in range(40):
        grid.add(sweep(1.0 + 0.1 * k, discs=[(2.0, -1.0 + 0.05 * k, 0.3)], view=AROUND))
    way = Terrain(grid, BODY).way(HERE, GOAL)
    crossing = way[(way[:, 0] > 1.7) & (way[:, 0] < 2.2)]
    assert not ((crossing[:, 1] > -1.2) & (crossing[:, 1] < 1.2)).any()
