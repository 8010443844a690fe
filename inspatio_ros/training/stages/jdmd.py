# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Joint distribution matching: the student paints on its own, and is drawn to what teachers paint.

Two tasks take turns (published): V2V against the motion teacher (L_ctrl), T2V against the visual
teacher (L_vis); L = L_vis + lambda L_ctrl. Each task has a fake score, which learns the student's
own distribution in every turn of the task; the student learns in every `ratio`-th.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from inspatio_ros.model.dit import CausalDit
from inspatio_ros.training.conditions import Conditions, Task
from inspatio_ros.training.data.clips import LatentClips
from inspatio_ros.training.dmd import Direction, dmd_direction
from inspatio_ros.training.networks import ClipNetwork, copy_of
from inspatio_ros.training.noise_levels import draw_noise, draw_timesteps, flow_loss
from inspatio_ros.training.optim import Learner, OptimConfig
from inspatio_ros.training.rollout import backpropagate, Rollout
from inspatio_ros.training.stages.learning import Setting
from inspatio_ros.training.stages.stage import check_finite
from inspatio_ros.training.stages.student import StudentStage
import torch
from torch import nn, Tensor
from torch.optim import Optimizer


@dataclass(frozen=True)
class JdmdConfig:
    """
    How the student is distilled.

    :param student, fake: optimisers.
    :param weight: lambda, of L_ctrl.
    :param tasks: that take turns.
    :param ratio: turns of a fake score for each of the student.
    :param guidance: of the teachers.
    :param between: share of the noise schedule that samples are made noisy with.
    :param random_end: whether the student stops after any number of its steps, so that each of
        them is drawn; else only the last one learns.
    :param average: decay of the average of the student's weights.
    :raises ValueError: no task, a ratio below 1, a weight that is not positive.
    """

    student: OptimConfig = OptimConfig(4e-6, betas=(0.0, 0.999))
    fake: OptimConfig = OptimConfig(8e-7, betas=(0.0, 0.999))
    weight: float = 1.0
    tasks: tuple[Task, ...] = ('v2v', 't2v')
    ratio: int = 5
    guidance: float = 3.0
    between: tuple[float, float] = (0.02, 0.98)
    random_end: bool = True
    average: float = 0.99

    def __post_init__(self) -> None:
        if not self.tasks or len(set(self.tasks)) < len(self.tasks):
            raise ValueError(f'tasks must be v2v, t2v or both, got {self.tasks}')
        if self.ratio < 1 or not self.weight > 0.0:
            raise ValueError(f'ratio must be at least 1 and weight positive, got {self.ratio} '
                             f'and {self.weight}')


