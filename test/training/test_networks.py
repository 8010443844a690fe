# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace

from inspatio_ros.engine.denoiser import LearningDenoiser
from inspatio_ros.model.config import BlockShape
from inspatio_ros.model.rope import cache_rope
from inspatio_ros.model.schedule import FlowSchedule
from inspatio_ros.training.conditions import Conditions
from inspatio_ros.training.networks import ClipNetwork, fresh_dit
from inspatio_ros.training.noise_levels import draw_timesteps, flow_loss
from inspatio_ros.training.ode import ode_path
from inspatio_ros.training.rollout import Student
from inspatio_ros.training.stages.learning import Turns
from micro import clips, dit, lively, rng, setting, SIZES, STAR, TEXT
import pytest
import torch

SCHEDULE = FlowSchedule()


def test_a_fresh_network_believes_in_the_render():
    star = replace(STAR, dit=replace(SIZES, dim=96), steps=(1000,))
    told = Conditions.of(clips(star=star), 'v2v')
    painted = Student(fresh_dit(star.dit, 0), star, TEXT).roll_out(told, rng()).latents
    error = (painted - told.render).square().mean() ** 0.5
    assert error < 0.2 * told.render.square().mean() ** 0.5


def test_a_narrow_fresh_network_has_no_flow():
    narrow = fresh_dit(replace(SIZES, dim=24), 0)
    assert not narrow.head.head.weight.any() and narrow.patch_embedding.weight.any()


def test_a_network_over_a_clip_sees_it_from_both_ends():
    network, batch = setting().network(lively(), SCHEDULE, STAR), clips(1)
    told, times = Conditions.of(batch, 't2v'), SCHEDULE.timesteps[[500]]
    noisy = batch.target.clone()
    before = network.flow(noisy, times, told)
    noisy[:, -1] += 1.0
    assert (network.flow(noisy, times, told)[:, 0] - before[:, 0]).abs().max() > 1e-3


def test_a_clip_of_one_block_is_what_a_student_without_history_sees():
    star = replace(STAR, shape=replace(STAR.shape, history_blocks=0))
    network, batch = lively(), clips(1, 1)
    told, times = Conditions.of(batch, 'v2v'), SCHEDULE.timesteps[[300]]
    whole = ClipNetwork(network, star.shape, 2, TEXT, SCHEDULE).flow(batch.target, times, told)
    engine = Student(network, star, TEXT).engine_at()
    state = engine.new_state(TEXT, 0)
    engine.remember_context(state, told.reference)
    block = engine.denoiser.predict(state.memory, state.text, batch.target, told.geometry, times)
    assert torch.equal(whole, block)


def test_guidance_goes_from_nothing_past_what_is_told():
    network, batch = setting().network(lively(), SCHEDULE, STAR), clips(1)
    told, times = Conditions.of(batch, 'v2v'), SCHEDULE.timesteps[[500]]
    at = {g: network.clean(batch.target, times, told, g) for g in (0.0, 1.0, 3.0)}
    free = network.clean(batch.target, times, told.without())
    assert (at[0.0] - free).abs().max() < 1e-5
    assert (at[3.0] - (free + 3.0 * (at[1.0] - free))).abs().max() < 1e-4
    assert (at[1.0] - free).abs().max() > 1e-3


def test_the_prompt_of_guidance_counts():
    other = torch.ones(1, 1, SIZES.text_dim)
    network = ClipNetwork(lively(), STAR.shape, 4, TEXT, SCHEDULE, other)
    batch = clips(1)
    told, times = Conditions.of(batch, 't2v'), SCHEDULE.timesteps[[500]]
    plain, guided = (network.clean(batch.target, times, told, g) for g in (1.0, 3.0))
    assert (plain - guided).abs().max() > 1e-3


def test_a_window_knows_where_it_is():
    whole, part = BlockShape(8, 12), BlockShape(4, 4)
    everywhere, here = cache_rope(SIZES, whole), cache_rope(SIZES, part, origin=(1, 3))
    frames = len(whole.cache_positions)
    for a, b in zip(everywhere, here):
        grid = a.unflatten(0, (frames, *whole.grid))[:, 1:3, 3:5]
        assert torch.equal(grid.flatten(0, 2), b)


