# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0

import math

from inspatio_ros.model.config import BlockShape, DitConfig
from inspatio_ros.model.rope import axis_angles, cache_rope, make_rope, rotate
import pytest
import torch


def slow_rotate(x, pairs, places):
    """Turn pair after pair of one token, each token at (time, row, column)."""
    out = x.clone()
    for token, place in enumerate(places):
        pair = 0
        for position, count in zip(place, pairs):
            for i in range(count):
                angle = position * 10000.0 ** (-i / count)
                a, b = float(x[token, 2 * pair]), float(x[token, 2 * pair + 1])
                out[token, 2 * pair] = a * math.cos(angle) - b * math.sin(angle)
                out[token, 2 * pair + 1] = a * math.sin(angle) + b * math.cos(angle)
                pair += 1
    return out


@pytest.mark.parametrize('pairs', [(6, 5, 5), (4, 4, 4), (1, 0, 0), (2, 1, 1)])
def test_rotation_equals_the_slow_one(pairs):
    times, grid = (7, 0, 3), (2, 3)
    places = [(t, r, c) for t in times for r in range(2) for c in range(3)]
    x = torch.randn(len(places), 2 * sum(pairs), generator=torch.Generator().manual_seed(0))
    got = rotate(x[None, :, None], make_rope(pairs, times, grid))[0, :, 0]
    assert (got - slow_rotate(x, pairs, places)).abs().max() < 1e-6


def test_pairs_of_the_published_head():
    config = DitConfig(1536, 12, 1, 64, 16, 8, 6)
    assert config.rope_pairs == (22, 21, 21)


def test_only_the_distance_counts():
    x = torch.randn(2, 1, 1, 32, generator=torch.Generator().manual_seed(1))
    near, far = (rotate(x.transpose(0, 1), make_rope((6, 5, 5), (t, t + 2), (1, 1)))
                 for t in (0, 500))
    dots = [float((turned[0, 0, 0] * turned[0, 1, 0]).sum()) for turned in (near, far)]
    assert dots[0] == pytest.approx(dots[1], abs=1e-4)


def test_large_positions_keep_their_digits():
    angles = axis_angles([100_003], 4)
    assert angles.dtype == torch.float64
    rope = make_rope((4, 0, 0), (100_003,), (1, 1))
    assert rope.cos_Sc.dtype == torch.float32
    assert float(rope.cos_Sc[0, 1]) == pytest.approx(math.cos(100_003 / 10.0), abs=1e-6)


def test_half_precision_is_rotated_in_float32():
    x = torch.randn(1, 6, 2, 12, generator=torch.Generator().manual_seed(2)).bfloat16()
    rope = make_rope((2, 2, 2), (5,), (2, 3))
    got = rotate(x, rope)
    assert got.dtype == torch.bfloat16
    assert torch.equal(got, rotate(x.float(), rope).bfloat16())


def test_rows_of_the_cache():
    config, shape = DitConfig(48, 2, 1, 64, 16, 8, 6), BlockShape(4, 6, 2, 1)
    rope = cache_rope(config, shape)
    assert rope.cos_Sc.shape == (shape.cache_tokens, 12)
    alone = make_rope(config.rope_pairs, (4, 5), shape.grid)
    assert torch.equal(rope.rows(0, shape.block_tokens).sin_Sc, alone.sin_Sc)
