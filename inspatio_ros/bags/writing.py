# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Write a rosbag2 bag: one MCAP file and metadata.yaml, both whole at any time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
import errno
import json
import os
from pathlib import Path
import shutil
from types import TracebackType
from typing import Any

from inspatio_ros.bags.mcap import McapWriter, Schema, Written
from inspatio_ros.bags.typestore import typestore
from inspatio_ros.scene.atomic import exchange
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability
from rosbags.interfaces import QosTime
from rosbags.typesys.store import Typestore

# The same in every bag, so that equal recordings are equal files.
FILE_NAME = 'bag_0.mcap'
_BAG_SUFFIXES = ('.mcap', '.db3', '.db3-shm', '.db3-wal')
# The newest that every distribution from Humble on reads.
_VERSION = 8
_NO_LIMIT = QosTime(9223372036, 854775807)
_LATEST_NS = 2 ** 63 - 1


def offered(depth: int = 10, transient_local: bool = False) -> Qos:
    """
    Return a reliable publisher's quality of service.

    :param depth: messages that are kept.
    :param transient_local: whether who comes later gets them too, as on /tf_static.
    """
    durability = QosDurability.TRANSIENT_LOCAL if transient_local else QosDurability.VOLATILE
    return Qos(QosHistory.KEEP_LAST, depth, QosReliability.RELIABLE, durability, _NO_LIMIT,
               _NO_LIMIT, QosLiveliness.AUTOMATIC, _NO_LIMIT, False)


LATCHED = offered(1, transient_local=True)


@dataclass(frozen=True)
class _Topic:
    """A topic of the bag."""

    name: str
    msgtype: str
    type_hash: str
    qos: str  # YAML
    channel: int


