# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the stages that make a student share: the network that learns, its average, pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inspatio_ros.model.dit import CausalDit
from inspatio_ros.model.schedule import FlowSchedule
from inspatio_ros.training.conditions import Conditions
from inspatio_ros.training.data.clips import LatentClips
from inspatio_ros.training.networks import copy_of
from inspatio_ros.training.optim import Average, Learner, OptimConfig
from inspatio_ros.training.rollout import Student
from inspatio_ros.training.stages.learning import Setting, Turns
import torch
from torch import Tensor


class StudentStage:
    """
    A student that learns, beside the average of its weights.

    :param dit: the network, ready to learn.
    :param setting: sizes and prompt.
    :param optim: of the network.
    :param decay: of the average.
    """

    def __init__(self, dit: CausalDit, setting: Setting, optim: OptimConfig,
                 decay: float) -> None:
        self.setting, self.schedule = setting, FlowSchedule()
        self._average_dit = setting.prepare(copy_of(dit, learns=False))
        self._dit = setting.prepare(dit)
        self._student = Student(self._dit, setting.learnt, setting.text_1LC)
        self._learner = Learner('student', self._dit, optim)
        self._average = Average(self._dit, self._average_dit, decay)
        self._turns = Turns()

    @torch.no_grad()
    def pictures(self, batch: LatentClips, rng: torch.Generator) -> Tensor:
        """Return clips that the average paints on its own, V2V; see `Stage.pictures`."""
        clips = self.setting.take(batch)
        student = Student(self._average_dit, self.setting.star, self.setting.text_1LC)
        return self.setting.decode(student.roll_out(Conditions.of(clips, 'v2v'), rng).latents)

    def state_dict(self) -> dict[str, Any]:
        """Return the counters."""
        return {'turns': self._turns.state_dict(), 'updates': self._average.updates}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up the counters."""
        self._turns.load_state_dict(state['turns'])
        self._average.updates = int(state['updates'])
