# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Write an MCAP file (https://mcap.dev/spec) that can be read at any time while it grows.

Messages gather in a chunk. Each time one is written, so are the index and the footer after it; the
next chunk takes their place, while a copy of them further on keeps the file whole. Whatever ends
the process, what is on the disk is a whole file up to its last chunk: no recovery, no reindexing.
Where chunks end follows from what is written, never from the time it takes, and nothing depends on
the machine: equal messages make equal files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
import os
from pathlib import Path
import struct
import sys
import zlib

_MAGIC = b'\x89MCAP0\r\n'
_HEADER, _FOOTER, _SCHEMA, _CHANNEL, _MESSAGE, _CHUNK, _MESSAGE_INDEX, _CHUNK_INDEX = range(1, 9)
_STATISTICS, _METADATA, _METADATA_INDEX, _SUMMARY_OFFSET, _DATA_END = range(0x0B, 0x10)

_FOOTER_BYTES = 37  # with the magic behind it
_MOST_PARTS = 1024  # that the system writes at once

# A chunk ends at this size, but is at least so many times as large as the index that has to be
# written with it: the index of hours of recording does not slow the recording down.
_CHUNK_BYTES = 4 << 20
_CHUNK_PER_INDEX = 20
# A chunk ends after this much message time, so that small messages are not held back for long.
_CHUNK_NS = 1_000_000_000

# Higher levels take several times as long for some per cent less.
_ZSTD_LEVEL = 1

COMPRESSIONS = ('none', 'zstd')


@dataclass(frozen=True)
class Schema:
    """
    A message type.

    :param name: as `sensor_msgs/msg/Image`.
    :param encoding: of the definition: ros2msg or ros2idl.
    :param text: the definition.
    """

    name: str
    encoding: str
    text: str


@dataclass(frozen=True)
class Written:
    """
    What a file holds.

    :param end: where the next chunk begins, bytes.
    :param counts: channel -> messages.
    :param start_ns: of the earliest message; 0 while there is none.
    :param end_ns: of the latest message, likewise.
    :param chunks: their number.
    :param chunk_indexes: their records in the index.
    """

    end: int
    counts: Mapping[int, int] = field(default_factory=dict)
    start_ns: int = 0
    end_ns: int = 0
    chunks: int = 0
    chunk_indexes: bytes = b''

    @property
    def messages(self) -> int:
        """Return the number of messages."""
        return sum(self.counts.values())


@dataclass
class _Chunk:
    """What is gathered: records, and where the messages of each channel begin in them."""

    records: bytearray = field(default_factory=bytearray)
    index: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    start_ns: int = 0
    end_ns: int = 0

    def add(self, channel: int, stamp_ns: int, record: bytes, data: bytes | memoryview) -> None:
        first = not self.index
        self.start_ns = stamp_ns if first else min(self.start_ns, stamp_ns)
        self.end_ns = stamp_ns if first else max(self.end_ns, stamp_ns)
        self.index.setdefault(channel, []).append((stamp_ns, len(self.records)))
        self.records += record
        self.records += data


