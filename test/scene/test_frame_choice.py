# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which frames of a video are used, and when they are shown."""

from pathlib import Path

from inspatio_ros.scene.reconstruction.chosen import Chosen
from inspatio_ros.scene.reconstruction.frame_choice import choose_frames, timeline
from inspatio_ros.scene.reconstruction.video import Footage
import numpy as np
import pytest


def footage(change, sharpness=None) -> Footage:
    count = len(change)
    sharp = np.ones(count) if sharpness is None else np.asarray(sharpness, float)
    return Footage((64, 48), 10.0, np.arange(count) / 10.0, sharp, np.asarray(change, float))


def test_a_short_video_is_used_whole():
    assert choose_frames(footage([0.0] + [1.0] * 9), 10) == list(range(10))


def test_a_long_video_is_thinned_evenly():
    chosen = choose_frames(footage([0.0] + [1.0] * 99), 10)
    assert len(chosen) == 10 and set(np.diff(chosen)) <= {9, 10, 11}


def test_blurred_frames_are_passed_over():
    sharpness = np.full(100, 5.0)
    sharpness[::2] = 1.0
    assert all(index % 2 for index in choose_frames(footage([0.0] + [1.0] * 99, sharpness), 10))


def test_few_frames_fall_on_a_camera_that_rests():
    change = np.where(np.arange(200) < 100, 0.0, 3.0)
    chosen = np.array(choose_frames(footage(change), 20))
    assert 3 <= (chosen < 100).sum() <= 7 and (chosen >= 100).sum() >= 13


def test_a_still_video_is_thinned_by_the_clock():
    assert len(choose_frames(footage(np.zeros(50)), 10)) >= 5


def test_one_frame_is_not_enough():
    with pytest.raises(ValueError, match='at least 2 frames are needed, got 1'):
        choose_frames(footage(np.zeros(50)), 1)


def test_each_tick_shows_the_frame_taken_nearest_to_it():
    assert timeline([0.0, 0.1, 0.2, 0.3], 10.0) == [0, 1, 2, 3]
    assert timeline([0.0, 0.1, 0.42, 0.5], 10.0) == [0, 1, 1, 2, 2, 3]
    assert timeline([2.0], 10.0) == [0]


def test_time_begins_with_the_recording_not_with_its_first_placed_frame():
    assert timeline([0.2, 0.3, 0.4], 10.0) == [0, 0, 0, 1, 2]


def test_frames_may_come_in_another_order_than_they_were_taken():
    assert timeline([0.0, 0.2, 0.1, 0.3], 10.0) == [0, 2, 1, 3]


def chosen(stamps_s, numbers=None, fps=10.0):
    stamps = np.asarray(stamps_s)
    numbers = list(range(len(stamps))) if numbers is None else numbers
    return Chosen(Path('walk.mkv'), Footage((64, 48), fps, stamps, stamps, stamps), numbers,
                  [], [False] * len(numbers), (64, 48))


def test_the_clock_of_what_moves_has_the_rate_of_the_frames():
    assert chosen([0.0, 0.1, 0.2, 0.3]).rate == 10.0
    assert chosen(np.arange(100) / 10.0, [3, 13, 23]).rate == pytest.approx(1.0)
    # A short gap is waited through, a long one would be thousands of equal frames.
    assert chosen([0.0, 0.1, 0.5, 0.6]).rate == 10.0
    assert chosen([0.0, 0.1, 600.0, 600.1]).rate == pytest.approx(3.0 / 600.1)
