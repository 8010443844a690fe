# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Read rosbag2 recordings (mcap, sqlite3) message by message: no ROS, and never a bag in memory.

A recorder that died leaves no metadata.yaml, no index or a torn last chunk. What can be read of
such a bag is read, and a warning says what is missing; the rest is an error that names the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
import contextlib
from dataclasses import dataclass
import logging
from pathlib import Path
import re
import struct
from types import TracebackType
from typing import Any, cast

from inspatio_ros.bags.torn import index_chunks, MendedFile, whole_length
from inspatio_ros.bags.typestore import typestore
from rosbags.rosbag2 import Reader, ReaderError
from rosbags.rosbag2 import storage_mcap, storage_sqlite3
from rosbags.serde import SerdeError

NS_PER_S = 1_000_000_000
_SUFFIXES = ('.mcap', '.db3')
_METADATA = 'metadata.yaml'
# CDR: four bytes that say how it is encoded, then a header begins with seconds and nanoseconds.
_STAMP_END = 12
# What the libraries raise on damaged files, beside their own errors.
_FAULTS = (ReaderError, storage_sqlite3.apsw.Error, storage_mcap.zstd.ZstdError, AssertionError,
           EOFError, LookupError, TypeError, ValueError, RuntimeError, struct.error,
           OSError, OverflowError, MemoryError)  # the last three: a number that is nonsense
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Topic:
    """
    One topic of a bag.

    :param msgtype: e.g. `sensor_msgs/msg/Image`.
    :param count: messages in the whole bag.
    """

    name: str
    msgtype: str
    count: int


@dataclass(frozen=True)
class Window:
    """
    A part of a bag, in nanoseconds of the clock of the recorder.

    :param start_ns: first instant, None for the beginning.
    :param stop_ns: first instant after it, None for the end.
    """

    start_ns: int | None = None
    stop_ns: int | None = None


@dataclass(frozen=True)
class Raw:
    """
    A message that is not decoded yet.

    :param number: how many messages of its topic came before it in what is read.
    :param log_ns: when it was recorded.
    :param data: CDR.
    """

    topic: Topic
    number: int
    log_ns: int
    data: bytes


def _storage_files(folder: Path) -> list[Path]:
    """Return the files of a bag in the order of the numbers in their names."""
    def order(path: Path) -> list[tuple[int, str]]:
        return [(int(part), '') if part.isdigit() else (-1, part)
                for part in re.split(r'(\d+)', path.name)]

    return sorted((path for path in folder.iterdir() if path.suffix in _SUFFIXES), key=order)


class Bag:
    """
    An open bag.

    :param path: folder, or one .mcap or .db3 file.
    :raises ValueError: no bag, or nothing of it can be read; names the file and what to do.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stack = contextlib.ExitStack()
        try:
            self._readers = [self._stack.enter_context(_closing(reader))
                             for reader in _readers(path)]
            self.topics = self._list_topics()
        except BaseException:
            self._stack.close()
            raise
        spans = [(reader.metadata.start_time, reader.metadata.end_time - 1)
                 for reader in self._storages() if reader.metadata.message_count]
        self.start_ns = min((start for start, _ in spans), default=0)
        self.end_ns = max((end for _, end in spans), default=0)

    def __enter__(self) -> Bag:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close all files."""
        self._stack.close()

    @property
    def message_count(self) -> int:
        """Return how many messages the bag holds."""
        return sum(topic.count for topic in self.topics.values())

    @property
    def connections(self) -> list[Any]:
        """Return what each file says of its topics: type definition, offered QoS."""
        return [connection for storage in self._storages() for connection in storage.connections]

    def messages(self, names: Collection[str], window: Window = Window()) -> Iterator[Raw]:
        """
        Go through the messages of some topics in the order in which they were recorded.

        :param names: topics of this bag.
        :param window: which part of the bag.
        :raises ValueError: a damaged file, naming it and the last message before the damage.
        """
        numbers: Counter[str] = Counter()
        last = 'before the first message'
        for storage in self._storages():
            wanted = [connection for connection in storage.connections
                      if connection.topic in names]
            if not wanted:
                continue
            with _named(self.path, lambda: last):
                for connection, log_ns, data in storage.messages(wanted, window.start_ns,
                                                                 window.stop_ns):
                    name = connection.topic
                    yield Raw(self.topics[name], numbers[name], log_ns, data)
                    numbers[name] += 1
                    last = f'after message {numbers[name]} of {name}'

    def first(self, name: str) -> Raw:
        """
        Return the first message of a topic.

        :raises ValueError: there is none, whatever the index says, or it cannot be read.
        """
        for raw in self.messages([name]):
            return raw
        raise ValueError(f'{self.path}: {name}: not one message is found; the index is wrong')

    def decode(self, raw: Raw) -> Any:
        """
        Decode a message.

        :raises ValueError: its bytes are not what the type says; names topic and message.
        """
        try:
            return typestore().deserialize_cdr(raw.data, raw.topic.msgtype)
        except KeyError:
            raise ValueError(f'{self.path}: {raw.topic.name}: the type {raw.topic.msgtype} is not '
                             'known') from None
        except (SerdeError, ValueError, IndexError, struct.error, AssertionError) as error:
            raise ValueError(f'{self.path}: {raw.topic.name}: message {raw.number} is truncated '
                             f'or damaged: {error}') from error

    def of_type(self, *types: str) -> list[Topic]:
        """Return the topics of some types that hold messages, e.g. `sensor_msgs/msg/Image`."""
        return [topic for topic in self.topics.values() if topic.msgtype in types and topic.count]

    def _storages(self) -> list[Any]:
        return [reader.storage if isinstance(reader, Reader) else reader
                for reader in self._readers]

    def _list_topics(self) -> dict[str, Topic]:
        topics: dict[str, Topic] = {}
        for storage in self._storages():
            for it in storage.connections:
                known = topics.get(it.topic)
                if known is not None and known.msgtype != it.msgtype:
                    raise ValueError(f'{self.path}: {it.topic} has two types, {known.msgtype} and '
                                     f'{it.msgtype}')
                count = it.msgcount + (known.count if known else 0)
                topics[it.topic] = Topic(it.topic, it.msgtype, count)
        if not any(topic.count for topic in topics.values()):
            raise ValueError(f'{self.path}: the bag is empty: {len(topics)} topics, no message')
        return dict(sorted(topics.items()))


