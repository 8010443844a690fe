# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Depth from a pair of cameras side by side: semi-global matching, checked from both sides."""

from __future__ import annotations

from dataclasses import dataclass
import math

from inspatio_ros.bags.scenes.calibration import Calibration, is_rectified, Straightener
from inspatio_ros.contracts import F32, F64, Intrinsics, U8
import numpy as np

# Disparities searched, as a share of the width: at 0.2 the nearest surface is about 4 baselines
# away for a camera of 60 degrees.
_SEARCHED = 0.2
_BLOCK = 5
# A smaller disparity says 'far away' and no number.
_LEAST_PX = 0.5
# Left and right may disagree by so much; the less they do, the higher the confidence.
_DISAGREEMENT_PX = 1.0
_SMALLEST_SPECKLE = 100
_SIXTEENTHS = 16.0


@dataclass(frozen=True)
class Matched:
    """
    What a pair shows, in the rectified left camera.

    :param rgb: (H, W, 3) uint8, the left picture.
    :param depth: (H, W) float32, metres, NaN unknown.
    :param confidence: (H, W) uint8, 1..255 where depth is known.
    """

    rgb: U8
    depth: F32
    confidence: U8


class StereoRig:
    """
    Two cameras, and how their pictures are made to match row by row.

    :param topics: of the left and right pictures; rectified ones are left as they are.
    :param cameras: left and right.
    :param T_right_left: (4, 4) from TF, used where the infos say nothing of the baseline.
    :raises ValueError: no baseline, or cameras of different sizes.
    """

    def __init__(self, topics: tuple[str, str], cameras: tuple[Calibration, Calibration],
                 T_right_left: F64 | None) -> None:
        left, right = cameras
        sizes = [(it.intrinsics.width, it.intrinsics.height) for it in cameras]
        if sizes[0] != sizes[1]:
            raise ValueError(f'stereo: {topics[0]} is {sizes[0][0]}x{sizes[0][1]} pixels, '
                             f'{topics[1]} is {sizes[1][0]}x{sizes[1][1]}')
        self.T_left_rect: F64 = np.eye(4)
        self._straighteners: tuple[Straightener, Straightener] | None = None
        P_left, P_right = left.P, right.P
        if all(is_rectified(topic) for topic in topics):
            if P_right[0, 3] == 0.0 and T_right_left is not None:
                P_right = P_right.copy()
                P_right[0, 3] = P_right[0, 0] * _sideways(T_right_left, topics)
        else:
            R_left, R_right = left.R, right.R
            if P_right[0, 3] == 0.0 and T_right_left is not None:
                R_left, R_right, P_left, P_right = _rectified(left, right, T_right_left)
            self.T_left_rect[:3, :3] = R_left.T
            self._straighteners = (Straightener(left, R_left, _camera(P_left, sizes[0])),
                                   Straightener(right, R_right, _camera(P_right, sizes[0])))
        if not P_right[0, 3] < 0.0:
            raise ValueError(f'stereo: nothing says how far {topics[1]} is to the right of '
                             f'{topics[0]}: its CameraInfo has P[3] = {P_right[0, 3]:g} '
                             '(expected -fx * baseline), and TF does not connect the two')
        self.baseline_m = float(-P_right[0, 3] / P_right[0, 0])
        self.intrinsics = _camera(P_left, sizes[0])
        # Rectified cameras may still look past each other.
        self._offset_px = float(P_left[0, 2] - P_right[0, 2])
        self._disparities = 16 * math.ceil(_SEARCHED * sizes[0][0] / 16)

    def match(self, left_rgb: U8, right_rgb: U8) -> Matched:
        """Return depth and confidence of a pair of pictures."""
        if self._straighteners is not None:
            left_rgb = self._straighteners[0].rgb(left_rgb)
            right_rgb = self._straighteners[1].rgb(right_rgb)
        disparity, agreement = match_rows(left_rgb, right_rgb, self._disparities)
        true_px = disparity - np.float32(self._offset_px)
        known = true_px >= _LEAST_PX
        true_px = np.where(known, true_px, np.float32(1.0))
        depth = np.where(known, np.float32(self.intrinsics.fx * self.baseline_m) / true_px,
                         np.float32(np.nan))
        # Depth is wrong by the share that a pixel is of the disparity.
        confidence = np.where(known, np.maximum(agreement * (true_px / (true_px + 1.0)), 1.0), 0.0)
        return Matched(left_rgb, depth, confidence.astype(np.uint8))


