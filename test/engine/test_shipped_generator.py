# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The small generator that comes with the package does what its card says."""

import json
import re

from inspatio_ros.engine.exported import is_exported, open_exported, STAR_TINY_FOLDER
from inspatio_ros.evaluation.model_painters import paint, paint_classical
from inspatio_ros.evaluation.model_scores import score_trial
from inspatio_ros.evaluation.model_trials import clip_trial, held_out_seed
from inspatio_ros.model.config import STAR_TINY
from inspatio_ros.training.recipes import described, star_tiny
from safetensors import safe_open
import torch


def test_it_says_what_it_is_and_nothing_of_the_machine_that_made_it():
    assert is_exported(STAR_TINY_FOLDER)
    with safe_open(STAR_TINY_FOLDER / 'denoiser.safetensors', 'pt') as file:
        recipe = json.loads(file.metadata()['recipe'])
    assert recipe['fills'] and recipe['composes'] and recipe['preset'] == 'tiny'
    texts = [it for it in recipe.values() if isinstance(it, str)]
    assert not any('/' in text or '\\' in text for text in texts)
    config = open_exported(STAR_TINY_FOLDER).config
    assert config.shape == STAR_TINY.shape and config.steps == (1000,)


def test_it_was_trained_by_the_recipe_of_its_name():
    with safe_open(STAR_TINY_FOLDER / 'denoiser.safetensors', 'pt') as file:
        found = json.loads(file.metadata()['recipe'])
    # As JSON has it: with lists for tuples.
    wanted = json.loads(json.dumps(described('star_tiny', star_tiny())))
    for name in ('optim', 'average'):
        del found['stage'][name], wanted['stage'][name]
    for name in ('stage', 'steps', 'fills', 'composes', 'latents', 'window', 'preset'):
        assert found[name] == wanted[name]


def test_it_is_better_than_the_filling_in_a_place_it_never_saw():
    """Three blocks of one of the eight places that the card is about."""
    torch.set_num_threads(1)
    trial = clip_trial(held_out_seed(3), blocks=3)
    painted = paint(trial, open_exported(STAR_TINY_FOLDER))
    figures = {it.painter: it.figures for it in score_trial(
        trial, paint_classical(trial), {'star': painted})}
    star, fill, warp = (figures[name] for name in ('star', 'fill', 'warp'))
    assert star['psnr_unobserved_db'] > fill['psnr_unobserved_db'] + 0.5
    assert star['psnr_observed_db'] > warp['psnr_observed_db'] - 0.3
    assert star['trans_err_ratio'] < 0.02 and star['rot_err_deg'] < 0.5
    # The same seed, the same bytes.
    again = paint(trial, open_exported(STAR_TINY_FOLDER))
    assert again.rgb.tobytes() == painted.rgb.tobytes()


def test_its_card_names_every_file():
    card = (STAR_TINY_FOLDER / 'README.md').read_text()
    for path in STAR_TINY_FOLDER.glob('*.safetensors'):
        assert f'## {path.name}' in card
    assert re.search(r'Licence: Apache-2.0', card)
