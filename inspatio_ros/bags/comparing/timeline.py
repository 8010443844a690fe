# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Stamps and digests of all messages of a bag: what can be compared without keeping messages.

A message has the stamp that it carries itself (header, first transform, clock); one that carries
none has the time of its recording.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection
from dataclasses import dataclass
import hashlib
import struct

from inspatio_ros.bags.comparing.definitions import Offer, offers_of
from inspatio_ros.bags.reading import Bag, NS_PER_S, Raw, stamp_ns
from inspatio_ros.contracts import I64, U8
from inspatio_ros.scene.parallel import Progress
import numpy as np
from rosbags.typesys.store import Typestore

# Enough to tell any two messages apart.
_DIGEST_BYTES = 16
_STAMPED = {'std_msgs/msg/Header', 'builtin_interfaces/msg/Time'}
_TF = 'tf2_msgs/msg/TFMessage'
_REPORT_EVERY = 500


@dataclass(frozen=True)
class Timeline:
    """
    All messages of one topic.

    :param stamps_ns: (N,) int64, in the order of the recording.
    :param digests: (N, 16) uint8, equal for equal bytes.
    :param sha256: of all messages in their order: of the stamp (int64, little-endian) and the
        SHA-256 of the bytes of each.
    """

    offer: Offer
    stamps_ns: I64
    digests: U8
    sha256: str

    def __len__(self) -> int:
        """Return the number of messages."""
        return len(self.stamps_ns)


class _Growing:
    """A timeline whose messages come one by one."""

    def __init__(self, stamp_of: Callable[[Raw], int]) -> None:
        self._stamp_of = stamp_of
        self.stamps = array('q')
        self.digests = bytearray()
        self.all = hashlib.sha256()

    def add(self, raw: Raw) -> None:
        stamp = self._stamp_of(raw)
        self.stamps.append(stamp)
        digest = hashlib.sha256(raw.data).digest()
        self.digests += digest[:_DIGEST_BYTES]
        self.all.update(struct.pack('<q', stamp) + digest)

    def timeline(self, offer: Offer) -> Timeline:
        return Timeline(offer, np.array(self.stamps, np.int64),
                        np.frombuffer(bytes(self.digests), np.uint8).reshape(-1, _DIGEST_BYTES),
                        self.all.hexdigest())


def read_timelines(bag: Bag, names: Collection[str], types: Typestore,
                   progress: Progress | None = None) -> dict[str, Timeline]:
    """
    Go through some topics of a bag once.

    :param types: of this bag.
    :param progress: called as progress(messages done, messages in all).
    :raises ValueError: a damaged bag or a message without the stamp that its type has.
    """
    offers = offers_of(bag)
    growing = {name: _Growing(stamp_reader(bag.topics[name].msgtype, types)) for name in names}
    total = sum(bag.topics[name].count for name in names)
    for done, raw in enumerate(bag.messages(names)):
        try:
            growing[raw.topic.name].add(raw)
        except (struct.error, IndexError):
            raise ValueError(f'{bag.path}: {raw.topic.name}: message {raw.number} is truncated: '
                             f'{len(raw.data)} bytes') from None
        if progress is not None and done % _REPORT_EVERY == 0:
            progress(done, total)
    return {name: it.timeline(offers[name]) for name, it in growing.items()}


def stamp_reader(msgtype: str, types: Typestore) -> Callable[[Raw], int]:
    """Return what reads the stamp of a message of a type."""
    if msgtype == _TF:
        return _first_transform_ns
    fields = types.fielddefs[msgtype][1] if msgtype in types.fielddefs else []
    stamped = bool(fields) and fields[0][1][1] in _STAMPED
    return stamp_ns if stamped else lambda raw: raw.log_ns


def _first_transform_ns(raw: Raw) -> int:
    order = '<' if raw.data[1] & 1 else '>'
    if struct.unpack_from(f'{order}I', raw.data, 4)[0] == 0:
        return raw.log_ns
    sec, nanosec = struct.unpack_from(f'{order}iI', raw.data, 8)
    return int(sec) * NS_PER_S + int(nanosec) or raw.log_ns


def pair_messages(one_ns: I64, other_ns: I64, tolerance_ns: int) -> I64:
    """
    Find which messages of two recordings of a topic belong together.

    Those of the same stamp do. Where fewer than half have a partner, but both are equally many,
    they are taken in their order: then it is the stamps that differ.

    :param one_ns: (N,) stamps.
    :param other_ns: (M,) stamps.
    :param tolerance_ns: how far two stamps of a pair may lie apart.
    :returns: (K, 2) numbers of messages, in the order of the first recording.
    """
    in_order = np.stack([np.arange(len(one_ns))] * 2, axis=1)
    if np.array_equal(one_ns, other_ns):
        return in_order
    pairs = match_stamps(one_ns, other_ns, tolerance_ns)
    if len(one_ns) == len(other_ns) and 2 * len(pairs) < len(one_ns):
        return in_order
    return pairs


def match_stamps(one_ns: I64, other_ns: I64, tolerance_ns: int) -> I64:
    """Return (K, 2) numbers of messages whose stamps lie no further apart, each used once."""
    one, other = np.argsort(one_ns, kind='stable'), np.argsort(other_ns, kind='stable')
    one_sorted, other_sorted = one_ns[one].tolist(), other_ns[other].tolist()
    pairs: list[tuple[int, int]] = []
    i = j = 0
    while i < len(one_sorted) and j < len(other_sorted):
        apart = abs(one_sorted[i] - other_sorted[j])
        skip_one = _is_closer(one_sorted, i + 1, other_sorted[j], apart)
        skip_other = _is_closer(other_sorted, j + 1, one_sorted[i], apart)
        if apart > tolerance_ns:
            skip_one = one_sorted[i] < other_sorted[j]
            skip_other = not skip_one
        elif not (skip_one or skip_other):
            pairs.append((int(one[i]), int(other[j])))
            skip_one = skip_other = True
        i, j = i + skip_one, j + skip_other
    return np.array(sorted(pairs), np.int64).reshape(-1, 2)


def _is_closer(stamps_ns: list[int], index: int, other_ns: int, apart_ns: int) -> bool:
    """Return whether the next message would be the better partner."""
    return index < len(stamps_ns) and abs(stamps_ns[index] - other_ns) < apart_ns
