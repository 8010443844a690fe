# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The loop: batches to a stage, figures to files, checkpoints, pictures.

What a stage learns is its own business. The loop adds nothing to it but the size of its steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
import json
import logging
import math
from pathlib import Path
from typing import Any, Literal

from inspatio_ros.contracts import U8
from inspatio_ros.scene.atomic import naming, write_whole
from inspatio_ros.training.checkpoints import (
    checkpoints_in, load_checkpoint, prepare_optimizers, save_checkpoint)
from inspatio_ros.training.event_file import EventFile
from inspatio_ros.training.sources import Batches, rng_of
from inspatio_ros.training.stages.stage import NotFiniteError, Stage
from safetensors.torch import save_file
import torch
from tqdm import tqdm

LOSSES = 'losses.jsonl'
# Kinds of random numbers of a step that are drawn from the seed of a run.
_STEP, _PICTURES = 2, 3

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoopSettings:
    """
    How long a run is and what it leaves behind.

    :param steps: in all, those before a continuation too.
    :param warm_up: steps until the learning rate is full.
    :param decay: how it goes down after that: `cosine` to `last_lr` of it, or `none`.
    :param last_lr: share of the rate that is left at the end.
    :param seed: of order, cuts and noise.
    :param checkpoint_every, picture_every, log_every: steps; 0 pictures = none.
    :param keep: how many checkpoints stay.
    :raises ValueError: a number out of range.
    """

    steps: int
    warm_up: int = 100
    decay: Literal['cosine', 'none'] = 'cosine'
    last_lr: float = 0.02
    seed: int = 0
    checkpoint_every: int = 500
    picture_every: int = 500
    log_every: int = 10
    keep: int = 2

    def __post_init__(self) -> None:
        for name in ('steps', 'checkpoint_every', 'log_every', 'keep'):
            if getattr(self, name) < 1:
                raise ValueError(f'{name} must be at least 1, got {getattr(self, name)}')
        for name in ('warm_up', 'seed', 'picture_every'):
            if getattr(self, name) < 0:
                raise ValueError(f'{name} must be at least 0, got {getattr(self, name)}')
        if self.decay not in ('cosine', 'none') or not 0.0 <= self.last_lr <= 1.0:
            raise ValueError(f'decay must be cosine or none and last_lr a share, got '
                             f'{self.decay!r} and {self.last_lr}')

    def rate(self, step: int) -> float:
        """Return the share of the learning rate in a step, from 0."""
        rising = min(1.0, (step + 1) / self.warm_up) if self.warm_up else 1.0
        if self.decay == 'none':
            return rising
        done = min(1.0, max(0, step - self.warm_up) / max(1, self.steps - self.warm_up))
        falling = 0.5 * (1.0 + math.cos(math.pi * done))
        return rising * (self.last_lr + (1.0 - self.last_lr) * falling)


# Makes what there is to see of the stage at a step: a picture, and figures.
Look = Callable[[torch.Generator], tuple[U8, Mapping[str, float]]]


