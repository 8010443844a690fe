# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Guessing depth that was not measured."""

from inspatio_ros.geometry.completion import complete
import numpy as np
import pytest


def two_surfaces() -> tuple[np.ndarray, np.ndarray]:
    """Return a picture of a dark thing at 1 m before a bright wall at 4 m, and inverse depth."""
    rgb = np.full((40, 60, 3), 220, np.uint8)
    inverse = np.full((40, 60), 0.25, np.float32)
    rgb[:, :25] = 40
    inverse[:, :25] = 1.0
    return rgb, inverse


def test_known_depth_is_not_touched_and_nothing_stays_unknown() -> None:
    rgb, inverse = two_surfaces()
    rng = np.random.default_rng(0)
    inverse[rng.random(inverse.shape) < 0.7] = np.nan
    filled = complete(rgb, inverse)
    known = ~np.isnan(inverse)
    np.testing.assert_array_equal(filled[known], inverse[known])
    assert np.isfinite(filled).all()


@pytest.mark.parametrize('edge', [20, 25, 30])
def test_a_hole_across_an_edge_of_the_picture_ends_at_it(edge: int) -> None:
    rgb, truth = two_surfaces()
    inverse = truth.copy()
    inverse[:, edge - 6:edge + 6] = np.nan
    filled = complete(rgb, inverse)
    assert np.abs(filled - truth).max() < 0.05


def test_without_an_edge_depth_changes_gently() -> None:
    rgb, inverse = two_surfaces()
    rgb[:] = 100
    inverse[:, 15:45] = np.nan
    filled = complete(rgb, inverse)
    assert (np.diff(filled[20]) <= 1e-6).all()
    assert 0.3 < filled[20, 30] < 0.95


def test_nothing_known_stays_unknown() -> None:
    rgb, inverse = two_surfaces()
    assert np.isnan(complete(rgb, np.full_like(inverse, np.nan))).all()
