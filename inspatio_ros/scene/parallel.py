# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Coding many pictures on a few threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
import os
from typing import TypeVar

# Called as progress(done, total) after every view.
Progress = Callable[[int, int], None]

_Item = TypeVar('_Item')
_Result = TypeVar('_Result')


def in_parallel(work: Callable[[_Item], _Result], items: Sequence[_Item],
                progress: Progress | None = None) -> list[_Result]:
    """
    Do the same to many items on a few threads; the first error ends it.

    :param work: releases the interpreter lock for most of its time (coding of pictures does).
    :param items: what to work on.
    :param progress: called in this thread as progress(done, total).
    :returns: the results in the order of the items.
    """
    results = []
    pool = ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1))
    try:
        for result in pool.map(work, items):
            results.append(result)
            if progress is not None:
                progress(len(results), len(items))
    finally:
        pool.shutdown(cancel_futures=True)
    return results
