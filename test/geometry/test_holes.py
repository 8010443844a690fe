# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Filling what nobody has seen."""

from inspatio_ros.geometry.holes import fill_holes
import numpy as np
import pytest


def picture(height: int = 32, width: int = 48) -> tuple[np.ndarray, np.ndarray]:
    """Return a green wall at 4 m with a red box at 1 m on the left, and nothing unknown."""
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[..., 1] = 180
    disparity = np.full((height, width), 0.25, np.float32)
    rgb[:, :16] = 200, 0, 0
    disparity[:, :16] = 1.0
    return rgb, disparity


@pytest.mark.parametrize('width', [1, 3, 10, 20])
def test_a_hole_beside_an_object_is_filled_from_the_wall(width: int) -> None:
    rgb, disparity = picture()
    disparity[:, 16:16 + width] = 0.0
    rgb[:, 16:16 + width] = 77
    filled = fill_holes(rgb, disparity)
    np.testing.assert_array_equal(rgb[:, 16:], np.broadcast_to([0, 180, 0], (32, 32, 3)))
    np.testing.assert_allclose(filled[:, 16:], 0.25, rtol=1e-6)


def test_known_pixels_are_not_touched() -> None:
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (33, 47, 3), dtype=np.uint8)
    disparity = rng.uniform(0.2, 2.0, (33, 47)).astype(np.float32)
    disparity[rng.random((33, 47)) < 0.5] = 0.0
    known = disparity > 0.0
    before, depth_before = rgb.copy(), disparity.copy()
    filled = fill_holes(rgb, disparity)
    np.testing.assert_array_equal(rgb[known], before[known])
    np.testing.assert_array_equal(filled[known], depth_before[known])
    np.testing.assert_array_equal(disparity, depth_before)
    assert (filled > 0.0).all()


def test_a_plane_is_continued() -> None:
    rgb = np.full((32, 32, 3), 90, np.uint8)
    disparity = np.broadcast_to(np.linspace(0.5, 0.6, 32, dtype=np.float32), (32, 32)).copy()
    truth = disparity.copy()
    disparity[12:20, 12:20] = 0.0
    filled = fill_holes(rgb, disparity)
    assert np.abs(filled - truth).max() < 0.02


def test_nothing_known_is_black_and_stays_unknown() -> None:
    rgb = np.full((9, 7, 3), 99, np.uint8)
    filled = fill_holes(rgb, np.zeros((9, 7), np.float32))
    assert not rgb.any() and not filled.any()


@pytest.mark.parametrize('shape', [(1, 1), (1, 5), (2, 2), (5, 1)])
def test_tiny_pictures(shape: tuple[int, int]) -> None:
    rgb = np.full((*shape, 3), 50, np.uint8)
    disparity = np.zeros(shape, np.float32)
    disparity[0, 0] = 1.0
    filled = fill_holes(rgb, disparity)
    assert (filled == 1.0).all() and (rgb == 50).all()
