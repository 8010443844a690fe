# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
How well every depth of every pixel explains the neighbouring pictures (numba).

Fronto-parallel planes, evenly spaced in inverse depth, are swept through the view of a reference
camera (Collins, A space-sweep approach to true multi-image matching, CVPR 1996). For each plane
the neighbours are warped onto the reference and compared by normalised cross-correlation over a
small window, which does not mind exposure. The two neighbours that agree best count: what one of
them does not see because something stands before it is seen by another.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .kernel import kernel

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
U8 = npt.NDArray[np.uint8]

_ZERO, _HALF, _ONE = np.float32(0.0), np.float32(0.5), np.float32(1.0)
# Half the window: 5x5 pixels.
RADIUS = 2
# Cost of a depth that no neighbour sees or that explains nothing at all.
WORST = 127
# Variance of sensor noise, grey levels squared: flat regions correlate with nothing, not with all.
_NOISE = np.float32(4.0)
# Rows that are swept at once, so that a tile of one plane stays in the cache.
_TILE = 32


@kernel(inline='always')
def sample(picture: F32, x: Any, y: Any) -> Any:
    """Look up a picture between its pixels; beyond its edge, the edge."""
    height, width = picture.shape
    x = min(max(x, _ZERO), np.float32(width - 1))
    y = min(max(y, _ZERO), np.float32(height - 1))
    i, j = min(np.int32(x), np.int32(width - 2)), min(np.int32(y), np.int32(height - 2))
    fx, fy = x - np.float32(i), y - np.float32(j)
    jj, ii = np.uintp(j), np.uintp(i)
    above = picture[jj, ii] + fx * (picture[jj, ii + np.uintp(1)] - picture[jj, ii])
    jj += np.uintp(1)
    below = picture[jj, ii] + fx * (picture[jj, ii + np.uintp(1)] - picture[jj, ii])
    return above + fy * (below - above)


@kernel()
def _warp_tile(source: F32, P: F32, inverse_depth: Any, top: int, tile: F32, inside: U8) -> None:
    """
    Bring a source onto rows top.. of the reference as if all lay on one plane.

    :param inside: (rows, W) uint8, receives whether the source sees the pixel.
    """
    height, width = np.float32(source.shape[0] - 1), np.float32(source.shape[1] - 1)
    for j in range(tile.shape[0]):
        v = np.float32(top + j)
        x0 = P[0, 1] * v + P[0, 2] + inverse_depth * P[0, 3]
        y0 = P[1, 1] * v + P[1, 2] + inverse_depth * P[1, 3]
        z0 = P[2, 1] * v + P[2, 2] + inverse_depth * P[2, 3]
        for i in range(tile.shape[1]):
            u = np.float32(np.int32(i))
            z = z0 + P[2, 0] * u
            scale = _ONE / z
            x, y = (x0 + P[0, 0] * u) * scale, (y0 + P[1, 0] * u) * scale
            seen = (z > _ZERO) & (x >= _ZERO) & (x <= width) & (y >= _ZERO) & (y <= height)
            inside[j, i] = seen
            tile[j, i] = sample(source, x if seen else _ZERO, y if seen else _ZERO)


@kernel()
def _window_sums(values: F32, along: F32, sums: F32) -> None:
    """
    Sum over the window around every pixel that has a whole one; the others keep what they hold.

    :param values: (rows + 2 RADIUS, W) float32.
    :param along: like it, room to work in.
    :param sums: (rows, W) float32.
    """
    width = values.shape[1]
    for j in range(values.shape[0]):
        for i in range(RADIUS, width - RADIUS):
            total = _ZERO
            for k in range(-RADIUS, RADIUS + 1):
                total += values[j, i + k]
            along[j, i] = total
    for j in range(sums.shape[0]):
        for i in range(RADIUS, width - RADIUS):
            total = _ZERO
            for k in range(2 * RADIUS + 1):
                total += along[j + k, i]
            sums[j, i] = total


