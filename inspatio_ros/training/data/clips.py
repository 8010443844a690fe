# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What the stages of training eat: pictures, or the latents that a frozen autoencoder made of them.

Shapes: B batch, F frames, N latents of them (frame 0, then groups of four), H W picture size,
h w latent size (an eighth of it).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TypeVar

import torch
from torch import Tensor

MATRIX = 4

AnyBatch = TypeVar('AnyBatch', bound='_Batch')


class _Batch:
    """A frozen dataclass of tensors whose first axis is the batch."""

    def __len__(self) -> int:
        """Return the size of the batch."""
        return len(self.tensors()[fields(self)[0].name])  # type: ignore[arg-type]

    def tensors(self) -> dict[str, Tensor]:
        """Return the fields by name, in order."""
        return {field.name: getattr(self, field.name)
                for field in fields(self)}  # type: ignore[arg-type]

    def to(self: AnyBatch, device: torch.device | str) -> AnyBatch:
        """Return the batch on a device."""
        return type(self)(**{name: x.to(device) for name, x in self.tensors().items()})

    def rows(self: AnyBatch, which: slice | Sequence[int]) -> AnyBatch:
        """Return some clips of the batch."""
        return type(self)(**{name: x[which] for name, x in self.tensors().items()})

    @classmethod
    def cat(cls: type[AnyBatch], batches: Sequence[AnyBatch]) -> AnyBatch:
        """
        Return batches as one.

        :raises ValueError: no batch, or clips of different shapes.
        """
        if not batches:
            raise ValueError('no clips to make a batch of')
        parts = [batch.tensors() for batch in batches]
        shapes = [{name: tuple(x.shape[1:]) for name, x in part.items()} for part in parts]
        if any(shape != shapes[0] for shape in shapes):
            raise ValueError(f'clips of one batch differ in shape: {shapes[0]} and '
                             f'{next(it for it in shapes if it != shapes[0])}')
        return cls(**{name: torch.cat([part[name] for part in parts]) for name in parts[0]})

    def _expect(self, shapes: dict[str, tuple[int, ...]]) -> None:
        """
        Refuse tensors of other shapes.

        :raises ValueError: naming the field, its shape and the one it should have.
        """
        for name, shape in shapes.items():
            found = tuple(getattr(self, name).shape)
            if found != shape:
                raise ValueError(f'{name} must be {shape}, got {found}')


@dataclass(frozen=True)
class Clips(_Batch):
    """
    Clips of two cameras that were recorded at the same times.

    :param source_rgb: (B, F, 3, H, W) float32, -1..1: what the robot's recording has.
    :param target_rgb: (B, F, 3, H, W) float32, -1..1: what is to be painted.
    :param source_depth: (B, F, H, W) float32, metres along +Z; NaN unknown, +inf out of range.
    :param target_depth: (B, F, H, W) float32, likewise.
    :param intrinsics: (B, 3, 3) float32, pixels; of both cameras.
    :param T_world_source: (B, F, 4, 4) float64, optical frame to world, metres.
    :param T_world_target: (B, F, 4, 4) float64.
    :raises ValueError: shapes that contradict each other.
    """

    source_rgb: Tensor
    target_rgb: Tensor
    source_depth: Tensor
    target_depth: Tensor
    intrinsics: Tensor
    T_world_source: Tensor
    T_world_target: Tensor

    def __post_init__(self) -> None:
        if self.source_rgb.ndim != 5:
            raise ValueError(f'source_rgb must be (B, F, 3, H, W), got '
                             f'{tuple(self.source_rgb.shape)}')
        batch, frames, _, height, width = self.source_rgb.shape
        pictures, maps = (batch, frames, 3, height, width), (batch, frames, height, width)
        poses = (batch, frames, MATRIX, MATRIX)
        self._expect({'source_rgb': pictures, 'target_rgb': pictures, 'source_depth': maps,
                      'target_depth': maps, 'intrinsics': (batch, 3, 3),
                      'T_world_source': poses, 'T_world_target': poses})

    @property
    def frames(self) -> int:
        """Frames of each clip."""
        return self.source_rgb.shape[1]

    @property
    def size(self) -> tuple[int, int]:
        """(height, width), pixels."""
        return self.source_rgb.shape[3], self.source_rgb.shape[4]


@dataclass(frozen=True)
class LatentClips(_Batch):
    """
    Clips as the denoiser sees them. N is a multiple of the latents of a block.

    A clip begins where a stream begins: latent 0 stands for one frame, each later one for four.

    :param reference: (B, N, C, h, w) float32: latents of the source camera at the same times.
    :param target: (B, N, C, h, w) float32: latents of what is to be painted.
    :param render: (B, N, C, h, w) float32: latents of the source, warped into the target camera;
        -1 (black) where nothing is known.
    :param mask: (B, N, M, h, w) float32, -1..1: where the warp shows something, as
        `geometry.mask.pack_mask` packs it (M = 4 frames of a latent).
    :raises ValueError: shapes that contradict each other.
    """

    reference: Tensor
    target: Tensor
    render: Tensor
    mask: Tensor

    def __post_init__(self) -> None:
        if self.target.ndim != 5 or self.mask.ndim != 5:
            raise ValueError(f'latents must be (B, N, C, h, w), got target '
                             f'{tuple(self.target.shape)} and mask {tuple(self.mask.shape)}')
        latents = tuple(self.target.shape)
        mask = (*latents[:2], self.mask.shape[2], *latents[3:])
        self._expect({'reference': latents, 'render': latents, 'mask': mask})

    @property
    def latents(self) -> int:
        """Latents of each clip."""
        return self.target.shape[1]

    def blocks(self, first: int, count: int, block_latents: int) -> LatentClips:
        """
        Return some blocks of each clip.

        :param first: number of the first block.
        :param count: how many blocks.
        :param block_latents: K, latents of a block.
        :raises ValueError: blocks that the clips do not have.
        """
        low, high = first * block_latents, (first + count) * block_latents
        if not 0 <= low < high <= self.latents:
            raise ValueError(f'blocks {first} .. {first + count - 1} of {block_latents} latents '
                             f'are not in clips of {self.latents}')
        return LatentClips(**{name: x[:, low:high] for name, x in self.tensors().items()})
