# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Choosing views."""

from inspatio_ros.engine.selection import choose_views, rate_views, sample_views
import numpy as np
from rooms import CAMERA, pose, room, view


def test_a_camera_on_a_view_gets_that_view_first() -> None:
    views = room().views
    samples = sample_views(views)
    for index, own in enumerate(views):
        rating = rate_views(samples, own.T_map_cam, CAMERA)
        assert choose_views(rating, 4)[0] == index


def test_views_are_added_until_the_picture_is_covered() -> None:
    samples = sample_views(room().views)
    between = rate_views(samples, pose(0.0, 0.0, 0.25 * np.pi), CAMERA)
    assert set(choose_views(between, 4)) >= {0, 1}
    assert len(choose_views(between, 1)) == 1


def test_a_nearer_view_is_worth_more_than_a_blurred_one() -> None:
    samples = sample_views([view('far', pose(-2.5, 0.0, 0.0)), view('near', pose(1.0, 0.0, 0.0))])
    rating = rate_views(samples, pose(1.1, 0.0, 0.0), CAMERA)
    assert choose_views(rating, 1) == [1]


def test_nothing_in_sight_is_no_view() -> None:
    samples = sample_views([view('ahead', pose(0.0, 0.0, 0.0))])
    rating = rate_views(samples, pose(0.0, 0.0, np.pi), CAMERA)
    assert not rating.any()
    assert choose_views(rating, 4) == []


def test_a_view_behind_a_wall_is_worth_nothing() -> None:
    # The second camera is in the room next door, 6 m behind the first one's far wall.
    here, there = view('here', pose(0.0, 0.0, 0.0)), view('there', pose(0.0, 0.0, 0.0))
    moved = there.T_map_cam.copy()
    moved[0, 3] += 6.0
    object.__setattr__(there, 'T_map_cam', moved)
    rating = rate_views(sample_views([here, there]), pose(0.1, 0.0, 0.0), CAMERA)
    assert choose_views(rating, 4) == [0]