class Trainer:
    """
    One run.

    :param stage: that learns.
    :param batches: of the data.
    :param settings: of the loop.
    :param folder: of the run; what is there is continued.
    :param recipe: name and settings that the weights depend on, as JSON has them.
    :param look: makes the validation picture; None = there is nothing to see.
    :param rank: of this process; the first one writes.
    :raises ValueError: a checkpoint of another recipe is there.
    """

    def __init__(self, stage: Stage[Any], batches: Batches, settings: LoopSettings, folder: Path,
                 recipe: Mapping[str, Any], look: Look | None = None, rank: int = 0) -> None:
        self.stage, self.settings, self.folder = stage, settings, folder
        self._batches, self._recipe, self._look, self._rank = batches, recipe, look, rank
        self._full_rate = {name: [group['lr'] for group in optimizer.param_groups]
                           for name, optimizer in stage.optimizers().items()}
        folder.mkdir(parents=True, exist_ok=True)
        prepare_optimizers(stage)
        self.step = 0
        found = checkpoints_in(folder)
        if found:
            self.step = load_checkpoint(found[-1], stage, recipe)
            logger.info('%s: continued at step %d', folder, self.step)

    def run(self, steps: int | None = None) -> dict[str, float]:
        """
        Learn until the last step.

        :param steps: stop before that, after so many.
        :returns: figures of the last step.
        :raises NotFiniteError: NaN or infinity; what was seen is in a file that the error names,
            the checkpoint before stays.
        :raises OSError: the disk is full.
        """
        last = self.settings.steps if steps is None else min(self.settings.steps,
                                                             self.step + steps)
        figures: dict[str, float] = {}
        with _Log(self.folder, self.step, self._rank) as log, tqdm(
                total=self.settings.steps, initial=self.step, unit='step',
                disable=None if self._rank == 0 else True) as bar:
            batches = self._batches.from_step(self.step)
            while self.step < last:
                figures = self._learn(next(batches))
                self.step += 1
                bar.update()
                bar.set_postfix({name: f'{value:.4g}' for name, value in figures.items()},
                                refresh=False)
                self._leave_behind(log, figures, self.step == last)
            batches.close()  # type: ignore[attr-defined]
        return figures

    def _learn(self, batch: Any) -> dict[str, float]:
        rate = self.settings.rate(self.step)
        for name, optimizer in self.stage.optimizers().items():
            for group, full in zip(optimizer.param_groups, self._full_rate[name]):
                group['lr'] = full * rate
        rng = rng_of(self.settings.seed, self.step, self._rank, _STEP)
        try:
            return {**self.stage.step(batch, rng), 'rate': rate}
        except NotFiniteError as error:
            raise NotFiniteError(f'step {self.step}: {error}; what was seen is in '
                                 f'{self._dump(error)}') from error

    def _dump(self, error: NotFiniteError) -> Path:
        path = self.folder / f'not-finite-{self.step:07d}-{self._rank}.safetensors'
        save_file({name: x.detach().cpu().contiguous().clone()
                   for name, x in error.seen.items()}, path, {'error': str(error)})
        return path

    def _leave_behind(self, log: _Log, figures: Mapping[str, float], is_last: bool) -> None:
        settings = self.settings
        if self.step % settings.log_every == 0 or is_last:
            log.figures(self.step, figures)
        if self.step % settings.checkpoint_every == 0 or is_last:
            save_checkpoint(self.folder, self.stage, self.step, self._recipe, settings.keep)
            # For those who see no progress bar.
            logger.info('step %d: %s', self.step, ', '.join(
                f'{name} {value:.4g}' for name, value in figures.items()))
        if self._look is not None and settings.picture_every and (
                self.step % settings.picture_every == 0 or is_last):
            picture, seen = self._look(rng_of(settings.seed, 0, self._rank, _PICTURES))
            log.picture(self.step, picture, seen)


class _Log:
    """
    Curves and pictures of a run, written by its first process.

    :param folder: of the run.
    :param step: at which it goes on: what a killed run had written of later ones is dropped.
    :param rank: of this process.
    """

    def __init__(self, folder: Path, step: int, rank: int) -> None:
        self._writes = rank == 0
        self._path, self._pictures = folder / LOSSES, folder / 'pictures'
        if not self._writes:
            return
        lines = self._path.read_text().splitlines() if self._path.exists() else []
        write_whole(self._path, ''.join(f'{line}\n' for line in lines
                                        if _is_of(line, step)).encode())
        self._events = EventFile(folder / 'tensorboard')

    def __enter__(self) -> _Log:
        return self

    def __exit__(self, *error: object) -> None:
        if self._writes:
            self._events.close()

    def figures(self, step: int, values: Mapping[str, float]) -> None:
        """Add points to all curves."""
        if not self._writes:
            return
        with naming(self._path), self._path.open('a') as file:
            file.write(json.dumps({'step': step, **values}) + '\n')
        self._events.scalars(step, values)

    def picture(self, step: int, rgb: U8, values: Mapping[str, float]) -> None:
        """Write a picture and what was measured on it."""
        if not self._writes:
            return
        from inspatio_ros.scene.images import png_bytes
        self._pictures.mkdir(exist_ok=True)
        write_whole(self._pictures / f'step-{step:07d}.png', png_bytes(rgb))
        self._events.picture(step, 'source | warp | output | truth', rgb)
        self.figures(step, values)


def _is_of(line: str, last: int) -> bool:
    """Return whether a line is whole and of a step up to the last one."""
    try:
        return int(json.loads(line)['step']) <= last
    except (ValueError, KeyError, TypeError):
        return False