class McapWriter:
    """
    An MCAP file of CDR messages; of ROS 2 by its profile.

    :param path: must not exist.
    :param compression: of the chunks: none or zstd.
    :param describe: returns name -> (key -> text), metadata records of what is written; they are
        written anew with each chunk.
    :raises OSError: the file exists or cannot be written.
    """

    def __init__(self, path: Path, compression: str = 'none',
                 describe: Callable[[Written], Mapping[str, Mapping[str, str]]] = lambda _: {},
                 ) -> None:
        self.path = path
        self._compression = '' if compression == 'none' else compression
        self._compress = _compressor(compression)
        self._describe = describe
        self._schemas: dict[str, bytes] = {}   # name -> record
        self._channels: list[bytes] = []       # records; the channels are numbered from 1
        self._chunk = _Chunk()
        self._file = open(path, 'xb', buffering=0)
        head = _MAGIC + _record(_HEADER, _text('ros2') + _text('inspatio_ros'))
        self.written = Written(len(head))
        self._tail = self._packed_tail(self.written, self.written.end)
        try:
            self._put(0, head + self._tail)
        except BaseException:
            self._file.close()
            path.unlink()
            raise

    def add_channel(self, topic: str, schema: Schema, metadata: Mapping[str, str]) -> int:
        """
        Add a topic.

        :param metadata: key -> text.
        :returns: its number, for `write`.
        """
        if schema.name not in self._schemas:
            content = _text(schema.name) + _text(schema.encoding) + _text(schema.text)
            self._schemas[schema.name] = _record(
                _SCHEMA, struct.pack('<H', len(self._schemas) + 1) + content)
            self._chunk.records += self._schemas[schema.name]
        number = len(self._channels) + 1
        schema_number = list(self._schemas).index(schema.name) + 1
        self._channels.append(_record(_CHANNEL, struct.pack('<HH', number, schema_number)
                                      + _text(topic) + _text('cdr') + _map(metadata)))
        self._chunk.records += self._channels[-1]
        return number

    def write(self, channel: int, stamp_ns: int, data: bytes | memoryview) -> bool:
        """
        Add a message.

        :param stamp_ns: when it was received, nanoseconds >= 0.
        :param data: CDR with its header.
        :returns: whether a chunk was written with it.
        :raises OSError: as `flush`.
        """
        chunk = self._chunk
        chunk.add(channel, stamp_ns, struct.pack('<BQHIQQ', _MESSAGE, 22 + len(data), channel, 0,
                                                 stamp_ns, stamp_ns), data)
        full = len(chunk.records) >= max(_CHUNK_BYTES, _CHUNK_PER_INDEX * len(self._tail))
        if not full and chunk.end_ns - chunk.start_ns < _CHUNK_NS:
            return False
        self.flush()
        return True

    def flush(self) -> None:
        """
        Write the messages that wait; the file is whole again when this returns.

        :raises OSError: the disk is full, ...; the file is then as it was before, and whole.
        """
        chunk, self._chunk = self._chunk, _Chunk()
        if not chunk.records:
            return
        before, tail = self.written, self._tail
        try:
            self._write_chunk(chunk)
        except BaseException:
            self.written, self._tail = before, tail
            self._put(before.end, tail)  # this space is ours already
            self._file.truncate(before.end + len(tail))
            raise

    def close(self) -> None:
        """Close the file as it is; call `flush` before."""
        self._file.close()

    def _write_chunk(self, chunk: _Chunk) -> None:
        parts, index = self._packed(chunk)
        begin, end = self.written.end, self.written.end + sum(map(len, parts))
        after = _with_chunk(self.written, chunk, end, index)
        tail = self._packed_tail(after, end)
        self._keep_tail_aside(end + len(tail))
        self._put(begin, *parts, tail)
        self._file.truncate(end + len(tail))
        self.written, self._tail = after, tail

    def _keep_tail_aside(self, begin: int) -> None:
        """
        Repeat the tail further on, so that the file may be written up to there.

        What a reader sees changes with the last bytes of the file alone, the footer, and those
        are written at once: first the old one, at the new end, then the one of the copy.
        """
        copy = self._packed_tail(self.written, begin)
        footer = begin + len(copy) - _FOOTER_BYTES
        self._put(footer, self._tail[-_FOOTER_BYTES:])
        self._put(begin, copy[:-_FOOTER_BYTES])
        self._put(footer, copy[-_FOOTER_BYTES:])

    def _packed(self, chunk: _Chunk) -> tuple[list[bytes | bytearray], bytes]:
        """Return the chunk with the indexes of its messages, and its record in the index."""
        begin, stored = self.written.end, self._compress(chunk.records)
        head = struct.pack('<QQQI', chunk.start_ns, chunk.end_ns, len(chunk.records),
                           zlib.crc32(chunk.records))
        head += _text(self._compression) + struct.pack('<Q', len(stored))
        opening = struct.pack('<BQ', _CHUNK, len(head) + len(stored))
        parts: list[bytes | bytearray] = [opening, head, stored]
        end = at = begin + sum(map(len, parts))
        offsets = b''
        for channel, entries in chunk.index.items():
            offsets += struct.pack('<HQ', channel, at)
            flat = [number for entry in entries for number in entry]
            parts.append(_record(_MESSAGE_INDEX, struct.pack(
                f'<HI{len(flat)}Q', channel, 8 * len(flat), *flat)))
            at += len(parts[-1])
        index = struct.pack('<QQQQI', chunk.start_ns, chunk.end_ns, begin, end - begin,
                            len(offsets)) + offsets
        index += struct.pack('<Q', at - end) + _text(self._compression)
        index += struct.pack('<QQ', len(stored), len(chunk.records))
        return parts, _record(_CHUNK_INDEX, index)

    def _packed_tail(self, written: Written, begin: int) -> bytes:
        """Return all that follows the last chunk: metadata, summary, footer."""
        data, metadata_index = b'', b''
        for name, entries in self._describe(written).items():
            record = _record(_METADATA, _text(name) + _map(entries))
            metadata_index += _record(_METADATA_INDEX, struct.pack(
                '<QQ', begin + len(data), len(record)) + _text(name))
            data += record
        data += _record(_DATA_END, struct.pack('<I', 0))
        start, summary, offsets = begin + len(data), b'', b''
        for opcode, group in ((_SCHEMA, b''.join(self._schemas.values())),
                              (_CHANNEL, b''.join(self._channels)),
                              (_CHUNK_INDEX, written.chunk_indexes),
                              (_METADATA_INDEX, metadata_index),
                              (_STATISTICS, self._statistics(written, metadata_index))):
            if group:
                offsets += _record(_SUMMARY_OFFSET, struct.pack(
                    '<BQQ', opcode, start + len(summary), len(group)))
                summary += group
        footer = struct.pack('<BQQQ', _FOOTER, 20, start, start + len(summary))
        crc = zlib.crc32(summary + offsets + footer)
        return data + summary + offsets + footer + struct.pack('<I', crc) + _MAGIC

    def _statistics(self, has: Written, metadata_index: bytes) -> bytes:
        counts = b''.join(struct.pack('<HQ', *item) for item in has.counts.items())
        return _record(_STATISTICS, struct.pack(
            '<QHIIIIQQI', has.messages, len(self._schemas), len(self._channels), 0,
            1 if metadata_index else 0, has.chunks, has.start_ns, has.end_ns, len(counts))
            + counts)

    def _put(self, begin: int, *parts: bytes | bytearray) -> None:
        left = [memoryview(part) for part in parts]
        while left:
            try:
                done = os.pwritev(self._file.fileno(), left[:_MOST_PARTS], begin)
            except OSError as error:
                raise OSError(error.errno, error.strerror, str(self.path)) from error
            begin += done
            while left and done >= len(left[0]):
                done -= len(left.pop(0))
            if left:
                left[0] = left[0][done:]


