# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Generators and what they have to beat, at small trials whose figures are known."""

from dataclasses import replace
import math

from inspatio_ros.evaluation.model_painters import Classical, paint, paint_classical, Painted
from inspatio_ros.evaluation.model_scores import mean_figures, score_trial, TrialScore, TRUTH
from inspatio_ros.evaluation.model_trials import (clip_trial, drift_trial, folder_trials,
                                                  frames_of, held_out_seed, lag_trial,
                                                  loop_trial)
from inspatio_ros.scene.detect import open_scene
from inspatio_ros.scene.synthetic.held_out import HELD_OUT_SEEDS
import numpy as np
import pytest
from tiny_models import tiny_models

SIZE = (64, 48)


@pytest.fixture(scope='module')
def clip():
    return clip_trial(held_out_seed(0), blocks=2, size=SIZE)


@pytest.fixture(scope='module')
def classical(clip):
    return paint_classical(clip)


def test_places_are_those_that_nothing_is_trained_on():
    assert held_out_seed(0) in HELD_OUT_SEEDS
    with pytest.raises(ValueError, match='there is no number 64'):
        held_out_seed(64)


def test_the_warp_is_right_where_it_knows_and_black_elsewhere(clip, classical):
    warp, fill = (classical.painted[name].rgb for name in ('warp', 'fill'))
    known = classical.observed
    assert 0.3 < known.mean() < 1.0
    assert not warp[~known].any()
    np.testing.assert_array_equal(fill[known], warp[known])
    assert fill[~known].any()
    recall = classical.painted['recall'].rgb
    np.testing.assert_array_equal(recall[known], warp[known])
    assert (recall[~known] != fill[~known]).any()


def test_figures_tell_what_everybody_is_worth(clip, classical):
    scores = {it.painter: it for it in score_trial(clip, classical, {})}
    warp, fill, sensor = (scores[name].figures for name in ('warp', 'fill', 'sensor'))
    assert warp['psnr_observed_db'] == fill['psnr_observed_db'] > warp['psnr_db']
    for better in (fill, sensor):
        assert better['psnr_unobserved_db'] > warp['psnr_unobserved_db']
        assert better['ssim_unobserved'] > warp['ssim_unobserved']
    assert set(scores[TRUTH].figures) == {'flicker', 'border_step'}


def test_a_generator_that_knows_the_truth_is_as_good_as_can_be(clip, classical):
    perfect = Painted(clip.rgb, (9,), (0.1, 0.2))
    *_, score = score_trial(clip, classical, {'perfect': perfect})
    assert score.painter == 'perfect' and score.block_s == (0.1, 0.2)
    assert score.figures['psnr_db'] == math.inf
    assert score.figures['ssim_unobserved'] == pytest.approx(1.0)
    assert score.block_psnr_db == (math.inf, math.inf)


def test_a_generator_that_fades_drifts(clip, classical):
    trial = replace(clip, kind='drift')
    noise = np.random.default_rng(0).normal(0.0, 1.0, clip.rgb.shape)
    growth = np.repeat([4.0, 8.0], [9, 12])[:, None, None, None]
    faded = np.clip(np.rint(128 + growth * noise), 0, 255).astype(np.uint8)
    trial = replace(trial, rgb=np.full_like(clip.rgb, 128))
    *_, score = score_trial(trial, classical, {'faded': Painted(faded, (9,))})
    assert score.figures['drift_db_per_block'] == pytest.approx(-6.02, abs=0.1)


def test_a_way_that_is_the_same_backwards_has_no_slope_of_its_own():
    trial = drift_trial(held_out_seed(3), 8, SIZE)
    assert len(trial.judged) == frames_of(8)
    poses = trial.track.T_map_cam
    np.testing.assert_array_equal(poses[:90], poses[:90][::-1])
    scores = {it.painter: it for it in score_trial(trial, paint_classical(trial), {})}
    blocks = np.array(scores['fill'].block_psnr_db)
    # The first block has no whole mirror image.
    np.testing.assert_allclose(blocks[1:-1], blocks[1:-1][::-1], atol=0.1)
    assert abs(scores['fill'].figures['drift_db_per_block']) < 0.1


def test_the_loop_is_judged_by_what_was_shown_before():
    trial = loop_trial(held_out_seed(1), 1.0, SIZE)
    assert trial.judged.tolist() == [8, len(trial.track.stamps_ns) - 1]
    np.testing.assert_array_equal(*trial.track.T_map_cam[trial.judged])
    away = trial.track.T_map_cam[8 + 7][:3, :3].T @ trial.track.T_map_cam[8][:3, :3]
    assert away[2, 2] < math.cos(math.radians(100.0))
    classical = paint_classical(trial)
    changed = trial.rgb.copy()
    changed[1] = np.where(classical.observed[1][..., None], changed[1], 255 - changed[1] // 2)
    changed[0] = np.where(classical.observed[1][..., None], changed[0], 205 - changed[0] // 2)
    scores = {it.painter: it.figures
              for it in score_trial(trial, classical, {'forgetful': Painted(changed)})}
    assert scores['fill']['loop_difference'] == 0.0
    assert scores['forgetful']['loop_difference_unobserved'] == pytest.approx(50.0)


def test_a_late_generator_lags():
    trial = lag_trial(held_out_seed(2), SIZE)
    late = trial.rgb[np.maximum(np.arange(len(trial.rgb)) - 2, 0)]
    observed = np.ones(trial.depth.shape, bool)
    scores = {it.painter: it.figures for it in score_trial(
        trial, Classical(observed, {}), {
            'late': Painted(late), 'in time': Painted(trial.rgb)})}
    assert scores['late']['lag_s'] == pytest.approx(2.0 / trial.fps, abs=0.2 / trial.fps)
    assert scores['in time']['lag_s'] == pytest.approx(0.0, abs=0.2 / trial.fps)


def test_each_real_view_is_held_out_once(shared_dir):
    scene = open_scene(shared_dir / 'data' / 'dining_rgbd')
    trials = list(folder_trials(scene, SIZE))
    assert len(trials) == len(scene.views)
    for trial, view in zip(trials, scene.views):
        assert view.name not in [it.name for it in trial.scene.views]
        np.testing.assert_allclose(trial.track.T_map_cam[-1], view.T_map_cam, atol=1e-12)
        assert trial.rgb.shape == (1, 48, 64, 3)
    with pytest.raises(ValueError, match='takes at least two, it has 1'):
        next(folder_trials(replace(scene, views=scene.views[:1])))


def test_means_are_over_the_trials_that_tell():
    def score(value):
        return TrialScore('a', 'views', 'fill', {'psnr_db': value, 'ssim': math.nan})
    means = mean_figures([score(20.0), score(30.0), score(math.nan)])
    assert means['views']['fill']['psnr_db'] == 25.0
    assert math.isnan(means['views']['fill']['ssim'])


def test_a_generator_paints_all_judged_frames_block_by_block(clip):
    """An untrained one: right in form only."""
    models = tiny_models()
    painted = paint(clip, models, seed=1)
    assert painted.rgb.shape == clip.rgb.shape
    assert painted.first_frames == (9,) and len(painted.block_s) == 2
    assert frames_of(2) == len(clip.rgb)
    np.testing.assert_array_equal(paint(clip, models, seed=1).rgb, painted.rgb)
    assert not np.array_equal(paint(clip, models, seed=2).rgb, painted.rgb)
