# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The seam to a generator: blocks, tracks, and when to begin."""

from dataclasses import replace

from inspatio_ros.contracts import CameraTrack
from inspatio_ros.engine.imaginer import along, Block, block_stamps, plan_start
import numpy as np
import pytest
from rooms import CAMERA, pose

STAMPS = np.array([100, 200, 400])
TRACK = CameraTrack(STAMPS, np.stack([pose(0.001 * t, 0.0, 0.002 * t) for t in STAMPS]))


def block() -> Block:
    shape = (3, CAMERA.height, CAMERA.width)
    return Block(TRACK, CAMERA, np.zeros((*shape, 3), np.uint8), np.ones(shape, np.float32),
                 np.ones(shape, np.bool_))


def test_a_track_is_interpolated_and_held_still_beyond_its_ends() -> None:
    found = along(TRACK, np.array([0, 100, 150, 300, 400, 900]))
    wanted = [pose(0.001 * t, 0.0, 0.002 * t) for t in (100, 100, 150, 300, 400, 400)]
    np.testing.assert_allclose(found.T_map_cam, np.stack(wanted), atol=1e-12)
    np.testing.assert_array_equal(found.stamps_ns, [0, 100, 150, 300, 400, 900])


def test_a_track_without_poses_leads_nowhere() -> None:
    with pytest.raises(ValueError, match='without poses'):
        along(CameraTrack(np.zeros(0, np.int64), np.zeros((0, 4, 4))), np.array([0]))


def test_stamps_of_a_block() -> None:
    np.testing.assert_array_equal(block_stamps(5, 3, 10), [5, 15, 25])


@pytest.mark.parametrize('follows, latency, start, why', [
    (None, 0, 100, 'the first block begins now'),
    (None, 50, 150, 'or where the camera is when it is ready'),
    (None, 500, 300, 'but not beyond what is predicted'),
    (110, 0, 110, 'blocks join'),
    (130, 30, 130, 'as long as the generator keeps up'),
    (150, 30, None, 'and it does not run ahead'),
    (100, 0, 100, 'just in time'),
    (95, 0, 105, 'too late: skip, on the grid of the frames before'),
    (95, 55, 155, 'to where the camera is when it is ready'),
])
def test_when_a_block_begins(follows, latency: int, start, why: str) -> None:
    assert plan_start(TRACK, follows, 100, latency, 10) == start, why


@pytest.mark.parametrize('change, reason', [
    ({'rgb': np.zeros((3, 1, 1, 3), np.uint8)}, 'rgb must be uint8'),
    ({'rgb': np.zeros((3, 72, 96, 3), np.float32)}, 'rgb must be uint8'),
    ({'depth': np.ones((2, 72, 96), np.float32)}, 'depth must be float32'),
    ({'depth': np.zeros((3, 72, 96), np.float32)}, 'depth must be > 0 or NaN, got 0'),
    ({'seen': np.ones((3, 72, 96), np.uint8)}, 'seen must be bool'),
    ({'track': CameraTrack(STAMPS, np.full((3, 4, 4), np.nan))}, 'a pose is not finite'),
])
def test_blocks_that_are_none_are_refused(change: dict, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        replace(block(), **change)


def test_depth_may_be_unknown_or_out_of_range() -> None:
    depth = block().depth.copy()
    depth[0, 0, :2] = np.nan, np.inf
    assert replace(block(), depth=depth).depth is depth
