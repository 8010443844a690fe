# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The warp of `warp_cpu` and the filling of `holes`, written in torch: CPU or GPU, batched.

The same formulas in the same order, so the two agree bit for bit on most pixels. This one is the
slow twin that the kernels are tested against, and the one that runs beside a generator on a GPU.

Shapes: N pairs of source and target (frames x views), H W source size, h w target size.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .holes import FAR_SIDE
from .surface import LONE, LOWER, SQUARE, UPPER
from .warp_cpu import SAME_SURFACE, SLACK


def transfer(P_N34: Tensor, disparity_NHW: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """
    Move every pixel into another camera.

    :param P_N34: float32 matrices of `camera.pixel_transfer`.
    :param disparity_NHW: float32 inverse depth, 1/m; NaN or 0 where unknown.
    :returns: x, y (pixels) and inverse depth there, each (N, H, W).
    """
    height, width = disparity_NHW.shape[-2:]
    P = P_N34[:, :, :, None, None]
    u = torch.arange(width, dtype=torch.float32, device=P.device)
    v = torch.arange(height, dtype=torch.float32, device=P.device)[:, None]
    d = disparity_NHW
    inverse = 1.0 / (P[:, 2, 0] * u + (P[:, 2, 1] * v + P[:, 2, 2]) + d * P[:, 2, 3])
    x = (P[:, 0, 0] * u + (P[:, 0, 1] * v + P[:, 0, 2]) + d * P[:, 0, 3]) * inverse
    y = (P[:, 1, 0] * u + (P[:, 1, 1] * v + P[:, 1, 2]) + d * P[:, 1, 3]) * inverse
    return x, y, d * inverse


def _expand(left: Tensor, right: Tensor, top: Tensor, bottom: Tensor,
            ) -> tuple[Tensor, Tensor, Tensor]:
    """List every pixel of M rectangles: rectangle index, row, column."""
    wide = (right - left + 1).clamp(min=0).long()
    count = wide * (bottom - top + 1).clamp(min=0).long()
    which = torch.repeat_interleave(torch.arange(len(count), device=count.device), count)
    start = torch.cumsum(count, 0) - count
    nth = torch.arange(len(which), device=count.device) - start[which]
    column = left.long()[which] + nth % wide[which]
    row = top.long()[which] + torch.div(nth, wide[which], rounding_mode='floor')
    return which, row, column


def _bounds(x: Tensor, y: Tensor, size: tuple[int, int], slack: float,
            ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the range of target pixels inside the hull of corners (C, M)."""
    left = (x.amin(0) - slack).ceil().clamp(min=0)
    right = (x.amax(0) + slack).floor().clamp(max=size[1] - 1)
    top = (y.amin(0) - slack).ceil().clamp(min=0)
    bottom = (y.amax(0) + slack).floor().clamp(max=size[0] - 1)
    return left, right, top, bottom


def _draw_triangles(z: Tensor, pair: Tensor, x: Tensor, y: Tensor, w: Tensor) -> None:
    """
    Raise z-buffers (N, h, w) to the inverse depth of M triangles at the pixel centres inside.

    :param pair: (M,) which z-buffer.
    :param x, y, w: (3, M) corners and their inverse depths.
    """
    ax, ay, bx, by = x[1] - x[0], y[1] - y[0], x[2] - x[0], y[2] - y[0]
    area = ax * by - bx * ay
    scale = torch.where(area != 0, 1.0 / area, torch.nan)
    which, row, column = _expand(*_bounds(x, y, (z.shape[1], z.shape[2]), SLACK))
    qx, qy = column.float() - x[0][which], row.float() - y[0][which]
    l1 = (by * scale)[which] * qx + (-bx * scale)[which] * qy
    l2 = (-ay * scale)[which] * qx + (ax * scale)[which] * qy
    inside = (l1 >= -SLACK) & (l2 >= -SLACK) & (l1 + l2 <= 1.0 + SLACK)
    value = w[0][which] + l1 * (w[1] - w[0])[which] + l2 * (w[2] - w[0])[which]
    index = (pair[which] * z.shape[1] + row) * z.shape[2] + column
    z.view(-1).scatter_reduce_(0, index[inside], value[inside], 'amax')


def _draw_footprints(z: Tensor, pair: Tensor, x: Tensor, y: Tensor, w: Tensor,
                     half: Tensor) -> None:
    """Raise z-buffers (N, h, w) over M squares of half width `half` around (x, y)."""
    corners_x, corners_y = torch.stack([x - half, x + half]), torch.stack([y - half, y + half])
    which, row, column = _expand(*_bounds(corners_x, corners_y, (z.shape[1], z.shape[2]), 0.0))
    index = (pair[which] * z.shape[1] + row) * z.shape[2] + column
    z.view(-1).scatter_reduce_(0, index, w[which], 'amax')


def splat(disparity_NHW: Tensor, links_NHW: Tensor, P_N34: Tensor, size: tuple[int, int],
          magnify_N: Tensor, near_m: float = 0.05) -> Tensor:
    """
    Splat source views into z-buffers (twin of `warp_cpu.splat_rows`).

    :param disparity_NHW: float32 source inverse depth, 1/m; NaN where unknown.
    :param links_NHW: uint8 of `surface.link_pixels`.
    :param P_N34: float32 of `camera.pixel_transfer`, source to target.
    :param size: (h, w) of the target.
    :param magnify_N: float32, target focal length over source focal length.
    :param near_m: near plane of the target, metres.
    :returns: (N, h, w) float32 inverse depth, 0 where nothing is.
    """
    x, y, w = transfer(P_N34, disparity_NHW)
    near_disparity = torch.tensor(1.0 / near_m, dtype=torch.float32)
    drawable = (w > 0) & (w < near_disparity)
    z = torch.zeros((len(x), *size), dtype=torch.float32, device=x.device)
    corners = {'00': (slice(None, -1), slice(None, -1)), '10': (slice(None, -1), slice(1, None)),
               '01': (slice(1, None), slice(None, -1)), '11': (slice(1, None), slice(1, None))}
    # A square with a corner at or behind the near plane is not drawn.
    cut = torch.zeros_like(links_NHW[:, :-1, :-1], dtype=torch.bool)
    triangles = ((UPPER, ('00', '10', '01')), (LOWER, ('11', '01', '10')))
    for bit, names in triangles:
        for name in names:
            cut |= ((links_NHW[:, :-1, :-1] & bit) != 0) & ~drawable[(slice(None), *corners[name])]
    for bit, names in triangles:
        there = ((links_NHW[:, :-1, :-1] & bit) != 0) & ~cut
        pair = there.nonzero()[:, 0]
        x3, y3, w3 = (torch.stack([t[(slice(None), *corners[name])][there] for name in names])
                      for t in (x, y, w))
        _draw_triangles(z, pair, x3, y3, w3)
    lone = ((links_NHW & LONE) != 0) & drawable
    pair = lone.nonzero()[:, 0]
    half = (0.5 * magnify_N[pair] * w[lone] / disparity_NHW[lone]).clamp(min=0.5)
    _draw_footprints(z, pair, x[lone], y[lone], w[lone], half)
    return z


def merge(stack_BVhw: Tensor, guesses: int = 0) -> tuple[Tensor, Tensor]:
    """
    Lay views under each other (twin of `warp_cpu.merge_rows`).

    :param stack_BVhw: float32 z-buffers of V views, best view first.
    :param guesses: so many views at the end show only where all others show nothing.
    :returns: inverse depth (B, h, w), 0 where nothing is, and the owner's index (B, h, w) int64.
    """
    disparity = stack_BVhw[:, 0]
    owner = torch.zeros_like(disparity, dtype=torch.int64)
    keep = torch.tensor(1.0 - SAME_SURFACE, dtype=torch.float32)
    for index in range(1, stack_BVhw.shape[1]):
        nearer = stack_BVhw[:, index] * keep > disparity
        if index >= stack_BVhw.shape[1] - guesses:
            nearer &= disparity == 0.0
        disparity = torch.where(nearer, stack_BVhw[:, index], disparity)
        owner = torch.where(nearer, index, owner)
    return disparity, owner


def gather(rgb_NHW3: Tensor, source_NHW: Tensor, links_NHW: Tensor, P_N34: Tensor,
           disparity_Nhw: Tensor) -> Tensor:
    """
    Look up colours at sub-pixel positions (twin of `warp_cpu.gather_rows`).

    :param rgb_NHW3: uint8.
    :param source_NHW: float32 source inverse depth, 1/m.
    :param links_NHW: uint8 of `surface.link_pixels`.
    :param P_N34: float32 of `camera.pixel_transfer`, target to source.
    :param disparity_Nhw: float32 target inverse depth; the colour where it is 0 means nothing.
    :returns: (N, h, w, 3) uint8.
    """
    height, width = source_NHW.shape[-2:]
    x, y, w = transfer(P_N34, disparity_Nhw)
    u = torch.nan_to_num(x).clamp(0, width - 1)
    v = torch.nan_to_num(y).clamp(0, height - 1)
    iu, iv = u.int(), v.int()
    fu = ((u - iu) * 256 + 0.5).int()
    fv = ((v - iv) * 256 + 0.5).int()
    n = torch.arange(len(x), device=x.device)[:, None, None]
    taps = [(n, (iv + dv).clamp(max=height - 1).long(), (iu + du).clamp(max=width - 1).long())
            for dv in (0, 1) for du in (0, 1)]
    w11 = (fu * fv + 128) >> 8
    weights = [256 - fu - fv + w11, fu - w11, fv - w11, w11]
    whole = sum(weight[..., None] * rgb_NHW3[tap].int() for weight, tap in zip(weights, taps))
    plain = (whole + 128) >> 8

    product = [(256 - fu) * (256 - fv), fu * (256 - fv), (256 - fu) * fv, fu * fv]
    limit = torch.tensor(SAME_SURFACE, dtype=torch.float32) * w
    agreeing = [torch.where((source_NHW[tap] - w).abs() <= limit, (p + 1).float(), 0.0)
                for p, tap in zip(product, taps)]
    total = agreeing[0] + agreeing[1] + agreeing[2] + agreeing[3]
    mixed = sum(weight[..., None] * rgb_NHW3[tap] for weight, tap in zip(agreeing, taps))
    nearest = rgb_NHW3[n, (iv + (fv >= 128)).clamp(max=height - 1).long(),
                       (iu + (fu >= 128)).clamp(max=width - 1).long()]
    edge = torch.where(total[..., None] > 0, (mixed / total[..., None] + 0.5).int(), nearest.int())
    inside = (links_NHW[taps[0]] & SQUARE) == SQUARE
    return torch.where(inside[..., None], plain, edge).to(torch.uint8)


def _far_mean(values: list[Tensor], weights: list[float]) -> Tensor:
    """Average pixels (N, 4, h, w: r, g, b, inverse depth) of the far side; 0 is unknown."""
    w = torch.stack([value[:, 3] for value in values])
    known = w > 0
    limit = torch.where(known, w, torch.inf).amin(0) * torch.tensor(FAR_SIDE, dtype=torch.float32)
    counts = [torch.where(known[k] & (w[k] <= limit), weights[k], 0.0) for k in range(len(values))]
    total = counts[0] + counts[1] + counts[2] + counts[3]
    mean = sum(counts[k][:, None] * values[k] for k in range(len(values)))
    return torch.where(total[:, None] > 0, mean / total[:, None], 0.0)


def _pull(fine: Tensor) -> Tensor:
    """Halve a level (N, 4, h, w)."""
    height, width = fine.shape[-2:]
    j = torch.arange(0, height, 2, device=fine.device)
    i = torch.arange(0, width, 2, device=fine.device)
    j1, i1 = (j + 1).clamp(max=height - 1), (i + 1).clamp(max=width - 1)
    rows, below = fine[:, :, j], fine[:, :, j1]
    return _far_mean([rows[..., i], rows[..., i1], below[..., i], below[..., i1]], [1.0] * 4)


def _push(coarse: Tensor, fine: Tensor) -> Tensor:
    """Fill the unknown pixels of a level from the next coarser one."""
    def both(length: int, limit: int) -> tuple[Tensor, Tensor]:
        k = torch.arange(length, device=fine.device)
        return k // 2, (k // 2 + torch.where(k % 2 == 1, 1, -1)).clamp(0, limit - 1)

    j0, j1 = both(fine.shape[2], coarse.shape[2])
    i0, i1 = both(fine.shape[3], coarse.shape[3])
    rows, other = coarse[:, :, j0], coarse[:, :, j1]
    blend = _far_mean([rows[..., i0], rows[..., i1], other[..., i0], other[..., i1]],
                      [9.0, 3.0, 3.0, 1.0])
    return torch.where(fine[:, 3:] > 0, fine, blend)


def fill_holes(rgb_Nhw3: Tensor, disparity_Nhw: Tensor) -> tuple[Tensor, Tensor]:
    """
    Fill unknown pixels from the far side of each hole (twin of `holes.fill_holes`).

    :param rgb_Nhw3: uint8.
    :param disparity_Nhw: float32, 0 where unknown.
    :returns: colour (N, h, w, 3) uint8 and inverse depth (N, h, w), holes filled.
    """
    known = (disparity_Nhw > 0)[:, None]
    image = torch.cat([rgb_Nhw3.permute(0, 3, 1, 2).float(), disparity_Nhw[:, None]], 1)
    levels = [torch.where(known, image, 0.0)]
    while max(levels[-1].shape[-2:]) > 1:
        levels.append(_pull(levels[-1]))
    full = levels.pop()
    while levels:
        full = _push(full, levels.pop())
    rgb = torch.where(known, full[:, :3], full[:, :3] + 0.5).to(torch.uint8)
    return rgb.permute(0, 2, 3, 1).contiguous(), full[:, 3]
