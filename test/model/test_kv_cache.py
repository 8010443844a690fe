# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0

from inspatio_ros.model.config import BlockShape, DitConfig
from inspatio_ros.model.kv_cache import GrowingCache, own_windows, StaticCache
import pytest
import torch

CONFIG = DitConfig(48, 2, 3, 64, 16, 8, 6)
SHAPE = BlockShape(4, 6, 2, 1)  # 6 tokens a frame, 12 a block


def noise(tokens, seed=0):
    return torch.randn(1, tokens, 2, 24, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize('tokens', [12, 24, 0])
def test_both_caches_let_the_same_rows_be_seen(tokens):
    caches = [StaticCache(CONFIG, SHAPE), GrowingCache(CONFIG.layers)]
    context, own = (noise(tokens), noise(tokens, 1)), (noise(12, 2), noise(12, 3))
    seen = []
    for cache in caches:
        windows = cache.context_windows(tokens)
        if tokens:
            among = windows[1].exchange(*context)
            assert torch.equal(among[0], context[0]) and torch.equal(among[1], context[1])
        seen.append(cache.denoise_windows()[1].exchange(*own))
    for static, grown in zip(*seen):
        # The static cache has the own rows first; attention does not care.
        assert torch.equal(torch.cat([static[:, 12:], static[:, :12]], 1), grown)


def test_steps_leave_the_context_alone():
    cache = StaticCache(CONFIG, SHAPE)
    cache.context_windows(24)[0].exchange(noise(24), noise(24, 1))
    before = [rows.clone() for rows in cache.context_rows(0)]
    for seed in range(3):
        cache.denoise_windows()[0].exchange(noise(12, seed), noise(12, seed))
    assert all(torch.equal(a, b) for a, b in zip(before, cache.context_rows(0)))
    assert not cache.context_rows(1)[0].any()


def test_a_shorter_context_hides_the_rows_of_a_longer_one():
    cache = StaticCache(CONFIG, SHAPE)
    cache.context_windows(24)[0].exchange(torch.full((1, 24, 2, 24), torch.nan), noise(24))
    cache.context_windows(12)[0].exchange(noise(12), noise(12))
    keys, values = cache.denoise_windows()[0].exchange(noise(12), noise(12))
    assert keys.shape[1] == 24 and keys.isfinite().all() and values.isfinite().all()


def test_nothing_is_moved_or_allocated():
    cache = StaticCache(CONFIG, SHAPE)
    first = cache.denoise_windows()[2].exchange(noise(12), noise(12))
    second = cache.denoise_windows()[2].exchange(noise(12, 1), noise(12, 1))
    assert [t.data_ptr() for t in first] == [t.data_ptr() for t in second]
    assert cache.nbytes == 3 * 2 * 36 * 2 * 24 * 4


@pytest.mark.parametrize('tokens', [-1, 25])
def test_too_much_context_is_refused(tokens):
    with pytest.raises(ValueError, match=f'room for 24 context tokens, got {tokens}'):
        StaticCache(CONFIG, SHAPE).context_windows(tokens)


def test_without_a_cache_there_are_only_the_own_rows():
    k, v = noise(5), noise(5, 1)
    window = own_windows(3)[2]
    assert window.exchange(k, v) == (k, v)


def test_gradients_pass_the_growing_cache():
    cache, k = GrowingCache(1), noise(4).requires_grad_()
    cache.context_windows(4)[0].exchange(k, k)
    keys, _ = cache.denoise_windows()[0].exchange(noise(2), noise(2))
    keys.sum().backward()
    assert torch.equal(k.grad, torch.ones_like(k))
