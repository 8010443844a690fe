# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Weights from files: what fits is loaded bit by bit, what does not is named."""

import os
from pathlib import Path
import pickle
import subprocess
import sys

from inspatio_ros.model import checkpoint
from inspatio_ros.model.codec_config import T5Config, TaehvConfig, VaeConfig
from inspatio_ros.model.config import DitConfig
from inspatio_ros.model.dit import CausalDit
from inspatio_ros.model.taehv import Taehv
from inspatio_ros.model.text import T5Encoder
from inspatio_ros.model.vae import WanVae
import pytest
from safetensors.torch import save_file
import torch
from torch import nn, Tensor

DIT = DitConfig(24, 2, 2, 32, 8, 12, 5)
VAE = VaeConfig(4, 3, (1, 2), 1, (True,))
TAEHV = TaehvConfig(4, (8, 8, 4, 4), 16)
T5 = T5Config(20, 8, 8, 16, 2, 1)


def weights(network: nn.Module, prefix: str = '') -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {prefix + key: torch.randn(weight.shape, generator=generator)
            for key, weight in network.state_dict().items()}


@pytest.fixture
def generator_file(tmp_path: Path) -> Path:
    path = tmp_path / 'InSpatio-World-1.3B.safetensors'
    save_file(weights(CausalDit(DIT), 'model.'), path)
    return path


def same(network: nn.Module, state: dict[str, Tensor]) -> bool:
    loaded = network.state_dict()
    return all(torch.equal(loaded[checkpoint.clean_key(key)], value)
               for key, value in state.items()) and len(state) == len(loaded)


def test_a_generator_from_safetensors(generator_file: Path):
    dit = checkpoint.load_dit(generator_file, DIT)
    assert same(dit, weights(CausalDit(DIT), 'model.'))
    assert not dit.training and not any(w.requires_grad for w in dit.parameters())


@pytest.mark.parametrize('load, config, network', [
    (checkpoint.load_vae, VAE, WanVae), (checkpoint.load_taehv, TAEHV, Taehv),
    (checkpoint.load_text_encoder, T5, T5Encoder)])
def test_the_others_from_either_kind_of_file(tmp_path: Path, load, config, network):
    state = weights(network(config))
    torch.save(state, tmp_path / 'a.pth')
    torch.save({'state_dict': {'model': state}}, tmp_path / 'b.pt')
    torch.save(state, tmp_path / 'old.pth', _use_new_zipfile_serialization=False)
    save_file(state, tmp_path / 'c.safetensors')
    for name in ('a.pth', 'b.pt', 'old.pth', 'c.safetensors'):
        assert same(load(tmp_path / name, config), state), name


@pytest.mark.parametrize('suffix', ['pth', 'safetensors'])
def test_types_are_converted_on_the_way(tmp_path: Path, suffix: str):
    state = {key: value.bfloat16() for key, value in weights(T5Encoder(T5)).items()}
    path = tmp_path / f'weights.{suffix}'
    save_file(state, path) if suffix == 'safetensors' else torch.save(state, path)
    assert same(checkpoint.load_text_encoder(path, T5), state)
    wide = checkpoint.load_text_encoder(path, T5, dtype=torch.float32)
    assert same(wide, {key: value.float() for key, value in state.items()})


def test_large_tensors_come_in_pieces(tmp_path: Path, monkeypatch):
    state = weights(T5Encoder(T5))
    torch.save(state, tmp_path / 'a.pth')
    save_file(state, tmp_path / 'a.safetensors')
    monkeypatch.setattr('inspatio_ros.model.weight_files.PIECE_BYTES', 20)
    for name in ('a.pth', 'a.safetensors'):
        assert same(checkpoint.load_text_encoder(tmp_path / name, T5), state)


def test_slices_of_other_tensors_are_read_as_they_are(tmp_path: Path):
    state = {key: torch.stack([value, value], -1)[..., 0]
             for key, value in weights(T5Encoder(T5)).items()}
    torch.save(state, tmp_path / 'a.pth')
    assert same(checkpoint.load_text_encoder(tmp_path / 'a.pth', T5), state)


@pytest.mark.parametrize('key, cleaned', [
    ('model.blocks.0.ffn.0.weight', 'blocks.0.ffn.0.weight'),
    ('generator._fsdp_wrapped_module.model.blocks.0._orig_mod.ffn.0.weight',
     'blocks.0.ffn.0.weight'),
    ('module.head.bias', 'head.bias'), ('remodel.weight', 'remodel.weight'),
    ('encoder.1.weight', 'encoder.1.weight')])
def test_wrappers_are_taken_off_keys(key: str, cleaned: str):
    assert checkpoint.clean_key(key) == cleaned


def test_no_network_uses_the_name_of_a_wrapper():
    with torch.device('meta'):
        for network in (CausalDit(DIT), WanVae(VAE), Taehv(TAEHV), T5Encoder(T5)):
            assert all(checkpoint.clean_key(key) == key for key in network.state_dict())


