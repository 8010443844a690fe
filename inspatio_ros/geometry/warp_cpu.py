# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The warp of the sensor plane on the CPU: z-buffer splat of depth, then a gather of colour (numba).

Depth goes forward: every square between four joined source pixels is rasterised with
perspective-exact inverse depth, so surfaces stay closed at any magnification. Colour goes
backward: each target pixel looks up the source at sub-pixel position, so it is resampled once.
The kernels release the GIL, use no fast-math (same bytes on every x86-64) and share no memory
between bands, so the result does not depend on the number of threads. `warp` is the torch twin.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .camera import invert_rigid, pixel_transfer
from .kernel import kernel, Run, run_serial, split
from .surface import FAR_M, inverse_depth, link_pixels, LONE, LOWER, SQUARE, UPPER

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]

_ZERO, _HALF, _ONE = np.float32(0.0), np.float32(0.5), np.float32(1.0)
# Pixels on the rim of a triangle belong to it, within this many pixels: rounding must not let them
# fall between two triangles, nor off the edge of the picture.
SLACK = 1e-3
_SLACK = np.float32(SLACK)
# Views whose inverse depths differ by less than this show one surface (sensor noise, pose error).
SAME_SURFACE = 0.04


class SourceView(NamedTuple):
    """An RGB-D view prepared for warping; see `prepare`."""

    texels: U32      # (H, W) colour, 0x00BBGGRR: one load per pixel instead of three
    disparity: F32   # (H, W) 1/m, NaN unknown
    links: U8        # (H, W) bits of `surface`


class Camera(NamedTuple):
    """A posed pinhole camera."""

    K: F64             # (3, 3) pixels
    T_world_cam: F64   # (4, 4) optical frame to world, metres


def prepare(rgb: U8, depth_HW: F32) -> SourceView:
    """
    Compute once what every warp of a view needs.

    :param rgb: (H, W, 3) uint8.
    :param depth_HW: (H, W) float32, metres along +Z; NaN unknown, +inf out of range.
    :raises ValueError: sizes that differ.
    """
    if rgb.shape != (*depth_HW.shape, 3):
        raise ValueError(f'colour is {rgb.shape[:2]} and depth is {depth_HW.shape}')
    disparity = inverse_depth(depth_HW)
    return SourceView(pack_colour(rgb), disparity, link_pixels(disparity))


def pack_colour(rgb: U8) -> U32:
    """Pack an (H, W, 3) uint8 picture into (H, W) uint32, red in the lowest byte."""
    texels = np.zeros((*rgb.shape[:2], 4), np.uint8)
    texels[..., :3] = rgb
    return texels.view('<u4')[..., 0]


@kernel()
def _transfer_row(P: F32, v: int, disparity: F32, x: F32, y: F32, w: F32) -> None:
    """
    Move one row of pixels into another camera; the compiler turns this loop into vector code.

    :param P: (3, 4) float32 of `camera.pixel_transfer`.
    :param v: the row.
    :param disparity: (W,) float32 inverse depths of the row; 0 or NaN where unknown.
    :param x, y, w: (W,) float32, receive position and inverse depth there; w is 0 or NaN where
        depth is unknown, and negative behind the camera.
    """
    xu, yu, zu = P[0, 0], P[1, 0], P[2, 0]
    xd, yd, zd = P[0, 3], P[1, 3], P[2, 3]
    xv = P[0, 1] * np.float32(v) + P[0, 2]
    yv = P[1, 1] * np.float32(v) + P[1, 2]
    zv = P[2, 1] * np.float32(v) + P[2, 2]
    for u in range(disparity.shape[0]):
        d, uf = disparity[u], np.float32(np.int32(u))
        inverse = _ONE / (zu * uf + zv + d * zd)
        x[u] = (xu * uf + xv + d * xd) * inverse
        y[u] = (yu * uf + yv + d * yd) * inverse
        w[u] = d * inverse


