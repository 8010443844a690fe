# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Made-up places as shards of pixels: one seed, one shard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial

from inspatio_ros.scene.synthetic.held_out import check_trainable
from inspatio_ros.scene.synthetic.still import still_clip
from inspatio_ros.scene.synthetic.synchronised import (
    FPS, synchronised_clip, SynchronisedClip)
from inspatio_ros.training.data.writing import Job
import torch
from torch import Tensor

# Of the pictures of a seed: a dataset of another version is another dataset.
GENERATOR_VERSION = 1


@dataclass(frozen=True)
class ProceduralSettings:
    """
    What is recorded of each made-up place.

    :param frames: of each camera; 1 + 4k are whole latents.
    :param width, height: pixels.
    :param cameras: synchronised ones; every ordered pair of them is a clip. In a still place those
        that move, each of which is a clip.
    :param fps: frames per second.
    :param still: nothing moves, and one to three views are known instead of a recording.
    :raises ValueError: fewer than two cameras (one in a still place), no frames, no rate.
    """

    frames: int = 45
    width: int = 320
    height: int = 192
    cameras: int = 3
    fps: float = FPS
    still: bool = False

    def __post_init__(self) -> None:
        least = 1 if self.still else 2
        if self.cameras < least:
            raise ValueError(f'cameras must be at least {least}, got {self.cameras}')
        if self.frames < 1 or not self.fps > 0.0:
            raise ValueError(f'frames must be at least 1 and fps positive, got {self.frames} and '
                             f'{self.fps}')

    def manifest(self) -> dict[str, object]:
        """Return what the content depends on."""
        content = asdict(self)
        # Datasets from before there were still places go on.
        if not self.still:
            del content['still']
        return {'source': 'procedural', 'generator': GENERATOR_VERSION, **content}


def procedural_jobs(seeds: Sequence[int], settings: ProceduralSettings,
                    held_out: bool = False) -> list[Job]:
    """
    Return the work that makes shards of made-up places.

    :param held_out: to measure and not to train: held-out seeds are allowed, and no others.
    :raises ValueError: a seed that is held out, or is not although it should.
    """
    for seed in seeds:
        try:
            check_trainable(seed)
            trainable = True
        except ValueError:
            if not held_out:
                raise
            trainable = False
        if held_out and trainable:
            raise ValueError(f'seed {seed} is not held out')
    return [Job(f'world-{seed:07d}', f'seed {seed}', partial(world_shard, seed, settings))
            for seed in seeds]


def world_shard(seed: int, settings: ProceduralSettings) -> tuple[dict[str, Tensor],
                                                                  dict[str, str]]:
    """
    Record a made-up place.

    :returns: tensors of `shards.PIXELS`, one record; notes.
    """
    asked = (seed, settings.frames, (settings.width, settings.height), settings.cameras,
             settings.fps)
    notes = {'source': f'procedural seed {seed}', 'fps': repr(settings.fps)}
    clip: SynchronisedClip
    if settings.still:
        clip = still = still_clip(*asked)
        notes['views'] = ','.join(map(str, range(still.views)))
        notes['targets'] = ','.join(map(str, range(still.views, len(still.rgb))))
    else:
        clip = synchronised_clip(*asked)
    tensors = {'rgb': torch.from_numpy(clip.rgb),
               'depth': torch.from_numpy(clip.depth).half(),
               'K': torch.from_numpy(clip.intrinsics.K),
               'T_world_cam': torch.from_numpy(clip.T_world_cam)}
    return {name: x[None] for name, x in tensors.items()}, notes