def test_a_step_on_a_window_uses_its_place():
    place = replace(setting(), window=(2, 4))
    batch = clips()
    seen = {}
    for seed in range(40):
        part, origin = place.look(batch, rng(seed))
        top, left = 2 * origin[0], 2 * origin[1]
        assert torch.equal(part.render, batch.render[..., top:top + 2, left:left + 4])
        assert part.mask.shape[-2:] == (2, 4)
        seen[origin] = part
    assert set(seen) == {(0, 0), (1, 0), (0, 1), (1, 1)}
    student, (part, origin) = Student(lively(), place.learnt, TEXT), (seen[1, 1], (1, 1))
    painted = [student.roll_out(Conditions.of(part, 'v2v', at), rng()).latents
               for at in (origin, (0, 0), origin)]
    assert torch.equal(painted[0], painted[2])
    # Rotary positions are relative: a window that is moved as a whole paints nearly the same.
    assert (painted[0] - painted[1]).abs().max() < 1e-3
    denoiser = LearningDenoiser(dit(), place.learnt.shape)
    denoiser.place((1, 1))
    assert not torch.equal(denoiser.rope.cos_Sc, LearningDenoiser(
        dit(), place.learnt.shape).rope.cos_Sc)


def test_windows_that_are_refused():
    with pytest.raises(ValueError, match='a window must fit into 4x6 latents, got 4x8'):
        replace(setting(), window=(4, 8))
    with pytest.raises(ValueError, match='multiple of 2'):
        replace(setting(), window=(3, 4))


class Straight:
    """A teacher whose flow leads from any noise straight to one clip."""

    schedule = SCHEDULE

    def __init__(self, clip):
        self.clip = clip

    def clean(self, noisy, times, told, guidance):
        return self.clip


def test_a_way_of_a_teacher_stops_where_it_is_asked_to():
    clip, noise = torch.full((2, 4, 4, 2, 2), 3.0), torch.randn(2, 4, 4, 2, 2, generator=rng())
    stops = SCHEDULE.steps((1000, 750, 333))
    path = ode_path(Straight(clip), noise, None, 8, stops)
    assert (path.clean - clip).abs().max() < 1e-5
    for step, noisy in zip(stops, path.noisy):
        assert (noisy - ((1 - step.sigma) * clip + step.sigma * noise)).abs().max() < 1e-5
    with pytest.raises(ValueError, match='at least 1 step, got 0'):
        ode_path(Straight(clip), noise, None, 0)


def test_more_steps_follow_a_flow_more_closely():
    network, batch = setting().network(lively(), SCHEDULE, STAR), clips(1)
    told, noise = Conditions.of(batch, 'v2v'), torch.randn(batch.target.shape, generator=rng())
    coarse, fine, finest = (ode_path(network, noise, told, n).clean for n in (4, 16, 64))
    assert (fine - finest).norm() < 0.6 * (coarse - finest).norm()


def test_draws_of_noise_levels():
    times = draw_timesteps(SCHEDULE, 4000, rng())
    assert abs(float(times.mean()) - float(SCHEDULE.timesteps.mean())) < 15.0
    part = draw_timesteps(SCHEDULE, 4000, rng(), (0.02, 0.98))
    assert part.max() <= SCHEDULE.timesteps[20] and part.min() >= SCHEDULE.timesteps[979]
    assert torch.equal(times, draw_timesteps(SCHEDULE, 4000, rng()))
    with pytest.raises(ValueError, match='low before high'):
        draw_timesteps(SCHEDULE, 1, rng(), (0.5, 0.5))


def test_the_loss_weighs_clips():
    clean, noise = torch.zeros(2, 3), torch.ones(2, 3)
    flow = torch.stack([torch.zeros(3), torch.full((3,), 3.0)])  # off by 1 and by 2
    assert float(flow_loss(flow, clean, noise, torch.tensor([1.0, 0.5]))) == pytest.approx(1.5)


def test_all_processes_decide_alike():
    a, b = Turns(3), Turns(3)
    decisions = []
    for _ in range(200):
        assert a.draw(4) == b.draw(4) and a.happens(0.3) == b.happens(0.3)
        decisions.append((a.draw(4), a.happens(0.3)))
        a.count += 1
        b.count += 1
    assert {number for number, _ in decisions} == {0, 1, 2, 3}
    assert 0.2 < sum(happened for _, happened in decisions) / 200 < 0.4
