# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Linear layers in 8-bit floating point.

Weights are converted once, activations as they come. Both are scaled so that the largest value
of a row (or of the whole tensor) is the largest that the format has. Products are summed in
float32 and leave in the type of the input. Half the bytes, twice the matrix rate of bfloat16 on
chips that have the format (CUDA compute capability 8.9 and later); elsewhere the same rounding
is emulated, slowly.

Shapes: M rows of the input, I and O features in and out.
"""

from __future__ import annotations

from typing import Literal

from inspatio_ros.model.dit import CausalDit
import torch
from torch import nn, Tensor
from torch.nn import functional

# `row`: a scale per token and per output feature. `tensor`: one of each; coarser, less work.
Scaling = Literal['row', 'tensor']
FP8 = torch.float8_e4m3fn
_LARGEST = torch.finfo(FP8).max
_SMALLEST_AMAX = 1e-12
# The matrix units take whole blocks of this many features.
_FEATURE_STEP = 16


def to_fp8(x_MI: Tensor, scaling: Scaling) -> tuple[Tensor, Tensor]:
    """
    Round to 8 bits.

    :param x_MI: any float type.
    :returns: (M, I) float8_e4m3fn and its float32 scale, (M, 1) or (1, 1): value = fp8 * scale.
    """
    wide = x_MI.float()
    amax = wide.abs().amax(-1, keepdim=True) if scaling == 'row' else wide.abs().amax().view(1, 1)
    scale = amax.clamp_min(_SMALLEST_AMAX) / _LARGEST
    return (wide / scale).clamp(-_LARGEST, _LARGEST).to(FP8), scale


class Fp8Linear(nn.Module):
    """
    A linear layer with 8-bit weights and inputs.

    :param linear: that it stands for; both feature counts must be multiples of 16.
    :param scaling: of weights and inputs.
    :raises ValueError: other feature counts.
    """

    weight_OI: Tensor
    scale_1O: Tensor
    bias: Tensor | None

    def __init__(self, linear: nn.Linear, scaling: Scaling = 'row') -> None:
        super().__init__()
        for features in (linear.in_features, linear.out_features):
            if features % _FEATURE_STEP:
                raise ValueError(f'fp8 needs multiples of {_FEATURE_STEP} features, got '
                                 f'{linear.in_features} -> {linear.out_features}')
        self.scaling: Scaling = scaling
        weight_OI, scale = to_fp8(linear.weight.detach(), scaling)
        self.register_buffer('weight_OI', weight_OI)
        self.register_buffer('scale_1O', scale.view(1, -1))
        self.register_buffer('bias', None if linear.bias is None else linear.bias.detach())

    def forward(self, x: Tensor) -> Tensor:
        """Return x times the weights, in the type of x, (..., O)."""
        x_MI = x.flatten(0, -2)
        x8_MI, scale_M1 = to_fp8(x_MI, self.scaling)
        if x.is_cuda:
            # The fast accumulator keeps fewer bits than float32; the rounding above loses more.
            out = torch._scaled_mm(x8_MI, self.weight_OI.t(), scale_a=scale_M1,
                                   scale_b=self.scale_1O, bias=self.bias, out_dtype=x.dtype,
                                   use_fast_accum=True)
        else:
            out = self._emulated(x8_MI, scale_M1).to(x.dtype)
        return out.unflatten(0, x.shape[:-1])

    def _emulated(self, x8_MI: Tensor, scale_M1: Tensor) -> Tensor:
        product = functional.linear(x8_MI.float(), self.weight_OI.float())
        scaled = product * scale_M1 * self.scale_1O
        return scaled if self.bias is None else scaled + self.bias.float()


def to_fp8_linears(dit: CausalDit, scaling: Scaling = 'row') -> CausalDit:
    """
    Put 8-bit layers in the place of all linear layers that every token passes, in place.

    Embeddings, head, modulation and what is made of the text keep their precision: they are a
    hundredth of the work. Join queries, keys and values before (`fuse_qkv`).

    :returns: the network, which can only infer from now on.
    :raises ValueError: a width that is no multiple of 16.
    """
    for layer in dit.layers:
        places: list[tuple[nn.Module, str]] = [
            (layer.self_attn, 'o'), (layer.cross_attn, 'q'), (layer.cross_attn, 'o'),
            (layer.ffn, '0'), (layer.ffn, '2')]
        inputs = 'qkv' if layer.self_attn.qkv is not None else None
        places += [(layer.self_attn, name) for name in ((inputs,) if inputs else 'qkv')]
        for parent, name in places:
            setattr(parent, name, Fp8Linear(getattr(parent, name), scaling))
    return dit
