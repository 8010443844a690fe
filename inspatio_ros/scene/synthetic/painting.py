# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Painted surfaces for made-up rooms: noise at every scale, seams, posters, lettering.

Nothing repeats, so that every patch can be told from every other; a picture is what one sees that
stands before the face, upright, and comes without light (`lighting` adds that).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
from inspatio_ros.contracts import F32, F64, U8
import numpy as np

TEXEL_M = 0.005
# Wave lengths of the noise, metres.
_OCTAVES_M = (1.6, 0.8, 0.4, 0.2, 0.1, 0.05, 0.025, 0.0125)
_LETTERS = 'ABCDEFGHJKLMNPRSTUVWXYZ0123456789'
_FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX,
          cv2.FONT_HERSHEY_TRIPLEX)


def pixels_of(width_m: float, height_m: float) -> tuple[int, int]:
    """Return (height, width) of the picture of a face, pixels."""
    return max(round(height_m / TEXEL_M), 16), max(round(width_m / TEXEL_M), 16)


def noise(rng: np.random.Generator, size: tuple[int, int], roughness: float = 0.5,
          stretch: float = 1.0) -> F32:
    """
    Return noise of several octaves, mean about 0, deviation about 1.

    :param size: (height, width), pixels of TEXEL_M.
    :param roughness: amplitude grows with this power of the wave length: 0 is all speckle.
    :param stretch: how much longer its waves are along the height (grain of wood).
    """
    total = np.zeros(size, np.float32)
    power = 0.0
    for wave in _OCTAVES_M:
        cells = (int(size[0] * TEXEL_M / (wave * stretch)) + 4, int(size[1] * TEXEL_M / wave) + 4)
        grid = rng.standard_normal(cells, dtype=np.float32)
        amplitude = (wave / _OCTAVES_M[0]) ** roughness
        # Cubic interpolation halves the deviation of noise, about.
        total += np.float32(2.0 * amplitude) * cv2.resize(grid, size[::-1],
                                                          interpolation=cv2.INTER_CUBIC)
        power += amplitude ** 2
    return total / np.float32(1.5 * np.sqrt(power))


def plain(rng: np.random.Generator, width_m: float, height_m: float,
          colour: Sequence[float] | F64 | F32, contrast: float = 0.08,
          roughness: float = 0.1) -> U8:
    """Paint plaster, cardboard, stone: one colour, light and dark, with a little hue."""
    size = pixels_of(width_m, height_m)
    light = 1.0 + np.float32(contrast) * noise(rng, size, roughness)
    picture = light[..., None] * np.asarray(colour, np.float32)
    picture[..., 0] += np.float32(40.0 * contrast) * noise(rng, size, 0.8)
    return to_bytes(picture)


def planks(rng: np.random.Generator, width_m: float, height_m: float,
           colour: Sequence[float] | F64 | F32) -> U8:
    """Paint boards that run along the height, each of its own tint, with grain and seams."""
    size = pixels_of(width_m, height_m)
    v, u = np.mgrid[0:size[0], 0:size[1]].astype(np.float32) * np.float32(TEXEL_M)
    wide, long = rng.uniform(0.09, 0.16), rng.uniform(0.9, 1.6)
    board = (u / wide).astype(np.int64)
    along = v / np.float32(long) + rng.uniform(0.0, 1.0, board.max() + 1).astype(np.float32)[board]
    tint = rng.uniform(0.72, 1.12, (board.max() + 1, int(along.max()) + 1)).astype(np.float32)
    light = tint[board, along.astype(np.int64)] * (1.0 + 0.1 * noise(rng, size, 0.2, 8.0)
                                                   + 0.06 * noise(rng, size, 0.1))
    seam = ((u / wide) % 1.0 < 0.05) | (along % 1.0 < 0.006)
    return to_bytes(np.where(seam, 0.45, light)[..., None] * np.asarray(colour, np.float32))


def tiles(rng: np.random.Generator, width_m: float, height_m: float,
          colour: Sequence[float] | F64 | F32) -> U8:
    """Paint square tiles with joints, worn differently each."""
    size = pixels_of(width_m, height_m)
    v, u = np.mgrid[0:size[0], 0:size[1]].astype(np.float32) * np.float32(TEXEL_M)
    side = rng.uniform(0.25, 0.45)
    row, column = (v / side).astype(np.int64), (u / side).astype(np.int64)
    shape = (int(row.max()) + 1, int(column.max()) + 1)
    tint = rng.uniform(0.8, 1.12, (*shape, 1)) * rng.uniform(0.96, 1.04, (*shape, 3))
    picture = (tint.astype(np.float32)[row, column]
               * (1.0 + 0.1 * noise(rng, size, 0.1))[..., None])
    joint = ((u / side) % 1.0 < 0.025) | ((v / side) % 1.0 < 0.025)
    picture[joint] = 0.5
    return to_bytes(picture * np.asarray(colour, np.float32))


