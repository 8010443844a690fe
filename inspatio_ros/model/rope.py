# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Rotary positions along time, height and width.

Shapes: B batch, F latent frames, S tokens, N heads, d head width, c = d / 2 rotary pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from inspatio_ros.model.config import BlockShape, DitConfig
import torch
from torch import Tensor

_BASE = 10000.0


class Rope(NamedTuple):
    """
    The rotation of every token.

    :param cos_Sc, sin_Sc: (S, c) float32.
    """

    cos_Sc: Tensor
    sin_Sc: Tensor

    def rows(self, start: int, stop: int) -> Rope:
        """Return the rotations of a range of tokens; views, not copies."""
        return Rope(self.cos_Sc[start:stop], self.sin_Sc[start:stop])


def axis_angles(positions: Sequence[int], pairs: int) -> Tensor:
    """
    Return the angle of every pair along one axis.

    :param positions: along the axis.
    :param pairs: that the axis has of a head's.
    :returns: (len(positions), pairs) float64 radians, on the CPU: large positions lose digits in
        float32, and accelerators are slow at float64.
    """
    frequency = _BASE ** -(torch.arange(pairs, dtype=torch.float64, device='cpu')
                           / max(pairs, 1))
    return torch.tensor(positions, dtype=torch.float64, device='cpu')[:, None] * frequency


def make_rope(pairs: tuple[int, int, int], times: Sequence[int], grid: tuple[int, int],
              device: torch.device | str = 'cpu', origin: tuple[int, int] = (0, 0)) -> Rope:
    """
    Return the rotations of the tokens of some frames, in the order frame, row, column.

    :param pairs: of a head along time, height and width.
    :param times: position of every frame.
    :param grid: token rows and columns of a frame.
    :param device: where the table goes.
    :param origin: row and column of the first token: not 0 for a part of a picture.
    """
    rows, columns = grid
    size = (len(times), rows, columns)
    time = axis_angles(times, pairs[0])[:, None, None].expand(*size, -1)
    height, width = (axis_angles(range(first, first + count), of)
                     for first, count, of in zip(origin, grid, pairs[1:]))
    height, width = height[None, :, None].expand(*size, -1), width[None, None].expand(*size, -1)
    angles = torch.cat([time, height, width], -1).flatten(0, 2)
    return Rope(angles.cos().float().to(device), angles.sin().float().to(device))


def cache_rope(config: DitConfig, shape: BlockShape, device: torch.device | str = 'cpu',
               origin: tuple[int, int] = (0, 0)) -> Rope:
    """Return the rotations of all rows of the K/V cache, the current block's first."""
    return make_rope(config.rope_pairs, shape.cache_positions, shape.grid, device, origin)


def rotate(x_BSNd: Tensor, rope: Rope) -> Tensor:
    """
    Rotate the adjacent pairs (2i, 2i + 1) of every head.

    :param x_BSNd: any float type; the rotation is done in float32.
    :param rope: of these S tokens.
    """
    cos_S1c, sin_S1c = rope.cos_Sc[:, None], rope.sin_Sc[:, None]
    a, b = x_BSNd.float().unflatten(-1, (-1, 2)).unbind(-1)
    turned = torch.stack([a * cos_S1c - b * sin_S1c, a * sin_S1c + b * cos_S1c], -1)
    return turned.flatten(-2).to(x_BSNd.dtype)
