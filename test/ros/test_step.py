# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A step is taken once or not at all, and who asked for it is told which."""

import threading

from inspatio_ros.ros.step import Busy, StepRequest
import pytest


def ticking(requests, tick):
    """Return what makes a thread take the step that is asked for."""
    def work():
        step = requests.take()
        try:
            step.do(tick)
        except ArithmeticError:
            pass
    return lambda: threading.Thread(target=work, daemon=True).start()


def test_who_asks_gets_the_stamp():
    requests = StepRequest()
    assert requests.ask(ticking(requests, lambda: 123)) == 123
    assert requests.take() is None, 'a step is taken once'


def test_a_step_that_has_not_begun_in_time_will_not_be_taken():
    requests = StepRequest(patience_s=0.05)
    with pytest.raises(Busy, match='nothing has changed'):
        requests.ask(lambda: None)
    assert requests.take() is None


def test_a_step_that_takes_long_still_goes_out():
    requests, go_on, out = StepRequest(patience_s=0.05), threading.Event(), threading.Event()

    def slow():
        go_on.wait(5.0)
        out.set()
        return 1

    with pytest.raises(Busy, match='goes out once it is ready'):
        requests.ask(ticking(requests, slow))
    go_on.set()
    assert out.wait(5.0)


def test_what_went_wrong_is_told_to_who_asked():
    requests = StepRequest()

    def failing():
        raise ZeroDivisionError('of the renderer')

    with pytest.raises(ValueError, match='ZeroDivisionError: of the renderer'):
        requests.ask(ticking(requests, failing))
    with pytest.raises(ValueError, match='pose of the robot is unknown'):
        requests.ask(ticking(requests, lambda: None))
