# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Whether training fits on this machine, and how long a step is.

Weights, clips and prompts are random, and made where they are needed: no data, no files. The
stages, what is done with their networks, and their steps are those of `training/building`.

Shapes: B batch, N latents of a clip, C channels, h w latent size, L text rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
import statistics
import time
from typing import Any

from inspatio_ros.model.codec_config import UMT5_XXL
from inspatio_ros.model.config import DitConfig, StarConfig
from inspatio_ros.model.dit import CausalDit
from inspatio_ros.training.checkpoints import prepare_optimizers
from inspatio_ros.training.conditions import Conditions
from inspatio_ros.training.data.clips import LatentClips
from inspatio_ros.training.distributed import Party, preparation
from inspatio_ros.training.networks import frozen
from inspatio_ros.training.pass_cost import PassCounter
from inspatio_ros.training.peak_memory import device_peak, process_peak
from inspatio_ros.training.recipes import (
    CausalInitRecipe, DenoiserRecipe, JdmdRecipe, recipe as recipe_of, TeacherRecipe)
from inspatio_ros.training.rollout import backpropagate, Student
from inspatio_ros.training.sources import rng_of
from inspatio_ros.training.stages.causal_init import CausalInitStage
from inspatio_ros.training.stages.jdmd import JdmdStage
from inspatio_ros.training.stages.learning import Setting
from inspatio_ros.training.stages.stage import Stage
from inspatio_ros.training.stages.teacher import TeacherStage
import torch
from torch import Tensor

# Steps at the start that do not count.
_WARM_UP = 2
# Turns of a fake score for each of the student, at most: both kinds soon occur.
_RATIO = 2
# Kinds of steps: of jdmd, a turn in which only the fake score learns, and one of both.
STEP, FAKE, BOTH = 'step', 'fake', 'fake_and_student'


