# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The student paints a clip, block after block, and paints its blocks again with gradients.

Chunk-wise backpropagation: the whole clip is painted without gradients; whoever judges it returns
a gradient with respect to its latents; then each block is painted once more from what it was
painted from, this time with gradients, and takes its share. The graph of one block is all that
there ever is. What a block passes on to the next (its clean latents) and the steps before its
last one are constants to the gradient.

Shapes: B batch, N latents of a clip, K of a block, S steps, C channels, L text rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from inspatio_ros.engine.denoiser import LearningDenoiser
from inspatio_ros.engine.star import StarEngine, StarState
from inspatio_ros.model.config import StarConfig
from inspatio_ros.model.dit import CausalDit
from inspatio_ros.training.conditions import Conditions
from inspatio_ros.training.noise_levels import draw_noise
import torch
from torch import Tensor


@dataclass(frozen=True)
class Rollout:
    """
    A painted clip.

    :param latents: (B, N, C, h, w) clean, without gradient.
    :param noisy: (B, N, C, h, w) what the last step of each block began with.
    :param steps: how many steps were taken.
    """

    latents: Tensor
    noisy: Tensor
    steps: int


class Student:
    """
    The generator as it learns.

    :param dit: the network.
    :param config: its blocks and steps.
    :param text_1LC: the prompt of all clips.
    """

    def __init__(self, dit: CausalDit, config: StarConfig, text_1LC: Tensor) -> None:
        self.dit, self.config = dit, config
        self._text = text_1LC
        self._engines = [StarEngine(dit, replace(config, steps=config.steps[:count]), 'learning')
                         for count in range(1, len(config.steps) + 1)]

    def engine_at(self, origin: tuple[int, int] = (0, 0), steps: int | None = None) -> StarEngine:
        """
        Return an engine on the weights as they are now.

        :param origin: token row and column where its pictures are in the whole ones.
        :param steps: that it takes; None = all.
        """
        engine = self._engines[(steps or len(self._engines)) - 1]
        assert isinstance(engine.denoiser, LearningDenoiser)
        engine.denoiser.place(origin)
        return engine

    @torch.no_grad()
    def roll_out(self, told: Conditions, rng: torch.Generator,
                 steps: int | None = None) -> Rollout:
        """
        Paint clips.

        :param told: of the clips; N a multiple of K.
        :param rng: a CPU generator, for the noise.
        :param steps: to take in each block; None = all.
        """
        engine = self.engine_at(told.origin, steps)
        state = self.new_state(len(told.render))
        painted, last = [], []
        for block in self._blocks(told):
            noise = torch.stack([draw_noise(block.render, rng) for _ in engine.steps])
            inputs: list[Tensor] = []
            latents = engine.sample(state, block.reference, block.mask, block.render, noise,
                                    observe=lambda i, x, flow, clean: inputs.append(x))
            engine.keep(state, latents)
            painted.append(latents)
            last.append(inputs[-1])
        return Rollout(torch.cat(painted, 1), torch.cat(last, 1), len(engine.steps))

    def repaint(self, rollout: Rollout, told: Conditions) -> Iterator[Tensor]:
        """
        Paint each block's last step again, with gradients.

        :param rollout: of `roll_out`.
        :param told: as it was then.
        :returns: (yields) the clean latents of a block, (B, K, C, h, w).
        """
        engine, K = self.engine_at(told.origin, rollout.steps), self.config.shape.block_latents
        state = self.new_state(len(rollout.latents))
        pieces = zip(self._blocks(told), rollout.noisy.split(K, 1), rollout.latents.split(K, 1))
        for block, noisy, latents in pieces:
            engine.remember_context(state, block.reference)
            condition = engine.denoiser.condition(block.geometry)
            clean = engine.step(state, noisy, condition, rollout.steps - 1)[1]
            yield engine.compose(clean, block.mask, block.render)
            engine.keep(state, latents)

    def new_state(self, batch: int) -> StarState:
        """Return new worlds; their noise is always given, so the seed is never used."""
        return self._engines[-1].new_state(self._text.expand(batch, -1, -1), seed=0)

    def _blocks(self, told: Conditions) -> list[Conditions]:
        K, latents = self.config.shape.block_latents, told.render.shape[1]
        if latents % K:
            raise ValueError(f'clips must be whole blocks of {K} latents, got {latents}')
        return [told.block(number, K) for number in range(latents // K)]


def backpropagate(student: Student, rollout: Rollout, told: Conditions,
                  gradient: Tensor) -> None:
    """
    Add to the student's gradients, block by block; no more than one block's graph at a time.

    :param rollout: of the student.
    :param told: of the clips.
    :param gradient: (B, N, C, h, w) of a loss with respect to the rollout's latents.
    """
    slices = gradient.split(student.config.shape.block_latents, 1)
    for latents, slice_ in zip(student.repaint(rollout, told), slices):
        latents.backward(slice_.to(latents.dtype))
