# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What of the command line of `world` goes on to the page that it serves."""

from inspatio_ros.cli.world import topic_remaps
import pytest


@pytest.mark.parametrize(('rule', 'expected'), [
    ('cmd_vel:=teleop', '/r1/cmd_vel:=/r1/teleop'),
    ('a/cmd_vel:=a/teleop', '/r1/a/cmd_vel:=/r1/a/teleop'),
    ('/tf:=tf', '/tf:=/r1/tf'),
    ('world_node:odom:=/odometry', '/r1/odom:=/odometry'),
    ('rostopic:///odom:=odometry', 'rostopic:///odom:=/r1/odometry'),
    ('__node:=loopback', None),
    ('world_node:__ns:=/robot', None),
    ('~/step:=/step', None)])
def test_page_follows_the_topics_and_keeps_its_own_name(rule, expected):
    for option in ('-r', '--remap'):
        words = topic_remaps(['-p', 'rate:=10.0', option, rule, '--log-level', 'warn'], '/r1')
        assert words == ([] if expected is None else ['-r', expected])


def test_rules_keep_their_order():
    assert topic_remaps(['--ros-args', '-r', 'a:=b', '-r', '__ns:=/x', '--remap', 'c:=d']) == [
        '-r', '/a:=/b', '-r', '/c:=/d']
