# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0

import json

from inspatio_ros.cli import bench_train
from inspatio_ros.cli.main import main
from inspatio_ros.evaluation.star_cost import step_cost
from inspatio_ros.model.config import STAR_1_3B
from inspatio_ros.model.dit import CausalDit
from inspatio_ros.model.schedule import FlowSchedule
from inspatio_ros.training.bench import (
    memory_figures, random_clips, random_network, random_stage, TrainBench)
from inspatio_ros.training.conditions import Conditions
from inspatio_ros.training.networks import ClipNetwork
from inspatio_ros.training.pass_cost import layers_flops, pass_flops, PassCounter
from micro import clips, lively, STAR
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

CPU = torch.device('cpu')
# A step of these takes a fraction of a second.
SMALL = ['--size', '64x32', '--steps', '2', '--device', 'cpu', '--json']
TINY_WEIGHTS = sum(weight.numel() for weight in CausalDit.empty(
    TrainBench.of('jdmd').star.dit, 'meta').parameters())


def measured(words, capsys):
    assert main(['bench', 'train', *words]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize('recipe, changes, networks, learn', [
    ('teacher_v2v', [], 2, 1), ('teacher_t2v', ['recompute=true', 'precision=bf16'], 2, 1),
    ('causal_init', ['batch=2', 'window=2,4'], 2, 1),
    ('causal_init', ['stage.source=ode', 'stage.ode_steps=2'], 3, 1)])
def test_a_step_has_time_memory_and_operations(recipe, changes, networks, learn, capsys):
    row, = measured([recipe, *changes, *SMALL], capsys)['rows']
    assert (row['weights'], row['networks']) == (TINY_WEIGHTS, networks)
    assert row['weights_in_all'] == networks * TINY_WEIGHTS
    assert row['weights_that_learn'] == learn * TINY_WEIGHTS
    assert row['tokens'] == 9 * (2 if 'window=2,4' in changes else 8)
    assert (row['batch'], row['latents']) == (2 if 'batch=2' in changes else 4, 9)
    assert set(row['kinds']) == {'step'} and row['kinds']['step']['count'] == 2
    figures = row['kinds']['step']
    assert 0.0 < figures['least_s'] <= figures['median_s'] <= figures['most_s'] < 60.0
    assert row['step_s'] == figures['median_s']
    assert figures['tflop'] > 0.0 and figures['tflops'] > 0.0
    assert row['memory']['resident'] > 4 * row['weights_in_all']


def test_both_kinds_of_turns_of_the_distillation_are_told_apart(capsys, tmp_path):
    out = tmp_path / 'row.json'
    words = ['jdmd', 'batch=1', 'latents=6', *SMALL, '--steps', '4', '--json-out', str(out)]
    result = measured(words, capsys)
    assert result == json.loads(out.read_text())
    row, = result['rows']
    kinds = row['kinds']
    assert {kind: it['count'] for kind, it in kinds.items()} == {
        'fake': 2, 'fake_and_student': 2}
    assert kinds['fake_and_student']['tflop'] > kinds['fake']['tflop'] > 0.0
    assert (row['networks'], row['weights_that_learn']) == (6, 3 * TINY_WEIGHTS)
    # Four turns of five are the fake score's alone, though two of four were measured.
    assert row['step_s'] == pytest.approx(
        (kinds['fake_and_student']['median_s'] + 4 * kinds['fake']['median_s']) / 5)
    text = bench_train.table(result)
    assert 'turn of the student too' in text and 'of the whole process' in text


def test_memory_of_one_and_of_eight_blocks(capsys):
    words = ['jdmd', 'window=12,20', 'batch=1', '--memory-blocks', '1,8', '--device', 'cpu']
    result = measured([*words, '--json'], capsys)
    memory = result['memory']
    assert memory['weights_bytes'] == 4 * TINY_WEIGHTS
    one, eight = memory['bytes']['1'], memory['bytes']['8']
    anew = memory['bytes_anew']
    # Weights and gradients at least, and not eight times the activations.
    assert 8 * TINY_WEIGHTS < one <= eight
    # 1.3 is the bound that this project set itself; it was 1.25 when this was written.
    assert memory['ratio'] == pytest.approx(eight / one) and memory['ratio'] < 1.3
    # Gradients that are not there yet do not count while activations are at their peak.
    assert anew['1'] < one and anew['8'] <= eight
    assert memory['ratio_anew'] == pytest.approx(anew['8'] / anew['1'])


def test_the_table_of_memory_has_both_ways():
    memory = memory_figures(TrainBench.of('jdmd', ['batch=1'], (32, 32)), [1, 2])
    text = bench_train.table({'memory': memory})
    assert f'ratio {memory["ratio"]:.3f}; with no gradients before' in text


@pytest.mark.parametrize('words, says', [
    (['autoencoder'], 'measures recipes of the denoiser, autoencoder is none'),
    (['jdmdd'], 'did you mean jdmd'), (['jdmd', 'stage.ration=2'], 'did you mean stage.ratio'),
    (['causal_init', 'stage.error=pixels'], 'stage.error=pixels needs the decoder'),
    (['causal_init', 'stage.structure=0.1'], 'stage.structure=0.1 needs the decoder'),
    (['jdmd', 'latents=7'], 'whole blocks of 3 latents, got 7'),
    (['jdmd', '--steps', '0'], 'steps must be at least 1, got 0'),
    (['jdmd', '--threads', '0'], '--threads must be at least 1, got 0'),
    (['jdmd', '--threads', '-2'], '--threads must be at least 1, got -2'),
    (['jdmd', '--size', '100x50'], 'multiple of 16 pixels')])
def test_what_cannot_be_measured_is_refused(words, says, capsys):
    assert main(['bench', 'train', *words, '--device', 'cpu']) == 2
    assert says in capsys.readouterr().err


def test_too_little_memory_is_one_line_that_says_what_helps(capsys, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 5.29 GiB')
    monkeypatch.setattr('inspatio_ros.training.bench.random_stage', full)
    monkeypatch.setattr('inspatio_ros.training.bench._peak_of_clip', full)
    of_both = ('recompute=true', 'precision=bf16', 'batch=2', '--size below 320x192')
    of_steps = ('latents=3,', 'stage.tasks=v2v', 'several GPUs')
    for words, there, away in (([], of_both + of_steps, ()),
                               (['--memory-blocks', '1'], of_both, of_steps)):
        assert main(['bench', 'train', 'jdmd', *words, '--device', 'cpu']) == 2
        text = capsys.readouterr().err
        assert 'inspatio: jdmd does not fit' in text and text.count('\n') == 1
        assert all(help_ in text for help_ in there)
        assert not any(help_ in text for help_ in away)


@pytest.mark.parametrize('latents, advised', [(3, None), (6, 3), (9, 3), (12, 6), (21, 9)])
def test_fewer_latents_that_are_advised_are_whole_blocks(latents, advised):
    ways = TrainBench.of('jdmd', [f'latents={latents}']).fits_better().split(', ')
    found = [way for way in ways if way.startswith('latents=')]
    assert found == ([] if advised is None else [f'latents={advised}'])
    for way in found:
        assert TrainBench.of('jdmd', [way]).setting.latents == advised


def test_networks_are_objects_of_their_own():
    bench = TrainBench.of('jdmd', ['latents=3'], (32, 32))
    networks = list(random_stage(bench, PassCounter(False)).networks().values())
    places = [next(iter(it.parameters())).data_ptr() for it in networks]
    assert len(set(places)) == len(places) == 6


def test_random_prompts_are_those_of_the_preset():
    assert TrainBench.of('jdmd').setting.text_1LC.shape == (1, 0, 64)
    assert TrainBench.of('jdmd-1.3b').setting.text_1LC.shape == (1, 512, 4096)
    assert TrainBench.of('jdmd-1.3b').star.shape.grid == (30, 52)


@pytest.mark.parametrize('rows', [0, 2])
@pytest.mark.parametrize('told', ['v2v', 't2v'])
def test_a_pass_has_the_operations_that_torch_counts(rows, told):
    text = torch.randn(1, rows, STAR.dit.text_dim)
    batch, dit = clips(2), lively()
    # Attention by products that the counter knows.
    for layer in dit.layers:
        layer.self_attn.attend = layer.cross_attn.attend = products
    counter = PassCounter(recompute=False)
    network = ClipNetwork(counter.watch(dit), STAR.shape, 4, text, FlowSchedule())
    for grad in (False, True):
        counter.flops = 0.0
        with torch.set_grad_enabled(grad), FlopCounterMode(display=False) as torchs:
            flow = network.flow(batch.target, torch.full((2,), 500.0),
                                Conditions.of(batch, told))
            if grad:
                flow.square().mean().backward()
        assert counter.flops == pytest.approx(torchs.get_total_flops(), rel=0.12 if grad else 0.01)


def products(q_BSNd, k_BRNd, v_BRNd):
    q, k, v = (x.transpose(1, 2) for x in (q_BSNd, k_BRNd, v_BRNd))
    return ((q @ k.transpose(2, 3) * q.shape[-1] ** -0.5).softmax(-1) @ v).transpose(1, 2)


def test_a_step_behind_a_full_context_costs_what_the_running_generator_counts():
    dit, shape = STAR_1_3B.dit, STAR_1_3B.shape
    cost = step_cost(STAR_1_3B)
    layers = layers_flops(dit, dit.layers, shape.block_tokens, shape.cache_tokens, dit.text_len)
    assert layers == pytest.approx(cost.flops, rel=1e-3)
    kept = shape.cache_tokens - shape.block_tokens
    # That of the text is made anew in training.
    assert pass_flops(dit, shape.block_tokens, 0, kept, 512) == pytest.approx(cost.flops, rel=0.02)


def test_clips_and_networks_are_the_same_each_time():
    star = TrainBench.of('jdmd', size=(32, 32)).star
    assert torch.equal(random_clips(star, 1, 3).mask, random_clips(star, 1, 3).mask)
    first, second = (random_network(star.dit, 1, CPU) for _ in range(2))
    assert torch.equal(first.head.head.weight, second.head.head.weight)
    assert set(random_clips(star, 1, 3).mask.unique().tolist()) == {-1.0, 1.0}
