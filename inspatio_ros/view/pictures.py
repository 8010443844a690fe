# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Images of ROS as pictures that a browser can show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
import sys
from typing import Any

import cv2
from inspatio_ros.contracts import F32, U8
import numpy as np
import numpy.typing as npt

# What the page calls it -> its topic.
STREAMS = ('color', 'depth', 'observed')
JPEG_QUALITY = 80
# The page has no room for more, pixels.
WIDEST = {'color': 1280, 'depth': 400, 'observed': 400}
# Encoding -> type and channels of a pixel.
_PIXELS: dict[str, tuple[type[np.generic], int]] = {
    'rgb8': (np.uint8, 3), 'bgr8': (np.uint8, 3), 'mono8': (np.uint8, 1),
    '32FC1': (np.float32, 1), '16UC1': (np.uint16, 1)}
# Filled in by nobody's eyes, remembered or imagined, seen: red, green, blue.
_FILLED, _IMAGINED, _SEEN = (24, 28, 36), (224, 165, 78), (86, 154, 148)

# Takes (H, W) metres; returns (H, W, 3) RGB and the depths at both ends of the colours.
PaintDepth = Callable[[F32], tuple[U8, float, float]]


@dataclass(frozen=True)
class Picture:
    """
    A picture on its way to the browsers.

    :param stream: one of STREAMS.
    :param stamp_ns: when it was seen.
    :param jpeg: what a browser decodes.
    :param notes: what the page writes beside it, JSON.
    """

    stream: str
    stamp_ns: int
    width: int
    height: int
    jpeg: bytes
    notes: dict[str, Any] = field(default_factory=dict)


def pixels_of(message: Any) -> npt.NDArray[Any]:
    """
    Return the pixels of an image message without copying them.

    :returns: (H, W) or (H, W, 3): RGB, metres as float32, or levels of grey.
    :raises ValueError: an encoding that no camera of the world has, or too little data.
    """
    if message.encoding not in _PIXELS:
        raise ValueError(f'encoding {message.encoding!r} is none of {", ".join(_PIXELS)}')
    kind, channels = _PIXELS[message.encoding]
    dtype = np.dtype(kind).newbyteorder('>' if message.is_bigendian else '<')
    height, width, step = message.height, message.width, message.step
    row = width * channels * dtype.itemsize
    if row == 0 or height == 0:
        raise ValueError(f'an image of {width}x{height} pixels')
    if step < row or len(message.data) < height * step:
        raise ValueError(f'{width}x{height} {message.encoding} needs rows of {row} bytes, got '
                         f'rows of {step} and {len(message.data)} bytes in all')
    rows = np.frombuffer(message.data, np.uint8, height * step).reshape(height, step)[:, :row]
    pixels = np.ascontiguousarray(rows).view(dtype)
    return _native(pixels.reshape((height, width, 3) if channels == 3 else (height, width)),
                   message.encoding)


def _native(pixels: npt.NDArray[Any], encoding: str) -> npt.NDArray[Any]:
    if encoding == '16UC1':
        metres = pixels.astype(np.float32) * np.float32(1e-3)
        metres[pixels == 0] = np.nan
        return metres
    if sys.byteorder != 'little' or pixels.dtype.byteorder == '>':
        pixels = pixels.astype(pixels.dtype.newbyteorder('='))
    return pixels[..., ::-1] if encoding == 'bgr8' else pixels


def picture_of(stream: str, pixels: npt.NDArray[Any], stamp_ns: int,
               paint_depth: PaintDepth) -> Picture:
    """
    Encode what a topic shows.

    :param stream: one of STREAMS.
    :param pixels: as `pixels_of` returns them; a wide picture is made smaller.
    :raises ValueError: pixels that are not of this kind.
    """
    if pixels.ndim != (3 if stream == 'color' else 2):
        raise ValueError(f'{stream} holds an array of shape {pixels.shape}')
    notes: dict[str, Any] = {}
    pixels = _narrow(pixels, WIDEST[stream])
    if stream == 'depth':
        rgb, near, far = paint_depth(pixels.astype(np.float32, copy=False))
        notes = {'near': round(near, 3), 'far': round(far, 3)}
    else:
        rgb = _OBSERVED_RGB[pixels] if stream == 'observed' else pixels
    done, jpeg = cv2.imencode('.jpg', cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR),
                              [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise ValueError(f'{stream}: no JPEG of shape {rgb.shape}')
    height, width = rgb.shape[:2]
    return Picture(stream, stamp_ns, width, height, jpeg.tobytes(), notes)


def _narrow(pixels: npt.NDArray[Any], widest: int) -> npt.NDArray[Any]:
    """Leave out columns and rows of what is too wide: unknown depth stays unknown."""
    stride = -(-pixels.shape[1] // widest)
    return pixels if stride == 1 else np.ascontiguousarray(pixels[::stride, ::stride])


def _observed_colours() -> U8:
    """Return the colour of each of 256 levels."""
    colours = np.empty((256, 3), np.uint8)
    colours[:64], colours[64:192], colours[192:] = _FILLED, _IMAGINED, _SEEN
    return colours


_OBSERVED_RGB = _observed_colours()
