# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Which camera a generated frame was seen by, and how far that is from the commanded one.

SIFT features of the frame are matched with those of true views, whose true depth makes them points
of the place; PnP with RANSAC, refined over its inliers, gives the pose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import math

from inspatio_ros.contracts import F64, Intrinsics, U8
from inspatio_ros.evaluation.pose import rotation_errors_deg, translation_errors
from inspatio_ros.motion.transforms import inverse
from inspatio_ros.scene.scene import View
import numpy as np

# Lowe, Distinctive image features from scale-invariant keypoints, 2004: the best match has to be
# this much closer than the second best.
_RATIO = 0.75
_FEATURES = 2000
# Small pictures have little contrast and few scales.
_CONTRAST = 0.02
_INLIER_PX = 2.0
_ITERATIONS = 2000
_CONFIDENCE = 0.9999
_SEED = 0
# Four points make a pose; this many do not agree on a wrong one by chance.
_FEWEST = 12


@dataclass(frozen=True)
class FoundCamera:
    """
    Where a picture was seen from.

    :param T_world_cam: (4, 4) float64, optical frame to world, metres.
    :param inliers: matches that agree with it.
    """

    T_world_cam: F64
    inliers: int


@dataclass(frozen=True)
class Landmarks:
    """
    Features of views, as points of the place.

    :param descriptors: (P, 128) float32.
    :param points: (P, 3) float64, world, metres.
    """

    descriptors: np.ndarray
    points: F64


def find_landmarks(views: Sequence[View]) -> Landmarks:
    """
    Find features whose place is known.

    :param views: with true depth, NaN where it is unknown or where something moves.
    """
    descriptors, points = [np.zeros((0, 128), np.float32)], [np.zeros((0, 3))]
    for view in views:
        pixels, found = _features(view.rgb)
        column, row = np.rint(pixels).astype(np.int64).T
        depth = view.depth[row, column].astype(np.float64)
        known = np.isfinite(depth)
        rays = np.concatenate((pixels, np.ones((len(pixels), 1))), 1) @ np.linalg.inv(
            view.intrinsics.K).T
        local = rays[known] * depth[known, None]
        points.append(local @ view.T_map_cam[:3, :3].T + view.T_map_cam[:3, 3])
        descriptors.append(found[known])
    return Landmarks(np.concatenate(descriptors), np.concatenate(points))


def find_camera(rgb: U8, intrinsics: Intrinsics, landmarks: Landmarks) -> FoundCamera | None:
    """
    Find where a picture was seen from.

    :param rgb: (H, W, 3) uint8.
    :param intrinsics: of the picture.
    :returns: None where too few features agree on a pose.
    """
    import cv2
    pixels, descriptors = _features(rgb)
    if min(len(descriptors), len(landmarks.descriptors)) < _FEWEST:
        return None
    pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(descriptors, landmarks.descriptors, k=2)
    good = [best for best, second in pairs if best.distance < _RATIO * second.distance]
    if len(good) < _FEWEST:
        return None
    points = landmarks.points[[match.trainIdx for match in good]]
    seen = pixels[[match.queryIdx for match in good]]
    cv2.setRNGSeed(_SEED)
    found, rotation, shift, inliers = cv2.solvePnPRansac(
        points, seen, intrinsics.K, None, iterationsCount=_ITERATIONS,
        reprojectionError=_INLIER_PX, confidence=_CONFIDENCE, flags=cv2.SOLVEPNP_SQPNP)
    if not found or inliers is None or len(inliers) < _FEWEST:
        return None
    chosen = inliers[:, 0]
    rotation, shift = cv2.solvePnPRefineLM(points[chosen], seen[chosen], intrinsics.K, None,
                                           rotation, shift)
    T_cam_world = np.eye(4)
    T_cam_world[:3, :3] = cv2.Rodrigues(rotation)[0]
    T_cam_world[:3, 3] = shift[:, 0]
    return FoundCamera(inverse(T_cam_world), len(chosen))


def _features(rgb: U8) -> tuple[F64, np.ndarray]:
    """Return (n, 2) pixels and (n, 128) float32 descriptors."""
    import cv2
    sift = cv2.SIFT.create(nfeatures=_FEATURES, contrastThreshold=_CONTRAST)
    keys, descriptors = sift.detectAndCompute(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), None)
    if descriptors is None:
        return np.zeros((0, 2)), np.zeros((0, 128), np.float32)
    height, width = rgb.shape[:2]
    pixels = np.array([key.pt for key in keys], np.float64)
    inside = (pixels > -0.5).all(axis=1) & (pixels < (width - 0.5, height - 0.5)).all(axis=1)
    return pixels[inside], descriptors[inside]


@dataclass(frozen=True)
class CameraScore:
    """
    Generated cameras against the commanded ones.

    :param frames, found: how many frames there are, and in how many a camera was found; the other
        numbers are of these, NaN where there is none.
    :param rotation_deg: RotErr, mean.
    :param translation_m: TransErr, mean.
    :param translation_ratio: mean TransErr as a share of the way that was commanded.
    :param camera_error: WorldScore's camera control (Duan et al., arXiv 2504.00983): the geometric
        mean of the angle in degrees and of the translation error after the best scale, mean over
        the frames; not mapped to 0..100, which takes the bounds of that benchmark.
    """

    frames: int
    found: int
    rotation_deg: float
    translation_m: float
    translation_ratio: float
    camera_error: float


def score_cameras(found: Sequence[FoundCamera | None], T_commanded_N44: F64,
                  way_m: float) -> CameraScore:
    """
    Compare cameras with those that were commanded.

    :param found: N, of each frame.
    :param T_commanded_N44: (N, 4, 4) optical frame to world.
    :param way_m: length of the way that was commanded.
    """
    which = [index for index, it in enumerate(found) if it is not None]
    if not which:
        return CameraScore(len(found), 0, math.nan, math.nan, math.nan, math.nan)
    T = np.array([it.T_world_cam for it in found if it is not None])
    wanted = T_commanded_N44[which]
    turned, off = rotation_errors_deg(T, wanted), translation_errors(T, wanted)
    return CameraScore(len(found), len(which), float(turned.mean()), float(off.mean()),
                       float(off.mean()) / way_m if way_m > 0.0 else math.nan,
                       camera_error(T, wanted))


def camera_error(T_N44: F64, T_commanded_N44: F64) -> float:
    """
    Return WorldScore's camera error: mean of sqrt(e_theta e_t).

    e_theta is the angle between the two rotations in degrees, e_t the distance between the two
    places, both seen from the first commanded camera, after the scale that fits best.

    :returns: NaN for fewer than two cameras: nothing is left after the scale.
    """
    if len(T_N44) < 2:
        return math.nan
    first = inverse(T_commanded_N44[0])
    ours, wanted = first @ T_N44, first @ T_commanded_N44
    squares = float(np.sum(ours[:, :3, 3] ** 2))
    scale = float(np.sum(ours[:, :3, 3] * wanted[:, :3, 3])) / squares if squares > 0.0 else 1.0
    off = np.linalg.norm(scale * ours[:, :3, 3] - wanted[:, :3, 3], axis=1)
    return float(np.sqrt(rotation_errors_deg(ours, wanted) * off).mean())
