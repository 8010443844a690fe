# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
One block of the generator: context in, four steps from noise to latents, out.

`StarEngine` holds weights and constants and is shared; `StarState` is all that one world
remembers. The same state and inputs give the same bytes, whatever ran before.

Shapes: B batch, F latent frames, K of them in a block, C channels, H W latent size, L text rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from inspatio_ros.engine.denoiser import Denoiser, DENOISERS
from inspatio_ros.model.config import StarConfig
from inspatio_ros.model.dit import CausalDit
from inspatio_ros.model.schedule import FlowSchedule
import numpy as np
import torch
from torch import Tensor

# Called after every step with its number, the noisy latents, the flow and the clean latents.
Observer = Callable[[int, Tensor, Tensor, Tensor], None]


class LatentsNotFiniteError(ArithmeticError):
    """A block came out with NaN or infinity. The world is as it was before the block."""


@dataclass
class StarState:
    """
    One world.

    :param seed: of its noise.
    :param batch: worlds that are painted together.
    :param text: what the engine keeps of the prompt; may be shared with other worlds.
    :param memory: keys and values, overwritten by every block.
    :param block: number of the next block.
    :param history: clean latents of the last blocks, the newest first, each (B, K, C, H, W).
    """

    seed: int
    batch: int
    text: Any
    memory: Any
    block: int = 0
    history: list[Tensor] = field(default_factory=list)

    def reset(self, seed: int) -> None:
        """Begin again with block 0 and the same text."""
        self.seed, self.block, self.history = seed, 0, []


def block_noise(seed: int, block: int, draws: int, shape: Sequence[int]) -> Tensor:
    """
    Return the noise of one block, the same on every device and after every history.

    :param seed: of the world, at least 0.
    :param block: number of the block, from 0.
    :param draws: how many: the first noise and one between any two steps. More draws do not
        change the first ones.
    :param shape: of one draw.
    :returns: (draws, *shape) float32 on the CPU.
    :raises ValueError: a negative seed.
    """
    if seed < 0:
        raise ValueError(f'a seed must be at least 0, got {seed}')
    mixed = int(np.random.SeedSequence([seed, block]).generate_state(1, np.uint64)[0])
    generator = torch.Generator('cpu').manual_seed(mixed)
    return torch.stack([torch.randn(*shape, generator=generator, device='cpu')
                        for _ in range(draws)])


