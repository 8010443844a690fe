# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A folder of safetensors files, the shards, each with some records of the same shapes.

`dataset.json` says of what kind they are and how they were made. A shard appears whole or not at
all, so that writing can go on where it was interrupted. What cannot be read later is passed over,
counted and listed: one bad disk block does not end a night of training.

Every tensor of a shard has the record as its first axis.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
import contextlib
from dataclasses import dataclass
import json
import logging
from pathlib import Path
from typing import Any

from inspatio_ros.scene.atomic import write_whole
from safetensors import safe_open, SafetensorError
from safetensors.torch import save
import torch
from torch import Tensor

FORMAT, VERSION = 'inspatio_dataset', 1
MANIFEST = 'dataset.json'
SUFFIX = '.safetensors'
_LISTED = 5

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kind:
    """
    What the shards of a kind hold.

    :param name: in the manifest.
    :param tensors: names, all of which a shard has.
    :param may_be_nan: of them, those where NaN has a meaning.
    """

    name: str
    tensors: tuple[str, ...]
    may_be_nan: tuple[str, ...] = ()


PIXELS = Kind('pixels', ('rgb', 'depth', 'K', 'T_world_cam'), ('depth',))
LATENTS = Kind('latents', ('reference', 'target', 'render', 'mask'))
KINDS = {kind.name: kind for kind in (PIXELS, LATENTS)}


@dataclass(frozen=True)
class Skipped:
    """A shard that is passed over, and why."""

    path: Path
    reason: str


def write_manifest(folder: Path, kind: Kind, settings: Mapping[str, Any]) -> None:
    """
    Begin a dataset, or go on with one.

    :param settings: what its content depends on, as JSON has it.
    :raises ValueError: the folder holds something else, or was made with other settings.
    :raises OSError: it cannot be written.
    """
    manifest = json.loads(json.dumps({'format': FORMAT, 'version': VERSION, 'kind': kind.name,
                                      'settings': dict(settings)}))
    path = folder / MANIFEST
    if path.exists():
        found = read_manifest(folder)
        if found != manifest:
            raise ValueError(f'{folder}: was made otherwise: {_differences(found, manifest)}; '
                             'name another folder')
        return
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f'{folder}: is not empty and no dataset; name another folder')
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(path, (json.dumps(manifest, indent=1) + '\n').encode())


