# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
An mcap file that breaks off (a crash, a full disk, a copy that was cut) as one that ends well.

Records lie one after the other, each with its length, so the whole ones are found without
decoding anything. They are shown to a reader with an empty footer behind them, which sends it to
scan the file instead of looking for an index.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import BinaryIO

MAGIC = b'\x89MCAP0\r\n'
_DATA_END, _FOOTER = 0x0f, 0x02
# Footer of a file without index: three numbers that are zero.
_EMPTY_END = bytes([_FOOTER]) + (20).to_bytes(8, 'little') + bytes(20) + MAGIC


def whole_length(path: Path) -> int | None:
    """
    Say how far an mcap file that breaks off can be read.

    :returns: length of its whole records, bytes; None if it ends as it should.
    :raises ValueError: it does not begin like an mcap file.
    """
    size = path.stat().st_size
    with path.open('rb') as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise ValueError(f'{path}: does not begin like an mcap file')
        file.seek(max(size - len(MAGIC), len(MAGIC)))
        if file.read() == MAGIC:
            return None
        return _end_of_records(file, size)


def _end_of_records(file: BinaryIO, size: int) -> int:
    position = len(MAGIC)
    while True:
        file.seek(position)
        head = file.read(9)
        # Zeros are what a file system leaves of blocks that never reached the disk.
        if len(head) < 9 or head[0] in (0, _DATA_END, _FOOTER):
            return position
        after = position + 9 + int.from_bytes(head[1:], 'little')
        if after > size:
            return position
        position = after


class MendedFile:
    """
    The whole records of a torn mcap file, as something that opens like a path.

    :param path: the file.
    :param length: of its whole records, bytes.
    """

    def __init__(self, path: Path, length: int) -> None:
        self._path, self._length = path, length

    def __str__(self) -> str:
        return str(self._path)

    def open(self, mode: str = 'rb') -> BinaryIO:  # noqa: A003  what rosbags calls
        """Open for reading in bytes."""
        assert mode == 'rb'
        return io.BufferedReader(_Spliced(self._path, self._length))


class _Spliced(io.RawIOBase):
    """The first bytes of a file, then an empty footer."""

    def __init__(self, path: Path, length: int) -> None:
        self._file = path.open('rb', buffering=0)
        self._length, self._position = length, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position,
                os.SEEK_END: self._length + len(_EMPTY_END)}[whence]
        self._position = base + offset
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = len(buffer)
        if self._position < self._length:
            self._file.seek(self._position)
            part = self._file.read(min(count, self._length - self._position))
        else:
            begin = self._position - self._length
            part = _EMPTY_END[begin:begin + count]
        buffer[:len(part)] = part
        self._position += len(part)
        return len(part)

    def close(self) -> None:
        self._file.close()
        super().close()
