# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How the CPU kernels are compiled, and how an image is cut into bands that run side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
import functools

import numba

Run = Callable[[Sequence[Callable[[], None]]], object]

# nogil: bands run in plain threads, other callbacks go on. No fast-math: the same bytes on every
# x86-64. Division as in numpy: a test for zero in every loop would keep it from vector code.
kernel = functools.partial(numba.njit, nogil=True, cache=True, error_model='numpy')


def split(length: int, bands: int) -> list[tuple[int, int]]:
    """Return `bands` ranges (first, last) of nearly equal length that cover 0 .. length - 1."""
    edges = [length * k // bands for k in range(bands + 1)]
    return list(zip(edges[:-1], edges[1:]))


def run_serial(pieces: Sequence[Callable[[], None]]) -> None:
    """Run pieces of work one after the other."""
    for piece in pieces:
        piece()
