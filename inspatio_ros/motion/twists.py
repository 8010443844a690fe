# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The exponential of SE(3): where a constant body twist leads, and back.

A twist is (6,): linear m/s, then angular rad/s, both in the body frame. With theta the angle and
W the cross-product matrix of the rotation vector:

    R = 1 + A W + B W^2,   V = 1 + B W + C W^2,   t = V v
    A = sin(theta)/theta,  B = (1 - cos theta)/theta^2,  C = (theta - sin theta)/theta^3
"""

from __future__ import annotations

import math

from inspatio_ros.contracts import F64
from inspatio_ros.motion.transforms import quaternion_wxyz
import numpy as np
from transforms3d import quaternions

# Below this angle the closed forms of C and of its inverse lose digits to cancellation; seven
# terms of the series are exact to the last bit there.
_SERIES_BELOW = 0.5
_C_SERIES = (1 / 6, -1 / 120, 1 / 5040, -1 / 362880, 1 / 39916800, -1 / 6227020800)
_D_SERIES = (1 / 12, 1 / 720, 1 / 30240, 1 / 1209600, 1 / 47900160, 691 / 1307674368000,
             1 / 74724249600)


def _series(theta2: F64, terms: tuple[float, ...]) -> F64:
    total = np.full_like(theta2, terms[-1])
    for term in terms[-2::-1]:
        total = total * theta2 + term
    return total


def exp_twists(twist: F64, dt_s: F64) -> F64:
    """
    Move along a constant body twist for several times at once.

    :param twist: (6,) body twist, m/s and rad/s.
    :param dt_s: (N,) seconds; negative goes back.
    :returns: (N, 4, 4) T_start_end.
    """
    dt = np.asarray(dt_s, dtype=np.float64)
    wx, wy, wz = (float(w) for w in twist[3:])
    rate = math.sqrt(wx * wx + wy * wy + wz * wz)
    W = np.array([[0.0, -wz, wy], [wz, 0.0, -wx], [-wy, wx, 0.0]])
    W2 = W @ W
    theta = rate * dt
    half = np.sinc(theta / (2.0 * math.pi))  # numpy's sinc(x) is sin(pi x) / (pi x)
    A = np.sinc(theta / math.pi)
    B = 0.5 * half * half
    theta2 = theta * theta
    small = theta2 < _SERIES_BELOW ** 2
    safe = np.where(small, 1.0, theta2)
    C = np.where(small, _series(theta2, _C_SERIES), (1.0 - A) / safe)
    v = twist[:3]
    out = np.zeros((len(dt), 4, 4))
    out[:, 3, 3] = 1.0
    out[:, :3, :3] = np.eye(3) + (A * dt)[:, None, None] * W + (B * dt * dt)[:, None, None] * W2
    dt2 = dt * dt
    out[:, :3, 3] = (dt[:, None] * v + (B * dt2)[:, None] * (W @ v)
                     + (C * dt2 * dt)[:, None] * (W2 @ v))
    return out


def exp_twist(twist: F64, dt_s: float = 1.0) -> F64:
    """
    Move along a constant body twist.

    :param twist: (6,) body twist, m/s and rad/s.
    :param dt_s: seconds; negative goes back.
    :returns: (4, 4) T_start_end.
    """
    return exp_twists(twist, np.array([dt_s]))[0]


def log_quaternions(q_wxyz: F64, position: F64) -> F64:
    """
    Return the twists that lead to these poses in one second.

    :param q_wxyz: (N, 4) unit quaternions, w first.
    :param position: (N, 3) metres.
    :returns: (N, 6); the angle lies in [0, pi].
    """
    q = np.where(q_wxyz[:, :1] < 0.0, -q_wxyz, q_wxyz)
    sine = np.sqrt((q[:, 1:] * q[:, 1:]).sum(axis=1))
    half = np.arctan2(sine, q[:, 0])
    tiny = sine < 1e-150
    omega = q[:, 1:] * np.where(tiny, 2.0, 2.0 * half / np.where(tiny, 1.0, sine))[:, None]
    theta2 = 4.0 * half * half
    small = theta2 < _SERIES_BELOW ** 2
    safe = np.where(small, 1.0, theta2)
    # D = (1 - theta/2 cot(theta/2)) / theta^2;  V^-1 = 1 - W/2 + D W^2
    cot = q[:, 0] / np.where(small, 1.0, sine)
    D = np.where(small, _series(theta2, _D_SERIES), (1.0 - half * cot) / safe)
    wp = _cross(omega, position)
    linear = position - 0.5 * wp + D[:, None] * _cross(omega, wp)
    return np.concatenate([linear, omega], axis=1)


def _cross(a: F64, b: F64) -> F64:
    # numpy's own takes several times as long for a few rows.
    return a[:, [1, 2, 0]] * b[:, [2, 0, 1]] - a[:, [2, 0, 1]] * b[:, [1, 2, 0]]


def log_pose(T: F64) -> F64:
    """
    Return the (6,) body twist that leads to a pose in one second; inverse of `exp_twist`.

    :param T: (4, 4) T_start_end.
    """
    return log_quaternions(quaternion_wxyz(T)[None], T[None, :3, 3])[0]


def twist_through(dt_s: F64, q_wxyz: F64, position: F64) -> F64:
    """
    Return the constant body twist that fits several poses best (least squares).

    Each pose is written as a twist in the coordinates of the last one; for a constant velocity
    these lie on a line over time, exactly, also for fast turns. The line need not go through the
    last pose, whose own noise would otherwise tilt it.

    :param dt_s: (N,) seconds, N >= 2, not all equal.
    :param q_wxyz: (N, 4) unit quaternions, w first.
    :param position: (N, 3) metres, in any common frame.
    :returns: (6,) m/s and rad/s in the body frame of the last pose.
    """
    w, v = q_wxyz[-1, 0], q_wxyz[-1, 1:]
    R = quaternions.quat2mat(q_wxyz[-1])
    relative = np.empty_like(q_wxyz)  # conj(last) * q
    relative[:, 0] = w * q_wxyz[:, 0] + q_wxyz[:, 1:] @ v
    relative[:, 1:] = (w * q_wxyz[:, 1:] - q_wxyz[:, :1] * v
                       - _cross(np.broadcast_to(v, position.shape), q_wxyz[:, 1:]))
    twists = log_quaternions(relative, (position - position[-1]) @ R)
    centred = dt_s - dt_s.mean()
    slope: F64 = centred @ twists / (centred @ centred)
    return slope
