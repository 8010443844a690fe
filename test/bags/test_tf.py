# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Transforms of a recording at any stamp, and why there are none."""

import math

from inspatio_ros.bags.tf import NoPoseError, PoseSeries, Transforms
from inspatio_ros.motion.transforms import inverse, pose_rpy
from make_bag import NS, tf, transform
import numpy as np
import pytest

MOUNT = pose_rpy(0.2, 0.0, 0.5, pitch=0.3)


def tree():
    """Build map -> odom -> base -> camera, and base -> wheel; odom turns and moves in x."""
    buffer = Transforms(max_gap_s=1.0)
    buffer.add_message(tf(transform(MOUNT, '/base', '/camera')), static=True)
    buffer.add_message(tf(transform(pose_rpy(y=0.3), 'base', 'wheel')), static=True)
    for second in (10, 11, 13):
        buffer.add_message(tf(
            transform(pose_rpy(1.0), 'map', 'odom', second * NS),
            transform(pose_rpy(second, yaw=0.1 * second), 'odom', 'base', second * NS)), False)
    return buffer


def test_a_chain_is_followed_up_and_down():
    buffer = tree()
    T_map_base = pose_rpy(1.0) @ pose_rpy(11.0, yaw=1.1)
    assert np.allclose(buffer.lookup('map', 'camera', 11 * NS), T_map_base @ MOUNT, atol=1e-12)
    assert np.allclose(buffer.lookup('camera', 'map', 11 * NS), inverse(T_map_base @ MOUNT),
                       atol=1e-12)
    assert np.allclose(buffer.lookup('wheel', 'camera', 5), pose_rpy(y=-0.3) @ MOUNT, atol=1e-12)
    assert np.array_equal(buffer.lookup('nowhere', 'nowhere', 0), np.eye(4))


@pytest.mark.parametrize('share', [0.0, 0.25, 1.0])
def test_poses_between_stamps_are_interpolated(share):
    T = tree().lookup('odom', 'base', round((10 + share) * NS))
    assert np.allclose(T, pose_rpy(10.0 + share, yaw=0.1 * (10.0 + share)), atol=1e-12)


@pytest.mark.parametrize('stamp_s, reason', [
    (9.999, 'before the first transform'), (13.001, 'after the last transform'),
    (12.0, 'in a gap of transform odom -> base longer than 1 s')])
def test_poses_that_are_not_known_say_why(stamp_s, reason):
    with pytest.raises(NoPoseError, match=reason):
        tree().lookup('odom', 'camera', round(stamp_s * NS))


def test_both_ends_of_a_gap_are_known():
    for second in (11, 13):
        assert tree().lookup('odom', 'base', second * NS)[0, 3] == pytest.approx(second)


@pytest.mark.parametrize('target, source, words', [
    ('world', 'camera', 'TF has no frame world'),
    ('world', 'lidar', 'TF has no frame world nor lidar'),
    ('left', 'camera', 'TF does not connect camera with left')])
def test_frames_that_are_not_connected(target, source, words):
    buffer = tree()
    buffer.add_message(tf(transform(np.eye(4), 'stereo', 'left')), static=True)
    assert not buffer.connects(target, source)
    with pytest.raises(NoPoseError, match=words):
        buffer.lookup(target, source, 10 * NS)


def test_poses_that_are_none_are_counted_and_left_out():
    buffer = tree()
    bad = pose_rpy()
    bad[0, 3] = math.nan
    buffer.add_message(tf(transform(bad, 'odom', 'base', 12 * NS)), static=False)
    zero = transform(pose_rpy(), 'odom', 'base', 12 * NS)
    zero.transform.rotation.w = 0.0
    buffer.add_message(tf(zero), static=False)
    assert buffer.not_finite == {'odom -> base': 2}
    with pytest.raises(NoPoseError, match='in a gap'):
        buffer.lookup('odom', 'base', 12 * NS)


def test_small_disorder_and_repeated_stamps_are_sorted():
    series = PoseSeries('poses')
    for stamp, x in ((10.0, 0.0), (10.4, 4.0), (10.2, 2.0), (10.4, 8.0)):
        series.add(round(stamp * NS), (x, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0))
    assert series.at(round(10.1 * NS))[0, 3] == pytest.approx(1.0)
    assert series.at(round(10.3 * NS))[0, 3] == pytest.approx(5.0)


def test_time_that_goes_backwards_is_an_error_where_it_matters():
    buffer = tree()
    buffer.add_message(tf(transform(pose_rpy(), 'odom', 'base', 5 * NS)), static=False)
    with pytest.raises(ValueError, match=r'odom -> base: time goes backwards by 8.000 s'):
        buffer.lookup('map', 'camera', 11 * NS)
    assert np.allclose(buffer.lookup('base', 'camera', 11 * NS), MOUNT)


def test_two_parents_are_an_error_where_they_matter():
    buffer = tree()
    buffer.add_message(tf(transform(np.eye(4), 'body', 'wheel')), static=True)
    with pytest.raises(ValueError, match='wheel has two parents, base and body'):
        buffer.lookup('map', 'wheel', 11 * NS)
    assert np.isfinite(buffer.lookup('map', 'camera', 11 * NS)).all()


def test_a_loop_is_an_error():
    buffer = Transforms()
    for parent, child in (('a', 'b'), ('b', 'c'), ('c', 'a')):
        buffer.add_message(tf(transform(np.eye(4), parent, child)), static=True)
    with pytest.raises(ValueError, match='form a loop'):
        buffer.lookup('a', 'c', 0)
