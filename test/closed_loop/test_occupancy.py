# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the robot takes from its scans: met, free, unknown, and what may come back."""

from dataclasses import replace

from made_up_scans import AROUND, sweep
import numpy as np
from occupancy import Occupancy


def at(grid, layer, *points):
    """Return what a layer says at points."""
    return layer()[tuple(grid.index_of(np.array(points)).T)].tolist()


def test_a_thing_is_met_before_it_is_free_and_behind_it_nothing_is_known():
    grid = Occupancy(0.0, 0.0, 0.4)
    grid.add(sweep(discs=[(2.0, 0.0, 0.3)]))
    assert at(grid, grid.standing, (1.72, 0.0), (1.0, 0.0)) == [True, False]
    assert at(grid, grid.unknown, (1.0, 0.0), (1.72, 0.0), (2.5, 0.0)) == [False, False, True]
    assert at(grid, grid.unknown, (4.0, 3.0), (-1.0, 0.0), (-0.3, 0.0)) == [False, True, False]


def test_beams_that_know_nothing_leave_it_at_that():
    grid = Occupancy(0.0, 0.0, 0.4)
    seen = sweep()
    grid.add(replace(seen, ranges=np.full_like(seen.ranges, np.nan)))
    assert at(grid, grid.unknown, (1.0, 0.0), (2.0, 1.0)) == [True, True]
    assert not grid.standing().any()


def test_what_is_too_near_to_measure_is_met():
    grid = Occupancy(0.0, 0.0, 0.4)
    seen = sweep()
    grid.add(replace(seen, ranges=np.full_like(seen.ranges, -np.inf)))
    assert grid.standing().any()
    assert at(grid, grid.unknown, (1.0, 0.0)) == [True]


def test_a_scan_all_around_knows_what_is_behind():
    grid = Occupancy(0.0, 0.0, 0.4)
    grid.add(sweep(discs=[(-2.0, 0.0, 0.3)], view=AROUND))
    assert at(grid, grid.standing, (-1.72, 0.0)) == [True]
    assert at(grid, grid.unknown, (-1.0, 0.0), (-1.0, 0.05), (0.0, 3.0)) == [False] * 3


def test_what_was_carried_away_is_free_but_not_so_near_that_it_may_be_below_the_picture():
    grid = Occupancy(0.0, 0.0, 0.4)
    grid.add(sweep(1.0, discs=[(2.0, 0.0, 0.3), (0.5, 0.3, 0.05)]))
    grid.add(sweep(2.0))
    assert at(grid, grid.standing, (1.72, 0.0)) == [False]
    assert at(grid, grid.standing, (0.46, 0.27)) == [True]


def test_what_moves_is_expected_where_it_was_and_what_stands_is_not():
    grid = Occupancy(0.0, 0.0, 0.4)
    for k in range(40):
        grid.add(sweep(1.0 + 0.1 * k, discs=[(2.0, -1.0 + 0.05 * k, 0.3), (3.0, 2.0, 0.3)]))
    assert grid.moves_now
    assert at(grid, grid.expected, (1.75, 0.0), (1.75, 0.9), (2.2, 0.5)) == [True, True, True]
    assert at(grid, grid.moving, (1.75, -0.8), (1.75, 0.9)) == [False, True]
    assert at(grid, grid.standing, (2.77, 1.8)) == [True]
    assert at(grid, grid.expected, (2.77, 1.8), (1.0, 0.0)) == [False, False]
    grid.add(sweep(60.0))
    assert not grid.moves_now and at(grid, grid.expected, (1.75, 0.0)) == [True]
    grid.add(sweep(200.0))
    assert not grid.expected().any()


def test_the_grid_follows_and_remembers():
    grid = Occupancy(0.0, 0.0, 0.4)
    grid.add(sweep(1.0, discs=[(2.0, 0.0, 0.3)]))
    grid.add(sweep(2.0, (5.0, -3.0, 0.0)))
    assert at(grid, grid.standing, (1.72, 0.0)) == [True]
    assert at(grid, grid.unknown, (1.0, 0.0), (8.0, -3.0), (8.0, 4.0)) == [False, False, True]
    np.testing.assert_allclose(grid.point_of(grid.index_of(np.array([7.3, -2.2]))), (7.3, -2.2),
                               atol=0.026)
