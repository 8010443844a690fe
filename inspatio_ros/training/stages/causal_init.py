# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Causal initialisation: the network that knows whole clips learns to go on from block to block.

Every block of a clip is painted from its reference, its geometry and the true blocks before it
(teacher forcing), each at a noise level of its own. Two sources of what is true:

- `data`: the clips themselves, with fresh noise; part of the draws are the student's own steps.
- `ode`: a teacher's ways from noise to clips (training/ode), at the student's steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

from inspatio_ros.engine.denoiser import LearningDenoiser
from inspatio_ros.model.dit import CausalDit
from inspatio_ros.training.conditions import Conditions
from inspatio_ros.training.data.clips import LatentClips
from inspatio_ros.training.noise_levels import (
    draw_noise, draw_timesteps, flow_loss, LatentCost)
from inspatio_ros.training.ode import ode_path
from inspatio_ros.training.optim import OptimConfig
from inspatio_ros.training.stages.learning import Setting
from inspatio_ros.training.stages.stage import check_finite
from inspatio_ros.training.stages.student import StudentStage
from inspatio_ros.training.structure import TrueBlock
import torch
from torch import nn, Tensor
from torch.optim import Optimizer

# Added to what errors are compared with: where the warp is right, the share stays finite.
_LEAST_ERROR = 0.05


@dataclass(frozen=True)
class CausalInitConfig:
    """
    How the student is prepared.

    :param source: of what is true.
    :param optim: of the network.
    :param own_steps: share of draws that are noise levels of the student's steps, 0 .. 1; the
        others come from the whole schedule. Of `data` only.
    :param history_noise: largest share of noise in the true blocks before: the student's own
        are going to be less than perfect.
    :param error: what squared errors are of: `latents`, as published, or `pixels`: of what the
        decoder makes of them, to first order.
    :param structure: weight of what decoded pictures lack in structure where the warp shows
        nothing (`training.structure`), beside the squared errors.
    :param relative: whether a block's errors count as a share of those of the warp itself (and of
        a small constant): pictures in which much is to be made up do not outweigh all others.
    :param seen: how much errors count where the warp shows all, against 1 where it shows nothing.
    :param own_history: share of the clips behind whose blocks there is not the truth, but what
        the student has just made of them itself.
    :param drop: probability that a step is told nothing but the history (the T2V task).
    :param average: decay of the average of the weights.
    :param ode_steps, guidance: of the teacher's ways. Of `ode` only.
    :raises ValueError: shares out of range, no steps.
    """

    source: Literal['data', 'ode'] = 'data'
    optim: OptimConfig = OptimConfig(2e-5)
    own_steps: float = 0.5
    history_noise: float = 0.1
    own_history: float = 0.0
    drop: float = 0.1
    error: Literal['latents', 'pixels'] = 'latents'
    structure: float = 0.0
    seen: float = 1.0
    relative: bool = False
    average: float = 0.999
    ode_steps: int = 48
    guidance: float = 3.0

    def __post_init__(self) -> None:
        if self.ode_steps < 1:
            raise ValueError(f'ode_steps must be at least 1, got {self.ode_steps}')
        for name in ('own_steps', 'history_noise', 'own_history', 'drop', 'seen'):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f'{name} must lie in 0..1, got {getattr(self, name)}')
        if not self.structure >= 0.0:
            raise ValueError(f'structure must not be negative, got {self.structure}')


class _Truth(NamedTuple):
    """What the blocks of a step are: clean, and as noisy as the network gets them."""

    clean: Tensor       # (B, N, C, h, w)
    noise: Tensor       # (B, N, C, h, w) such that noisy = (1 - sigma) clean + sigma noise
    noisy: Tensor       # (B, N, C, h, w)
    times: Tensor       # (B, blocks) timesteps


