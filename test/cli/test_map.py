# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The command `map`: its files, its figures, and what it refuses before it works."""

import json

from inspatio_ros.cli.main import main
import numpy as np
from PIL import Image
import pytest
import yaml

COARSE = ['--resolution', '0.2']


def refused(capsys, *words):
    """Return the one line that a call ends with."""
    assert main(['map', *map(str, words)]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith('inspatio: '), lines
    return lines[0]


def test_map_of_the_hall(tmp_path, capsys):
    assert main(['map', 'hall', str(tmp_path / 'hall'), *COARSE, '--json']) == 0
    report = json.loads(capsys.readouterr().out)
    meta = yaml.safe_load((tmp_path / 'hall.yaml').read_text())
    pixels = np.array(Image.open(tmp_path / 'hall.pgm'))
    assert report['out'] == str(tmp_path / 'hall.yaml')
    assert pixels.shape == (report['height'], report['width'])
    assert meta['origin'][:2] == [report['x'], report['y']]
    assert report['free'] == pytest.approx(np.mean(pixels == 254))
    assert report['occupied'] == pytest.approx(np.mean(pixels == 0))
    assert 0.5 < report['free'] < 0.9 and 0.02 < report['occupied'] < 0.3
    # The picture to look at is the map, some times as large, with cameras and the start on it.
    shown = np.array(Image.open(tmp_path / 'hall.png'))
    assert shown.shape[0] % pixels.shape[0] == 0 and shown.shape[2] == 3
    assert 0.0 < np.mean(shown[..., 0] != shown[..., 2]) < 0.1


def test_same_scene_same_bytes_and_only_force_replaces(tmp_path, capsys):
    assert main(['map', 'hall', str(tmp_path / 'hall.yaml'), *COARSE]) == 0
    assert 'cells of 0.2 m' in capsys.readouterr().out
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert sorted(before) == ['hall.pgm', 'hall.png', 'hall.yaml']
    assert 'is there already; --force replaces it' in refused(capsys, 'hall', tmp_path / 'hall')
    assert main(['map', 'hall', str(tmp_path / 'hall'), *COARSE, '--force']) == 0
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_cannot_be_written_is_refused(tmp_path, capsys):
    assert 'is a folder' in refused(capsys, 'hall', tmp_path)
    assert 'there is no such folder' in refused(capsys, 'hall', tmp_path / 'none' / 'map')
    assert not list(tmp_path.iterdir())


def test_a_folder_without_permission_is_refused(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr('os.access', lambda path, mode: False)  # root may write anywhere
    assert 'no permission to write' in refused(capsys, 'hall', tmp_path / 'map')


@pytest.mark.parametrize(('words', 'message'), [
    (['--resolution', '0'], 'resolution must lie between 0.005 and 1 m'),
    (['--min-height', '0.8'], '0 < min_height < max_height'),
    (['--max-range', '0'], 'max_range must be > 0')])
def test_numbers_that_make_no_sense_are_refused(tmp_path, capsys, words, message):
    assert message in refused(capsys, 'hall', tmp_path / 'map', *words)
    assert not list(tmp_path.iterdir())


def test_no_scene_is_refused(tmp_path, capsys):
    assert 'nowhere' in refused(capsys, tmp_path / 'nowhere', tmp_path / 'map')
