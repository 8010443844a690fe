# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Small views of known geometry."""

from inspatio_ros.geometry.warp_cpu import Camera
import numpy as np
from posed import HEIGHT, K, Posed, textured, WIDTH
import pytest


@pytest.fixture
def wall() -> Posed:
    """Return a wall 2 m ahead."""
    return Posed(textured(), np.full((HEIGHT, WIDTH), 2.0, np.float32), Camera(K, np.eye(4)))


@pytest.fixture
def box_before_wall() -> Posed:
    """Return a red box at 1 m in the middle, a green wall at 3 m behind it."""
    depth = np.full((HEIGHT, WIDTH), 3.0, np.float32)
    rgb = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    rgb[..., 1] = 200
    depth[12:36, 20:44] = 1.0
    rgb[12:36, 20:44] = 220, 0, 0
    return Posed(rgb, depth, Camera(K, np.eye(4)))


@pytest.fixture
def rough() -> Posed:
    """Return depth with everything that happens: noise, steps, holes, specks, +inf."""
    rng = np.random.default_rng(7)
    v, u = np.mgrid[0:HEIGHT, 0:WIDTH]
    depth = (2.0 + 0.02 * u + 0.01 * v + rng.normal(0.0, 0.01, u.shape)).astype(np.float32)
    depth[10:30, 15:35] = 1.2
    depth[rng.random(u.shape) < 0.05] = np.nan
    depth[rng.random(u.shape) < 0.02] = 0.7
    depth[:6] = np.inf
    return Posed(rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8), depth,
                 Camera(K, np.eye(4)))
