# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Attention: the kernels, and the two kinds of layers that use them.

Shapes: B batch, S tokens, L text rows, N heads, d head width, D = N * d.
"""

from __future__ import annotations

from collections.abc import Callable
import math

from inspatio_ros.model.config import DitConfig
from inspatio_ros.model.kv_cache import KvWindow
from inspatio_ros.model.rope import Rope, rotate
import torch
from torch import nn, Tensor
from torch.nn import functional

# (q_BSNd, k_BRNd, v_BRNd) -> (B, S, N, d): everybody sees everything.
Attend = Callable[[Tensor, Tensor, Tensor], Tensor]


def plain_attention(q_BSNd: Tensor, k_BRNd: Tensor, v_BRNd: Tensor) -> Tensor:
    """Attend as the formula has it: the slow twin of the kernels."""
    logits = torch.einsum('bsnd,brnd->bnsr', q_BSNd, k_BRNd) / math.sqrt(q_BSNd.shape[-1])
    return torch.einsum('bnsr,brnd->bsnd', logits.softmax(-1), v_BRNd)


def torch_attention(q_BSNd: Tensor, k_BRNd: Tensor, v_BRNd: Tensor) -> Tensor:
    """Attend with the kernel that torch chooses."""
    out = functional.scaled_dot_product_attention(
        q_BSNd.transpose(1, 2), k_BRNd.transpose(1, 2), v_BRNd.transpose(1, 2))
    return out.transpose(1, 2)


def cudnn_attention(q_BSNd: Tensor, k_BRNd: Tensor, v_BRNd: Tensor) -> Tensor:
    """Attend with cuDNN's kernel (CUDA, half precision)."""
    from torch.nn.attention import sdpa_kernel, SDPBackend
    with sdpa_kernel(SDPBackend.CUDNN_ATTENTION):
        return torch_attention(q_BSNd, k_BRNd, v_BRNd)


def flash_attention(q_BSNd: Tensor, k_BRNd: Tensor, v_BRNd: Tensor) -> Tensor:
    """Attend with torch's own FlashAttention (CUDA, half precision)."""
    from torch.nn.attention import sdpa_kernel, SDPBackend
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        return torch_attention(q_BSNd, k_BRNd, v_BRNd)


def flash3_attention(q_BSNd: Tensor, k_BRNd: Tensor, v_BRNd: Tensor) -> Tensor:
    """Attend with FlashAttention-3, an optional package (Hopper, half precision)."""
    try:
        from flash_attn_interface import flash_attn_func
    except ImportError as error:
        raise ImportError('attention flash3 needs FlashAttention-3: build the folder hopper/ of '
                          'flash-attention, which installs flash_attn_interface') from error
    out = flash_attn_func(q_BSNd, k_BRNd, v_BRNd)
    attended: Tensor = out[0] if isinstance(out, tuple) else out
    return attended


ATTENTIONS: dict[str, Attend] = {
    'torch': torch_attention, 'cudnn': cudnn_attention, 'flash': flash_attention,
    'flash3': flash3_attention, 'plain': plain_attention}


class RmsNorm(nn.Module):
    """
    Divide by the root mean square over the last axis, all heads together.

    :param dim: length of that axis.
    :param eps: added to the mean square.
    """

    def __init__(self, dim: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Return the normed x, in its own type."""
        return functional.rms_norm(x, self.weight.shape, self.weight.to(x.dtype), self.eps)


class Projections(nn.Module):
    """
    What both kinds of attention are made of: projections, norms over the full width, heads.

    :param config: sizes.
    :param attend: kernel.
    """

    def __init__(self, config: DitConfig, attend: Attend) -> None:
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(config.dim, config.dim) for _ in range(4))
        self.norm_q = RmsNorm(config.dim, config.eps)
        self.norm_k = RmsNorm(config.dim, config.eps)
        self.head_dim = config.head_dim
        self.attend = attend

    def _heads(self, x_BSD: Tensor) -> Tensor:
        return x_BSD.unflatten(-1, (-1, self.head_dim))


class SelfAttention(Projections):
    """
    Attention among tokens and what a `KvWindow` adds to them.

    :param config: sizes.
    :param attend: kernel.
    """

    def __init__(self, config: DitConfig, attend: Attend) -> None:
        super().__init__(config, attend)
        self.qkv: nn.Linear | None = None

    def fuse(self) -> None:
        """Replace the three input projections by one. The names of the weights change."""
        parts = [self.q, self.k, self.v]
        fused = nn.Linear(parts[0].in_features, 3 * parts[0].out_features, device='meta')
        fused.weight = nn.Parameter(torch.cat([part.weight.detach() for part in parts]),
                                    requires_grad=parts[0].weight.requires_grad)
        fused.bias = nn.Parameter(torch.cat([part.bias.detach() for part in parts]),
                                  requires_grad=parts[0].bias.requires_grad)
        self.qkv = fused
        del self.q, self.k, self.v

    def keys_values(self, u_BSD: Tensor, rope: Rope) -> tuple[Tensor, Tensor]:
        """Return the normed and rotated keys, and the values, each (B, S, N, d)."""
        k, v = (self.k(u_BSD), self.v(u_BSD)) if self.qkv is None else (
            self.qkv(u_BSD).chunk(3, -1)[1:])
        return rotate(self._heads(self.norm_k(k)), rope), self._heads(v)

    def forward(self, u_BSD: Tensor, rope: Rope, window: KvWindow) -> Tensor:
        """
        Attend and project.

        :param u_BSD: normed and modulated tokens.
        :param rope: their rotations.
        :param window: what they may see.
        """
        if self.qkv is None:
            q, k, v = self.q(u_BSD), self.k(u_BSD), self.v(u_BSD)
        else:
            q, k, v = self.qkv(u_BSD).chunk(3, -1)
        q = rotate(self._heads(self.norm_q(q)), rope)
        k = rotate(self._heads(self.norm_k(k)), rope)
        keys, values = window.exchange(k, self._heads(v))
        out: Tensor = self.o(self.attend(q, keys, values).flatten(2))
        return out


class CrossAttention(Projections):
    """
    Attention of tokens to the text, whose keys and values are made once.

    :param config: sizes.
    :param attend: kernel.
    """

    def keys_values(self, text_BLD: Tensor) -> tuple[Tensor, Tensor]:
        """
        Return the keys and values of the text, each (B, L, N, d).

        :param text_BLD: embedded rows, padding included: there is no mask.
        """
        k, v = self.norm_k(self.k(text_BLD)), self.v(text_BLD)
        return self._heads(k), self._heads(v)

    def forward(self, u_BSD: Tensor, k_BLNd: Tensor, v_BLNd: Tensor) -> Tensor:
        """
        Attend to the text and project.

        :returns: (B, S, D); (B, 1, D) for a text of one row, in which there is nothing to choose.
        """
        if k_BLNd.shape[1] == 1:
            only: Tensor = self.o(v_BLNd.flatten(2))
            return only
        q = self._heads(self.norm_q(self.q(u_BSD)))
        out: Tensor = self.o(self.attend(q, k_BLNd, v_BLNd).flatten(2))
        return out
