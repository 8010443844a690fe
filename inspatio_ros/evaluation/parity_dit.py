# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The denoiser, its schedule and the sampler against vectors of the published program.

Each part is a function of a folder that returns the largest absolute difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
import contextlib
from pathlib import Path
import re

from inspatio_ros.engine.star import StarEngine
from inspatio_ros.evaluation.vectors import difference, largest, load_vectors, Vectors
from inspatio_ros.model.config import BlockShape, DitConfig, STAR_1_3B, StarConfig
from inspatio_ros.model.dit import CausalDit
from inspatio_ros.model.kv_cache import KvWindow, own_windows, StaticCache
from inspatio_ros.model.layers import TextKv
from inspatio_ros.model.rope import axis_angles, cache_rope, Rope
from inspatio_ros.model.schedule import FlowSchedule, ScheduleConfig
import torch
from torch import Tensor


def rope(folder: Path) -> float:
    """Compare the table of rotations."""
    vectors = load_vectors(folder, 'dit_vectors')
    pairs = DitConfig.from_dict(vectors.setting('dit')).rope_pairs
    angles = torch.cat([axis_angles(range(len(vectors['rope.cos'])), n) for n in pairs], -1)
    return largest([difference(angles.cos().float(), vectors['rope.cos']),
                    difference(angles.sin().float(), vectors['rope.sin'])])


def schedule(folder: Path) -> float:
    """Compare tables, warped steps, and the ways between noise, picture and flow."""
    v = load_vectors(folder, 'scheduler')
    table = FlowSchedule(ScheduleConfig.from_dict(v.config))
    x, noise, t = v['add_noise.x'], v['add_noise.noise'], v['add_noise.t']
    euler, flow = v['step.out'], v['step.model_output']
    first = slice(0, len(euler))
    return largest(difference(got, v[name]) for name, got in {
        'sigmas': table.sigmas, 'timesteps': table.timesteps,
        'linear_timesteps_weights': table.training_weights(table.timesteps),
        'training_weight.out': table.training_weights(t),
        'warped_steps': torch.tensor(table.warp(v['denoising_step_list'].tolist())),
        'warp_more_out': torch.tensor(table.warp(v['warp_more_in'].tolist())),
        'add_noise.out': table.add_noise(x, noise, t),
        'x0.out': table.clean(noise, x, t), 'flow.out': table.flow(noise, x, t),
        'step.out': table.euler(flow[first], x[first], t[first])}.items())


@torch.no_grad()
def dit(folder: Path) -> float:
    """Compare every single call: context passes, cache rows, steps, activations inside."""
    return largest(_Calls(folder).differences())


@torch.no_grad()
def sampler(folder: Path) -> float:
    """Compare whole rollouts, every intermediate call included, on the fast and the slow path."""
    return largest(_rollouts(folder))


def load_dit(folder: Path) -> CausalDit:
    """Return the network of a vector folder."""
    vectors = load_vectors(folder, 'dit_weights')
    network = CausalDit.empty(DitConfig.from_dict(vectors.setting('dit')))
    try:
        network.load_state_dict(vectors.tensors, strict=True)
    except RuntimeError as error:
        raise ValueError(f'{vectors.path}: {error}') from None
    return network


def _rollouts(folder: Path) -> Iterator[float]:
    v, network = load_vectors(folder, 'sampler'), load_dit(folder)
    K = v.setting('frames_per_block')
    height, width = v.setting('latent_grid')
    config = StarConfig(network.config, BlockShape(height, width, K),
                        tuple(v.setting('denoising_step_list')))
    table = FlowSchedule(ScheduleConfig(shift=v.setting('timestep_shift')))
    for path in ('fast', 'slow'):
        engine = StarEngine(network, config, path, table)
        times = torch.tensor([step.timestep for step in engine.steps])
        yield difference(times, v['denoising_steps'])
        yield from _rollout(engine, v, K, times)