@dataclass(frozen=True)
class TrainBench:
    """
    What is measured.

    :param name: of the recipe.
    :param recipe: its numbers; what it says of files is passed over.
    :param star: the generator at the size that is measured.
    :param device: where.
    """

    name: str
    recipe: DenoiserRecipe
    star: StarConfig
    device: torch.device

    @classmethod
    def of(cls, name: str, changes: Sequence[str] = (), size: tuple[int, int] | None = None,
           device: torch.device | str = 'cpu') -> TrainBench:
        """
        Return the bench of a recipe.

        :param changes: `key=value` texts.
        :param size: (width, height) of the video, pixels; None = that of the preset.
        :raises ValueError: a recipe or a number that is not there, or that needs a decoder.
        """
        recipe = recipe_of(name, changes)
        if not isinstance(recipe, DenoiserRecipe):
            raise ValueError(f'bench train measures recipes of the denoiser, {name} is none')
        for key, off in (('error', 'latents'), ('structure', 0.0)):
            value = getattr(recipe.stage, key, off)  # type: ignore[attr-defined]
            if value != off:
                raise ValueError(f'stage.{key}={value} needs the decoder, and there is none here: '
                                 f'a step is measured with stage.{key}={off}')
        star = recipe.star if size is None else recipe.star.with_video(size[1], size[0])
        return cls(name, recipe, star, torch.device(device))

    @property
    def setting(self) -> Setting:
        """
        Return the sizes of the stages.

        :raises ValueError: clips or windows that do not fit, see `Setting`.
        """
        recipe = self.recipe
        dtype = torch.bfloat16 if recipe.precision == 'bf16' else None
        return Setting(self.star, recipe.latents, random_prompt(self.star.dit, self.device),
                       recipe.window, recipe.windows, prepare=preparation(
                           Party(0, 1, self.device), recipe.recompute, dtype))

    def fits_better(self, of_blocks: bool = False) -> str:
        """
        Return what would need less memory.

        :param of_blocks: in `memory_figures`, where numbers of blocks are given, and the student
            is alone, instead of `step_figures`.
        """
        recipe, block = self.recipe, self.star.shape.block_latents
        whole, fewer = not of_blocks, block * max(1, recipe.latents // (2 * block))
        height, width = self.star.shape.video
        ways = [(not recipe.recompute, 'recompute=true'),
                (recipe.precision != 'bf16', 'precision=bf16'),
                (recipe.batch > 1, f'batch={recipe.batch // 2}'),
                (whole and recipe.latents > block, f'latents={fewer}'),
                (whole and isinstance(recipe, JdmdRecipe) and len(recipe.stage.tasks) > 1,
                 'one task (stage.tasks=v2v)'),
                (True, f'a --size below {width}x{height}'),
                (whole, 'several GPUs (torchrun ... inspatio_ros train), which share the weights')]
        return ', '.join(text for needed, text in ways if needed)


def random_prompt(config: DitConfig, device: torch.device) -> Tensor:
    """Return the rows of a prompt, (1, L, C): as many as there can be, or none; see `building`."""
    if config.text_dim != UMT5_XXL.dim:
        return torch.zeros(1, 0, config.text_dim, device=device)
    rng = torch.Generator(device).manual_seed(0)
    return torch.randn(1, config.text_len, config.text_dim, device=device, generator=rng)


def random_clips(star: StarConfig, batch: int, latents: int) -> LatentClips:
    """Return clips of noise on the CPU, half of whose pixels the warp shows."""
    rng, dit, shape = torch.Generator().manual_seed(0), star.dit, star.shape
    size = (batch, latents, dit.out_channels, shape.height, shape.width)
    reference, target, render = (torch.randn(size, generator=rng) for _ in range(3))
    known = torch.rand(batch, latents, dit.mask_channels, *size[3:], generator=rng) < 0.5
    return LatentClips(reference, target, render, 2.0 * known.float() - 1.0)


def random_stage(bench: TrainBench, counter: PassCounter) -> Stage[LatentClips]:
    """
    Return the stage of a recipe on networks of noise, of which no two are the same object.

    :param counter: of the passes of all its networks.
    :raises ValueError: see `Setting`.
    """
    recipe, plain = bench.recipe, bench.setting
    setting = replace(plain, prepare=lambda dit: counter.watch(plain.prepare(dit)))

    def network(seed: int) -> CausalDit:
        return random_network(bench.star.dit, seed, bench.device)

    if isinstance(recipe, TeacherRecipe):
        return TeacherStage(network(0), setting, recipe.stage)
    if isinstance(recipe, CausalInitRecipe):
        teacher = frozen(network(1)) if recipe.stage.source == 'ode' else None
        return CausalInitStage(network(0), setting, recipe.stage, teacher)
    assert isinstance(recipe, JdmdRecipe)
    config = replace(recipe.stage, ratio=min(recipe.stage.ratio, _RATIO))
    teachers = {task: frozen(network(1 + number)) for number, task in enumerate(config.tasks)}
    return JdmdStage(network(0), teachers, setting, config)


def random_network(config: DitConfig, seed: int, device: torch.device) -> CausalDit:
    """Return a network of noise that is ready to learn, drawn on its device."""
    return CausalDit.empty(config, device).randomise(seed).train().requires_grad_(True)


def step_figures(bench: TrainBench, steps: int,
                 progress: Callable[[int, int], None] = lambda done, total: None,
                 ) -> dict[str, Any]:
    """
    Measure the steps of a recipe.

    :param steps: that count. Of jdmd, turns: with two tasks, four are one turn of each kind for
        each task.
    :param progress: called as progress(done, in all).
    :returns: sizes; `kinds`, seconds and operations by kind of step; `step_s`, the mean of a step
        at the recipe's own ratio; memory in bytes.
    :raises ValueError: no step, sizes that do not fit.
    :raises torch.OutOfMemoryError: it does not fit.
    """
    if steps < 1:
        raise ValueError(f'steps must be at least 1, got {steps}')
    if bench.device.type == 'cuda':
        torch.cuda.reset_peak_memory_stats(bench.device)
    counter = PassCounter(bench.recipe.recompute)
    stage = random_stage(bench, counter)
    prepare_optimizers(stage)
    clips = random_clips(bench.star, bench.recipe.batch, bench.recipe.latents)
    took: dict[str, list[tuple[float, float]]] = {}
    for number in range(_WARM_UP + steps):
        seconds, flops, kind = _timed_step(stage, clips, counter, bench, number)
        if number >= _WARM_UP:
            took.setdefault(kind, []).append((seconds, flops))
        progress(number + 1, _WARM_UP + steps)
    kinds = {kind: _kind_figures(times) for kind, times in took.items()}
    return {**_sizes(bench, stage), 'kinds': kinds, 'step_s': _mean_step_s(bench, kinds),
            'memory': _memory(bench.device)}


def _timed_step(stage: Stage[LatentClips], clips: LatentClips, counter: PassCounter,
                bench: TrainBench, number: int) -> tuple[float, float, str]:
    """Return seconds, operations and kind of a step."""
    _wait(bench.device)
    counter.flops, start = 0.0, time.perf_counter()
    figures = stage.step(clips, rng_of(bench.recipe.loop.seed, number))
    _wait(bench.device)
    seconds = time.perf_counter() - start
    kind = STEP
    if isinstance(bench.recipe, JdmdRecipe):
        kind = BOTH if 'gradient_norm' in figures else FAKE
    return seconds, counter.flops, kind


def _kind_figures(times: list[tuple[float, float]]) -> dict[str, Any]:
    seconds, flops = [it[0] for it in times], [it[1] for it in times]
    return {'count': len(times), 'median_s': statistics.median(seconds), 'least_s': min(seconds),
            'most_s': max(seconds), 'tflop': statistics.mean(flops) / 1e12,
            'tflops': sum(flops) / sum(seconds) / 1e12}


def _mean_step_s(bench: TrainBench, kinds: dict[str, dict[str, Any]]) -> float | None:
    """Return the seconds of a step at the recipe's ratio; None if a kind of turn is missing."""
    if not isinstance(bench.recipe, JdmdRecipe):
        return float(kinds[STEP]['median_s'])
    ratio, both, fake = bench.recipe.stage.ratio, kinds.get(BOTH), kinds.get(FAKE)
    if both is None or (fake is None and ratio > 1):
        return None
    rest = 0.0 if fake is None else (ratio - 1) * float(fake['median_s'])
    return (float(both['median_s']) + rest) / ratio


def _sizes(bench: TrainBench, stage: Stage[LatentClips]) -> dict[str, Any]:
    recipe, networks = bench.recipe, list(stage.networks().values())
    shape, (height, width) = bench.setting.learnt.shape, bench.star.shape.video
    weights = [sum(weight.numel() for weight in it.parameters()) for it in networks]
    learn = [count for it, count in zip(networks, weights)
             if any(weight.requires_grad for weight in it.parameters())]
    return {'recipe': bench.name, 'preset': recipe.preset, 'width': width, 'height': height,
            'window': recipe.window, 'precision': recipe.precision,
            'recompute': recipe.recompute, 'weights': weights[0], 'networks': len(networks),
            'weights_in_all': sum(weights), 'weights_that_learn': sum(learn),
            'batch': recipe.batch, 'latents': recipe.latents,
            'tokens': recipe.latents * shape.frame_tokens}


def _memory(device: torch.device) -> dict[str, Any]:
    if device.type == 'cuda':
        return {'what': 'allocator', 'allocated': torch.cuda.max_memory_allocated(device),
                'reserved': torch.cuda.max_memory_reserved(device),
                'device': torch.cuda.get_device_properties(device).total_memory}
    return {'what': 'process', 'resident': process_peak()}


def memory_figures(bench: TrainBench, blocks: Sequence[int]) -> dict[str, Any]:
    """
    Measure what chunk-wise backpropagation of clips of some lengths needs (training/rollout).

    Only the recipe's student is there, without optimiser: its weights, its gradients, and what a
    clip is painted from and leaves behind. Gradients that a first block is yet to make take their
    place when activations are already going: a lone first block needs less by that, and by the
    history that it has not. Both ways are measured.

    :param blocks: of a clip, such as 1 and 8.
    :returns: `bytes` by number of blocks, added to gradients that are there, and `bytes_anew`,
        with none before; `ratio` and `ratio_anew` of the last number to the first.
    :raises ValueError: no number of blocks, sizes that do not fit.
    :raises torch.OutOfMemoryError: it does not fit.
    """
    if not blocks or min(blocks) < 1:
        raise ValueError(f'blocks must be numbers of at least 1, got {list(blocks)}')
    setting = bench.setting
    dit = setting.prepare(random_network(setting.star.dit, 0, bench.device))
    student = Student(dit, setting.learnt, setting.text_1LC)
    batch, shape = bench.recipe.batch, setting.learnt.shape
    there, anew = ({count: _peak_of_clip(student, batch, count, bench.device, gradients)
                    for count in blocks} for gradients in (True, False))
    first, last = blocks[0], blocks[-1]
    return {'recipe': bench.name, 'preset': bench.recipe.preset, 'height': shape.video[0],
            'width': shape.video[1], 'precision': bench.recipe.precision,
            'recompute': bench.recipe.recompute, 'batch': batch,
            'weights_bytes': _weights_bytes(dit), 'bytes': there, 'bytes_anew': anew,
            'ratio': there[last] / there[first], 'ratio_anew': anew[last] / anew[first]}


def _peak_of_clip(student: Student, batch: int, blocks: int, device: torch.device,
                  gradients: bool) -> int:
    """
    Return the most bytes while clips are painted and their gradient goes back.

    :param gradients: whether the weights have gradients before.
    """
    clips = random_clips(student.config, batch, blocks * student.config.shape.block_latents)
    told = Conditions.of(clips.to(device), 'v2v')
    student.dit.zero_grad()
    there = _weights_bytes(student.dit) + sum(x.nbytes for x in clips.tensors().values())
    if gradients:
        there += _weights_bytes(student.dit)
        for weight in student.dit.parameters():
            weight.grad = torch.zeros_like(weight)

    def work() -> None:
        rollout = student.roll_out(told, torch.Generator().manual_seed(0))
        backpropagate(student, rollout, told, torch.randn_like(rollout.latents))

    found = device_peak(work, device, there)
    student.dit.zero_grad()
    return found


def _weights_bytes(dit: CausalDit) -> int:
    return sum(weight.nbytes for weight in dit.parameters())


def _wait(device: torch.device) -> None:
    if device.type == 'cuda':
        torch.cuda.synchronize(device)
