# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How much memory work needs at once, on a GPU and on a CPU."""

from __future__ import annotations

from collections.abc import Callable
import resource
import sys

import torch
from torch.profiler import profile, ProfilerActivity


def allocator_peak(work: Callable[[], object]) -> int:
    """Return the most bytes on the CPU that were held at once above what was there before."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as run:
        work()
    assert run.profiler is not None
    held = peak = 0
    events = [event for event in run.profiler.kineto_results.events()
              if event.name() == '[memory]']
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return peak


def device_peak(work: Callable[[], object], device: torch.device, there: int) -> int:
    """
    Return the most bytes that were held at once.

    :param there: bytes that work finds and needs; a GPU's allocator knows them itself.
    """
    if device.type != 'cuda':
        return there + allocator_peak(work)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    work()
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device)


def process_peak() -> int:
    """Return the most bytes that this process has had in memory, so far."""
    unit = 1 if sys.platform == 'darwin' else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
