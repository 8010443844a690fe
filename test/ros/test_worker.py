# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The sensor thread: told often, it works once; stopped, it finishes first."""

import threading
import time

from inspatio_ros.ros.worker import Worker


def test_being_told_while_at_work_counts_once():
    done, gate = [], threading.Semaphore(0)
    worker = Worker(lambda: (gate.acquire(), done.append(1)))
    worker.tell()
    time.sleep(0.05)
    for _ in range(5):
        worker.tell()
    gate.release(10)
    time.sleep(0.1)
    worker.stop()
    assert len(done) == 2


def test_stopping_waits_for_what_is_under_way():
    done = []
    worker = Worker(lambda: (time.sleep(0.2), done.append(1)))
    worker.tell()
    time.sleep(0.05)
    worker.stop()
    assert done == [1]
    worker.tell()
    time.sleep(0.3)
    assert done == [1]


def test_patience_ends():
    gate = threading.Event()
    worker = Worker(gate.wait)
    worker.tell()
    time.sleep(0.05)
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
    time.sleep(0.8)
    assert len(done) == 3
    assert all(0.09 < after - before < 0.25 for before, after in zip(done, done[1:]))
    worker.stop()


def test_who_is_told_does_not_wait_for_the_while_to_end():
    done = []
    worker = Worker(lambda: (done.append(time.monotonic()), worker.tell_in(30.0)))
    for _ in range(3):
        worker.tell()
        time.sleep(0.1)
    assert len(done) == 3
    worker.stop()
