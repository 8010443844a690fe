# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The command that looks at a folder with weights."""

import json
from pathlib import Path

from inspatio_ros.cli.main import main
from inspatio_ros.model.codec_config import TAEW2_1
from inspatio_ros.model.taehv import Taehv
import pytest
from safetensors.torch import save_file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_file(Taehv(TAEW2_1).state_dict(), tmp_path / 'taew2_1.safetensors')
    (tmp_path / 'Wan2.1_VAE.pth').write_bytes(b'cut short')
    return tmp_path


def test_table(folder: Path, capsys):
    assert main(['weights', 'check', str(folder)]) == 1
    out = capsys.readouterr().out
    assert 'ok       taehv         taew2_1.safetensors, 128 tensors' in out
    assert 'missing  generator     from InSpatio-World' in out
    assert 'wrong    vae           Wan2.1_VAE.pth' in out and 'no weights can be read' in out


def test_json(folder: Path, capsys):
    assert main(['weights', 'check', str(folder), '--json']) == 1
    record = json.loads(capsys.readouterr().out)
    assert not record['ok'] and record['parts']['taehv']['tensors'] == 128


def test_no_folder(tmp_path: Path, capsys):
    assert main(['weights', 'check', str(tmp_path / 'absent')]) == 2
    assert 'no such folder' in capsys.readouterr().err
