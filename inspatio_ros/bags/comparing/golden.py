# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A manifest of a bag: hashes of everything and sketches of some messages, instead of gigabytes.

Without tolerances the hashes decide, and nothing escapes them. With tolerances the sketches
decide: of up to 25 pictures, or 50 other messages, of a topic, spread over the recording.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
import json
import os
from pathlib import Path
import secrets
from typing import Any

from inspatio_ros.bags.comparing.compare import (chosen_topics, compare_offers, decode, judge,
                                                 named, Options, Step, tolerance_ns)
from inspatio_ros.bags.comparing.definitions import Offer, own_types
from inspatio_ros.bags.comparing.difference import Difference
from inspatio_ros.bags.comparing.report import figure_text, First, Report, TopicReport
from inspatio_ros.bags.comparing.sketch import compare_sketches, PARTS, sketch
from inspatio_ros.bags.comparing.timeline import match_stamps, read_timelines, Timeline
from inspatio_ros.bags.comparing.tolerances import within
from inspatio_ros.bags.reading import Bag
from inspatio_ros.bags.scenes.images import COMPRESSED, IMAGE
from inspatio_ros.contracts import I64
from inspatio_ros.scene.atomic import write_synced
from inspatio_ros.scene.schema import Fields, read_json
import numpy as np
from rosbags.typesys.store import Typestore

FORMAT, VERSION = 'inspatio_golden', 1
_MOST_PICTURES, _MOST_OTHERS = 25, 50
_TOPIC_KEYS = ('type', 'definition', 'qos', 'count', 'first_ns', 'last_ns', 'sha256', 'samples')
_SAMPLE_KEYS = ('number', 'stamp_ns', 'says')

Sketch = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Sample:
    """
    A message of a manifest.

    :param number: of the message in its topic, from 0.
    :param says: its sketch; None if it could not be decoded.
    """

    number: int
    stamp_ns: int
    says: Sketch | None


@dataclass(frozen=True)
class GoldenTopic:
    """
    What a manifest says of a topic.

    :param sha256: of all its messages, see `Timeline.sha256`.
    """

    offer: Offer
    count: int
    first_ns: int
    last_ns: int
    sha256: str
    samples: tuple[Sample, ...]


def write_golden(bag: Path, manifest: Path, options: Options = Options(),
                 step: Step | None = None) -> list[str]:
    """
    Write the manifest of a bag; one that exists is replaced once the new one is complete.

    :param options: `topics` and `ignore` choose what goes into it.
    :returns: the topics in it.
    :raises ValueError: a bag that cannot be read.
    """
    with Bag(bag) as opened:
        types = own_types(opened)
        names = chosen_topics(opened.topics, options)
        lines = read_timelines(opened, names, types, named(step, f'reading {bag.name}'))
        wanted = {name: _spread(line) for name, line in lines.items()}
        said = _sketches(opened, types, wanted)
    topics = {name: GoldenTopic(
        line.offer, len(line), int(line.stamps_ns[0]) if len(line) else 0,
        int(line.stamps_ns[-1]) if len(line) else 0, line.sha256,
        tuple(Sample(int(number), int(line.stamps_ns[number]), said.get((name, int(number))))
              for number in wanted[name])) for name, line in lines.items()}
    fresh = manifest.with_name(f'.{manifest.name}.{secrets.token_hex(4)}')
    manifest.parent.mkdir(parents=True, exist_ok=True)
    try:
        write_synced(fresh, _text(topics).encode())
        os.replace(fresh, manifest)
    finally:
        fresh.unlink(missing_ok=True)
    return names


