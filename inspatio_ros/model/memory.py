# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What causal layers remember between two pieces of a video.

A network's memory is a flat tuple of tensors that its caller owns: one world's stream never
reaches another's, and a CUDA graph can keep the tensors in fixed buffers. Inside one call the
layers take their entries from a `Tape` in the order in which they run, and put new ones there.
From the second piece on all shapes stay as they are.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Memory(NamedTuple):
    """
    What a causal network remembers of the frames that it has seen.

    :param tensors: one per layer that remembers, in the order in which the layers run.
    """

    tensors: tuple[Tensor, ...]

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return sum(tensor.nbytes for tensor in self.tensors)


class Tape:
    """
    Hands each layer its memory of the last call and collects what it remembers now.

    :param past: the memory of the last call; None = nothing was seen before.
    """

    def __init__(self, past: Memory | None) -> None:
        self._past = None if past is None else past.tensors
        self._kept: list[Tensor] = []

    def take(self) -> Tensor | None:
        """
        Return what the layer that is running put here in the last call; None at the start.

        :raises ValueError: the memory that was handed in is that of another network.
        """
        if self._past is None:
            return None
        if len(self._kept) == len(self._past):
            raise ValueError(f'a memory of {len(self._past)} tensors was given to a network '
                             'that keeps more')
        return self._past[len(self._kept)]

    def keep(self, value: Tensor) -> None:
        """Remember a tensor for the next call. A copy: a slice would hold all that it is of."""
        self._kept.append(value.clone())

    def memory(self) -> Memory:
        """
        Return what was kept.

        :raises ValueError: the memory that was handed in is that of another network.
        """
        if self._past is not None and len(self._past) != len(self._kept):
            raise ValueError(f'a memory of {len(self._past)} tensors was given to a network '
                             f'that keeps {len(self._kept)}')
        return Memory(tuple(self._kept))


def with_past(past_BCTHW: Tensor | None, frames_BCTHW: Tensor, count: int) -> Tensor:
    """
    Return the frames with the ones that came before, or zeros, on the left.

    :param past_BCTHW: the last `count` frames before; None = there were none.
    :param frames_BCTHW: at least one frame.
    :param count: how many frames a layer looks back.
    """
    if past_BCTHW is None:
        return torch.nn.functional.pad(frames_BCTHW, (0, 0, 0, 0, count, 0))
    return torch.cat([past_BCTHW, frames_BCTHW], 2)