def match_rows(left_rgb: U8, right_rgb: U8, disparities: int) -> tuple[F32, U8]:
    """
    Match two rectified pictures.

    :param disparities: how many are searched, a multiple of 16.
    :returns: (H, W) float32 pixels to the left in the right picture, NaN where both sides do not
        agree; (H, W) uint8 how well they do, 1..255, 0 there.
    """
    left, right = _grey(left_rgb), _grey(right_rgb)
    forward = _disparity(left, right, disparities)
    # The right picture is matched against the left one in a mirror.
    backward = _disparity(right[:, ::-1], left[:, ::-1], disparities)[:, ::-1]
    rows, columns = np.indices(forward.shape)
    with np.errstate(invalid='ignore'):
        there = np.nan_to_num(np.rint(columns - forward), nan=-1.0).astype(np.int64)
    other = np.where(there >= 0, backward[rows, there.clip(0)], np.float32(np.nan))
    with np.errstate(invalid='ignore'):
        error = np.abs(other - forward)
        agree = error <= _DISAGREEMENT_PX
    share = 1.0 - np.where(agree, error, _DISAGREEMENT_PX) / _DISAGREEMENT_PX
    agreement = np.where(agree, np.rint(1.0 + 254.0 * share), 0.0).astype(np.uint8)
    return np.where(agree, forward, np.float32(np.nan)), agreement


def _disparity(left: U8, right: U8, disparities: int) -> F32:
    """Return (H, W) pixels, NaN where nothing matches."""
    import cv2
    matcher = cv2.StereoSGBM.create(
        minDisparity=0, numDisparities=disparities, blockSize=_BLOCK, P1=8 * _BLOCK * _BLOCK,
        P2=32 * _BLOCK * _BLOCK, disp12MaxDiff=-1, uniquenessRatio=5,
        speckleWindowSize=_SMALLEST_SPECKLE, speckleRange=1, mode=cv2.STEREO_SGBM_MODE_SGBM_3WAY)
    # OpenCV leaves out the columns whose search would leave the picture; padded, they are found.
    padded = [cv2.copyMakeBorder(np.ascontiguousarray(it), 0, 0, disparities, 0,
                                 cv2.BORDER_REPLICATE) for it in (left, right)]
    found = matcher.compute(*padded)[:, disparities:].astype(np.float32) / _SIXTEENTHS
    return np.where(found >= 0.0, found, np.float32(np.nan))


def _grey(rgb: U8) -> U8:
    import cv2
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)


def _camera(P: F64, size: tuple[int, int]) -> Intrinsics:
    return Intrinsics(*size, float(P[0, 0]), float(P[1, 1]), float(P[0, 2]), float(P[1, 2]))


def _sideways(T_right_left: F64, topics: tuple[str, str]) -> float:
    """Return how far the left camera is along x of the right one, metres; both look ahead."""
    if np.abs(T_right_left[:3, :3] - np.eye(3)).max() > 1e-3:
        raise ValueError(f'stereo: {topics[0]} and {topics[1]} are rectified, but TF turns their '
                         'cameras against each other')
    return float(T_right_left[0, 3])


def _rectified(left: Calibration, right: Calibration, T_right_left: F64,
               ) -> tuple[F64, F64, F64, F64]:
    """Return R and P of both cameras from where they are."""
    import cv2
    size = (left.intrinsics.width, left.intrinsics.height)
    D = [it.D if it.model else np.zeros(5) for it in (left, right)]
    if 'equidistant' in (left.model, right.model):
        raise ValueError('stereo: fisheye cameras need infos with R and P, or rectified topics')
    R_left, R_right, P_left, P_right, *_ = cv2.stereoRectify(
        left.intrinsics.K, D[0], right.intrinsics.K, D[1], size, T_right_left[:3, :3],
        T_right_left[:3, 3], flags=cv2.CALIB_ZERO_DISPARITY, alpha=0)
    return (np.asarray(R_left, np.float64), np.asarray(R_right, np.float64),
            np.asarray(P_left, np.float64), np.asarray(P_right, np.float64))
