# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Figures of merit on pictures."""

import math

from inspatio_ros.evaluation.image import psnr_db, relative_depth_error, surface_holes
import numpy as np
import pytest


def test_psnr_of_known_differences() -> None:
    a = np.zeros((4, 4, 3), np.uint8)
    everywhere = np.ones((4, 4), bool)
    assert psnr_db(a, a, everywhere) == math.inf
    assert psnr_db(a, a + np.uint8(255), everywhere) == pytest.approx(0.0)
    assert psnr_db(a, a + np.uint8(10), everywhere) == pytest.approx(20 * math.log10(25.5))
    assert math.isnan(psnr_db(a, a, ~everywhere))


def test_psnr_counts_masked_pixels_only() -> None:
    a, b = np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2, 3), np.uint8)
    b[0, 0] = 255
    mask = np.array([[False, True], [True, True]])
    assert psnr_db(a, b, mask) == math.inf


def test_relative_depth_error_knows_what_is_unknown() -> None:
    depth = np.array([1.1, np.nan, np.inf, 2.0], np.float32)
    truth = np.array([1.0, 1.0, 1.0, np.inf], np.float32)
    error = relative_depth_error(depth, truth)
    assert error[0] == pytest.approx(0.1, rel=1e-5)
    assert np.isnan(error[1:]).all()


def test_a_hole_is_unknown_with_known_pixels_on_four_sides() -> None:
    known = np.ones((12, 12), bool)
    known[5, 5] = known[0, 3] = False
    known[:, 8:] = False
    holes = surface_holes(known)
    assert holes[5, 5]
    assert holes.sum() == 1  # neither the one at the edge nor the open side


def test_a_wide_gap_is_no_hole_in_a_surface() -> None:
    known = np.ones((20, 20), bool)
    known[:, 6:14] = False
    assert not surface_holes(known).any()
