# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Teachers: they see a whole clip at once, from both ends.

`teacher_v2v` is told the recording and its warp into the wanted camera, `teacher_t2v` nothing.
Both learn the flow from noise to the clip at all noise levels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inspatio_ros.model.dit import CausalDit
from inspatio_ros.model.schedule import FlowSchedule
from inspatio_ros.training.conditions import Conditions, Task
from inspatio_ros.training.data.clips import LatentClips
from inspatio_ros.training.networks import copy_of
from inspatio_ros.training.noise_levels import draw_noise, draw_timesteps, flow_loss
from inspatio_ros.training.ode import ode_path
from inspatio_ros.training.optim import Average, Learner, OptimConfig
from inspatio_ros.training.stages.learning import Setting, Turns
from inspatio_ros.training.stages.stage import check_finite
import torch
from torch import nn, Tensor
from torch.optim import Optimizer


@dataclass(frozen=True)
class TeacherConfig:
    """
    How a teacher learns.

    :param task: what it is told.
    :param optim: of the network.
    :param drop: probability that a V2V step is told nothing, which guidance needs.
    :param average: decay of the average of its weights.
    :param picture_steps: of the solver that makes pictures.
    :raises ValueError: a number out of range.
    """

    task: Task
    optim: OptimConfig = OptimConfig(2e-5)
    drop: float = 0.1
    average: float = 0.999
    picture_steps: int = 12

    def __post_init__(self) -> None:
        if not 0.0 <= self.drop <= 1.0 or self.picture_steps < 1:
            raise ValueError(f'drop must be a probability and picture_steps at least 1, got '
                             f'{self.drop} and {self.picture_steps}')


class TeacherStage:
    """
    Flow matching on whole clips.

    :param dit: the network, ready to learn.
    :param setting: sizes and prompt.
    :param config: of the stage.
    """

    def __init__(self, dit: CausalDit, setting: Setting, config: TeacherConfig) -> None:
        self.setting, self.config = setting, config
        self.schedule = FlowSchedule()
        self._average_dit = setting.prepare(copy_of(dit, learns=False))
        self._dit = setting.prepare(dit)
        self._learner = Learner('teacher', self._dit, config.optim)
        self._average = Average(self._dit, self._average_dit, config.average)
        self._turns = Turns()

    def networks(self) -> dict[str, nn.Module]:
        """Return the teacher and its average."""
        return {'teacher': self._dit, 'average': self._average_dit}

    def optimizers(self) -> dict[str, Optimizer]:
        """Return the teacher's."""
        return {'teacher': self._learner.optimizer}

    def step(self, batch: LatentClips, rng: torch.Generator) -> dict[str, float]:
        """Learn from a batch; see `Stage.step`."""
        clips, origin = self.setting.look(batch, rng)
        told = Conditions.of(clips, self.config.task, origin)
        if self.config.task == 'v2v' and self._turns.happens(self.config.drop):
            told = told.without()
        times_B = draw_timesteps(self.schedule, len(clips), rng)
        noise = draw_noise(clips.target, rng)
        noisy = self.schedule.add_noise(clips.target, noise, times_B)
        self._learner.forget()
        network = self.setting.network(self._dit, self.schedule, self.setting.learnt)
        flow = network.flow(noisy, times_B, told)
        loss = flow_loss(flow, clips.target, noise, self.schedule.training_weights(times_B))
        seen = {'timesteps': times_B, **clips.tensors()}
        check_finite({'loss': loss}, seen)
        loss.backward()
        norm = self._learner.gradient_norm(seen)
        self._learner.apply(norm)
        self._average.update()
        self._turns.count += 1
        return {'loss': float(loss.detach()), 'gradient_norm': norm}

    @torch.no_grad()
    def pictures(self, batch: LatentClips, rng: torch.Generator) -> Tensor:
        """Return clips that the average makes from noise; see `Stage.pictures`."""
        clips = self.setting.take(batch)
        told = Conditions.of(clips, self.config.task)
        network = self.setting.network(self._average_dit, self.schedule, self.setting.star)
        path = ode_path(network, draw_noise(clips.target, rng), told, self.config.picture_steps)
        return self.setting.decode(path.clean)

    def state_dict(self) -> dict[str, Any]:
        """Return the counters."""
        return {'turns': self._turns.state_dict(), 'updates': self._average.updates}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up the counters."""
        self._turns.load_state_dict(state['turns'])
        self._average.updates = int(state['updates'])
