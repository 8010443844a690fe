# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a camera saw, as files."""

import errno
import json
import os
from pathlib import Path

from inspatio_ros.motion.transforms import pose_rpy
from inspatio_ros.robot.parameters import WorldParameters
from inspatio_ros.robot.sensor import Sensor
from inspatio_ros.robot.views import save_view, views_folder
from inspatio_ros.scene.formats.rgbd import read_rgbd_folder
import numpy as np
from painted_world import CAMERA, PaintedWorld
from PIL import Image
import pytest

T_MAP_BASE = pose_rpy(3.0, -2.0, yaw=0.7)


@pytest.fixture
def frame():
    return Sensor(PaintedWorld(), WorldParameters()).glance(123, T_MAP_BASE)


def test_a_view_reads_back_as_an_rgbd_folder(tmp_path, frame):
    folder = save_view(tmp_path / 'views', frame, T_MAP_BASE)
    assert folder == tmp_path / 'views' / 'view_0001'
    (view,) = read_rgbd_folder(folder).views
    np.testing.assert_array_equal(view.rgb, frame.rgb)
    np.testing.assert_allclose(view.T_map_cam, frame.T_map_cam, atol=1e-12)
    assert view.intrinsics == CAMERA
    assert view.depth[1, 1] == pytest.approx(4.0) and np.isnan(view.depth[-1, 0])


def test_depth_pose_and_what_was_observed_are_kept_exactly(tmp_path, frame):
    folder = save_view(tmp_path, frame, T_MAP_BASE)
    np.testing.assert_array_equal(np.load(folder / 'depth_1.npy'), frame.depth)
    np.testing.assert_array_equal(np.asarray(Image.open(folder / 'observed_1.png')),
                                  frame.observed)
    pose = json.loads((folder / 'pose.json').read_text())
    assert pose['stamp_ns'] == 123
    np.testing.assert_array_equal(pose['T_map_base'], T_MAP_BASE)
    np.testing.assert_array_equal(pose['T_map_camera'], frame.T_map_cam)


def test_views_are_numbered_and_what_is_there_stays(tmp_path, frame):
    (tmp_path / 'view_0007').mkdir()
    (tmp_path / 'view_0007' / 'mine').write_text('kept')
    assert save_view(tmp_path, frame, T_MAP_BASE).name == 'view_0008'
    assert save_view(tmp_path, frame, T_MAP_BASE).name == 'view_0009'
    assert (tmp_path / 'view_0007' / 'mine').read_text() == 'kept'


def test_a_link_does_not_lead_out_of_the_folder(tmp_path, frame):
    inside, outside = tmp_path / 'views', tmp_path / 'outside'
    inside.mkdir()
    outside.mkdir()
    (inside / 'view_0001').symlink_to(outside)
    (inside / f'.view.saving-{os.getpid()}').symlink_to(outside)
    with pytest.raises(FileExistsError):
        save_view(inside, frame, T_MAP_BASE)
    (inside / f'.view.saving-{os.getpid()}').unlink()
    assert save_view(inside, frame, T_MAP_BASE).name == 'view_0002'
    assert not list(outside.iterdir())


def test_a_full_disk_leaves_nothing(tmp_path, frame, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(Path, 'write_text', full)
    with pytest.raises(OSError, match='No space'):
        save_view(tmp_path, frame, T_MAP_BASE)
    assert not list(tmp_path.iterdir())


def test_a_file_in_the_way_is_named(tmp_path, frame):
    (tmp_path / 'views').write_text('')
    with pytest.raises(OSError, match='views'):
        save_view(tmp_path / 'views', frame, T_MAP_BASE)


def test_views_lie_beside_the_logs_of_ros_unless_asked(monkeypatch, tmp_path):
    monkeypatch.setenv('ROS_HOME', str(tmp_path))
    assert views_folder('') == tmp_path / 'inspatio_views'
    monkeypatch.delenv('ROS_HOME')
    assert views_folder('') == Path.home() / '.ros' / 'inspatio_views'
    assert views_folder('~/seen') == Path.home() / 'seen'
