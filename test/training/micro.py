# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A generator so small that a step of training takes milliseconds, and clips for it."""

from inspatio_ros.model.config import BlockShape, DitConfig, StarConfig
from inspatio_ros.training.data.clips import LatentClips
from inspatio_ros.training.networks import fresh_dit
from inspatio_ros.training.stages.learning import Setting
import torch

SIZES = DitConfig(dim=48, heads=2, layers=2, ffn_dim=64, freq_dim=16, text_dim=8, text_len=2,
                  in_channels=10, out_channels=4)
STAR = StarConfig(SIZES, BlockShape(4, 6, 2, 1), (1000, 500))
TEXT = torch.zeros(1, 0, SIZES.text_dim)


def setting(blocks=2, star=STAR):
    return Setting(star, blocks * star.shape.block_latents, TEXT)


def clips(batch=2, blocks=2, seed=0, star=STAR):
    """
    Return clips of the same room, each in a light of its own.

    The reference is the target with a little noise, the render is its left half.
    """
    shape = star.shape
    rng = torch.Generator().manual_seed(seed)
    size = (batch, blocks * shape.block_latents, SIZES.out_channels, shape.height, shape.width)
    room = torch.linspace(-1.5, 1.5, SIZES.out_channels)[:, None, None] + torch.linspace(
        -0.5, 0.5, shape.width)
    light = 0.3 * torch.randn(batch, 1, 1, 1, 1, generator=rng)
    target = (room + light).expand(size) + 0.1 * torch.randn(size, generator=rng)
    mask = torch.ones(*size[:2], SIZES.mask_channels, *size[3:])
    mask[..., shape.width // 2:] = -1.0
    render = torch.where(mask[:, :, :1] > 0.0, target, -1.0)
    return LatentClips(target + 0.1 * torch.randn(size, generator=rng), target, render, mask)


def dit(seed=0, star=STAR):
    return fresh_dit(star.dit, seed)


def lively(seed=0, star=STAR):
    """Return a network all of whose weights do something from the start."""
    network = fresh_dit(star.dit, seed)
    return network.randomise(seed + 100)


def rng(seed=0):
    return torch.Generator().manual_seed(seed)
