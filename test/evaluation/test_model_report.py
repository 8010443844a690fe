# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`inspatio evaluate model`: figures as tables, margins, drawings, and what is refused."""

import json
import math

from inspatio_ros.cli.main import main
from inspatio_ros.evaluation.model_report import block_seconds, margins, markdown, report
from inspatio_ros.evaluation.model_scores import TrialScore
from inspatio_ros.model.codec_config import TINY_PATCH
from inspatio_ros.model.config import STAR_TINY
from inspatio_ros.model.dit import CausalDit
from inspatio_ros.model.patch_autoencoder import PatchAutoencoder, save_patch_autoencoder
import pytest
from safetensors.torch import save_file
import torch


def score(painter, unobserved_db, ssim=0.5, observed_db=30.0, **more):
    return TrialScore('place 1', 'views', painter, {
        'psnr_unobserved_db': unobserved_db, 'ssim_unobserved': ssim,
        'psnr_observed_db': observed_db}, **more)


SCORES = [score('warp', 8.0, 0.0), score('fill', 17.0, 0.51), score('sensor', 17.5, 0.49),
          score('star', 19.0, 0.55, 29.9, block_s=(9.0, 0.4, 0.6))]


def test_margins_are_against_the_better_filling_and_the_warp():
    record = report(SCORES, {'machine': {}})
    assert margins(record['means'])['views, star'] == pytest.approx({
        'psnr_unobserved_db': 1.5, 'ssim_unobserved': 0.04, 'psnr_observed_db': -0.1})
    assert record['block_s'] == 0.5  # without the first one
    assert math.isnan(block_seconds(SCORES[:3]))


def test_whoever_looks_back_is_a_bar_of_its_own():
    scores = [*SCORES, score('recall', 19.5, 0.56)]
    record = report(scores, {'machine': {}})
    assert set(record['margins']) == {'views, star'}
    assert record['margins']['views, star'] == pytest.approx({
        'psnr_unobserved_db': 1.5, 'ssim_unobserved': 0.04, 'psnr_observed_db': -0.1,
        'psnr_unobserved_db_to_recall': -0.5, 'ssim_unobserved_to_recall': -0.01})
    assert 'Against what looks back: -0.50 dB and -0.010 SSIM.' in markdown(record)


def test_tables_have_a_column_for_everybody_and_no_empty_rows():
    text = markdown({**report(SCORES, {'generator': 'star-tiny', 'machine': {'cpu': 'a'}}),
                     'networks': {'fid': 12.5}})
    assert '| | warp | fill | sensor | star |' in text
    assert '| PSNR, unobserved pixels [dB] | 8.00 | 17.00 | 17.50 | 19.00 |' in text
    assert 'RotErr' not in text and '- generator: star-tiny' in text and '- cpu: a' in text
    assert 'unobserved pixels +1.50 dB and +0.040 SSIM' in text and '| fid | 12.5 |' in text


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    """Return the folder of an untrained generator."""
    folder = tmp_path_factory.mktemp('untrained')
    save_file(CausalDit.empty(STAR_TINY.dit).randomise(0).state_dict(),
              folder / 'star.safetensors',
              {'recipe': json.dumps({'name': 'jdmd', 'preset': 'tiny'})})
    torch.manual_seed(0)
    (folder / 'codec.safetensors').write_bytes(save_patch_autoencoder(
        PatchAutoencoder(TINY_PATCH), {}))
    return folder


@pytest.mark.slow
def test_the_command_writes_json_a_table_and_drawings(weights, tmp_path, capsys):
    words = ['evaluate', 'model', '--weights', weights, '--worlds', 1, '--blocks', 2, '--away', 1,
             '--size', '64x48', '--depth-noise', 0.02, '--out', tmp_path / 'report', '--json']
    assert main([str(word) for word in words]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record['generator'] == weights.name and record['steps'] == '1000, 500'
    assert record['disturbed: depth'] == 0.02
    assert set(record['means']) == {'views', 'drift', 'loop', 'lag'}
    assert set(record['means']['views']) == {'truth', 'warp', 'fill', 'recall', 'sensor', 'star'}
    # Nothing but noise: the figures say so.
    assert record['margins']['views, star']['psnr_observed_db'] < -5.0
    assert record['block_s'] > 0.0
    assert {path.name for path in (tmp_path / 'report').iterdir()} == {
        'report.json', 'report.md', 'drift.png', 'likeness.png', 'pictures.png'}
    assert json.loads((tmp_path / 'report' / 'report.json').read_text()) == record


@pytest.mark.parametrize('words, message', [
    (['--size', '320x200'], '--size 320x200: both have to be multiples of 16'),
    (['--worlds', '0'], '--worlds must be at least 1'),
    (['--blocks', '1'], '--blocks at least 2'),
    (['--away', '0'], '--away > 0 s'),
    (['--network', 'fid=a.pt'], 'give --weights, too'),
    (['--weights', '.', '--only', 'lag', '--network', 'fid=a.pt'], '--only has no views'),
    (['--drop', '1.5'], 'dropped must be at least 0 and less than 1, got 1.5'),
    (['--depth-noise', '-1'], 'depth must be finite and >= 0, got -1.0'),
    (['--weights', 'missing'], 'missing: no such folder'),
    (['--only', 'lag', '--weights', '.'], 'is part of'),
])
def test_what_cannot_be_evaluated_is_refused(capsys, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    assert main(['evaluate', 'model', *words]) == 2
    captured = capsys.readouterr()
    assert message in captured.err and captured.out == ''


def test_pictures_of_one_view_cannot_be_held_out(capsys, tmp_path, checkout):
    assert main(['evaluate', 'model', str(tmp_path), '--only', 'lag']) == 2
    assert 'is of no known kind' in capsys.readouterr().err


def test_options_stand_before_and_after_the_folder(capsys, tmp_path):
    for words in (['rgbd', '--json', str(tmp_path)], ['--json', 'rgbd', str(tmp_path)]):
        assert main(['evaluate', *words]) == 2
        assert 'is of no known kind' in capsys.readouterr().err
