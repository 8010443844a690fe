# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Whether two bags say the same, topic by topic: exactly, or under tolerances.

Both bags are read once for stamps and digests. Messages whose bytes differ are then read again,
in pairs; whatever the size of the bags, some hundred megabytes of messages are held at most.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
import difflib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from inspatio_ros.bags.comparing.definitions import Offer, own_types
from inspatio_ros.bags.comparing.difference import compare_messages, Difference, picture_of
from inspatio_ros.bags.comparing.report import figure_text, First, Report, TopicReport
from inspatio_ros.bags.comparing.timeline import pair_messages, read_timelines, Timeline
from inspatio_ros.bags.comparing.tolerances import NAMES, perfect, Tolerances, within, worse
from inspatio_ros.bags.reading import Bag, NS_PER_S, Raw
from inspatio_ros.contracts import I64
import numpy as np
from rosbags.serde import SerdeError
from rosbags.typesys.store import Typestore

# Messages that wait for their partner. Beyond this they are read again later.
MOST_WAITING_BYTES = 256 << 20
# Called as progress(what is being done, done, in all).
Step = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Options:
    """
    What is compared.

    :param tolerances: of all topics; a topic without any has to be equal byte for byte.
    :param topics: patterns of the topics that are compared; empty = all.
    :param ignore: patterns of topics that are not.
    :param contents_only: whether offered QoS and type definitions may differ.
    :param keep_pictures: whether the worst pair of pictures of every topic is kept.
    """

    tolerances: Tolerances = Tolerances()
    topics: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    contents_only: bool = False
    keep_pictures: bool = False


def compare_bags(one: Path, other: Path, options: Options = Options(),
                 step: Step | None = None) -> Report:
    """
    Compare two bags.

    :param step: called as step(what is being done, done, in all).
    :returns: a report of every topic that one of them has.
    :raises ValueError: a bag that cannot be read, or a pattern that fits no topic.
    """
    with Bag(one) as first, Bag(other) as second:
        names = chosen_topics([*first.topics, *second.topics], options)
        types = own_types(first), own_types(second)
        lines = [read_timelines(bag, [name for name in names if name in bag.topics], own,
                                named(step, f'reading {bag.path.name}'))
                 for bag, own in zip((first, second), types)]
        topics, differ = _compare_lines(names, lines[0], lines[1], options)
        judge_pair = _Judge(lines[0], types, options)
        total = sum(map(len, differ.values()))
        for done, (raw, partner) in enumerate(paired_messages(first, second, differ)):
            judge_pair(topics[raw.topic.name], raw, partner)
            if step is not None:
                step('comparing', done + 1, total)
    return Report(topics)


def _compare_lines(names: Iterable[str], one: Mapping[str, Timeline],
                   other: Mapping[str, Timeline],
                   options: Options) -> tuple[dict[str, TopicReport], dict[str, I64]]:
    """Return the reports so far, and the pairs of messages whose bytes differ, by topic."""
    topics, differ = {}, {}
    for name in names:
        if name not in one or name not in other:
            where, line = ('first', one[name]) if name in one else ('second', other[name])
            counts = (len(line), 0) if name in one else (0, len(line))
            topics[name] = TopicReport(line.offer.msgtype, counts,
                                       differences=[f'only in the {where}'])
            continue
        topics[name], pairs = compare_timelines(
            one[name], other[name], options.tolerances.of(name), options.contents_only)
        if len(pairs):
            differ[name] = pairs
    return topics, differ


def chosen_topics(names: Iterable[str], options: Options) -> list[str]:
    """
    Return the topics that the options choose, sorted.

    :raises ValueError: a pattern that fits no topic (tells the nearest), or none is left.
    """
    known = sorted(set(names))
    of_tolerances = tuple(pattern for pattern, _, _ in options.tolerances.rules)
    for pattern in options.topics + options.ignore + of_tolerances:
        if not any(fnmatchcase(name, pattern) for name in known):
            near = difflib.get_close_matches(pattern, known, n=1)
            hint = f'did you mean {near[0]}?' if near else f'there are {", ".join(known)}'
            raise ValueError(f'no topic is called {pattern}; {hint}')
    chosen = [name for name in known
              if (not options.topics or any(fnmatchcase(name, it) for it in options.topics))
              and not any(fnmatchcase(name, it) for it in options.ignore)]
    if not chosen:
        raise ValueError(f'no topic is left to compare of {", ".join(known)}')
    return chosen


