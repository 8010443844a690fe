# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a CameraInfo says: the pinhole camera of a topic, and how to take distortion out of it.

K and D describe raw pictures, P describes rectified ones, and both stand in the same message: the
topic's name decides (image_proc publishes image_rect, image_rect_color).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from inspatio_ros.bags.tf import frame_name
from inspatio_ros.contracts import F32, F64, Intrinsics, U8
import numpy as np

# Models of OpenCV, with the number of coefficients each has.
_MODELS = {'plumb_bob': (4, 5), 'rational_polynomial': (8,), 'equidistant': (4,)}


@dataclass(frozen=True)
class Calibration:
    """
    The camera of one topic.

    :param frame: the optical frame.
    :param intrinsics: of the pictures as they are published.
    :param model: name of the distortion, empty where the pictures have none.
    :param D: (N,) coefficients of the distortion.
    :param R: (3, 3) rotation that rectifies a stereo pair.
    :param P: (3, 4) projection of the rectified picture.
    """

    frame: str
    intrinsics: Intrinsics
    model: str
    D: F64
    R: F64
    P: F64

    def same_as(self, other: Calibration) -> bool:
        """Say whether two calibrations describe one camera."""
        return (self.frame, self.intrinsics, self.model) == (
            other.frame, other.intrinsics, other.model) and all(
            np.array_equal(a, b) for a, b in (
                (self.D, other.D), (self.R, other.R), (self.P, other.P)))


def calibration_of(message: Any, topic: str, what: str) -> Calibration:
    """
    Read a CameraInfo.

    :param topic: of the pictures; tells whether they are rectified.
    :param what: names the message in errors.
    :raises ValueError: not calibrated, an unknown distortion, a region or binning.
    """
    K, P = np.reshape(message.k, (3, 3)), np.reshape(message.p, (3, 4))
    rectified = is_rectified(topic)
    matrix = P if rectified and P[0, 0] > 0.0 else K
    if not (np.isfinite(matrix).all() and matrix[0, 0] > 0.0 and matrix[1, 1] > 0.0):
        raise ValueError(f'{what}: the camera is not calibrated: its focal lengths are '
                         f'{matrix[0, 0]:g} and {matrix[1, 1]:g}')
    roi = message.roi
    if message.binning_x > 1 or message.binning_y > 1 or roi.x_offset or roi.y_offset:
        raise ValueError(f'{what}: binning {message.binning_x}x{message.binning_y} and a region '
                         f'from {roi.x_offset}, {roi.y_offset} on are not read')
    intrinsics = Intrinsics(int(message.width), int(message.height),
                            *(float(matrix[i]) for i in ((0, 0), (1, 1), (0, 2), (1, 2))))
    D = np.array(message.d, np.float64)
    distorted = not rectified and bool(np.any(D != 0.0))
    if distorted and len(D) not in _MODELS.get(message.distortion_model, ()):
        raise ValueError(f'{what}: the distortion {message.distortion_model!r} with {len(D)} '
                         f'numbers is not known; known are {", ".join(_MODELS)}')
    return Calibration(frame_name(message.header.frame_id), intrinsics,
                       message.distortion_model if distorted else '', D,
                       np.array(message.r, np.float64).reshape(3, 3),
                       np.array(P, np.float64))


def is_rectified(topic: str) -> bool:
    """Say whether the name of an image topic promises rectified pictures."""
    return any('rect' in part for part in topic.split('/'))


class Straightener:
    """
    Takes the distortion out of pictures of one camera, or turns them to be rectified.

    :param calibration: of the pictures.
    :param R: (3, 3) turns the camera; None leaves it.
    :param target: camera of the new pictures; None keeps focal lengths and centre.
    """

    def __init__(self, calibration: Calibration, R: F64 | None = None,
                 target: Intrinsics | None = None) -> None:
        import cv2
        self.intrinsics = target or calibration.intrinsics
        size = (self.intrinsics.width, self.intrinsics.height)
        K, turn = calibration.intrinsics.K, np.eye(3) if R is None else R
        if calibration.model == 'equidistant':
            maps = cv2.fisheye.initUndistortRectifyMap(K, calibration.D, turn, self.intrinsics.K,
                                                       size, cv2.CV_32FC1)
        else:
            D = calibration.D if calibration.model else np.zeros(5)
            maps = cv2.initUndistortRectifyMap(K, D, turn, self.intrinsics.K, size, cv2.CV_32FC1)
        self._maps = maps

    def rgb(self, picture: U8) -> U8:
        """Return the picture, resampled; black where the camera did not look."""
        import cv2
        return np.asarray(cv2.remap(picture, *self._maps, cv2.INTER_LINEAR), np.uint8)

    def depth(self, depth_HW: F32) -> F32:
        """Return the depth, each pixel of its nearest one; NaN where the camera did not look."""
        import cv2
        return np.asarray(cv2.remap(depth_HW, *self._maps, cv2.INTER_NEAREST,
                                    borderMode=cv2.BORDER_CONSTANT, borderValue=float('nan')),
                          np.float32)
