# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the stages of the denoiser share: sizes of the clips, chance, and pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from inspatio_ros.model.config import StarConfig
from inspatio_ros.model.dit import CausalDit
from inspatio_ros.model.schedule import FlowSchedule
from inspatio_ros.training.data.clips import LatentClips
from inspatio_ros.training.networks import ClipNetwork
from inspatio_ros.training.structure import StructureError
import numpy as np
import torch
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
    :param window: rows and columns of latents that a step learns from, anywhere in the pictures;
        None = all of them. What is far away is not seen then, and a step is many times shorter.
    :param windows: that are drawn for each step; the one of which the warp shows least is taken.
    :param root_CC: metric of errors in the pictures, see `noise_levels.LatentCost`; None: nobody
        asked for it, or there is no decoder that would tell.
    :param structure: of the decoder, for errors of decoded pictures; None likewise.
    :param blank_1LC: the prompt that guidance leads away from; None: the same.
    :param decode: (B, N, C, h, w) latents to frames, for pictures.
    :param prepare: what is done with each network before anything is made of it, such as
        spreading it over processes.
    :raises ValueError: clips that are not whole blocks, a window of parts of tokens or larger
        than the pictures.
    """

    star: StarConfig
    latents: int
    text_1LC: Tensor
    window: tuple[int, int] | None = None
    windows: int = 1
    root_CC: Tensor | None = None
    structure: StructureError | None = None
    blank_1LC: Tensor | None = None
    decode: Callable[[Tensor], Tensor] = as_they_are
    prepare: Callable[[CausalDit], CausalDit] = as_it_is

    def __post_init__(self) -> None:
        K = self.star.shape.block_latents
        if self.windows < 1:
            raise ValueError(f'windows must be at least 1, got {self.windows}')
        if self.latents < 1 or self.latents % K:
            raise ValueError(f'clips must be whole blocks of {K} latents, got {self.latents}')
        whole, part = self.star.shape, self.learnt.shape
        if part.height > whole.height or part.width > whole.width:
            raise ValueError(f'a window must fit into {whole.height}x{whole.width} latents, got '
                             f'{part.height}x{part.width}')

    @property
    def learnt(self) -> StarConfig:
        """Return the student as it learns: on a window of the pictures."""
        if self.window is None:
            return self.star
        height, width = self.window
        return replace(self.star, shape=replace(self.star.shape, height=height, width=width))

    def network(self, dit: CausalDit, schedule: FlowSchedule, star: StarConfig) -> ClipNetwork:
        """Return a network as it sees whole clips, of the pictures of a student."""
        return ClipNetwork(dit, star.shape, self.latents, self.text_1LC, schedule,
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

    def look(self, batch: LatentClips, rng: torch.Generator,
             ) -> tuple[LatentClips, tuple[int, int]]:
        """
        Return a window of a batch on the networks' device, and its first token's row and column.

        :param rng: a CPU generator: where the window lies.
        :raises ValueError: see `take`.
        """
        whole, part, clips = self.star.shape, self.learnt.shape, self.take(batch)
        if part == whole:
            return clips, (0, 0)
        corners = [tuple(int(torch.randint(room - own + 1, (), generator=rng))
                         for room, own in zip(whole.grid, part.grid))
                   for _ in range(self.windows)]
        row, column = corners[0] if self.windows == 1 else min(
            corners, key=lambda corner: float(clips.mask[self._inside(*corner)].sum()))
        seen = self._inside(row, column)
        return LatentClips(**{name: x[seen] for name, x in clips.tensors().items()}), (row, column)

    def _inside(self, row: int, column: int) -> tuple[Any, ...]:
        """Return the latents of a window with a token in its corner."""
        part = self.learnt.shape
        top, left = row * part.patch[0], column * part.patch[1]
        return ..., slice(top, top + part.height), slice(left, left + part.width)


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