@kernel()
def _bound_row(x: F32, y: F32, w: F32, links: U8, a: int, b: int, height: np.float32,
               width: np.float32, near_disparity: np.float32, left: F32, right: F32, top: F32,
               bottom: F32, front: F32, visible: U8) -> None:
    """
    Write the range of target pixels that each square of a source row may touch, and how near.

    One loop without branches, which the compiler turns into vector code: most of the time of a
    splat would otherwise go into these minima. The corner of a triangle that is not there stands
    aside; a square with a corner at or behind the near plane is not drawn.

    :param visible: (W,) uint8, receives what there is to draw: SQUARE, LONE, both or nothing.
    """
    for u in range(left.shape[0]):
        upper, lower = (links[u] & UPPER) != 0, (links[u] & LOWER) != 0
        x10, x01, y10, y01 = x[a, u + 1], x[b, u], y[a, u + 1], y[b, u]
        w10, w01 = w[a, u + 1], w[b, u]
        x00, y00 = x[a, u] if upper else x10, y[a, u] if upper else y10
        x11, y11 = x[b, u + 1] if lower else x10, y[b, u + 1] if lower else y10
        w00, w11 = w[a, u] if upper else w10, w[b, u + 1] if lower else w10
        left[u] = max(np.ceil(min(min(x00, x10), min(x01, x11)) - _SLACK), _ZERO)
        right[u] = min(np.floor(max(max(x00, x10), max(x01, x11)) + _SLACK), width - _ONE)
        top[u] = max(np.ceil(min(min(y00, y10), min(y01, y11)) - _SLACK), _ZERO)
        bottom[u] = min(np.floor(max(max(y00, y10), max(y01, y11)) + _SLACK), height - _ONE)
        front[u] = max(max(w00, w10), max(w01, w11))
        back = min(min(w00, w10), min(w01, w11))
        drawn = ((links[u] & SQUARE) != 0) & (left[u] <= right[u]) & (top[u] <= bottom[u]) & (
            back > _ZERO) & (front[u] < near_disparity)
        visible[u] = np.uint8(SQUARE) * drawn + (links[u] & LONE)


@kernel(inline='always')
def _barycentric(joined: int, x0: Any, y0: Any, x1: Any, y1: Any, x2: Any, y2: Any) -> Any:
    """
    Return the linear map from an offset to corner 0 to the weights of corners 1 and 2.

    NaN where the triangle is not there or has no area: every comparison with it is false, so the
    pixel loop needs no branch for it.
    """
    ax, ay, bx, by = x1 - x0, y1 - y0, x2 - x0, y2 - y0
    area = ax * by - bx * ay
    scale = _ONE / area if joined and area != _ZERO else np.float32(np.nan)
    return by * scale, -bx * scale, -ay * scale, ax * scale


@kernel(inline='always')
def _draw_square(z: F32, link: int, left: int, right: int, top: int, bottom: int,
                 x00: Any, y00: Any, w00: Any, x10: Any, y10: Any, w10: Any,
                 x01: Any, y01: Any, w01: Any, x11: Any, y11: Any, w11: Any) -> None:
    """Raise the z-buffer to the inverse depth of a square's two triangles, at pixel centres."""
    a1, b1, a2, b2 = _barycentric(link & UPPER, x00, y00, x10, y10, x01, y01)
    c1, d1, c2, d2 = _barycentric(link & LOWER, x11, y11, x01, y01, x10, y10)
    u1, u2, v1, v2 = w10 - w00, w01 - w00, w01 - w11, w10 - w11
    low, high = -_SLACK, _ONE + _SLACK
    for j in range(top, bottom + 1):
        pu, pl = np.float32(np.int32(j)) - y00, np.float32(np.int32(j)) - y11
        for i in range(left, right + 1):
            qu, ql = np.float32(np.int32(i)) - x00, np.float32(np.int32(i)) - x11
            l1, l2 = a1 * qu + b1 * pu, a2 * qu + b2 * pu
            m1, m2 = c1 * ql + d1 * pl, c2 * ql + d2 * pl
            in_upper = (l1 >= low) & (l2 >= low) & (l1 + l2 <= high)
            in_lower = (m1 >= low) & (m2 >= low) & (m1 + m2 <= high)
            upper = w00 + l1 * u1 + l2 * u2 if in_upper else _ZERO
            lower = w11 + m1 * v1 + m2 * v2 if in_lower else _ZERO
            jj, ii = np.uintp(j), np.uintp(i)
            z[jj, ii] = max(z[jj, ii], max(upper, lower))


