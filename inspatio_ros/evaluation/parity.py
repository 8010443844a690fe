# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Every part of the generator against test vectors of the published program.

A part is a function of the folder with the vectors that returns the largest absolute difference.
A part whose vectors are missing or damaged fails: nothing is passed that was not compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
import math
from pathlib import Path
import time
from typing import Any

from inspatio_ros.evaluation import parity_codec, parity_dit, parity_geometry

TOLERANCE = 2e-5


@dataclass(frozen=True)
class Part:
    """
    One comparison.

    :param run: folder -> largest absolute difference.
    :param tolerance: up to which the part is the same.
    """

    run: Callable[[Path], float]
    tolerance: float = TOLERANCE


@dataclass(frozen=True)
class Result:
    """
    What came out of a part.

    :param max_abs: largest absolute difference; NaN if nothing could be compared.
    :param tolerance: up to which the part is the same.
    :param seconds: that it took.
    :param error: why nothing could be compared, or nothing.
    """

    max_abs: float
    tolerance: float
    seconds: float
    error: str = ''

    @property
    def ok(self) -> bool:
        """Whether the part is the same; never if the difference is NaN."""
        return not self.error and self.max_abs <= self.tolerance

    def record(self) -> dict[str, Any]:
        """Return the result for JSON."""
        record = {'max_abs': self.max_abs, 'tolerance': self.tolerance, 'ok': self.ok,
                  'seconds': round(self.seconds, 3)}
        return {**record, 'error': self.error} if self.error else record


PARTS: dict[str, Part] = {
    'dit': Part(parity_dit.dit),
    'rope': Part(parity_dit.rope),
    'schedule': Part(parity_dit.schedule),
    'sampler': Part(parity_dit.sampler),
    'vae': Part(parity_codec.vae),
    'vae_published': Part(parity_codec.vae_published),
    'taehv': Part(parity_codec.taehv),
    't5': Part(parity_codec.t5),
    'mask': Part(parity_geometry.mask),
    'trajectory': Part(parity_geometry.trajectory),
    'warper_generic': Part(parity_geometry.warper_generic, 1e-4),
    'warper': Part(parity_geometry.warper, 1e-3),
}


def run_parts(folder: Path) -> Iterator[tuple[str, Result]]:
    """
    Compare part by part.

    :param folder: with the vectors.
    :raises ValueError: that is no folder.
    """
    if not folder.is_dir():
        raise ValueError(f'{folder} is no folder with test vectors')
    for name, part in PARTS.items():
        yield name, run_part(part, folder)


def run_part(part: Part, folder: Path) -> Result:
    """Compare one part; vectors that cannot be used become its error."""
    start = time.perf_counter()
    max_abs, error = math.nan, ''
    try:
        max_abs = part.run(folder)
    except (OSError, ValueError, ArithmeticError, RuntimeError, LookupError, TypeError) as caught:
        # Damaged vectors fail in as many ways as there are; the other parts still count.
        error = ' '.join(f'{type(caught).__name__}: {caught}'.split())
    return Result(max_abs, part.tolerance, time.perf_counter() - start, error)
