# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Recordings of others as shards of pixels: one clip, one shard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
import re

from inspatio_ros.training.data import multi_cam, real_estate, reprojection, unreal
from inspatio_ros.training.data.writing import Job
from torch import Tensor

_Made = tuple[dict[str, Tensor], dict[str, str]]
# Cameras of a MultiCamVideo scene in one record, of ten.
_GROUPS = (('cam01', 'cam02', 'cam03'), ('cam04', 'cam05', 'cam06'), ('cam07', 'cam08', 'cam09'))


@dataclass(frozen=True)
class RecordedSettings:
    """
    What is taken of each recording.

    :param kind: `re10k`, `recammaster`, `unreal` or `video`.
    :param frames: of a clip; 1 + 4k are whole latents.
    :param size: (width, height), pixels.
    :param seed: of near views (`video`).
    :param fps: of what does not say it (`unreal`).
    :raises ValueError: no such kind, no frames, no rate.
    """

    kind: str
    frames: int = 45
    size: tuple[int, int] = (320, 192)
    seed: int = 0
    fps: float = 15.0

    def __post_init__(self) -> None:
        if self.kind not in _KINDS or self.frames < 1 or not self.fps > 0.0:
            raise ValueError(f'kind must be one of {", ".join(_KINDS)}, frames at least 1 and fps '
                             f'positive, got {self.kind!r}, {self.frames} and {self.fps}')

    def manifest(self) -> dict[str, object]:
        """Return what the content depends on."""
        return {'source': self.kind, 'frames': self.frames, 'width': self.size[0],
                'height': self.size[1], 'seed': self.seed, 'fps': self.fps}


def recorded_jobs(folder: Path, settings: RecordedSettings) -> list[Job]:
    """
    Return the work that makes shards of recordings.

    :param folder: in the layout of the kind.
    :raises ValueError: nothing of the kind there.
    """
    if not folder.is_dir():
        raise ValueError(f'{folder}: no such folder')
    jobs = []
    for path, make in _KINDS[settings.kind](folder, settings):
        name = re.sub(r'[^\w.]+', '-', str(path.relative_to(folder).with_suffix('')))
        jobs.append(Job(name, str(path), make))
    return jobs


def _real_estate(folder: Path, it: RecordedSettings) -> Iterator[tuple[Path, Callable[[], _Made]]]:
    for path in real_estate.clips(folder):
        yield path, partial(real_estate.read_clip, path, it.frames, it.size)


def _multi_cam(folder: Path, it: RecordedSettings) -> Iterator[tuple[Path, Callable[[], _Made]]]:
    for path in multi_cam.scenes(folder):
        for names in _GROUPS:
            yield path / names[0], partial(multi_cam.read_scene, path, it.frames, it.size, names)


def _unreal(folder: Path, it: RecordedSettings) -> Iterator[tuple[Path, Callable[[], _Made]]]:
    for path in unreal.sequences(folder):
        yield path, partial(unreal.read_sequence, path, it.frames, it.size, it.fps)


def _video(folder: Path, it: RecordedSettings) -> Iterator[tuple[Path, Callable[[], _Made]]]:
    for path in reprojection.videos(folder):
        yield path, partial(reprojection.read_video_twice, path, it.frames, it.size, it.seed)


_KINDS: dict[str, Callable[[Path, RecordedSettings],
                           Iterator[tuple[Path, Callable[[], _Made]]]]] = {
    're10k': _real_estate, 'recammaster': _multi_cam, 'unreal': _unreal, 'video': _video}
