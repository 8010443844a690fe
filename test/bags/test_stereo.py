# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A stereo pair gives depth, where both sides agree, in the rectified left camera."""

from inspatio_ros.bags.choice import Wish
from inspatio_ros.bags.scenes.importer import read_bag
from inspatio_ros.bags.scenes.options import BagOptions
from inspatio_ros.bags.scenes.stereo import match_rows
from inspatio_ros.contracts import Intrinsics
from inspatio_ros.motion.transforms import pose_rpy
from make_bag import COLOR, COLOR_INFO, DEPTH, DEPTH_INFO, FRAME, image, info, Recording, TF, tf
from make_bag import transform
import numpy as np
import pytest

BASELINE_M = 0.1
LEFT, RIGHT = '/stereo/left/image_raw', '/stereo/right/image_raw'
CAMERA = Intrinsics.from_hfov(320, 240, 1.1)


@pytest.fixture(scope='module')
def pairs(clip):
    """Return the left pictures, exact depth included, and a camera that stands right of them."""
    def shots(T_left_other, camera=CAMERA):
        return [clip.world.render(T @ T_left_other, camera) for T in clip.T_world_cam[::3]]
    return shots


def renamed(*changes):
    names = {COLOR: LEFT, COLOR_INFO: LEFT.replace('image_raw', 'camera_info'), DEPTH: RIGHT,
             DEPTH_INFO: RIGHT.replace('image_raw', 'camera_info')}

    def change(events):
        for one in changes:
            events = one(events)
        return [(log, names.get(name, name), kind, message) for log, name, kind, message in events]
    return change


def infos(left, right):
    """Replace the CameraInfo of both cameras."""
    def change(events):
        return [(log, name, kind, (left if name == COLOR_INFO else right)(log)
                 if name in (COLOR_INFO, DEPTH_INFO) else message)
                for log, name, kind, message in events]
    return change


def record(clip, left, right):
    """Make a recording in which the right pictures take the place of depth."""
    from inspatio_ros.scene.scene import View
    views = [View(shot.rgb, shot.depth, CAMERA, T, f'frame {i}')
             for i, (shot, T) in enumerate(zip(left, clip.T_world_cam[::3]))]
    others = {view.name: shot.rgb for view, shot in zip(views, right)}
    return Recording(views, depth=lambda view, t: image(others[view.name], 'rgb8', t, 'right'))


def with_baseline(t):
    return info(CAMERA, t, 'right', tx=-CAMERA.fx * BASELINE_M)


def assert_depth(views, truth, coverage, error):
    for view, shot in zip(views, truth, strict=True):
        known = np.isfinite(view.depth)
        assert known.mean() > coverage
        assert np.median(np.abs(view.depth / shot.depth - 1.0)[known]) < error
        assert np.array_equal(known, view.confidence > 0)
        # Confidence means something: its better half is better.
        relative = np.abs(view.depth / shot.depth - 1.0)[known]
        sure = view.confidence[known] > np.median(view.confidence[known])
        assert relative[sure].mean() < relative[~sure].mean()


def test_a_pair_becomes_views_with_depth_and_confidence(clip, pairs, tmp_path):
    left, right = pairs(np.eye(4)), pairs(pose_rpy(BASELINE_M))
    bag = record(clip, left, right).write(
        tmp_path / 'bag', change=renamed(infos(lambda t: info(CAMERA, t), with_baseline)))
    imported = read_bag(bag)
    assert any('baseline 0.100 m' in note for note in imported.notes)
    assert_depth(imported.scene.views, left, coverage=0.6, error=0.03)
    for view, shot, T in zip(imported.scene.views, left, clip.T_world_cam[::3]):
        assert np.array_equal(view.rgb, shot.rgb)
        assert np.allclose(view.T_map_cam, T, atol=1e-9)


def test_a_pair_that_is_not_rectified_is(clip, pairs, tmp_path):
    """The right camera is turned by 2 degrees and looks through another lens; TF knows."""
    wide = Intrinsics.from_hfov(320, 240, 1.2)
    T_left_right = pose_rpy(BASELINE_M, 0.003, -0.002, 0.01, 0.03, 0.02)
    left, right = pairs(np.eye(4)), pairs(T_left_right, wide)

    def mounted(events):
        return [(events[0][0], '/tf_static', TF, tf(
            transform(T_left_right, FRAME, 'right'))), *events]

    bag = record(clip, left, right).write(tmp_path / 'bag', change=renamed(
        infos(lambda t: info(CAMERA, t), lambda t: info(wide, t, 'right')), mounted))
    imported = read_bag(bag)
    truth = [clip.world.render(view.T_map_cam, view.intrinsics)
             for view in imported.scene.views]
    assert_depth(imported.scene.views, truth, coverage=0.5, error=0.03)
    assert not np.allclose(imported.scene.views[0].T_map_cam, clip.T_world_cam[0], atol=1e-3)


def test_a_pair_without_baseline_is_refused(clip, pairs, tmp_path):
    shots = pairs(np.eye(4))
    bag = record(clip, shots, shots).write(tmp_path / 'bag', change=renamed(
        infos(lambda t: info(CAMERA, t), lambda t: info(CAMERA, t, 'right'))))
    with pytest.raises(ValueError, match=f'nothing says how far {RIGHT} is to the right of '
                                         f'{LEFT}: its CameraInfo has .* TF does not connect'):
        read_bag(bag)


def test_cameras_of_different_sizes_are_refused(clip, pairs, tmp_path):
    shots = pairs(np.eye(4))
    small = CAMERA.scaled(160, 120)
    bag = record(clip, shots, shots).write(tmp_path / 'bag', change=renamed(
        infos(lambda t: info(CAMERA, t), lambda t: info(small, t, 'right', tx=-20.0))))
    with pytest.raises(ValueError, match=f'{LEFT} is 320x240 pixels, {RIGHT} is 160x120'):
        read_bag(bag)


def test_topics_of_a_pair_can_be_named(clip, pairs, tmp_path):
    left, right = pairs(np.eye(4)), pairs(pose_rpy(BASELINE_M))
    bag = record(clip, left, right).write(
        tmp_path / 'bag', change=infos(lambda t: info(CAMERA, t), with_baseline))
    views = read_bag(bag, BagOptions(Wish(color=COLOR, right=DEPTH))).scene.views
    assert_depth(views, left, coverage=0.6, error=0.03)


def test_a_shifted_picture_has_that_disparity_everywhere():
    texture = np.random.default_rng(3).integers(0, 255, (60, 200, 3), np.uint8)
    shift = 9
    disparity, confidence = match_rows(texture[:, :-shift], texture[:, shift:], 32)
    inner = np.s_[:, shift:-8]
    assert (np.abs(disparity[inner] - shift) <= 0.25).mean() > 0.95
    assert (confidence[inner] > 128).mean() > 0.95
    assert np.array_equal(np.isfinite(disparity), confidence > 0)


def test_what_only_one_side_sees_has_no_disparity():
    """Two unrelated pictures match nowhere by more than chance."""
    rng = np.random.default_rng(4)
    left, right = rng.integers(0, 255, (2, 60, 200, 3), np.uint8)
    disparity, _ = match_rows(left, right, 32)
    assert np.isfinite(disparity).mean() < 0.2
