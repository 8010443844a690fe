# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
How long the passes of a block take on the fast path and on its slow twin.

Random weights: times do not depend on them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
import contextlib
from dataclasses import dataclass, replace
import time

from inspatio_ros.engine.star import StarEngine, StarState
from inspatio_ros.model.config import StarConfig
from inspatio_ros.model.dit import CausalDit
import torch
from torch import Tensor


@dataclass(frozen=True)
class PathTiming:
    """
    Best times of one path, milliseconds.

    :param context_ms: one context pass over the reference and a full history.
    :param step_ms: one denoising step.
    """

    context_ms: float
    step_ms: float

    @property
    def total_ms(self) -> float:
        """One pass and one step."""
        return self.context_ms + self.step_ms


@dataclass(frozen=True)
class TwinTiming:
    """
    Both paths, measured in turns.

    :param fast, slow: best times.
    """

    fast: PathTiming
    slow: PathTiming

    @property
    def ratio(self) -> float:
        """Share of the slow path's time that the fast one takes."""
        return self.fast.total_ms / self.slow.total_ms

    def table(self) -> str:
        """Return the figures for people."""
        rows = ['path   context ms   step ms  total ms   of slow',
                *(f'{name}   {timing.context_ms:10.1f} {timing.step_ms:9.1f} '
                  f'{timing.total_ms:9.1f} {timing.total_ms / self.slow.total_ms:9.2f}'
                  for name, timing in (('fast', self.fast), ('slow', self.slow)))]
        return '\n'.join(rows)


def time_twins(config: StarConfig, device: torch.device | str = 'cpu',
               dtype: torch.dtype = torch.float32, threads: int | None = None,
               repeats: int = 3) -> TwinTiming:
    """
    Measure one context pass and one denoising step on both paths.

    :param config: sizes.
    :param device, dtype: of the network.
    :param threads: of torch on the CPU; None = as they are.
    :param repeats: of which the best counts; the paths take turns, so that a busy machine slows
        both.
    """
    dit = CausalDit.empty(config.dit, device, dtype).randomise(0)
    with _threads(threads):
        passes = {path: _Passes(dit, config, path) for path in ('fast', 'slow')}
        best = {path: (float('inf'), float('inf')) for path in passes}
        for _ in range(repeats + 1):  # the first one warms up
            for path, runs in passes.items():
                now = (_milliseconds(runs.context, dit.device),
                       _milliseconds(runs.step, dit.device))
                best[path] = (min(best[path][0], now[0]), min(best[path][1], now[1]))
    return TwinTiming(PathTiming(*best['fast']), PathTiming(*best['slow']))


class _Passes:
    """
    The two passes of one path, with a full history.

    :param dit: network.
    :param config: sizes.
    :param path: `fast` or `slow`.
    """

    def __init__(self, dit: CausalDit, config: StarConfig, path: str) -> None:
        shape, sizes = config.shape, config.dit
        self.engine = StarEngine(dit, config, path)
        text = torch.randn(1, sizes.text_len, sizes.text_dim)
        self.state: StarState = self.engine.new_state(text, seed=0)
        frame = (shape.height, shape.width)
        self.latents = self._randn(sizes.out_channels, *frame, config)
        self.state.history = [self.latents] * shape.history_blocks
        self.condition = self.engine.denoiser.condition(
            self._randn(sizes.condition_channels, *frame, config))

    @torch.no_grad()
    def context(self) -> None:
        self.engine.remember_context(self.state, self.latents)

    @torch.no_grad()
    def step(self) -> None:
        self.engine.denoiser.flow(self.state.memory, self.state.text, self.latents,
                                  self.condition, 0)

    def _randn(self, channels: int, height: int, width: int, config: StarConfig) -> Tensor:
        size = (1, config.shape.block_latents, channels, height, width)
        return torch.randn(size).to(self.engine.device)


def _milliseconds(work: Callable[[], None], device: torch.device) -> float:
    _wait(device)
    start = time.perf_counter()
    work()
    _wait(device)
    return 1e3 * (time.perf_counter() - start)


def _wait(device: torch.device) -> None:
    if device.type == 'cuda':
        torch.cuda.synchronize(device)


@contextlib.contextmanager
def _threads(count: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def narrow(config: StarConfig, layers: int, height: int, width: int) -> StarConfig:
    """
    Return a generator of the same width that fits into less time.

    :param layers: of the network.
    :param height, width: of the latents.
    """
    return replace(config, dit=replace(config.dit, layers=layers),
                   shape=replace(config.shape, height=height, width=width))
