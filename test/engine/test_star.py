# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace

from inspatio_ros.engine.star import block_noise, LatentsNotFiniteError, StarEngine
from inspatio_ros.model.config import BlockShape, DitConfig, STAR_TINY, StarConfig
from inspatio_ros.model.dit import CausalDit
from inspatio_ros.model.layers import Modulation
import pytest
import torch

SIZES = DitConfig(dim=48, heads=2, layers=2, ffn_dim=64, freq_dim=16, text_dim=8, text_len=6)
CONFIG = StarConfig(SIZES, BlockShape(4, 6), (1000, 750, 500, 250))


@pytest.fixture(scope='module')
def dit():
    return CausalDit.empty(SIZES).randomise(0)


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def inputs(config, block, batch=1):
    """Return reference, mask and render of a block."""
    shape = config.shape
    size = (shape.height, shape.width)
    latents, mask = noise(2, batch, shape.block_latents, 16, *size, seed=block), noise(
        batch, shape.block_latents, 4, *size, seed=100 + block)
    return latents[0], mask, latents[1]


def roll(engine, blocks=3, seed=7, state=None, batch=1):
    """Return the blocks of a world."""
    state = state or engine.new_state(noise(batch, 4, engine.config.dit.text_dim, seed=50), seed)
    return [engine.imagine(state, *inputs(engine.config, i, batch)) for i in range(blocks)]


@pytest.mark.parametrize('shape, batch', [
    (BlockShape(4, 6), 1), (BlockShape(2, 2, 1, 0), 1), (BlockShape(6, 4, 2, 2), 1),
    (BlockShape(4, 4, 5, 1), 1), (BlockShape(4, 6, 2, 1), 3)])
def test_the_fast_path_equals_its_twin(dit, shape, batch):
    config = replace(CONFIG, shape=shape)
    fast, slow, learning = (roll(StarEngine(dit, config, path), batch=batch, blocks=4)
                            for path in ('fast', 'slow', 'learning'))
    for a, b, c in zip(fast, slow, learning):
        assert a.shape == (batch, shape.block_latents, 16, shape.height, shape.width)
        assert (a - b).abs().max() <= 2e-5
        assert (c - b).abs().max() <= 2e-5


def test_without_a_reference_the_history_stays_where_it_is(dit):
    painted = []
    for path in ('fast', 'slow', 'learning'):
        engine = StarEngine(dit, CONFIG, path)
        state = engine.new_state(noise(1, 4, 8, seed=50), seed=7)
        for block in range(3):
            _, mask, render = inputs(CONFIG, block)
            latents = engine.sample(state, None, mask, render)
            engine.keep(state, latents)
        painted.append(latents)
    assert (painted[0] - painted[1]).abs().max() <= 2e-5
    assert (painted[0] - painted[2]).abs().max() <= 2e-5
    # Where the history lies matters: at the positions of the reference it is another context.
    elsewhere = engine.new_state(noise(1, 4, 8, seed=50), seed=7)
    elsewhere.block = state.block
    moved = engine.sample(elsewhere, state.history[0], mask, render)
    assert (moved - engine.sample(state, None, mask, render)).abs().max() > 1e-3


def test_fused_projections_paint_the_same(dit):
    fused = CausalDit.empty(SIZES).randomise(0).fuse_qkv()
    for a, b in zip(roll(StarEngine(fused, CONFIG)), roll(StarEngine(dit, CONFIG))):
        assert (a - b).abs().max() <= 2e-5


def test_the_tiny_preset_paints():
    engine = StarEngine(CausalDit.empty(STAR_TINY.dit).randomise(0), STAR_TINY)
    first, second = roll(engine, blocks=2)
    assert first.shape == (1, 3, 16, 24, 40) and first.dtype == torch.float32
    assert first.isfinite().all() and not torch.equal(first, second)


def test_the_same_seed_gives_the_same_bytes(dit):
    engine = StarEngine(dit, CONFIG)
    first = roll(engine)
    warmed_up = StarEngine(dit, CONFIG)
    roll(warmed_up, seed=99)
    torch.randn(1000)
    for a, b, c in zip(first, roll(engine), roll(warmed_up)):
        assert torch.equal(a, b) and torch.equal(a, c)
    assert not torch.equal(first[0], roll(engine, 1, seed=8)[0])


