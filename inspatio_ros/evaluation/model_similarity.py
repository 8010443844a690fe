# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
SSIM and MS-SSIM of some of a picture's pixels, untouched by the others.

A window counts if its middle pixel is in the mask, and its mean, variance and covariance are those
of the masked pixels in it (Gaussian weights times the mask, normalised by their sum). So nothing
outside the mask enters: neither the other pixels' errors nor their agreement with the truth, which
would flatter narrow holes. A lone pixel has no structure, only brightness. At the edge of the
picture a window goes on as far as there are pixels. Over a whole picture, away from its edge, this
is Wang et al. 2004.

Shapes: H W picture size; pictures are (H, W, 3) uint8, every channel is judged alone.
"""

from __future__ import annotations

import math

import cv2
from inspatio_ros.contracts import F64, U8
from inspatio_ros.evaluation.image import Mask
import numpy as np

_WINDOW, _SIGMA = 11, 1.5
# (K1 L)^2 and (K2 L)^2 of Wang et al. 2004, L = 255.
_C1, _C2 = (0.01 * 255.0) ** 2, (0.03 * 255.0) ** 2
# Wang, Simoncelli, Bovik: Multi-scale structural similarity, 2003; the finest scale first.
_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
# A coarsest picture of less than a window says nothing of structure.
SMALLEST = _WINDOW * 2 ** (len(_SCALE_WEIGHTS) - 1)


def ssim_map(image_HW3: U8, truth_HW3: U8, mask_HW: Mask) -> F64:
    """
    Return the structural similarity of each masked pixel, NaN elsewhere.

    :returns: (H, W) float64, the mean over the channels.
    """
    luminance, structure = _similarities(image_HW3.astype(np.float64),
                                         truth_HW3.astype(np.float64), mask_HW)
    similarity: F64 = np.where(mask_HW, (luminance * structure).mean(axis=-1), np.nan)
    return similarity


def masked_ssim(image_HW3: U8, truth_HW3: U8, mask_HW: Mask) -> float:
    """
    Return the mean structural similarity of the masked pixels.

    :returns: at most 1; NaN without a pixel.
    """
    if not mask_HW.any():
        return math.nan
    return float(ssim_map(image_HW3, truth_HW3, mask_HW)[mask_HW].mean())


def masked_ms_ssim(image_HW3: U8, truth_HW3: U8, mask_HW: Mask) -> float:
    """
    Return the multi-scale structural similarity of the masked pixels, on five scales.

    A pixel of the next scale is the mean of the masked ones of its four, and in the mask if there
    is one. A mean structure below 0 counts as 0.

    :returns: at most 1; NaN without a pixel, or for a side below SMALLEST.
    """
    if not mask_HW.any() or min(mask_HW.shape) < SMALLEST:
        return math.nan
    image, truth, mask = image_HW3.astype(np.float64), truth_HW3.astype(np.float64), mask_HW
    product = 1.0
    for scale, weight in enumerate(_SCALE_WEIGHTS):
        luminance, structure = _similarities(image, truth, mask)
        last = scale == len(_SCALE_WEIGHTS) - 1
        mean = float((luminance * structure if last else structure)[mask].mean())
        product *= max(mean, 0.0) ** weight
        if not last:
            image, truth, mask = _halved(image, mask), _halved(truth, mask), _any_of_four(mask)
    return product


def _similarities(x: F64, y: F64, mask: Mask) -> tuple[F64, F64]:
    """Return the luminance and the contrast-structure terms, (H, W, 3) each."""
    weight = mask.astype(np.float64)[..., None]
    share = _blurred(weight)
    share[share <= 0.0] = 1.0  # no masked pixel near: nothing of it is used

    def mean(values: F64) -> F64:
        blurred: F64 = _blurred(weight * values) / share
        return blurred
    mean_x, mean_y = mean(x), mean(y)
    variances = (mean(x * x) - mean_x ** 2) + (mean(y * y) - mean_y ** 2)
    covariance = mean(x * y) - mean_x * mean_y
    return ((2.0 * mean_x * mean_y + _C1) / (mean_x ** 2 + mean_y ** 2 + _C1),
            (2.0 * covariance + _C2) / (variances + _C2))


def _blurred(values: F64) -> F64:
    """Return the Gaussian windows' sums; there is nothing beyond the edge."""
    kernel = cv2.getGaussianKernel(_WINDOW, _SIGMA)
    blurred = cv2.sepFilter2D(values, cv2.CV_64F, kernel, kernel, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(blurred, np.float64).reshape(values.shape)


def _fours(values: F64) -> F64:
    """Return (H // 2, W // 2, 4, ...) the squares of four pixels."""
    height, width = values.shape[0] // 2, values.shape[1] // 2
    squares = values[:2 * height, :2 * width].reshape(height, 2, width, 2, *values.shape[2:])
    return np.moveaxis(squares, 2, 1).reshape(height, width, 4, *values.shape[2:])


def _halved(values: F64, mask: Mask) -> F64:
    """Return the means over the masked pixels of four; 0 where there is none."""
    weight = _fours(mask.astype(np.float64))[..., None]
    return (weight * _fours(values)).sum(axis=2) / np.maximum(weight.sum(axis=2), 1.0)


def _any_of_four(mask: Mask) -> Mask:
    return np.asarray(_fours(mask.astype(np.float64)).any(axis=2))