class CausalInitStage(StudentStage):
    """
    Flow matching block by block, behind true blocks.

    :param dit: the student, ready to learn.
    :param setting: sizes and prompt.
    :param config: of the stage.
    :param teacher: frozen; for the source `ode`.
    :raises ValueError: the source `ode` without a teacher, errors of pixels or structure
        without a decoder.
    """

    def __init__(self, dit: CausalDit, setting: Setting, config: CausalInitConfig,
                 teacher: CausalDit | None = None) -> None:
        if config.source == 'ode' and teacher is None:
            raise ValueError("the source 'ode' needs a teacher")
        if config.error == 'pixels' and setting.root_CC is None:
            raise ValueError('stage.error=pixels needs the autoencoder beside the latents')
        if config.structure and setting.structure is None:
            raise ValueError('stage.structure needs the autoencoder beside the latents')
        super().__init__(dit, setting, config.optim, config.average)
        self.config = config
        self._teacher = setting.prepare(teacher) if teacher and config.source == 'ode' else None
        self._steps = self.schedule.steps(setting.star.steps)

    def networks(self) -> dict[str, nn.Module]:
        """Return the student, its average and, if there is one, the teacher."""
        teacher = {} if self._teacher is None else {'teacher': self._teacher}
        return {'student': self._dit, 'average': self._average_dit, **teacher}

    def optimizers(self) -> dict[str, Optimizer]:
        """Return the student's."""
        return {'student': self._learner.optimizer}

    def step(self, batch: LatentClips, rng: torch.Generator) -> dict[str, float]:
        """Learn from a batch; see `Stage.step`."""
        clips, origin = self.setting.look(batch, rng)
        told = Conditions.of(clips, 'v2v', origin)
        truth = (self._of_teacher(clips, told, rng) if self._teacher
                 else self._of_data(clips, rng))
        if self._turns.happens(self.config.drop):
            told = told.without()
        seen = {'timesteps': truth.times, **clips.tensors()}
        self._learner.forget()
        total = torch.zeros(())
        # What the blocks of each clip are seen as from behind.
        past = list(truth.clean.split(self.setting.star.shape.block_latents, 1))
        own = self._own(len(clips), rng) if self.config.own_history else None
        pictures = self._pictures(truth)
        for number in range(self.setting.blocks):
            loss, made = self._block(truth, past, told, number, rng, pictures)
            loss = loss / self.setting.blocks
            if own is not None:
                past[number] = torch.where(own, made(), past[number])
            check_finite({f'loss of block {number}': loss}, seen)
            loss.backward()
            total += loss.detach().cpu()
        norm = self._learner.gradient_norm(seen)
        self._learner.apply(norm)
        self._average.update()
        self._turns.count += 1
        return {'loss': float(total), 'gradient_norm': norm}

    def _own(self, clips: int, rng: torch.Generator) -> Tensor:
        """Draw which clips have a history of the student's own, (B, 1, 1, 1, 1)."""
        own = torch.rand(clips, 1, 1, 1, 1, generator=rng) < self.config.own_history
        return own.to(self.setting.text_1LC.device)

    def _block(self, truth: _Truth, past: list[Tensor], told: Conditions, number: int,
               rng: torch.Generator, pictures: Sequence[TrueBlock]) -> tuple[
                   Tensor, Callable[[], Tensor]]:
        """Return the loss of one block of each clip, and what makes the student's own block."""
        K, engine = self.setting.star.shape.block_latents, self._student.engine_at(told.origin)
        clean, noise, noisy = (x[:, number * K:(number + 1) * K] for x in truth[:3])
        state, block = self._student.new_state(len(clean)), told.block(number, K)
        state.history = self._history(past, number, rng)
        engine.remember_context(state, block.reference)
        denoiser, times_B = engine.denoiser, truth.times[:, number]
        assert isinstance(denoiser, LearningDenoiser)
        flow = denoiser.predict(state.memory, state.text, noisy, block.geometry, times_B)
        cost, weights = self._cost(block), torch.ones(len(clean))
        if self.config.relative:
            of_warp = cost.squares(block.render - clean).flatten(1).mean(1)
            weights = 1.0 / (of_warp + _LEAST_ERROR)
        loss = flow_loss(flow, clean, noise, weights, cost)

        def made(by: Tensor) -> Tensor:
            own = self.schedule.clean(by, noisy, times_B)
            return engine.compose(own, block.mask, block.render)
        if pictures:
            assert self.setting.structure is not None
            loss = loss + self.config.structure * self.setting.structure.of(
                made(flow), block.mask, pictures[number])
        return loss, partial(made, flow.detach())

    def _pictures(self, truth: _Truth) -> list[TrueBlock]:
        """Return what the blocks should look like; empty if nobody asks."""
        if not self.config.structure:
            return []
        assert self.setting.structure is not None
        return self.setting.structure.true_blocks(truth.clean,
                                                  self.setting.star.shape.block_latents)

    def _cost(self, told: Conditions) -> LatentCost:
        """Return what errors cost in a block."""
        # The packed mask says of each frame of a latent whether the warp shows something.
        known = 0.5 * (told.mask.mean(2, keepdim=True) + 1.0)
        places = None if self.config.seen == 1.0 else 1.0 - (1.0 - self.config.seen) * known
        return LatentCost(self.setting.root_CC if self.config.error == 'pixels' else None, places)

    def _history(self, past: list[Tensor], number: int, rng: torch.Generator) -> list[Tensor]:
        """Return the blocks before one, the newest first, a little noisy."""
        first = max(0, number - self.setting.star.shape.history_blocks)
        share = self.config.history_noise * torch.rand(len(past[0]), generator=rng)
        share = share.to(past[0].device)[:, None, None, None, None]
        return [(1.0 - share) * block + share * draw_noise(block, rng)
                for block in reversed(past[first:number])]

    def _of_data(self, clips: LatentClips, rng: torch.Generator) -> _Truth:
        """Return the clips with fresh noise."""
        batch, blocks = len(clips), self.setting.blocks
        times = draw_timesteps(self.schedule, batch * blocks, rng)
        steps = torch.tensor([step.timestep for step in self._steps])
        own = steps[torch.randint(len(steps), times.shape, generator=rng)]
        chosen = torch.rand(times.shape, generator=rng) < self.config.own_steps
        times = torch.where(chosen, own, times).view(batch, blocks)
        noise = draw_noise(clips.target, rng)
        each = times.repeat_interleave(self.setting.star.shape.block_latents, 1)
        return _Truth(clips.target, noise, self.schedule.add_noise(clips.target, noise, each),
                      times)

    def _of_teacher(self, clips: LatentClips, told: Conditions,
                    rng: torch.Generator) -> _Truth:
        """Return the teacher's clips, each block as noisy as one of the student's steps."""
        assert self._teacher is not None
        teacher = self.setting.network(self._teacher, self.schedule, self.setting.learnt)
        steps, blocks = self._steps, self.setting.blocks
        path = ode_path(teacher, draw_noise(clips.target, rng), told, self.config.ode_steps,
                        steps, self.config.guidance)
        chosen = torch.randint(len(steps), (len(clips), blocks), generator=rng)
        each = chosen.repeat_interleave(self.setting.star.shape.block_latents, 1)
        index = each.to(path.noisy.device)[None, ..., None, None, None]
        noisy = torch.take_along_dim(path.noisy, index, 0)[0]
        sigma = torch.tensor([step.sigma for step in steps])[each]
        sigma = sigma.to(noisy.device)[..., None, None, None]
        noise = path.clean + (noisy - path.clean) / sigma
        times = torch.tensor([step.timestep for step in steps])[chosen]
        return _Truth(path.clean, noise, noisy, times)