def test_worlds_on_the_same_weights_do_not_meet(dit):
    engine = StarEngine(dit, CONFIG)
    alone = [roll(engine, seed=1), roll(engine, seed=2)]
    text = noise(1, 4, 8, seed=50)
    worlds = [engine.new_state(text, 1), engine.new_state(text, 2)]
    together = [[], []]
    for block in range(3):
        for world, painted in zip(worlds, together):
            painted.append(engine.imagine(world, *inputs(CONFIG, block)))
    for a, b in zip(alone[0] + alone[1], together[0] + together[1]):
        assert torch.equal(a, b)


def test_a_world_can_begin_again(dit):
    engine = StarEngine(dit, CONFIG)
    state = engine.new_state(noise(1, 4, 8, seed=50), seed=7)
    first = roll(engine, state=state)
    state.reset(seed=7)
    for a, b in zip(first, roll(engine, state=state)):
        assert torch.equal(a, b)


def test_noise_does_not_depend_on_what_else_is_drawn():
    shape = (1, 3, 16, 4, 6)
    four, two = block_noise(3, 5, 4, shape), block_noise(3, 5, 2, shape)
    assert torch.equal(four[:2], two)
    others = [block_noise(3, 6, 1, shape), block_noise(5, 3, 1, shape), four[1:2]]
    assert not any(torch.equal(four[:1], other) for other in others)
    assert abs(float(four.mean())) < 0.1 and abs(float(four.std()) - 1.0) < 0.05


def test_only_the_wanted_history_is_kept(dit):
    engine = StarEngine(dit, replace(CONFIG, shape=BlockShape(4, 6, 1, 2)))
    state = engine.new_state(noise(1, 4, 8), seed=0)
    painted = [engine.imagine(state, *inputs(engine.config, i)) for i in range(4)]
    assert state.block == 4
    assert len(state.history) == 2
    assert torch.equal(state.history[0], painted[3])
    assert torch.equal(state.history[1], painted[2])
    painted[3].zero_()  # the caller's to use
    assert state.history[0].any()


def test_history_and_condition_matter(dit):
    engine = StarEngine(dit, CONFIG)
    reference, mask, render = inputs(CONFIG, 1)
    state = engine.new_state(noise(1, 4, 8), seed=0)
    engine.imagine(state, *inputs(CONFIG, 0))
    kept = engine.sample(state, reference, mask, render)
    for other in ((reference + 1, mask, render), (reference, -mask, render),
                  (reference, mask, render + 1)):
        assert (engine.sample(state, *other) - kept).abs().max() > 1e-3
    state.history = []
    assert (engine.sample(state, reference, mask, render) - kept).abs().max() > 1e-3


def test_a_block_that_is_not_finite_is_dropped(dit):
    engine = StarEngine(dit, CONFIG)
    expected = roll(engine)
    state = engine.new_state(noise(1, 4, 8, seed=50), seed=7)
    first = engine.imagine(state, *inputs(CONFIG, 0))
    for place, value in ((0, torch.nan), (2, torch.inf)):
        broken = list(inputs(CONFIG, 1))
        broken[place] = broken[place].clone()
        broken[place][0, 1, 2, 3, 4] = value
        with pytest.raises(LatentsNotFiniteError, match='block 1 of the world with seed 7'):
            engine.imagine(state, *broken)
    assert state.block == 1 and torch.equal(state.history[0], first)
    # Nothing of it stays behind in keys and values either.
    assert torch.equal(engine.imagine(state, *inputs(CONFIG, 1)), expected[1])


def test_constants_are_made_once(dit, monkeypatch):
    engine = StarEngine(dit, CONFIG)
    state = engine.new_state(noise(1, 4, 8), seed=0)

    def refuse(*_, **__):
        raise AssertionError('made again')
    for name in ('text_kv', 'embed_text', 'modulation'):
        monkeypatch.setattr(dit, name, refuse)
    monkeypatch.setattr('inspatio_ros.engine.denoiser.cache_rope', refuse)
    monkeypatch.setattr(torch, 'float64', None)
    engine.imagine(state, *inputs(CONFIG, 0))
    with pytest.raises(AssertionError, match='made again'):
        slow = StarEngine(dit, CONFIG, 'slow')
        slow.imagine(slow.new_state(noise(1, 4, 8), seed=0), *inputs(CONFIG, 0))


def test_the_same_gradients_pass_both_paths_that_learn():
    gradients = []
    for path in ('slow', 'learning'):
        dit = CausalDit.empty(SIZES).randomise(0).requires_grad_(True)
        engine = StarEngine(dit, CONFIG, path)
        state = engine.new_state(noise(1, 4, 8), seed=0)
        engine.sample(state, *inputs(CONFIG, 0)).square().mean().backward()
        gradients.append({name: weight.grad for name, weight in dit.named_parameters()})
    for name, slow in gradients[0].items():
        learnt = gradients[1][name]
        assert slow is not None and learnt is not None, name
        assert (slow - learnt).abs().max() <= 1e-5 * slow.abs().max().clamp_min(1.0), name


