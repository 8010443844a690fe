# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Curves and pictures for TensorBoard, without TensorBoard.

An event file is a row of records: length, checksum of the length, data, checksum of the data. The
data are protocol buffers, of which three messages with a handful of fields are needed:

    Event    { 1: double wall_time; 2: int64 step; 3: string file_version; 5: Summary summary }
    Summary  { 1: repeated Value value }
    Value    { 1: string tag; 2: float simple_value; 4: Image image }
    Image    { 1: int32 height; 2: int32 width; 3: int32 colorspace; 4: bytes png }
"""

from __future__ import annotations

from collections.abc import Mapping
import os
from pathlib import Path
import struct
import time

from inspatio_ros.contracts import U8
from inspatio_ros.scene.atomic import naming
from inspatio_ros.scene.images import png_bytes

_VERSION = b'brain.Event:2'
_RGB = 3
# Castagnoli's polynomial, reversed, and what TensorFlow masks its checksums with.
_POLYNOMIAL, _MASK = 0x82F63B78, 0xA282EAD8
_WORD = 0xFFFFFFFF
# Kinds of fields on the wire.
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class EventFile:
    """
    A file that grows while somebody looks at it.

    :param folder: that TensorBoard is told (`tensorboard --logdir`); each start adds a file.
    :raises OSError: it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        stamp = time.time_ns()
        self._path = folder / (f'events.out.tfevents.{stamp // 10 ** 9}.{os.getpid()}.'
                               f'{stamp % 10 ** 9}')
        self._file = self._path.open('xb')
        self._write(_double(1, time.time()) + _bytes(3, _VERSION))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Add a point to some curves."""
        self._summary(step, b''.join(_bytes(1, _bytes(1, tag.encode()) + _float(2, value))
                                     for tag, value in values.items()))

    def picture(self, step: int, tag: str, rgb: U8) -> None:
        """
        Add a picture.

        :param rgb: (H, W, 3) uint8.
        """
        image = (_whole(1, rgb.shape[0]) + _whole(2, rgb.shape[1]) + _whole(3, _RGB)
                 + _bytes(4, png_bytes(rgb)))
        self._summary(step, _bytes(1, _bytes(1, tag.encode()) + _bytes(4, image)))

    def close(self) -> None:
        """End the file."""
        with naming(self._path):
            self._file.close()

    def _summary(self, step: int, values: bytes) -> None:
        self._write(_double(1, time.time()) + _whole(2, step) + _bytes(5, values))

    def _write(self, event: bytes) -> None:
        length = struct.pack('<Q', len(event))
        with naming(self._path):
            self._file.write(length + _checksum(length) + event + _checksum(event))
            self._file.flush()


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def _whole(field: int, value: int) -> bytes:
    return _varint(field << 3 | _VARINT) + _varint(value)


def _double(field: int, value: float) -> bytes:
    return _varint(field << 3 | _FIXED64) + struct.pack('<d', value)


def _float(field: int, value: float) -> bytes:
    return _varint(field << 3 | _FIXED32) + struct.pack('<f', value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | _BYTES) + _varint(len(value)) + value


def _entry(index: int) -> int:
    for _ in range(8):
        index = index >> 1 ^ (_POLYNOMIAL if index & 1 else 0)
    return index


_TABLE = [_entry(index) for index in range(256)]


def crc32c(data: bytes) -> int:
    """Return Castagnoli's checksum."""
    crc = _WORD
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ _WORD


def _checksum(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack('<I', ((crc >> 15 | crc << 17) + _MASK) & _WORD)
