# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Two processes train what one would have trained."""

import json
import os
from pathlib import Path
import subprocess
import sys

from inspatio_ros.training.conditions import Conditions
from inspatio_ros.training.distributed import recompute_layers
from inspatio_ros.training.rollout import backpropagate, Student
from micro import clips, lively, rng, STAR, TEXT
import pytest
import spread_training
import torch

SCRIPT = Path(spread_training.__file__)


def train_alone(folder: Path, mode: str) -> dict:
    """Return the figures of this process."""
    spread_training.main(folder, mode, recompute=False)
    return json.loads((folder / f'{mode}_1_0.json').read_text())


def train_in_two(folder: Path, mode: str) -> list[dict]:
    """Return the figures of each of two processes."""
    done = subprocess.run(
        [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc-per-node', '2',
         str(SCRIPT), str(folder), mode, 'recompute'],
        env={**os.environ, 'PYTHONPATH': str(SCRIPT.parents[2])}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    return [json.loads((folder / f'{mode}_2_{rank}.json').read_text()) for rank in range(2)]


def near(found, expected):
    """Return whether figures are the same but for the order of sums."""
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(
            near(found[key], expected[key]) for key in expected)
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(near, found, expected))
    return found == pytest.approx(expected, rel=1e-4, abs=1e-5)


@pytest.mark.slow
def test_two_processes_train_like_one_and_one_goes_on_alone(tmp_path):
    (tmp_path / 'alone').mkdir()
    alone, both = train_alone(tmp_path / 'alone', 'begin'), train_in_two(tmp_path, 'begin')
    for found in both:
        assert near(found, alone), (found, alone)
    later = train_alone(tmp_path, 'go_on')
    assert len([name for name in later if name.endswith('later')]) == 3
    for name in later:
        assert near(later[name], alone[name]), name


def test_activations_made_again_give_the_same_gradients():
    told = Conditions.of(clips(), 'v2v')
    gradients = []
    for network in (lively(), recompute_layers(lively())):
        student = Student(network, STAR, TEXT)
        rollout = student.roll_out(told, rng(1))
        backpropagate(student, rollout, told, torch.ones_like(rollout.latents))
        gradients.append([weight.grad for weight in network.parameters()
                          if weight.grad is not None])
        assert 'blocks.0.self_attn.q.weight' in network.state_dict()
    assert len(gradients[0]) == len(gradients[1]) > 0
    assert all(torch.equal(a, b) for a, b in zip(*gradients))
