# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Made-up places as shards of pixels: one seed, one shard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial

from inspatio_ros.scene.synthetic.held_out import check_trainable
from inspatio_ros.scene.synthetic.synchronised import FPS, synchronised_clip
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
    :param cameras: synchronised ones; every ordered pair of them is a clip.
    :param fps: frames per second.
    :raises ValueError: fewer than two cameras, no frames, no rate.
    """

    frames: int = 45
    width: int = 320
    height: int = 192
    cameras: int = 3
    fps: float = FPS

    def __post_init__(self) -> None:
        if self.cameras < 2:
            raise ValueError(f'cameras must be at least 2, got {self.cameras}')
        if self.frames < 1 or not self.fps > 0.0:
            raise ValueError(f'frames must be at least 1 and fps positive, got {self.frames} and '
                             f'{self.fps}')

    def manifest(self) -> dict[str, object]:
        """Return what the content depends on."""
        return {'source': 'procedural', 'generator': GENERATOR_VERSION, **asdict(self)}


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
    clip = synchronised_clip(seed, settings.frames, (settings.width, settings.height),
                             settings.cameras, settings.fps)
    tensors = {'rgb': torch.from_numpy(clip.rgb),
               'depth': torch.from_numpy(clip.depth).half(),
               'K': torch.from_numpy(clip.intrinsics.K),
               'T_world_cam': torch.from_numpy(clip.T_world_cam)}
    return ({name: x[None] for name, x in tensors.items()},
            {'source': f'procedural seed {seed}', 'fps': repr(clip.fps)})
