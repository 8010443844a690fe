# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The sensor thread: told often, it works once; stopped, it finishes first."""

import threading
import time

from inspatio_ros.ros.worker import Worker


def wait_for(times, done):
    """Wait until something was done some times."""
    end = time.monotonic() + 30.0
    while len(done) < times:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_being_told_while_at_work_counts_once():
    begun, done, gate = [], [], threading.Semaphore(0)
    worker = Worker(lambda: (begun.append(1), gate.acquire(), done.append(1)))
    worker.tell()
    wait_for(1, begun)
    for _ in range(5):
        worker.tell()
    gate.release(10)
    wait_for(2, done)
    time.sleep(0.1)
    worker.stop()
    assert len(done) == 2


def test_stopping_waits_for_what_is_under_way():
    begun, done = [], []
    worker = Worker(lambda: (begun.append(1), time.sleep(0.2), done.append(1)))
    worker.tell()
    wait_for(1, begun)
    worker.stop()
    assert done == [1]
    worker.tell()
    time.sleep(0.3)
    assert done == [1]


def test_patience_ends():
    begun, gate = [], threading.Event()
    worker = Worker(lambda: (begun.append(1), gate.wait()))
    worker.tell()
    wait_for(1, begun)
    begin = time.monotonic()
    worker.stop(0.1)
    assert time.monotonic() - begin < 1.0
    gate.set()


def test_work_may_ask_to_be_done_again_after_a_while():
    done = []

    def work():
        done.append(time.monotonic())
        if len(done) < 3:
            worker.tell_in(0.1)

    worker = Worker(work)
    worker.tell()
    wait_for(3, done)
    assert all(after - before > 0.09 for before, after in zip(done, done[1:]))
    worker.stop()
    assert len(done) == 3


def test_who_is_told_does_not_wait_for_the_while_to_end():
    done = []
    worker = Worker(lambda: (done.append(time.monotonic()), worker.tell_in(300.0)))
    for times in (1, 2, 3):
        worker.tell()
        wait_for(times, done)
    worker.stop()
    assert len(done) == 3