def compare_with_golden(bag: Path, manifest: Path, options: Options = Options(),
                        step: Step | None = None) -> Report:
    """
    Compare a bag with a manifest.

    :param options: `keep_pictures` has no effect: a manifest holds none.
    :raises ValueError: a bag or manifest that cannot be read.
    """
    golden = read_golden(manifest)
    with Bag(bag) as opened:
        types = own_types(opened)
        names = chosen_topics([*opened.topics, *golden], options)
        lines = read_timelines(opened, [name for name in names if name in opened.topics], types,
                               named(step, f'reading {bag.name}'))
        topics = {name: _compare_topic(lines.get(name), golden.get(name),
                                       options.tolerances.of(name), options.contents_only)
                  for name in names}
        partners = {name: _partners(lines[name], golden[name], options.tolerances.of(name))
                    for name in names if name in lines and name in golden
                    and not topics[name].exact
                    and lines[name].offer.msgtype == golden[name].offer.msgtype}
        said = _sketches(opened, types, {name: pairs[:, 1] for name, pairs in partners.items()})
    for name, pairs in partners.items():
        own = {number: says for (topic, number), says in said.items() if topic == name}
        try:
            _compare_samples(topics[name], golden[name], pairs, own, options.tolerances.of(name),
                             lines[name].stamps_ns)
        except ValueError as error:
            raise ValueError(f'{manifest}: topics.{name}: {error}') from error
    return Report(topics)


def _compare_topic(line: Timeline | None, golden: GoldenTopic | None,
                   tolerances: Mapping[str, float], contents_only: bool) -> TopicReport:
    """Compare what needs no sample."""
    if line is None:
        assert golden is not None
        return TopicReport(golden.offer.msgtype, (0, golden.count),
                           differences=['only in the manifest'])
    if golden is None:
        return TopicReport(line.offer.msgtype, (len(line), 0), differences=['only in the bag'])
    report = TopicReport(line.offer.msgtype, (len(line), golden.count),
                         line.sha256 == golden.sha256)
    compare_offers(report, line.offer, golden.offer, contents_only)
    if report.exact:
        report.paired = len(line)
        return report
    share = abs(len(line) - golden.count) / max(len(line), golden.count)
    if share:
        report.note('missing', share)
        if not within('missing', share, dict(tolerances)):
            report.differ(f'{len(line)} messages, the manifest has {golden.count}')
    return report


def _partners(line: Timeline, golden: GoldenTopic, tolerances: Mapping[str, float]) -> I64:
    """Return (K, 2): number of the sample, and of the message that belongs to it."""
    stamps = np.array([sample.stamp_ns for sample in golden.samples], np.int64)
    pairs = match_stamps(stamps, line.stamps_ns, tolerance_ns(tolerances))
    if len(line) == golden.count and 2 * len(pairs) < len(stamps):
        return np.array([(index, sample.number) for index, sample in enumerate(golden.samples)],
                        np.int64).reshape(-1, 2)
    return pairs


def _compare_samples(report: TopicReport, golden: GoldenTopic, pairs: I64,
                     said: Mapping[int, Sketch | None], tolerances: dict[str, float],
                     stamps_ns: I64) -> None:
    report.paired = len(pairs)
    alone = len(golden.samples) - len(pairs)
    if alone and not within('missing', alone / len(golden.samples), tolerances):
        report.differ(f'{alone} of {len(golden.samples)} samples have no message of their stamp')
    for index, number in pairs.tolist():
        sample, stamp_ns = golden.samples[index], int(stamps_ns[number])
        apart_s = abs(sample.stamp_ns - stamp_ns) * 1e-9
        if apart_s:
            report.note('stamp', apart_s)
        if not within('stamp', apart_s, tolerances):
            report.differ('stamps', First(number, stamp_ns,
                                          f'stamps: {figure_text("stamp", apart_s)} apart'))
        says = said.get(number)
        if sample.says is None or says is None:
            report.differ('bytes differ, and are not decoded', First(number, stamp_ns, 'bytes'))
        elif says != sample.says:
            judge(report, _difference(says, sample), tolerances, number, stamp_ns)
    if not tolerances and not report.differences:
        report.differ('the hash of all messages differs, no sample does')


def _difference(says: Sketch, sample: Sample) -> Difference:
    try:
        return compare_sketches(says, sample.says or {})
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f'sample {sample.number} cannot be used: {error}') from error


