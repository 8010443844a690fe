# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What training computes: operations of every pass through a network, counted as it happens.

Products of linear layers and of attention count, each multiplication and addition apart; norms,
softmax and optimisers do not. A pass with gradients counts three times (the pass, and two products
for each of its own on the way back), four times where layers compute once more what they forgot.

Shapes: B batch, S tokens, L text rows, D width of a token.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inspatio_ros.model.config import DitConfig
from inspatio_ros.model.dit import CausalDit, Context
from inspatio_ros.model.kv_cache import GrowingWindow, KvWindow
from inspatio_ros.model.rope import Rope
import torch
from torch import Tensor


def layers_flops(config: DitConfig, layers: int, queries: int, keys: int, text: int) -> float:
    """
    Return the operations of some layers.

    :param queries: tokens.
    :param keys: that each of them sees.
    :param text: rows of the text; one row is not attended to, see `CrossAttention`.
    """
    D, square = config.dim, config.dim ** 2
    linear = 2 * queries * (4 * square + 2 * D * config.ffn_dim)
    attention = 4 * queries * keys * D
    if text > 1:
        linear += 2 * queries * 2 * square
        attention += 4 * queries * text * D
    else:
        linear += 2 * square
    return float(layers) * (linear + attention)


def pass_flops(config: DitConfig, tokens: int, context: int, kept: int, rows: int) -> float:
    """
    Return the operations of one `CausalDit.flow_anew` for one clip.

    :param tokens: of the noisy latents.
    :param context: tokens that are put into the windows before.
    :param kept: tokens that the windows have already.
    :param rows: of the text; none stand for one.
    """
    D, layers = config.dim, config.layers
    patch = config.patch[0] * config.patch[1]
    text = config.text_len if rows else 1
    fixed = 2 * text * (config.text_dim * D + D * D + layers * 2 * D * D)
    times = 2 * (config.freq_dim * D + 7 * D * D)
    total = float(fixed + times)
    total += 2 * tokens * D * patch * (config.in_channels + config.out_channels)
    total += layers_flops(config, layers, tokens, tokens + context + kept, text)
    if context:
        total += times + 2 * context * D * (patch * config.out_channels + 2 * D)
        total += layers_flops(config, layers - 1, context, context, text)
    return total


class PassCounter:
    """
    Adds up what networks compute.

    :param recompute: whether layers that learn forget and compute again.
    """

    def __init__(self, recompute: bool) -> None:
        self.flops = 0.0
        self._recompute = recompute

    def watch(self, dit: CausalDit) -> CausalDit:
        """Count the passes of a network from now on; in place."""
        whole = dit.flow_anew
        learns = any(weight.requires_grad for weight in dit.parameters())

        def flow_anew(noisy_BFCHW: Tensor, timesteps_B: Tensor, text_BLC: Tensor, rope: Rope,
                      windows: Sequence[KvWindow], grid: tuple[int, int],
                      context: Context | None) -> Tensor:
            frame = grid[0] * grid[1]
            given = 0 if context is None else context.latents_BFCHW.shape[1] * frame
            ways = (4 if self._recompute else 3) if learns and torch.is_grad_enabled() else 1
            self.flops += ways * len(noisy_BFCHW) * pass_flops(
                dit.config, noisy_BFCHW.shape[1] * frame, given, _kept(windows[0]),
                text_BLC.shape[1])
            return whole(noisy_BFCHW, timesteps_B, text_BLC, rope, windows, grid, context)

        watched: Any = dit
        watched.flow_anew = flow_anew
        return dit


def _kept(window: KvWindow) -> int:
    """Return how many tokens a window has before a pass."""
    kept = window.kept if isinstance(window, GrowingWindow) else []
    return sum(keys_BSNd.shape[1] for keys_BSNd, _ in kept)
