# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The causal DiT: predicts the flow (noise minus clean) of a block of latent frames.

The module holds weights only. What is constant for a scene (`text_kv`), a timestep
(`modulation`), a block (`embed_condition`) or a shape (`rope`) is made by the caller once and
handed in; what a world remembers lies in the caller's cache.

Shapes: B batch, F latent frames, C channels, H W latent size, h w token grid, p q patch size,
S = F * h * w tokens, L text rows or layers, D width of a token.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast, NamedTuple

from inspatio_ros.model.attention import Attend, torch_attention
from inspatio_ros.model.config import DitConfig
from inspatio_ros.model.kv_cache import KvWindow
from inspatio_ros.model.layers import Head, Layer, Modulation, TextKv, time_features
from inspatio_ros.model.rope import Rope
import torch
from torch import nn, Tensor
from torch.nn import functional


class Context(NamedTuple):
    """
    A context pass that is still to be run.

    :param latents_BFCHW: clean latents.
    :param rope: rotations of their tokens.
    :param windows: that keep what they are given, one per layer.
    """

    latents_BFCHW: Tensor
    rope: Rope
    windows: Sequence[KvWindow]


class CausalDit(nn.Module):
    """
    The denoiser, with the names that the published checkpoints use.

    :param config: sizes.
    :param attend: attention kernel.
    """

    def __init__(self, config: DitConfig, attend: Attend = torch_attention) -> None:
        super().__init__()
        D = config.dim
        self.config = config
        patch = (1, *config.patch)
        self.patch_embedding = nn.Conv3d(config.in_channels, D, patch, patch)
        self.text_embedding = nn.Sequential(
            nn.Linear(config.text_dim, D), nn.GELU('tanh'), nn.Linear(D, D))
        self.time_embedding = nn.Sequential(
            nn.Linear(config.freq_dim, D), nn.SiLU(), nn.Linear(D, D))
        self.time_projection = nn.Sequential(nn.SiLU(), nn.Linear(D, 6 * D))
        self.blocks = nn.ModuleList(Layer(config, attend) for _ in range(config.layers))
        self.head = Head(config)

    @classmethod
    def empty(cls, config: DitConfig, device: torch.device | str = 'cpu',
              dtype: torch.dtype = torch.float32, attend: Attend = torch_attention) -> CausalDit:
        """Return a network with memory for its weights, but none in it yet."""
        with torch.device('meta'):
            dit = cls(config, attend).to(dtype)
        return dit.to_empty(device=device).eval().requires_grad_(False)

    @torch.no_grad()
    def randomise(self, seed: int) -> CausalDit:
        """
        Fill all weights with noise that keeps activations near one: for tests and timing.

        :param seed: of the numbers; those of a GPU differ from those of a CPU.
        :returns: self.
        """
        generator = torch.Generator(self.device).manual_seed(seed)
        for name, weight in self.named_parameters():
            if weight.ndim == 1:
                weight.normal_(0.0, 0.1, generator=generator)
                if 'norm' in name and name.endswith('weight'):
                    weight.add_(1.0)
            else:
                weight.normal_(0.0, weight[0].numel() ** -0.5, generator=generator)
        return self

    def fuse_qkv(self) -> CausalDit:
        """
        Join the projections to queries, keys and values of every self attention.

        After loading only: the weights no longer have the names of the checkpoints.
        """
        for layer in self.layers:
            layer.self_attn.fuse()
        return self

    @property
    def layers(self) -> list[Layer]:
        """Layers in the order in which they run."""
        return cast('list[Layer]', list(self.blocks))

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.patch_embedding.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """Type that the network computes in."""
        return self.patch_embedding.weight.dtype

    def embed_text(self, text_BLC: Tensor) -> Tensor:
        """
        Pad the rows of a text with zeros to the full length and embed them.

        :param text_BLC: rows of the text encoder, at most `text_len` of them.
        :returns: (B, text_len, D). A padding row is a constant that attention does see. Where
            there is nothing but padding, (B, 1, D): its rows are all alike, one stands for them.
        :raises ValueError: too many rows, or rows of another width.
        """
        length, width = self.config.text_len, self.config.text_dim
        if text_BLC.ndim != 3 or text_BLC.shape[1] > length or text_BLC.shape[2] != width:
            raise ValueError(f'text must be (B, at most {length}, {width}), '
                             f'got {tuple(text_BLC.shape)}')
        padding = (0, 0, 0, length - text_BLC.shape[1] if text_BLC.shape[1] else 1)
        rows = functional.pad(text_BLC.to(self.device, self.dtype), padding)
        embedded: Tensor = self.text_embedding(rows)
        return embedded

    def text_kv(self, text_BLC: Tensor) -> list[TextKv]:
        """Return the keys and values of a text in every layer; see `embed_text`."""
        embedded = self.embed_text(text_BLC)
        return [layer.cross_attn.keys_values(embedded) for layer in self.layers]

    def modulation(self, timesteps_B: Tensor) -> Modulation:
        """
        Return what timesteps do to the network.

        :param timesteps_B: 0 .. 1000, one per batch element, or a single one for all.
        """
        features = time_features(timesteps_B, self.config.freq_dim)
        e_BD = self.time_embedding(features.to(self.device, self.dtype))
        e_B6D = self.time_projection(e_BD).unflatten(-1, (6, -1))
        # Summed in float32: the scales lie near 1, where half precision has few digits.
        own_L16D = torch.stack([layer.modulation for layer in self.layers]).float()
        layers = (own_L16D + e_B6D.float()).permute(0, 2, 1, 3).unsqueeze(3)
        head = (self.head.modulation.float() + e_BD[:, None].float()).transpose(0, 1).unsqueeze(2)
        one = torch.tensor([0.0, 1.0, 0.0], device=self.device)
        layers = layers + one.repeat(2)[:, None, None, None]
        return Modulation(layers.to(self.dtype),
                          (head + one[:2, None, None, None]).to(self.dtype))

    def embed(self, latents_BFCHW: Tensor) -> Tensor:
        """
        Return the tokens of latents.

        :param latents_BFCHW: the first C channels of the input; those that are not given count
            as zero.
        :returns: (B, S, D).
        """
        return self._embed(latents_BFCHW, 0, self.patch_embedding.bias)

    def embed_condition(self, condition_BFCHW: Tensor) -> Tensor:
        """
        Return what mask and render add to the tokens of the latents.

        :param condition_BFCHW: the packed mask, then the render latents.
        :returns: (B, S, D).
        """
        return self._embed(condition_BFCHW, self.config.out_channels, None)

    def remember(self, tokens_BSD: Tensor, modulation: Modulation, rope: Rope,
                 text: Sequence[TextKv], windows: Sequence[KvWindow]) -> None:
        """
        Run a context pass, as far as its keys and values need it.

        :param tokens_BSD: of clean latents.
        :param modulation: of timestep 0.
        :param rope: rotations of the tokens.
        :param text: of `text_kv`.
        :param windows: that keep what they are given, one per layer.
        """
        last = len(self.layers) - 1
        x = tokens_BSD
        for i, layer in enumerate(self.layers[:last]):
            x = layer(x, modulation.layers_L6B1D[i], rope, text[i], windows[i])
        self.layers[last].remember(x, modulation.layers_L6B1D[last], rope, windows[last])

    def forward(self, tokens_BSD: Tensor, modulation: Modulation, rope: Rope,
                text: Sequence[TextKv], windows: Sequence[KvWindow],
                grid: tuple[int, int]) -> Tensor:
        """
        Return the flow of a block.

        :param tokens_BSD: of the noisy latents, with the condition added.
        :param modulation: of the timestep.
        :param rope: rotations of the tokens.
        :param text: of `text_kv`.
        :param windows: what self attention may see, one per layer.
        :param grid: token rows and columns of a frame.
        :returns: (B, F, C, H, W) in the type of the network.
        """
        x = tokens_BSD
        for i, layer in enumerate(self.layers):
            x = layer(x, modulation.layers_L6B1D[i], rope, text[i], windows[i])
        return self._unpatch(self.head(x, modulation.head_2B1D), grid)

    def flow_anew(self, noisy_BFCHW: Tensor, timesteps_B: Tensor, text_BLC: Tensor, rope: Rope,
                  windows: Sequence[KvWindow], grid: tuple[int, int],
                  context: Context | None) -> Tensor:
        """
        Return the flow of a block, with all that is constant in between made of the weights anew.

        Whoever learns needs it so: weights change, gradients pass all of it, and what spreads
        the weights over processes can gather them around this one call.

        :param noisy_BFCHW: noisy latents, then the channels of mask and render.
        :param timesteps_B: 0 .. 1000, one per batch element.
        :param text_BLC: rows of the text encoder.
        :param rope, windows, grid: as those of `forward`.
        :param context: to be put into the windows before; None: they have it.
        :returns: (B, F, C, H, W) in the type of the network.
        """
        text = self.text_kv(text_BLC)
        if context is not None:
            clean = self.modulation(torch.zeros(1))
            self.remember(self.embed(context.latents_BFCHW), clean, context.rope, text,
                          context.windows)
        flow: Tensor = self(self.embed(noisy_BFCHW), self.modulation(timesteps_B), rope, text,
                            windows, grid)
        return flow

    def _embed(self, x_BFCHW: Tensor, first: int, bias: Tensor | None) -> Tensor:
        p, q = self.config.patch
        channels = x_BFCHW.shape[2]
        if channels + first > self.config.in_channels:
            raise ValueError(f'the network has {self.config.in_channels} input channels, '
                             f'got {channels} from channel {first} on')
        patches = x_BFCHW.to(self.dtype).unflatten(4, (-1, q)).unflatten(3, (-1, p))
        patches_BSc = patches.permute(0, 1, 3, 5, 2, 4, 6).flatten(4).flatten(1, 3)
        weight = self.patch_embedding.weight[:, first:first + channels].flatten(1)
        return functional.linear(patches_BSc, weight, bias)

    def _unpatch(self, x_BSc: Tensor, grid: tuple[int, int]) -> Tensor:
        p, q = self.config.patch
        x = x_BSc.unflatten(2, (p, q, -1)).unflatten(1, (-1, *grid))  # B F h w p q C
        return x.permute(0, 1, 6, 2, 4, 3, 5).flatten(5, 6).flatten(3, 4)
