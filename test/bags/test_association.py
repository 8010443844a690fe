# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Stamps find their nearest partner within a bound; keyframes follow motion."""

from inspatio_ros.bags.scenes.association import check_time, closest_s, nearest
from inspatio_ros.bags.scenes.keyframes import choose_keyframes, Motion
from inspatio_ros.motion.transforms import pose_rpy
import numpy as np
import pytest

MS = 1_000_000


def ms(*values):
    return np.array(values, np.int64) * MS


def slow_nearest(stamps, others, bound_ns):
    found = []
    for stamp in stamps:
        best = min(range(len(others)), key=lambda i: (abs(others[i] - stamp), others[i]))
        found.append(best if abs(others[best] - stamp) <= bound_ns else -1)
    return found


@pytest.mark.parametrize('seed', range(5))
def test_nearest_is_what_a_search_of_all_finds(seed):
    rng = np.random.default_rng(seed)
    stamps = rng.integers(0, 1000, 40) * MS
    others = rng.choice(1000, 1 + 12 * seed, replace=False) * MS
    assert nearest(stamps, others, 0.015).tolist() == slow_nearest(stamps, others, 15 * MS)


def test_the_bound_itself_is_near_enough():
    assert nearest(ms(100), ms(80), 0.02).tolist() == [0]
    assert nearest(ms(100), ms(80) - 1, 0.02).tolist() == [-1]


def test_without_others_nothing_is_near():
    assert nearest(ms(1, 2), ms(), 1.0).tolist() == [-1, -1]


def test_the_distance_that_is_told_is_the_median():
    assert closest_s(ms(0, 100, 200), ms(10, 130, 240)) == pytest.approx(0.030)


def test_time_may_be_slightly_out_of_order_but_not_go_back():
    check_time(ms(0, 100, 50, 200), '/topic')
    with pytest.raises(ValueError, match=r'/topic: time goes backwards by 4.000 s.*message 2'):
        check_time(ms(0, 5000, 1000, 6000), '/topic')


def walk(*xy_yaw):
    return np.array([pose_rpy(x, y, yaw=yaw) for x, y, yaw in xy_yaw])


def test_a_camera_that_stands_gives_one_view():
    assert choose_keyframes(walk(*[(0.001 * i, 0, 0) for i in range(100)]), Motion()) == ([0], 1.0)


def test_views_follow_each_other_at_the_step():
    chosen, factor = choose_keyframes(walk(*[(0.05 * i, 0, 0) for i in range(21)]),
                                      Motion(step_m=0.199))
    assert chosen == [0, 4, 8, 12, 16, 20] and factor == 1.0


def test_a_turn_on_the_spot_gives_views():
    chosen, _ = choose_keyframes(walk(*[(0, 0, np.radians(2 * i)) for i in range(46)]),
                                 Motion(turn_deg=29.0))
    assert chosen == [0, 15, 30, 45]


def test_coming_back_adds_nothing_but_looking_back_does():
    there = [(0.3 * i, 0, 0) for i in range(5)]
    same = choose_keyframes(walk(*there, *there[::-1]), Motion())[0]
    assert same == [0, 1, 2, 3, 4]
    back = [(x, y, np.pi) for x, y, _ in there[::-1]]
    assert choose_keyframes(walk(*there, *back), Motion())[0] == list(range(10))


@pytest.mark.parametrize('most', [1, 2, 7])
def test_thresholds_grow_until_there_are_few_enough(most):
    rng = np.random.default_rng(most)
    poses = walk(*rng.uniform(-3, 3, (200, 3)))
    chosen, factor = choose_keyframes(poses, Motion(most=most))
    assert 0 < len(chosen) <= most and factor > 1.0 and chosen[0] == 0


@pytest.mark.parametrize('wrong, words', [
    ({'step_m': 0.0}, 'step_m must be finite and > 0'),
    ({'turn_deg': float('nan')}, 'turn_deg must be finite and > 0'),
    ({'most': 0}, 'at most 0 views leave none')])
def test_thresholds_that_make_no_sense(wrong, words):
    with pytest.raises(ValueError, match=words):
        Motion(**wrong)
