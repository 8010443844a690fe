# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Rigid poses as (4, 4) float64 matrices, quaternions and body twists.

`T_to_from` maps points from `from` to `to`. Frames of REP-103: base and camera_link look along x
with z up, the optical frame looks along z with x right and y down. Quaternions are xyzw here, as
in ROS, and wxyz in transforms3d; the name of the variable says which. A twist is (6,): linear
m/s, then angular rad/s, both in the body frame.
"""

from __future__ import annotations

import math

from inspatio_ros.contracts import F64, Spawn
import numpy as np
import numpy.typing as npt
from transforms3d import quaternions
from transforms3d.euler import euler2mat

# tf2 accepts a squared norm of 1 +- 0.01; what it lets through has to work here too.
QUATERNION_TOLERANCE = 1e-2
# Poses that went through a text file with six digits still pass.
RIGID_TOLERANCE = 1e-4

# Columns: the optical axes (right, down, forward) seen from base or camera_link.
R_BASE_OPTICAL: F64 = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
R_BASE_OPTICAL.setflags(write=False)
T_LINK_OPTICAL: F64 = np.eye(4)
T_LINK_OPTICAL[:3, :3] = R_BASE_OPTICAL
T_LINK_OPTICAL.setflags(write=False)


def unit_quaternion(q_xyzw: npt.ArrayLike, name: str = 'orientation') -> F64:
    """
    Check a quaternion and normalise what rounding left.

    :param q_xyzw: (4,) x, y, z, w.
    :param name: what to call it in an error.
    :returns: (4,) float64 xyzw of norm 1.
    :raises ValueError: wrong shape, not finite, or a squared norm further than 0.01 from 1.
    """
    q = np.asarray(q_xyzw, dtype=np.float64)
    if q.shape != (4,):
        raise ValueError(f'{name} must be a quaternion x y z w, got shape {q.shape}')
    norm2 = float(q @ q)
    if not math.isfinite(norm2):
        raise ValueError(f'{name} is not finite: {q.tolist()}')
    if abs(norm2 - 1.0) > QUATERNION_TOLERANCE:
        raise ValueError(f'{name} {q.tolist()} has norm {math.sqrt(norm2):.6g}, expected 1')
    return q / math.sqrt(norm2)


def pose_matrix(position: npt.ArrayLike, q_xyzw: npt.ArrayLike, name: str = 'pose') -> F64:
    """
    Build a pose from what a ROS message carries.

    :param position: (3,) metres.
    :param q_xyzw: (4,) x, y, z, w.
    :returns: (4, 4).
    :raises ValueError: as `unit_quaternion`, or a position that is not three finite numbers.
    """
    xyz = np.asarray(position, dtype=np.float64)
    if xyz.shape != (3,):
        raise ValueError(f'{name}.position must be x y z, got shape {xyz.shape}')
    if not np.isfinite(xyz).all():
        raise ValueError(f'{name}.position is not finite: {xyz.tolist()}')
    q = unit_quaternion(q_xyzw, f'{name}.orientation')
    return _pose_wxyz(xyz, (q[3], q[0], q[1], q[2]))


def _pose_wxyz(position: npt.ArrayLike, q_wxyz: npt.ArrayLike) -> F64:
    T = np.eye(4)
    T[:3, :3] = quaternions.quat2mat(q_wxyz)
    T[:3, 3] = position
    return T


def quaternion_wxyz(T: F64) -> F64:
    """Return the (4,) rotation of a pose, w first, w >= 0."""
    q: F64 = quaternions.mat2quat(T[:3, :3])
    return q


def quaternion_xyzw(T: F64) -> F64:
    """Return the (4,) rotation of a pose in the order of ROS, w >= 0."""
    return quaternion_wxyz(T)[[1, 2, 3, 0]]


def inverse(T: F64) -> F64:
    """
    Invert rigid poses: transpose and rotate back, no general inverse.

    :param T: (..., 4, 4) T_a_b.
    :returns: (..., 4, 4) T_b_a.
    """
    out = np.zeros(T.shape)
    R_t = np.swapaxes(T[..., :3, :3], -1, -2)
    out[..., :3, :3] = R_t
    out[..., :3, 3] = -(R_t @ T[..., :3, 3, None])[..., 0]
    out[..., 3, 3] = 1.0
    return out


def compose(*poses: F64) -> F64:
    """Chain poses from left to right: T_a_b, T_b_c -> T_a_c. Leading axes broadcast."""
    out = np.eye(4)
    for T in poses:
        out = out @ T
    return out


def orthonormalised(T: F64) -> F64:
    """
    Pull a nearly rigid pose back: one Newton step to the nearest rotation.

    A step squares the error, so that long products never drift further than rounding.
    """
    out = T.copy()
    R = T[:3, :3]
    out[:3, :3] = R @ (1.5 * np.eye(3) - 0.5 * R.T @ R)
    return out


def check_rigid(T: npt.ArrayLike, name: str = 'pose', tolerance: float = RIGID_TOLERANCE) -> F64:
    """
    Check that a matrix is a pose.

    :param T: (4, 4).
    :param name: what to call it in an error.
    :param tolerance: largest accepted |R^T R - 1| of an element.
    :returns: the same as float64.
    :raises ValueError: shape, not finite, last row, scale, shear or reflection; says which.
    """
    M = np.asarray(T, dtype=np.float64)
    if M.shape != (4, 4):
        raise ValueError(f'{name} must be a 4x4 matrix, got shape {M.shape}')
    if not np.isfinite(M).all():
        raise ValueError(f'{name} is not finite: {M.tolist()}')
    if np.abs(M[3] - (0.0, 0.0, 0.0, 1.0)).max() > tolerance:
        raise ValueError(f'{name}: the last row must be 0 0 0 1, got {M[3].tolist()}')
    R = M[:3, :3]
    lengths = np.sqrt((R * R).sum(axis=0))
    if np.abs(lengths - 1.0).max() > tolerance:
        raise ValueError(f'{name}: the rotation has a scale, its columns have the lengths '
                         f'{lengths.round(6).tolist()}, expected 1 (+- {tolerance:g})')
    skew = float(np.abs(R.T @ R - np.eye(3)).max())
    if skew > tolerance:
        raise ValueError(f'{name}: the axes are not at right angles, off by {skew:.3g} '
                         f'(allowed {tolerance:g})')
    if np.linalg.det(R) < 0.0:
        raise ValueError(f'{name} is a reflection (determinant {np.linalg.det(R):.3g}), '
                         f'expected a rotation')
    return M


def is_rigid(T: npt.ArrayLike, tolerance: float = RIGID_TOLERANCE) -> bool:
    """Return whether `check_rigid` lets the matrix pass."""
    try:
        check_rigid(T, tolerance=tolerance)
    except ValueError:
        return False
    return True


def pose_rpy(x: float = 0.0, y: float = 0.0, z: float = 0.0,
             roll: float = 0.0, pitch: float = 0.0, yaw: float = 0.0) -> F64:
    """
    Build a pose from metres and radians; yaw is applied last, about the fixed z (as in URDF).

    :raises ValueError: a number that is not finite.
    """
    values = (x, y, z, roll, pitch, yaw)
    for name, value in zip(('x', 'y', 'z', 'roll', 'pitch', 'yaw'), values):
        if not math.isfinite(value):
            raise ValueError(f'pose.{name} must be finite, got {value!r}')
    T = np.eye(4)
    T[:3, :3] = euler2mat(roll, pitch, yaw, 'sxyz')
    T[:3, 3] = x, y, z
    return T


def T_base_cam(x: float = 0.0, y: float = 0.0, z: float = 0.0,
               roll: float = 0.0, pitch: float = 0.0, yaw: float = 0.0) -> F64:
    """
    Return the optical frame of a mounted camera in the base frame.

    The arguments place camera_link (`pose_rpy`): a positive pitch looks down.
    """
    return pose_rpy(x, y, z, roll, pitch, yaw) @ T_LINK_OPTICAL


def spawn_pose(spawn: Spawn) -> F64:
    """Return T_map_base where a robot starts."""
    return pose_rpy(spawn.x, spawn.y, spawn.z, yaw=spawn.yaw)


def spawn_camera(spawn: Spawn) -> F64:
    """Return T_map_cam of the recording camera, held over the spawned base."""
    return spawn_pose(spawn) @ T_base_cam(z=spawn.camera_height, pitch=spawn.camera_pitch)


def slerp_wxyz(a_wxyz: F64, b_wxyz: F64, fraction: float) -> F64:
    """Turn from one unit quaternion to the other along the shorter arc; 0 gives a, 1 gives b."""
    w, x, y, z = quaternions.qmult(quaternions.qconjugate(a_wxyz), b_wxyz).tolist()
    sine = math.sqrt(x * x + y * y + z * z)
    if sine == 0.0:
        return a_wxyz
    if w < 0.0:  # q and -q are the same rotation
        w, x, y, z = -w, -x, -y, -z
    half = fraction * math.atan2(sine, w)
    s = math.sin(half) / sine
    turned: F64 = quaternions.qmult(a_wxyz, (math.cos(half), s * x, s * y, s * z))
    return turned


def interpolate(T_a: F64, T_b: F64, fraction: float) -> F64:
    """
    Return the pose between two poses: linear position, spherical rotation.

    :param fraction: 0 at T_a, 1 at T_b.
    """
    return interpolate_wxyz(quaternion_wxyz(T_a), T_a[:3, 3], quaternion_wxyz(T_b), T_b[:3, 3],
                            fraction)


def interpolate_wxyz(qa_wxyz: F64, a: F64, qb_wxyz: F64, b: F64, fraction: float) -> F64:
    """Return `interpolate` for poses whose quaternions are at hand (w first)."""
    return _pose_wxyz((1.0 - fraction) * a + fraction * b, slerp_wxyz(qa_wxyz, qb_wxyz, fraction))
