# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The metric of errors in latents against errors of decoded pictures."""

from inspatio_ros.engine.exported import STAR_TINY_FOLDER
from inspatio_ros.model.patch_autoencoder import load_patch_autoencoder, PatchCodec
from inspatio_ros.training.noise_levels import flow_loss, LatentCost
from inspatio_ros.training.pixel_error import pixel_metric_root
import pytest
import torch


@pytest.fixture(scope='module')
def codec():
    torch.set_num_threads(1)
    return PatchCodec(load_patch_autoencoder(STAR_TINY_FOLDER / 'autoencoder.safetensors',
                                             dtype=torch.float32).eval())


@pytest.fixture(scope='module')
def root(codec):
    return pixel_metric_root(codec)


def test_it_tells_dear_errors_from_cheap_ones(codec, root):
    """Errors of one length along the dearest and the cheapest mixture of channels, decoded."""
    _, power, axes = torch.linalg.svd(root)
    rng = torch.Generator().manual_seed(5)
    latents = 0.3 * torch.randn(1, 3, 16, 12, 12, generator=rng)
    still = codec.decode(latents)[0]
    costs = []
    for axis in (axes[0], axes[-1]):
        moved = latents + 0.1 * axis[:, None, None]
        costs.append(float((codec.decode(moved)[0] - still).square().mean()))
    expected = float(power[0] / power[-1]) ** 2
    assert expected > 8.0
    # Errors that are the same everywhere are not quite those it was measured with.
    assert 0.4 * expected < costs[0] / costs[1] < 4.0 * expected


def test_on_the_whole_errors_cost_what_they_did(root):
    error = torch.randn(2, 3, 16, 24, 40, generator=torch.Generator().manual_seed(0))
    assert float(LatentCost(root).squares(error).mean()) == pytest.approx(1.0, abs=0.02)


def test_the_same_seed_gives_the_same_metric(codec, root):
    assert torch.equal(pixel_metric_root(codec), root)


def test_places_are_weighed():
    flow, clean, noise = torch.zeros(2, 1, 3, 2, 2), torch.zeros(2, 1, 3, 2, 2), torch.ones(
        2, 1, 3, 2, 2)
    places = torch.tensor([1.0, 0.0]).expand(2, 1, 1, 2, 2)
    ones = torch.ones(2)
    assert float(flow_loss(flow, clean, noise, ones)) == 1.0
    assert float(flow_loss(flow, clean, noise, ones, LatentCost(None, places))) == 0.5
