# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Where the batches of a run come from: the batch of a step follows from the seed and the step alone.

So a run that is continued sees what it would have seen, and its random numbers are the same,
without any of that being saved.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count, islice
import json
from pathlib import Path
from typing import Any, Protocol

from inspatio_ros.training.data.clips import LatentClips
from inspatio_ros.training.data.pixels import PixelCrops
from inspatio_ros.training.data.shards import batches, LATENTS, read_manifest, Shards
import numpy as np
import torch


def rng_of(seed: int, step: int, *which: int) -> torch.Generator:
    """
    Return a generator for one step.

    :param which: further numbers that tell generators apart: of a process, of a purpose.
    """
    state = np.random.SeedSequence([seed, step, *which]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))


class Source(Protocol):
    """Records that batches are drawn from."""

    def __len__(self) -> int:
        """Return how many records there are."""

    def batch(self, records: list[int], rng: torch.Generator) -> Any:
        """Return a batch of some records, which may be cut by chance."""


class LatentSource:
    """
    Clips of latents.

    :param folders: datasets.
    :param latents: of a clip; its beginning.
    :param fills: whether holes of the warps must be filled; None = all the same.
    :raises ValueError: see Shards; clips that are too short, or were encoded the other way.
    """

    def __init__(self, folders: list[Path], latents: int, fills: bool | None = None) -> None:
        self.shards = Shards(folders, LATENTS)
        if fills is not None:
            _check_fills(folders, fills)
        self._latents = latents
        shapes = {self.shards.shape(record, 'target') for record in range(len(self.shards))}
        if min(shape[0] for shape in shapes) < latents:
            raise ValueError(f'clips of {latents} latents are wanted, the shortest has '
                             f'{min(shape[0] for shape in shapes)}; latents=N takes fewer')
        if len({shape[1:] for shape in shapes}) > 1:
            raise ValueError(f'clips of different sizes (channels, height, width): '
                             f'{sorted({shape[1:] for shape in shapes})}')

    def __len__(self) -> int:
        """Return the number of clips."""
        return len(self.shards)

    def batch(self, records: list[int], rng: torch.Generator) -> LatentClips:
        """Return clips; nothing of them is left to chance."""
        return LatentClips(**{name: torch.stack([
            self.shards.read(record, name, slice(self._latents)).float() for record in records])
            for name in LATENTS.tensors})


def _check_fills(folders: list[Path], fills: bool) -> None:
    """
    Refuse datasets whose warps are not what the recipe says; those that do not tell are taken.

    :raises ValueError: naming the first one.
    """
    for folder in folders:
        found = read_manifest(folder)['settings'].get('fills', fills)
        if found != fills:
            filled, option = ('filled', '--fill') if fills else ('black', 'no --fill')
            raise ValueError(f'{folder}: fills is {json.dumps(found)} there, the recipe has fills='
                             f'{json.dumps(fills)}; train with fills={json.dumps(found)}, or on '
                             f'data with {filled} holes (`inspatio train encode`, {option})')


class CropSource:
    """
    Pieces of video.

    :param folders: datasets of pixels.
    :param frames, side: of a piece.
    :raises ValueError: see PixelCrops.
    """

    def __init__(self, folders: list[Path], frames: int, side: int) -> None:
        self._crops = PixelCrops(folders, frames, side)

    def __len__(self) -> int:
        """Return the number of recordings."""
        return len(self._crops)

    def batch(self, records: list[int], rng: torch.Generator) -> torch.Tensor:
        """Return pieces of recordings, cut by chance."""
        return self._crops.batch(records, rng)


class Batches:
    """
    The batches of a run, from any step on, the next one read while one is learnt from.

    :param source: of records.
    :param size: of a batch of one process.
    :param seed: of order and cuts.
    :param rank, processes: this process, and how many share each step's records.
    """

    def __init__(self, source: Source, size: int, seed: int, rank: int = 0,
                 processes: int = 1) -> None:
        self._source, self._size, self._seed = source, size, seed
        self._rank, self._processes = rank, processes

    def from_step(self, step: int) -> Iterator[Any]:
        """
        Yield the batch of a step and of all that follow.

        :raises Exception: what reading raised, at the step whose batch it is.
        """
        orders = batches(len(self._source), self._size * self._processes, self._seed, step)
        with ThreadPoolExecutor(1) as pool:
            ahead: Future[Any] = pool.submit(self._read, step, next(orders))
            for number, records in zip(count(step + 1), orders):
                ready = ahead.result()
                ahead = pool.submit(self._read, number, records)
                yield ready

    def fixed(self, size: int) -> Any:
        """Return the same records whenever it is asked: those to look at."""
        records = next(islice(batches(len(self._source), size, self._seed), 1))
        return self._source.batch(records, rng_of(self._seed, 0, self._rank, 1))

    def _read(self, step: int, records: list[int]) -> Any:
        own = records[self._rank::self._processes]
        return self._source.batch(own, rng_of(self._seed, step, self._rank))