class StarEngine:
    """
    Paints blocks.

    :param dit: the network; its constants are made here, so weights must be loaded.
    :param config: sizes and steps; its `dit` must be that of the network.
    :param path: `fast`, `slow` for its twin, or `learning` for training.
    :param schedule: noise levels.
    :raises ValueError: config and network, or config and steps, that do not fit together.
    """

    def __init__(self, dit: CausalDit, config: StarConfig, path: str = 'fast',
                 schedule: FlowSchedule | None = None) -> None:
        if config.dit != dit.config or config.shape.patch != dit.config.patch:
            raise ValueError(f'the network is {dit.config}, the config wants {config.dit} with '
                             f'patches of {config.shape.patch}')
        if path not in DENOISERS:
            raise ValueError(f'no path {path!r}; there are {", ".join(DENOISERS)}')
        self.config = config
        self.device = dit.device
        self.steps = (schedule or FlowSchedule()).steps(config.steps)
        self.denoiser: Denoiser = DENOISERS[path](dit, config.shape, self.steps)

    @torch.no_grad()
    def new_state(self, text_BLC: Tensor, seed: int) -> StarState:
        """
        Return a new world.

        :param text_BLC: rows of the text encoder; their batch is that of the world.
        :param seed: of its noise, at least 0.
        :raises ValueError: text that does not fit, a negative seed.
        """
        if seed < 0:
            raise ValueError(f'a seed must be at least 0, got {seed}')
        config, batch = self.config.dit, len(text_BLC)
        if text_BLC.ndim != 3 or text_BLC.shape[1] > config.text_len or (
                text_BLC.shape[2] != config.text_dim):
            raise ValueError(f'text must be (B, at most {config.text_len}, {config.text_dim}), '
                             f'got {tuple(text_BLC.shape)}')
        return StarState(seed, batch, self.denoiser.remember_text(text_BLC),
                         self._memory(batch))

    @torch.no_grad()
    def imagine(self, state: StarState, reference_BKCHW: Tensor, mask_BKCHW: Tensor,
                render_BKCHW: Tensor, noise: Tensor | None = None,
                observe: Observer | None = None) -> Tensor:
        """
        Paint the next block of a world and remember it.

        :param state: of the world; unchanged if this raises.
        :param reference_BKCHW: latents of the source at the times of the block.
        :param mask_BKCHW: packed mask of the render's known pixels.
        :param render_BKCHW: latents of the scene, seen by the cameras of the block.
        :param noise: (steps, B, K, C, H, W) instead of the world's own.
        :param observe: called after every step.
        :returns: (B, K, C, H, W) float32 latents on the device.
        :raises ValueError: inputs of another shape.
        :raises LatentsNotFiniteError: NaN or infinity in the result.
        """
        latents = self.sample(state, reference_BKCHW, mask_BKCHW, render_BKCHW, noise, observe)
        self.commit(state, latents)
        return latents

    def sample(self, state: StarState, reference_BKCHW: Tensor | None, mask_BKCHW: Tensor,
               render_BKCHW: Tensor, noise: Tensor | None = None,
               observe: Observer | None = None,
               before_steps: Callable[[], None] = lambda: None) -> Tensor:
        """
        Paint the next block without waiting for the device and without remembering it.

        Arguments as those of `imagine`. Only keys and values of the world change, which the next
        block overwrites.

        :param reference_BKCHW: None: the context is the history alone.
        :param before_steps: called behind the context pass; only then are mask and render read.
        """
        self._check(state, reference_BKCHW, mask_BKCHW, render_BKCHW, noise)
        self.remember_context(state, reference_BKCHW)
        # The host draws the noise while a device is busy with the context.
        noise = self._moved(self.noise(state) if noise is None else noise)
        before_steps()
        condition = torch.cat([mask_BKCHW.to(self.device), render_BKCHW.to(self.device)], 2)
        return self.compose(self.denoise(state, condition, noise, observe), mask_BKCHW,
                            render_BKCHW)

    def compose(self, latents_BKCHW: Tensor, mask_BKCHW: Tensor, render_BKCHW: Tensor) -> Tensor:
        """
        Return latents with those of the render where it shows all that a latent stands for.

        Only of a generator that composes; of others, the latents themselves.
        """
        if not self.config.composes:
            return latents_BKCHW
        shown = mask_BKCHW.to(self.device).amin(2, keepdim=True) > 0.0
        return torch.where(shown, render_BKCHW.to(self.device, latents_BKCHW.dtype),
                           latents_BKCHW)

    def commit(self, state: StarState, latents_BKCHW: Tensor) -> None:
        """
        Make a sampled block the newest of the world's history.

        :raises LatentsNotFiniteError: NaN or infinity in it; the world stays as it was.
        """
        if not bool(torch.isfinite(latents_BKCHW).all()):
            raise LatentsNotFiniteError(
                f'block {state.block} of the world with seed {state.seed} is not finite')
        self.keep(state, latents_BKCHW)

    def keep(self, state: StarState, latents_BKCHW: Tensor) -> None:
        """Do what `commit` does with a block that is known to be finite."""
        keep = self.config.shape.history_blocks
        # A copy: the caller's tensor may be a buffer that the next block is painted into.
        state.history = [latents_BKCHW.clone(), *state.history][:keep]
        state.block += 1

    def noise(self, state: StarState) -> Tensor:
        """Return the noise of the world's next block, (steps, B, K, C, H, W) on the CPU."""
        shape = self._latent_shape(state, self.config.dit.out_channels)
        return block_noise(state.seed, state.block, len(self.steps), shape)

    def remember_context(self, state: StarState, reference_BKCHW: Tensor | None) -> None:
        """Run the context pass: the reference, then the history from the newest block on."""
        skip = self.config.shape.block_latents if reference_BKCHW is None else 0
        if reference_BKCHW is None:
            no_frames = list(self._latent_shape(state, self.config.dit.out_channels))
            no_frames[1] = 0
            reference_BKCHW = torch.empty(no_frames)
        blocks = [reference_BKCHW.to(self.device, torch.float32), *state.history]
        self.denoiser.remember_context(state.memory, state.text, torch.cat(blocks, 1), skip)

    def denoise(self, state: StarState, condition_BKCHW: Tensor, noise_SBKCHW: Tensor,
                observe: Observer | None = None) -> Tensor:
        """
        Run the denoising steps behind a context pass.

        :param condition_BKCHW: mask and render, on the device.
        :param noise_SBKCHW: one draw per step, on the device.
        :param observe: called after every step.
        :returns: (B, K, C, H, W) float32.
        """
        condition = self.denoiser.condition(condition_BKCHW)
        x = clean = noise_SBKCHW[0]
        for i, step in enumerate(self.steps):
            if i > 0:
                x = (1.0 - step.sigma) * clean + step.sigma * noise_SBKCHW[i]
            flow, clean = self.step(state, x, condition, i)
            if observe is not None:
                observe(i, x, flow, clean)
        return clean

    def step(self, state: StarState, noisy_BKCHW: Tensor, condition: Any,
             number: int) -> tuple[Tensor, Tensor]:
        """
        Run one denoising step behind a context pass.

        :param noisy_BKCHW: float32, on the device, as noisy as the step expects.
        :param condition: what the denoiser keeps of mask and render.
        :param number: of the step.
        :returns: the flow and the clean latents, (B, K, C, H, W) float32 each.
        """
        flow = self.denoiser.flow(state.memory, state.text, noisy_BKCHW, condition, number)
        return flow, noisy_BKCHW - self.steps[number].sigma * flow

    def _moved(self, x: Tensor) -> Tensor:
        """Return a tensor in float32 on the device, which the host does not wait for."""
        if self.device.type == 'cuda' and x.device.type == 'cpu':
            x = x.pin_memory()
        return x.to(self.device, torch.float32, non_blocking=True)

    def _memory(self, batch: int) -> Any:
        """Return the keys and values of a new world."""
        return self.denoiser.new_memory(batch)

    def _latent_shape(self, state: StarState, channels: int) -> tuple[int, ...]:
        shape = self.config.shape
        return state.batch, shape.block_latents, channels, shape.height, shape.width

    def _check(self, state: StarState, reference: Tensor | None, mask: Tensor, render: Tensor,
               noise: Tensor | None) -> None:
        dit = self.config.dit
        latents = self._latent_shape(state, dit.out_channels)
        wanted = [('reference', reference, latents), ('render', render, latents),
                  ('mask', mask, self._latent_shape(state, dit.mask_channels)),
                  ('noise', noise, (len(self.steps), *latents))]
        for name, tensor, shape in wanted:
            if tensor is not None and tuple(tensor.shape) != shape:
                raise ValueError(f'{name} must be {shape}, got {tuple(tensor.shape)}')
