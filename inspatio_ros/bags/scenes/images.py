# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Image messages of a bag as arrays, read strictly: what is damaged is an error, never a grey area.

Raw colour is converted by rosbags-image, or by whatever the caller hands over (cv_bridge where a
distro has it). Compressed pictures are decoded by Pillow, which refuses truncated ones.
"""

from __future__ import annotations

from collections.abc import Callable
import dataclasses
import io
import struct
from typing import Any
import zlib

from inspatio_ros.bags.scenes.rvl import decode_rvl
from inspatio_ros.contracts import F32, U8
from inspatio_ros.scene.images import MAX_PIXELS, U16
import numpy as np
import numpy.typing as npt

IMAGE, COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
# Turns an Image message without padding into (H, W, 3) uint8 of the encoding that is named.
Converter = Callable[[Any, str], npt.NDArray[Any]]

# Bytes a pixel of every colour encoding that is read.
COLOUR_BYTES = {
    'rgb8': 3, 'bgr8': 3, 'rgba8': 4, 'bgra8': 4, 'rgb16': 6, 'bgr16': 6, 'rgba16': 8,
    'bgra16': 8, 'mono8': 1, 'mono16': 2, '8UC1': 1,
    'yuv422': 2, 'uyvy': 2, 'yuv422_yuy2': 2, 'yuyv': 2,
    **{f'bayer_{order}{bits}': bits // 8 for order in ('rggb', 'bggr', 'gbrg', 'grbg')
       for bits in (8, 16)}}
# The same for depth. mono16 is what some drivers call millimetres.
DEPTH_BYTES = {'32FC1': 4, '16UC1': 2, 'mono16': 2}
_MM = 1e-3
# What rosbags-image calls them.
_SAME = {'8UC1': 'mono8'}
# compressed_depth_image_transport: format (int32), then A and B of v = A / z + B (float32).
_DEPTH_HEADER = struct.Struct('<iff')


def rgb_of(message: Any, what: str, convert: Converter | None = None) -> U8:
    """
    Decode a colour picture.

    :param message: Image or CompressedImage.
    :param what: names the message in errors.
    :param convert: decodes raw encodings; None for rosbags-image.
    :returns: (H, W, 3) uint8.
    :raises ValueError: an encoding that is not colour, a wrong step, missing bytes, damaged data.
    """
    if hasattr(message, 'format'):
        return _compressed_rgb(message, what)
    packed = _packed(message, what, COLOUR_BYTES, 'colour')
    encoding = _SAME.get(packed.encoding, packed.encoding)
    packed = dataclasses.replace(packed, encoding=encoding)
    picture = (convert or _by_rosbags)(packed, 'rgb8')
    if picture.dtype != np.uint8 or picture.shape != (packed.height, packed.width, 3):
        raise ValueError(f'{what}: {message.encoding} became {picture.dtype} of shape '
                         f'{picture.shape}, expected uint8 {(packed.height, packed.width, 3)}')
    return np.ascontiguousarray(picture)


def depth_of(message: Any, what: str) -> F32:
    """
    Decode a depth picture.

    :param message: Image (32FC1 in metres, 16UC1 in millimetres) or CompressedImage of the
        transport compressedDepth.
    :param what: names the message in errors.
    :returns: (H, W) float32, metres; NaN unknown or too near, +inf out of range (REP-117, 118).
    :raises ValueError: another encoding, a wrong step, missing bytes, damaged data.
    """
    if hasattr(message, 'format'):
        return _compressed_depth(message, what)
    packed = _packed(message, what, DEPTH_BYTES, 'depth')
    order = '>' if packed.is_bigendian else '<'
    kind = 'f4' if packed.encoding == '32FC1' else 'u2'
    values = np.frombuffer(packed.data, f'{order}{kind}').reshape(packed.height, packed.width)
    return _metres(values) if kind == 'u2' else _cleaned(values)


def _metres(millimetres: npt.NDArray[Any]) -> F32:
    depth = (millimetres * np.float64(_MM)).astype(np.float32)
    depth[millimetres == 0] = np.nan
    return depth


def _cleaned(metres: npt.NDArray[Any]) -> F32:
    depth = metres.astype(np.float32)
    with np.errstate(invalid='ignore'):
        depth[~(depth > 0.0)] = np.nan
    return depth


def _packed(message: Any, what: str, sizes: dict[str, int], kind: str) -> Any:
    """Check an Image and return it with rows that follow each other without padding."""
    size = sizes.get(message.encoding)
    if size is None:
        raise ValueError(f'{what}: the encoding {message.encoding!r} is no {kind} that is read; '
                         f'read are {", ".join(sizes)}')
    height, width, row = message.height, message.width, size * message.width
    _check_pixels(width, height, what)
    if message.step < row:
        raise ValueError(f'{what}: step is {message.step} bytes, a row of {width} pixels '
                         f'{message.encoding} has {row}')
    data = np.frombuffer(message.data, np.uint8)
    # The last row need not be padded.
    needed = (height - 1) * message.step + row
    if len(data) < needed:
        raise ValueError(f'{what}: holds {len(data)} bytes, {width}x{height} {message.encoding} '
                         f'with a step of {message.step} needs {needed}: the picture is truncated')
    if message.step != row:
        rows = np.lib.stride_tricks.as_strided(data, (height, row), (message.step, 1))
        data = np.ascontiguousarray(rows).ravel()
    return dataclasses.replace(message, step=row, data=data[:height * row])


def _check_pixels(width: int, height: int, what: str) -> None:
    if not 0 < width * height <= MAX_PIXELS:
        raise ValueError(f'{what}: has {width}x{height} pixels, 1 to {MAX_PIXELS} are read')


def _by_rosbags(message: Any, encoding: str) -> npt.NDArray[Any]:
    from rosbags.image import image_to_cvimage
    picture: npt.NDArray[Any] = image_to_cvimage(message, encoding)
    return picture


def _pillow(data: bytes, what: str, modes: tuple[str, ...]) -> npt.NDArray[Any]:
    """Decode PNG or JPEG; one of another mode than those named becomes the first of them."""
    from PIL import Image, UnidentifiedImageError
    try:
        with Image.open(io.BytesIO(data), formats=('PNG', 'JPEG')) as image:
            _check_pixels(*image.size, what)
            if image.mode.startswith('I') and image.mode not in modes:
                raise ValueError(f'{what}: is a picture with 16 bits of grey, expected colour')
            return np.array(image if image.mode in modes else image.convert(modes[0]))
    except UnidentifiedImageError as error:
        raise ValueError(f'{what}: {len(data)} bytes are neither PNG nor JPEG') from error
    except (OSError, SyntaxError, EOFError, struct.error, zlib.error) as error:
        raise ValueError(f'{what}: the compressed picture is damaged: {error}') from error


def _compressed_rgb(message: Any, what: str) -> U8:
    if 'compressedDepth' in message.format:
        raise ValueError(f'{what}: is depth ({message.format}), expected colour')
    return _pillow(bytes(message.data), what, ('RGB',))


def _compressed_depth(message: Any, what: str) -> F32:
    encoding = message.format.split(';')[0].strip()
    if 'compressedDepth' not in message.format or encoding not in DEPTH_BYTES:
        raise ValueError(f'{what}: the format {message.format!r} is no depth that is read; read '
                         f'are compressedDepth of {", ".join(DEPTH_BYTES)}')
    data = bytes(message.data)
    if len(data) <= _DEPTH_HEADER.size:
        raise ValueError(f'{what}: holds {len(data)} bytes: the picture is truncated')
    _, A, B = _DEPTH_HEADER.unpack_from(data)
    payload = data[_DEPTH_HEADER.size:]
    coded = (_rvl(payload, what) if message.format.rstrip().endswith('rvl')
             else _pillow(payload, what, ('I;16', 'I;16B', 'I')))
    if encoding != '32FC1':
        return _metres(coded)
    with np.errstate(divide='ignore'):
        metres = A / (coded.astype(np.float64) - B)
    return _cleaned(np.where(coded == 0, np.nan, metres))


def _rvl(payload: bytes, what: str) -> U16:
    width, height = struct.unpack_from('<ii', payload) if len(payload) >= 8 else (0, 0)
    _check_pixels(width, height, what)
    words = np.frombuffer(payload[8:8 + (len(payload) - 8) // 4 * 4], '<u4')
    depth = np.zeros(width * height, np.uint16)
    if decode_rvl(words, depth) != len(depth):
        raise ValueError(f'{what}: the rvl data end before its {width}x{height} pixels do: the '
                         'picture is truncated')
    return depth.reshape(height, width)
