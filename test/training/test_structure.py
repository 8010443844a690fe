# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The error of what decoded pictures lack in structure."""

from dataclasses import replace

from inspatio_ros.engine.exported import STAR_TINY_FOLDER
from inspatio_ros.evaluation.model_similarity import ssim_map
from inspatio_ros.model.codec_config import PatchConfig
from inspatio_ros.model.patch_autoencoder import load_patch_autoencoder, PatchAutoencoder
from inspatio_ros.training.optim import OptimConfig
from inspatio_ros.training.stages.causal_init import CausalInitConfig, CausalInitStage
from inspatio_ros.training.structure import similarity, StructureError
from micro import clips, lively, rng, setting, STAR
import numpy as np
import pytest
import torch


@pytest.fixture(scope='module')
def autoencoder():
    torch.set_num_threads(1)
    return load_patch_autoencoder(STAR_TINY_FOLDER / 'autoencoder.safetensors',
                                  dtype=torch.float32)


def latents(blocks=1, seed=0):
    return 0.5 * torch.randn(2, 3 * blocks, 16, 4, 5, generator=rng(seed))


def test_of_grey_pictures_it_is_the_similarity_that_generators_are_judged_by():
    numbers = np.random.default_rng(0)
    found, true = numbers.integers(0, 256, (2, 40, 50), np.uint8)
    mask = numbers.random((40, 50)) < 0.3
    mask[:20] = True
    judged = ssim_map(*(np.repeat(it[..., None], 3, -1) for it in (found, true)), mask)
    grey_found, grey_true, weight = (torch.from_numpy(it.astype(np.float64))[None, None]
                                     for it in (found, true, mask))
    own = similarity(grey_found, grey_true, weight)[0, 0].numpy()
    # All but the last digits: the kernels are made in other ways.
    np.testing.assert_allclose(own[mask], judged[mask], atol=1e-6)


def test_the_truth_lacks_nothing_and_only_what_was_made_up_counts(autoencoder):
    error, clean = StructureError(autoencoder), latents(2)
    blocks = error.true_blocks(clean, 3)
    unknown, known = -torch.ones(2, 3, 4, 4, 5), torch.ones(2, 3, 4, 4, 5)
    assert [it.grey_BFHW.shape for it in blocks] == 2 * [(2, 12, 32, 40)]
    for block, own in zip(blocks, clean.split(3, 1)):
        assert float(error.of(own, unknown, block)) == pytest.approx(0.0, abs=1e-4)
        other = own + 0.3 * torch.randn(own.shape, generator=rng(1))
        assert float(error.of(other, unknown, block)) > 0.05
        assert float(error.of(other, known, block)) == 0.0


def test_frames_before_the_first_one_are_nobodys(autoencoder):
    """Where only the first latent is unknown, one frame of its four counts."""
    error, clean = StructureError(autoencoder), latents()
    (block,) = error.true_blocks(clean, 3)
    mask = torch.ones(2, 3, 4, 4, 5)
    mask[:, 0] = -1.0
    wrong = block._replace(grey_BFHW=block.grey_BFHW.clone())
    wrong.grey_BFHW[:, :3] = 0.0
    assert float(error.of(clean, mask, wrong)) == pytest.approx(0.0, abs=1e-4)
    wrong.grey_BFHW[:, 3] = 0.0
    assert float(error.of(clean, mask, wrong)) > 0.1


def test_latents_that_follow_its_gradient_look_more_like_the_truth(autoencoder):
    error, clean = StructureError(autoencoder), latents()
    (block,) = error.true_blocks(clean, 3)
    mask = -torch.ones(2, 3, 4, 4, 5)
    made = (0.3 * clean).requires_grad_()
    before = error.of(made, mask, block)
    for _ in range(5):
        (step,) = torch.autograd.grad(error.of(made, mask, block), made)
        made = (made - 0.1 * step / step.square().mean().sqrt()).detach().requires_grad_()
    assert float(error.of(made.detach(), mask, block)) < 0.8 * float(before.detach())
    assert all(it.grad is None for it in autoencoder.parameters())


def micro_stage(structure, weight):
    star = replace(STAR, steps=(1000,))
    config = CausalInitConfig(optim=OptimConfig(3e-3), own_steps=1.0, drop=0.0,
                              history_noise=0.0, structure=weight)
    return CausalInitStage(lively(3), replace(setting(star=star), structure=structure), config)


def test_a_stage_adds_it_to_its_loss_and_learns_from_it():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        small = PatchAutoencoder(PatchConfig(16, 1, 1, 8, 1, latent_channels=4, temporal_factor=2))
        for weight in small.parameters():
            torch.nn.init.normal_(weight, 0.0, 0.1)
    error, batch = StructureError(small), clips()
    plain = micro_stage(None, 0.0).step(batch, rng(1))['loss']
    stage = micro_stage(error, 2.0)
    first = stage.step(batch, rng(1))['loss']
    assert plain < first < plain + 2.0 * 2.0
    for _ in range(15):
        last = stage.step(batch, rng(1))['loss']
    assert last < first - 0.1


def test_it_needs_a_decoder_and_a_weight_that_is_not_negative():
    with pytest.raises(ValueError, match='structure needs the autoencoder beside the latents'):
        micro_stage(None, 1.0)
    with pytest.raises(ValueError, match='structure must not be negative'):
        CausalInitConfig(structure=-0.5)
