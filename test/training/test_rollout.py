# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace

from inspatio_ros.engine.star import StarEngine
from inspatio_ros.model.config import BlockShape, DitConfig
from inspatio_ros.training.conditions import Conditions
from inspatio_ros.training.peak_memory import allocator_peak
from inspatio_ros.training.rollout import backpropagate, Student
from micro import clips, lively, rng, STAR, TEXT
import pytest
import torch

TASKS = ('v2v', 't2v')


def gradients(dit):
    return {name: weight.grad.clone() for name, weight in dit.named_parameters()
            if weight.grad is not None}


def painted_with_gradients(student, rollout, told):
    """Return the clip with one graph over all blocks: only the history is cut off."""
    return torch.cat(list(student.repaint(rollout, told)), 1)


@pytest.mark.parametrize('task', TASKS)
@pytest.mark.parametrize('steps', [1, 2])
def test_block_by_block_gives_the_gradients_of_the_whole(task, steps):
    dit, told = lively(), Conditions.of(clips(), task)
    student = Student(dit, STAR, TEXT)
    rollout = student.roll_out(told, rng(1), steps)
    gradient = torch.randn(rollout.latents.shape, generator=rng(2))

    whole = painted_with_gradients(student, rollout, told)
    assert (whole - rollout.latents).abs().max() <= 1e-5
    (whole * gradient).sum().backward()
    expected = gradients(dit)
    dit.zero_grad()

    backpropagate(student, rollout, told, gradient)
    found = gradients(dit)
    assert found.keys() == expected.keys()
    assert max(float(x.abs().max()) for x in expected.values()) > 0.1
    for name, wanted in expected.items():
        scale = float(wanted.abs().max().clamp_min(1.0))
        assert float((found[name] - wanted).abs().max()) <= 1e-5 * scale, name


def test_the_gradient_ends_at_the_block_before():
    """With the history attached the gradients are others: the rule that cuts it off matters."""
    dit, told = lively(), Conditions.of(clips(), 'v2v')
    student = Student(dit, STAR, TEXT)
    rollout = student.roll_out(told, rng(1), 1)
    backpropagate(student, rollout, told, torch.ones_like(rollout.latents))
    cut = gradients(dit)
    dit.zero_grad()
    state = student.new_state(2)
    engine, K, total = student._engines[0], STAR.shape.block_latents, 0.0
    for number, noisy in enumerate(rollout.noisy.split(K, 1)):
        block = told.block(number, K)
        latents = engine.sample(state, block.reference, block.mask, block.render, noisy[None])
        state.history = [latents]
        total = total + latents.sum()
    total.backward()
    whole = gradients(dit)
    worst = max(float((whole[name] - wanted).abs().max() / wanted.abs().max().clamp_min(1.0))
                for name, wanted in cut.items())
    assert worst > 1e-3


def test_the_student_paints_what_the_live_engine_paints():
    dit, batch = lively(), clips()
    told = Conditions.of(batch, 'v2v')
    rollout = Student(dit, STAR, TEXT).roll_out(told, rng(3))
    live = StarEngine(dit, STAR, 'fast')
    state, noise, K = live.new_state(TEXT.expand(2, -1, -1), 0), rng(3), STAR.shape.block_latents
    for number, latents in enumerate(rollout.latents.split(K, 1)):
        block = told.block(number, K)
        draws = torch.stack([torch.randn(latents.shape, generator=noise) for _ in STAR.steps])
        expected = live.imagine(state, block.reference, block.mask, block.render, draws)
        assert (expected - latents).abs().max() <= 2e-5


def test_eight_blocks_need_the_memory_of_one():
    star = replace(STAR, dit=DitConfig(64, 2, 3, 128, 16, 8, 2, 10, 4),
                   shape=BlockShape(8, 12, 2, 1))
    dit = lively(0, star)
    student = Student(dit, star, TEXT)

    def peak(blocks, whole=False):
        told = Conditions.of(clips(1, blocks, star=star), 'v2v')
        rollout = student.roll_out(told, rng(1))
        gradient = torch.ones_like(rollout.latents)
        backpropagate(student, rollout, told, gradient)  # the gradients' own memory

        def at_once():
            painted_with_gradients(student, rollout, told).backward(gradient)
        return allocator_peak(at_once if whole else lambda: backpropagate(
            student, rollout, told, gradient))

    # The second block is the first one that has a history: from there on all are of a size.
    one, eight = peak(2), peak(8)
    assert eight <= 1.05 * one
    assert peak(8, whole=True) > 4 * eight
    # A lone first block has one block of context instead of two.
    assert eight <= 1.6 * peak(1)


def test_clips_that_are_not_whole_blocks_are_refused():
    told = Conditions.of(clips(), 'v2v')
    odd = Conditions(told.reference[:, :3], told.mask[:, :3], told.render[:, :3])
    with pytest.raises(ValueError, match='whole blocks of 2 latents, got 3'):
        Student(lively(), STAR, TEXT).roll_out(odd, rng())
