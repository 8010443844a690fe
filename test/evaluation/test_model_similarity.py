# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""SSIM and MS-SSIM under masks: equal to the usual ones over whole pictures, blind to the rest."""

import math

from inspatio_ros.evaluation.image import ssim
from inspatio_ros.evaluation.model_similarity import (masked_ms_ssim, masked_ssim, SMALLEST,
                                                      ssim_map)
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
import torch
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure as ms_ssim_of_others,
    structural_similarity_index_measure as ssim_of_others)

SIZE = (192, 224)
EVERYWHERE = np.ones(SIZE, bool)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def truth(rng):
    """Return a picture with structure on all scales."""
    noise = sum(gaussian_filter(rng.normal(0.0, 8.0 * s, (*SIZE, 3)), (s, s, 0))
                for s in (1.0, 3.0, 9.0, 20.0))
    return np.clip(128.0 + noise * 4.0, 0, 255).astype(np.uint8)


def noisy(picture, rng, sigma=12.0):
    return np.clip(picture + rng.normal(0.0, sigma, picture.shape), 0, 255).astype(np.uint8)


def as_batch(picture):
    return torch.from_numpy(picture.transpose(2, 0, 1).copy())[None].double()


def test_over_a_whole_picture_it_is_the_usual_ssim(truth, rng):
    image = noisy(truth, rng)
    _, full = ssim_of_others(as_batch(image), as_batch(truth), data_range=255.0,
                             return_full_image=True)
    inner = slice(6, -6)
    ours = ssim_map(image, truth, EVERYWHERE)[inner, inner]
    np.testing.assert_allclose(ours, full[0].mean(dim=0).numpy()[inner, inner], atol=1e-6)


def test_over_a_whole_picture_it_is_the_usual_ms_ssim(truth, rng):
    image = noisy(truth, rng, 40.0)
    usual = float(ms_ssim_of_others(as_batch(image), as_batch(truth), data_range=255.0))
    # They differ at the edges of the picture only: the usual one leaves these out.
    assert masked_ms_ssim(image, truth, EVERYWHERE) == pytest.approx(usual, abs=0.01)
    assert usual < 0.97


@pytest.mark.parametrize('measure', [masked_ssim, masked_ms_ssim])
def test_what_is_outside_the_mask_does_not_count(truth, rng, measure):
    image = noisy(truth, rng)
    mask = np.zeros(SIZE, bool)
    mask[40:90, 60:64] = mask[100:150, 20:120] = True
    one, other = image.copy(), image.copy()
    one[~mask] = 0
    other[~mask] = truth[~mask]
    assert measure(one, truth, mask) == measure(other, truth, mask) < 0.99


def test_a_narrow_hole_is_judged_by_its_own_pixels(truth, rng):
    """Where windows reach into what is right, they call a wrong crack half right."""
    crack = np.zeros(SIZE, bool)
    crack[:, 100:102] = True
    image = noisy(truth, rng, 60.0)
    assert masked_ssim(image, truth, crack) < ssim(image, truth, crack)


@pytest.mark.parametrize('measure', [masked_ssim, masked_ms_ssim])
def test_equal_pictures_are_as_similar_as_can_be(truth, rng, measure):
    mask = rng.random(SIZE) < 0.3
    assert measure(truth, truth, mask) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize('measure', [masked_ssim, masked_ms_ssim])
def test_without_a_pixel_there_is_no_figure(truth, measure):
    assert math.isnan(measure(truth, truth, ~EVERYWHERE))


def test_a_small_picture_has_no_five_scales(truth):
    small = (slice(SMALLEST - 1), slice(None))
    assert math.isnan(masked_ms_ssim(truth[small], truth[small], EVERYWHERE[small]))
    enough = (slice(SMALLEST), slice(None))
    assert masked_ms_ssim(truth[enough], truth[enough], EVERYWHERE[enough]) == pytest.approx(1.0)


def test_a_constant_shift_of_brightness_costs_what_the_formula_says():
    """Of flat pictures only the luminance term is left."""
    a, b = (np.full((*SIZE, 3), level, np.uint8) for level in (100, 120))
    wanted = (2.0 * 100.0 * 120.0 + 6.5025) / (100.0 ** 2 + 120.0 ** 2 + 6.5025)
    mask = np.zeros(SIZE, bool)
    mask[10:20, 10:20] = True
    assert masked_ssim(a, b, mask) == pytest.approx(wanted, abs=1e-9)
    assert masked_ms_ssim(a, b, mask) == pytest.approx(wanted ** 0.1333, abs=1e-9)