@kernel()
def _keep_best_two(sums: F32, squares: F32, products: F32, own_sums: F32, own_squares: F32,
                   inside: U8, best: U8, second: U8) -> None:
    """Correlate windows from their sums and keep the two least costs of every pixel."""
    count = np.float32((2 * RADIUS + 1) ** 2)
    scale = np.float32(1.0) / count
    for j in range(best.shape[0]):
        for i in range(RADIUS, best.shape[1] - RADIUS):
            mean, own_mean = sums[j, i] * scale, own_sums[j, i] * scale
            variance = max(squares[j, i] * scale - mean * mean, _ZERO) + _NOISE
            own = max(own_squares[j, i] * scale - own_mean * own_mean, _ZERO) + _NOISE
            covariance = products[j, i] * scale - mean * own_mean
            correlation = covariance / np.sqrt(variance * own)
            cost = np.uint8(min(max(_ONE - correlation, _ZERO), _ONE) * np.float32(WORST))
            cost = cost if inside[j + RADIUS, i] else np.uint8(WORST)
            worse = max(cost, best[j, i])
            best[j, i] = min(cost, best[j, i])
            second[j, i] = min(worse, second[j, i])


@kernel()
def _fill_products(a: F32, b: F32, out: F32) -> None:
    for j in range(out.shape[0]):
        for i in range(out.shape[1]):
            out[j, i] = a[j, i] * b[j, i]


@kernel()
def _gather_cost(best: U8, second: U8, top: int, cost: U8) -> None:
    """Bring the costs of a tile from plane by plane to pixel by pixel."""
    for j in range(best.shape[1]):
        for d in range(best.shape[0]):
            for i in range(best.shape[2]):
                mean = (np.uint16(best[d, j, i]) + np.uint16(second[d, j, i])) >> np.uint16(1)
                cost[top + j, i, d] = np.uint8(mean)


@kernel()
def sweep_rows(reference: F32, sources: F32, P: F32, inverse_depths: F32, first: int, last: int,
               cost: U8) -> None:
    """
    Fill rows first..last - 1 of the cost volume.

    :param reference: (H, W) float32 grey picture, 0..255.
    :param sources: (S, H, W) float32 grey pictures of its neighbours.
    :param P: (S, 3, 4) float32 of `camera.pixel_transfer`, reference to source.
    :param inverse_depths: (D,) float32 of the planes, 1/m.
    :param cost: (H, W, D) uint8, receives 0 (alike) .. WORST.
    """
    height, width = reference.shape
    planes = inverse_depths.shape[0]
    for top in range(first, last, _TILE):
        rows = min(_TILE, last - top)
        best = np.full((planes, rows, width), WORST, np.uint8)
        second = np.full((planes, rows, width), WORST, np.uint8)
        halo = rows + 2 * RADIUS
        own = np.empty((halo, width), np.float32)
        for j in range(halo):
            own[j] = reference[min(max(top - RADIUS + j, 0), height - 1)]
        tile, along, products = np.empty_like(own), np.empty_like(own), np.empty_like(own)
        inside = np.empty((halo, width), np.uint8)
        own_sums = np.zeros((rows, width), np.float32)
        own_squares, sums = np.zeros_like(own_sums), np.zeros_like(own_sums)
        squares, cross = np.zeros_like(own_sums), np.zeros_like(own_sums)
        _window_sums(own, along, own_sums)
        _fill_products(own, own, products)
        _window_sums(products, along, own_squares)
        for s in range(sources.shape[0]):
            for d in range(planes):
                _warp_tile(sources[s], P[s], inverse_depths[d], top - RADIUS, tile, inside)
                _window_sums(tile, along, sums)
                _fill_products(tile, tile, products)
                _window_sums(products, along, squares)
                _fill_products(tile, own, products)
                _window_sums(products, along, cross)
                _keep_best_two(sums, squares, cross, own_sums, own_squares, inside, best[d],
                               second[d])
        _gather_cost(best, second, top, cost)