def books(rng: np.random.Generator, width_m: float, height_m: float) -> U8:
    """Paint a row of book backs with lettering."""
    size = pixels_of(width_m, height_m)
    picture = np.full((*size, 3), 40, np.uint8)
    left = 0
    while left < size[1]:
        right = left + max(int(rng.uniform(0.02, 0.06) / TEXEL_M), 3)
        top = int(size[0] * rng.uniform(0.02, 0.35))
        colour = muted(rng, 30, 220)
        picture[top:, left:right] = colour
        bars = rng.uniform(top, size[0], 3).astype(int)
        for bar in bars:
            picture[bar:bar + 2, left:right] = (colour + 90) % 255
        picture[top:, left:left + 1] = colour * 0.4
        left = right
    return to_bytes(picture * (1.0 + 0.1 * noise(rng, size, 0.1))[..., None])


def poster(rng: np.random.Generator, width_m: float, height_m: float) -> U8:
    """Paint a poster: a ground of two colours, shapes, lines of letters, a frame."""
    height, width = size = pixels_of(width_m, height_m)
    ramp = np.linspace(0.0, 1.0, height, dtype=np.float32)[:, None, None]
    ground = muted(rng, 60, 225) + rng.uniform(-40, 40, (2, 1)).astype(np.float32)
    picture = to_bytes((ground[0] + ramp * (ground[1] - ground[0]))
                       * (1.0 + 0.1 * noise(rng, size, 0.4))[..., None])
    for _ in range(int(rng.integers(6, 14))):
        _draw_shape(rng, picture)
    for line in range(int(rng.integers(2, 5))):
        write(rng, picture, (int(rng.uniform(0.02, 0.2) * width),
                             int((0.2 + 0.2 * line + rng.uniform(0.0, 0.1)) * height)),
              rng.uniform(0.05, 0.14) * height)
    cv2.rectangle(picture, (0, 0), (width - 1, height - 1), _colour(rng), max(width // 40, 1))
    return picture


def _draw_shape(rng: np.random.Generator, picture: U8) -> None:
    height, width = picture.shape[:2]
    corners = (rng.uniform(0.0, 1.0, (4, 2)) * (width, height)).astype(np.int32)
    kind = rng.integers(3)
    if kind == 0:
        cv2.circle(picture, [int(x) for x in corners[0]],
                   int(rng.uniform(0.03, 0.2) * min(height, width)), _colour(rng), -1, cv2.LINE_AA)
    elif kind == 1:
        middle = corners[:1]
        cv2.fillPoly(picture, [middle + (corners - middle) // 3], _colour(rng), cv2.LINE_AA)
    else:
        cv2.line(picture, [int(x) for x in corners[0]], [int(x) for x in corners[1]],
                 _colour(rng), int(rng.integers(1, 6)), cv2.LINE_AA)


def write(rng: np.random.Generator, picture: U8, at: tuple[int, int], height_px: float) -> None:
    """Write a random word with its lower left corner at a pixel (column, row)."""
    word = ''.join(rng.choice(list(_LETTERS), int(rng.integers(3, 9))))
    cv2.putText(picture, word, at, _FONTS[int(rng.integers(len(_FONTS)))], height_px / 22.0,
                _colour(rng), max(round(height_px / 12.0), 1), cv2.LINE_AA)


def paste(rng: np.random.Generator, wall: U8, piece: U8) -> None:
    """Hang a picture somewhere on a larger one."""
    height, width = piece.shape[:2]
    if height >= wall.shape[0] or width >= wall.shape[1]:
        return
    top = int(rng.integers(wall.shape[0] - height))
    left = int(rng.integers(wall.shape[1] - width))
    wall[top:top + height, left:left + width] = piece


def speckle(rng: np.random.Generator, picture: U8, per_m2: float) -> None:
    """Scatter specks, scratches and stains."""
    height, width = picture.shape[:2]
    for _ in range(int(per_m2 * height * width * TEXEL_M ** 2)):
        x, y = int(rng.integers(width)), int(rng.integers(height))
        near = picture[y, x].astype(np.float64) * rng.uniform(0.45, 1.5)
        colour = [float(c) for c in np.clip(near, 0, 255)]
        dx, dy = (rng.standard_normal(2) * 8.0).astype(int)
        if rng.random() < 0.5:
            cv2.circle(picture, (x, y), int(rng.integers(1, 5)), colour, -1, cv2.LINE_AA)
        else:
            cv2.line(picture, (x, y), (x + int(dx), y + int(dy)), colour, 1, cv2.LINE_AA)


def to_bytes(picture: F32) -> U8:
    """Round and clip to uint8."""
    return np.clip(picture + np.float32(0.5), 0.0, 255.0).astype(np.uint8)


def muted(rng: np.random.Generator, low: float, high: float) -> F32:
    """Return a colour (3,) between dark and light that is not loud."""
    grey = rng.uniform(low, high)
    return (grey * rng.uniform(0.72, 1.18, 3)).clip(low, high).astype(np.float32)


def _colour(rng: np.random.Generator) -> list[float]:
    return [float(value) for value in muted(rng, 15, 240)]
