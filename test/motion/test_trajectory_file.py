# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Trajectory files: both kinds, comments, and every way to get them wrong."""

from inspatio_ros.motion.trajectory import Keyframes, relative_poses
from inspatio_ros.motion.trajectory_file import read_trajectory
from inspatio_ros.motion.transforms import pose_rpy
import numpy as np
import pytest

POSE = pose_rpy(1.0, 2.0, 3.0, 0.1, 0.2, 0.3)
ROW = ' '.join(repr(float(x)) for x in POSE.ravel())
FOUR = '\n'.join(' '.join(repr(float(x)) for x in row) for row in POSE)


@pytest.fixture
def read(tmp_path):
    def write_and_read(content):
        path = tmp_path / 'path.txt'
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_trajectory(path)
    return write_and_read


def test_keyframes(read):
    assert read('0 10\n0 -5 0\n1\n') == Keyframes((0.0, 10.0), (0.0, -5.0, 0.0), (1.0,))


def test_comments_commas_and_windows_line_ends(read):
    assert read('# pitch\r\n0, 10\r\n\r\n0 # yaw\r\n1e0\t2') == Keyframes(
        (0.0, 10.0), (0.0,), (1.0, 2.0))


@pytest.mark.parametrize('frames', [1, 2, 3, 4, 7])
def test_matrices_on_one_line_each(read, frames):
    assert read('\n'.join([ROW] * frames)) == pytest.approx(np.stack([POSE] * frames), abs=1e-15)


@pytest.mark.parametrize('frames', [1, 3, 4])
def test_matrices_on_four_lines_each(read, frames):
    assert read('\n\n'.join([FOUR] * frames)) == pytest.approx(
        np.stack([POSE] * frames), abs=1e-15)


def test_three_lines_of_sixteen_keys_are_keys(read):
    line = ' '.join(['1'] * 16)
    assert isinstance(read('\n'.join([line] * 3)), Keyframes)


def test_a_matrix_with_few_digits_becomes_a_rotation(read):
    rounded = ' '.join(f'{x:.4f}' for x in POSE.ravel())
    R = read(rounded)[0, :3, :3]
    assert np.abs(R.T @ R - np.eye(3)).max() < 1e-7


@pytest.mark.parametrize(('content', 'says'), [
    ('', 'path.txt: no numbers'),
    ('# nothing\n\n', 'path.txt: no numbers'),
    ('0 1\n0 x\n1\n', r"path.txt:2: 'x' is not a number"),
    ('0 1\n\n0 nan\n1\n', r"path.txt:3: 'nan' is not finite"),
    ('0 1\n0 1\n', 'path.txt:1: 2 numbers'),
    ('0 1\n0 1\n1\n1\n', 'path.txt:1: 2 numbers'),
    (f'{ROW}\n{ROW} 1\n', 'path.txt:2: 17 numbers'),
    (f'{FOUR}\n1 2 3\n', 'path.txt:5: 3 numbers, expected 4 as on line 1'),
    (f'{FOUR}\n0 0 0 1\n', 'path.txt:5: the last matrix has 1 of 4 lines'),
    (f'{ROW}\n{ROW.replace("1.0", "2.0")}\n', 'path.txt:2: world-to-camera matrix.*last row'),
    (' '.join(['0.5'] * 16), 'path.txt:1: world-to-camera matrix'),
    (b'\xff\xfe\x00\x01', 'path.txt: not a text file')])
def test_a_malformed_file_names_file_and_line(read, content, says):
    with pytest.raises(ValueError, match=says):
        read(content)


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match='gone.txt'):
        read_trajectory(tmp_path / 'gone.txt')
    with pytest.raises(IsADirectoryError):
        read_trajectory(tmp_path)


def test_the_bundled_examples_are_good(request):
    folder = request.config.rootpath / 'config' / 'trajectories'
    names = {path.stem for path in folder.glob('*.txt')}
    assert names >= {'orbit', 'zoom', 'look_around'}
    for path in folder.glob('*.txt'):
        keyframes = read_trajectory(path)
        assert isinstance(keyframes, Keyframes)
        poses = relative_poses(keyframes, 121)
        # A few steps in a room, no jump between frames.
        assert np.abs(poses[:, :3, 3]).max() < 2.0
        assert np.linalg.norm(np.diff(poses[:, :3, 3], axis=0), axis=1).max() < 0.1