def named(step: Step | None, what: str) -> Callable[[int, int], None] | None:
    """Return the progress callback of one thing that is done."""
    return None if step is None else lambda done, total: step(what, done, total)


def compare_timelines(one: Timeline, other: Timeline, tolerances: Mapping[str, float],
                      contents_only: bool) -> tuple[TopicReport, I64]:
    """
    Compare what needs no message: type, QoS, number, stamps, digests.

    :returns: the report so far, and (K, 2) numbers of the messages whose bytes differ.
    """
    report = TopicReport(one.offer.msgtype, (len(one), len(other)), one.sha256 == other.sha256)
    compare_offers(report, one.offer, other.offer, contents_only)
    if one.offer.msgtype != other.offer.msgtype:
        return report, np.empty((0, 2), np.int64)
    if report.exact:
        report.paired = len(one)
        return report, np.empty((0, 2), np.int64)
    pairs = pair_messages(one.stamps_ns, other.stamps_ns, tolerance_ns(tolerances))
    report.paired = len(pairs)
    _compare_counts(report, one, other, pairs, tolerances)
    compare_stamps(report, one.stamps_ns[pairs[:, 0]], other.stamps_ns[pairs[:, 1]], pairs[:, 0],
                   tolerances)
    _compare_order(report, one, pairs)
    differ = (one.digests[pairs[:, 0]] != other.digests[pairs[:, 1]]).any(axis=1)
    return report, pairs[differ]


def compare_offers(report: TopicReport, left: Offer, right: Offer, contents_only: bool) -> None:
    """Compare type, definition and QoS; what one recording does not say cannot differ."""
    if left.msgtype != right.msgtype:
        report.differ(f'type {left.msgtype} / {right.msgtype}')
        return
    if contents_only:
        return
    if left.definition and right.definition and left.definition != right.definition:
        report.differ(f'two definitions of {left.msgtype}: {left.definition[-12:]} / '
                      f'{right.definition[-12:]}')
    if left.qos and right.qos and left.qos != right.qos:
        report.differ(f'QoS {", ".join(left.qos)} / {", ".join(right.qos)}')


def tolerance_ns(tolerances: Mapping[str, float]) -> int:
    """Return how far stamps may lie apart."""
    return int(min(tolerances.get('stamp', 0.0) * NS_PER_S, 2**62))


def _compare_counts(report: TopicReport, one: Timeline, other: Timeline, pairs: I64,
                    tolerances: Mapping[str, float]) -> None:
    """Find messages without partner."""
    alone = len(one) + len(other) - 2 * len(pairs)
    if alone == 0:
        return
    share = alone / max(len(one), len(other))
    report.note('missing', share)
    if within('missing', share, dict(tolerances)):
        return
    first = _first_alone(one, other, pairs)
    report.differ(f'{len(one) - len(pairs)} messages only in the first, '
                  f'{len(other) - len(pairs)} only in the second', first)


def _first_alone(one: Timeline, other: Timeline, pairs: I64) -> First:
    """Return the first message of either recording that has no partner."""
    found = []
    for side, line, where in ((0, one, 'first'), (1, other, 'second')):
        alone = np.setdiff1d(np.arange(len(line)), pairs[:, side])
        if len(alone):
            number = int(alone[0])
            found.append(First(number, int(line.stamps_ns[number]), f'only in the {where}'))
    return min(found, key=lambda it: it.stamp_ns)


def _compare_order(report: TopicReport, one: Timeline, pairs: I64) -> None:
    """Find a message that comes earlier in the second recording than one before it."""
    back = np.flatnonzero(np.diff(pairs[:, 1]) < 0)
    if len(back):
        number = int(pairs[back[0] + 1, 0])
        report.differ('order', First(number, int(one.stamps_ns[number]), 'order of the messages'))


def compare_stamps(report: TopicReport, one_ns: I64, other_ns: I64, numbers: I64,
                   tolerances: Mapping[str, float]) -> None:
    """
    Compare the stamps of pairs.

    :param numbers: of the messages in the first recording.
    """
    apart = np.abs(one_ns - other_ns)
    if not apart.any():
        return
    report.note('stamp', float(apart.max()) / NS_PER_S)
    beyond = np.flatnonzero(apart > tolerance_ns(tolerances))
    if len(beyond):
        at = int(beyond[0])
        what = f'{figure_text("stamp", apart[at] / NS_PER_S)} apart'
        report.differ('stamps', First(int(numbers[at]), int(one_ns[at]), f'stamps: {what}'))


