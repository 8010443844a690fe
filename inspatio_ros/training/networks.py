# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The networks that learn: one DiT in three roles.

A student paints block after block (engine/star). A teacher sees a whole clip at once: it is the
same network with one block as long as the clip and no history. So is a fake score.

Shapes: B batch, N latents of a clip, C channels, L text rows.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import cast

from inspatio_ros.engine.denoiser import LearningDenoiser
from inspatio_ros.model.config import BlockShape, DitConfig
from inspatio_ros.model.dit import CausalDit
from inspatio_ros.model.layers import Layer
from inspatio_ros.model.schedule import FlowSchedule
from inspatio_ros.training.conditions import Conditions
import torch
from torch import nn, Tensor

# Spread of what modulates tokens before anything is learnt: small, but not the same everywhere.
_MODULATION_STD = 0.02
# Share of what layers add to the tokens before anything is learnt.
_LAYER_SHARE = 0.03
# Of the features that stand still, against 1 of those that carry latents: the norm before the
# head divides all tokens by almost the same then.
_STILL = 4.0


def fresh_dit(config: DitConfig, seed: int, device: torch.device | str = 'cpu') -> CausalDit:
    """
    Return a network to train from nothing.

    At first its layers change the tokens little, and its flow is the noisy latents minus those of
    the render: out of pure noise it makes the render. What the warp shows is right from the first
    step on, and what is to be learnt is the rest. A network too narrow to carry both through has
    a flow of zero at first.

    :param seed: of the weights, which are drawn on the CPU.
    """
    dit = CausalDit.empty(config)
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in dit.named_parameters():
            if 'modulation' in name:
                weight.normal_(0.0, _MODULATION_STD, generator=rng)
            elif weight.ndim == 1:
                weight.fill_(1.0 if 'norm' in name and name.endswith('weight') else 0.0)
            else:
                weight.normal_(0.0, weight[0].numel() ** -0.5, generator=rng)
        for layer in dit.layers:
            _begin_small(layer, len(dit.layers))
        cast(nn.Linear, dit.time_embedding[2]).weight.mul_(_MODULATION_STD)
        dit.head.modulation.zero_()
        dit.head.head.weight.zero_()
        if config.dim > 2 * config.out_channels * config.patch[0] * config.patch[1]:
            _carry_latents(dit)
    return dit.to(device).train().requires_grad_(True)


def _begin_small(layer: Layer, layers: int) -> None:
    """Open the gates of a layer, and divide what goes through them by the depth."""
    _, _, gate1, _, _, gate2 = layer.modulation.unbind(1)
    gate1.fill_(1.0)
    gate2.fill_(1.0)
    for projection in (layer.self_attn.o, layer.cross_attn.o, cast(nn.Linear, layer.ffn[2])):
        projection.weight.mul_(_LAYER_SHARE * (3 * layers) ** -0.5)


def _carry_latents(dit: CausalDit) -> None:
    """Give noisy latents and render features of their own, and let the head subtract them."""
    config, embedding = dit.config, dit.patch_embedding
    (p, q), C = config.patch, config.out_channels
    values, bias = p * q * C, embedding.bias
    assert bias is not None
    embedding.weight[:2 * values].zero_()
    for index in range(values):  # in the head's order: rows, columns, channels fastest
        row, column, channel = index // (q * C), index // C % q, index % C
        embedding.weight[index, channel, 0, row, column] = 1.0
        embedding.weight[values + index, config.in_channels - C + channel, 0, row, column] = 1.0
    still = config.dim - 2 * values
    bias[2 * values:] = _STILL * torch.tensor([1.0, -1.0]).repeat(still)[:still]
    # What the norm will divide by, for latents of variance 1 (noise) and about as much (render).
    spread = ((2.0 * values + still * (_STILL ** 2 + 1.0)) / config.dim) ** 0.5
    for index in range(values):
        dit.head.head.weight[index, index] = spread
        dit.head.head.weight[index, values + index] = -spread


def frozen(network: CausalDit) -> CausalDit:
    """Return a network that nothing changes any more; itself."""
    return network.eval().requires_grad_(False)


def copy_of(network: CausalDit, learns: bool) -> CausalDit:
    """Return a network with the same weights, which learns or never will."""
    twin = copy.deepcopy(network)
    return twin.train().requires_grad_(True) if learns else frozen(twin)


class ClipNetwork:
    """
    A network over whole clips: teacher or fake score.

    :param dit: the network.
    :param shape: of the student's blocks.
    :param latents: N of a clip.
    :param text_1LC: the prompt of all clips.
    :param schedule: noise levels.
    :param blank_1LC: the prompt that guidance leads away from; None: the same.
    """

    def __init__(self, dit: CausalDit, shape: BlockShape, latents: int, text_1LC: Tensor,
                 schedule: FlowSchedule, blank_1LC: Tensor | None = None) -> None:
        self.dit = dit
        self.schedule = schedule
        self._text = text_1LC
        self._blank = text_1LC if blank_1LC is None else blank_1LC
        self._denoiser = LearningDenoiser(
            dit, replace(shape, block_latents=latents, history_blocks=0))

    def flow(self, noisy: Tensor, timesteps_B: Tensor, told: Conditions) -> Tensor:
        """
        Return the flow of clips.

        :param noisy: (B, N, C, h, w).
        :param timesteps_B: 0 .. 1000.
        :param told: of the clips.
        :returns: (B, N, C, h, w) float32.
        """
        return self._flow(noisy, timesteps_B, told, self._text)

    @torch.no_grad()
    def clean(self, noisy: Tensor, timesteps_B: Tensor, told: Conditions,
              guidance: float = 1.0) -> Tensor:
        """
        Return the clips that the network believes in; no gradient.

        :param guidance: how far to go from what it believes when it is told nothing (0) past
            what it believes now (1).
        """
        flow = self.flow(noisy, timesteps_B, told)
        if guidance != 1.0:
            free = self._flow(noisy, timesteps_B, told.without(), self._blank)
            flow = free + guidance * (flow - free)
        return self.schedule.clean(flow, noisy, timesteps_B)

    def _flow(self, noisy: Tensor, timesteps_B: Tensor, told: Conditions,
              text_1LC: Tensor) -> Tensor:
        text = text_1LC.expand(len(noisy), -1, -1)
        denoiser, memory = self._denoiser, self._denoiser.new_memory(len(noisy))
        denoiser.place(told.origin)
        if told.reference is not None:
            denoiser.remember_context(memory, text, told.reference)
        return denoiser.predict(memory, text, noisy, told.geometry, timesteps_B)
