# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The forward warp that the published STAR model was trained on (STAR_SPEC section 9).

Its colours carry habits of that program (depth weights relative to the farthest pixel, weights
counted twice at integer positions), which the generator expects to see in its condition. The
sensor plane uses `warp_cpu`.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

_DEPTH_EXPONENT = 50.0
_MAX_DEPTH_M = 1000.0


def _inverse(matrices: Tensor) -> Tensor:
    """Invert cameras and poses, which can be inverted: the host need not wait for that check."""
    return torch.linalg.inv_ex(matrices).inverse


def _displaced(depth_N1HW: Tensor, source_w2c_N44: Tensor, target_w2c_N44: Tensor,
               K_source_N33: Tensor, K_target_N33: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return target x, y (pixels) and depth (metres) of every source pixel, each (N, H, W)."""
    height, width = depth_N1HW.shape[-2:]
    device = depth_N1HW.device
    y, x = torch.meshgrid(torch.arange(height, dtype=torch.float32, device=device),
                          torch.arange(width, dtype=torch.float32, device=device), indexing='ij')
    pixels = torch.stack([x, y, torch.ones_like(x)]).reshape(1, 3, -1)
    points = depth_N1HW.reshape(len(depth_N1HW), 1, -1) * (_inverse(K_source_N33) @ pixels)
    M = target_w2c_N44 @ _inverse(source_w2c_N44)
    q = K_target_N33 @ (M[:, :3, :3] @ points + M[:, :3, 3:])
    q = q.reshape(len(q), 3, height, width)
    # As published: the displacement is rounded to float32 first, then the position is added.
    return q[:, 0] / q[:, 2] - x + x, q[:, 1] / q[:, 2] - y + y, q[:, 2]


def _corner_weights(x: Tensor, y: Tensor, height: int, width: int,
                    ) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Return row, column and weight of the four pixels around (x, y) on the bordered canvas."""
    x, y = x + 1.0, y + 1.0
    x0, x1 = x.floor().clamp(0, width + 1), x.ceil().clamp(0, width + 1)
    y0, y1 = y.floor().clamp(0, height + 1), y.ceil().clamp(0, height + 1)
    x, y = x.clamp(0, width + 1), y.clamp(0, height + 1)
    left, right = 1.0 - (x - x0), 1.0 - (x1 - x)
    up, down = 1.0 - (y - y0), 1.0 - (y1 - y)
    return [(y0, x0, up * left), (y1, x0, down * left), (y0, x1, up * right),
            (y1, x1, down * right)]


def star_warp(rgb_N3HW: Tensor, depth_N1HW: Tensor, source_w2c_N44: Tensor, target_w2c_N44: Tensor,
              K_N33: Tensor, K_target_N33: Tensor | None = None, mask_N1HW: Tensor | None = None,
              normalise: Literal['batch', 'frame'] = 'batch') -> tuple[Tensor, Tensor]:
    """
    Warp frames into target cameras as the published program does.

    :param rgb_N3HW: float32 in [-1, 1].
    :param depth_N1HW: float32 > 0, metres along +Z.
    :param source_w2c_N44: world to camera of the source, optical frame.
    :param target_w2c_N44: world to camera of the target.
    :param K_N33: intrinsics, pixels; pixel centres at integers.
    :param K_target_N33: intrinsics of the target; default: those of the source.
    :param mask_N1HW: 1 where a source pixel counts; default: everywhere.
    :param normalise: `batch`: depth weights relative to the farthest pixel of the whole call, as
        published; `frame`: of each frame, so that streaming equals the whole clip.
    :returns: render (N, 3, H, W) in [-1, 1], -1 where unknown, and known (N, 1, H, W) in {0, 1}.
    """
    count, _, height, width = rgb_N3HW.shape
    x, y, z = _displaced(depth_N1HW, source_w2c_N44, target_w2c_N44, K_N33,
                         K_N33 if K_target_N33 is None else K_target_N33)
    log_depth = torch.log1p(z.clamp(0.0, _MAX_DEPTH_M))
    farthest = log_depth.amax() if normalise == 'batch' else log_depth.amax((1, 2), keepdim=True)
    share = (z >= 0).float() / torch.exp(_DEPTH_EXPONENT * log_depth / farthest.clamp(min=1e-6))
    if mask_N1HW is not None:
        share = share * mask_N1HW[:, 0]

    area = (height + 2) * (width + 2)
    colour = torch.zeros(count, 3, area, device=rgb_N3HW.device)
    weight_sum = torch.zeros(count, 1, area, device=rgb_N3HW.device)
    for row, column, weight in _corner_weights(x, y, height, width):
        index = (row * (width + 2) + column).long().reshape(count, 1, -1)
        w = (weight * share).reshape(count, 1, -1)
        weight_sum.scatter_add_(2, index, w)
        colour.scatter_add_(2, index.expand(-1, 3, -1), w * rgb_N3HW.reshape(count, 3, -1))
    inner = (slice(None), slice(None), slice(1, -1), slice(1, -1))
    weight_sum = weight_sum.reshape(count, 1, height + 2, width + 2)[inner]
    colour = colour.reshape(count, 3, height + 2, width + 2)[inner]
    known = weight_sum > 0
    render = torch.where(known, (colour / weight_sum).clamp(-1.0, 1.0), -1.0)
    return render, known.float()


def centred_intrinsics(K_N33: Tensor, width: int, height: int) -> Tensor:
    """
    Scale intrinsics to a picture size as the published program does.

    It takes the principal point for the middle of the picture and puts it there again.

    :param K_N33: of the old size, which the principal point tells.
    :param width, height: new size, pixels.
    :returns: (N, 3, 3) like the input; the skew stays as it is.
    """
    K = K_N33.clone()
    for row, size in enumerate((width, height)):
        # Two tensors: torch divides a number by a tensor through its rounded reciprocal.
        scale = torch.full_like(K[:, row, 2], size) / (2.0 * K[:, row, 2])
        K[:, row, row] *= scale
        K[:, row, 2] = size / 2.0
    return K
