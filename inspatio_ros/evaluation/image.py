# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Comparing pictures and depth maps, on the pixels that a mask names."""

from __future__ import annotations

import math

from inspatio_ros.contracts import F32, U8
import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]


def psnr_db(image_HW3: U8, truth_HW3: U8, mask_HW: Mask) -> float:
    """
    Return the peak signal-to-noise ratio over some pixels.

    :param image_HW3: uint8.
    :param truth_HW3: uint8.
    :param mask_HW: which pixels count.
    :returns: dB; inf for equal pictures, NaN without a pixel.
    """
    if not mask_HW.any():
        return math.nan
    difference = image_HW3[mask_HW].astype(np.float64) - truth_HW3[mask_HW]
    mean_square = float(np.mean(difference * difference))
    return math.inf if mean_square == 0.0 else 10.0 * math.log10(255.0 ** 2 / mean_square)


def ssim(image_HW3: U8, truth_HW3: U8, mask_HW: Mask) -> float:
    """
    Return the mean structural similarity (Wang et al. 2004, 11x11 Gaussian window) of some pixels.

    Elsewhere the picture takes the colour of the truth: a window that reaches over the edge of
    the mask judges only what lies within.

    :param image_HW3: uint8, 6 pixels or more along both sides.
    :param truth_HW3: uint8.
    :param mask_HW: which pixels count.
    :returns: at most 1; NaN without a pixel.
    """
    if not mask_HW.any():
        return math.nan
    import torch
    from torchmetrics.functional.image import structural_similarity_index_measure

    def as_batch(picture_HW3: U8) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(picture_HW3.transpose(2, 0, 1)))[None] / 255.0
    judged = np.where(mask_HW[..., None], image_HW3, truth_HW3)
    _, similarity_1CHW = structural_similarity_index_measure(
        as_batch(judged), as_batch(truth_HW3), data_range=1.0, return_full_image=True)
    return float(similarity_1CHW[0].mean(dim=0).numpy()[mask_HW].mean())


def relative_depth_error(depth_HW: F32, truth_HW: F32) -> F32:
    """
    Return |depth - truth| / truth per pixel; NaN where either is unknown or out of range.

    :param depth_HW: float32 metres, NaN unknown, +inf out of range.
    :param truth_HW: likewise.
    """
    with np.errstate(invalid='ignore'):
        error = np.abs(depth_HW - truth_HW) / truth_HW
    error[~(np.isfinite(depth_HW) & np.isfinite(truth_HW))] = np.nan
    return error


def surface_holes(known_HW: Mask, reach: int = 3) -> Mask:
    """
    Find holes torn into surfaces: unknown pixels with known ones near by on all four sides.

    :param known_HW: which pixels are known.
    :param reach: how near, pixels.
    """
    sides = []
    for axis in (0, 1):
        for sign in (1, -1):
            near = np.zeros_like(known_HW)
            for step in range(1, reach + 1):
                shifted = np.roll(known_HW, sign * step, axis)
                # What np.roll brings in from the other end of the picture is not near.
                edge = slice(0, step) if sign > 0 else slice(-step, None)
                shifted[(edge, slice(None)) if axis == 0 else (slice(None), edge)] = False
                near |= shifted
            sides.append(near)
    return ~known_HW & np.logical_and.reduce(sides)
