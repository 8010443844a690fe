# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Poses and quaternions: conventions pinned by hand, algebra on random poses."""

import math

from inspatio_ros.contracts import Spawn
from inspatio_ros.motion import transforms as tf
import numpy as np
import pytest


def random_poses(count, seed=0):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        q = rng.normal(size=4)
        yield tf.pose_matrix(rng.normal(size=3) * 10.0, q / np.linalg.norm(q))


def test_optical_axes_follow_rep_103():
    T = tf.T_base_cam()
    assert np.array_equal(T[:3, :3] @ [0, 0, 1], [1, 0, 0])   # forward is base x
    assert np.array_equal(T[:3, :3] @ [1, 0, 0], [0, -1, 0])  # right is base -y
    assert np.array_equal(T[:3, :3] @ [0, 1, 0], [0, 0, -1])  # down is base -z


def test_positive_pitch_looks_down_and_positive_yaw_left():
    forward = tf.T_base_cam(pitch=0.3)[:3, 2]
    assert forward == pytest.approx([math.cos(0.3), 0.0, -math.sin(0.3)])
    forward = tf.T_base_cam(yaw=0.3)[:3, 2]
    assert forward == pytest.approx([math.cos(0.3), math.sin(0.3), 0.0])


def test_positive_roll_leans_right():
    right = tf.T_base_cam(roll=0.3)[:3, 0]
    assert right[2] < 0.0


def test_camera_link_and_optical_frame_share_their_origin():
    mount = {'x': 0.2, 'y': -0.1, 'z': 0.5, 'roll': 0.1, 'pitch': 0.2, 'yaw': 0.3}
    T_link, T_cam = tf.pose_rpy(**mount), tf.T_base_cam(**mount)
    assert np.array_equal(T_link[:3, 3], T_cam[:3, 3])
    assert T_link @ tf.T_LINK_OPTICAL == pytest.approx(T_cam)


def test_constants_cannot_be_changed():
    with pytest.raises(ValueError):
        tf.R_BASE_OPTICAL[0, 0] = 1.0


def test_quaternion_order_is_that_of_ros():
    half = math.sqrt(0.5)
    T = tf.pose_matrix([1, 2, 3], [0, 0, half, half])
    assert T @ [1, 0, 0, 1] == pytest.approx([1, 3, 3, 1])
    assert tf.quaternion_xyzw(T) == pytest.approx([0, 0, half, half])


def test_pose_and_quaternion_round_trip():
    for T in random_poses(50):
        again = tf.pose_matrix(T[:3, 3], tf.quaternion_xyzw(T))
        assert np.abs(again - T).max() < 1e-14 * 10


def test_inverse_and_compose():
    A, B, C = random_poses(3)
    assert np.abs(tf.inverse(A) @ A - np.eye(4)).max() < 1e-14
    assert tf.inverse(tf.compose(A, B, C)) == pytest.approx(
        tf.compose(tf.inverse(C), tf.inverse(B), tf.inverse(A)))
    stack = np.array([A, B, C])
    assert np.array_equal(tf.inverse(stack)[1], tf.inverse(B))


def test_rounding_is_pulled_back():
    T = next(random_poses(1))
    T[:3, :3] += 1e-5 * np.random.default_rng(1).normal(size=(3, 3))
    assert np.abs(tf.orthonormalised(T)[:3, :3].T @ tf.orthonormalised(T)[:3, :3]
                  - np.eye(3)).max() < 1e-8


def test_every_random_pose_is_rigid():
    assert all(tf.is_rigid(T, tolerance=1e-12) for T in random_poses(50))


