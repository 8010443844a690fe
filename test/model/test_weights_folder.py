# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is in a folder with weights: found under the names of the releases, checked by header."""

import dataclasses
from pathlib import Path

from inspatio_ros.model import weights_folder
from inspatio_ros.model.codec_config import T5Config, TaehvConfig, VaeConfig
from inspatio_ros.model.config import DitConfig
from inspatio_ros.model.dit import CausalDit
from inspatio_ros.model.taehv import Taehv
from inspatio_ros.model.text import T5Encoder
from inspatio_ros.model.vae import WanVae
import pytest
from safetensors.torch import save_file
import torch

NETWORKS = {
    'generator': lambda: CausalDit(DitConfig(24, 2, 2, 32, 8, 12, 5)),
    'vae': lambda: WanVae(VaeConfig(4, 3, (1, 2), 1, (True,))),
    'taehv': lambda: Taehv(TaehvConfig(4, (8, 8, 4, 4), 16)),
    'text_encoder': lambda: T5Encoder(T5Config(20, 8, 8, 16, 2, 1)),
    'base': lambda: CausalDit(DitConfig(24, 2, 2, 32, 8, 12, 5))}
# The same parts with small networks.
PARTS = tuple(dataclasses.replace(part, network=NETWORKS.get(part.name))
              for part in weights_folder.PARTS)
WAN = 'Wan2.1-T2V-1.3B'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the releases as they come, base model excepted."""
    wan, taehv = tmp_path / WAN, tmp_path / 'taehv'
    (wan / 'google/umt5-xxl').mkdir(parents=True)
    taehv.mkdir()
    (wan / 'google/umt5-xxl/tokenizer.json').write_text('{}')
    state = {name: make().state_dict() for name, make in NETWORKS.items()}
    save_file({f'model.{key}': value for key, value in state['generator'].items()},
              tmp_path / 'InSpatio-World-1.3B.safetensors')
    torch.save(state['vae'], wan / 'Wan2.1_VAE.pth')
    torch.save(state['text_encoder'], wan / 'models_t5_umt5-xxl-enc-bf16.pth')
    torch.save(state['taehv'], taehv / 'taew2_1.pth')
    return tmp_path


def states(folder: Path) -> dict[str, str]:
    return {item.name: item.state for item in weights_folder.check(folder, PARTS)}


def test_the_releases_as_they_come(folder: Path):
    found = weights_folder.check(folder, PARTS)
    assert {item.name: item.state for item in found} == {
        'generator': 'ok', 'vae': 'ok', 'taehv': 'ok', 'text_encoder': 'ok', 'tokenizer': 'ok',
        'base': 'missing'}
    assert weights_folder.is_complete(found)
    report = weights_folder.report(folder, found)
    assert report['ok'] and report['parts']['vae']['files'] == (f'{WAN}/Wan2.1_VAE.pth',)
    assert report['parts']['base']['source'].startswith('Wan2.1')


def test_everything_in_one_folder(folder: Path):
    for path in [*(folder / WAN).glob('*.pth'), *(folder / 'taehv').glob('*.pth')]:
        path.rename(folder / path.name)
    (folder / WAN / 'google/umt5-xxl').rename(folder / 'umt5-xxl')
    assert weights_folder.is_complete(weights_folder.check(folder, PARTS))


@pytest.mark.parametrize('file, part, complete', [
    ('InSpatio-World-1.3B.safetensors', 'generator', False), ('taehv/taew2_1.pth', 'taehv', True),
    (f'{WAN}/Wan2.1_VAE.pth', 'vae', True),
    (f'{WAN}/google/umt5-xxl/tokenizer.json', 'tokenizer', False)])
def test_a_part_is_missing(folder: Path, file: str, part: str, complete: bool):
    (folder / file).unlink()
    found = weights_folder.check(folder, PARTS)
    assert [item.name for item in found if item.state == 'missing'] == [part, 'base']
    assert weights_folder.is_complete(found) == complete


def test_without_any_codec_nothing_is_complete(folder: Path):
    (folder / 'taehv/taew2_1.pth').unlink()
    (folder / WAN / 'Wan2.1_VAE.pth').unlink()
    assert not weights_folder.is_complete(weights_folder.check(folder, PARTS))


def test_files_that_do_not_fit(folder: Path):
    torch.save(NETWORKS['taehv']().state_dict(), folder / WAN / 'Wan2.1_VAE.pth')
    (folder / 'taehv/taew2_1.pth').write_bytes(b'truncated')
    found = {item.name: item for item in weights_folder.check(folder, PARTS)}
    assert found['vae'].state == found['taehv'].state == 'wrong'
    assert 'missing: encoder.conv1.weight' in found['vae'].problem
    assert 'no weights can be read' in found['taehv'].problem
    assert not weights_folder.is_complete(list(found.values()))


def test_the_newest_generator_counts(folder: Path):
    old = folder / 'InSpatio-World-1.3B.safetensors'
    new = folder / 'InSpatio-World-1.3B-v1.5.safetensors'
    new.write_bytes(old.read_bytes())
    assert weights_folder.locate(folder, PARTS)['generator'] == [new]


def test_the_base_model_may_come_in_several_files(folder: Path):
    state = NETWORKS['base']().state_dict()
    state['patch_embedding.weight'] = torch.zeros(24, 16, 1, 2, 2)
    keys = sorted(state)
    for number, part in enumerate((keys[:30], keys[30:])):
        save_file({key: state[key] for key in part},
                  folder / WAN / f'diffusion_pytorch_model-0000{number}.safetensors')
    assert states(folder)['base'] == 'ok'
    (folder / WAN / 'diffusion_pytorch_model-00001.safetensors').unlink()
    assert states(folder)['base'] == 'wrong'


def test_no_folder(tmp_path: Path):
    with pytest.raises(ValueError, match='no such folder'):
        weights_folder.check(tmp_path / 'absent')


def test_the_sizes_are_those_of_the_releases():
    with torch.device('meta'):
        counts = {part.name: len(part.network().state_dict()) for part in weights_folder.PARTS
                  if part.network is not None}
    assert counts == {'generator': 825, 'vae': 194, 'taehv': 128, 'text_encoder': 242,
                      'base': 825}