class JdmdStage(StudentStage):
    """
    Distillation of teachers into a student.

    :param student: the network, ready to learn.
    :param teachers: frozen, by task.
    :param setting: sizes and prompt.
    :param config: of the stage.
    :param fakes: by task, ready to learn; None: copies of the teachers.
    :raises ValueError: a task without a teacher, a teacher that learns.
    """

    def __init__(self, student: CausalDit, teachers: Mapping[Task, CausalDit], setting: Setting,
                 config: JdmdConfig, fakes: Mapping[Task, CausalDit] | None = None) -> None:
        missing = [task for task in config.tasks if task not in teachers]
        if missing:
            raise ValueError(f'no teacher for {", ".join(missing)}')
        if any(w.requires_grad for task in config.tasks for w in teachers[task].parameters()):
            raise ValueError('teachers must be frozen')
        super().__init__(student, setting, config.student, config.average)
        self.config = config
        fakes = fakes or {task: copy_of(teachers[task], learns=True) for task in config.tasks}
        self._fakes = {task: setting.prepare(fakes[task]) for task in config.tasks}
        self._teachers = {task: setting.prepare(teachers[task]) for task in config.tasks}
        self._fake_learners = {task: Learner(f'fake_{task}', fake, config.fake)
                               for task, fake in self._fakes.items()}

    def networks(self) -> dict[str, nn.Module]:
        """Return student, average, teachers and fake scores."""
        return {'student': self._dit, 'average': self._average_dit,
                **{f'teacher_{task}': dit for task, dit in self._teachers.items()},
                **{f'fake_{task}': dit for task, dit in self._fakes.items()}}

    def optimizers(self) -> dict[str, Optimizer]:
        """Return those of the student and of the fake scores."""
        return {'student': self._learner.optimizer,
                **{f'fake_{task}': learner.optimizer
                   for task, learner in self._fake_learners.items()}}

    def step(self, batch: LatentClips, rng: torch.Generator) -> dict[str, float]:
        """Take one task's turn; see `Stage.step`."""
        clips, origin = self.setting.look(batch, rng)
        turn, number = divmod(self._turns.count, len(self.config.tasks))
        task = self.config.tasks[number]
        told = Conditions.of(clips, task, origin)
        rollout = self._student.roll_out(told, rng, self._steps())
        seen = {'painted': rollout.latents, **clips.tensors()}
        check_finite({'painted': rollout.latents}, seen)
        fake_loss = self._judge(task, told, rollout, rng, seen)
        norms = {task: self._fake_learners[task].gradient_norm(seen)}
        figures = {f'fake_{task}': fake_loss, f'fake_{task}_norm': norms[task]}
        if turn % self.config.ratio == 0:
            figures.update(self._draw(task, told, rollout, rng, seen))
            self._learner.apply(figures['gradient_norm'])
            self._average.update()
        self._fake_learners[task].apply(norms[task])
        self._turns.count += 1
        return figures

    def _steps(self) -> int:
        """Return how many steps the student takes in this turn."""
        steps = len(self.setting.star.steps)
        return 1 + self._turns.draw(steps) if self.config.random_end else steps

    def _judge(self, task: Task, told: Conditions, rollout: Rollout, rng: torch.Generator,
               seen: Mapping[str, Tensor]) -> float:
        """Let a fake score's gradients follow the student's clips; return its loss."""
        learner = self._fake_learners[task]
        times_B = draw_timesteps(self.schedule, len(rollout.latents), rng)
        noise = draw_noise(rollout.latents, rng)
        noisy = self.schedule.add_noise(rollout.latents, noise, times_B)
        learner.forget()
        flow = self._network(self._fakes[task]).flow(noisy, times_B, told)
        loss = flow_loss(flow, rollout.latents, noise, torch.ones(len(noisy)))
        check_finite({f'loss of fake_{task}': loss}, seen)
        loss.backward()
        return float(loss.detach())

    def _draw(self, task: Task, told: Conditions, rollout: Rollout, rng: torch.Generator,
              seen: Mapping[str, Tensor]) -> dict[str, float]:
        """Draw the student's gradients towards a teacher; return figures."""
        direction = self._direction(task, told, rollout, rng)
        check_finite({f'direction of {task}': direction.gradient}, seen)
        weight = self.config.weight if task == 'v2v' else 1.0
        # Mean over clips and values, as of any loss: clips of another size learn as fast.
        gradient = direction.gradient * (weight / direction.gradient.numel())
        self._learner.forget()
        backpropagate(self._student, rollout, told, gradient)
        return {f'gap_{task}': float(direction.gap_B.mean()),
                f'pull_{task}': float(direction.gradient.abs().mean()),
                'gradient_norm': self._learner.gradient_norm(seen)}

    def _direction(self, task: Task, told: Conditions, rollout: Rollout,
                   rng: torch.Generator) -> Direction:
        """Return where the student's clips have to go."""
        real, fake = self._network(self._teachers[task]), self._network(self._fakes[task])
        times_B = draw_timesteps(self.schedule, len(rollout.latents), rng, self.config.between)
        # Guidance leads away from being told nothing: where nothing is told there is none.
        tells = task == 'v2v' or self.setting.blank_1LC is not None
        guidance = self.config.guidance if tells else 1.0
        return dmd_direction(
            rollout.latents, draw_noise(rollout.latents, rng), times_B, self.schedule,
            lambda noisy, times: real.clean(noisy, times, told, guidance),
            lambda noisy, times: fake.clean(noisy, times, told))

    def _network(self, dit: CausalDit) -> ClipNetwork:
        return self.setting.network(dit, self.schedule, self.setting.learnt)