class BagWriter:
    """
    A new bag, to be used as a context manager.

    What was written until an error stays readable; a bag without a message is not left behind.

    Messages reach the disk within a second of message time or some megabytes. Killed or on a full
    disk, the bag holds all but those. Equal messages make equal files.

    :param path: folder to create; or a single file if it ends in `.mcap`.
    :param store: message types; the package's own if None.
    :param compression: none or zstd.
    :param force: replace a bag that exists, once the new one is complete. Until then it is
        written beside it, see `path`.
    :raises OSError: the bag exists, or cannot be written.
    """

    def __init__(self, path: Path, store: Typestore | None = None, compression: str = 'none',
                 force: bool = False) -> None:
        self.target = path
        self.path = free_path(path, force)
        self._store = store or typestore()
        self._topics: dict[str, _Topic] = {}
        self._folder = None if path.suffix == '.mcap' else self.path
        self._broken = False
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self._folder is not None:
            self._folder.mkdir()
        try:
            self._mcap = McapWriter(self.path if self._folder is None else self.path / FILE_NAME,
                                    compression, self._described)
            self._write_metadata()
        except BaseException:
            if self._folder is not None:
                _remove(self._folder)
            raise

    def __enter__(self) -> BagWriter:
        """Return the bag."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """Close the bag; one that is complete takes its place."""
        try:
            if not self._broken:
                self.flush()
        finally:
            self._mcap.close()
            if kind is not None and not self.messages:
                _remove(self.path)
        if kind is None and not self._broken and self.path != self.target:
            self._take_place()

    @property
    def messages(self) -> int:
        """Return the number of messages on the disk."""
        return self._mcap.written.messages

    def counts(self) -> dict[str, int]:
        """Return topic -> messages on the disk."""
        return {topic.name: self._mcap.written.counts.get(topic.channel, 0)
                for topic in self._topics.values()}

    def add_topic(self, topic: str, msgtype: str, qos: Qos | Sequence[Qos] = offered(),
                  definition: str | None = None, type_hash: str = '') -> None:
        """
        Add a topic.

        :param msgtype: as `sensor_msgs/msg/Image`.
        :param qos: what its publishers offer.
        :param definition: of a type that the store does not know (as another bag has it).
        :raises ValueError: a topic that is there already, a type that nobody knows.
        """
        if topic in self._topics:
            raise ValueError(f'topic {topic} is in the bag already')
        if definition is None:
            if msgtype not in self._store.fielddefs:
                raise ValueError(f'topic {topic}: no definition of {msgtype}')
            definition = self._store.generate_msgdef(msgtype, ros_version=2)[0]
            type_hash = self._store.hash_rihs01(msgtype)
        encoding = 'ros2idl' if definition.startswith(f'{"=" * 80}\nIDL: ') else 'ros2msg'
        qos_text = _qos_text((qos,) if isinstance(qos, Qos) else qos)
        channel = self._mcap.add_channel(
            topic, Schema(msgtype, encoding, definition),
            {'offered_qos_profiles': qos_text, 'topic_type_hash': type_hash})
        self._topics[topic] = _Topic(topic, msgtype, type_hash, qos_text, channel)

    def write(self, topic: str, stamp_ns: int, message: Any) -> None:
        """
        Write a message.

        :param topic: a topic that was added.
        :param stamp_ns: when it was received, nanoseconds >= 0.
        :param message: of the store's types.
        :raises OSError: the disk is full, ...; what was written before stays readable.
        """
        self.write_cdr(topic, stamp_ns,
                       self._store.serialize_cdr(message, self._topics[topic].msgtype))

    def write_cdr(self, topic: str, stamp_ns: int, data: bytes | memoryview) -> None:
        """Write a message that is serialised already; otherwise as `write`."""
        with self._broken_by_errors():
            if self._mcap.write(self._topics[topic].channel, stamp_ns, data):
                self._write_metadata()

    def flush(self) -> None:
        """
        Bring all messages to the disk.

        :raises OSError: see write.
        """
        with self._broken_by_errors():
            self._mcap.flush()
            self._write_metadata()

    @contextmanager
    def _broken_by_errors(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._broken = True  # what waited is lost, the rest is whole
            raise

    def _described(self, written: Written) -> Mapping[str, Mapping[str, str]]:
        return {'rosbag2': {'serialized_metadata': self._metadata(written)}}

    def _write_metadata(self) -> None:
        if self._folder is None:
            return
        text = self._metadata(self._mcap.written)
        indented = ''.join(f'  {line}\n' for line in text.splitlines())
        fresh = self._folder / '.metadata.yaml'
        fresh.write_text(f'rosbag2_bagfile_information:\n{indented}')
        os.replace(fresh, self._folder / 'metadata.yaml')

    def _metadata(self, written: Written) -> str:
        start_ns = written.start_ns if written.messages else _LATEST_NS
        span = (f'starting_time:\n  nanoseconds_since_epoch: {start_ns}\n'
                f'duration:\n  nanoseconds: {written.end_ns - written.start_ns}\n'
                f'message_count: {written.messages}\n')
        topics = ''.join(_topic_text(topic, written.counts.get(topic.channel, 0))
                         for topic in self._topics.values())
        in_file = ''.join(f'    {line}\n' for line in span.splitlines())
        return (f'version: {_VERSION}\nstorage_identifier: mcap\n{span}'
                f'topics_with_message_count:{topics or " []"}\n'
                f'compression_format: ""\ncompression_mode: ""\n'
                f'relative_file_paths:\n  - {FILE_NAME}\n'
                f'files:\n  - path: {FILE_NAME}\n{in_file}'
                f'custom_data: ~\nros_distro: ""\n')

    def _take_place(self) -> None:
        exchange(self.path, self.target)
        old, self.path = self.path, self.target
        _remove(old)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def free_path(path: Path, force: bool) -> Path:
    """
    Return where to write: at the path, or beside what is there.

    :param force: whether a bag that is there may be replaced in the end.
    :raises FileExistsError: something is there already, or what is there is no bag.
    """
    if not os.path.lexists(path):
        return path
    if not force:
        raise FileExistsError(errno.EEXIST, 'exists already', str(path))
    if not _is_replaceable(path):
        raise FileExistsError(errno.EEXIST, 'is there and is no bag alone: it is not replaced',
                              str(path))
    beside = path.with_name(f'{path.stem}.partial{path.suffix}')
    if os.path.lexists(beside):
        raise FileExistsError(errno.EEXIST, 'is left from a recording that did not end; move or '
                                            'remove it', str(beside))
    return beside


def _is_replaceable(path: Path) -> bool:
    """Say whether nothing but one bag, or an empty folder, would be lost."""
    if not path.is_dir():
        return path.suffix in _BAG_SUFFIXES
    names = {it.name for it in path.iterdir() if it.is_file()}
    files = all(name.endswith(('metadata.yaml', *_BAG_SUFFIXES)) for name in names)
    return files and len(names) == len(list(path.iterdir())) and (
        not names or 'metadata.yaml' in names)


def _topic_text(topic: _Topic, count: int) -> str:
    # JSON's quotes are YAML's.
    return (f'\n  - topic_metadata:\n'
            f'      name: {topic.name}\n      type: {topic.msgtype}\n'
            f'      serialization_format: cdr\n'
            f'      offered_qos_profiles: {json.dumps(topic.qos)}\n'
            f'      type_description_hash: {json.dumps(topic.type_hash)}\n'
            f'    message_count: {count}')


def _qos_text(profiles: Sequence[Qos]) -> str:
    """Return YAML with numbers for names, as all distributions read it."""
    return '\n'.join(
        f'- history: {qos.history.value}\n  depth: {qos.depth}\n'
        f'  reliability: {qos.reliability.value}\n  durability: {qos.durability.value}\n'
        f'  deadline: {_time_text(qos.deadline)}\n  lifespan: {_time_text(qos.lifespan)}\n'
        f'  liveliness: {qos.liveliness.value}\n'
        f'  liveliness_lease_duration: {_time_text(qos.liveliness_lease_duration)}\n'
        f'  avoid_ros_namespace_conventions: '
        f'{"true" if qos.avoid_ros_namespace_conventions else "false"}'
        for qos in profiles)


def _time_text(time: QosTime) -> str:
    return f'{{sec: {time.sec}, nsec: {time.nsec}}}'
