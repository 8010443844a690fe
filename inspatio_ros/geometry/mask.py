# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Packing the mask of known pixels into the four mask channels of each latent frame."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def pack_mask(mask_BCTHW: Tensor) -> Tensor:
    """
    Bring a mask video onto the latent grid (STAR_SPEC section 5).

    :param mask_BCTHW: (B, C, T, H, W) float in [-1, 1], 1 = known; channel 0 is used. H and W are
        multiples of 8.
    :returns: (B, F, 4, H / 8, W / 8) with F = floor((T + 3) / 4). Latent 0 carries frame 0 four
        times, latent j >= 1 carries frames 4j - 3 .. 4j, as the causal VAE groups them.
    :raises ValueError: a height or width that is no multiple of 8.
    """
    batch, _, frames, height, width = mask_BCTHW.shape
    if height % 8 or width % 8:
        raise ValueError(f'mask size must be divisible by 8, got {height}x{width}')
    small = functional.interpolate(mask_BCTHW[:, 0], (height // 8, width // 8), mode='bilinear',
                                   align_corners=False)
    latents = (frames + 3) // 4
    padded = small[:, [0, 0, 0, *range(frames)]][:, :4 * latents]
    return padded.reshape(batch, latents, 4, height // 8, width // 8)
