# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which made-up places nothing is ever trained on: figures are measured there."""

from __future__ import annotations

HELD_OUT_SEEDS = range(1_000_000, 1_000_064)


def check_trainable(seed: int) -> None:
    """
    Refuse a place that is kept for measuring.

    :raises ValueError: the seed is negative or held out.
    """
    if seed < 0:
        raise ValueError(f'a seed must be 0 or more, got {seed}')
    if seed in HELD_OUT_SEEDS:
        raise ValueError(f'seed {seed} is held out for measuring ({HELD_OUT_SEEDS.start} .. '
                         f'{HELD_OUT_SEEDS.stop - 1}): do not train on it')
