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

from dataclasses import dataclass
from typing import Literal, NamedTuple

from inspatio_ros.engine.denoiser import LearningDenoiser
from inspatio_ros.model.dit import CausalDit
from inspatio_ros.training.conditions import Conditions
from inspatio_ros.training.data.clips import LatentClips
from inspatio_ros.training.noise_levels import draw_noise, draw_timesteps, flow_loss
from inspatio_ros.training.ode import ode_path
from inspatio_ros.training.optim import OptimConfig
from inspatio_ros.training.stages.learning import Setting
from inspatio_ros.training.stages.stage import check_finite
from inspatio_ros.training.stages.student import StudentStage
import torch
from torch import nn, Tensor
from torch.optim import Optimizer


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
    :param drop: probability that a step is told nothing but the history (the T2V task).
    :param average: decay of the average of the weights.
    :param ode_steps, guidance: of the teacher's ways. Of `ode` only.
    :raises ValueError: shares out of range.
    """

    source: Literal['data', 'ode'] = 'data'
    optim: OptimConfig = OptimConfig(2e-5)
    own_steps: float = 0.5
    history_noise: float = 0.1
    drop: float = 0.1
    average: float = 0.999
    ode_steps: int = 48
    guidance: float = 3.0

    def __post_init__(self) -> None:
        for name in ('own_steps', 'history_noise', 'drop'):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f'{name} must lie in 0..1, got {getattr(self, name)}')


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
    :raises ValueError: the source `ode` without a teacher.
    """

    def __init__(self, dit: CausalDit, setting: Setting, config: CausalInitConfig,
                 teacher: CausalDit | None = None) -> None:
        if config.source == 'ode' and teacher is None:
            raise ValueError("the source 'ode' needs a teacher")
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
        for number in range(self.setting.blocks):
            loss = self._block_loss(truth, told, number, rng) / self.setting.blocks
            check_finite({f'loss of block {number}': loss}, seen)
            loss.backward()
            total += loss.detach().cpu()
        norm = self._learner.gradient_norm(seen)
        self._learner.apply(norm)
        self._average.update()
        self._turns.count += 1
        return {'loss': float(total), 'gradient_norm': norm}

    def _block_loss(self, truth: _Truth, told: Conditions, number: int,
                    rng: torch.Generator) -> Tensor:
        """Return the loss of one block of each clip."""
        K, engine = self.setting.star.shape.block_latents, self._student.engine_at(told.origin)
        clean, noise, noisy = (x[:, number * K:(number + 1) * K] for x in truth[:3])
        state, block = self._student.new_state(len(clean)), told.block(number, K)
        state.history = self._history(truth.clean, number, rng)
        engine.remember_context(state, block.reference)
        denoiser, times_B = engine.denoiser, truth.times[:, number]
        assert isinstance(denoiser, LearningDenoiser)
        flow = denoiser.predict(state.memory, state.text, noisy, block.geometry, times_B)
        return flow_loss(flow, clean, noise, torch.ones(len(clean)))

    def _history(self, clean: Tensor, number: int, rng: torch.Generator) -> list[Tensor]:
        """Return the blocks before one, the newest first, a little noisy."""
        shape = self.setting.star.shape
        blocks = clean.split(shape.block_latents, 1)
        first = max(0, number - shape.history_blocks)
        share = self.config.history_noise * torch.rand(len(clean), generator=rng)
        share = share.to(clean.device)[:, None, None, None, None]
        return [(1.0 - share) * block + share * draw_noise(block, rng)
                for block in reversed(blocks[first:number])]

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
