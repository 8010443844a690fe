# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the causal initialisation weighs and what it looks back at."""

from dataclasses import replace

from inspatio_ros.training.optim import OptimConfig
from inspatio_ros.training.stages.causal_init import CausalInitConfig, CausalInitStage
from micro import clips, lively, rng, setting, STAR
import pytest
import torch

STEADY = OptimConfig(1e-3, clip=0.0)
ONE_STEP = replace(STAR, steps=(1000,))


def stage(star=ONE_STEP, root=None, **options):
    options = {'own_steps': 1.0, 'drop': 0.0, 'history_noise': 0.0, **options}
    return CausalInitStage(lively(3), replace(setting(star=star), root_CC=root),
                           CausalInitConfig(optim=STEADY, **options))


def gradient(made, batch):
    """Return the gradient of a step with respect to the head's bias, as Adam remembers it."""
    made.step(batch, rng(1))
    state = made.optimizers()['student'].state
    return torch.cat([it['exp_avg'].flatten() for it in state.values()])


def test_errors_where_the_warp_shows_something_may_count_less():
    batch = clips()
    whole, hardly = (stage(seen=share).step(batch, rng(1))['loss'] for share in (1.0, 0.0))
    assert 0.0 < hardly < 0.7 * whole
    # All of it known: nothing is left to learn from.
    known = replace(batch, mask=torch.ones_like(batch.mask))
    assert stage(seen=0.0).step(known, rng(1))['loss'] == 0.0


def test_errors_are_weighed_by_what_they_do_to_pixels():
    batch, C = clips(), 4
    plain = stage().step(batch, rng(1))['loss']
    same = stage(root=torch.eye(C), error='pixels').step(batch, rng(1))['loss']
    assert same == pytest.approx(plain, rel=1e-6)
    heavy = stage(root=2.0 * torch.eye(C), error='pixels').step(batch, rng(1))['loss']
    assert heavy == pytest.approx(4.0 * plain, rel=1e-6)
    # A root that is there counts for those alone who ask for it.
    assert stage(root=2.0 * torch.eye(C)).step(batch, rng(1))['loss'] == plain


def test_errors_of_pixels_need_a_decoder():
    with pytest.raises(ValueError, match='pixels needs the autoencoder'):
        stage(error='pixels')


def test_errors_relative_to_the_warp_do_not_depend_on_how_much_is_wrong():
    """Of two clips, the one with ten times the error of the other does not get all the weight."""
    batch = clips()
    loud = replace(batch, target=batch.target.clone())
    loud.target[1] += 10.0 * (loud.target[1] - loud.render[1])
    ratios = [stage(relative=relative).step(loud, rng(1))['loss']
              / stage(relative=relative).step(batch, rng(1))['loss'] for relative in (False, True)]
    assert ratios[0] > 10.0 and ratios[1] < 2.0


def test_a_history_of_its_own_is_what_the_student_made():
    batch = clips()
    seen = []
    for share in (0.0, 1.0):
        made = stage(own_history=share)
        look = made._history
        made._history = lambda past, number, numbers: seen.append(
            [it.clone() for it in look(past, number, numbers)]) or seen[-1]
        made.step(batch, rng(1))
    # Two blocks each; the first has no history.
    (first, true), (also_first, own) = seen[:2], seen[2:]
    assert first == [] and also_first == []
    assert torch.equal(true[0], batch.target[:, :2])
    assert not torch.equal(own[0], true[0]) and not own[0].requires_grad
    # One step from pure noise: what it believes is what it paints.
    assert own[0].isfinite().all()


def test_a_history_of_its_own_is_composed_as_it_is_painted():
    batch, seen = clips(), []
    made = stage(star=replace(ONE_STEP, composes=True), own_history=1.0)
    look = made._history
    made._history = lambda past, number, numbers: seen.append(look(past, number, numbers)) or (
        seen[-1])
    made.step(batch, rng(1))
    left = slice(0, STAR.shape.width // 2)
    assert torch.equal(seen[1][0][..., left], batch.render[:, :2, ..., left])
    assert not torch.equal(seen[1][0], batch.render[:, :2])


@pytest.mark.parametrize('name', ['own_history', 'seen', 'drop'])
def test_shares_out_of_range_are_refused(name):
    with pytest.raises(ValueError, match=f'{name} must lie in 0..1, got 1.5'):
        CausalInitConfig(**{name: 1.5})


def test_options_change_the_gradient():
    """None of them is without effect."""
    batch = clips()
    plain = gradient(stage(), batch)
    for options in ({'seen': 0.5}, {'relative': True}, {'own_history': 1.0}):
        assert not torch.equal(gradient(stage(**options), batch), plain), options
