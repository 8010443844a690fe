# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a network is told of a clip, in the two tasks that it learns.

Shapes: B batch, N latents of a clip, K of a block, C channels, M channels of the mask.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from inspatio_ros.training.data.clips import LatentClips
import torch
from torch import Tensor

# `v2v`: the recording and its geometry say what is to be seen. `t2v`: nothing does but the text.
Task = Literal['v2v', 't2v']


@dataclass(frozen=True)
class Conditions:
    """
    All but the text.

    :param reference: (B, N, C, h, w) latents of the recording; None: there is none.
    :param mask: (B, N, M, h, w); all zero = no geometry, which the packed mask never is.
    :param render: (B, N, C, h, w) latents of the warped recording, likewise.
    :param origin: token row and column where these are in the whole pictures.
    """

    reference: Tensor | None
    mask: Tensor
    render: Tensor
    origin: tuple[int, int] = (0, 0)

    @classmethod
    def of(cls, clips: LatentClips, task: Task, origin: tuple[int, int] = (0, 0)) -> Conditions:
        """Return what a task tells of some clips."""
        told = cls(clips.reference, clips.mask, clips.render, origin)
        return told if task == 'v2v' else told.without()

    def without(self) -> Conditions:
        """Return the same clips, of which nothing is told: what guidance leads away from."""
        return Conditions(None, torch.zeros_like(self.mask), torch.zeros_like(self.render),
                          self.origin)

    def block(self, number: int, block_latents: int) -> Conditions:
        """Return what is told of one block."""
        rows = slice(number * block_latents, (number + 1) * block_latents)
        reference = None if self.reference is None else self.reference[:, rows]
        return Conditions(reference, self.mask[:, rows], self.render[:, rows], self.origin)

    @property
    def geometry(self) -> Tensor:
        """Mask and render as the network takes them, (B, N, M + C, h, w)."""
        return torch.cat([self.mask, self.render], 2)