def paired_messages(one: Bag, other: Bag, pairs: Mapping[str, I64],
                    most_waiting_bytes: int = MOST_WAITING_BYTES) -> Iterator[tuple[Raw, Raw]]:
    """
    Read the messages of some pairs from two bags whose orders may differ.

    What waits for its partner is bounded: pairs that lie too far apart are read in another pass.

    :param pairs: topic -> (K, 2) numbers of messages.
    """
    left = {(name, int(a)): int(b) for name, rows in pairs.items() for a, b in rows}
    while left:
        right = {(name, b): a for (name, a), b in left.items()}
        names = {name for name, _ in left}
        partners = (raw for raw in other.messages(names) if (raw.topic.name, raw.number) in right)
        waiting: dict[tuple[str, int], Raw] = {}
        size, before = 0, len(left)
        for raw in one.messages(names):
            number = left.get((raw.topic.name, raw.number))
            if number is None:
                continue
            key = (raw.topic.name, number)
            while key not in waiting and (partner := next(partners, None)) is not None:
                found = (partner.topic.name, partner.number)
                if found == key or size + len(partner.data) <= most_waiting_bytes:
                    waiting[found] = partner
                    size += len(partner.data)
            if key in waiting:
                partner = waiting.pop(key)
                size -= len(partner.data)
                del left[(raw.topic.name, raw.number)]
                yield raw, partner
        if len(left) == before:
            raise ValueError(f'{one.path}: changed while it was read')


class _Judge:
    """Decodes pairs of messages and holds what they differ by against the tolerances."""

    def __init__(self, lines: Mapping[str, Timeline], types: tuple[Typestore, Typestore],
                 options: Options) -> None:
        self._lines, self._types, self._options = lines, types, options

    def __call__(self, report: TopicReport, raw: Raw, partner: Raw) -> None:
        """Compare two messages whose bytes differ."""
        name = raw.topic.name
        stamp_ns = int(self._lines[name].stamps_ns[raw.number])
        if any(raw.topic.msgtype not in types.fielddefs for types in self._types):
            what = f'bytes differ; {raw.topic.msgtype} is defined nowhere, so they are not decoded'
            report.differ(what, First(raw.number, stamp_ns, what))
            return
        messages = [decode(types, it) for types, it in zip(self._types, (raw, partner))]
        difference = compare_messages(messages[0], messages[1], f'{name}, message {raw.number}')
        tolerances = self._options.tolerances.of(name)
        if self._options.keep_pictures:
            _keep_pictures(report, difference, messages, f'{name}, message {raw.number}')
        judge(report, difference, tolerances, raw.number, stamp_ns)


def judge(report: TopicReport, difference: Difference, tolerances: dict[str, float], number: int,
          stamp_ns: int) -> None:
    """
    Hold a difference against the tolerances of its topic.

    :param number: of the message in the first recording.
    """
    beyond = list(difference.faults)
    for name, figure in difference.figures.items():
        if within(name, figure, {}):
            continue
        report.note(name, figure)
        if not within(name, figure, tolerances):
            place = difference.places[name]
            beyond.append(f'{place}: {name} {figure_text(name, figure)}')
    if not beyond and not tolerances:
        beyond = ['bytes differ, contents do not']
    for what in beyond:
        report.differ(_kind(what), First(number, stamp_ns, what))


def _kind(what: str) -> str:
    """Return a difference without what is different in every message."""
    place, colon, rest = what.partition(': ')
    name = rest.split(' ', 1)[0]
    return f'{place}: {name}' if colon and name in NAMES else what


def decode(types: Typestore, raw: Raw) -> Any:
    """
    Decode a message with the types of its bag.

    :raises ValueError: its bytes are not what the type says.
    """
    try:
        return types.deserialize_cdr(raw.data, raw.topic.msgtype)
    except (SerdeError, ValueError, LookupError, AssertionError) as error:
        raise ValueError(f'{raw.topic.name}: message {raw.number} is truncated or damaged: '
                         f'{error}') from error


def _keep_pictures(report: TopicReport, difference: Difference, messages: Collection[Any],
                   what: str) -> None:
    """Keep a pair of pictures if none before it differs as much."""
    for name in ('psnr', 'depth'):
        figure = difference.figures.get(name, perfect(name))
        if within(name, figure, {}):
            continue
        if report.pictures is None or worse(name, figure, report.figures.get(name, figure)):
            left, right = (picture_of(message, what) for message in messages)
            if left is not None and right is not None:
                report.pictures = left, right