def test_differences_are_counted_and_named(tmp_path: Path):
    state = weights(CausalDit(DIT), 'model.')
    for key in [key for key in state if 'blocks.1.ffn' in key]:
        state[key.replace('ffn', 'mlp')] = state.pop(key)
    state['model.head.head.bias'] = torch.zeros(3)
    save_file(state, tmp_path / 'a.safetensors')
    with pytest.raises(ValueError) as error:
        checkpoint.load_dit(tmp_path / 'a.safetensors', DIT)
    text = str(error.value)
    assert 'a.safetensors: not the weights of this CausalDit' in text
    assert '4 missing: blocks.1.ffn.0.weight, ' in text and text.count('blocks.1.ffn') == 3
    assert '4 unexpected: model.blocks.1.mlp' in text and ', ...' in text
    assert f'1 misshapen: head.head.bias is (3,), not {(64,)}' in text


def test_a_wrong_prefix_is_noticed(tmp_path: Path):
    save_file(weights(CausalDit(DIT), 'net.'), tmp_path / 'a.safetensors')
    with pytest.raises(ValueError, match='missing: patch_embedding.weight.* unexpected: net.'):
        checkpoint.load_dit(tmp_path / 'a.safetensors', DIT)


def test_another_width_is_noticed(generator_file: Path):
    with pytest.raises(ValueError, match=r'misshapen: patch_embedding.weight is \(24, 36, 1, 2, '
                                         r'2\), not \(48,'):
        checkpoint.load_dit(generator_file, DitConfig(48, 2, 2, 32, 8, 12, 5))


def test_keys_that_become_equal_are_noticed(tmp_path: Path):
    state = weights(T5Encoder(T5))
    state['model.norm.weight'] = torch.zeros(8)
    save_file(state, tmp_path / 'a.safetensors')
    with pytest.raises(ValueError, match='norm.weight is there twice'):
        checkpoint.load_text_encoder(tmp_path / 'a.safetensors', T5)


def test_weights_that_grow_time_keep_their_last_rows(tmp_path: Path):
    state = weights(Taehv(TAEHV))
    wanted = {key: value.clone() for key, value in state.items()}
    key = 'decoder.7.conv.weight'
    state[key] = torch.cat([torch.full_like(state[key], 9.0), state[key]])
    for name, save in (('a.safetensors', save_file), ('a.pth', torch.save)):
        save(state, tmp_path / name)
        assert same(checkpoint.load_taehv(tmp_path / name, TAEHV), wanted)
    state['encoder.2.conv.weight'] = torch.cat([state['encoder.2.conv.weight']] * 2)
    torch.save(state, tmp_path / 'b.pth')
    with pytest.raises(ValueError, match='1 misshapen: encoder.2.conv.weight'):
        checkpoint.load_taehv(tmp_path / 'b.pth', TAEHV)


def test_the_base_model_lends_all_but_its_patch_embedding(tmp_path: Path):
    state = weights(CausalDit(DIT))
    state['patch_embedding.weight'] = torch.zeros(24, 16, 1, 2, 2)
    keys = sorted(state)
    save_file({key: state[key] for key in keys[:20]}, tmp_path / 'a.safetensors')
    save_file({key: state[key] for key in keys[20:]}, tmp_path / 'b.safetensors')
    paths = [tmp_path / 'a.safetensors', tmp_path / 'b.safetensors']
    with torch.device('meta'):
        dit = CausalDit(DIT)
    with pytest.raises(ValueError, match='patch embedding'):
        checkpoint.load_base(dit, paths)
    dit.patch_embedding = nn.Conv3d(36, 24, (1, 2, 2), (1, 2, 2))
    own = dit.patch_embedding.weight.detach().clone()
    checkpoint.load_base(dit, paths)
    assert torch.equal(dit.patch_embedding.weight, own)
    assert torch.equal(dit.head.modulation, state['head.modulation'])
    with pytest.raises(ValueError, match='missing'):
        checkpoint.load_base(dit, paths[:1])


def test_the_widened_patch_embedding_is_that_of_the_base_model(tmp_path: Path):
    narrow = nn.Conv3d(16, DIT.dim, (1, 2, 2), (1, 2, 2))
    save_file({f'patch_embedding.{key}': value for key, value in narrow.state_dict().items()},
              tmp_path / 'base.safetensors')
    wide = checkpoint.base_patch_embedding([tmp_path / 'base.safetensors'], DIT)
    latents = torch.randn(1, DIT.in_channels, 2, 4, 4)
    with torch.no_grad():
        assert (wide(latents) - narrow(latents[:, :16])).abs().max() < 1e-6
    save_file({'patch_embedding.bias': torch.zeros(DIT.dim)}, tmp_path / 'no.safetensors')
    with pytest.raises(ValueError, match='patch_embedding.weight should be there once'):
        checkpoint.base_patch_embedding([tmp_path / 'no.safetensors'], DIT)


class Stranger:
    """What no weights file should hold."""

    weight = 3


