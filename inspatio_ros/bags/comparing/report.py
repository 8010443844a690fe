# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What came out of comparing two recordings: as an object, as a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from inspatio_ros.bags.comparing.tolerances import worse
from inspatio_ros.bags.reading import NS_PER_S
import numpy.typing as npt

# Differences of one topic that are kept, and that a table shows.
MOST_DIFFERENCES = 20
_SHOWN = 4
_UNITS = {'psnr': '{:.2f} dB', 'depth': '{:.3%}', 'unknown': '{:.3%} of the pixels',
          'pose': '{:.4g} m', 'angle': '{:.4g} degrees', 'stamp': '{:.4g} s', 'value': '{:.4g}',
          'missing': '{:.2%} of the messages'}


@dataclass(frozen=True)
class First:
    """
    The first difference of a topic.

    :param number: of the message in the first recording, from 0.
    :param stamp_ns: of it.
    :param what: differs.
    """

    number: int
    stamp_ns: int
    what: str


@dataclass
class TopicReport:
    """
    One topic of two recordings.

    :param msgtype: of its messages.
    :param counts: messages in the first and in the second recording.
    :param exact: whether all stamps and bytes are equal.
    :param paired: how many messages have a partner.
    :param figures: name of a tolerance -> worst figure of all pairs; perfect ones are left out.
    :param differences: what is beyond the tolerances, in words; empty if the topics are the same.
    :param first: the first message that is; None if there is none.
    :param pictures: the pair of pictures that differs most.
    """

    msgtype: str
    counts: tuple[int, int]
    exact: bool = False
    paired: int = 0
    figures: dict[str, float] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)
    first: First | None = None
    pictures: tuple[npt.NDArray[Any], npt.NDArray[Any]] | None = None

    @property
    def equal(self) -> bool:
        """Return whether nothing is beyond the tolerances."""
        return not self.differences

    def differ(self, what: str, at: First | None = None) -> None:
        """Take in something that is beyond the tolerances."""
        if what not in self.differences and len(self.differences) < MOST_DIFFERENCES:
            self.differences.append(what)
        if at is not None and (self.first is None or at.number < self.first.number):
            self.first = at

    def note(self, name: str, figure: float) -> None:
        """Take in a figure if it is the worst of its kind."""
        if name not in self.figures or worse(name, figure, self.figures[name]):
            self.figures[name] = figure

    def record(self) -> dict[str, Any]:
        """Return it as an object that JSON can hold."""
        first = self.first and {
            'number': self.first.number, 'stamp_ns': self.first.stamp_ns,
            'stamp_s': self.first.stamp_ns / NS_PER_S, 'what': self.first.what}
        return {'equal': self.equal, 'exact': self.exact, 'type': self.msgtype,
                'counts': list(self.counts), 'paired': self.paired, 'figures': self.figures,
                'differences': self.differences, 'first': first}


@dataclass(frozen=True)
class Report:
    """All topics of two recordings, by name."""

    topics: dict[str, TopicReport]

    @property
    def equal(self) -> bool:
        """Return whether the recordings are the same."""
        return all(topic.equal for topic in self.topics.values())

    def record(self) -> dict[str, Any]:
        """Return it as an object that JSON can hold."""
        return {'equal': self.equal,
                'topics': {name: topic.record() for name, topic in self.topics.items()}}

    def table(self) -> str:
        """Return a line for each topic, and under it what is different."""
        width = max(map(len, [*self.topics, 'topic']))
        lines = [f'{"topic":{width}} {"first":>7} {"second":>7}  verdict    worst figures']
        for name, topic in self.topics.items():
            verdict = ('same' if topic.exact and topic.equal else
                       'within' if topic.equal else 'DIFFERENT')
            worst = ', '.join(f'{kind} {figure_text(kind, figure)}'
                              for kind, figure in sorted(topic.figures.items()))
            lines.append(f'{name:{width}} {topic.counts[0]:7d} {topic.counts[1]:7d}  '
                         f'{verdict:10} {worst}'.rstrip())
            lines += [f'  {line}' for line in _differences(topic)]
        different = sum(not topic.equal for topic in self.topics.values())
        lines.append(f'{different} of {len(self.topics)} topics differ' if different
                     else f'the same: {len(self.topics)} topics')
        return '\n'.join(lines)


def _differences(topic: TopicReport) -> Iterator[str]:
    if topic.first is not None:
        second, nanosecond = divmod(topic.first.stamp_ns, NS_PER_S)
        yield (f'first: message {topic.first.number} at {second}.{nanosecond:09d} s: '
               f'{topic.first.what}')
    said = topic.first.what if topic.first else ''
    others = [what for what in topic.differences if not said.startswith(what)]
    yield from others[:_SHOWN]
    if len(others) > _SHOWN:
        yield f'and {len(others) - _SHOWN} more'


def figure_text(name: str, figure: float) -> str:
    """Return a figure with its unit."""
    return _UNITS[name].format(figure)
