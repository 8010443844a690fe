# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace

from inspatio_ros.model.config import BlockShape, DitConfig
from inspatio_ros.model.dit import CausalDit
from inspatio_ros.model.kv_cache import own_windows, StaticCache
from inspatio_ros.model.layers import time_features
from inspatio_ros.model.rope import cache_rope
import pytest
import torch
from torch.nn import functional

CONFIG = DitConfig(dim=48, heads=2, layers=2, ffn_dim=64, freq_dim=16, text_dim=8, text_len=6)
SHAPE = BlockShape(4, 6, 2, 1)


@pytest.fixture(scope='module')
def dit():
    return CausalDit.empty(CONFIG).randomise(0)


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def run(dit, tokens, text=None, windows=None, t=625.0):
    rope = cache_rope(CONFIG, SHAPE).rows(0, SHAPE.block_tokens)
    text = dit.text_kv(noise(len(tokens), 3, 8, seed=9)) if text is None else text
    return dit(tokens, dit.modulation(torch.tensor([t])), rope, text,
               windows or own_windows(CONFIG.layers), SHAPE.grid)


def test_patches_equal_the_convolution(dit):
    x = noise(2, 3, 36, 4, 6)
    conv = dit.patch_embedding
    wanted = functional.conv3d(x.transpose(1, 2), conv.weight, conv.bias, conv.stride)
    wanted = wanted.flatten(2).transpose(1, 2)
    assert (dit.embed(x) - wanted).abs().max() < 2e-6
    in_two = dit.embed(x[:, :, :16]) + dit.embed_condition(x[:, :, 16:])
    assert (in_two - wanted).abs().max() < 2e-6


def test_channels_that_are_not_given_are_zero(dit):
    x = noise(1, 2, 16, 4, 6)
    padded = torch.cat([x, torch.zeros(1, 2, 20, 4, 6)], 2)
    assert (dit.embed(x) - dit.embed(padded)).abs().max() < 1e-6


def test_tokens_go_back_where_they_came_from(dit):
    values = noise(1, 2, 16, 4, 6)
    patches = values.unflatten(4, (3, 2)).unflatten(3, (2, 2))      # B F C h p w q
    tokens = patches.permute(0, 1, 3, 5, 4, 6, 2).flatten(4).flatten(1, 3)
    assert torch.equal(dit._unpatch(tokens, SHAPE.grid), values)


def test_time_features_are_cosines_first():
    got = time_features(torch.tensor([0.0, 937.5]), 8)
    angles = 937.5 * 10000.0 ** -(torch.arange(4, dtype=torch.float64) / 4)
    assert torch.equal(got[0], torch.tensor([1.0] * 4 + [0.0] * 4))
    assert torch.equal(got[1], torch.cat([angles.cos(), angles.sin()]).float())


