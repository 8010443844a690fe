# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
How little decoded pictures look like the true ones where the warp shows nothing.

A mean of all that could be there has the least squared error and no structure. This error, one
minus the structural similarity of what the frozen decoder makes of latents, is added to it.

Shapes: B batch, K latents of a block, N of a clip, C channels, h w latent size, F = 4 K frames,
H W = 8 h 8 w pixels.
"""

from __future__ import annotations

from typing import NamedTuple

from inspatio_ros.model.memory import Memory
from inspatio_ros.model.patch_autoencoder import PatchAutoencoder
import torch
from torch import Tensor
from torch.nn import functional

# Wang et al. 2004, for grey levels 0 .. 255: the numbers of evaluation/model_similarity, which
# looks at each colour by itself; here it is their mean.
_WINDOW, _SIGMA = 11, 1.5
_C1, _C2 = (0.01 * 255.0) ** 2, (0.03 * 255.0) ** 2
# A window with a smaller share of unknown pixels says nothing of them.
_LEAST = 1e-3


class TrueBlock(NamedTuple):
    """
    A block as it should look.

    :param grey_BFHW: grey levels, 0 .. 255.
    :param past: what the decoder remembers of the blocks before; None: there is none.
    """

    grey_BFHW: Tensor
    past: Memory | None


class StructureError:
    """
    The error of decoded blocks.

    :param autoencoder: its decoder is frozen, but gradients pass through it.
    """

    def __init__(self, autoencoder: PatchAutoencoder) -> None:
        self._autoencoder = autoencoder.eval().requires_grad_(False)

    @torch.no_grad()
    def true_blocks(self, clean_BNChw: Tensor, block_latents: int) -> list[TrueBlock]:
        """Decode true clips, block after block."""
        found, past = [], None
        for latents in clean_BNChw.split(block_latents, 1):
            frames, memory = self._autoencoder.decode(latents, past)
            found.append(TrueBlock(_grey(frames), past))
            past = memory
        return found

    def of(self, latents_BKChw: Tensor, mask_BKMhw: Tensor, true: TrueBlock) -> Tensor:
        """
        Return one minus the structural similarity of what a block shows, where it was made up.

        :param latents_BKChw: of the block, behind the true ones before it.
        :param mask_BKMhw: the packed mask, -1 where the warp shows nothing; what is 0 (recalled,
            or all of a clip that is told nothing) counts half.
        :param true: the same block.
        :returns: (), the mean over all unknown pixels of the batch; 0 if there is none.
        """
        frames, _ = self._autoencoder.decode(latents_BKChw, true.past)
        unknown_BFhw = 0.5 * (1.0 - mask_BKMhw.flatten(1, 2))
        if true.past is None:
            # The decoder's frames before the first one of a video are nobody's.
            unknown_BFhw[:, :self._autoencoder.config.temporal_factor - 1] = 0.0
        scale = self._autoencoder.config.spatial_factor
        weight = unknown_BFhw.repeat_interleave(scale, -1).repeat_interleave(scale, -2)
        lost = 1.0 - similarity(_grey(frames), true.grey_BFHW, weight)
        return (weight * lost).sum() / weight.sum().clamp(min=1.0)


def similarity(found_BFHW: Tensor, true_BFHW: Tensor, weight_BFHW: Tensor) -> Tensor:
    """
    Return the structural similarity of each pixel, of which only those that count are looked at.

    :param found_BFHW, true_BFHW: grey levels, 0 .. 255.
    :param weight_BFHW: how much a pixel counts, 0 .. 1.
    :returns: (B, F, H, W); without meaning where nothing near counts.
    """
    share = _blurred(weight_BFHW).clamp(min=_LEAST)

    def mean(values: Tensor) -> Tensor:
        return _blurred(weight_BFHW * values) / share
    x, y = mean(found_BFHW), mean(true_BFHW)
    variances = mean(found_BFHW.square()) - x * x + mean(true_BFHW.square()) - y * y
    covariance = mean(found_BFHW * true_BFHW) - x * y
    return ((2.0 * x * y + _C1) / (x * x + y * y + _C1)
            * (2.0 * covariance + _C2) / (variances + _C2))


def _blurred(values_BFHW: Tensor) -> Tensor:
    """Return sums over Gaussian windows; there is nothing beyond the edge."""
    place = torch.arange(_WINDOW, device=values_BFHW.device, dtype=values_BFHW.dtype)
    kernel = torch.exp(-0.5 * ((place - _WINDOW // 2) / _SIGMA).square())
    kernel = kernel / kernel.sum()
    pictures = values_BFHW.flatten(0, 1)[:, None]
    rows = functional.conv2d(pictures, kernel[:, None].expand(1, 1, -1, -1),
                             padding=(_WINDOW // 2, 0))
    both = functional.conv2d(rows, kernel.expand(1, 1, 1, -1), padding=(0, _WINDOW // 2))
    return both[:, 0].unflatten(0, values_BFHW.shape[:2])


def _grey(frames_BFCHW: Tensor) -> Tensor:
    return (frames_BFCHW.mean(2) + 1.0) * 127.5
