# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Keys and values of the context, kept from the context pass for the denoising steps.

Attention does not know where its keys come from. It hands its own to a `KvWindow` and gets back
those to attend to: that is all that differs between a context pass, a denoising step, and a
step without context. `StaticCache` never moves a row; `GrowingCache` is its slow twin, and the
one that gradients can pass.

Shapes: B batch, S tokens, R rows of a buffer, N heads, d head width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from inspatio_ros.model.config import BlockShape, DitConfig
import torch
from torch import Tensor


class KvWindow(Protocol):
    """What a layer's self attention may see in one pass."""

    def exchange(self, k_BSNd: Tensor, v_BSNd: Tensor) -> tuple[Tensor, Tensor]:
        """
        Hand over the layer's own keys and values, get those to attend to.

        :param k_BSNd: normed and rotated.
        :param v_BSNd: values.
        """


class OwnWindow(NamedTuple):
    """Attention among a pass's own tokens; nothing is kept."""

    def exchange(self, k_BSNd: Tensor, v_BSNd: Tensor) -> tuple[Tensor, Tensor]:
        """Return what was given."""
        return k_BSNd, v_BSNd


class StaticWindow(NamedTuple):
    """
    Rows of a preallocated buffer; own rows are written where they are read.

    :param k_BRNd, v_BRNd: the layer's whole buffers.
    :param write: first row and one past the last row of the own tokens.
    :param read: likewise of all tokens to attend to.
    """

    k_BRNd: Tensor
    v_BRNd: Tensor
    write: tuple[int, int]
    read: tuple[int, int]

    def exchange(self, k_BSNd: Tensor, v_BSNd: Tensor) -> tuple[Tensor, Tensor]:
        """Write the own rows, return views of the rows to read."""
        start, stop = self.write
        self.k_BRNd[:, start:stop].copy_(k_BSNd)
        self.v_BRNd[:, start:stop].copy_(v_BSNd)
        start, stop = self.read
        return self.k_BRNd[:, start:stop], self.v_BRNd[:, start:stop]


class StaticCache:
    """
    The buffers of one world; rows in the order of `BlockShape`.

    :param config: of the network.
    :param shape: of a block.
    :param batch: worlds that are painted together.
    :param device, dtype: of the buffers; the dtype is that of the network.
    """

    def __init__(self, config: DitConfig, shape: BlockShape, batch: int = 1,
                 device: torch.device | str = 'cpu', dtype: torch.dtype = torch.float32) -> None:
        size = (batch, shape.cache_tokens, config.heads, config.head_dim)
        # One storage per layer: a compiler can follow writes to tensors that share none.
        self._k, self._v = ([torch.zeros(size, device=device, dtype=dtype)
                             for _ in range(config.layers)] for _ in range(2))
        self._rows = shape.cache_tokens
        self._own = shape.block_tokens
        self._context = 0

    def context_windows(self, tokens: int) -> list[StaticWindow]:
        """
        Forget the context and return the windows of a pass that writes a new one.

        :param tokens: of the new context; 0 for none.
        :raises ValueError: more tokens than the cache has rows for.
        """
        room = self._rows - self._own
        if not 0 <= tokens <= room:
            raise ValueError(f'the cache has room for {room} context tokens, got {tokens}')
        self._context = tokens
        return self._windows((self._own, self._own + tokens), (self._own, self._own + tokens))

    def denoise_windows(self) -> list[StaticWindow]:
        """Return the windows of a denoising step: own rows, then the context."""
        return self._windows((0, self._own), (0, self._own + self._context))

    def context_rows(self, layer: int) -> tuple[Tensor, Tensor]:
        """Return the keys and values of all context rows of a layer, written or not."""
        return self._k[layer][:, self._own:], self._v[layer][:, self._own:]

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return sum(tensor.nbytes for tensor in (*self._k, *self._v))

    def _windows(self, write: tuple[int, int], read: tuple[int, int]) -> list[StaticWindow]:
        return [StaticWindow(k, v, write, read) for k, v in zip(self._k, self._v)]


@dataclass
class GrowingWindow:
    """
    Context of one layer as it came; a denoising step concatenates.

    :param keep: whether the pass is a context pass, whose keys and values stay.
    """

    kept: list[tuple[Tensor, Tensor]]
    keep: bool

    def exchange(self, k_BSNd: Tensor, v_BSNd: Tensor) -> tuple[Tensor, Tensor]:
        """Return the own rows and, in a denoising step, the context before them."""
        if self.keep:
            self.kept[:] = [(k_BSNd, v_BSNd)]
            return k_BSNd, v_BSNd
        k = torch.cat([*(k for k, _ in self.kept), k_BSNd], 1)
        return k, torch.cat([*(v for _, v in self.kept), v_BSNd], 1)


@dataclass
class GrowingCache:
    """The slow twin: no buffer, a new tensor for every layer and step."""

    layers: int
    _kept: list[list[tuple[Tensor, Tensor]]] = field(init=False)

    def __post_init__(self) -> None:
        self._kept = [[] for _ in range(self.layers)]

    def context_windows(self, tokens: int) -> list[GrowingWindow]:
        """Forget the context and return the windows of a pass that keeps a new one."""
        self._kept = [[] for _ in range(self.layers)]
        return [GrowingWindow(kept, True) for kept in self._kept]

    def denoise_windows(self) -> list[GrowingWindow]:
        """Return the windows of a denoising step."""
        return [GrowingWindow(kept, False) for kept in self._kept]


def own_windows(layers: int) -> Sequence[KvWindow]:
    """Return windows of a pass without a cache."""
    return [OwnWindow()] * layers
