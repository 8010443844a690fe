# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Depth as a picture: order of the colours, unknown and infinite depth, the legend."""

import math

import cv2
from inspatio_ros.cli.depth_picture import (
    colour_depth, DepthRange, draw_legend, metres, UNKNOWN_RGB)
import numpy as np
import pytest

SPAN = DepthRange(1.0, 10.0)


def colours(*depths):
    return colour_depth(np.array([depths], dtype=np.float32), SPAN)[0].astype(int)


def level(rgb):
    """Return where on the colour map a colour lies, 0 far to 255 near."""
    turbo = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[None], cv2.COLORMAP_TURBO)[0]
    return int(np.abs(turbo[:, ::-1].astype(int) - rgb).sum(axis=1).argmin())


def test_near_is_red_and_far_is_blue():
    near, far = colours(1.5, 8.0)
    assert near[0] > near[2]
    assert far[2] > far[0]


def test_levels_run_along_inverse_depth():
    assert [level(c) for c in colours(1.0, 1.0 / 0.55, 10.0)] == [255, 128, 0]


def test_out_of_the_range_is_its_end():
    below, above, infinite, zero = colours(0.2, 99.0, math.inf, 0.0)
    assert (level(below), level(above), level(infinite), level(zero)) == (255, 0, 0, 255)


def test_unknown_is_dark_grey_and_nothing_else_is():
    assert tuple(colours(math.nan)[0]) == UNKNOWN_RGB
    ramp = colour_depth(np.linspace(0.5, 20, 5000, dtype=np.float32)[None], SPAN)
    assert not (ramp == UNKNOWN_RGB).all(axis=2).any()


def test_no_warnings_for_any_float(recwarn):
    colours(math.nan, math.inf, -math.inf, 0.0, -1.0, 1e-40, 3e38)
    assert not recwarn.list


def test_range_ignores_outliers_and_what_is_unknown():
    depth = np.linspace(2.0, 4.0, 10000, dtype=np.float32)
    depth[:20] = 0.01
    depth[-20:] = 500.0
    depth[100:200] = math.nan
    depth[200:300] = math.inf
    span = DepthRange.of([depth.reshape(100, 100)])
    assert 1.9 < span.near < 2.1
    assert 3.9 < span.far < 4.1


@pytest.mark.parametrize('depths', [
    [], [np.full((3, 3), math.nan, np.float32)], [np.full((3, 3), 2.0, np.float32)]])
def test_range_of_nothing_or_of_a_flat_wall_is_one(depths):
    span = DepthRange.of(depths)
    assert 0.0 < span.near < span.far


@pytest.mark.parametrize(('near', 'far'), [
    (0.0, 1.0), (2.0, 1.0), (1.0, 1.0), (math.nan, 1.0), (1.0, math.inf)])
def test_a_range_that_is_none_is_refused(near, far):
    with pytest.raises(ValueError, match='depth range must be 0 < near < far'):
        DepthRange(near, far)


def test_legend_is_drawn_into_its_corner_only():
    picture = np.full((480, 832, 3), 90, dtype=np.uint8)
    draw_legend(picture, SPAN)
    changed = (picture != 90).any(axis=2)
    assert changed[240:, 700:].any()
    assert not changed[:240].any()
    assert not changed[:, :700].any()
    assert changed.sum() < 0.1 * changed.size
    assert not (picture[:, -2:] == 255).any()  # the text ends before the edge


@pytest.mark.parametrize('size', [(120, 160), (240, 320), (480, 640), (1080, 1920), (121, 2000)])
def test_legend_fits_any_size(size):
    picture = np.zeros((*size, 3), dtype=np.uint8)
    draw_legend(picture, SPAN)
    assert picture.any()
    assert not picture[:size[0] // 3].any()


def test_a_tiny_picture_gets_no_legend():
    picture = np.zeros((64, 64, 3), dtype=np.uint8)
    draw_legend(picture, SPAN)
    assert not picture.any()


@pytest.mark.parametrize(('depth', 'text'), [(0.531, '0.53 m'), (4.24, '4.2 m'), (23.4, '23 m')])
def test_metres(depth, text):
    assert metres(depth) == text
