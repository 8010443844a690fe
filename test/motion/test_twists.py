# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The SE(3) exponential against a long product of small steps and against its logarithm."""

import math

from inspatio_ros.motion import twists
from inspatio_ros.motion.transforms import is_rigid, pose_rpy, quaternion_wxyz
import numpy as np
import pytest
from scipy.linalg import expm


def hat(twist):
    x, y, z, a, b, c = twist
    return np.array([[0, -c, b, x], [c, 0, -a, y], [-b, a, 0, z], [0, 0, 0, 0]])


def random_twist(rng, angle):
    twist = rng.normal(size=6)
    twist[3:] *= angle / np.linalg.norm(twist[3:])
    return twist


ANGLES = [0.0, 1e-300, 1e-160, 1e-12, 1e-8, 1e-4, 0.1, 0.499, 0.501, 1.0, 3.0]


@pytest.mark.parametrize('angle', [*ANGLES, math.pi, 7.0, 50.0])
def test_exp_is_the_matrix_exponential(angle):
    rng = np.random.default_rng(3)
    for _ in range(5):
        twist = random_twist(rng, angle)
        T = twists.exp_twist(twist)
        assert np.abs(T - expm(hat(twist))).max() < 1e-13 * max(1.0, angle)
        assert is_rigid(T, tolerance=1e-13)


@pytest.mark.parametrize('angle', [*ANGLES, math.pi - 1e-9])
def test_log_undoes_exp(angle):
    rng = np.random.default_rng(4)
    for _ in range(5):
        twist = random_twist(rng, angle)
        # Rotations by almost pi: the axis loses half of its digits in the matrix.
        loose = 1e-7 if angle > 3.1 else 2e-14
        assert np.abs(twists.log_pose(twists.exp_twist(twist)) - twist).max() < loose


def test_log_of_half_a_turn_is_finite_and_right():
    T = pose_rpy(1.0, 0.0, 0.0, yaw=math.pi)
    assert twists.exp_twist(twists.log_pose(T)) == pytest.approx(T)


def test_exp_of_a_sum_of_times_is_a_product():
    twist = np.array([1.0, -0.4, 0.2, 0.3, -0.2, 0.9])
    assert twists.exp_twist(twist, 1.3) == pytest.approx(
        twists.exp_twist(twist, 0.4) @ twists.exp_twist(twist, 0.9))
    assert twists.exp_twist(twist, -0.7) @ twists.exp_twist(twist, 0.7) == pytest.approx(np.eye(4))


def test_several_times_at_once_equal_each_alone():
    twist = np.array([1.0, -0.4, 0.2, 0.3, -0.2, 0.9])
    dt = np.array([-3.0, 0.0, 1e-9, 0.2, 5.0])
    for T, t in zip(twists.exp_twists(twist, dt), dt):
        assert T == pytest.approx(twists.exp_twist(twist, t), abs=1e-14)


def test_no_times_give_no_poses():
    assert twists.exp_twists(np.ones(6), np.array([])).shape == (0, 4, 4)


def test_a_circle_closes():
    T = twists.exp_twist(np.array([1.0, 0, 0, 0, 0, 1.0]), 2 * math.pi)
    assert np.abs(T - np.eye(4)).max() < 1e-15 * 10


def fit(twist, times, noise=None):
    poses = [twists.exp_twist(twist, t) for t in times]
    if noise is not None:
        poses = [T @ twists.exp_twist(n) for T, n in zip(poses, noise)]
    return twists.twist_through(times, [quaternion_wxyz(T) for T in poses], poses)


def test_a_constant_twist_is_found_exactly():
    twist = np.array([1.0, -0.4, 0.2, 0.3, -2.2, 0.9])
    assert fit(twist, [-0.3, -0.21, -0.1, 0.0]) == pytest.approx(twist, abs=1e-13)
    assert fit(twist, [-0.1, 0.0]) == pytest.approx(twist, abs=1e-13)


def test_noise_averages_out():
    twist = np.array([0.5, 0.0, 0.0, 0.0, 0.0, 0.5])
    times = np.linspace(-0.25, 0.0, 8).tolist()
    rng = np.random.default_rng(0)
    fits, pairs = [], []
    for _ in range(100):
        noise = 1e-3 * rng.normal(size=(8, 6))
        fits.append(fit(twist, times, noise) - twist)
        pairs.append(fit(twist, times[-2:], noise[-2:]) - twist)
    # 8 poses over a quarter second: sigma 1e-3 / sqrt(sum (t - mean)^2) = 4.3 mm/s.
    assert np.std(fits) < 6e-3
    assert np.std(fits) < np.std(pairs) / 5
