# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A few threads that run pieces of work which release the GIL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait


class Crew:
    """
    Runs pieces of work on a fixed number of threads, the caller's among them.

    Plain threads instead of OpenMP: nothing spins between two frames, several worlds live in one
    process, and a busy neighbour costs one piece instead of a barrier.

    :param threads: how many, at least 1.
    :raises ValueError: fewer than one.
    """

    def __init__(self, threads: int) -> None:
        if threads < 1:
            raise ValueError(f'threads must be at least 1, got {threads}')
        self.threads = threads
        self._pool = ThreadPoolExecutor(threads - 1, 'render') if threads > 1 else None

    def run(self, pieces: Sequence[Callable[[], None]]) -> None:
        """
        Run all pieces and wait for them; whoever is free takes the next.

        :raises Exception: what a piece raised, after the others have ended.
        """
        queue = iter(pieces)

        def work() -> None:
            for piece in queue:
                piece()

        helpers = min(self.threads, len(pieces)) - 1
        futures = [self._pool.submit(work) for _ in range(helpers)] if self._pool else []
        try:
            work()
        finally:
            wait(futures)
        for future in futures:
            future.result()

    def close(self) -> None:
        """End the threads."""
        if self._pool:
            self._pool.shutdown()
