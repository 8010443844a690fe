# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
How much noise a clip gets in training, and what the network is to say about it.

Shapes: B batch; what follows it may be anything.
"""

from __future__ import annotations

from typing import NamedTuple

from inspatio_ros.model.schedule import FlowSchedule
import torch
from torch import Tensor


class LatentCost(NamedTuple):
    """
    What errors of latents cost: by what becomes of them in pictures, and by where they are.

    :param root_CC: a matrix whose square, as R^T R, is the metric of errors; see
        `training.pixel_error`. None = all channels count the same.
    :param places_BN1HW: factor of each place. None = 1.
    """

    root_CC: Tensor | None = None
    places_BN1HW: Tensor | None = None

    def squares(self, error_BNCHW: Tensor) -> Tensor:
        """Return squared errors whose mean is the cost."""
        if self.root_CC is not None:
            error_BNCHW = torch.einsum('dc,bnchw->bndhw', self.root_CC, error_BNCHW)
        squares = error_BNCHW.square()
        return squares if self.places_BN1HW is None else squares * self.places_BN1HW


def draw_timesteps(schedule: FlowSchedule, count: int, rng: torch.Generator,
                   between: tuple[float, float] = (0.0, 1.0)) -> Tensor:
    """
    Draw entries of the schedule's table, all equally often.

    The table itself is dense where noise is strong (its shift): so are the draws.

    :param count: how many.
    :param rng: a CPU generator.
    :param between: share of the table to leave out at its clean and noisy ends, 0 .. 1.
    :returns: (count,) float32 timesteps, 0 .. 1000.
    :raises ValueError: an empty range.
    """
    low, high = between
    if not 0.0 <= low < high <= 1.0:
        raise ValueError(f'noise must lie between 0 and 1, low before high, got {between}')
    entries = len(schedule.timesteps)
    first, last = round((1.0 - high) * entries), max(round((1.0 - low) * entries), 1)
    return schedule.timesteps[torch.randint(first, last, (count,), generator=rng)]


def draw_noise(like: Tensor, rng: torch.Generator) -> Tensor:
    """Return Gaussian noise of a tensor's shape on its device, drawn on the CPU, float32."""
    return torch.randn(like.shape, generator=rng).to(like.device)


def flow_loss(flow: Tensor, clean: Tensor, noise: Tensor, weights_B: Tensor,
              cost: LatentCost | None = None) -> Tensor:
    """
    Return how far a flow is from noise minus clean.

    :param flow, clean, noise: (B, ...).
    :param weights_B: of each clip.
    :param cost: of errors, unless all count the same.
    :returns: mean squared error, (), float32.
    """
    error = flow.float() - (noise - clean).float()
    squares = error.square() if cost is None else cost.squares(error)
    error_B = squares.flatten(1).mean(1)
    return (error_B * weights_B.to(error_B.device)).mean()
