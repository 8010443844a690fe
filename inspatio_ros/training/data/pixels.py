# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Clips from shards of pixels.

A record holds what C cameras saw at the same F times: rgb (C, F, H, W, 3) uint8; depth
(C, F, H, W) float16, metres, NaN unknown; K (3, 3); T_world_cam (C, F, 4, 4) float64, optical
frame to world. Every ordered pair of cameras is a clip: what one saw, and what the other did,
unless the record says which cameras may be painted (`reprojection`). Of a still place it says
which cameras are known views, each with one picture that is repeated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from inspatio_ros.training.data.clips import Clips
from inspatio_ros.training.data.shards import PIXELS, Shards
import torch
from torch import Tensor


class PixelClips:
    """
    The clips of some datasets of pixels, by number.

    :param folders: datasets.
    :param frames: of a clip; the beginning of what was recorded.
    :raises ValueError: see Shards; recordings that are all too short, or of different sizes.
    """

    def __init__(self, folders: Sequence[Path], frames: int) -> None:
        self._shards = Shards(folders, PIXELS)
        self._frames = frames
        self.too_short = 0
        self._pairs: list[tuple[int, int, int]] = []
        sizes: set[tuple[int, int]] = set()
        for record in range(len(self._shards)):
            cameras, recorded, height, width, _ = self._shards.shape(record, 'rgb')
            if recorded < frames:
                self.too_short += 1
                continue
            sizes.add((height, width))
            self._pairs += [(record, a, b)
                            for a, b in camera_pairs(cameras, self._shards.notes(record))]
        if not self._pairs:
            raise ValueError(f'no recording of two cameras has {frames} frames '
                             f'({self.too_short} are too short)')
        if len(sizes) > 1:
            raise ValueError(f'recordings of different sizes (height, width): {sorted(sizes)}')
        self.size = sizes.pop()

    @property
    def skipped(self) -> int:
        """Shards that cannot be used."""
        return len(self._shards.skipped)

    def __len__(self) -> int:
        """Return the number of clips."""
        return len(self._pairs)

    def clip(self, index: int) -> Clips:
        """Return one clip, as a batch of one."""
        record, *cameras = self._pairs[index]
        rgb, depth, T = ([self._shards.read(record, name, camera, slice(self._frames))[None]
                          for camera in cameras] for name in ('rgb', 'depth', 'T_world_cam'))
        K = self._shards.read(record, 'K')[None].float()
        return Clips(pictures(rgb[0]), pictures(rgb[1]), depth[0].float(), depth[1].float(), K,
                     T[0], T[1])

    def batch(self, indices: Sequence[int]) -> Clips:
        """Return some clips as a batch."""
        return Clips.cat([self.clip(index) for index in indices])


class PixelCrops:
    """
    Pieces of single cameras' videos, for what learns from pictures alone.

    :param folders: datasets.
    :param frames: of a piece.
    :param side: of a piece, pixels.
    :raises ValueError: see Shards; a piece larger than the pictures.
    """

    def __init__(self, folders: Sequence[Path], frames: int, side: int) -> None:
        self._shards = Shards(folders, PIXELS)
        self._frames, self._side = frames, side
        shapes = {self._shards.shape(record, 'rgb') for record in range(len(self._shards))}
        for shape in shapes:
            if shape[1] < frames or min(shape[2:4]) < side:
                raise ValueError(f'pieces of {frames} frames of {side}x{side} do not fit into '
                                 f'recordings of {shape[1]} frames of {shape[3]}x{shape[2]}')

    def __len__(self) -> int:
        """Return the number of recordings."""
        return len(self._shards)

    def batch(self, indices: Sequence[int], rng: torch.Generator) -> Tensor:
        """
        Return a piece of each recording, from anywhere in it, perhaps mirrored.

        :returns: (B, F, 3, side, side) float32, -1..1.
        """
        return torch.cat([self._piece(index, rng) for index in indices])

    def _piece(self, index: int, rng: torch.Generator) -> Tensor:
        shape = self._shards.shape(index, 'rgb')
        most = (shape[0], shape[1] - self._frames + 1, shape[2] - self._side + 1,
                shape[3] - self._side + 1)
        camera, frame, row, column = (int(torch.randint(n, (), generator=rng)) for n in most)
        rgb = self._shards.read(index, 'rgb', camera, slice(frame, frame + self._frames),
                                slice(row, row + self._side),
                                slice(column, column + self._side))
        piece = pictures(rgb[None])
        return piece.flip(-1) if torch.rand((), generator=rng) < 0.5 else piece


def camera_pairs(cameras: int, notes: Mapping[str, str]) -> list[tuple[int, int]]:
    """
    Return which camera is painted from which other one.

    :param notes: of the record; `targets` names those that may be painted.
    """
    targets = [int(it) for it in notes['targets'].split(',')] if 'targets' in notes else range(
        cameras)
    return [(a, b) for a in range(cameras) for b in targets if a != b]


def still_views(notes: Mapping[str, str]) -> tuple[int, ...]:
    """
    Return which cameras of a still place are known views, none of a recording.

    :param notes: of the record; `views` names them.
    """
    return tuple(int(it) for it in notes['views'].split(',')) if 'views' in notes else ()


def pictures(rgb_BFHWC: Tensor) -> Tensor:
    """Return uint8 pictures as (B, F, 3, H, W) float32, -1..1."""
    return rgb_BFHWC.movedim(-1, -3).float() / 127.5 - 1.0
