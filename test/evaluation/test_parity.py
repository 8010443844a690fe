# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0

import json
from pathlib import Path
import shutil

from inspatio_ros.cli.main import main
from inspatio_ros.engine.star import StarEngine
from inspatio_ros.evaluation.parity import Part, PARTS, run_part, run_parts
from inspatio_ros.evaluation.vectors import difference, largest, load_vectors
from inspatio_ros.model.config import BlockShape, DitConfig, StarConfig
from inspatio_ros.model.dit import CausalDit
from inspatio_ros.model.schedule import FlowSchedule, ScheduleConfig
import pytest
from safetensors.torch import load_file, save_file
import torch

REQUIRED = {'dit', 'rope', 'schedule', 'sampler', 'vae', 'vae_published', 'taehv', 't5', 'mask',
            'trajectory', 'warper_generic', 'warper'}


@pytest.fixture
def copy(shared_dir: Path, tmp_path: Path) -> Path:
    """Return a copy of the small vector files that may be spoilt."""
    for name in ('dit_weights', 'dit_vectors', 'sampler', 'scheduler', 'mask'):
        for suffix in ('json', 'safetensors'):
            shutil.copyfile(shared_dir / 'parity' / f'{name}.{suffix}',
                            tmp_path / f'{name}.{suffix}')
    return tmp_path


def spoil(path: Path, name: str, change) -> None:
    tensors = load_file(path)
    tensors[name] = change(tensors[name])
    save_file(tensors, path)


def test_every_part_equals_its_vectors(shared_dir: Path):
    results = dict(run_parts(shared_dir / 'parity'))
    assert set(results) == set(PARTS) >= REQUIRED
    for name, result in results.items():
        assert result.ok, (name, result)
        # warper: on 99 % of the pixels; rounding decides about the others.
        assert result.tolerance == {'warper_generic': 1e-4, 'warper': 1e-3}.get(name, 2e-5)


def test_the_command_says_so_and_succeeds(copy: Path, capsys, monkeypatch):
    monkeypatch.setattr('inspatio_ros.evaluation.parity.PARTS',
                        {name: PARTS[name] for name in ('rope', 'schedule')})
    assert main(['parity', str(copy), '--json']) == 0
    record = json.loads(capsys.readouterr().out)
    assert record['ok'] and record['parts']['rope']['ok']
    assert record['parts']['schedule']['max_abs'] <= record['parts']['schedule']['tolerance']
    assert main(['parity', str(copy)]) == 0
    assert 'schedule' in capsys.readouterr().out


def test_the_command_fails_with_one_part(copy: Path, capsys, monkeypatch):
    monkeypatch.setattr('inspatio_ros.evaluation.parity.PARTS',
                        {name: PARTS[name] for name in ('rope', 'schedule', 't5')})
    spoil(copy / 'scheduler.safetensors', 'sigmas', lambda x: x + 1e-3)
    assert main(['parity', str(copy), '--json']) == 1
    parts = json.loads(capsys.readouterr().out)['parts']
    assert [parts[name]['ok'] for name in ('rope', 'schedule', 't5')] == [True, False, False]
    assert parts['t5']['max_abs'] is None and 't5_vectors' in parts['t5']['error']
    assert main(['parity', str(copy)]) == 1
    assert 'DIFFERENT' in capsys.readouterr().out


@pytest.mark.parametrize('part, file, name, size', [
    ('dit', 'dit_vectors', 'b.t833.flow', 1e-3), ('dit', 'dit_vectors', 'a.cache.2.k', 1e-3),
    ('dit', 'dit_vectors', 'a.t625.act.block1', 1e-3), ('dit', 'dit_vectors', 'mixed_t.x0', 1e-3),
    ('dit', 'dit_vectors', 'norender.t625.flow', torch.nan),
    ('dit', 'dit_weights', 'blocks.1.self_attn.norm_k.weight', 0.1),
    ('rope', 'dit_vectors', 'rope.sin', 1e-3), ('sampler', 'sampler', 'step_flow', 1e-3),
    ('sampler', 'sampler', 'output', torch.nan), ('mask', 'mask', 't11.out', 1e-3)])
def test_one_wrong_number_is_noticed(copy: Path, part, file, name, size):
    def change(x):
        x = x.clone()
        x.view(-1)[-1] += size
        return x
    spoil(copy / f'{file}.safetensors', name, change)
    assert not run_part(PARTS[part], copy).ok


