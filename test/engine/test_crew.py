# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The crew of render threads."""

import threading

from inspatio_ros.engine.crew import Crew
import pytest


@pytest.mark.parametrize('threads', [1, 2, 3])
def test_every_piece_runs_once(threads: int) -> None:
    crew, done, lock = Crew(threads), [], threading.Lock()

    def piece(number: int) -> None:
        with lock:
            done.append(number)

    for _ in range(3):
        crew.run([lambda n=n: piece(n) for n in range(20)])
    crew.close()
    assert sorted(done) == sorted(3 * list(range(20)))


def test_several_threads_are_used() -> None:
    crew, meeting = Crew(2), threading.Barrier(2, timeout=10.0)
    crew.run([meeting.wait, meeting.wait])  # would break the barrier on one thread
    crew.close()


@pytest.mark.parametrize('threads', [1, 2])
def test_an_error_reaches_the_caller_and_the_crew_goes_on(threads: int) -> None:
    crew, done = Crew(threads), []

    def fail() -> None:
        raise RuntimeError('a piece failed')

    with pytest.raises(RuntimeError, match='a piece failed'):
        crew.run([fail, fail])
    crew.run([lambda: done.append(1)])
    crew.close()
    assert done == [1]


def test_less_than_one_thread_is_refused() -> None:
    with pytest.raises(ValueError, match='at least 1, got 0'):
        Crew(0)
