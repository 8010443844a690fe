# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What commands say: JSON on stdout for programs, progress on stderr for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
import contextlib
import json
import math
from pathlib import Path
import sys
from typing import Any, TypeVar

Item = TypeVar('Item')

# Nobody needs a bar for less.
_BAR_AFTER_S = 2.0
# How often the bar is drawn: a log file gets a line now and then, not a hundred.
_DRAW_EVERY_S = 0.2
_LOG_EVERY_S = 2.0


def print_json(record: dict[str, Any]) -> None:
    """
    Print one object on stdout, as `--json` promises.

    Numpy scalars and arrays become numbers and lists; NaN and inf, which JSON does not know,
    become null.
    """
    print(json.dumps(_plain(record), allow_nan=False))


def write_json(path: Path, record: dict[str, Any]) -> None:
    """Write what `print_json` prints into a file."""
    path.write_text(json.dumps(_plain(record), allow_nan=False, indent=1) + '\n')


def _plain(value: Any) -> Any:
    if hasattr(value, 'tolist'):  # numpy, without importing it
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def progress(items: Iterable[Item], total: int, what: str, unit: str = 'frame') -> Iterator[Item]:
    """
    Go through items; a bar appears on stderr once it has taken two seconds.

    :param what: a word or two before the bar.
    """
    bar = ProgressBar(what, unit)
    try:
        for done, item in enumerate(items):
            bar(done, total)
            yield item
        bar(total, total)
    finally:
        bar.close()


@contextlib.contextmanager
def stage(what: str, unit: str = 'picture') -> Iterator[ProgressBar]:
    """
    Give a stage of longer work its bar.

    :param what: a word or two before the bar.
    """
    bar = ProgressBar(what, unit)
    try:
        yield bar
    finally:
        bar.close()


class ProgressBar:
    """
    A bar on stderr, from two seconds on, for work that calls back as progress(done, in all).

    :param what: a word or two before the bar.
    """

    def __init__(self, what: str, unit: str = 'picture') -> None:
        from tqdm import tqdm
        every = _DRAW_EVERY_S if sys.stderr.isatty() else _LOG_EVERY_S
        self._bar = tqdm(desc=what, unit=f' {unit}s', file=sys.stderr, delay=_BAR_AFTER_S,
                         mininterval=every, miniters=0, dynamic_ncols=True)

    def __call__(self, done: int, total: int) -> None:
        """Show that so much is done."""
        self._bar.total = total
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """Leave the bar as it stands."""
        self._bar.close()
