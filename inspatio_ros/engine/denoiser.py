# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Three ways to run the network over a block, with the same result.

`FastDenoiser` makes everything that is constant once and keeps keys and values in fixed buffers.
`SlowDenoiser` makes everything anew in each call, runs the context through the whole network and
concatenates keys and values, as the published program does. `LearningDenoiser` is for training:
gradients pass through it, and it knows nothing of the weights from one call to the next.

Shapes: B batch, F latent frames, C channels, H W latent size, L text rows, S tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from inspatio_ros.model.config import BlockShape
from inspatio_ros.model.dit import CausalDit, Context
from inspatio_ros.model.kv_cache import GrowingCache, StaticCache
from inspatio_ros.model.layers import Modulation, TextKv
from inspatio_ros.model.rope import cache_rope
from inspatio_ros.model.schedule import Step
import torch
from torch import Tensor

_CLEAN = 0.0  # timestep of a context


class Denoiser(Protocol):
    """What `StarEngine` asks of the network. `memory` belongs to one world."""

    def remember_text(self, text_BLC: Tensor) -> Any:
        """Return what is kept of a text, which worlds may share."""

    def new_memory(self, batch: int) -> Any:
        """Return the memory of a new world."""

    def remember_context(self, memory: Any, text: Any, latents_BFCHW: Tensor,
                         skip: int = 0) -> None:
        """
        Forget the context in a memory and put in this one.

        :param latents_BFCHW: in the order of the cache: reference, then history.
        :param skip: how many frames of that order are not there: those of the reference, if
            there is none. The others stay at their positions.
        """

    def condition(self, condition_BFCHW: Tensor) -> Tensor:
        """Return what is kept of mask and render over the steps of a block."""

    def flow(self, memory: Any, text: Any, noisy_BFCHW: Tensor, condition: Tensor,
             step: int) -> Tensor:
        """Return the flow of the block, float32."""


class FastDenoiser:
    """
    Nothing constant is computed twice, no row of keys and values is moved.

    Constants are of the weights at construction: make a new one when they have changed.

    :param dit: the network.
    :param shape: of a block.
    :param steps: that `flow` is going to be asked for.
    """

    def __init__(self, dit: CausalDit, shape: BlockShape, steps: Sequence[Step]) -> None:
        self.dit = dit
        self.shape = shape
        self.rope = cache_rope(dit.config, shape, dit.device)
        self.own_rope = self.rope.rows(0, shape.block_tokens)
        with torch.no_grad():
            self.context_modulation = dit.modulation(torch.tensor([_CLEAN]))
            self.modulations: list[Modulation] = [
                dit.modulation(torch.tensor([step.timestep])) for step in steps]

    def remember_text(self, text_BLC: Tensor) -> list[TextKv]:
        """Return the keys and values of a text in every layer."""
        return self.dit.text_kv(text_BLC)

    def new_memory(self, batch: int) -> StaticCache:
        """Return the buffers of a new world."""
        return StaticCache(self.dit.config, self.shape, batch, self.dit.device, self.dit.dtype)

    def remember_context(self, memory: StaticCache, text: list[TextKv],
                         latents_BFCHW: Tensor, skip: int = 0) -> None:
        """Fill the context rows of the buffers."""
        windows = memory.context_windows(latents_BFCHW.shape[1] * self.shape.frame_tokens)
        if latents_BFCHW.shape[1]:
            self.dit.remember(self.dit.embed(latents_BFCHW), self.context_modulation,
                              self.rope.rows(*context_rows(self.shape, latents_BFCHW, skip)),
                              text, windows)

    def condition(self, condition_BFCHW: Tensor) -> Tensor:
        """Return the share of mask and render in the tokens."""
        return self.dit.embed_condition(condition_BFCHW)

    def flow(self, memory: StaticCache, text: list[TextKv], noisy_BFCHW: Tensor,
             condition: Tensor, step: int) -> Tensor:
        """Return the flow of the block, float32."""
        tokens = self.dit.embed(noisy_BFCHW) + condition
        flow: Tensor = self.dit(tokens, self.modulations[step], self.own_rope, text,
                                memory.denoise_windows(), self.shape.grid)
        return flow.float()


