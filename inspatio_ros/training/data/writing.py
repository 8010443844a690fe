# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Writing many shards with a few processes; what is there already is not made again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import as_completed, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
import multiprocessing
from pathlib import Path
from typing import Any

from inspatio_ros.scene.parallel import Progress
from inspatio_ros.training.data.shards import (
    fault_of, Kind, Skipped, SUFFIX, write_manifest, write_shard)
from torch import Tensor


class RefusedError(ValueError):
    """Something that no clip can be made of, and why: it is counted, and the others go on."""


@dataclass(frozen=True)
class Job:
    """
    One shard to be made.

    :param name: of its file, without suffix.
    :param source: what it is made of, as messages have it.
    :param make: returns tensors and notes; goes to another process.
    :raises RefusedError: by `make`.
    """

    name: str
    source: str
    make: Callable[[], tuple[dict[str, Tensor], dict[str, str]]]


@dataclass
class Written:
    """
    What became of some jobs.

    :param made: shards written now.
    :param kept: shards that were there.
    :param refused: what no shard could be made of.
    """

    made: int = 0
    kept: int = 0
    refused: list[Skipped] = field(default_factory=list)

    def report(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {'made': self.made, 'kept': self.kept, 'refused': [
            {'source': str(it.path), 'reason': it.reason} for it in self.refused]}


def write_dataset(folder: Path, kind: Kind, settings: Mapping[str, Any], jobs: Sequence[Job],
                  workers: int = 1, progress: Progress | None = None) -> Written:
    """
    Make the shards of a dataset that are not there yet.

    :param settings: see `write_manifest`.
    :param jobs: names are unique.
    :param workers: processes; 1 = this one.
    :param progress: called after every shard.
    :raises ValueError: the folder holds something else, a number of workers below 1.
    :raises ChildProcessError: a worker died; what it had finished stays.
    :raises OSError: the disk is full, and so on.
    """
    if workers < 1:
        raise ValueError(f'workers must be at least 1, got {workers}')
    write_manifest(folder, kind, settings)
    done = Written()
    left = [job for job in jobs if not _is_there(folder / f'{job.name}{SUFFIX}', kind)]
    done.kept = len(jobs) - len(left)
    finished = done.kept

    def count(job: Job, refusal: str) -> None:
        nonlocal finished
        finished += 1
        if refusal:
            done.refused.append(Skipped(Path(job.source), refusal))
        else:
            done.made += 1
        if progress is not None:
            progress(finished, len(jobs))

    if workers == 1:
        for job in left:
            count(job, _write(folder, job))
        return done
    _in_processes(folder, left, workers, count)
    return done


def _is_there(path: Path, kind: Kind) -> bool:
    return path.exists() and not fault_of(path, kind)


def _write(folder: Path, job: Job) -> str:
    """Make a shard; return why it cannot be made, or nothing."""
    try:
        tensors, notes = job.make()
    except RefusedError as error:
        return str(error)
    write_shard(folder / f'{job.name}{SUFFIX}', tensors, notes)
    return ''


def _in_processes(folder: Path, jobs: Sequence[Job], workers: int,
                  count: Callable[[Job, str], None]) -> None:
    # Spawned: a fork of a process with threads (torch, numba) may hang.
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context('spawn'),
                               initializer=_one_thread)
    running: dict[Future[str], Job] = {}
    try:
        running = {pool.submit(_write, folder, job): job for job in jobs}
        for future in as_completed(running):
            count(running[future], future.result())
    except BrokenProcessPool:
        lost = [job.source for future, job in running.items()
                if future.done() and isinstance(future.exception(), BrokenProcessPool)]
        raise ChildProcessError(
            f'a worker process died (killed, or out of memory?) with {len(lost)} shards not '
            f'written, {lost[0]} the first; {folder} holds what was finished, and the same '
            'command goes on from there') from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _one_thread() -> None:
    import torch
    torch.set_num_threads(1)
