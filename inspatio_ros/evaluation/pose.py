# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Camera poses against true ones, after the similarity that fits best.

What is found from pictures alone is right up to a rotation, a translation and one scale. They are
taken out first, by least squares over the camera centres (Umeyama 1991, equations 34 to 42).
"""

from __future__ import annotations

from dataclasses import dataclass
import math

from inspatio_ros.contracts import F64
import numpy as np
from scipy.spatial.transform import Rotation

# Centres that leave a straight line by less than this share of its length say nothing of the
# rotation about it.
_STRAIGHT = 0.01
# Spread of centres, relative to their distance from the origin, that is rounding and no motion.
_STILL = 1e-9


@dataclass(frozen=True)
class Similarity:
    """
    x -> scale * R @ x + t.

    :param scale: > 0; NaN where cameras that stand still leave it open.
    :param R: (3, 3) float64 rotation.
    :param t: (3,) float64.
    """

    scale: float
    R: F64
    t: F64

    def poses(self, T_N44: F64) -> F64:
        """Return (N, 4, 4) camera poses in the other world."""
        moved = np.array(T_N44)
        moved[:, :3, :3] = self.R @ T_N44[:, :3, :3]
        moved[:, :3, 3] = self.scale * T_N44[:, :3, 3] @ self.R.T + self.t
        return moved


def align_poses(T_N44: F64, T_true_N44: F64) -> Similarity:
    """
    Find the similarity that brings camera centres closest to the true ones.

    Where all cameras stand on one line, or on one spot, their centres leave a rotation open; the
    mean over the cameras of how far each is turned from its true pose decides then.

    :param T_N44: (N, 4, 4) camera to world, N >= 1.
    :param T_true_N44: (N, 4, 4) camera to the true world.
    :raises ValueError: no pose, or another number of them.
    """
    if len(T_N44) != len(T_true_N44) or len(T_N44) == 0:
        raise ValueError(f'aligning takes as many poses as true ones, and at least one; got '
                         f'{len(T_N44)} and {len(T_true_N44)}')
    centres, true = T_N44[:, :3, 3], T_true_N44[:, :3, 3]
    mean, true_mean = centres.mean(axis=0), true.mean(axis=0)
    from_mean, true_from_mean = centres - mean, true - true_mean
    R = _rotation_of_centres(from_mean, true_from_mean)
    if R is None:
        turned = T_true_N44[:, :3, :3] @ np.swapaxes(T_N44[:, :3, :3], 1, 2)
        R = Rotation.from_matrix(turned).mean().as_matrix()
    scale = math.nan
    if not (_is_still(centres) or _is_still(true)):
        scale = float(np.sum(true_from_mean * (from_mean @ R.T)) / np.sum(from_mean ** 2))
        scale = scale if scale > 0.0 else math.nan
    return Similarity(scale, R, true_mean - scale * R @ mean)


def _rotation_of_centres(from_mean_N3: F64, true_from_mean_N3: F64) -> F64 | None:
    """Return the rotation between two clouds; None where they leave it open."""
    spreads = [np.linalg.svd(cloud, compute_uv=False)
               for cloud in (from_mean_N3, true_from_mean_N3)]
    if any(len(spread) < 2 or spread[1] <= _STRAIGHT * spread[0] for spread in spreads):
        return None
    U, _, Vt = np.linalg.svd(true_from_mean_N3.T @ from_mean_N3)
    sign = np.diag([1.0, 1.0, np.sign(np.linalg.det(U) * np.linalg.det(Vt))])
    R: F64 = U @ sign @ Vt
    return R


def _is_still(centres_N3: F64) -> bool:
    return bool(np.ptp(centres_N3, axis=0).max()
                <= _STILL * max(1.0, float(np.abs(centres_N3).max())))


def rotation_errors_deg(T_N44: F64, T_true_N44: F64) -> F64:
    """Return (N,) how far each camera is turned away from its true pose, degrees."""
    off = np.swapaxes(T_true_N44[:, :3, :3], 1, 2) @ T_N44[:, :3, :3]
    angles: F64 = np.degrees(Rotation.from_matrix(off).magnitude())
    return angles


def translation_errors(T_N44: F64, T_true_N44: F64) -> F64:
    """Return (N,) how far each camera stands from its true place, in the unit of the poses."""
    distances: F64 = np.linalg.norm(T_N44[:, :3, 3] - T_true_N44[:, :3, 3], axis=1)
    return distances


def path_length(T_N44: F64) -> float:
    """Return the length of the way through all camera centres in their order."""
    return float(np.linalg.norm(np.diff(T_N44[:, :3, 3], axis=0), axis=1).sum())


@dataclass(frozen=True)
class PoseScore:
    """
    Cameras against true ones, after the similarity.

    :param similarity: from the world of the cameras to the true one.
    :param rotation_deg: median over the cameras.
    :param rotation_max_deg: of the worst camera.
    :param translation_rmse: in the unit of the true poses; NaN where the scale is open.
    :param path_length: of the true cameras in their order.
    """

    similarity: Similarity
    rotation_deg: float
    rotation_max_deg: float
    translation_rmse: float
    path_length: float

    @property
    def translation_ratio(self) -> float:
        """Return translation_rmse / path_length; NaN without a path."""
        return self.translation_rmse / self.path_length if self.path_length > 0.0 else math.nan


def score_poses(T_N44: F64, T_true_N44: F64) -> PoseScore:
    """
    Align poses and say how far off they are.

    :param T_N44: (N, 4, 4) camera to world, in the order of the recording.
    :param T_true_N44: (N, 4, 4) of the same cameras.
    :raises ValueError: as `align_poses`.
    """
    similarity = align_poses(T_N44, T_true_N44)
    aligned = similarity.poses(T_N44)
    turned = rotation_errors_deg(aligned, T_true_N44)
    off = translation_errors(aligned, T_true_N44)
    return PoseScore(similarity, float(np.median(turned)), float(turned.max()),
                     float(np.sqrt(np.mean(off ** 2))), path_length(T_true_N44))
