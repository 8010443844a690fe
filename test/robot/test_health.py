# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the node says of itself, and how often."""

from inspatio_ros.robot.health import Health, Level, Throttle, verdict_of


def test_the_same_thing_is_said_at_most_once_a_second():
    now = [0.0]
    throttle = Throttle(1.0, lambda: now[0])
    said = []
    for now[0] in (0.0, 0.5, 0.99, 1.0, 1.5, 2.5):
        said.append(throttle('a'))
    assert said == [True, False, False, True, False, True]
    assert throttle('b'), 'another thing has its own second'


def test_the_worst_news_comes_first():
    health = Health()
    assert verdict_of(health, 'inactive', 0.0, 24.0, 0.5) == (Level.OK, 'inactive')
    assert verdict_of(health, 'active', 24.0, 24.0, 0.5)[0] == Level.OK
    assert verdict_of(health, 'active', 12.0, 24.0, 0.5)[0] == Level.WARN
    assert verdict_of(health, 'active', 24.0, 24.0, 0.5, ['a', 'b']) == (Level.WARN, 'a; b')
    health.unobserved_ratio = 0.8
    assert '80%' in verdict_of(health, 'active', 24.0, 24.0, 0.5)[1]
    health.error = 'render: out of memory'
    assert verdict_of(health, 'active', 24.0, 24.0, 0.5) == (Level.ERROR, health.error)