@pytest.mark.parametrize('content, wrong', [
    (Stranger(), 'no weights can be read'), ([1, 2], 'holds a list, no state dict'),
    ({}, 'it is empty'), ({'epoch': 3, 'lr': 0.1}, "2 entries are no named tensors.* 'epoch'"),
    (torch.zeros(3), 'holds a Tensor')])
def test_pickles_that_are_no_state_dict(tmp_path: Path, content: object, wrong: str):
    torch.save(content, tmp_path / 'a.pth')
    with pytest.raises(ValueError, match=f'a.pth: .*{wrong}'):
        checkpoint.load_vae(tmp_path / 'a.pth', VAE)


def test_a_pickle_is_never_run(tmp_path: Path):
    class Trap:

        def __reduce__(self):
            return os.mkdir, (str(tmp_path / 'sprung'),)

    for name, write in (('a.pth', lambda path: torch.save(Trap(), path)),
                        ('b.pth', lambda path: path.write_bytes(pickle.dumps(Trap())))):
        write(tmp_path / name)
        with pytest.raises(ValueError, match='no weights can be read'):
            checkpoint.load_vae(tmp_path / name, VAE)
    assert not (tmp_path / 'sprung').exists()


@pytest.mark.parametrize('keep', [0, 5, 60, 0.3, 0.5, 0.999])
@pytest.mark.parametrize('suffix', ['pth', 'safetensors'])
def test_truncated_files(tmp_path: Path, suffix: str, keep: float):
    path = tmp_path / f'a.{suffix}'
    state = weights(WanVae(VAE))
    save_file(state, path) if suffix == 'safetensors' else torch.save(state, path)
    content = path.read_bytes()
    path.write_bytes(content[:keep if isinstance(keep, int) else int(keep * len(content))])
    with pytest.raises(ValueError, match=f'a.{suffix}: '):
        checkpoint.load_vae(path, VAE)


@pytest.mark.parametrize('header', [
    b'no json', b'[1]', b'{"a": 3}', b'{"a": {"dtype": "F32", "shape": [2]}}',
    b'{"a": {"dtype": "F99", "shape": [2], "data_offsets": [0, 8]}}',
    b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}',
    b'{"a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, -8]}}',
    b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [-8, 0]}}'])
def test_damaged_tables_of_contents(tmp_path: Path, header: bytes):
    path = tmp_path / 'a.safetensors'
    path.write_bytes(len(header).to_bytes(8, 'little') + header + bytes(16))
    with pytest.raises(ValueError, match='a.safetensors: '):
        checkpoint.open_weights(path)


@pytest.mark.parametrize('name', ['a.safetensors', 'a.pth'])
def test_files_of_another_kind(tmp_path: Path, name: str):
    (tmp_path / name).write_bytes(b'<html>not found</html>' * 20)
    with pytest.raises(ValueError, match=name):
        checkpoint.open_weights(tmp_path / name)
    with pytest.raises(ValueError, match='no such file'):
        checkpoint.open_weights(tmp_path / 'absent.pth')
    (tmp_path / 'a.bin').touch()
    with pytest.raises(ValueError, match="'.bin'"):
        checkpoint.open_weights(tmp_path / 'a.bin')


PEAK = """
import sys
from pathlib import Path
import torch
from inspatio_ros.model import checkpoint
from inspatio_ros.model.codec_config import T5Config

def peak():
    status = Path('/proc/self/status').read_text()
    return int(status.split('VmHWM:')[1].split()[0]) * 1024

def load(path, sizes):
    return checkpoint.load_text_encoder(Path(path), T5Config(*sizes), dtype=torch.float32)

# What torch itself takes at its first use is no part of the weights.
load(sys.argv[1], (20, 8, 8, 16, 2, 1))
before = peak()
t5 = load(sys.argv[2], map(int, sys.argv[3:]))
print(peak() - before - sum(weight.nbytes for weight in t5.parameters()))
"""


@pytest.mark.skipif(sys.platform != 'linux', reason='reads /proc')
@pytest.mark.parametrize('suffix', ['pth', 'safetensors'])
def test_peak_memory_is_that_of_the_weights(tmp_path: Path, checkout: Path, suffix: str):
    sizes = (20000, 1024, 1024, 2048, 8, 3)
    with torch.device('meta'):
        shapes = checkpoint.shapes_of(T5Encoder(T5Config(*sizes)))
    state = {key: torch.ones(shape, dtype=torch.bfloat16) for key, shape in shapes.items()}
    path = tmp_path / f'a.{suffix}'
    save_file(state, path) if suffix == 'safetensors' else torch.save(state, path)
    torch.save(weights(T5Encoder(T5)), tmp_path / 'tiny.pth')
    done = subprocess.run([sys.executable, '-c', PEAK, str(tmp_path / 'tiny.pth'), str(path),
                           *map(str, sizes)],
                          cwd=checkout, capture_output=True, text=True, check=True)
    # A loader that keeps the file beside the weights needs that much more.
    assert path.stat().st_size > 100e6
    assert int(done.stdout) < 70e6
