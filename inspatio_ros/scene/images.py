# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Pictures from and to files, read strictly: a damaged or oversized picture is an error.

Pillow is used because it refuses truncated files, reads the size before it decodes, and decodes
outside the interpreter lock. It is imported when the first picture is touched.
"""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import io
import os
from pathlib import Path
import struct
from typing import TYPE_CHECKING
import zlib

from inspatio_ros.contracts import U8
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL.Image import Image

U16 = npt.NDArray[np.uint16]

# A picture with more pixels is refused before it is decoded: 8K video has 33 million.
MAX_PIXELS = 64_000_000
# rgb (3 bytes) and float32 depth.
_BYTES_PER_PIXEL = 7
_DEEP_GREY_MODES = ('I;16', 'I;16B', 'I')


@contextlib.contextmanager
def _faults_named(path: Path, what: str) -> Iterator[None]:
    """Turn whatever Pillow raises on a damaged file into a ValueError that names it."""
    from PIL import Image, UnidentifiedImageError
    try:
        yield
    except UnidentifiedImageError as error:
        raise ValueError(f'{path}: {what}: is neither PNG nor JPEG') from error
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error,
            Image.DecompressionBombError) as error:
        raise ValueError(f'{path}: {what}: cannot be read: {error}') from error


@contextlib.contextmanager
def opened_image(path: Path, what: str) -> Iterator[Image]:
    """
    Open a PNG or JPEG file without decoding it.

    :param path: file.
    :param what: the field that named the file, for messages.
    :raises ValueError: missing, not a picture, or larger than MAX_PIXELS.
    """
    from PIL import Image
    if not path.is_file():
        raise ValueError(f'{path}: {what}: there is no such file')
    with _faults_named(path, what):
        image = Image.open(path, formats=('PNG', 'JPEG'))
    with image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise ValueError(f'{path}: {what} has {width}x{height} pixels, at most {MAX_PIXELS} '
                             'pixels are read')
        yield image


def check_size(path: Path, what: str, found: tuple[int, int], expected: tuple[int, int],
               expected_of: str) -> None:
    """
    Refuse a picture of another size.

    :param found: (width, height) of the file.
    :param expected: (width, height).
    :param expected_of: what has the expected size, for the message.
    :raises ValueError: naming both sizes.
    """
    if found != expected:
        raise ValueError(f'{path}: {what} is {found[0]}x{found[1]} pixels, {expected_of} '
                         f'is {expected[0]}x{expected[1]}')


def check_memory(pixels: int, what: str) -> None:
    """
    Refuse what this machine cannot hold, before anything is decoded.

    :param pixels: of all RGB-D views together.
    :param what: names them in the message.
    :raises ValueError: naming both sizes.
    """
    needed = pixels * _BYTES_PER_PIXEL
    installed = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')
    if needed > installed:
        raise ValueError(f'{what}: its pictures take {needed / 2**30:.1f} GiB in memory, this '
                         f'machine has {installed / 2**30:.1f} GiB')


def image_size(path: Path, what: str) -> tuple[int, int]:
    """
    Return (width, height) of a picture without decoding it.

    :raises ValueError: missing or not a picture.
    """
    with opened_image(path, what) as image:
        return image.size


def read_rgb(path: Path, what: str, size: tuple[int, int] | None = None,
             size_of: str = 'intrinsics') -> U8:
    """
    Read a colour picture; grey becomes colour, transparency is dropped.

    :param path: PNG or JPEG file.
    :param what: field name for messages.
    :param size: expected (width, height), None for any.
    :param size_of: what has the expected size, for messages.
    :returns: (H, W, 3) uint8.
    :raises ValueError: missing, damaged, too large, of another size, deeper than 8 bits.
    """
    with opened_image(path, what) as image:
        if size is not None:
            check_size(path, what, image.size, size, size_of)
        if image.mode in _DEEP_GREY_MODES:
            raise ValueError(f'{path}: {what} is a 16-bit grey picture, expected 8-bit colour')
        with _faults_named(path, what):
            return np.array(image if image.mode == 'RGB' else image.convert('RGB'))


def read_uint16(path: Path, what: str, size: tuple[int, int] | None = None,
                size_of: str = 'intrinsics') -> U16:
    """
    Read a 16-bit grey PNG.

    :param path: PNG file.
    :param what: field name for messages.
    :param size: expected (width, height), None for any.
    :param size_of: what has the expected size, for messages.
    :returns: (H, W) uint16.
    :raises ValueError: missing, damaged, too large, of another size, not 16 bits deep.
    """
    with opened_image(path, what) as image:
        if size is not None:
            check_size(path, what, image.size, size, size_of)
        if image.mode not in _DEEP_GREY_MODES:
            raise ValueError(f'{path}: {what} is a picture of mode {image.mode}, expected a '
                             '16-bit grey PNG')
        with _faults_named(path, what):
            return np.array(image).astype(np.uint16, copy=False)


def read_grey(path: Path, what: str, size: tuple[int, int], size_of: str = 'intrinsics') -> U8:
    """
    Read an 8-bit grey picture.

    :param path: PNG file.
    :param what: field name for messages.
    :param size: expected (width, height).
    :param size_of: what has the expected size, for messages.
    :returns: (H, W) uint8.
    :raises ValueError: missing, damaged, too large, of another size, not 8-bit grey.
    """
    with opened_image(path, what) as image:
        check_size(path, what, image.size, size, size_of)
        if image.mode != 'L':
            raise ValueError(f'{path}: {what} is a picture of mode {image.mode}, expected 8-bit '
                             'grey')
        with _faults_named(path, what):
            return np.array(image)


def read_rgba_bytes(path: Path, what: str) -> U8:
    """
    Read the four bytes of every pixel of an RGBA PNG.

    :returns: (H, W, 4) uint8.
    :raises ValueError: missing, damaged, too large, not RGBA.
    """
    with opened_image(path, what) as image:
        if image.mode != 'RGBA':
            raise ValueError(f'{path}: {what} is a picture of mode {image.mode}, expected RGBA')
        with _faults_named(path, what):
            return np.array(image)


def png_bytes(pixels: U8 | U16) -> bytes:
    """
    Encode without loss.

    :param pixels: (H, W, 3) uint8, (H, W) uint8 or (H, W) uint16.
    """
    # Level 4 packs photographs as well as 6 does, in a third of the time.
    return _encoded(pixels, 'PNG', compress_level=4)


def jpeg_bytes(rgb: U8, quality: int) -> bytes:
    """
    Encode with loss, at full colour resolution.

    :param rgb: (H, W, 3) uint8.
    :param quality: 1..100.
    :raises ValueError: a quality outside 1..100.
    """
    if not 1 <= quality <= 100:
        raise ValueError(f'jpeg_quality must lie between 1 and 100, got {quality!r}')
    return _encoded(rgb, 'JPEG', quality=quality, subsampling=0, optimize=True)


def _encoded(pixels: U8 | U16, kind: str, **options: object) -> bytes:
    from PIL import Image
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()