@torch.no_grad()
def test_padded_text_is_seen(dit):
    rows = noise(1, 3, 8)
    padded = torch.cat([rows, torch.zeros(1, 3, 8)], 1)
    tokens = dit.embed(noise(1, 2, 16, 4, 6))
    flow = run(dit, tokens, dit.text_kv(rows))
    assert torch.equal(flow, run(dit, tokens, dit.text_kv(padded)))
    assert flow.shape == (1, 2, 16, 4, 6)
    nothing = run(dit, tokens, dit.text_kv(rows[:, :0]))
    assert nothing.isfinite().all() and not torch.equal(nothing, flow)
    # One row of padding stands for all of them: they are alike, so it does not matter how many.
    padding = run(dit, tokens, dit.text_kv(torch.zeros(1, 6, 8)))
    torch.testing.assert_close(nothing, padding, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('shape', [(1, 2000, 8), (1, 3, 9), (3, 8)])
def test_text_that_does_not_fit_is_refused(dit, shape):
    with pytest.raises(ValueError, match='text must be .B, at most 6, 8., got'):
        dit.text_kv(torch.zeros(shape))


def test_too_many_channels_are_refused(dit):
    with pytest.raises(ValueError, match='36 input channels, got 21 from channel 16'):
        dit.embed_condition(torch.zeros(1, 2, 21, 4, 6))


@torch.no_grad()
def test_the_batch_is_only_a_batch(dit):
    tokens, text = dit.embed(noise(2, 2, 16, 4, 6)), noise(2, 6, 8, seed=1)
    times, rope = torch.tensor([1000.0, 250.0]), cache_rope(CONFIG, SHAPE).rows(0, 12)
    both = dit(tokens, dit.modulation(times), rope, dit.text_kv(text), own_windows(2), SHAPE.grid)
    for i, t in enumerate(times.tolist()):
        alone = run(dit, tokens[i:i + 1], dit.text_kv(text[i:i + 1]), t=t)
        assert (both[i:i + 1] - alone).abs().max() < 5e-6


@torch.no_grad()
def test_a_context_pass_needs_no_more_than_keys_and_values(dit):
    tokens, count = dit.embed(noise(1, 4, 16, 4, 6)), 24
    rope = cache_rope(CONFIG, SHAPE).rows(12, 36)
    text, modulation = dit.text_kv(noise(1, 3, 8)), dit.modulation(torch.zeros(1))
    whole, short = StaticCache(CONFIG, SHAPE), StaticCache(CONFIG, SHAPE)
    dit(tokens, modulation, rope, text, whole.context_windows(count), SHAPE.grid)
    calls = []
    handle = dit.layers[-1].ffn.register_forward_hook(lambda *_: calls.append(1))
    dit.remember(tokens, modulation, rope, text, short.context_windows(count))
    handle.remove()
    assert not calls
    for layer in range(2):
        for a, b in zip(whole.context_rows(layer), short.context_rows(layer)):
            assert torch.equal(a, b) and a.any()


@torch.no_grad()
def test_fused_projections(dit):
    tokens = dit.embed(noise(1, 2, 16, 4, 6))
    fused = CausalDit.empty(CONFIG).randomise(0).fuse_qkv()
    assert (run(fused, tokens) - run(dit, tokens)).abs().max() < 5e-6
    assert 'blocks.0.self_attn.qkv.weight' in fused.state_dict()


@torch.no_grad()
def test_half_precision_stays_near(dit):
    half = CausalDit.empty(CONFIG, dtype=torch.bfloat16)
    half.load_state_dict(dit.state_dict(), strict=True)
    x = noise(1, 2, 16, 4, 6)
    flow = run(half, half.embed(x))
    exact = run(dit, dit.embed(x))
    assert flow.dtype == torch.bfloat16
    assert (flow.float() - exact).norm() / exact.norm() < 0.05


def test_loading_is_strict(dit):
    weights = dict(dit.state_dict())
    weights['extra'] = weights.pop('head.head.bias')
    with pytest.raises(RuntimeError, match='head.head.bias(.|\n)*extra'):
        CausalDit.empty(CONFIG).load_state_dict(weights, strict=True)
    with pytest.raises(RuntimeError, match='size mismatch'):
        CausalDit.empty(replace(CONFIG, ffn_dim=32)).load_state_dict(dit.state_dict())


@torch.no_grad()
def test_a_step_is_one_graph(dit):
    torch._dynamo.reset()
    cache = StaticCache(CONFIG, SHAPE)
    cache.context_windows(12)
    tokens = dit.embed(noise(1, 2, 16, 4, 6))
    expected = run(dit, tokens, windows=cache.denoise_windows())
    compiled = torch.compile(dit, fullgraph=True, backend='aot_eager', dynamic=False)
    text = dit.text_kv(noise(1, 3, 8, seed=9))
    rope = cache_rope(CONFIG, SHAPE).rows(0, SHAPE.block_tokens)
    got = compiled(tokens, dit.modulation(torch.tensor([625.0])), rope, text,
                   cache.denoise_windows(), SHAPE.grid)
    assert (got - expected).abs().max() < 5e-6
    torch._dynamo.reset()
