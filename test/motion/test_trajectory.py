# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Keyframe trajectories against the published program's vectors, and by hand where it has none."""

import json
import math

from inspatio_ros.motion import trajectory as tr
from inspatio_ros.motion.transforms import is_rigid, pose_rpy
import numpy as np
import pytest

# The vectors are float32; sampled degrees reach 80, whose last float32 bit is 8e-6.
POSE_TOLERANCE = 1e-6
SAMPLE_TOLERANCE = 5e-6


@pytest.fixture(scope='module')
def vectors(shared_dir):
    from safetensors.numpy import load_file
    folder = shared_dir / 'parity'
    config = json.loads((folder / 'trajectory.json').read_text())['config']
    keyframes = {name: tr.Keyframes(tuple(k['pitch']), tuple(k['yaw']), tuple(k['r']))
                 for name, k in config['keyframes'].items()}
    return load_file(folder / 'trajectory.safetensors'), keyframes, config


def test_sampled_keys_equal_the_vectors(vectors):
    tensors, keyframes, _ = vectors
    seen = 0
    for name, keys in keyframes.items():
        for n in (49, 121):
            got = [tr.sample_keys(k, n) for k in (keys.pitch_deg, keys.yaw_deg, keys.r)]
            assert np.abs(np.array(got) - tensors[f'{name}.n{n}.interp']).max() < SAMPLE_TOLERANCE
            seen += 1
    assert seen == 12


@pytest.mark.parametrize('rotation_only', [False, True])
def test_relative_poses_equal_the_vectors(vectors, rotation_only):
    tensors, keyframes, _ = vectors
    kind = 'rotation_only' if rotation_only else 'full'
    for name, keys in keyframes.items():
        for n in (49, 121):
            got = tr.relative_poses(keys, n, rotation_only)
            assert np.abs(got - tensors[f'{name}.n{n}.{kind}']).max() < POSE_TOLERANCE
            assert all(is_rigid(T, tolerance=1e-12) for T in got)


@pytest.mark.parametrize('source', ['src_identity0', 'src_general0'])
def test_target_poses_equal_the_vectors(vectors, source):
    tensors, keyframes, _ = vectors
    camera = tensors[f'{source}.source_c2w'].astype(np.float64)
    for name in ('x_y_circle_cycle', 'zoom_out_in'):
        for along in (False, True):
            for still in (False, True):
                relative = tr.relative_poses(keyframes[name], 49, rotation_only=still)
                got = tr.target_poses(camera, relative, relative_to_source=along)
                want = tensors[f'{source}.{name}.relative_{along:d}.rotonly_{still:d}']
                assert np.abs(got - want).max() < POSE_TOLERANCE


def test_bounce_equals_the_vectors(vectors):
    tensors, _, _ = vectors
    names = [name for name in tensors if name.startswith('bounce.')]
    assert len(names) == 4
    for name in names:
        _, count, wanted = name.split('.')
        assert np.array_equal(tr.bounce_indices(int(count), int(wanted)), tensors[name])


def test_total_angle_equals_the_vectors(vectors):
    _, keyframes, config = vectors
    for name, keys in keyframes.items():
        assert keys.total_angle_deg == config['total_angle'][name]


def keys(pitch=(0.0,), yaw=(0.0,), r=(1.0,)):
    return tr.Keyframes(tuple(pitch), tuple(yaw), tuple(r))


def test_positive_yaw_goes_left_and_looks_back_right():
    T = tr.relative_poses(keys(yaw=(0.0, 90.0), r=(2.0,)), 2)[1]
    assert T[:3, 2] == pytest.approx([1.0, 0.0, 0.0], abs=1e-7)
    assert T[:3, 3] == pytest.approx([-2.0, 0.0, 2.0], abs=1e-6)


def test_an_orbit_keeps_looking_at_its_point():
    poses = tr.relative_poses(keys(pitch=(0, 10, 20), yaw=(0, 30, -10), r=(1.5,)), 20)
    looks_at = poses[:, :3, 3] + 1.5 * poses[:, :3, 2]
    assert looks_at == pytest.approx(np.broadcast_to([0, 0, 1.5], (20, 3)), abs=1e-6)


def test_positive_pitch_goes_up_and_looks_down():
    T = tr.relative_poses(keys(pitch=(0.0, 30.0), r=(1.0,)), 2)[1]
    assert T[1, 3] == pytest.approx(-0.5)  # y points down
    assert T[1, 2] == pytest.approx(0.5)


