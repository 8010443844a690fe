# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What every procedural texture is painted with: noise, shading of seams, text, masks."""

from __future__ import annotations

from functools import lru_cache
import zlib

import cv2
from hall.faces import Face
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

F32 = npt.NDArray[np.float32]


class Patch:
    """
    The rectangle that a material paints.

    :param face: where it is.
    :param rows, columns: pixels.
    :param arg: what follows the colon in the name of the material.
    """

    def __init__(self, face: Face, rows: int, columns: int, arg: str) -> None:
        self.face, self.rows, self.columns, self.arg = face, rows, columns, arg
        self.rng = self.seeded(f'{face.solid.name}/{face.key}')
        self.whole = self.seeded(face.solid.name)  # the same on all faces of a solid
        # Metres from the left and from the top, at the middles of the pixels.
        self.u = ((np.arange(columns, dtype=np.float32) + 0.5) * (face.width / columns))[None, :]
        self.v = ((np.arange(rows, dtype=np.float32) + 0.5) * (face.height / rows))[:, None]
        self.px = columns / face.width

    @staticmethod
    def seeded(text: str) -> np.random.Generator:
        """Return a generator that depends on a text alone."""
        return np.random.default_rng(zlib.crc32(text.encode()))

    @property
    def key(self) -> str:
        """Return which side of the solid this is."""
        return self.face.key

    @property
    def upright(self) -> bool:
        """Return whether the face stands."""
        return self.face.key not in ('+z', '-z')

    def z_map(self) -> F32:
        """Return (rows, 1) heights over the floor of an upright face, metres."""
        return (self.face.solid.centre[2] + 0.5 * self.face.height - self.v).astype(np.float32)

    def flat(self, *rgb: float) -> F32:
        """Return the patch in one colour, sRGB 0..1."""
        return np.tile(np.asarray(rgb, np.float32), (self.rows, self.columns, 1))

    def noise(self, cell_m: float, octaves: int = 4, stretch: float = 1.0) -> F32:
        """
        Return (rows, columns) smooth noise about 0, standard deviation about 1.

        :param cell_m: size of the coarsest spot, metres.
        :param stretch: how much longer spots are along u than along v.
        """
        total = np.zeros((self.rows, self.columns), np.float32)
        weight = 1.0
        for octave in range(octaves):
            cell = cell_m * self.px / 2 ** octave
            if cell < 0.7 and octave:
                break
            shape = (int(self.rows / cell) + 3, int(self.columns / (cell * stretch)) + 3)
            grid = self.rng.standard_normal(shape).astype(np.float32)
            total += weight * _stretch(grid, self.rows, self.columns, cell, cell * stretch)
            weight *= 0.55
        return total / 0.85

    def mix(self, image: F32, mask: F32, *rgb: float) -> None:
        """Blend a colour in where the mask (rows, columns) 0..1 says so."""
        image += mask[..., None] * (np.asarray(rgb, np.float32) - image)

    def rect(self, u0: float, v0: float, u1: float, v1: float, soft: float = 0.0) -> F32:
        """Return the mask of a rectangle, metres from the top left corner."""
        soft = max(soft, 0.6 / self.px)

        def within(x: F32, low: float, high: float) -> F32:
            return (np.clip((x - low) / soft + 0.5, 0, 1)
                    * np.clip((high - x) / soft + 0.5, 0, 1)).astype(np.float32)

        return within(self.u, u0, u1) * within(self.v, v0, v1)

    def edges(self, reach: float) -> F32:
        """Return a mask that is 1 on the rim of the patch and 0 `reach` metres inside."""
        gap = np.minimum(np.minimum(self.u, self.face.width - self.u),
                         np.minimum(self.v, self.face.height - self.v))
        return np.clip(1.0 - gap / reach, 0.0, 1.0).astype(np.float32)

    def stripes(self, period: float, slant: float = 1.0) -> F32:
        """Return the mask of slanted stripes, as on a warning tape."""
        phase = ((self.u + slant * self.v) / period) % 1.0
        return (phase < 0.5).astype(np.float32)

    def text(self, words: str, u: float, v: float, size: float) -> F32:
        """
        Return the mask of a line of text.

        :param u, v: its middle, metres from the top left corner.
        :param size: height of the letters, metres.
        """
        canvas = Image.new('L', (self.columns, self.rows), 0)
        y_px = self.rows / self.face.height
        font = _font(max(6, int(round(size * y_px * 1.35))))
        ImageDraw.Draw(canvas).text((u * self.px, v * y_px), words, fill=255, font=font,
                                    anchor='mm')
        return np.asarray(canvas, np.float32) / 255.0

    def polygon(self, corners: list[tuple[float, float]]) -> F32:
        """Return the mask of a polygon, metres from the top left corner."""
        canvas = np.zeros((self.rows, self.columns), np.uint8)
        scale = np.array([self.px, self.rows / self.face.height])
        points = np.round(np.asarray(corners) * scale * 16 - 8).astype(np.int32)
        cv2.fillPoly(canvas, [points], 255, cv2.LINE_AA, 4)
        return canvas.astype(np.float32) / 255.0

    def disc(self, u: float, v: float, radius: float, soft: float = 0.0) -> F32:
        """Return the mask of a disc, metres from the top left corner."""
        gap = radius - np.hypot(self.u - u, self.v - v)
        return np.clip(gap / max(soft, 1.0 / self.px) + 0.5, 0, 1).astype(np.float32)


def _stretch(grid: F32, rows: int, columns: int, cell_v: float, cell_u: float) -> F32:
    """Return the grid, one number per cell, as a smooth picture."""
    M = np.array([[1.0 / cell_u, 0.0, 0.5], [0.0, 1.0 / cell_v, 0.5]])
    image = cv2.warpAffine(grid, M, (columns, rows), borderMode=cv2.BORDER_REFLECT_101,
                           flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)
    return np.asarray(image, np.float32)


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def shade(image: F32, amount: F32) -> F32:
    """Return the image made lighter (amount > 0) or darker, 1 + amount times."""
    return image * np.clip(1.0 + amount, 0.0, None)[..., None]
