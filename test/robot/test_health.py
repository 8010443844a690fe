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
    health.unobserved_ratio = 0.8
    assert '80%' in verdict_of(health, 'active', 24.0, 24.0, 0.5)[1]
    health.error = 'render: out of memory'
    assert verdict_of(health, 'active', 24.0, 24.0, 0.5) == (Level.ERROR, health.error)


def test_one_thing_that_is_wrong_hides_no_other():
    health = Health()

    def verdict(rate_hz, *doubts):
        return verdict_of(health, 'active', rate_hz, 24.0, 0.5, doubts)
    assert verdict(24.0, 'a', 'b') == (Level.WARN, '24.0 Hz; a; b')
    assert verdict(12.0, 'a') == (Level.WARN, '12.0 Hz instead of 24.0 Hz; a')
    health.unobserved_ratio = 0.8
    level, message = verdict(12.0, 'a')
    assert level == Level.WARN
    assert message.startswith('80%') and message.endswith('; 12.0 Hz instead of 24.0 Hz; a')
    health.error = 'render: out of memory'
    assert verdict(12.0, 'a') == (Level.ERROR, health.error)