def _rollout(engine: StarEngine, v: Vectors, K: int, times: Tensor) -> Iterator[float]:
    state = engine.new_state(v['text_embeds'], seed=0)
    steps = len(times)
    for chunk in range(v.setting('chunks')):
        frames, draws = slice(chunk * K, (chunk + 1) * K), slice(
            chunk * (steps - 1), (chunk + 1) * (steps - 1))
        noise = torch.stack([v['noise'][:, frames], *v['renoise_draws'][draws]])
        seen: list[float] = []

        def compare(step: int, x: Tensor, flow: Tensor, clean: Tensor) -> None:
            call = chunk * steps + step
            expected = v['step_timesteps'][call]
            seen.extend([difference(times[step].expand_as(expected), expected),
                         difference(x, v['step_inputs'][call]),
                         difference(flow, v['step_flow'][call]),
                         difference(clean, v['step_x0'][call])])

        out = engine.imagine(state, v['ref_latents'][:, frames], v['mask_latents'][:, frames],
                             v['render_latents'][:, frames], noise, compare)
        yield from seen
        yield difference(out, v['output'][:, frames])


class _Calls:
    """
    The single calls of `dit_vectors`.

    :param folder: with the vectors.
    """

    def __init__(self, folder: Path) -> None:
        self.v = load_vectors(folder, 'dit_vectors')
        self.dit = load_dit(folder)
        H, W = self.v.setting('latent_grid')
        K = self.v.setting('frames_per_block')
        rows = self.v['a.cache.0.k'].shape[1]
        one = BlockShape(H, W, K)
        self.shape = BlockShape(H, W, K, rows // one.block_tokens - 1)
        self.rope = cache_rope(self.dit.config, self.shape)
        self.schedule = FlowSchedule(ScheduleConfig(shift=self.v.setting('timestep_shift')))
        self.text = self.dit.text_kv(self.v['text_embeds'])
        self.cache = self._new_cache(1)

    def differences(self) -> Iterator[float]:
        """Yield the differences of all calls."""
        v = self.v
        for chunk in ('a', 'b'):
            yield from self._context(chunk)
            for (name,), _ in v.matching(rf'{chunk}\.(t\d+)\.flow'):
                render, prefix = v[f'{chunk}.render_input'], f'{chunk}.{name}'
                with self._watched(prefix) as seen:
                    self.dit.embed_text(v['text_embeds'])
                    flow = self._flow(chunk, self._timestep(prefix), render)
                yield from seen
                yield from self._patches(chunk, prefix)
                yield from self._flow_differences(chunk, prefix, flow)
            if chunk == 'a':
                yield from self._variants()
        yield from self._batch()

    def _context(self, chunk: str) -> Iterator[float]:
        x = self.v[f'{chunk}.context_input']
        flow = self._context_pass(x, self.text, self.cache)
        yield difference(flow, self.v[f'{chunk}.context_flow'])
        # Once more as the engine does it: without zero channels, no further than needed.
        for whole in (True, False):
            if not whole:
                count = x.shape[1] * self.shape.frame_tokens
                tokens = self.dit.embed(x[:, :, :self.dit.config.out_channels])
                self.dit.remember(tokens, self.dit.modulation(torch.zeros(1)),
                                  self._context_rope(count), self.text,
                                  self.cache.context_windows(count))
            for layer in range(self.dit.config.layers):
                for name, rows in zip('kv', self.cache.context_rows(layer)):
                    yield difference(rows, self.v[f'{chunk}.cache.{layer}.{name}'])

    def _variants(self) -> Iterator[float]:
        """Yield the differences of the first chunk's last step with something left out."""
        v, render = self.v, self.v['a.render_input']
        for (name,), wanted in v.matching(r'(nocontext\.t\d+|norender\.t\d+|mixed_t)\.flow'):
            windows = own_windows(self.dit.config.layers) if name.startswith('noc') else None
            t = self._timestep(name)
            flow = self._flow('a', t, None if name.startswith('nor') else render, windows)
            yield difference(flow, wanted)
            if f'{name}.x0' in v.tensors:
                yield difference(self.schedule.clean(flow, v['noisy_a'], t), v[f'{name}.x0'])

    def _batch(self) -> Iterator[float]:
        v = self.v
        text, t = self.dit.text_kv(v['batch2.text_embeds']), v['batch2.timestep']
        cache = self._new_cache(len(t))
        self._context_pass(v['batch2.ref'], text, cache)
        tokens = self._tokens(v['batch2.noisy'], v['batch2.render_input'])
        flow = self.dit(tokens, self.dit.modulation(t[:, 0]), self._own_rope(), text,
                        cache.denoise_windows(), self.shape.grid)
        yield difference(flow, v['batch2.flow'])
        yield difference(self.schedule.clean(flow, v['batch2.noisy'], t), v['batch2.x0'])

    def _context_pass(self, x: Tensor, text: list[TextKv], cache: StaticCache) -> Tensor:
        count = x.shape[1] * self.shape.frame_tokens
        flow: Tensor = self.dit(self.dit.embed(x), self.dit.modulation(torch.zeros(1)),
                                self._context_rope(count), text, cache.context_windows(count),
                                self.shape.grid)
        return flow

    def _flow(self, chunk: str, timestep: Tensor, render: Tensor | None,
              windows: Sequence[KvWindow] | None = None) -> Tensor:
        tokens = self._tokens(self.v[f'noisy_{chunk}'], render)
        flow: Tensor = self.dit(tokens, self.dit.modulation(timestep[:, 0]), self._own_rope(),
                                self.text, windows or self.cache.denoise_windows(),
                                self.shape.grid)
        return flow

    def _flow_differences(self, chunk: str, prefix: str, flow: Tensor) -> Iterator[float]:
        yield difference(flow, self.v[f'{prefix}.flow'])
        clean = self.schedule.clean(flow, self.v[f'noisy_{chunk}'], self._timestep(prefix))
        yield difference(clean, self.v[f'{prefix}.x0'])

    def _timestep(self, prefix: str) -> Tensor:
        """Return a call's timesteps; some are only told by its name, to the full number."""
        v = self.v
        if f'{prefix}.timestep' in v.tensors:
            return v[f'{prefix}.timestep']
        number = prefix.rpartition('.t')[2]
        if f'a.t{number}.timestep' in v.tensors:
            return v[f'a.t{number}.timestep']
        warped = self.schedule.warp(STAR_1_3B.steps)
        nearest = min(warped, key=lambda t: abs(t - float(number)))
        return torch.full((1, self.shape.block_latents), nearest)

    @contextlib.contextmanager
    def _watched(self, prefix: str) -> Iterator[list[float]]:
        """Collect the differences of what modules return inside, where there are vectors."""
        seen: list[float] = []
        handles = []
        for (name,), wanted in self.v.matching(re.escape(prefix) + r'\.act\.(.+)'):
            if name == 'patch_embedding':  # a convolution here only in name
                continue
            module = self.dit.get_submodule(re.sub(r'^block(\d+)', r'blocks.\1', name))
            handles.append(module.register_forward_hook(
                lambda module, inputs, out, wanted=wanted: seen.append(difference(out, wanted))))
        try:
            yield seen
        finally:
            for handle in handles:
                handle.remove()

    def _patches(self, chunk: str, prefix: str) -> Iterator[float]:
        name = f'{prefix}.act.patch_embedding'
        if name in self.v.tensors:
            wanted = self.v[name]
            tokens = self._tokens(self.v[f'noisy_{chunk}'], self.v[f'{chunk}.render_input'])
            yield difference(tokens.transpose(1, 2).reshape(wanted.shape), wanted)

    def _tokens(self, noisy: Tensor, render: Tensor | None) -> Tensor:
        tokens = self.dit.embed(noisy)
        return tokens if render is None else tokens + self.dit.embed_condition(render)

    def _context_rope(self, count: int) -> Rope:
        own = self.shape.block_tokens
        return self.rope.rows(own, own + count)

    def _own_rope(self) -> Rope:
        return self.rope.rows(0, self.shape.block_tokens)

    def _new_cache(self, batch: int) -> StaticCache:
        return StaticCache(self.dit.config, self.shape, batch)