def test_vectors_that_cannot_be_used_are_told(copy: Path):
    (copy / 'sampler.json').write_text('{"config": {"chunks"')
    (copy / 'mask.safetensors').write_bytes(b'short')
    (copy / 'scheduler.json').unlink()
    spoil(copy / 'dit_vectors.safetensors', 'a.t625.flow', lambda x: x[..., :-1].contiguous())
    for part, told in (('sampler', 'sampler.json is no sidecar'), ('dit', 'shapes differ'),
                       ('mask', 'mask.safetensors cannot be read'), ('schedule', 'scheduler.json'),
                       ('taehv', 'taehv_vectors.json')):
        result = run_part(PARTS[part], copy)
        assert told in result.error and not result.ok


def write(folder: Path, name: str, config: dict, tensors: dict) -> None:
    (folder / f'{name}.json').write_text(json.dumps({'config': config}))
    save_file({key: tensor.contiguous() for key, tensor in tensors.items()},
              folder / f'{name}.safetensors')


def test_sizes_come_from_the_sidecars(tmp_path: Path):
    """Write a rollout of other sizes down, as the shared file has it, and compare it."""
    sizes = {'dim': 24, 'num_heads': 3, 'num_layers': 1, 'ffn_dim': 20, 'freq_dim': 10,
             'text_dim': 5, 'text_len': 4, 'in_dim': 19, 'out_dim': 8}
    dit = CausalDit.empty(DitConfig.from_dict(sizes)).randomise(0)
    write(tmp_path, 'dit_weights', {'dit': sizes}, dit.state_dict())
    engine = StarEngine(dit, StarConfig(dit.config, BlockShape(6, 2, 2), (1000, 400, 100)), 'slow',
                        FlowSchedule(ScheduleConfig(shift=3.0)))
    generator = torch.Generator().manual_seed(0)
    noise, *draws, ref, render = torch.randn(7, 1, 4, 8, 6, 2, generator=generator)
    mask, text = torch.ones(1, 4, 3, 6, 2), torch.ones(1, 2, 5)
    state, calls, out = engine.new_state(text, 0), [], []
    for i in range(2):
        frames = slice(2 * i, 2 * i + 2)
        own = torch.stack([noise[:, frames], *(draw[:, frames] for draw in draws[:2])])
        out.append(engine.imagine(state, ref[:, frames], mask[:, frames], render[:, frames], own,
                                  lambda *call: calls.append(call[1:])))
    times = torch.tensor([step.timestep for step in engine.steps])
    write(tmp_path, 'sampler', {
        'frames_per_block': 2, 'latent_grid': [6, 2], 'timestep_shift': 3.0, 'chunks': 2,
        'denoising_step_list': [1000, 400, 100]}, {
        'noise': noise, 'ref_latents': ref, 'render_latents': render, 'mask_latents': mask,
        'text_embeds': text, 'denoising_steps': times, 'output': torch.cat(out, 1),
        'renoise_draws': torch.stack([draw[:, i:i + 2] for i in (0, 2) for draw in draws[:2]]),
        'step_timesteps': times.repeat(2)[:, None, None].expand(6, 1, 2),
        **{name: torch.stack(tensors) for name, tensors in zip(
            ('step_inputs', 'step_flow', 'step_x0'), zip(*calls))}})
    result = run_part(PARTS['sampler'], tmp_path)
    assert result.ok, result


def test_a_folder_that_is_none(tmp_path: Path, capsys):
    assert main(['parity', str(tmp_path / 'none')]) == 2
    assert 'is no folder with test vectors' in capsys.readouterr().err


def test_nan_is_never_the_same(tmp_path: Path):
    assert not run_part(Part(lambda folder: float('nan')), tmp_path).ok
    assert run_part(Part(lambda folder: 0.0), tmp_path).ok
    assert largest([0.0, float('nan'), 1.0]) != largest([0.0, 1.0])
    with pytest.raises(ValueError, match='nothing to compare'):
        largest([])


def test_differences():
    assert difference(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.5])) == 0.5
    assert difference(torch.zeros(0, 3), torch.zeros(0, 3)) == 0.0
    with pytest.raises(ValueError, match='shapes differ'):
        difference(torch.zeros(2), torch.zeros(1, 2))


def test_what_a_file_lacks_is_named(copy: Path):
    vectors = load_vectors(copy, 'mask')
    with pytest.raises(ValueError, match="mask.safetensors has no tensor 'other'"):
        vectors['other']
    with pytest.raises(ValueError, match="no 'size'"):
        vectors.setting('size')