@kernel()
def _draw_footprint(z: F32, x: Any, y: Any, w: Any, half: Any) -> None:
    """Raise the z-buffer over the square that one source pixel covers."""
    left = max(np.ceil(x - half), _ZERO)
    right = min(np.floor(x + half), np.float32(z.shape[1] - 1))
    top = max(np.ceil(y - half), _ZERO)
    bottom = min(np.floor(y + half), np.float32(z.shape[0] - 1))
    if not (left <= right and top <= bottom):
        return
    for j in range(int(top), int(bottom) + 1):
        for i in range(int(left), int(right) + 1):
            if w > z[j, i]:
                z[j, i] = w


@kernel(inline='always')
def _is_hidden(shown: F32, left: int, right: int, top: int, bottom: int, front: Any) -> Any:
    """Return whether all of a range of pixels shows something as near already."""
    limit = front * np.float32(1.0 - SAME_SURFACE)
    for j in range(top, bottom + 1):
        for i in range(left, right + 1):
            if shown[np.uintp(j), np.uintp(i)] < limit:
                return False
    return True


@kernel()
def splat_rows(disparity: F32, links: U8, P: F32, near_disparity: np.float32,
               magnify: np.float32, shown: F32, first: int, last: int, z: F32) -> None:
    """
    Splat source rows first..last - 1 (with the squares below them) into a z-buffer.

    :param disparity: (H, W) float32 source inverse depth, 1/m.
    :param links: (H, W) uint8 of `surface.link_pixels`.
    :param P: (3, 4) float32 of `camera.pixel_transfer`.
    :param near_disparity: 1 / near plane of the target, 1/m.
    :param magnify: target focal length over source focal length.
    :param shown: (h, w) float32, inverse depth of what earlier views show: squares behind it
        cannot win and are passed over.
    :param z: (h, w) float32, cleared to 0 here; receives the greatest inverse depth.
    """
    z[:, :] = _ZERO
    width = disparity.shape[1]
    x = np.empty((2, width), np.float32)
    y = np.empty((2, width), np.float32)
    w = np.empty((2, width), np.float32)
    left = np.empty(width - 1, np.float32)
    right, top, bottom = np.empty_like(left), np.empty_like(left), np.empty_like(left)
    front = np.empty_like(left)
    # Most squares of most views need not be drawn: they are passed over eight at a time.
    visible = np.zeros(-(-width // 8) * 8, np.uint8)
    eights = visible.view(np.uint64)
    _transfer_row(P, first, disparity[first], x[0], y[0], w[0])
    for v in range(first, last):
        a, b = (v - first) & 1, (v - first + 1) & 1
        if v + 1 < disparity.shape[0]:
            _transfer_row(P, v + 1, disparity[v + 1], x[b], y[b], w[b])
        _bound_row(x, y, w, links[v], a, b, np.float32(z.shape[0]), np.float32(z.shape[1]),
                   near_disparity, left, right, top, bottom, front, visible)
        visible[width - 1] = links[v, width - 1] & LONE
        for eight in range(eights.shape[0]):
            if eights[eight] == 0:
                continue
            for u in range(8 * eight, min(8 * eight + 8, width)):
                if visible[u] & LONE and _ZERO < w[a, u] < near_disparity:
                    # Half a source pixel at the target's distance; at least one target pixel.
                    half = max(_HALF * magnify * w[a, u] / disparity[v, u], _HALF)
                    _draw_footprint(z, x[a, u], y[a, u], w[a, u], half)
                if not visible[u] & SQUARE:
                    continue
                i0, i1, j0, j1 = int(left[u]), int(right[u]), int(top[u]), int(bottom[u])
                if not _is_hidden(shown, i0, i1, j0, j1, front[u]):
                    _draw_square(z, links[v, u], i0, i1, j0, j1, x[a, u], y[a, u], w[a, u],
                                 x[a, u + 1], y[a, u + 1], w[a, u + 1],
                                 x[b, u], y[b, u], w[b, u], x[b, u + 1], y[b, u + 1], w[b, u + 1])


@kernel()
def merge_rows(buffers: F32, index: int, guess: bool, first: int, last: int, disparity: F32,
               owner: U8) -> None:
    """
    Lay one view under the earlier ones, in target rows first..last - 1.

    It shows where nothing is yet, and where it is nearer by more than SAME_SURFACE.

    :param buffers: (chunks, h, w) float32 z-buffers of the view.
    :param index: the view's index.
    :param guess: whether it only shows where nothing is yet, however near it is.
    :param disparity: (h, w) float32, the picture's inverse depth, 0 where nothing is.
    :param owner: (h, w) uint8, the index of the view that a pixel is taken from.
    """
    keep = np.float32(1.0 - SAME_SURFACE)
    row = np.empty(disparity.shape[1], np.float32)
    for j in range(first, last):
        row[:] = buffers[0, j]
        for c in range(1, buffers.shape[0]):
            for i in range(row.shape[0]):
                row[i] = max(row[i], buffers[c, j, i])
        for i in range(row.shape[0]):
            limit = np.float32(np.inf) if guess and disparity[j, i] > _ZERO else disparity[j, i]
            nearer = row[i] * keep > limit
            owner[j, i] = np.uint8(index) if nearer else owner[j, i]
            disparity[j, i] = row[i] if nearer else disparity[j, i]


@kernel()
def _agreeing_taps(texels: U32, source: F32, u: int, v: int, fu: int, fv: int,
                   expected: Any) -> Any:
    """Blend the taps that lie on the surface looked for: at an edge colours must not mix."""
    total = _ZERO
    red, green, blue = _ZERO, _ZERO, _ZERO
    for dv in range(2):
        for du in range(2):
            vv, uu = min(v + dv, texels.shape[0] - 1), min(u + du, texels.shape[1] - 1)
            if abs(source[vv, uu] - expected) <= np.float32(SAME_SURFACE) * expected:
                weight = np.float32((fu if du else 256 - fu) * (fv if dv else 256 - fv) + 1)
                total += weight
                red += weight * np.float32(texels[vv, uu] & 255)
                green += weight * np.float32(texels[vv, uu] >> 8 & 255)
                blue += weight * np.float32(texels[vv, uu] >> 16)
    if total == _ZERO:
        vv = min(v + (1 if fv >= 128 else 0), texels.shape[0] - 1)
        uu = min(u + (1 if fu >= 128 else 0), texels.shape[1] - 1)
        return texels[vv, uu]
    return (np.uint32(red / total + _HALF) | np.uint32(green / total + _HALF) << np.uint32(8)
            | np.uint32(blue / total + _HALF) << np.uint32(16))


@kernel(inline='always')
def _bilinear(c00: Any, c10: Any, c01: Any, c11: Any, fu: Any, fv: Any) -> Any:
    """Blend four texels with weights in 1/256, red and blue in one multiplication."""
    w11 = (fu * fv + np.uint32(128)) >> np.uint32(8)
    w10, w01 = fu - w11, fv - w11
    w00 = np.uint32(256) - fu - w01
    odd, low, half = np.uint32(0xff00ff), np.uint32(0x00ff00), np.uint32(8)
    rb = ((c00 & odd) * w00 + (c10 & odd) * w10 + (c01 & odd) * w01 + (c11 & odd) * w11
          + np.uint32(0x800080)) >> half
    g = (((c00 & low) >> half) * w00 + ((c10 & low) >> half) * w10
         + ((c01 & low) >> half) * w01 + ((c11 & low) >> half) * w11 + np.uint32(0x80))
    return (rb & odd) | (g & low)


@kernel()
def gather_rows(texels: U32, source: F32, links: U8, P: F32, index: int, owner: U8,
                disparity: F32, first: int, last: int, out: U8) -> None:
    """
    Look up the colour of the target pixels in rows first..last - 1 that one view owns.

    :param texels: (H, W) uint32 of `pack_colour`.
    :param source: (H, W) float32 source inverse depth, 1/m.
    :param links: (H, W) uint8 of `surface.link_pixels`.
    :param P: (3, 4) float32 of `camera.pixel_transfer`, target to source.
    :param index: the view's index in `owner`.
    :param out: (h, w, 3) uint8.
    """
    width = out.shape[1]
    x = np.empty(width, np.float32)
    y = np.empty(width, np.float32)
    w = np.empty(width, np.float32)
    right, bottom = np.float32(texels.shape[1] - 1), np.float32(texels.shape[0] - 1)
    one, two, size = np.uintp(1), np.uintp(2), np.float32(256)
    for j in range(first, last):
        _transfer_row(P, j, disparity[j], x, y, w)
        jj = np.uintp(j)
        for i in range(width):
            ii = np.uintp(i)
            if owner[jj, ii] != index or disparity[jj, ii] == _ZERO:
                continue
            u, v = min(max(x[ii], _ZERO), right), min(max(y[ii], _ZERO), bottom)
            iu, iv = np.int32(u), np.int32(v)
            fu = np.uint32(np.int32((u - np.float32(iu)) * size + _HALF))
            fv = np.uint32(np.int32((v - np.float32(iv)) * size + _HALF))
            u0, v0 = np.uintp(iu), np.uintp(iv)
            if links[v0, u0] & SQUARE == SQUARE:
                texel = _bilinear(texels[v0, u0], texels[v0, u0 + one], texels[v0 + one, u0],
                                  texels[v0 + one, u0 + one], fu, fv)
            else:
                texel = _agreeing_taps(texels, source, iu, iv, np.int64(fu), np.int64(fv), w[ii])
            out[jj, ii, np.uintp(0)] = np.uint8(texel & np.uint32(255))
            out[jj, ii, one] = np.uint8((texel >> np.uint32(8)) & np.uint32(255))
            out[jj, ii, two] = np.uint8((texel >> np.uint32(16)) & np.uint32(255))


def splat_views(views: Sequence[SourceView], cameras: Sequence[Camera], target: Camera,
                size: tuple[int, int], near_m: float = 0.05, bands: int = 1,
                run: Run = run_serial, guesses: int = 0) -> tuple[F32, U8]:
    """
    Splat the depth of several views into one target camera.

    :param views: prepared source views, any sizes, best first: a view shows only where the
        earlier ones show nothing, or something farther by more than SAME_SURFACE.
    :param cameras: the camera of each view.
    :param target: the camera to render.
    :param size: (height, width) of the target, pixels.
    :param near_m: near plane of the target, metres.
    :param bands: how many pieces the work is cut into.
    :param run: runs the pieces, by default one after the other.
    :param guesses: so many views at the end show only where all others show nothing.
    :returns: inverse depth (h, w) float32, 0 where nothing is, and the index of the view that
        each pixel is taken from (h, w) uint8.
    :raises ValueError: no view at all, or more than 255.
    """
    if not 0 < len(views) <= 255:
        raise ValueError(f'1 to 255 source views can be warped, got {len(views)}')
    height, width = size
    T_target_world = invert_rigid(target.T_world_cam)
    buffers = np.empty((bands, height, width), np.float32)
    disparity = np.zeros((height, width), np.float32)
    owner = np.zeros((height, width), np.uint8)
    for index, (view, camera) in enumerate(zip(views, cameras)):
        P = pixel_transfer(camera.K, target.K, T_target_world @ camera.T_world_cam)
        magnify = np.float32(target.K[0, 0] / camera.K[0, 0])
        run([partial(splat_rows, view.disparity, view.links, P.astype(np.float32),
                     np.float32(1.0 / near_m), magnify, disparity, *rows, buffer)
             for rows, buffer in zip(split(view.disparity.shape[0], bands), buffers)])
        guess = index >= len(views) - guesses
        run([partial(merge_rows, buffers, index, guess, *rows, disparity, owner)
             for rows in split(height, bands)])
    return disparity, owner


def gather_views(disparity: F32, owner: U8, views: Sequence[SourceView],
                 cameras: Sequence[Camera], target: Camera, bands: int = 1,
                 run: Run = run_serial) -> U8:
    """
    Look up the colour of every pixel in the view that it is taken from.

    :param disparity: (h, w) of `splat_views`.
    :param owner: (h, w) of `splat_views`.
    :param views: the same views, in the same order.
    :param cameras: the camera of each view.
    :param target: the camera that is rendered.
    :param bands: how many pieces the work is cut into.
    :param run: runs the pieces, by default one after the other.
    :returns: (h, w, 3) uint8; undefined where no view reaches.
    """
    rgb = np.empty((*disparity.shape, 3), np.uint8)
    backward = [pixel_transfer(target.K, camera.K, invert_rigid(camera.T_world_cam)
                               @ target.T_world_cam).astype(np.float32) for camera in cameras]

    def gather(first: int, last: int) -> None:
        for index, (view, P) in enumerate(zip(views, backward)):
            gather_rows(view.texels, view.disparity, view.links, P, index, owner, disparity,
                        first, last, rgb)

    run([partial(gather, *rows) for rows in split(disparity.shape[0], bands)])
    return rgb


@kernel()
def read_out_rows(disparity: F32, filled: F32, first: int, last: int, depth: F32,
                  seen: U8) -> int:
    """
    Turn inverse depth into what a depth sensor says, for rows first..last - 1.

    :param disparity: (h, w) float32, 1/m; 0 where no view reaches.
    :param filled: likewise, without holes, or `disparity` again to leave them unknown.
    :param depth: (h, w) float32, receives metres; NaN unknown, +inf out of range. Or (0, 0).
    :param seen: (h, w) uint8, receives 255 where a view reaches, else 0. Or (0, 0).
    :returns: how many pixels no view reaches.
    """
    unseen = 0
    beyond = np.float32(2.0 / FAR_M)
    for j in range(first, last):
        for i in range(disparity.shape[1]):
            unseen += disparity[j, i] == _ZERO
        if seen.shape[0]:
            for i in range(disparity.shape[1]):
                seen[j, i] = np.uint8(255) if disparity[j, i] > _ZERO else np.uint8(0)
        if depth.shape[0]:
            for i in range(disparity.shape[1]):
                w = filled[j, i]
                z = _ONE / w if w > beyond else np.float32(np.inf)
                depth[j, i] = z if w > _ZERO else np.float32(np.nan)
    return unseen


def read_out(disparity: F32, filled: F32 | None, depth: bool, seen: bool, bands: int = 1,
             run: Run = run_serial) -> tuple[F32 | None, U8 | None, float]:
    """
    Turn inverse depth into sensor images.

    :param disparity: (h, w) float32, 1/m; 0 where no view reaches.
    :param filled: (h, w) inverse depth with the holes filled; None leaves them unknown.
    :param depth: whether the depth image is wanted.
    :param seen: whether the image of what has been seen is wanted.
    :returns: depth (h, w) float32, metres, NaN unknown, +inf out of range; seen (h, w) uint8, 255
        or 0; the share of pixels that no view reaches. What is not wanted is None.
    """
    height, width = disparity.shape
    depth_HW = np.empty((height, width) if depth else (0, 0), np.float32)
    seen_HW = np.empty((height, width) if seen else (0, 0), np.uint8)
    source = disparity if filled is None else filled
    unseen = [0] * bands

    def band(k: int, first: int, last: int) -> None:
        unseen[k] = read_out_rows(disparity, source, first, last, depth_HW, seen_HW)

    run([partial(band, k, *rows) for k, rows in enumerate(split(height, bands))])
    return (depth_HW if depth else None, seen_HW if seen else None,
            sum(unseen) / (height * width))
