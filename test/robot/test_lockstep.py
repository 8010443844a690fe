# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""When the next tick is taken."""

from dataclasses import replace
import math

from inspatio_ros.robot.lockstep import Lockstep
from inspatio_ros.robot.parameters import WorldParameters
import pytest

NOW_NS = 5_000_000_000


class Rule(Lockstep):
    """The rule with a clock that a test sets."""

    def __init__(self, **parameters):
        self.s = 0.0
        super().__init__(WorldParameters(clock='lockstep', **parameters), lambda: self.s)

    def taken(self, heard_ns=None):
        self.take(NOW_NS, heard_ns)
        return self


@pytest.mark.parametrize('heard_ns, answered', [
    (None, False), (NOW_NS - 1, False), (NOW_NS, True), (NOW_NS + 1, True)])
def test_a_tick_is_answered_by_what_is_stamped_with_its_time_or_later(heard_ns, answered):
    rule = Rule(tick_timeout=0.0)
    for _ in range(2):
        assert rule.due_in_s(NOW_NS, heard_ns) == (0.0 if answered else math.inf)
        rule.taken()


def test_what_nobody_answers_is_followed_after_a_while_and_counted():
    rule = Rule(tick_timeout=2.0)
    assert rule.due_in_s(NOW_NS, None) == 2.0, 'the first one, too'
    rule.s = 1.5
    assert rule.due_in_s(NOW_NS, None) == 0.5
    rule.s = 3.0
    assert rule.due_in_s(NOW_NS, None) == 0.0
    rule.taken()
    assert rule.timeouts == 1
    assert rule.due_in_s(NOW_NS, None) == 2.0
    rule.taken(NOW_NS)
    assert rule.timeouts == 1


def test_to_begin_again_is_to_wait_again():
    rule = Rule(tick_timeout=2.0).taken()
    rule.s = 10.0
    rule.begin()
    assert rule.due_in_s(NOW_NS, None) == 2.0


@pytest.mark.parametrize('tick_on', ['input', 'free'])
def test_a_rate_holds_ticks_back(tick_on):
    rule = Rule(tick_on=tick_on, tick_rate=10.0)
    assert rule.due_in_s(NOW_NS, NOW_NS) == 0.0
    rule.taken(NOW_NS)
    assert rule.due_in_s(NOW_NS, NOW_NS) == pytest.approx(0.1)
    rule.s = 0.2
    assert rule.due_in_s(NOW_NS, NOW_NS) == 0.0


def test_free_ticks_wait_for_nothing_and_steps_for_everything():
    rule = Rule(tick_on='free')
    assert rule.taken().due_in_s(NOW_NS, None) == 0.0
    assert rule.timeouts == 0
    rule.settings = replace(rule.settings, tick_on='step')
    assert rule.due_in_s(NOW_NS, NOW_NS) == math.inf
