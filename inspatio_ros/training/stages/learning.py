# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the stages of the denoiser share: sizes of the clips, chance, and pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from inspatio_ros.model.config import StarConfig
from inspatio_ros.model.dit import CausalDit
from inspatio_ros.model.schedule import FlowSchedule
from inspatio_ros.training.data.clips import LatentClips
from inspatio_ros.training.networks import ClipNetwork
import numpy as np
from torch import Tensor


def as_they_are(latents: Tensor) -> Tensor:
    """Return latents: what stands for a decoder where nobody looks at pictures."""
    return latents


def as_it_is(dit: CausalDit) -> CausalDit:
    """Return a network: what one process needs to do with it."""
    return dit


@dataclass(frozen=True)
class Setting:
    """
    What does not change from stage to stage.

    :param star: the student: network, blocks, steps.
    :param latents: N of a clip, a multiple of the latents of a block.
    :param text_1LC: the prompt of all clips, on the networks' device; (1, 0, C): an empty one.
    :param blank_1LC: the prompt that guidance leads away from; None: the same.
    :param decode: (B, N, C, h, w) latents to frames, for pictures.
    :param prepare: what is done with each network before anything is made of it, such as
        spreading it over processes.
    :raises ValueError: clips that are not whole blocks.
    """

    star: StarConfig
    latents: int
    text_1LC: Tensor
    blank_1LC: Tensor | None = None
    decode: Callable[[Tensor], Tensor] = as_they_are
    prepare: Callable[[CausalDit], CausalDit] = as_it_is

    def __post_init__(self) -> None:
        K = self.star.shape.block_latents
        if self.latents < 1 or self.latents % K:
            raise ValueError(f'clips must be whole blocks of {K} latents, got {self.latents}')

    def network(self, dit: CausalDit, schedule: FlowSchedule) -> ClipNetwork:
        """Return a network as it sees whole clips."""
        return ClipNetwork(dit, self.star.shape, self.latents, self.text_1LC, schedule,
                           self.blank_1LC)

    @property
    def blocks(self) -> int:
        """Blocks of a clip."""
        return self.latents // self.star.shape.block_latents

    def take(self, batch: LatentClips) -> LatentClips:
        """
        Return a batch on the networks' device.

        :raises ValueError: clips of another length or size.
        """
        shape = self.star.shape
        wanted = (self.latents, self.star.dit.out_channels, shape.height, shape.width)
        if tuple(batch.target.shape[1:]) != wanted or (
                batch.mask.shape[2] != self.star.dit.mask_channels):
            raise ValueError(f'clips must be {wanted} with {self.star.dit.mask_channels} mask '
                             f'channels, got {tuple(batch.target.shape[1:])} with '
                             f'{batch.mask.shape[2]}')
        return batch.to(self.text_1LC.device)


class Turns:
    """
    Counts steps, and decides by the count what all processes must decide alike.

    :param seed: of the decisions.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed, self.count = seed, 0

    def draw(self, choices: int) -> int:
        """Return a number below `choices`; the same in each process at the same count."""
        rng = np.random.default_rng([self.seed, self.count])
        return int(rng.integers(choices))

    def happens(self, probability: float) -> bool:
        """Return whether something happens at this count; independent of `draw`."""
        rng = np.random.default_rng([self.seed, self.count, 1])
        return bool(rng.random() < probability)

    def state_dict(self) -> dict[str, Any]:
        """Return the count."""
        return {'count': self.count, 'seed': self.seed}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a count."""
        self.count, self.seed = int(state['count']), int(state['seed'])
