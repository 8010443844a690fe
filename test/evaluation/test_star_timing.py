# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace

from inspatio_ros.engine.star import StarEngine
from inspatio_ros.evaluation.star_timing import narrow, time_twins
from inspatio_ros.model.config import STAR_1_3B, STAR_TINY
from inspatio_ros.model.dit import CausalDit
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

SHORT = narrow(STAR_1_3B, layers=2, height=16, width=28)


def flops(path: str) -> int:
    """Count the operations of one full context pass and one step at the published width."""
    with torch.device('meta'):
        dit = CausalDit(SHORT.dit).requires_grad_(False)
    engine = StarEngine(dit, SHORT, path)
    with torch.device('meta'):
        state = engine.new_state(torch.zeros(1, 512, 4096), seed=0)
        latents = torch.zeros(1, 3, 16, 16, 28)
        state.history = [latents]
        condition = engine.denoiser.condition(torch.zeros(1, 3, 20, 16, 28))
    with FlopCounterMode(display=False) as counter:
        engine.remember_context(state, latents)
        engine.denoiser.flow(state.memory, state.text, latents, condition, 0)
    return counter.get_total_flops()


def test_the_fast_path_works_less_at_the_published_width():
    assert flops('fast') <= 0.65 * flops('slow')


def test_both_paths_are_timed():
    small = replace(narrow(STAR_TINY, 1, 4, 4), dit=replace(STAR_TINY.dit, layers=1, dim=32))
    timing = time_twins(small, threads=1, repeats=1)
    assert timing.fast.total_ms > 0 and timing.ratio == (
        timing.fast.total_ms / timing.slow.total_ms)
    assert timing.table().splitlines()[1].startswith('fast')


@pytest.mark.slow
def test_the_fast_path_takes_less_time_at_the_published_width():
    timing = time_twins(SHORT, threads=2, repeats=4)
    print(timing.table())
    assert timing.ratio <= 0.80