def _with_chunk(before: Written, chunk: _Chunk, end: int, index: bytes) -> Written:
    counts = dict(before.counts)
    for channel, entries in chunk.index.items():
        counts[channel] = counts.get(channel, 0) + len(entries)
    after = replace(before, end=end, counts=counts, chunks=before.chunks + 1,
                    chunk_indexes=before.chunk_indexes + index)
    if not chunk.index:
        return after
    if not before.messages:
        return replace(after, start_ns=chunk.start_ns, end_ns=chunk.end_ns)
    return replace(after, start_ns=min(before.start_ns, chunk.start_ns),
                   end_ns=max(before.end_ns, chunk.end_ns))


def _record(opcode: int, content: bytes) -> bytes:
    return struct.pack('<BQ', opcode, len(content)) + content


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack('<I', len(data)) + data


def _map(entries: Mapping[str, str]) -> bytes:
    data = b''.join(_text(key) + _text(value) for key, value in entries.items())
    return struct.pack('<I', len(data)) + data


def _compressor(name: str) -> Callable[[bytearray], bytes | bytearray]:
    if name == 'none':
        return lambda records: records
    if name != 'zstd':
        raise ValueError(f'compression must be one of {", ".join(COMPRESSIONS)}, got {name!r}')
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd  # rosbags brings it
    return lambda records: zstd.compress(records, _ZSTD_LEVEL)
