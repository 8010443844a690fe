# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Whether the fast ways to paint a block paint the same block.

Errors are |out - reference| / |reference| over a whole tensor. References are float32, eager, on
the same device; the small one is compared with the CPU and the slow twin as well. Inputs are
drawn anew in each run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
import secrets
from typing import Any, NamedTuple

from inspatio_ros.engine.runtime import (
    first_line, open_engine, PRECISIONS, RuntimeEngine, RuntimeSettings)
from inspatio_ros.model.config import BlockShape, STAR_TINY, StarConfig
from inspatio_ros.model.dit import CausalDit
import torch
from torch import Tensor

# Relative errors of a flow that still pass.
_FP32_LIMIT = 1e-4
_LIMITS = {'fp32': _FP32_LIMIT, 'bf16': 5e-2, 'fp8': 0.15}
# The fast path rounds at other places than the eager one, but not more often.
_OF_EAGER = 1.5
# A graph replays the same kernels.
_GRAPH_LIMIT = 1e-5
SMALL = replace(STAR_TINY, shape=BlockShape(16, 24))


def relative_error(out: Tensor, reference: Tensor) -> float:
    """Return |out - reference| / |reference|; NaN counts as infinite."""
    out, reference = out.detach().double().cpu(), reference.detach().double().cpu()
    error = float((out - reference).norm() / reference.norm())
    return error if error == error else float('inf')


class Inputs:
    """
    Random inputs of a block behind a full history, on the CPU.

    :param config: sizes.
    :param seed: of the numbers.
    """

    def __init__(self, config: StarConfig, seed: int) -> None:
        generator = torch.Generator('cpu').manual_seed(seed)
        shape, dit = config.shape, config.dit

        def draw(channels: int) -> Tensor:
            return torch.randn(1, shape.block_latents, channels, shape.height, shape.width,
                               generator=generator)

        self.text = torch.randn(1, dit.text_len // 4, dit.text_dim, generator=generator)
        self.reference, self.render = draw(dit.out_channels), draw(dit.out_channels)
        self.mask = draw(dit.mask_channels).sign()
        self.history = [draw(dit.out_channels) for _ in range(shape.history_blocks)]


class Painted(NamedTuple):
    """
    One block, painted twice.

    :param flow: of the first step.
    :param block: clean latents, pass by pass.
    :param at_once: the same from the engine's graph, where it has one.
    """

    flow: Tensor
    block: Tensor
    at_once: Tensor


def paint(engine: RuntimeEngine, inputs: Inputs, seed: int = 3) -> Painted:
    """Paint one block, twice."""
    state = engine.new_state(inputs.text, seed)
    state.history = [block.to(engine.device) for block in inputs.history]
    flows: list[Tensor] = []
    block = engine.sample(
        state, inputs.reference, inputs.mask, inputs.render,
        observe=lambda i, x, flow, clean: flows.append(flow.clone()))
    at_once = engine.sample(state, inputs.reference, inputs.mask, inputs.render)
    return Painted(flows[0], block, at_once)


def build(config: StarConfig, weights: dict[str, Tensor], device: str,
          settings: RuntimeSettings) -> RuntimeEngine:
    """Return a warm engine with these weights."""
    dit = CausalDit.empty(config.dit, device, PRECISIONS[settings.precision])
    dit.load_state_dict(weights)
    engine = open_engine(dit, config, settings)
    engine.warm_up(steady_only=True)
    return engine


def check(config: StarConfig, device: str, small: bool) -> dict[str, Any]:
    """
    Compare all ways with the float32 one.

    :param small: compare with the CPU and the slow twin instead of the lower precisions.
    :returns: `ok` and `parts`: name -> flow, block (relative errors), graph (of the graph against
        the passes one by one), limit of the flow's, ok.
    """
    seed = secrets.randbelow(2 ** 31)
    inputs = Inputs(config, seed)
    weights = CausalDit.empty(config.dit, device).randomise(seed).state_dict()
    eager = RuntimeSettings(path='eager', precision='fp32', compile_scope='none', graphs=False)
    reference = paint(build(config, weights, device, eager), inputs)
    parts: dict[str, Any] = {}
    if small:
        parts['fp32 cpu'] = _compare(
            lambda: paint(build(config, weights, 'cpu', eager), inputs), reference, _FP32_LIMIT)
        variants = {'fp32 slow': replace(eager, path='slow'),
                    'fp32 fast': RuntimeSettings(precision='fp32'),
                    'bf16 graph only': RuntimeSettings(compile_scope='none')}
    else:
        variants = {'bf16 eager': replace(eager, precision='bf16'),
                    'bf16 fast': RuntimeSettings(precision='bf16'),
                    'fp8 fast, row': RuntimeSettings(precision='fp8'),
                    'fp8 fast, tensor': RuntimeSettings(precision='fp8', fp8_scaling='tensor')}
    for name, settings in variants.items():
        limit = _LIMITS[settings.precision]
        if name == 'bf16 fast' and 'flow' in parts['bf16 eager']:
            limit = min(limit, _OF_EAGER * parts['bf16 eager']['flow'])
        parts[name] = _compare(lambda s=settings: paint(  # type: ignore[misc]
            build(config, weights, device, s), inputs), reference, limit)
        if device == 'cuda':
            torch.cuda.empty_cache()
    return {'ok': all(part['ok'] for part in parts.values()), 'seed': seed, 'parts': parts}


def _compare(run: Callable[[], Painted], reference: Painted, limit: float) -> dict[str, Any]:
    """Return the errors of one way; one that does not run is one that is not ok."""
    try:
        painted = run()
    except (RuntimeError, ValueError) as error:
        return {'ok': False, 'error': first_line(error)}
    errors = {'flow': relative_error(painted.flow, reference.flow),
              'block': relative_error(painted.block, reference.block),
              'graph': relative_error(painted.at_once, painted.block)}
    finite = all(error < float('inf') for error in errors.values())
    ok = finite and errors['flow'] <= limit and errors['graph'] <= _GRAPH_LIMIT
    return {**errors, 'limit': limit, 'ok': ok}
