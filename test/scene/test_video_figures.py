# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What `inspatio prepare` promises of a video and nothing else, from end to end."""

import json
import resource

from inspatio_ros.cli.main import main
import pytest

pytestmark = pytest.mark.slow

GIB = 2 ** 30


def figures(capsys, video, out, truth, *words):
    assert main(['prepare', str(video), str(out), '--json', *words]) == 0
    capsys.readouterr()
    assert main(['evaluate', 'scene', str(out), '--truth', str(truth), '--json']) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def fox(shared_dir):
    return shared_dir / 'data' / 'fox'


def test_poses_of_a_walk_around_a_thing(capsys, fox, tmp_path):
    found = figures(capsys, fox / 'fox.mp4', tmp_path / 'scene', fox, '--hold-out', '5')
    assert (found['frames'], found['lost'], found['held_out']) == (50, 0, 10)
    assert found['rotation_deg'] <= 0.7 and found['translation_ratio'] <= 0.001
    assert found['focal_ratio'] == pytest.approx(1.0, abs=0.02)
    assert found['psnr_db'] >= 21.0 and found['coverage'] >= 0.6


def test_a_refined_principal_point_halves_the_rest(capsys, fox, tmp_path):
    found = figures(capsys, fox / 'fox.mp4', tmp_path / 'scene', fox, '--refine-principal-point')
    assert found['lost'] == 0 and found['rotation_deg'] <= 0.2
    assert found['translation_ratio'] <= 0.001


@pytest.mark.parametrize('seed', [3, 17])
def test_depth_of_a_made_up_place(capsys, tmp_path, seed):
    assert main(['synthetic', str(tmp_path / 'truth'), '--seed', str(seed)]) == 0
    capsys.readouterr()
    found = figures(capsys, tmp_path / 'truth' / 'video.mkv', tmp_path / 'scene',
                    tmp_path / 'truth')
    assert found['lost'] == 0 and found['translation_ratio'] <= 0.001
    assert found['depth_abs_rel'] <= 0.05 and found['depth_coverage'] >= 0.7
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 < 4 * GIB
