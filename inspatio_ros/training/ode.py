# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The way of a teacher from noise to a clip: straight pieces along its flow (Euler).

What the clip looked like at the noise levels of the student's steps, and what became of it, are
the pairs that a student can learn its steps from.

Shapes: B batch, N latents of a clip, S steps of the student, C channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inspatio_ros.model.schedule import FlowSchedule, Step
from inspatio_ros.training.conditions import Conditions
from inspatio_ros.training.networks import ClipNetwork
import torch
from torch import Tensor


@dataclass(frozen=True)
class OdePath:
    """
    A way from noise to clips.

    :param noisy: (S, B, N, C, h, w) the clips at each of the levels that were asked for.
    :param clean: (B, N, C, h, w) what they became.
    """

    noisy: Tensor
    clean: Tensor


@torch.no_grad()
def ode_path(teacher: ClipNetwork, noise: Tensor, told: Conditions, count: int,
             stops: Sequence[Step] = (), guidance: float = 1.0) -> OdePath:
    """
    Follow a teacher's flow.

    :param noise: (B, N, C, h, w) where the way begins.
    :param told: of the clips.
    :param count: equal steps before the schedule's shift; those of `stops` come on top.
    :param stops: noise levels to look at on the way, the noisiest first.
    :param guidance: see `ClipNetwork.clean`.
    :raises ValueError: no step.
    """
    if count < 1:
        raise ValueError(f'a way from noise to a clip needs at least 1 step, got {count}')
    levels = _levels(teacher.schedule, count, [step.sigma for step in stops])
    wanted = {step.sigma for step in stops}
    x, seen = noise, []
    for sigma, following in zip(levels, [*levels[1:], 0.0]):
        if sigma in wanted:
            seen.append(x)
        times_B = torch.full((len(x),), sigma * teacher.schedule.config.train_steps)
        clean = teacher.clean(x, times_B, told, guidance)
        x = clean + (following / sigma) * (x - clean)
    return OdePath(torch.stack(seen) if seen else x.new_empty(0, *x.shape), x)


def _levels(schedule: FlowSchedule, count: int, stops: Sequence[float]) -> list[float]:
    """Return the noise levels of a way, falling, with all stops among them."""
    entries = len(schedule.sigmas)
    even = schedule.sigmas[[round(i * entries / count) for i in range(count)]].tolist()
    return sorted({*even, *stops}, reverse=True)
