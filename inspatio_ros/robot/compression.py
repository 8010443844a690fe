# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures as the plugins `compressed` and `compressedDepth` of image_transport send them."""

from __future__ import annotations

import struct
from typing import Any

import cv2
from inspatio_ros.contracts import F32, U8
from inspatio_ros.robot.parameters import Compressed
import numpy as np
import numpy.typing as npt

JPEG_FORMAT = 'rgb8; jpeg compressed bgr8'
# Before the PNG of a compressedDepth: the enum value INV_DEPTH, then the two parameters of
# inverse depth, which a picture of millimetres leaves at 0.
_HEADER = struct.Struct('<iff')
_INVERSE_DEPTH = 0
_LARGEST = 65535


def jpeg_of(rgb_HW3: U8, settings: Compressed) -> U8:
    """Return the bytes of a JPEG of (H, W, 3) uint8 rgb."""
    return _encoded('.jpg', cv2.cvtColor(rgb_HW3, cv2.COLOR_RGB2BGR),
                    (cv2.IMWRITE_JPEG_QUALITY, settings.jpeg_quality))


def depth_format(depth_HW: npt.NDArray[Any]) -> str:
    """Return the format of a CompressedImage of float32 metres or uint16 millimetres."""
    encoding = '32FC1' if depth_HW.dtype == np.float32 else '16UC1'
    return f'{encoding}; compressedDepth png'


def compressed_depth_of(depth_HW: npt.NDArray[Any], settings: Compressed) -> U8:
    """
    Return the bytes of a compressedDepth.

    :param depth_HW: (H, W) uint16 millimetres, which survive as they are; or float32 metres, which
        become inverse depth in 16 bits. What is not known or beyond depth_max is 0 then.
    """
    a, b, coded = 0.0, 0.0, depth_HW
    if depth_HW.dtype == np.float32:
        q = settings.depth_quantization
        a = q * (q + 1.0)
        b = 1.0 - a / settings.depth_max
        coded = _inverse_depth(depth_HW, a, b, settings.depth_max)
    png = _encoded('.png', coded, (cv2.IMWRITE_PNG_COMPRESSION, settings.png_level))
    header = np.frombuffer(_HEADER.pack(_INVERSE_DEPTH, a, b), np.uint8)
    return np.concatenate([header, png])


def _inverse_depth(depth_HW: F32, a: float, b: float, depth_max: float) -> npt.NDArray[np.uint16]:
    """Return a / depth + b; what is nearer than 16 bits can say is as near as they can."""
    known = (depth_HW > 0.0) & (depth_HW < depth_max)
    coded = np.float32(a) / np.where(known, depth_HW, np.float32(depth_max)) + np.float32(b)
    coded = np.minimum(np.rint(coded), np.float32(_LARGEST))
    return np.where(known, coded, np.float32(0.0)).astype(np.uint16)


def _encoded(kind: str, pixels: npt.NDArray[Any], options: tuple[int, int]) -> U8:
    done, data = cv2.imencode(kind, pixels, options)
    if not done:
        raise ValueError(f'OpenCV makes no {kind} of {pixels.dtype} {pixels.shape}')
    return np.asarray(data, np.uint8).reshape(-1)
