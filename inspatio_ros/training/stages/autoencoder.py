# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The small autoencoder: pictures and their edges come back, also from latents that are a bit off.

Noise on the latents takes the place of a prior: what the decoder must survive spreads out over the
channels, and a denoiser's small errors stay small in the picture. Mean and deviation of every
channel are measured along the way.
"""

from __future__ import annotations

from collections.abc import Mapping
import copy
from dataclasses import dataclass
from typing import Any

from inspatio_ros.model.codec_config import PatchConfig, TINY_PATCH
from inspatio_ros.model.patch_autoencoder import PatchAutoencoder, whole_groups
from inspatio_ros.training.noise_levels import draw_noise
from inspatio_ros.training.optim import Average, Learner, OptimConfig
from inspatio_ros.training.stages.stage import check_finite
import torch
from torch import nn, Tensor
from torch.nn import functional
from torch.optim import Optimizer

# Share of the old mean and deviation that a step keeps, once many have been measured.
_MEASURED = 0.99


@dataclass(frozen=True)
class AutoencoderConfig:
    """
    How the autoencoder learns.

    :param network: sizes.
    :param optim: of the network.
    :param edges, squares: weights of the mean difference of neighbouring pixels' differences and
        of the mean square, beside the mean difference of pixels.
    :param noise: largest deviation of the noise on normalised latents.
    :param average: decay of the average of its weights.
    :param only_decoder: leave the encoder and the latents as they are: what was made of them
        stays valid.
    """

    network: PatchConfig = TINY_PATCH
    optim: OptimConfig = OptimConfig(1e-3, betas=(0.9, 0.99), weight_decay=0.0)
    edges: float = 0.5
    squares: float = 2.0
    noise: float = 0.15
    average: float = 0.998
    only_decoder: bool = False


class AutoencoderStage:
    """
    Reconstruction of video.

    :param network: ready to learn, its straight line set (`begin_with`).
    :param config: of the stage.
    """

    def __init__(self, network: PatchAutoencoder, config: AutoencoderConfig) -> None:
        self.config = config
        self._network = network
        network.encoder.requires_grad_(not config.only_decoder)
        self._average_network = copy.deepcopy(network).eval().requires_grad_(False)
        self._learner = Learner('autoencoder', network, config.optim)
        self._average = Average(network, self._average_network, config.average)

    def networks(self) -> dict[str, nn.Module]:
        """Return the autoencoder and its average, which is the one to use."""
        return {'autoencoder': self._network, 'average': self._average_network}

    def optimizers(self) -> dict[str, Optimizer]:
        """Return the autoencoder's."""
        return {'autoencoder': self._learner.optimizer}

    def step(self, batch: Tensor, rng: torch.Generator) -> dict[str, float]:
        """
        Learn from a batch; see `Stage.step`.

        :param batch: (B, F, 3, H, W) float32, -1..1; F = 1 + 4k.
        """
        network, weight = self._network, next(self._network.parameters())
        frames = batch.to(weight.device, weight.dtype)
        groups = whole_groups(frames, network.config.temporal_factor)
        latents, _ = network.encode(groups, None)
        level = self.config.noise * torch.rand((len(latents), 1, 1, 1, 1), generator=rng)
        found = self._decode(network, latents + level.to(latents) * draw_noise(latents, rng))
        losses = reconstruction_losses(found, frames)
        loss = (losses['pixels'] + self.config.edges * losses['edges']
                + self.config.squares * losses['squares'])
        seen = {'frames': frames, 'latents': latents}
        check_finite({'loss': loss, **losses}, seen)
        self._learner.forget()
        loss.backward()
        norm = self._learner.gradient_norm(seen)
        self._learner.apply(norm)
        if not self.config.only_decoder:
            self._measure(latents.detach())
        self._average.update()
        figures = {'loss': loss, **losses}
        return {**{name: float(x.detach()) for name, x in figures.items()},
                'gradient_norm': norm}

    @torch.no_grad()
    def pictures(self, batch: Tensor, rng: torch.Generator) -> Tensor:
        """Return what comes back of some video, (B, F, 3, H, W); see `Stage.pictures`."""
        weight = next(self._average_network.parameters())
        frames = batch.to(weight.device, weight.dtype)
        network = self._average_network
        latents, _ = network.encode(whole_groups(frames, network.config.temporal_factor), None)
        return self._decode(network, latents).clamp(-1.0, 1.0)

    def state_dict(self) -> dict[str, Any]:
        """Return the counter."""
        return {'updates': self._average.updates}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up the counter."""
        self._average.updates = int(state['updates'])

    def _decode(self, network: PatchAutoencoder, latents: Tensor) -> Tensor:
        frames, _ = network.decode(latents, None)
        return frames[:, network.config.temporal_factor - 1:]

    @torch.no_grad()
    def _measure(self, latents: Tensor) -> None:
        """Let mean and deviation follow what is seen; the next step normalises with them."""
        mean, std = self._network.mean_C11, self._network.std_C11
        done = self._average.updates
        share = 1.0 - min(_MEASURED, done / (1.0 + done))
        raw = latents * std + mean
        new_std, new_mean = torch.std_mean(raw, dim=(0, 1, 3, 4), unbiased=False)
        mean.lerp_(new_mean[:, None, None], share)
        std.lerp_(new_std[:, None, None], share)
        self._average_network.mean_C11.copy_(mean)
        self._average_network.std_C11.copy_(std)


def reconstruction_losses(found: Tensor, wanted: Tensor) -> dict[str, Tensor]:
    """
    Return how far pictures are off.

    :param found, wanted: (..., H, W).
    :returns: `pixels` mean difference, `squares` mean square, `edges` mean difference of the
        differences between neighbours along rows and columns.
    """
    off = found - wanted
    edges = off.diff(dim=-1).abs().mean() + off.diff(dim=-2).abs().mean()
    return {'pixels': off.abs().mean(), 'squares': functional.mse_loss(found, wanted),
            'edges': 0.5 * edges}