def test_zoom_moves_along_the_view_even_when_told_to_stay():
    for stay in (False, True):
        poses = tr.relative_poses(keys(r=(0.0, 0.8)), 5, rotation_only=stay)
        assert poses[:, 2, 3] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])
        assert np.array_equal(poses[:, :3, :3], np.broadcast_to(np.eye(3), (5, 3, 3)))


def test_rotation_only_stays_on_the_spot():
    poses = tr.relative_poses(keys(yaw=(0, 10)), 5, rotation_only=True)
    assert not poses[:, :3, 3].any()
    assert poses[-1, 0, 0] == pytest.approx(math.cos(math.radians(10)))


def test_one_frame_is_where_it_starts():
    assert np.array_equal(tr.relative_poses(keys(r=(0.0, 1.0)), 1)[0], np.eye(4))


def test_targets_refuse_different_lengths():
    with pytest.raises(ValueError, match=r'\(2, 4, 4\) and \(3, 4, 4\)'):
        tr.target_poses(np.stack([np.eye(4)] * 2), np.stack([np.eye(4)] * 3), True)


def test_targets_ride_along_or_leave_the_source():
    source = np.array([pose_rpy(x=float(i)) for i in range(3)])
    relative = tr.relative_poses(keys(r=(0.0, 1.0)), 3)
    assert np.array_equal(tr.target_poses(source, relative, False), relative)
    assert tr.target_poses(source, relative, True)[2, :3, 3] == pytest.approx([2, 0, 1])


@pytest.mark.parametrize(('count', 'wanted', 'expected'), [
    (3, 8, [0, 1, 2, 1, 0, 1, 2, 1]), (1, 3, [0, 0, 0]), (5, 2, [0, 4]), (4, 1, [0]),
    (2, 5, [0, 1, 0, 1, 0])])
def test_bounce_by_hand(count, wanted, expected):
    assert tr.bounce_indices(count, wanted).tolist() == expected


@pytest.mark.parametrize(('count', 'wanted'), [(0, 3), (3, 0), (-1, 3)])
def test_bounce_of_nothing_is_refused(count, wanted):
    with pytest.raises(ValueError, match='frame counts'):
        tr.bounce_indices(count, wanted)


@pytest.mark.parametrize(('yaw', 'count', 'expected'), [
    ((0.0, 120.0), 49, 151),   # 120 / 0.8 + 1
    ((0.0, 30.0), 49, 121),    # at least 121
    ((0.0, 30.0), 200, 101),   # floor(30 / 0.3) + 1, below 121
    ((0.0, 120.0), 200, 200),  # between the bounds
    ((0.0, 0.0), 49, 121),
    ((0.0, 0.0), 300, 300)])
def test_frame_count_rule(yaw, count, expected):
    indices = tr.frame_indices(keys(yaw=yaw), count)
    assert len(indices) == expected
    assert indices.min() == 0
    assert indices.max() == count - 1


def test_freeze_repeats_right_after_the_frame():
    assert tr.freeze_indices(5, 2).tolist() == [0, 1, 2, 2, 2, 3, 4]
    assert tr.freeze_indices(3, 1, frame=0).tolist() == [0, 0, 1, 2]
    assert tr.freeze_indices(3, 0).tolist() == [0, 1, 2]


@pytest.mark.parametrize(('kwargs', 'says'), [
    ({'extra': 1, 'frame': 3}, '0..2, got 3'), ({'extra': 1, 'frame': -1}, 'got -1'),
    ({'extra': -1}, 'repeats')])
def test_freeze_outside_the_source_is_refused(kwargs, says):
    with pytest.raises(ValueError, match=says):
        tr.freeze_indices(3, **kwargs)


@pytest.mark.parametrize(('bad', 'says'), [
    ({'yaw': ()}, 'yaw_deg has no keys'), ({'r': (1.0, math.nan)}, r'r\[1\] must be finite')])
def test_keys_that_are_none_are_refused(bad, says):
    with pytest.raises(ValueError, match=says):
        keys(**bad)


def test_no_frames_are_refused():
    with pytest.raises(ValueError, match='at least 1 frame, got 0'):
        tr.relative_poses(keys(), 0)
