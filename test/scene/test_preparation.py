# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a scene was made of is written and read."""

import json

from inspatio_ros.contracts import Intrinsics
from inspatio_ros.scene.preparation import (FILE, load_preparation, Picture, Preparation, Role,
                                            save_preparation)
import numpy as np
import pytest

CAMERA = Intrinsics(64, 48, 50.0, 51.0, 31.0, 24.0)


@pytest.fixture
def preparation():
    pose = np.eye(4)
    pose[:3, 3] = 0.1, 1.0 / 3.0, -2.0
    return Preparation('walk.mp4', tuple(
        Picture(index, f'frame {index}', index / 30.0, role,
                None if role is Role.LOST else pose, CAMERA)
        for index, role in enumerate(Role)), {'points': 12, 'share': 0.25})


def test_it_is_read_as_it_was_written(tmp_path, preparation):
    save_preparation(tmp_path, preparation)
    read = load_preparation(tmp_path)
    assert (read.source, read.numbers) == (preparation.source, preparation.numbers)
    for a, b in zip(read.pictures, preparation.pictures, strict=True):
        assert (a.index, a.name, a.stamp_s, a.role, a.intrinsics) == (
            b.index, b.name, b.stamp_s, b.role, b.intrinsics)
        np.testing.assert_equal(a.T_map_cam, b.T_map_cam)


def test_a_scene_need_not_say_what_it_was_made_of(tmp_path):
    assert load_preparation(tmp_path) is None


@pytest.mark.parametrize('harm, message', [
    (lambda it: it.update(format='other'), "is 'other' 1, not 'inspatio_preparation' 1"),
    (lambda it: it.update(version=2), "'inspatio_preparation' 2"),
    (lambda it: it.pop('source'), 'source is missing'),
    (lambda it: it['pictures'][0].pop('stamp_s'), 'stamp_s is missing'),
    (lambda it: it['pictures'][0].update(role='gone'), "'gone' is not a valid Role"),
    (lambda it: it['pictures'][0].update(T_map_cam=[1.0] * 16), 'T_map_cam'),
    (lambda it: it['pictures'][0]['intrinsics'].update(fx=-1.0), 'fx must be finite and > 0'),
])
def test_a_damaged_file_is_named(tmp_path, preparation, harm, message):
    save_preparation(tmp_path, preparation)
    record = json.loads((tmp_path / FILE).read_text())
    harm(record)
    (tmp_path / FILE).write_text(json.dumps(record))
    with pytest.raises(ValueError, match=message) as caught:
        load_preparation(tmp_path)
    assert FILE in str(caught.value)


def test_a_torn_file_is_named(tmp_path, preparation):
    save_preparation(tmp_path, preparation)
    text = (tmp_path / FILE).read_text()
    (tmp_path / FILE).write_text(text[:len(text) // 2])
    with pytest.raises(ValueError, match=FILE):
        load_preparation(tmp_path)
