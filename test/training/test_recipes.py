# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Recipes: every number by its name, wrong names and values refused with what was meant."""

from inspatio_ros.cli import train
from inspatio_ros.training.recipes import (
    described, JdmdRecipe, keys, recipe, RECIPES, TeacherRecipe)
import pytest


def test_numbers_are_changed_by_dotted_names_in_their_own_type():
    found = recipe('jdmd', ['stage.tasks=v2v', 'loop.steps=5', 'stage.between=0.1, 0.9',
                            'stage.student.lr=1e-3', 'recompute=yes', 'precision=bf16'])
    assert isinstance(found, JdmdRecipe)
    assert found.stage.tasks == ('v2v',) and found.stage.between == (0.1, 0.9)
    assert found.loop.steps == 5 and found.stage.student.lr == 1e-3
    assert found.recompute is True and found.precision == 'bf16'
    assert recipe('jdmd').loop.steps != 5


@pytest.mark.parametrize('change, meant', [
    ('loop.stps=4', 'no key .*; did you mean loop.steps'),
    ('lr=1', 'no key .*; did you mean stage.optim.lr'),
    ('wholly_unlike=1', 'no key .*; there are loop.steps, '),
    ('loop.steps', 'should be KEY=VALUE'),
    ('loop.steps=x', 'must be a whole number'),
    ('stage.drop=x', 'must be a number'),
    ('stage.drop=nan', 'must be a number'),
    ('stage.optim.lr=inf', 'must be a number'),
    ('stage.drop=2', 'drop must be a probability'),
    ('stage.picture_steps=0', 'picture_steps at least 1, got 0.1 and 0'),
    ('loop.steps=0', 'steps must be at least 1, got 0'),
    ('precision=fp8', 'must be one of fp32, bf16'),
    ('recompute=perhaps', 'must be true or false'),
    ('stage.optim.betas=0.9', 'must be 2 values'),
    ('stage.optim.lr=-1', 'lr must be positive'),
])
def test_wrong_names_and_values_say_what_was_meant(change: str, meant: str):
    with pytest.raises(ValueError, match=meant):
        recipe('teacher_v2v', [change])


def test_an_unknown_recipe_names_the_nearest():
    with pytest.raises(ValueError, match="no recipe 'teacher_v2w'; did you mean teacher_v2v"):
        recipe('teacher_v2w')


def test_the_command_knows_all_recipes():
    assert set(train.RECIPES) == set(RECIPES)
    for name in RECIPES:
        assert dict(keys(recipe(name)))['loop.steps'] > 0


def test_runs_from_before_a_key_go_on_as_long_as_nobody_sets_it():
    before = described('causal_init', recipe('causal_init'))
    assert 'block_latents' not in before and 'structure' not in before['stage']
    now = described('causal_init', recipe('causal_init', ['block_latents=1', 'stage.structure=2']))
    assert now['block_latents'] == 1 and now['stage']['structure'] == 2.0


def test_what_a_run_leaves_behind_does_not_make_it_another():
    plain = described('jdmd', recipe('jdmd'))
    assert plain == described('jdmd', recipe('jdmd', ['loop.log_every=1', 'loop.keep=9',
                                                      'loop.steps=77']))
    assert plain != described('jdmd', recipe('jdmd', ['loop.seed=1']))
    # With a rate that follows the length of the run, its length does.
    falling = [described('teacher_v2v', recipe('teacher_v2v', changes))
               for changes in ([], ['loop.steps=77'])]
    assert falling[0] != falling[1]


def test_the_published_rates_are_those_of_the_full_size():
    full = recipe('jdmd-1.3b')
    assert isinstance(full, JdmdRecipe)
    assert (full.stage.student.lr, full.stage.fake.lr, full.latents) == (4e-6, 8e-7, 12)
    teacher = recipe('teacher_v2v-1.3b')
    assert isinstance(teacher, TeacherRecipe) and teacher.stage.optim.lr == 2e-5


def test_the_rate_rises_and_falls():
    loop = recipe('autoencoder', ['loop.steps=100', 'loop.warm_up=10', 'loop.last_lr=0.1']).loop
    rates = [loop.rate(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == pytest.approx(1.0)
    assert rates.index(max(rates)) in (9, 10)
    assert rates[55] == pytest.approx(0.1 + 0.9 * 0.5) and 0.1 < rates[-1] < 0.102