@dataclass(frozen=True)
class SlowDenoiser:
    """
    The slow twin: knows nothing from one call to the next but keys and values.

    :param dit: the network.
    :param shape: of a block.
    :param steps: that `flow` is going to be asked for.
    """

    dit: CausalDit
    shape: BlockShape
    steps: Sequence[Step]

    def remember_text(self, text_BLC: Tensor) -> Tensor:
        """Return the text as it is."""
        return text_BLC

    def new_memory(self, batch: int) -> GrowingCache:
        """Return the memory of a new world."""
        return GrowingCache(self.dit.config.layers)

    def remember_context(self, memory: GrowingCache, text: Tensor,
                         latents_BFCHW: Tensor, skip: int = 0) -> None:
        """Run the whole network over the context and keep its keys and values."""
        B, F, C, H, W = latents_BFCHW.shape
        windows = memory.context_windows(F * self.shape.frame_tokens)
        if F:
            rest = latents_BFCHW.new_zeros(B, F, self.dit.config.condition_channels, H, W)
            self._run(torch.cat([latents_BFCHW, rest], 2), _CLEAN,
                      context_rows(self.shape, latents_BFCHW, skip), text, windows)

    def condition(self, condition_BFCHW: Tensor) -> Tensor:
        """Return mask and render as they are."""
        return condition_BFCHW

    def flow(self, memory: GrowingCache, text: Tensor, noisy_BFCHW: Tensor, condition: Tensor,
             step: int) -> Tensor:
        """Return the flow of the block, float32."""
        x = torch.cat([noisy_BFCHW, condition.to(noisy_BFCHW.dtype)], 2)
        return self._run(x, self.steps[step].timestep, (0, self.shape.block_tokens), text,
                         memory.denoise_windows()).float()

    def _run(self, x_BFCHW: Tensor, timestep: float, rows: tuple[int, int], text_BLC: Tensor,
             windows: Sequence[Any]) -> Tensor:
        dit = self.dit
        rope = cache_rope(dit.config, self.shape, dit.device).rows(*rows)
        modulation = dit.modulation(torch.tensor([timestep]))
        flow: Tensor = dit(dit.embed(x_BFCHW), modulation, rope, dit.text_kv(text_BLC), windows,
                           self.shape.grid)
        return flow


@dataclass
class LearningMemory:
    """
    What a world that is learnt from remembers.

    :param cache: keys and values.
    :param waiting: context that is not in it yet: its latents and how many frames were skipped.
    """

    cache: GrowingCache
    waiting: tuple[Tensor, int] | None = None


class LearningDenoiser:
    """
    For training: gradients pass, and weights may change between any two calls.

    A context is only noted and run with the first flow that is asked for behind it.

    :param dit: the network.
    :param shape: of a block.
    :param steps: that `flow` is going to be asked for; `predict` needs none.
    """

    def __init__(self, dit: CausalDit, shape: BlockShape, steps: Sequence[Step] = ()) -> None:
        self.dit = dit
        self.shape = shape
        self.steps = steps
        self.rope = cache_rope(dit.config, shape, dit.device)
        self._origin = (0, 0)

    def place(self, origin: tuple[int, int]) -> None:
        """Say which token of the whole picture the first one of the shape is: row and column."""
        if origin != self._origin:
            self.rope = cache_rope(self.dit.config, self.shape, self.dit.device, origin)
            self._origin = origin

    def remember_text(self, text_BLC: Tensor) -> Tensor:
        """Return the text as it is."""
        return text_BLC

    def new_memory(self, batch: int) -> LearningMemory:
        """Return the memory of a new world."""
        return LearningMemory(GrowingCache(self.dit.config.layers))

    def remember_context(self, memory: LearningMemory, text: Tensor, latents_BFCHW: Tensor,
                         skip: int = 0) -> None:
        """Note the context for the next flow."""
        memory.waiting = latents_BFCHW, skip

    def condition(self, condition_BFCHW: Tensor) -> Tensor:
        """Return mask and render as they are."""
        return condition_BFCHW

    def flow(self, memory: LearningMemory, text: Tensor, noisy_BFCHW: Tensor, condition: Tensor,
             step: int) -> Tensor:
        """Return the flow of the block, float32."""
        timesteps = torch.full((len(noisy_BFCHW),), self.steps[step].timestep)
        return self.predict(memory, text, noisy_BFCHW, condition, timesteps)

    def predict(self, memory: LearningMemory, text_BLC: Tensor, noisy_BFCHW: Tensor,
                condition_BFCHW: Tensor, timesteps_B: Tensor) -> Tensor:
        """
        Return the flow of blocks with a timestep each, float32.

        :param timesteps_B: 0 .. 1000.
        """
        context = None
        if memory.waiting is not None:
            latents, skip = memory.waiting
            windows = memory.cache.context_windows(latents.shape[1] * self.shape.frame_tokens)
            if latents.shape[1]:
                rows = context_rows(self.shape, latents, skip)
                context = Context(latents, self.rope.rows(*rows), windows)
            memory.waiting = None
        x = torch.cat([noisy_BFCHW, condition_BFCHW.to(noisy_BFCHW.dtype)], 2)
        flow: Tensor = self.dit.flow_anew(
            x, timesteps_B, text_BLC, self.rope.rows(0, self.shape.block_tokens),
            memory.cache.denoise_windows(), self.shape.grid, context)
        return flow.float()


def context_rows(shape: BlockShape, latents_BFCHW: Tensor, skip: int) -> tuple[int, int]:
    """Return which rows of the order of the cache a context has; see `Denoiser`."""
    start = shape.block_tokens + skip * shape.frame_tokens
    return start, start + latents_BFCHW.shape[1] * shape.frame_tokens


DENOISERS: dict[str, type[FastDenoiser] | type[SlowDenoiser] | type[LearningDenoiser]] = {
    'fast': FastDenoiser, 'slow': SlowDenoiser, 'learning': LearningDenoiser}
