# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Which attention kernel is the fastest on this machine, at the sizes of a generator.

Shapes: B batch, S queries, R keys, N heads, d head width.
"""

from __future__ import annotations

import math

from inspatio_ros.model.attention import Attend, ATTENTIONS
from inspatio_ros.model.config import StarConfig
from inspatio_ros.model.dit import CausalDit
import torch

# In this order where times are equal.
CANDIDATES = ('cudnn', 'flash3', 'flash', 'torch')
_REPEATS = 5


def set_attention(dit: CausalDit, name: str) -> None:
    """Make all layers of a network use a kernel of `ATTENTIONS`."""
    for layer in dit.layers:
        layer.self_attn.attend = ATTENTIONS[name]
        layer.cross_attn.attend = ATTENTIONS[name]


def fastest_attention(config: StarConfig, device: torch.device, dtype: torch.dtype) -> str:
    """
    Return the kernel that takes least for a block; `torch` where there is no choice.

    :param config: whose sizes count.
    :param device, dtype: of the network.
    """
    if device.type != 'cuda' or dtype == torch.float32:
        return 'torch'
    times = attention_times(config, device, dtype)
    best = min(times, key=lambda name: times[name]['block'])
    return best if math.isfinite(times[best]['block']) else 'torch'


def attention_times(config: StarConfig, device: torch.device,
                    dtype: torch.dtype) -> dict[str, dict[str, float]]:
    """
    Measure the kernels (CUDA).

    :returns: per kernel the milliseconds of one layer in a context pass (`context`) and in a
        step (`step`), and of all layers of a block (`block`); infinity where it does not run.
    """
    own, rows = config.shape.block_tokens, config.shape.cache_tokens
    layers, steps = config.dit.layers, len(config.steps)
    times = {}
    for name in CANDIDATES:
        try:
            context = _milliseconds(ATTENTIONS[name], config, rows - own, rows - own, device,
                                    dtype)
            step = _milliseconds(ATTENTIONS[name], config, own, rows, device, dtype)
        except (ImportError, RuntimeError):  # not installed, or not for this chip
            context = step = math.inf
        times[name] = {'context': context, 'step': step,
                       'block': (layers - 1) * context + layers * steps * step}
    return times


@torch.no_grad()
def _milliseconds(attend: Attend, config: StarConfig, queries: int, keys: int,
                  device: torch.device, dtype: torch.dtype) -> float:
    """Return the best time of one call, on views such as the cache gives."""
    size = (1, max(queries, keys), config.dit.heads, config.dit.head_dim)
    q, k, v = (torch.randn(size, device=device, dtype=dtype) for _ in range(3))
    times = []
    for _ in range(_REPEATS + 1):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        attend(q[:, :queries], k[:, :keys], v[:, :keys])
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end))
    return min(times[1:])
