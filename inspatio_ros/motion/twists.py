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

from collections.abc import Sequence
import math

from inspatio_ros.contracts import F64
from inspatio_ros.motion.transforms import quaternion_wxyz
import numpy as np
from transforms3d import quaternions

# Below this angle the closed forms of C and of its inverse lose digits to cancellation; these
# terms of the series are exact to the last bit there.
_SERIES_BELOW = 0.5
_C_SERIES = (1 / 6, -1 / 120, 1 / 5040, -1 / 362880, 1 / 39916800, -1 / 6227020800)
_D_SERIES = (1 / 12, 1 / 720, 1 / 30240, 1 / 1209600, 1 / 47900160, 691 / 1307674368000,
             1 / 74724249600)
_DIAGONAL = np.arange(4)


def _coefficients(rate: float, t: float) -> tuple[float, float, float]:
    """Return A t, B t^2 and C t^3 for a rotation at `rate` rad/s that lasts t seconds."""
    theta = rate * t
    if theta == 0.0:
        return t, 0.5 * t * t, t * t * t / 6.0
    theta2 = theta * theta
    sine = math.sin(theta)
    half = math.sin(0.5 * theta) / (0.5 * theta)
    if theta2 < _SERIES_BELOW ** 2:
        C = _C_SERIES[-1]
        for term in _C_SERIES[-2::-1]:
            C = C * theta2 + term
    else:
        C = (theta - sine) / (theta2 * theta)
    return t * sine / theta, 0.5 * (t * half) ** 2, C * t ** 3


def exp_twists(twist: F64, dt_s: F64) -> F64:
    """
    Move along a constant body twist for several times at once.

    :param twist: (6,) body twist, m/s and rad/s.
    :param dt_s: (N,) seconds; negative goes back.
    :returns: (N, 4, 4) T_start_end.
    """
    x, y, z, a, b, c = twist.tolist()
    aa, bb, cc = a * a, b * b, c * c
    rate = math.sqrt(aa + bb + cc)
    # Rows: what A t, B t^2 and C t^3 multiply; columns: R (row-major, less 1), then t less t v.
    W = (0.0, -c, b, c, 0.0, -a, -b, a, 0.0)
    W2 = (-bb - cc, a * b, a * c, a * b, -aa - cc, b * c, a * c, b * c, -aa - bb)
    Wv = (b * z - c * y, c * x - a * z, a * y - b * x)
    W2v = (b * Wv[2] - c * Wv[1], c * Wv[0] - a * Wv[2], a * Wv[1] - b * Wv[0])
    basis = np.array((W + (0.0, 0.0, 0.0), W2 + Wv, (0.0,) * 9 + W2v))
    times = dt_s.tolist()
    flat = np.array([_coefficients(rate, t) for t in times]).reshape(-1, 3) @ basis
    out = np.zeros((len(times), 4, 4))
    out[:, :3, :3] = flat[:, :9].reshape(-1, 3, 3)
    out[:, :3, 3] = flat[:, 9:] + dt_s[:, None] * twist[:3]
    out[:, _DIAGONAL, _DIAGONAL] += 1.0
    return out


def exp_twist(twist: F64, dt_s: float = 1.0) -> F64:
    """
    Move along a constant body twist.

    :param twist: (6,) body twist, m/s and rad/s.
    :param dt_s: seconds; negative goes back.
    :returns: (4, 4) T_start_end.
    """
    return exp_twists(twist, np.array([dt_s]))[0]


def log_wxyz(w: float, a: float, b: float, c: float,
             x: float, y: float, z: float) -> tuple[float, ...]:
    """
    Return the body twist that leads to a pose in one second.

    Plain floats: a handful of poses is faster this way than through small arrays.

    :param w, a, b, c: unit quaternion, w first.
    :param x, y, z: metres.
    :returns: 6 numbers; the angle lies in [0, pi].
    """
    sine = math.sqrt(a * a + b * b + c * c)
    half = math.atan2(sine, abs(w))
    scale = 2.0 * half / sine if sine > 0.0 else 2.0
    if w < 0.0:  # q and -q are the same rotation
        scale = -scale
    a, b, c = scale * a, scale * b, scale * c
    px, py, pz = b * z - c * y, c * x - a * z, a * y - b * x
    qx, qy, qz = b * pz - c * py, c * px - a * pz, a * py - b * px
    D = _inverse_coefficient(half)
    return (x - 0.5 * px + D * qx, y - 0.5 * py + D * qy, z - 0.5 * pz + D * qz, a, b, c)


def _inverse_coefficient(half: float) -> float:
    """Return D = (1 - theta/2 cot(theta/2)) / theta^2 of V^-1 = 1 - W/2 + D W^2."""
    theta2 = 4.0 * half * half
    if theta2 >= _SERIES_BELOW ** 2:
        return (1.0 - half / math.tan(half)) / theta2
    D = _D_SERIES[-1]
    for term in _D_SERIES[-2::-1]:
        D = D * theta2 + term
    return D


def log_pose(T: F64) -> F64:
    """
    Return the (6,) body twist that leads to a pose in one second; inverse of `exp_twist`.

    :param T: (4, 4) T_start_end.
    """
    return np.array(log_wxyz(*quaternion_wxyz(T).tolist(), *T[:3, 3].tolist()))


def twist_through(stamps_s: Sequence[float], q_wxyz: Sequence[F64], T: Sequence[F64]) -> F64:
    """
    Return the constant body twist that fits several poses best (least squares).

    Each pose is written as a twist in the coordinates of the last one; for a constant velocity
    these lie on a line over time, exactly, also for fast turns. The line need not go through the
    last pose, whose own noise would otherwise tilt it.

    :param stamps_s: N >= 2 instants, seconds, not all equal; small numbers keep their digits.
    :param q_wxyz: N unit quaternions, w first.
    :param T: the N poses (4, 4), in any common frame.
    :returns: (6,) m/s and rad/s in the body frame of the last pose.
    """
    mean = sum(stamps_s) / len(stamps_s)
    inverse_last = quaternions.qconjugate(q_wxyz[-1])
    Rt, last = T[-1][:3, :3].T, T[-1][:3, 3]
    weights = np.array([t - mean for t in stamps_s])
    twists = np.array([log_wxyz(*quaternions.qmult(inverse_last, q).tolist(),
                                *(Rt @ (pose[:3, 3] - last)).tolist())
                       for q, pose in zip(q_wxyz, T)])
    slope: F64 = weights @ twists / (weights @ weights)
    return slope
