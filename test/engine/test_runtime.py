# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace
import math

from inspatio_ros.engine import runtime
from inspatio_ros.engine.graphs import Graphed, SteadyPass
from inspatio_ros.engine.precision import Fp8Linear, to_fp8, to_fp8_linears
from inspatio_ros.engine.runtime import (
    is_compiled, open_engine, RuntimeEngine, RuntimeSettings, speed_up_codec)
from inspatio_ros.engine.star import StarEngine
from inspatio_ros.evaluation.star_check import Inputs, paint, relative_error
from inspatio_ros.model.codec import TaehvCodec
from inspatio_ros.model.codec_config import TINY_TAEHV
from inspatio_ros.model.config import BlockShape, DitConfig, STAR_TINY, StarConfig
from inspatio_ros.model.dit import CausalDit
from inspatio_ros.model.taehv import Taehv
import pytest
import torch
from torch import nn

CONFIG = StarConfig(DitConfig(64, 2, 2, 128, 32, 32, 32), BlockShape(4, 4, 2), (1000, 500))


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def network(dtype: torch.dtype = torch.float32) -> CausalDit:
    return CausalDit.empty(CONFIG.dit, 'cpu', dtype).randomise(5)


def engine(**settings: object) -> RuntimeEngine:
    chosen = RuntimeSettings(**{'precision': 'fp32', 'compile_scope': 'none', **settings})
    return open_engine(network(chosen.dtype), CONFIG, chosen)


def plain_block(inputs: Inputs) -> torch.Tensor:
    star = StarEngine(network(), CONFIG)
    state = star.new_state(inputs.text, 3)
    state.history = list(inputs.history)
    return star.imagine(state, inputs.reference, inputs.mask, inputs.render)


@pytest.mark.parametrize('settings, limit', [
    ({'path': 'eager'}, 1e-5), ({'path': 'slow'}, 1e-5), ({'precision': 'bf16'}, 3e-2),
    ({'precision': 'fp8'}, 0.1), ({'precision': 'fp8', 'fp8_scaling': 'tensor'}, 0.1),
    ({'compile_scope': 'layer', 'backend': 'aot_eager'}, 1e-5),
    ({'compile_scope': 'whole', 'backend': 'aot_eager'}, 1e-5)])
def test_every_way_paints_the_same_block(settings, limit):
    inputs = Inputs(CONFIG, 1)
    made = engine(**settings)
    made.warm_up()
    painted = paint(made, inputs)
    assert not [note for note in made.notes if 'not compiled' in note]
    assert relative_error(painted.at_once, plain_block(inputs)) < limit
    assert torch.equal(painted.at_once, painted.block)


def test_one_compilation_serves_all_layers():
    from torch._dynamo.utils import counters
    torch._dynamo.reset()
    counters.clear()
    made = engine(compile_scope='layer', backend='aot_eager', precision='fp8')
    made.warm_up(steady_only=True)
    assert counters['stats']['unique_graphs'] == 2  # a context pass and a step


@pytest.mark.slow
def test_inductor_compiles_a_layer(tmp_path):
    torch._dynamo.reset()
    inputs = Inputs(CONFIG, 1)
    made = engine(compile_scope='layer', cache_dir=tmp_path)
    made.warm_up(steady_only=True)
    assert is_compiled(made.dit) == (len(made.notes) == 1), made.notes
    assert relative_error(paint(made, inputs).at_once, plain_block(inputs)) < 1e-5
    assert not is_compiled(made.dit) or any(tmp_path.iterdir())


def test_a_machine_that_cannot_compile_runs_without_and_says_so():
    def broken(graph: object, examples: object) -> object:
        raise RuntimeError('no compiler here')

    inputs = Inputs(CONFIG, 1)
    torch._dynamo.reset()
    made = engine(compile_scope='layer', backend=broken)
    made.warm_up()
    assert any('not compiled' in note and 'no compiler here' in note for note in made.notes)
    assert not is_compiled(made.dit)
    assert relative_error(paint(made, inputs).block, plain_block(inputs)) < 1e-5


def test_other_errors_are_not_taken_for_the_compilers():
    made = engine()
    made.steps = ()
    with pytest.raises((RuntimeError, ValueError)):
        made.warm_up()


def test_worlds_that_share_buffers_do_not_disturb_each_other():
    made, inputs, others = engine(), Inputs(CONFIG, 1), Inputs(CONFIG, 2)

    def drive(between: bool) -> list[torch.Tensor]:
        state, other = made.new_state(inputs.text, 7), made.new_state(others.text, 8)
        blocks = []
        for _ in range(3):
            blocks.append(made.imagine(state, inputs.reference, inputs.mask, inputs.render))
            if between:
                made.imagine(other, others.reference, others.mask, others.render)
        return blocks

    assert all(torch.equal(a, b) for a, b in zip(drive(False), drive(True)))


