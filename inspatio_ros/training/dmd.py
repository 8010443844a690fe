# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Distribution matching: which way a sample has to move to look like those of a teacher.

The student's samples have a distribution; a fake score has learnt to denoise them, a real score
to denoise what they should be. Where both see the same noisy sample, the difference of what they
believe is the gradient of the distance between the two distributions (KL divergence).

With x_t = (1 - sigma) x + sigma n, a score is s = ((1 - sigma) x0(x_t) - x_t) / sigma^2, so that

    -(s_real - s_fake) = (1 - sigma) / sigma^2 (x0_fake - x0_real)

and the factor, like that of the step size, is left out: it is made up for by a division by the
sample's mean distance from x0_real, which makes all noise levels count alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from inspatio_ros.model.schedule import FlowSchedule
import torch
from torch import Tensor

# (noisy clips (B, ...), timesteps_B) -> the clean clips that a network believes in.
Score = Callable[[Tensor, Tensor], Tensor]
# The least distance to divide by: a sample that is as it should be has no way to go.
_LEAST = 1e-6


class Direction(NamedTuple):
    """
    Where samples have to go.

    :param gradient: (B, ...) of the loss with respect to the samples; no graph.
    :param gap_B: mean distance of each sample from what the real score makes of it.
    """

    gradient: Tensor
    gap_B: Tensor


@torch.no_grad()
def dmd_direction(samples: Tensor, noise: Tensor, timesteps_B: Tensor, schedule: FlowSchedule,
                  real: Score, fake: Score) -> Direction:
    """
    Compare the scores at noisy samples.

    :param samples: (B, ...) of the student.
    :param noise: (B, ...) Gaussian.
    :param timesteps_B: how noisy to make each.
    :param schedule: noise levels.
    :param real, fake: scores of what should be and of what is; nothing flows into them.
    """
    noisy = schedule.add_noise(samples, noise, timesteps_B)
    believed = real(noisy, timesteps_B)
    gap_B = (samples - believed).abs().flatten(1).mean(1)
    scale = gap_B.clamp_min(_LEAST).reshape(-1, *[1] * (samples.ndim - 1))
    return Direction((fake(noisy, timesteps_B) - believed) / scale, gap_B)
