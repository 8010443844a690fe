# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Whatever somebody points at is recognised, or told what is missing."""

from dataclasses import replace

from foreign_formats import clip_options
from inspatio_ros.scene.detect import ImportOptions, open_input, open_scene
from inspatio_ros.scene.format import load_scene, save_scene
from inspatio_ros.scene.scene import Scene, TimeMode
import numpy as np
import pytest


def test_every_kind_is_detected_and_levelled(tmp_path, room, turned, writer, clip_once):
    scene, moving = turned(room.scene()), turned(room.clip())
    save_scene(room.scene(), tmp_path / 'native')
    inputs = {
        'scene folder': (tmp_path / 'native', ImportOptions()),
        'RGB-D folder': (writer.rgbd(tmp_path / 'a', scene), ImportOptions()),
        'v1.5 scene folder': (writer.v15(tmp_path / 'b', scene), ImportOptions()),
        'Depth-Anything-3 folder': (writer.da3(tmp_path / 'c', moving), ImportOptions()),
        'video': (clip_once['npy'] / 'clip.mp4', clip_options(clip_once['npy']))}
    for kind, (path, options) in inputs.items():
        opened = open_input(path, options)
        assert opened.kind == kind
        assert (opened.placement is None) == (kind == 'scene folder')
        first = opened.scene.all_views()[0].T_map_cam
        # Depth-Anything-3 puts the principal point into the middle, which bends the room a bit.
        assert first[2, 3] == pytest.approx(1.2, abs=0.08)
        assert first[2, 1] < -0.95


def test_options_reach_the_scene(clip_once, tmp_path, room):
    scene = open_scene(clip_once['npy'] / 'clip.mp4', replace(
        clip_options(clip_once['npy']), fps=5.0, time_mode=TimeMode.ONCE, camera_height_m=0.4))
    assert (scene.fps, scene.time_mode, scene.spawn.camera_height) == (5.0, TimeMode.ONCE, 0.4)
    save_scene(room.clip(), tmp_path / 'native')
    assert open_scene(tmp_path / 'native', ImportOptions(fps=7.0)).fps == 7.0
    for fps in (0.0, -1.0, float('nan')):
        with pytest.raises(ValueError, match='fps must be finite and > 0'):
            open_scene(tmp_path / 'native', ImportOptions(fps=fps))


def test_imported_poses_stay_exact_through_the_format(rgbd, tmp_path):
    folder, scene = rgbd
    save_scene(open_scene(folder), tmp_path / 'out')
    read = load_scene(tmp_path / 'out')
    for a, b in zip(read.views[1:], scene.views[1:], strict=True):
        relative = np.linalg.inv(read.views[0].T_map_cam) @ a.T_map_cam
        expected = np.linalg.inv(scene.views[0].T_map_cam) @ b.T_map_cam
        np.testing.assert_allclose(relative, expected, atol=1e-9)


def test_what_cannot_be_opened_says_what_to_supply(tmp_path, clip):
    with pytest.raises(ValueError, match='none: there is no such file or folder'):
        open_scene(tmp_path / 'none')
    (tmp_path / 'empty').mkdir()
    with pytest.raises(ValueError, match=r'known are: scene folder .*RGB-D folder .*v1.5 scene '
                                         r'folder .*Depth-Anything-3 folder .*video'):
        open_scene(tmp_path / 'empty')
    with pytest.raises(ValueError, match='supply --depth, --poses, --intrinsics'):
        open_scene(clip / 'clip.mp4')
    with pytest.raises(ValueError, match='supply --poses, --intrinsics'):
        open_scene(clip / 'clip.mp4', ImportOptions(depth=clip / 'depth'))
    (tmp_path / 'photo.jpg').touch()
    with pytest.raises(ValueError, match='pictures alone do not say how far things are; supply'):
        open_scene(tmp_path / 'photo.jpg')
    (tmp_path / 'drive.mcap').touch()
    (tmp_path / 'bag').mkdir()
    (tmp_path / 'bag' / 'metadata.yaml').touch()
    for bag in ('drive.mcap', 'bag'):
        with pytest.raises(ValueError, match='is a bag; `inspatio prepare` makes'):
            open_scene(tmp_path / bag)


def test_options_that_would_be_ignored_are_refused(rgbd, tmp_path):
    folder, scene = rgbd
    with pytest.raises(ValueError, match='brings its own poses; --poses is for videos'):
        open_scene(folder, ImportOptions(poses=tmp_path))
    save_scene(Scene('a', scene.views), tmp_path / 'native')
    with pytest.raises(ValueError, match='brings its own depth; --depth is for videos'):
        open_scene(tmp_path / 'native', ImportOptions(depth=tmp_path))
    with pytest.raises(ValueError, match='is a scene already'):
        open_scene(tmp_path / 'native', ImportOptions(camera_height_m=1.0))