def _spread(line: Timeline) -> I64:
    """Return the numbers of the messages that are kept: first, last and some in between."""
    most = _MOST_PICTURES if line.offer.msgtype in (IMAGE, COMPRESSED) else _MOST_OTHERS
    return np.unique(np.rint(np.linspace(0, len(line) - 1, min(len(line), most)))).astype(np.int64)


def _sketches(bag: Bag, types: Typestore,
              wanted: Mapping[str, I64]) -> dict[tuple[str, int], Sketch | None]:
    """Sketch the messages of some numbers."""
    keys = {(name, int(number)) for name, numbers in wanted.items() for number in numbers}
    found: dict[tuple[str, int], Sketch | None] = {}
    for raw in bag.messages({name for name, _ in keys}) if keys else ():
        key = (raw.topic.name, raw.number)
        if key in keys:
            found[key] = (_as_stored(sketch(decode(types, raw), f'{key[0]}, message {key[1]}'))
                          if raw.topic.msgtype in types.fielddefs else None)
            if len(found) == len(keys):
                break
    return found


def _as_stored(says: Sketch) -> Sketch:
    """Return a sketch as it comes back from a file, so that both compare equal."""
    stored: Sketch = json.loads(json.dumps(says, allow_nan=False))
    return stored


def _text(topics: Mapping[str, GoldenTopic]) -> str:
    """Return the JSON text, one sample a line: what changes is seen in a diff."""
    parts = ',\n'.join(f'{json.dumps(name)}: {_topic_text(topic)}'
                       for name, topic in sorted(topics.items()))
    return (f'{{"format": {json.dumps(FORMAT)},\n"version": {VERSION},\n'
            f'"topics": {{\n{parts}\n}}}}\n')


def _topic_text(topic: GoldenTopic) -> str:
    head = {'type': topic.offer.msgtype, 'definition': topic.offer.definition,
            'qos': list(topic.offer.qos), 'count': topic.count, 'first_ns': topic.first_ns,
            'last_ns': topic.last_ns, 'sha256': topic.sha256}
    lines = [f' {json.dumps(key)}: {json.dumps(value)}' for key, value in head.items()]
    samples = ',\n  '.join(json.dumps({
        'number': sample.number, 'stamp_ns': sample.stamp_ns, 'says': sample.says})
        for sample in topic.samples)
    return '{\n' + ',\n'.join([*lines, f' "samples": [\n  {samples}]']) + '\n}'


def read_golden(path: Path) -> dict[str, GoldenTopic]:
    """
    Read a manifest.

    :raises ValueError: missing, no manifest, a newer version, a field that cannot be used; naming
        the file and the field.
    """
    if not path.is_file():
        raise ValueError(f'{path}: there is no such manifest; --update writes one')
    top = Fields(read_json(path), str(path), '')
    if top.raw('format') != FORMAT:
        raise top.fault('format', repr(top.raw('format')), repr(FORMAT))
    version = top.whole('version')
    if version != VERSION:
        hint = '; a newer inspatio_ros wrote it' if version > VERSION else ''
        raise top.fault('version', str(version), f'{VERSION}{hint}')
    topics = top.raw('topics')
    part = top.child(topics, 'topics')
    return {name: _topic(part.child(value, name)) for name, value in topics.items()}


def _topic(part: Fields) -> GoldenTopic:
    part.only(_TOPIC_KEYS)
    offer = Offer(part.text('type', empty=False), part.text('definition'),
                  tuple(map(str, part.list_of('qos'))))
    samples = part.list_of('samples')
    return GoldenTopic(offer, part.whole('count'), part.whole('first_ns'), part.whole('last_ns'),
                       part.text('sha256'),
                       tuple(_samples(part, samples)))


def _samples(part: Fields, samples: list[Any]) -> Iterator[Sample]:
    for index, value in enumerate(samples):
        it = part.child(value, f'samples[{index}]')
        it.only(_SAMPLE_KEYS)
        says = it.raw('says')
        if says is not None:
            inner = it.child(says, 'says')
            inner.only(PARTS)
            for name in says:
                inner.child(says[name], name)
        yield Sample(it.whole('number'), it.whole('stamp_ns'), says)
