# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Alignment by a similarity, and what is left after it."""

import math
from pathlib import Path

from inspatio_ros.evaluation.pose import (align_poses, path_length, rotation_errors_deg,
                                          score_poses, Similarity)
from inspatio_ros.motion.transforms import pose_rpy
from inspatio_ros.scene.formats.poses import read_poses
import numpy as np
import pytest
from scipy.spatial.transform import Rotation


@pytest.fixture(scope='module')
def walk():
    """Thirty poses of a curved walk."""
    rng = np.random.default_rng(3)
    return np.array([pose_rpy(0.1 * i, math.sin(0.3 * i), 0.2 * math.cos(0.5 * i),
                              *rng.uniform(-1.0, 1.0, 3)) for i in range(30)])


@pytest.fixture(scope='module')
def similarity():
    R = Rotation.from_euler('xyz', [0.4, -1.1, 2.0]).as_matrix()
    return Similarity(3.7, R, np.array([5.0, -20.0, 0.3]))


def test_a_similarity_is_found_again(walk, similarity):
    found = align_poses(walk, similarity.poses(walk))
    assert found.scale == pytest.approx(3.7, rel=1e-12)
    np.testing.assert_allclose(found.R, similarity.R, atol=1e-12)
    np.testing.assert_allclose(found.t, similarity.t, atol=1e-10)
    score = score_poses(walk, similarity.poses(walk))
    assert score.rotation_max_deg < 1e-5 and score.translation_ratio < 1e-12
    assert score.path_length == pytest.approx(3.7 * path_length(walk))


def test_a_mirrored_walk_is_not_taken_for_a_turned_one(walk):
    mirrored = walk.copy()
    mirrored[:, 2, 3] *= -1.0
    found = align_poses(walk, mirrored)
    assert np.linalg.det(found.R) == pytest.approx(1.0)
    assert score_poses(walk, mirrored).translation_rmse > 0.05


def test_errors_are_those_that_were_made(walk, similarity):
    rng = np.random.default_rng(5)
    wrong = walk.copy()
    off_deg = np.linspace(0.1, 3.0, len(walk))
    axes = rng.standard_normal((len(walk), 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    wrong[:, :3, :3] = walk[:, :3, :3] @ Rotation.from_rotvec(
        np.radians(off_deg)[:, None] * axes).as_matrix()
    np.testing.assert_allclose(rotation_errors_deg(wrong, walk), off_deg, atol=1e-6)
    score = score_poses(wrong, similarity.poses(walk))  # the centres are right
    assert score.rotation_deg == pytest.approx(np.median(off_deg), abs=1e-5)
    assert score.translation_ratio < 1e-12
    noise = 0.01 * rng.standard_normal((len(walk), 3))
    wrong[:, :3, 3] += noise
    rmse = score_poses(wrong, walk).translation_rmse
    assert rmse == pytest.approx(np.sqrt(np.mean(np.sum(noise ** 2, axis=1))), rel=0.2)


def test_least_squares_cannot_be_improved(walk, similarity):
    rng = np.random.default_rng(7)
    true = similarity.poses(walk)
    true[:, :3, 3] += 0.5 * rng.standard_normal((len(walk), 3))
    found = align_poses(walk, true)

    def rmse(scale, turn, shift):
        changed = Similarity(found.scale * scale, Rotation.from_rotvec(turn).as_matrix() @ found.R,
                             found.t + shift)
        return np.linalg.norm(changed.poses(walk)[:, :3, 3] - true[:, :3, 3])
    best = rmse(1.0, np.zeros(3), np.zeros(3))
    for _ in range(200):
        assert rmse(1.0 + 0.01 * rng.standard_normal(), 0.01 * rng.standard_normal(3),
                    0.01 * rng.standard_normal(3)) >= best


def test_a_straight_drive_is_turned_by_its_rotations(similarity):
    drive = np.array([pose_rpy(0.5 * i, 0.0, 0.0, 0.2, -0.1, 0.3) for i in range(10)])
    found = align_poses(drive, similarity.poses(drive))
    np.testing.assert_allclose(found.R, similarity.R, atol=1e-12)
    assert found.scale == pytest.approx(3.7)


def test_a_camera_that_stands_still_leaves_the_scale_open(similarity):
    stand = np.array([pose_rpy(1.0, 2.0, 0.0, yaw=0.1 * i) for i in range(4)])
    score = score_poses(stand, similarity.poses(stand))
    assert score.rotation_max_deg < 1e-5
    assert math.isnan(score.similarity.scale) and math.isnan(score.translation_ratio)
    assert math.isnan(score_poses(stand[:1], stand[:1]).translation_rmse)


def test_poses_that_went_the_other_way_have_no_scale(walk):
    drive = np.array([pose_rpy(0.5 * i) for i in range(10)])
    assert math.isnan(align_poses(drive, drive[::-1]).scale)


def test_numbers_of_poses_differ(walk):
    with pytest.raises(ValueError, match='got 30 and 29'):
        align_poses(walk, walk[1:])
    with pytest.raises(ValueError, match='got 0 and 0'):
        align_poses(walk[:0], walk[:0])


def test_the_fox_against_itself(shared_dir: Path, similarity):
    poses = read_poses(shared_dir / 'data/fox/poses_3x4.txt')
    score = score_poses(similarity.poses(poses), poses)
    assert len(poses) == 50
    assert score.rotation_max_deg < 1e-4 and score.translation_ratio < 1e-9
