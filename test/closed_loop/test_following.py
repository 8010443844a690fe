# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Velocities: along the path, never into what stands, moves or is unknown."""

from following import follow, SPEED_M_S, Surroundings, watch
from made_up_scans import AROUND, sweep
import numpy as np
from occupancy import CELL_M, Occupancy
from planning import Body
import pytest

BODY = Body(0.2, 0.1)
ORIGIN = np.zeros(3)


def around(*discs, **options):
    grid = Occupancy(0.0, 0.0, 0.4)
    grid.add(sweep(discs=discs, view=AROUND, **options))
    return Surroundings(grid, 0.0, 0.0)


def line(x, y):
    """Return a straight path from the robot."""
    return np.linspace((0.0, 0.0), (x, y), 30)


def test_straight_on_where_it_is_free():
    velocity = follow(line(3.0, 0.0), around(), BODY, ORIGIN)
    assert velocity.forward == SPEED_M_S
    assert velocity.turn == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize('y, sign', [(3.0, 1.0), (-3.0, -1.0)])
def test_it_turns_first_where_the_path_leads_aside(y, sign):
    velocity = follow(line(0.0, y), around(), BODY, ORIGIN)
    assert velocity.forward == 0.0 and velocity.turn * sign > 0.5


def test_it_bends_towards_a_path_that_bends():
    velocity = follow(line(3.0, 1.0), around(), BODY, ORIGIN)
    assert velocity.forward > 0.3 and velocity.turn > 0.1


def test_it_never_touches_a_thing_in_its_path():
    grid, pose = Occupancy(0.0, 0.0, 0.4), np.zeros(3)
    for k in range(200):
        grid.add(sweep(1.0 + 0.1 * k, tuple(pose), [(2.0, 0.0, 0.4)]))
        v = follow(line(2.0, 0.0), Surroundings(grid, *pose[:2]), BODY, pose)
        pose += 0.1 * np.array([v.forward * np.cos(pose[2]), v.forward * np.sin(pose[2]), v.turn])
        assert np.hypot(pose[0] - 2.0, pose[1]) > 0.4 + BODY.radius_m
    assert pose[0] > 0.8, 'and comes near'


def test_it_does_not_go_where_it_has_not_seen():
    grid, x = Occupancy(0.0, 0.0, 0.4), 0.0
    for _ in range(50):
        x += 0.1 * follow(line(3.0, 0.0), Surroundings(grid, x, 0.0), BODY,
                          np.array([x, 0.0, 0.0])).forward
        assert x + BODY.radius_m < 0.4 + 2.0 * CELL_M, 'as far as it was told, to a cell'


def test_it_watches_what_moves_and_backs_away_from_it():
    def beside(x):
        grid = Occupancy(0.0, 0.0, 0.4)
        for k in range(20):
            grid.add(sweep(1.0 + 0.1 * k, discs=[(x, -0.4 + 0.02 * k, 0.2)], view=AROUND))
        return Surroundings(grid, 0.0, 0.0)

    assert watch(around((1.0, 0.0, 0.2)), BODY, ORIGIN) is None, 'it stands'
    assert watch(beside(1.8), BODY, ORIGIN) is None, 'far away'
    assert watch(beside(1.1), BODY, ORIGIN).forward == 0.0
    assert watch(beside(1.1), BODY, np.array([0.0, 0.0, 1.5])).turn < -0.5
    assert watch(beside(0.7), BODY, ORIGIN).forward < 0.0
