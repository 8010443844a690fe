# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a block costs at least: operations, bytes, and the time that a machine needs for them.

Counted from the sizes, multiplications and additions apart, softmax and norms left out. At 832x480
(4680 tokens a block, context of two blocks, 30 layers of width 1536) in TFLOP:

    stage           linear   attention    sum
    context pass      22.6        16.5   39.1   without the last layer, which owes keys and values
    four steps        46.8        50.2   97.0   keys and values of three blocks, and the text
    block             69.4        66.7  136.1   137.5 with all of the context's last layer

With bfloat16 products at 790 TFLOP/s that is 172 ms, 70 frames a second; with 8-bit linear layers
at twice that rate 128 ms, 94. Element-wise passes that a compiler fuses to one read and write per
step move some 30 token rows a layer: 14.4 MB each, 180 times a block (the context counts double),
78 GB, 18 ms at 4.3 TB/s. Weights are read five times, 14 GB, 3 ms.
"""

from __future__ import annotations

from dataclasses import dataclass

from inspatio_ros.model.codec import TaehvCodec
from inspatio_ros.model.config import StarConfig
import torch


@dataclass(frozen=True)
class PassCost:
    """
    Operations of one pass through the network.

    :param linear: of linear layers.
    :param attention: of self and cross attention.
    """

    linear: float
    attention: float

    @property
    def flops(self) -> float:
        """All of them."""
        return self.linear + self.attention


def step_cost(config: StarConfig) -> PassCost:
    """Return the cost of one denoising step behind a full context."""
    shape, dit = config.shape, config.dit
    layer = layer_cost(config, shape.block_tokens, shape.cache_tokens)
    head = 2 * shape.block_tokens * dit.dim * dit.patch[0] * dit.patch[1] * (
        dit.out_channels + dit.in_channels)
    return PassCost(dit.layers * layer.linear + head, dit.layers * layer.attention)


def context_cost(config: StarConfig, whole_last_layer: bool = False) -> PassCost:
    """
    Return the cost of a full context pass.

    :param whole_last_layer: as the published program, which throws its result away.
    """
    shape, dit = config.shape, config.dit
    tokens = shape.context_blocks * shape.block_tokens
    layer = layer_cost(config, tokens, tokens)
    layers = dit.layers - (0 if whole_last_layer else 1)
    last = 0 if whole_last_layer else 2 * tokens * 2 * dit.dim ** 2
    embed = 2 * tokens * dit.dim * dit.patch[0] * dit.patch[1] * dit.out_channels
    return PassCost(layers * layer.linear + last + embed, layers * layer.attention)


def layer_cost(config: StarConfig, queries: int, keys: int) -> PassCost:
    """Return the cost of one layer; keys and values of the text exist already."""
    dit = config.dit
    square, mlp = dit.dim ** 2, dit.dim * dit.ffn_dim
    linear = 2 * queries * (4 * square + 2 * square + 2 * mlp)
    return PassCost(linear, 4 * queries * (keys + dit.text_len) * dit.dim)


def block_flops(config: StarConfig, whole_last_layer: bool = False) -> float:
    """Return the operations of a block behind a full history."""
    return (context_cost(config, whole_last_layer).flops
            + len(config.steps) * step_cost(config).flops)


def roofline_ms(config: StarConfig, rate: float, linear_rate: float) -> float:
    """
    Return the least time of a block's products.

    :param rate: of attention, operations per second.
    :param linear_rate: of linear layers.
    """
    context, step = context_cost(config), step_cost(config)
    steps = len(config.steps)
    return 1e3 * ((context.linear + steps * step.linear) / linear_rate
                  + (context.attention + steps * step.attention) / rate)


def codec_flops(codec: TaehvCodec, frames: int, height: int, width: int) -> dict[str, float]:
    """
    Return the operations of encoding and decoding some frames.

    :param codec: on any device; a copy on the meta device is measured.
    """
    from torch.utils.flop_counter import FlopCounterMode
    network = type(codec.taehv)(codec.taehv.config).to('meta')
    meta = TaehvCodec(network, latents_per_pass=codec.latents_per_pass)
    factor = codec.spatial_factor
    latents = frames // codec.temporal_factor
    x = torch.zeros(1, frames, 3, height, width, device='meta')
    z = torch.zeros(1, latents, codec.latent_channels, height // factor, width // factor,
                    device='meta')
    flops = {}
    with torch.no_grad():
        for name, work in (('encode', lambda: meta.taehv.encode(x, None)),
                           ('decode', lambda: meta.taehv.decode(z, None))):
            with FlopCounterMode(display=False) as counter:
                work()
            flops[name] = float(counter.get_total_flops())
    return flops