def read_manifest(folder: Path) -> dict[str, Any]:
    """
    Return what a dataset says of itself.

    :raises ValueError: there is no dataset, or one of another format.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise ValueError(f'{folder}: holds no dataset ({MANIFEST} is missing)')
    try:
        manifest = json.loads(path.read_text(encoding='utf-8'))
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from None
    if not isinstance(manifest, dict) or manifest.get('format') != FORMAT or not isinstance(
            manifest.get('settings'), dict):
        raise ValueError(f'{path}: is no manifest of a dataset')
    if manifest.get('version') != VERSION or manifest.get('kind') not in KINDS:
        raise ValueError(f'{path}: version {manifest.get("version")}, kind '
                         f'{manifest.get("kind")!r}; known are version {VERSION} and '
                         f'{", ".join(KINDS)}')
    return manifest


def _differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    flat = [{'kind': it['kind'], **it['settings']} for it in (found, wanted)]
    return ', '.join(f'{key} is {flat[0].get(key)!r}, not {flat[1].get(key)!r}'
                     for key in sorted({*flat[0], *flat[1]})
                     if flat[0].get(key) != flat[1].get(key))


def write_shard(path: Path, tensors: Mapping[str, Tensor], notes: Mapping[str, str]) -> None:
    """
    Write a shard; it is there whole, or it is not there.

    :param tensors: first axis = record.
    :param notes: where it comes from, kept in the file.
    :raises OSError: the disk is full, and so on; nothing is left behind.
    """
    write_whole(path, save({name: x.contiguous() for name, x in tensors.items()}, dict(notes)))


def fault_of(path: Path, kind: Kind) -> str:
    """
    Say what is wrong with a shard.

    :returns: nothing if it can be used.
    """
    try:
        if path.stat().st_size == 0:
            return 'is empty'
        with safe_open(path, 'pt') as file:
            names = set(file.keys())
            if names != set(kind.tensors):
                return f'holds {", ".join(sorted(names)) or "nothing"}, not ' \
                       f'{", ".join(kind.tensors)}'
            counts = {file.get_slice(name).get_shape()[0] for name in names}
            if len(counts) != 1 or 0 in counts:
                return f'holds {", ".join(map(str, sorted(counts)))} records'
            for name in kind.tensors:
                if name not in kind.may_be_nan and not _is_finite(file.get_slice(name)):
                    return f'{name} has values that are not finite'
    except (SafetensorError, OSError) as error:
        return f'cannot be read: {error}'
    return ''


def _is_finite(stored: Any) -> bool:
    if not stored.get_dtype().startswith(('F', 'BF')):
        return True
    return all(bool(torch.isfinite(stored[index]).all()) for index in range(stored.get_shape()[0]))


class Shards:
    """
    The records of some datasets of one kind, by number.

    :param folders: datasets.
    :param kind: of all of them.
    :raises ValueError: no dataset there, one of another kind, or no usable shard in any.
    """

    def __init__(self, folders: Sequence[Path], kind: Kind) -> None:
        self.kind = kind
        self.paths: list[Path] = []
        self.skipped: list[Skipped] = []
        self._of_record: list[tuple[int, int]] = []
        for folder in folders:
            found = read_manifest(folder)['kind']
            if found != kind.name:
                raise ValueError(f'{folder}: holds {found}, {kind.name} are needed')
            self._open(folder)
        if self.skipped:
            logger.warning('%s', self.skipped_text())
        if not self._of_record:
            raise ValueError(f'{", ".join(map(str, folders))}: not a single usable shard '
                             f'({len(self.skipped)} skipped); the command that made them '
                             'writes what is missing or damaged again')

    def _open(self, folder: Path) -> None:
        for path in sorted(folder.glob(f'*{SUFFIX}')):
            fault = '' if path.name.startswith('.') else fault_of(path, self.kind)
            if fault:
                self.skipped.append(Skipped(path, fault))
            elif not path.name.startswith('.'):
                with safe_open(path, 'pt') as file:
                    count = file.get_slice(self.kind.tensors[0]).get_shape()[0]
                self._of_record += [(len(self.paths), index) for index in range(count)]
                self.paths.append(path)

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self._of_record)

    def shape(self, record: int, name: str) -> tuple[int, ...]:
        """Return the shape of a tensor of a record; raises what `read` does."""
        with self._file(record) as file:
            return tuple(file.get_slice(name).get_shape()[1:])

    def read(self, record: int, name: str, *where: int | slice) -> Tensor:
        """
        Read a tensor of one record, or a piece of it.

        :param where: which piece along the first axes of the record's tensor; only that is read.
        :raises ValueError: the file has become unreadable since it was opened.
        """
        with self._file(record) as file:
            return file.get_slice(name)[(self._of_record[record][1], *where)]

    def notes(self, record: int) -> dict[str, str]:
        """Return what a record's shard says of its origin; raises what `read` does."""
        with self._file(record) as file:
            return dict(file.metadata() or {})

    @contextlib.contextmanager
    def _file(self, record: int) -> Iterator[Any]:
        path = self.path(record)
        try:
            with safe_open(path, 'pt') as file:
                yield file
        except (SafetensorError, OSError) as error:
            raise ValueError(f'{path}: cannot be read any more: {error}') from error

    def path(self, record: int) -> Path:
        """Return the shard that a record lies in."""
        return self.paths[self._of_record[record][0]]

    def skipped_text(self) -> str:
        """Return how many shards are passed over, and the first few of them."""
        lines = [f'{it.path.name}: {it.reason}' for it in self.skipped[:_LISTED]]
        more = len(self.skipped) - len(lines)
        return '; '.join([f'{len(self.skipped)} shards are skipped', *lines]
                         + ([f'and {more} more'] if more else []))


def batches(count: int, size: int, seed: int, start: int = 0) -> Iterator[list[int]]:
    """
    Yield numbers of records, in another order in every round, for ever.

    The order follows from the arguments alone: whoever knows how many batches were taken can go
    on with the next.

    :param count: of records.
    :param size: of a batch.
    :param seed: of the order.
    :param start: batches to pass over.
    :raises ValueError: no records, or a batch of none.
    """
    if count < 1 or size < 1:
        raise ValueError(f'batches of {size} from {count} records: both must be at least 1')
    round_, order = -1, torch.empty(0, dtype=torch.int64)
    at = start * size
    while True:
        found: list[int] = []
        while len(found) < size:
            if at // count != round_:
                round_ = at // count
                rng = torch.Generator().manual_seed((seed << 20) + round_)
                order = torch.randperm(count, generator=rng)
            found.append(int(order[at % count]))
            at += 1
        yield found