def stamp_ns(raw: Raw) -> int:
    """
    Return the stamp of a message that begins with a header, without decoding it.

    :returns: nanoseconds; the time of recording where the header says 0.
    :raises ValueError: too few bytes.
    """
    if len(raw.data) < _STAMP_END:
        raise ValueError(f'{raw.topic.name}: message {raw.number} is truncated: it has '
                         f'{len(raw.data)} bytes')
    little = raw.data[1] & 1
    sec, nanosec = struct.unpack_from('<iI' if little else '>iI', raw.data, 4)
    return int(sec) * NS_PER_S + int(nanosec) or raw.log_ns


@contextlib.contextmanager
def _closing(reader: Any) -> Iterator[Any]:
    yield reader
    reader.close()


@contextlib.contextmanager
def _named(path: Path, where: Any = None) -> Iterator[None]:
    """Turn what the libraries raise on a damaged file into a ValueError that names it."""
    try:
        yield
    except _FAULTS as error:
        place = f' {where()}' if where else ''
        what = ' '.join(str(error).split()) or type(error).__name__
        raise ValueError(f'{path}: the bag cannot be read{place}: {what}') from error


def _readers(path: Path) -> Iterator[Any]:
    """Yield open readers that together hold the bag."""
    if not path.exists():
        raise ValueError(f'{path}: there is no such bag')
    files = _storage_files(path) if path.is_dir() else [path]
    if path.is_dir() and (path / _METADATA).is_file():
        torn = any(file.suffix == '.mcap' and _is_torn(file) for file in files)
        if not torn:
            yield _opened(Reader(path), path)
            return
    elif path.is_dir():
        if not files:
            raise ValueError(f'{path}: is no bag: neither {_METADATA} nor a file '
                             f'{" or ".join(_SUFFIXES)}')
        _log.warning('%s: has no %s (the recorder was not ended well); its files are read one '
                     'by one', path, _METADATA)
    for file in files:
        yield _file_reader(file)


def _is_torn(file: Path) -> bool:
    return file.stat().st_size > 0 and whole_length(file) is not None


def _file_reader(file: Path) -> Any:
    if file.suffix not in _SUFFIXES:
        raise ValueError(f'{file}: is no file of a rosbag2 ({", ".join(_SUFFIXES)})')
    if file.stat().st_size == 0:
        raise ValueError(f'{file}: the file is empty')
    if file.suffix == '.mcap':
        length = whole_length(file)
        if length is not None:
            _log.warning('%s: breaks off: %d of its %d bytes are whole and read', file, length,
                         file.stat().st_size)
            mended = storage_mcap.McapReader(cast(Any, MendedFile(file, length)))
            return _opened(mended, file)
    return _opened(Reader(file), file)


def _opened(reader: Any, path: Path) -> Any:
    try:
        with _named(path):
            reader.open()
            for storage in _storages_of(reader):
                if isinstance(storage, storage_mcap.McapReader) and not storage.chunks:
                    assert storage.bio is not None
                    storage.chunks += index_chunks(storage.bio, storage.data_end, [
                        connection.id for connection in storage.connections])
    except ValueError as error:
        raise ValueError(f'{error}{_advice(path)}') from error
    return reader


def _storages_of(reader: Any) -> list[Any]:
    """Return the readers of the single files."""
    storage = reader.storage if isinstance(reader, Reader) else reader
    return list(getattr(storage, 'storages', [storage]))


def _advice(path: Path) -> str:
    """Say what helps with a bag that does not open."""
    journals = list((path if path.is_dir() else path.parent).glob('*.db3-wal'))
    if journals:
        return (f'; {journals[0].name} beside it holds what was never written into the database: '
                'open and close it once with sqlite3, then `ros2 bag reindex`')
    databases = [path] if path.suffix == '.db3' else list(path.glob('*.db3'))
    tool = f'`sqlite3 {databases[0].name} .recover`' if databases else '`mcap recover`'
    return f'; {tool} and `ros2 bag reindex` may repair it'
