# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Poses and camera matrices in text files."""

import json

from inspatio_ros.motion.transforms import inverse
from inspatio_ros.scene.formats.poses import (read_camera_json, read_camera_matrices, read_poses,
                                              read_world_to_camera)
import numpy as np
import pytest
from scipy.spatial.transform import Rotation


@pytest.fixture
def poses(room):
    return np.array([room.pose(0.1 * i, -0.2 * i, 1.0, 0.3 * i, 0.1, 0.05) for i in range(4)])


def write(path, rows):
    path.write_text('\n'.join(' '.join(repr(float(value)) for value in row) for row in rows))
    return path


def test_matrices_in_every_form_are_exact(tmp_path, poses):
    path = tmp_path / 'p.txt'
    for rows in (poses.reshape(4, 16), poses[:, :3].reshape(4, 12), poses.reshape(16, 4),
                 poses[:, :3].reshape(12, 4)):
        assert np.array_equal(read_poses(write(path, rows)), poses)


def test_quaternions_are_xyzw(tmp_path, poses):
    quaternions = Rotation.from_matrix(poses[:, :3, :3]).as_quat()
    rows = np.hstack((poses[:, :3, 3], quaternions))
    path = tmp_path / 'p.txt'
    np.testing.assert_allclose(read_poses(write(path, rows)), poses, atol=1e-12)
    stamped = np.hstack((np.arange(4)[:, None] + 1e9, rows))
    np.testing.assert_allclose(read_poses(write(path, stamped)), poses, atol=1e-12)


def test_world_to_camera_is_inverted(tmp_path, poses):
    path = write(tmp_path / 'p.txt', inverse(poses)[:, :3].reshape(12, 4))
    np.testing.assert_allclose(read_world_to_camera(path), poses, atol=1e-12)


def test_rounded_matrices_are_pulled_back(tmp_path, poses):
    path = write(tmp_path / 'p.txt', np.round(poses.reshape(4, 16), 4))
    read = read_poses(path)
    R = read[:, :3, :3]
    assert np.abs(np.swapaxes(R, 1, 2) @ R - np.eye(3)).max() < 1e-9
    np.testing.assert_allclose(read, poses, atol=2e-4)


def test_comments_commas_and_empty_lines(tmp_path):
    path = tmp_path / 'p.txt'
    path.write_text('# tx ty tz qx qy qz qw\n\n1, 2, 3, 0, 0, 0, 1 # first\n')
    assert np.array_equal(read_poses(path)[0, :3, 3], (1, 2, 3))


@pytest.mark.parametrize('text, message', [
    ('', 'holds no numbers'),
    ('# nothing', 'holds no numbers'),
    ('1 2 3', 'line 1 has 3 numbers; a pose has 7 or 8'),
    ('1 2 3 0 0 0 1\n1 2 3 0 0 0', 'line 2 has 6 numbers, line 1 has 7'),
    ('1 2 x 0 0 0 1', "line 1: 'x' is no number"),
    ('\n1 2 nan 0 0 0 1', "line 2: 'nan' is not finite"),
    ('1 2 inf 0 0 0 1', "line 1: 'inf' is not finite"),
    ('1 2 3 0 0 0 0', 'line 1.*norm 0, expected 1'),
    ('1 2 3 0 0 0 2', 'line 1.*norm 2, expected 1'),
    ('1 0 0 0 0 1 0 0 0 0 -1 0', 'line 1 is a reflection'),
    ('2 0 0 0 0 2 0 0 0 0 2 0', 'line 1.*rotation has a scale'),
    ('1 0 0 0 0 1 0 0 0 0 1 0 0 0 1 1', 'line 1.*last row'),
    ('1 0 0 0\n0 1 0 0', 'has 2 lines of numbers, expected 3 for each'),
])
def test_bad_pose_files_are_refused(tmp_path, text, message):
    path = tmp_path / 'poses.txt'
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        read_poses(path)
    assert str(caught.value).startswith(str(path))


def test_files_that_are_no_text(tmp_path):
    with pytest.raises(ValueError, match='poses.txt: there is no such file'):
        read_poses(tmp_path / 'poses.txt')
    (tmp_path / 'poses.txt').write_bytes(b'\xff\xfe\x00')
    with pytest.raises(ValueError, match='poses.txt: is no text file'):
        read_poses(tmp_path / 'poses.txt')


def test_camera_matrices(tmp_path):
    K = np.array([[[500.0, 0, 320], [0, 510, 240], [0, 0, 1]], [[1, 0, 2], [0, 3, 4], [0, 0, 1]]])
    path = tmp_path / 'k.txt'
    assert np.array_equal(read_camera_matrices(write(path, K.reshape(6, 3))), K)
    assert np.array_equal(read_camera_matrices(write(path, K.reshape(2, 9))), K)


@pytest.mark.parametrize('text, message', [
    ('0 0 1\n0 1 1\n0 0 1', 'focal lengths are 0 and 1, expected > 0'),
    ('5 0 1\n0 -5 1\n0 0 1', 'focal lengths are 5 and -5, expected > 0'),
    ('5 0 1\n0 5 1\n0 0 2', 'is no camera matrix'),
    ('5 1 1\n0 5 1\n0 0 1', 'has skew 1, expected 0'),
    ('5 0 1\n0 5 1', 'has 2 lines of numbers, expected 3'),
    ('5 0 1 2\n0 5 1 2\n0 0 1 2', 'line 1 has 4 numbers, expected 3'),
])
def test_bad_camera_matrices_are_refused(tmp_path, text, message):
    path = tmp_path / 'intrinsic.txt'
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        read_camera_matrices(path)
    assert str(caught.value).startswith(str(path))


GOOD = {'width': 640, 'height': 480, 'fx': 500.0, 'fy': 501, 'cx': 320.5, 'cy': 239}


@pytest.mark.parametrize('change, message', [
    ({'fx': 0}, 'fx must be finite and > 0, got 0'),
    ({'fy': 'wide'}, 'fy is "wide", expected a number'),
    ({'width': 640.5}, 'width is 640.5, expected a whole number'),
    ({'k1': 0.1}, 'k1 is an unknown field'),
    ({'depth_scale': 0}, 'depth_scale is 0.0, expected > 0'),
])
def test_bad_camera_files_are_refused(tmp_path, change, message):
    path = tmp_path / 'camera.json'
    path.write_text(json.dumps({**GOOD, **change}))
    with pytest.raises(ValueError, match=message) as caught:
        read_camera_json(path)
    assert str(caught.value).startswith(str(path))


def test_camera_file_with_and_without_scale(tmp_path):
    path = tmp_path / 'camera.json'
    path.write_text(json.dumps(GOOD))
    camera, scale = read_camera_json(path)
    assert scale is None and (camera.width, camera.fy) == (640, 501.0)
    path.write_text(json.dumps({**GOOD, 'depth_scale': 1000.0}))
    assert read_camera_json(path)[1] == 1000.0
