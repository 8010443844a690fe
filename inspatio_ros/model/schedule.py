# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The flow-matching schedule: how much noise belongs to which timestep.

Tables are float32 on the CPU. A sampler looks its few steps up once (`steps`); nothing here runs
on an accelerator between two steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Step(NamedTuple):
    """
    One denoising step.

    :param timestep: that the network is told, 0 .. 1000.
    :param sigma: share of noise in its input.
    """

    timestep: float
    sigma: float


@dataclass(frozen=True)
class ScheduleConfig:
    """
    The table.

    :param shift: how far the steps are moved towards noise; 1 = linear.
    :param sigma_min, sigma_max: ends of the table before the shift.
    :param entries: of the table.
    :param train_steps: timestep of sigma 1.
    :param extra_step: leave out the last of entries + 1 points.
    :raises ValueError: an empty table, a shift that is not positive.
    """

    shift: float = 5.0
    sigma_min: float = 0.0
    sigma_max: float = 1.0
    entries: int = 1000
    train_steps: int = 1000
    extra_step: bool = True

    def __post_init__(self) -> None:
        if self.entries < 1 or self.train_steps < 1 or self.shift <= 0.0:
            raise ValueError(f'entries, train_steps and shift must be positive, got '
                             f'{self.entries}, {self.train_steps} and {self.shift}')

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> ScheduleConfig:
        """Return the config that the JSON of a vector file describes."""
        return cls(fields['shift'], fields['sigma_min'], fields['sigma_max'],
                   fields['num_inference_steps'], fields['num_train_timesteps'],
                   fields['extra_one_step'])


class FlowSchedule:
    """
    Noise levels, and the way between noise, picture and flow.

    :param config: of the table.
    """

    def __init__(self, config: ScheduleConfig | None = None) -> None:
        self.config = c = config or ScheduleConfig()
        points = torch.linspace(c.sigma_max, c.sigma_min, c.entries + c.extra_step,
                                device='cpu')[:c.entries]
        self.sigmas = c.shift * points / (1.0 + (c.shift - 1.0) * points)
        self.timesteps = self.sigmas * c.train_steps

    def warp(self, values: Sequence[int]) -> tuple[float, ...]:
        """
        Return the timesteps of list values, such as 1000, 750, 500, 250.

        :raises ValueError: a value outside 0 .. 1000.
        """
        table = [*self.timesteps.tolist(), 0.0]
        for value in values:
            if not 0 <= value < len(table):
                raise ValueError(f'a step must lie in 0..{len(table) - 1}, got {value}')
        return tuple(table[len(table) - 1 - value] for value in values)

    def steps(self, values: Sequence[int]) -> tuple[Step, ...]:
        """
        Return the denoising steps of list values.

        :raises ValueError: no value, values that do not fall, a value without noise.
        """
        if not values or any(b >= a for a, b in zip(values, values[1:])) or values[-1] <= 0:
            raise ValueError(f'steps must fall and stay above 0, got {list(values)}')
        times = self.warp(values)
        sigmas = self.sigma_of(torch.tensor(times, device='cpu')).tolist()
        return tuple(Step(time, sigma) for time, sigma in zip(times, sigmas))

    def index_of(self, timesteps: Tensor) -> Tensor:
        """Return the entry nearest to each timestep, the first one on a tie; int64 on the CPU."""
        times = timesteps.detach().to('cpu', torch.float32)
        return (self.timesteps - times[..., None]).abs().argmin(-1)

    def sigma_of(self, timesteps: Tensor) -> Tensor:
        """Return the sigma of each timestep's nearest entry; float32 on the CPU."""
        return self.sigmas[self.index_of(timesteps)]

    def add_noise(self, clean: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """
        Mix pictures with noise.

        :param clean, noise: (*T, ...), any number of axes behind those of the timesteps.
        :param timesteps: (*T).
        :returns: in the type of the noise.
        """
        sigma = self._sigma(timesteps, clean)
        return ((1.0 - sigma) * clean + sigma * noise).to(noise.dtype)

    def clean(self, flow: Tensor, noisy: Tensor, timesteps: Tensor) -> Tensor:
        """Return the picture that a flow leads to, in its type; arguments as of `add_noise`."""
        noisy, flow_ = _exact(noisy), _exact(flow)
        return (noisy - self._sigma(timesteps, noisy) * flow_).to(flow.dtype)

    def flow(self, clean: Tensor, noisy: Tensor, timesteps: Tensor) -> Tensor:
        """Return the flow that leads to a picture, in its type; arguments as of `add_noise`."""
        difference = _exact(noisy) - _exact(clean)
        return (difference / self._sigma(timesteps, noisy)).to(clean.dtype)

    def euler(self, flow: Tensor, noisy: Tensor, timesteps: Tensor) -> Tensor:
        """Return the latents one entry of the table later; arguments as those of `add_noise`."""
        index = self.index_of(timesteps)
        following = torch.cat([self.sigmas[1:], self.sigmas.new_zeros(1)])
        step = _spread(following[index] - self.sigmas[index], noisy)
        return noisy + step * flow

    def training_weights(self, timesteps: Tensor) -> Tensor:
        """Return the weight of a loss at each timestep, float32 on the CPU; mean 1 in all."""
        steps, t = self.config.entries, self.timesteps
        bell = torch.exp(-2.0 * ((t - steps / 2) / steps) ** 2)
        bell = bell - bell.min()
        return (bell * (steps / bell.sum()))[self.index_of(timesteps)]

    def _sigma(self, timesteps: Tensor, like: Tensor) -> Tensor:
        return _spread(self.sigma_of(timesteps), like)


def _exact(values: Tensor) -> Tensor:
    """Widen for a difference that is divided: float64 on the CPU, float32 where that is slow."""
    return values.to(torch.float64 if values.device.type == 'cpu' else torch.float32)


def _spread(values: Tensor, like: Tensor) -> Tensor:
    """Bring one value per leading axis onto a tensor's device, with axes of length 1 behind."""
    values = values.to(like.device)
    return values.reshape(*values.shape, *[1] * (like.ndim - values.ndim))