@pytest.mark.parametrize('place, name', [(0, 'reference'), (1, 'mask'), (2, 'render')])
@pytest.mark.parametrize('cut', [
    lambda x: x[:, :2], lambda x: x[:, :, 1:], lambda x: x[..., 1:], lambda x: x[0],
    lambda x: torch.cat([x, x])])
def test_inputs_that_do_not_fit_are_refused(dit, place, name, cut):
    engine = StarEngine(dit, CONFIG)
    state = engine.new_state(noise(1, 4, 8), seed=0)
    given = list(inputs(CONFIG, 0))
    given[place] = cut(given[place])
    with pytest.raises(ValueError, match=f'{name} must be .1, 3, .*, got'):
        engine.imagine(state, *given)
    assert state.block == 0


def test_noise_that_does_not_fit_is_refused(dit):
    engine = StarEngine(dit, CONFIG)
    state = engine.new_state(noise(1, 4, 8), seed=0)
    with pytest.raises(ValueError, match='noise must be .4, 1, 3, 16, 4, 6., got'):
        engine.imagine(state, *inputs(CONFIG, 0), torch.zeros(3, 1, 3, 16, 4, 6))


@pytest.mark.parametrize('path', ['fast', 'slow'])
def test_worlds_that_are_refused(dit, path):
    engine = StarEngine(dit, CONFIG, path)
    for shape in ((1, 2000, 8), (1, 4, 9), (4, 8)):
        with pytest.raises(ValueError, match='text must be'):
            engine.new_state(torch.zeros(shape), seed=0)
    with pytest.raises(ValueError, match='seed must be at least 0, got -1'):
        engine.new_state(torch.zeros(1, 4, 8), seed=-1)
    assert roll(engine, 1, state=engine.new_state(torch.zeros(1, 0, 8), 0))[0].isfinite().all()


def test_engines_that_are_refused(dit):
    with pytest.raises(ValueError, match="no path 'eager'; there are fast, slow"):
        StarEngine(dit, CONFIG, 'eager')
    with pytest.raises(ValueError, match='the config wants'):
        StarEngine(dit, replace(CONFIG, dit=replace(SIZES, layers=3)))
    with pytest.raises(ValueError, match='patches of .1, 2.'):
        StarEngine(dit, replace(CONFIG, shape=BlockShape(4, 6, patch=(1, 2))))
    with pytest.raises(ValueError, match='steps must fall'):
        StarEngine(dit, replace(CONFIG, steps=(500, 750)))


def test_modulation_is_that_of_the_slow_path(dit):
    engine = StarEngine(dit, CONFIG)
    for step, made in zip(engine.steps, engine.denoiser.modulations):
        again = dit.modulation(torch.tensor([step.timestep]))
        assert isinstance(made, Modulation)
        assert all(torch.equal(a, b) for a, b in zip(made, again))


@pytest.mark.gpu
def test_a_device_paints_what_the_cpu_paints(dit):
    on_device = CausalDit.empty(SIZES, 'cuda')
    on_device.load_state_dict(dit.state_dict())
    for a, b in zip(roll(StarEngine(on_device, CONFIG)), roll(StarEngine(dit, CONFIG))):
        assert (a.cpu() - b).abs().max() < 1e-2  # TF32 may be on


def test_half_precision_stays_near(dit):
    half = CausalDit.empty(SIZES, dtype=torch.bfloat16)
    half.load_state_dict(dit.state_dict())
    got, exact = roll(StarEngine(half, CONFIG), 1)[0], roll(StarEngine(dit, CONFIG), 1)[0]
    assert got.dtype == torch.float32
    assert (got - exact).norm() / exact.norm() < 0.1


def test_inputs_of_other_types_are_taken(dit):
    engine = StarEngine(dit, CONFIG)
    reference, mask, render = inputs(CONFIG, 0)
    text = noise(1, 4, 8, seed=50)
    mixed = engine.imagine(engine.new_state(text, 7), reference.bfloat16().float(), mask.sign(),
                           render.double())
    plain = engine.imagine(engine.new_state(text, 7), reference.bfloat16(), mask.sign().char(),
                           render)
    assert torch.equal(mixed, plain)
