# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What the generator did while the node was measured, as the node's own diagnostics tell it.

They come once a second and tell the time of the newest block only: of blocks that take less than
that, the median is over those that were the newest when the node spoke.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import Any, NamedTuple

CHOICES = ('none', 'auto', 'star')
# The end of the name of its status, which begins with the node's.
_STATUS = ': generator'


class Told(NamedTuple):
    """What one message says of it: since the node began, but for the newest block's time."""

    arrival_ns: int
    blocks: int
    failures: int
    block_s: float
    size: str
    state: str


@dataclass
class GeneratorDiary:
    """
    What the node said of its generator; nothing if it has none.

    :param told: in the order in which it came.
    """

    told: list[Told] = field(default_factory=list)

    def note(self, message: Any, arrival_ns: int) -> None:
        """Write down what one message of diagnostics says."""
        for status in message.status:
            if status.name.endswith(_STATUS):
                values = {item.key: item.value for item in status.values}
                self.told.append(Told(arrival_ns, int(values['blocks']), int(values['failures']),
                                      float(values['latency_ms']) * 1e-3, values['size'],
                                      values['state']))

    def begin(self) -> None:
        """Count from the last word on."""
        del self.told[:-1]

    def cut(self, end_ns: int) -> None:
        """Forget what was told later."""
        self.told = [it for it in self.told if it.arrival_ns <= end_ns]

    def figures(self, asked: str) -> dict[str, Any]:
        """
        Return what it did between the first word and the last.

        :param asked: the node's parameter `generator`.
        :returns: `ran`, which one the node had, whether it painted or not; `state`, what it said
            last that it was doing.
        """
        if not self.told:
            return {'asked': asked, 'ran': 'none', 'blocks': 0}
        first, last = self.told[0], self.told[-1]
        times_s = [it.block_s for before, it in zip(self.told, self.told[1:])
                   if it.blocks > before.blocks]
        found = {'asked': asked, 'ran': 'star', 'state': last.state, 'size': last.size,
                 'blocks': last.blocks - first.blocks,
                 'failures': last.failures - first.failures,
                 'told_over_s': round((last.arrival_ns - first.arrival_ns) * 1e-9, 1)}
        return {**found, 'block_median_s': round(median(times_s), 3)} if times_s else found


def text_of(figures: dict[str, Any]) -> str:
    """Return the figures as one line."""
    if figures['ran'] == 'none':
        return 'none' + ('' if figures['asked'] == 'none' else f' (asked for {figures["asked"]})')
    parts = [f'{figures["ran"]} (asked for {figures["asked"]}), {figures["size"]}',
             *([] if figures['blocks'] else [figures['state']]),
             f'{figures["blocks"]} blocks in {figures["told_over_s"]:.1f} s']
    if 'block_median_s' in figures:
        parts.append(f'median {figures["block_median_s"]:.2f} s each')
    return ', '.join([*parts, f'{figures["failures"]} failures'])