def test_context_and_steps_apart_paint_the_same_block():
    made, inputs = engine(), Inputs(CONFIG, 1)
    made.warm_up()
    state = made.new_state(inputs.text, 3)
    state.history = list(inputs.history)
    made._capture(state, torch.zeros_like(inputs.reference), inputs.mask)
    render = torch.full_like(inputs.render, math.nan)
    called = []

    def arrive() -> None:
        render.copy_(inputs.render)
        called.append(True)

    latents = made.sample(state, inputs.reference, inputs.mask, render, before_steps=arrive)
    assert called and torch.equal(latents, plain_block(inputs))
    state.history = []
    render.fill_(math.nan)
    assert made.sample(state, inputs.reference, inputs.mask, render,
                       before_steps=arrive).isfinite().all() and len(called) == 2


@pytest.mark.parametrize('settings', [
    {'path': 'quick'}, {'precision': 'fp4'}, {'attention': 'magic'}, {'compile_scope': 'all'},
    {'fp8_scaling': 'block'}])
def test_unknown_settings_are_refused(settings):
    with pytest.raises(ValueError, match=next(iter(settings.values()))):
        RuntimeSettings(**settings)


def test_weights_of_another_precision_are_refused():
    with pytest.raises(ValueError, match='bf16.*float32'):
        open_engine(network(), CONFIG, RuntimeSettings(precision='bf16'))


def test_the_kernel_cache_follows_setting_then_environment(monkeypatch, tmp_path):
    monkeypatch.setenv('TORCHINDUCTOR_CACHE_DIR', str(tmp_path / 'given'))
    assert runtime.use_kernel_cache(None) == tmp_path / 'given'
    assert runtime.use_kernel_cache(tmp_path / 'own') == tmp_path / 'own'
    monkeypatch.delenv('TORCHINDUCTOR_CACHE_DIR')
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    assert runtime.use_kernel_cache(None) == tmp_path / 'inspatio_ros' / 'kernels'


@pytest.mark.parametrize('scaling', ['row', 'tensor'])
def test_fp8_keeps_three_bits(scaling):
    torch.manual_seed(0)
    linear = nn.Linear(64, 32)
    x = torch.randn(3, 5, 64)
    error = relative_error(Fp8Linear(linear, scaling)(x), linear(x))
    assert 1e-3 < error < 6e-2


def test_fp8_rows_have_scales_of_their_own():
    x = torch.tensor([[1.0, 0.5], [1e-4, 2e-4], [0.0, 0.0]])
    values, scale = to_fp8(x, 'row')
    assert torch.allclose(values.float() * scale, x, rtol=0.07)
    assert to_fp8(x, 'tensor')[1].shape == (1, 1)


def test_fp8_refuses_widths_that_the_units_do_not_take():
    with pytest.raises(ValueError, match='24'):
        Fp8Linear(nn.Linear(24, 32))


def test_fp8_replaces_every_wide_layer_fused_or_not():
    for dit, count in ((network(), 8), (network().fuse_qkv(), 6)):
        to_fp8_linears(dit)
        assert sum(isinstance(m, Fp8Linear) for m in dit.modules()) == count * CONFIG.dit.layers


def test_a_fast_codec_codes_the_same_stream():
    torch.manual_seed(0)
    network = Taehv(TINY_TAEHV).eval().requires_grad_(False)
    frames = torch.rand(1, 9, 3, 16, 16)
    plain, fast = TaehvCodec(network), TaehvCodec(network)
    latents, memory = plain.encode(frames)
    speed_up_codec(fast, compiles=True, graphs=True, backend='aot_eager')
    first, past = fast.encode(frames[:, :5])
    second, past = fast.encode(frames[:, 5:], past)
    assert isinstance(fast.encode_pass, SteadyPass)
    assert torch.allclose(torch.cat([first, second], 1), latents, atol=1e-5)
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(past.tensors, memory.tensors))


def test_without_a_graph_the_function_is_called():
    doubled = Graphed(lambda x: (2 * x,), [torch.zeros(2)])
    assert torch.equal(doubled(torch.ones(2))[0], torch.full((2,), 2.0))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device')
@pytest.mark.parametrize('precision', ['bf16', 'fp8'])
def test_the_graph_paints_what_the_passes_paint(precision):
    config = replace(STAR_TINY, shape=BlockShape(8, 8))
    settings = RuntimeSettings(precision=precision, compile_scope='none')
    dit = CausalDit.empty(config.dit, 'cuda', settings.dtype).randomise(5)
    made = open_engine(dit, config, settings)
    made.warm_up()
    painted = paint(made, Inputs(config, 1))
    assert relative_error(painted.at_once, painted.block) < 1e-5
