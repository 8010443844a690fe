# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Batches of clips: shapes are checked, batches are cut and joined."""

from dataclasses import replace

from inspatio_ros.training.data.clips import Clips, LatentClips
import pytest
import torch


def latent_clips(batch: int, latents: int = 6, seed: int = 0) -> LatentClips:
    rng = torch.Generator().manual_seed(seed)
    shape = (batch, latents, 16, 4, 6)
    reference, target, render = (torch.randn(shape, generator=rng) for _ in range(3))
    return LatentClips(reference, target, render, torch.ones(batch, latents, 4, 4, 6))


def clips(batch: int, frames: int = 5) -> Clips:
    rgb = torch.zeros(batch, frames, 3, 16, 32)
    depth = torch.ones(batch, frames, 16, 32)
    poses = torch.eye(4, dtype=torch.float64).expand(batch, frames, 4, 4)
    return Clips(rgb, rgb, depth, depth, torch.eye(3).expand(batch, 3, 3), poses, poses)


def test_blocks_are_pieces_along_time():
    whole = latent_clips(2)
    second = whole.blocks(1, 1, 3)
    assert second.latents == 3
    assert torch.equal(second.target, whole.target[:, 3:])
    assert torch.equal(second.mask, whole.mask[:, 3:])


def test_blocks_beyond_the_clip_are_refused():
    with pytest.raises(ValueError, match='blocks 1 .. 2 of 3 latents are not in clips of 6'):
        latent_clips(1).blocks(1, 2, 3)


def test_batches_are_joined_and_cut_again():
    a, b = latent_clips(2, seed=1), latent_clips(1, seed=2)
    joined = LatentClips.cat([a, b])
    assert len(joined) == 3
    assert torch.equal(joined.rows([2]).target, b.target)
    assert torch.equal(joined.rows(slice(0, 2)).render, a.render)


def test_clips_of_different_lengths_are_no_batch():
    with pytest.raises(ValueError, match='differ in shape'):
        LatentClips.cat([latent_clips(1, 6), latent_clips(1, 3)])


def test_a_depth_of_another_size_is_refused():
    good = clips(1)
    assert (good.frames, good.size) == (5, (16, 32))
    with pytest.raises(ValueError, match=r'target_depth must be \(1, 5, 16, 32\), got'):
        replace(good, target_depth=torch.ones(1, 5, 8, 32))


def test_a_render_of_other_channels_is_refused():
    good = latent_clips(1)
    with pytest.raises(ValueError, match='render must be'):
        replace(good, render=good.render[:, :, :8])
