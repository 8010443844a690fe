# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Steps of an optimiser: gradients checked, clipped and applied; and the average of weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from inspatio_ros.training.stages.stage import check_gradients, NotFiniteError
import torch
from torch import nn, Tensor
from torch.distributed.tensor import DTensor
from torch.optim import AdamW, Optimizer


@dataclass(frozen=True)
class OptimConfig:
    """
    How weights follow their gradients (AdamW).

    :param lr: step size.
    :param betas: memory of the gradients' mean and square.
    :param weight_decay: per step, times lr.
    :param clip: longest gradient of a network; 0 = any.
    :raises ValueError: values out of range.
    """

    lr: float
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.01
    clip: float = 1.0

    def __post_init__(self) -> None:
        if not self.lr > 0.0 or self.clip < 0.0 or self.weight_decay < 0.0:
            raise ValueError(f'lr must be positive, clip and weight_decay not negative, got '
                             f'{self.lr}, {self.clip} and {self.weight_decay}')


class Learner:
    """
    A network and its optimiser.

    :param name: of the network, for errors.
    :param network: that learns.
    :param config: of the optimiser.
    """

    def __init__(self, name: str, network: nn.Module, config: OptimConfig) -> None:
        self.name, self.network, self._clip = name, network, config.clip
        self._weights = [weight for weight in network.parameters() if weight.requires_grad]
        self.optimizer: Optimizer = AdamW(self._weights, lr=config.lr, betas=config.betas,
                                          weight_decay=config.weight_decay)

    def forget(self) -> None:
        """Drop all gradients."""
        self.optimizer.zero_grad()

    def gradient_norm(self, seen: Mapping[str, Tensor] | None = None) -> float:
        """
        Return the length of the gradient over the whole network.

        :param seen: for the error.
        :raises NotFiniteError: naming weights with NaN or infinity in their gradients.
        """
        gradients = [weight.grad for weight in self._weights if weight.grad is not None]
        total = torch.nn.utils.get_total_norm(gradients)
        norm = float(total.full_tensor() if isinstance(total, DTensor) else total)
        if norm != norm or norm == float('inf'):
            check_gradients(((f'{self.name}.{key}', _local(weight)) for key, weight
                             in self.network.named_parameters()), seen)
            # Each is finite (here), their sum is not: too large, or broken in another process.
            raise NotFiniteError(f'the gradient of {self.name} is {norm} long', seen)
        return norm

    def apply(self, norm: float) -> None:
        """
        Take the step and drop the gradients.

        :param norm: of `gradient_norm`.
        """
        if self._clip and norm > self._clip:
            gradients = [weight.grad for weight in self._weights if weight.grad is not None]
            torch._foreach_mul_(gradients, self._clip / norm)
        self.optimizer.step()
        self.optimizer.zero_grad()


def _local(weight: nn.Parameter) -> nn.Parameter:
    """Return this process's share of a weight, with its gradient."""
    if not isinstance(weight, DTensor):
        return weight
    share = nn.Parameter(weight.to_local().detach())
    share.grad = weight.grad.to_local() if isinstance(weight.grad, DTensor) else None
    return share


class Average:
    """
    The moving average of a network's weights.

    :param network: that learns.
    :param average: a network with the same weights, which becomes the average.
    :param decay: share of the old average that a step keeps; less in the first steps, so that
        the weights at the start are soon forgotten.
    :raises ValueError: a decay that is not in [0, 1).
    """

    # Steps after which the decay begins to count in full.
    WARM_UP = 10.0

    def __init__(self, network: nn.Module, average: nn.Module, decay: float) -> None:
        if not 0.0 <= decay < 1.0:
            raise ValueError(f'the decay of an average must lie in [0, 1), got {decay}')
        self.decay, self.updates = decay, 0
        self._new: list[Tensor] = list(network.parameters())
        self._old: list[Tensor] = list(average.parameters())

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights as they are now."""
        self.updates += 1
        decay = min(self.decay, self.updates / (self.WARM_UP + self.updates))
        torch._foreach_lerp_(self._old, self._new, 1.0 - decay)
