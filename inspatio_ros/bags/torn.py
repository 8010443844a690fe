# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
An mcap file that breaks off (a crash, a full disk, a copy that was cut) as one that ends well.

Records lie one after the other, each with its length, so the whole ones are found without
decoding anything. They are shown to a reader with an empty footer behind them, which sends it to
scan the file instead of looking for an index. The chunks are indexed here, because a scan cannot
sort messages that were not written in the order of their time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
import io
import os
from pathlib import Path
import struct
from typing import BinaryIO

from rosbags.rosbag2.storage_mcap import ChunkInfo

MAGIC = b'\x89MCAP0\r\n'
_CHUNK, _DATA_END, _FOOTER = 0x06, 0x0f, 0x02
_HEAD = 9  # kind and length of a record
# First and last time, size before compression, checksum, length of the compression's name.
_CHUNK_HEAD = struct.Struct('<QQQII')
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
    return max((after for _, _, after in _records(file, size)), default=len(MAGIC))


def _records(file: BinaryIO, size: int) -> Iterator[tuple[int, int, int]]:
    """Yield the kind, the place and the end of every whole record before the index."""
    position = len(MAGIC)
    while True:
        file.seek(position)
        head = file.read(_HEAD)
        # Zeros are what a file system leaves of blocks that never reached the disk.
        if len(head) < _HEAD or head[0] in (0, _DATA_END, _FOOTER):
            return
        after = position + _HEAD + int.from_bytes(head[1:], 'little')
        if after > size:
            return
        yield head[0], position, after
        position = after


def index_chunks(file: BinaryIO, size: int, channels: Iterable[int]) -> list[ChunkInfo]:
    """
    Find the chunks of a file that has no index.

    :param file: of mcap.
    :param size: how much of it is whole, bytes.
    :param channels: all channels of the file; each chunk is taken to hold messages of each.
    """
    counts = dict.fromkeys(channels, 1)
    found = []
    for kind, position, after in _records(file, size):
        if kind == _CHUNK:
            file.seek(position + _HEAD)
            start_ns, end_ns, whole, _, named = _CHUNK_HEAD.unpack(file.read(_CHUNK_HEAD.size))
            compression = file.read(named).decode()
            packed = int.from_bytes(file.read(8), 'little')
            found.append(ChunkInfo(start_ns, end_ns, position, after - position, {}, 0,
                                   compression, packed, whole, counts))
    return found


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