@pytest.mark.parametrize(('change', 'says'), [
    (lambda T: T * np.nan, 'not finite'),
    (lambda T: np.diag([1.0, 1.0, -1.0, 1.0]) @ T, 'reflection'),
    (lambda T: np.diag([2.0, 2.0, 2.0, 1.0]) @ T, 'scale'),
    (lambda T: T + np.outer([0, 0, 0, 1], [0, 0, 0, 1]), 'last row'),
    (lambda T: T[:3], 'shape'),
    (lambda T: T @ np.array([[1, .1, 0, 0], [0, math.sqrt(0.99), 0, 0], [0, 0, 1, 0],
                             [0, 0, 0, 1]]), 'right angles'),
    (lambda T: np.zeros((4, 4)), 'last row'),
])
def test_a_matrix_that_is_no_pose_is_refused(change, says):
    T = change(next(random_poses(1)))
    with pytest.raises(ValueError, match=says) as caught:
        tf.check_rigid(T, 'views[3].pose')
    assert 'views[3].pose' in str(caught.value)
    assert not tf.is_rigid(T)


@pytest.mark.parametrize(('q', 'says'), [
    ([0, 0, 0, 0], 'norm 0'), ([0, 0, 0, 2], 'norm 2'), ([0, 0, 0, math.nan], 'not finite'),
    ([0, 0, 0, math.inf], 'not finite'), ([0, 0, 1], 'shape'), ([0, 0, 0.5, 0.5], 'norm 0.7')])
def test_a_quaternion_that_is_no_rotation_is_refused(q, says):
    with pytest.raises(ValueError, match=says):
        tf.pose_matrix([0, 0, 0], q)


def test_rounded_quaternions_pass():
    assert tf.is_rigid(tf.pose_matrix([0, 0, 0], np.float32([0.1, 0.2, 0.3, 0.927362])))
    assert tf.is_rigid(tf.pose_matrix([0, 0, 0], [0, 0, 0.707, 0.707]), tolerance=1e-12)


@pytest.mark.parametrize('position', [[0, 0], [0, 0, math.nan], [math.inf, 0, 0]])
def test_a_position_that_is_none_is_refused(position):
    with pytest.raises(ValueError, match='position'):
        tf.pose_matrix(position, [0, 0, 0, 1])


def test_a_mount_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match='pose.pitch must be finite, got nan'):
        tf.T_base_cam(pitch=math.nan)


def test_interpolation_ends_where_it_should():
    A, B = random_poses(2)
    assert tf.interpolate(A, B, 0.0) == pytest.approx(A)
    assert tf.interpolate(A, B, 1.0) == pytest.approx(B)
    assert tf.interpolate(A, A, 0.3) == pytest.approx(A)


def test_interpolation_turns_evenly_along_the_shorter_arc():
    A = tf.pose_rpy(yaw=math.radians(170))
    B = tf.pose_rpy(2.0, 0.0, 0.0, yaw=math.radians(-170))
    assert tf.interpolate(A, B, 0.25) == pytest.approx(
        tf.pose_rpy(0.5, 0.0, 0.0, yaw=math.radians(175)))


def test_interpolation_does_not_depend_on_the_frame_or_the_direction():
    A, B, T = random_poses(3, seed=5)
    assert tf.interpolate(T @ A, T @ B, 0.3) == pytest.approx(T @ tf.interpolate(A, B, 0.3))
    assert tf.interpolate(B, A, 0.7) == pytest.approx(tf.interpolate(A, B, 0.3))


def test_interpolation_of_almost_equal_poses_keeps_its_digits():
    A = tf.pose_rpy(yaw=1.0)
    B = tf.pose_rpy(yaw=1.0 + 1e-9)
    turned = tf.inverse(A) @ tf.interpolate(A, B, 0.5)
    assert turned[1, 0] == pytest.approx(5e-10, abs=1e-15)


def test_spawn_holds_the_camera_over_the_floor():
    T = tf.spawn_camera(Spawn(1.0, 2.0, 0.1, math.pi / 2, camera_height=0.4, camera_pitch=0.2))
    assert T[:3, 3] == pytest.approx([1.0, 2.0, 0.5])
    assert T[:3, 2] == pytest.approx([0.0, math.cos(0.2), -math.sin(0.2)])
