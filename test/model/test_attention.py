# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0

from inspatio_ros.model.attention import (ATTENTIONS, CrossAttention, plain_attention, RmsNorm,
                                          SelfAttention, torch_attention)
from inspatio_ros.model.config import DitConfig
from inspatio_ros.model.kv_cache import OwnWindow
from inspatio_ros.model.rope import make_rope
import pytest
import torch

CONFIG = DitConfig(48, 2, 1, 64, 16, 8, 6)


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize('rows', [1, 5, 40])
def test_the_kernel_equals_the_formula(rows):
    q, k, v = noise(2, 7, 3, 16), noise(2, rows, 3, 16, seed=1), noise(2, rows, 3, 16, seed=2)
    assert (torch_attention(q, k, v) - plain_attention(q, k, v)).abs().max() < 2e-6
    assert set(ATTENTIONS) >= {'torch', 'cudnn', 'plain'}


def test_the_order_of_keys_does_not_matter():
    q, k, v = noise(1, 4, 2, 8), noise(1, 9, 2, 8, seed=1), noise(1, 9, 2, 8, seed=2)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(0))
    moved = torch_attention(q, k[:, order], v[:, order])
    assert (moved - torch_attention(q, k, v)).abs().max() < 2e-6


def test_rms_is_of_all_heads_together():
    norm = RmsNorm(6, 1e-6)
    norm.weight.data = torch.arange(1.0, 7.0)
    x = noise(2, 6)
    expected = x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6) * norm.weight
    assert (norm(x) - expected).abs().max() < 1e-6


@torch.no_grad()
def test_fused_projections_give_the_same():
    torch.manual_seed(0)
    layer = SelfAttention(CONFIG, torch_attention)
    u, rope = noise(1, 12, 48), make_rope(CONFIG.rope_pairs, (0, 1), (2, 3))
    before, keys = layer(u, rope, OwnWindow()), layer.keys_values(u, rope)
    layer.fuse()
    assert set(layer.state_dict()) == {
        'qkv.weight', 'qkv.bias', 'o.weight', 'o.bias', 'norm_q.weight', 'norm_k.weight'}
    assert (layer(u, rope, OwnWindow()) - before).abs().max() < 2e-6
    for got, wanted in zip(layer.keys_values(u, rope), keys):
        assert (got - wanted).abs().max() < 2e-6


@torch.no_grad()
def test_equal_text_rows_count_as_often_as_they_occur():
    torch.manual_seed(0)
    layer = CrossAttention(CONFIG, torch_attention)
    u, rows = noise(1, 5, 48), noise(1, 3, 48, seed=1)
    padded = torch.cat([rows, rows[:, 2:].expand(1, 4, 48)], 1)
    few, many = layer(u, *layer.keys_values(rows)), layer(u, *layer.keys_values(padded))
    assert (few - many).abs().max() > 1e-3


@pytest.mark.gpu
def test_kernels_of_the_device_agree():
    q, k, v = (noise(1, 64, 4, 128, seed=i).cuda().bfloat16() for i in range(3))
    expected = plain_attention(q.float(), k.float(), v.float())
    for name in ('torch', 'cudnn'):
        assert (ATTENTIONS[name](q, k, v).float() - expected).abs().max() < 2e-2
