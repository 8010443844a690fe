# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What became of each message: nothing is lost silently."""

from __future__ import annotations

from dataclasses import dataclass, field
import enum


class Verdict(enum.Enum):
    """What became of one message; the value is the name in diagnostics."""

    USED = 'used'
    NOT_FINITE = 'not_finite'   # NaN or inf
    OVER_LIMIT = 'over_limit'   # faster than allowed, or farther than there are places
    NOT_RIGID = 'not_rigid'     # a pose that is no rotation, a quaternion that is not of norm 1
    STALE = 'stale'             # older than the newest, or too old to matter
    FUTURE = 'future'           # stamped so far ahead that it would block everything after it
    BAD_FRAME = 'bad_frame'     # for the node: a frame id that nobody knows

    @property
    def used(self) -> bool:
        """Return whether the message took effect."""
        return self is Verdict.USED


@dataclass
class Counts:
    """
    Counters of one input; received = used + all rejected.

    :param received: messages seen.
    :param used: messages that took effect.
    :param rejected: reason -> messages; holds only reasons that occurred.
    """

    received: int = 0
    used: int = 0
    rejected: dict[Verdict, int] = field(default_factory=dict)

    def note(self, verdict: Verdict) -> Verdict:
        """Count one message and hand its verdict through."""
        self.received += 1
        if verdict.used:
            self.used += 1
        else:
            self.rejected[verdict] = self.rejected.get(verdict, 0) + 1
        return verdict

    def as_dict(self) -> dict[str, int]:
        """Return flat names for diagnostics: received, used, rejected.REASON."""
        flat = {'received': self.received, 'used': self.used}
        flat.update({f'rejected.{v.value}': n for v, n in self.rejected.items()})
        return flat
