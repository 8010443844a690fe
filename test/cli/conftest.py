# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What tests of commands share."""

import signal

import pytest


@pytest.fixture(autouse=True)
def keep_signals():
    """Undo what a command does to the signals of this process."""
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
