# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A layer of the denoiser, its head, and the time vectors that modulate both.

Shapes: B batch, S tokens, L text rows, N heads, d head width, D width of a token.
"""

from __future__ import annotations

from typing import NamedTuple

from inspatio_ros.model.attention import Attend, CrossAttention, SelfAttention
from inspatio_ros.model.config import DitConfig
from inspatio_ros.model.kv_cache import KvWindow
from inspatio_ros.model.rope import Rope
import torch
from torch import nn, Tensor
from torch.nn import functional

# (keys, values) of the text in one layer, each (B, L, N, d).
TextKv = tuple[Tensor, Tensor]
_BASE = 10000.0


class Modulation(NamedTuple):
    """
    All that a timestep does to the network.

    :param layers_L6B1D: shift, scale, gate before attention, then before the MLP, of every layer;
        1 has been added to the scales.
    :param head_2B1D: shift and scale of the head, likewise.
    """

    layers_L6B1D: Tensor
    head_2B1D: Tensor


def time_features(timesteps_B: Tensor, length: int) -> Tensor:
    """
    Return the sinusoids of timesteps, cosines first.

    :param timesteps_B: 0 .. 1000.
    :param length: of a vector, even.
    :returns: (B, length) float32 on the CPU, where the angles are made in float64.
    """
    half = length // 2
    frequency = _BASE ** -(torch.arange(half, dtype=torch.float64, device='cpu') / half)
    angles = timesteps_B.detach().to('cpu', torch.float64)[:, None] * frequency
    return torch.cat([angles.cos(), angles.sin()], -1).float()


def layer_norm(x_BSD: Tensor, eps: float) -> Tensor:
    """Norm every token, without weights."""
    return functional.layer_norm(x_BSD, x_BSD.shape[-1:], eps=eps)


class Layer(nn.Module):
    """
    Self attention, cross attention to the text, MLP.

    :param config: sizes.
    :param attend: attention kernel.
    """

    def __init__(self, config: DitConfig, attend: Attend) -> None:
        super().__init__()
        self.modulation = nn.Parameter(torch.zeros(1, 6, config.dim))
        self.self_attn = SelfAttention(config, attend)
        self.norm3 = nn.LayerNorm(config.dim, config.eps)
        self.cross_attn = CrossAttention(config, attend)
        self.ffn = nn.Sequential(nn.Linear(config.dim, config.ffn_dim), nn.GELU('tanh'),
                                 nn.Linear(config.ffn_dim, config.dim))
        self.eps = config.eps

    def forward(self, x_BSD: Tensor, modulation_6B1D: Tensor, rope: Rope, text: TextKv,
                window: KvWindow) -> Tensor:
        """
        Return the tokens after this layer.

        :param modulation_6B1D: of this layer, see `Modulation`.
        :param rope: rotations of the S tokens.
        :param text: keys and values of the text in this layer.
        :param window: what self attention may see.
        """
        shift1, scale1, gate1, shift2, scale2, gate2 = modulation_6B1D.unbind(0)
        u = layer_norm(x_BSD, self.eps) * scale1 + shift1
        x_BSD = x_BSD + gate1 * self.self_attn(u, rope, window)
        x_BSD = x_BSD + self.cross_attn(self.norm3(x_BSD), *text)
        u = layer_norm(x_BSD, self.eps) * scale2 + shift2
        return x_BSD + gate2 * self.ffn(u)

    def remember(self, x_BSD: Tensor, modulation_6B1D: Tensor, rope: Rope,
                 window: KvWindow) -> None:
        """Hand keys and values to the window and stop: all that the last layer owes a context."""
        u = layer_norm(x_BSD, self.eps) * modulation_6B1D[1] + modulation_6B1D[0]
        window.exchange(*self.self_attn.keys_values(u, rope))


class Head(nn.Module):
    """
    From tokens to the latent values of their patches.

    :param config: sizes.
    """

    def __init__(self, config: DitConfig) -> None:
        super().__init__()
        self.modulation = nn.Parameter(torch.zeros(1, 2, config.dim))
        self.head = nn.Linear(config.dim, config.patch[0] * config.patch[1] * config.out_channels)
        self.eps = config.eps

    def forward(self, x_BSD: Tensor, modulation_2B1D: Tensor) -> Tensor:
        """Return (B, S, patch rows * patch columns * channels), channels fastest."""
        u = layer_norm(x_BSD, self.eps) * modulation_2B1D[1] + modulation_2B1D[0]
        out: Tensor = self.head(u)
        return out
