# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Whichever twin runs, the result is that of the torch one."""

from inspatio_ros.geometry import twins, warp
from inspatio_ros.geometry.camera import pixel_transfer
from inspatio_ros.geometry.surface import inverse_depth, link_pixels
import numpy as np
import torch

SIZE = (48, 64)
K = np.array([[50.0, 0.0, 32.0], [0.0, 50.0, 24.0], [0.0, 0.0, 1.0]])


def scene():
    """Return inverse depth, links and matrices of a box before a wall, with a hole, seen twice."""
    depth = np.full((2, *SIZE), 4.0, np.float32)
    depth[:, 15:30, 20:40] = 2.0
    depth[1, 5:10, 5:10] = np.nan
    disparity = np.stack([inverse_depth(it) for it in depth])
    links = np.stack([link_pixels(it) for it in disparity])
    aside = np.eye(4)
    aside[0, 3] = 0.3
    P = np.stack([pixel_transfer(K, K, T) for T in (aside, np.linalg.inv(aside))])
    return (torch.from_numpy(disparity), torch.from_numpy(links),
            torch.from_numpy(P.astype(np.float32)))


def test_splats_agree():
    disparity, links, P = scene()
    ones = torch.ones(2)
    expected = warp.splat(disparity, links, P, SIZE, ones)
    found = twins.splat(disparity, links, P, SIZE, ones)
    assert 0.05 < float((expected == 0.0).float().mean()) < 0.5
    # Rounding decides about single pixels on the rim of triangles.
    assert float(((found - expected).abs() > 1e-5).float().mean()) < 1e-3


def test_fills_agree_and_leave_the_picture_that_they_were_given():
    disparity, links, P = scene()
    front = warp.splat(disparity, links, P, SIZE, torch.ones(2))
    rgb = torch.randint(0, 256, (2, *SIZE, 3), dtype=torch.uint8,
                        generator=torch.Generator().manual_seed(0))
    # As a view of another layout, as pictures come from tensors of frames.
    given = rgb.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)
    before = given.clone()
    full, filled = twins.fill_holes(given, front)
    expected, expected_filled = warp.fill_holes(rgb, front)
    assert torch.equal(given, before)
    assert int((full.int() - expected.int()).abs().max()) <= 1
    torch.testing.assert_close(filled, expected_filled, rtol=1e-5, atol=1e-6)
