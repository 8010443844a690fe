# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What the trainer asks of a stage, and how a stage says that its numbers broke.

A stage owns its networks and optimisers; the trainer owns the order of the data, the random
numbers, the clock and the files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeVar

import torch
from torch import nn, Tensor
from torch.optim import Optimizer

Batch = TypeVar('Batch', contravariant=True)
# How many names an error spells out.
_NAMED = 5


class NotFiniteError(ArithmeticError):
    """
    NaN or infinity in a loss or a gradient. No weight has been changed by it.

    :param what: the first sentence.
    :param seen: tensors that help to find the cause, for the trainer's dump.
    """

    def __init__(self, what: str, seen: Mapping[str, Tensor] | None = None) -> None:
        super().__init__(what)
        self.seen = dict(seen or {})


class Stage(Protocol[Batch]):
    """A loss and the networks that it changes."""

    def networks(self) -> dict[str, nn.Module]:
        """Return all networks by name, those that do not learn too."""

    def optimizers(self) -> dict[str, Optimizer]:
        """Return the optimisers by name."""

    def step(self, batch: Batch, rng: torch.Generator) -> dict[str, float]:
        """
        Learn from a batch.

        :param batch: on the CPU or on the networks' device.
        :param rng: a CPU generator: where all randomness of the step comes from.
        :returns: losses and norms by name; which ones may differ from step to step.
        :raises NotFiniteError: NaN or infinity; the weights are those before the step.
        """

    def pictures(self, batch: Batch, rng: torch.Generator) -> Tensor:
        """Return what the networks make of a batch, (B, N, ...), for the eye; no gradient."""

    def state_dict(self) -> dict[str, Any]:
        """Return all that an exact continuation needs besides networks and optimisers."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up a state where `state_dict` left it."""


def check_finite(losses: Mapping[str, Tensor], seen: Mapping[str, Tensor] | None = None) -> None:
    """
    Refuse values that are not finite.

    :param losses: by name.
    :param seen: for the error.
    :raises NotFiniteError: naming those that are not.
    """
    bad = [name for name, value in losses.items() if not bool(torch.isfinite(value).all())]
    if bad:
        raise NotFiniteError(f'not finite: {", ".join(bad)}', {**losses, **(seen or {})})


def check_gradients(named: Iterable[tuple[str, nn.Parameter]],
                    seen: Mapping[str, Tensor] | None = None) -> None:
    """
    Refuse gradients that are not finite.

    :param named: weights by name; those without a gradient are passed over.
    :param seen: for the error.
    :raises NotFiniteError: naming the first few of the weights.
    """
    bad = [(name, weight.grad) for name, weight in named
           if weight.grad is not None and not bool(torch.isfinite(weight.grad).all())]
    if bad:
        names = ', '.join(name for name, _ in bad[:_NAMED])
        more = f' and {len(bad) - _NAMED} more' if len(bad) > _NAMED else ''
        gradients = {f'gradient of {name}': gradient for name, gradient in bad[:_NAMED]}
        raise NotFiniteError(f'gradients are not finite: {names}{more}',
                             {**gradients, **(seen or {})})
