# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The command that looks at a folder with weights."""

import json
import math
import os
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


def sparse(path: Path, shapes: dict[str, list[int]]) -> None:
    """Write a safetensors file of bfloat16 whose tensors take no room on the disk."""
    header, end = {}, 0
    for key, shape in shapes.items():
        begin, end = end, end + 2 * math.prod(shape)
        header[key] = {'dtype': 'BF16', 'shape': shape, 'data_offsets': [begin, end]}
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, 'little') + text)
    os.truncate(path, 8 + len(text) + end)


def test_full_size_releases_are_known_by_their_tables_of_contents(
        tmp_path: Path, shared_dir: Path, capsys):
    facts = shared_dir / 'parity/facts'
    for source, target, prefix in (
            ('dit_1_3b', 'InSpatio-World-1.3B', 'model.'), ('vae_wan21', 'Wan2.1_VAE', ''),
            ('umt5_xxl_encoder', 'models_t5_umt5-xxl-enc-bf16', '')):
        keys = json.loads((facts / f'{source}.json').read_text())['keys']
        sparse(tmp_path / f'{target}.safetensors',
               {prefix + key: shape for key, shape in keys.items()})
    (tmp_path / 'umt5-xxl').mkdir()
    (tmp_path / 'umt5-xxl/spiece.model').touch()
    assert main(['weights', 'check', str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert out.count('ok ') == 4 and out.endswith('complete\n') and '825 tensors' in out


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
