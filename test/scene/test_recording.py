# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A video and nothing else becomes a scene."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

from foreign_formats import write_video
from inspatio_ros.cli.main import main
from inspatio_ros.scene.format import load_scene
from inspatio_ros.scene.preparation import load_preparation, Role
from inspatio_ros.scene.reconstruction import dense, recording
from inspatio_ros.scene.reconstruction.monocular import Network
from inspatio_ros.scene.reconstruction.recording import prepare_video, VideoOptions
from inspatio_ros.scene.synthetic.procedural import procedural_clip
import numpy as np
import pytest
from walks import FRAMES, true_structure, walk, write_walk


@pytest.fixture(scope='module')
def clip():
    return walk()


@pytest.fixture(scope='module')
def folder(tmp_path_factory, clip):
    """Return a folder with the video, the camera and the poses; not to be changed."""
    return write_walk(tmp_path_factory.mktemp('walk') / 'walk', clip)


@contextlib.contextmanager
def quiet(name):
    yield lambda done, total: None


def prepare(folder, out, **options):
    return prepare_video(folder / 'walk.mkv', out, VideoOptions(**options), quiet)


def known(folder):
    return {'poses': folder / 'poses.txt', 'intrinsics': folder / 'camera.json'}


def relative_errors(clip, views, measured=True):
    """Compare the depth of views named after their frames with the truth."""
    errors, shares = [], []
    for view in views:
        true = clip.depth[int(view.name.removeprefix('frame '))]
        where = view.measured() if measured else np.isfinite(view.depth)
        errors.append((np.abs(view.depth - true) / true)[where])
        shares.append(where.mean())
    return np.concatenate(errors), float(np.mean(shares))


@pytest.fixture(scope='module')
def prepared(tmp_path_factory, folder):
    return prepare(folder, tmp_path_factory.mktemp('out') / 'scene', **known(folder))


def test_depth_is_right_where_it_is_trusted_and_there_everywhere(clip, prepared):
    errors, share = relative_errors(clip, prepared.scene.views)
    assert errors.mean() < 0.05 and share > 0.6
    for view in prepared.scene.views:
        # What passes for a moving thing, and has nothing known behind it, is unknown.
        assert np.isfinite(view.depth).mean() > 0.97
        assert (view.confidence > 0).any() and (view.confidence == 0).any()


def test_what_is_trusted_more_is_righter(clip, prepared):
    sure, unsure = [], []
    for view in prepared.scene.views:
        off = np.abs(view.depth / clip.depth[int(view.name.removeprefix('frame '))] - 1.0)
        sure.append(off[view.confidence >= 150])
        unsure.append(off[(view.confidence == 0) & np.isfinite(off)])
    assert np.concatenate(sure).mean() < 0.3 * np.concatenate(unsure).mean()


def test_the_scene_stands_on_its_floor_in_metres(clip, prepared):
    height = clip.T_world_cam[0][2, 3]
    assert prepared.placement.up_found
    assert prepared.placement.floor_height_m == pytest.approx(height, rel=0.03)
    first = prepared.preparation.pictures[0].T_map_cam
    assert first[2, 3] == pytest.approx(height, rel=0.03)


def test_every_frame_is_accounted_for(clip, prepared):
    pictures = prepared.preparation.pictures
    assert [it.index for it in pictures] == list(range(FRAMES))
    assert prepared.preparation.numbers['registered'] == FRAMES
    for a, b in zip(pictures, clip.T_world_cam, strict=True):
        relative = np.linalg.inv(pictures[0].T_map_cam) @ a.T_map_cam
        np.testing.assert_allclose(relative, np.linalg.inv(clip.T_world_cam[0]) @ b, atol=1e-6)


def test_held_out_frames_have_poses_and_nothing_else(folder, tmp_path, monkeypatch):
    seen = []
    real = dense.sweep
    monkeypatch.setattr(dense, 'sweep', lambda shots, picture: (
        seen.append((picture, set(shots.rgb))), real(shots, picture))[1])
    prepared = prepare(folder, tmp_path / 'scene', hold_out=5, **known(folder))
    roles = [it.role for it in prepared.preparation.pictures]
    held = [index for index, role in enumerate(roles) if role is Role.HELD_OUT]
    assert held == [4, 9]
    assert not {f'frame {index}' for index in held} & {it.name for it in prepared.scene.views}
    assert len(seen) == FRAMES - 2
    assert all(not {4, 9} & (pictures | {picture}) for picture, pictures in seen)
    assert prepared.preparation.pictures[4].T_map_cam is not None


def test_a_long_video_is_thinned(folder, tmp_path):
    prepared = prepare(folder, tmp_path / 'scene', frames=6, **known(folder))
    assert len(prepared.preparation.pictures) == 6
    numbers = [it.index for it in prepared.preparation.pictures]
    assert numbers == sorted(numbers) and numbers[-1] >= 7


def test_large_pictures_are_made_smaller_and_the_camera_with_them(clip, folder, tmp_path):
    prepared = prepare(folder, tmp_path / 'scene', long_side=128, **known(folder))
    view = prepared.scene.views[0]
    assert view.rgb.shape == (96, 128, 3)
    assert view.intrinsics == clip.intrinsics.scaled(128, 96)


def test_given_depth_gives_found_poses_their_size(clip, folder, tmp_path):
    (tmp_path / 'depth').mkdir()
    for index, depth in enumerate(clip.depth):
        np.save(tmp_path / 'depth' / f'{index}.npy', depth)
    prepared = prepare(folder, tmp_path / 'scene', depth=tmp_path / 'depth')
    ends = [prepared.preparation.pictures[index].T_map_cam[:3, 3] for index in (0, -1)]
    true = clip.T_world_cam[-1][:3, 3] - clip.T_world_cam[0][:3, 3]
    assert np.linalg.norm(ends[1] - ends[0]) == pytest.approx(np.linalg.norm(true), rel=0.03)
    np.testing.assert_array_equal(prepared.scene.views[0].depth, clip.depth[0])


class Seer:
    """A network that knows the truth, up to a scale of each picture, and counts its looks."""

    def __init__(self, clip, blind=()):
        self._of = {rgb.tobytes(): depth for rgb, depth in zip(clip.rgb, clip.depth)}
        self._blind = {clip.rgb[index].tobytes() for index in blind}
        self.looks = 0

    def predict(self, rgb):
        self.looks += 1
        if rgb.tobytes() in self._blind:
            return np.full(rgb.shape[:2], np.nan, np.float32)
        return np.float32(0.3) * self._of[rgb.tobytes()]


def seen_by(monkeypatch, seer):
    monkeypatch.setattr(recording, 'open_network',
                        lambda library, model: Network(seer.predict, True))
    return {'network': 'da3', 'still': True}


def test_a_picture_whose_depth_has_no_scale_is_left_out_and_counted(clip, folder, tmp_path,
                                                                    monkeypatch):
    options = seen_by(monkeypatch, Seer(clip, blind=[3]))
    prepared = prepare(folder, tmp_path / 'scene', **known(folder), **options)
    assert [it.name for it in prepared.scene.views] == [
        f'frame {index}' for index in range(FRAMES) if index != 3]
    np.testing.assert_allclose(prepared.scene.views[0].depth, clip.depth[0], rtol=0.05)
    assert prepared.notes == (f'1 of {FRAMES} placed pictures left out: fewer than 20 points say '
                              'what the scale of their depth is',)
    assert prepared.preparation.pictures[3].role is Role.UNUSED


def test_what_a_network_said_is_kept_for_the_next_run(clip, folder, tmp_path, monkeypatch):
    seer = Seer(clip)
    options = seen_by(monkeypatch, seer)

    @contextlib.contextmanager
    def until_background(name):
        if name == 'background':
            raise KeyboardInterrupt
        yield lambda done, total: None

    video = folder / 'walk.mkv'
    with pytest.raises(KeyboardInterrupt):
        prepare_video(video, tmp_path / 'scene', VideoOptions(**known(folder), **options),
                      until_background)
    assert seer.looks == FRAMES
    prepare(folder, tmp_path / 'scene', **known(folder), **options)
    assert seer.looks == FRAMES


def still(folder, clip):
    folder.mkdir()
    write_video(folder / 'walk.mkv', [clip.rgb[0]] * 4)
    return folder


def test_a_still_camera_is_refused_unless_depth_is_at_hand(clip, tmp_path):
    folder = still(tmp_path / 'still', clip)
    with pytest.raises(ValueError, match=r'walk.mkv: 0 of 4 frames .* stands still.*--depth DIR'):
        prepare(folder, tmp_path / 'scene')
    assert not (tmp_path / 'scene.partial').exists()
    (folder / 'depth').mkdir()
    for index in range(4):
        np.save(folder / 'depth' / f'{index}.npy', clip.depth[0])
    prepared = prepare(folder, tmp_path / 'scene', depth=folder / 'depth')
    np.testing.assert_array_equal(prepared.scene.views[0].depth, clip.depth[0])


@pytest.mark.parametrize('options, message', [
    ({'hold_out': 1}, '--hold-out must be at least 2, got 1'),
    ({'fps': 0.0}, 'fps must be finite and > 0, got 0.0'),
    ({'long_side': 10}, '--long-side must be at least 64 pixels, got 10'),
    ({'frames': 1}, 'at least 2 frames are needed, got 1'),
    ({'network': 'da3'}, '--depth da3 needs --model DIR'),
    ({'poses': 'poses.txt', 'intrinsics': 'camera.json', 'refine_principal_point': True},
     '--refine-principal-point .* these are given: poses.txt'),
    ({'poses': 'poses.txt'}, 'poses alone do not say what the camera sees; give --intrinsics'),
])
def test_options_that_make_no_sense_are_refused(folder, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        prepare(folder, tmp_path / 'scene', **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('poses, message', [
    ('0 0 0 0 0 0 1\n' * 9, rf'holds 9 poses, there are {FRAMES} frames in the video'),
    ('0 nan 0 0 0 0 1\n' * 10, "line 1: 'nan' is not finite")])
def test_poses_that_do_not_fit_are_refused(folder, tmp_path, poses, message):
    (tmp_path / 'poses.txt').write_text(poses)
    with pytest.raises(ValueError, match=message):
        prepare(folder, tmp_path / 'scene', poses=tmp_path / 'poses.txt',
                intrinsics=folder / 'camera.json')


def test_a_camera_of_another_size_is_refused(folder, tmp_path, clip):
    record = json.loads((folder / 'camera.json').read_text())
    (tmp_path / 'camera.json').write_text(json.dumps({**record, 'width': 100}))
    with pytest.raises(ValueError, match='camera.json: is for 100x192 pixels, the video has '
                                         '256x192'):
        prepare(folder, tmp_path / 'scene', intrinsics=tmp_path / 'camera.json')


def test_what_was_killed_goes_on_where_it_was(folder, tmp_path):
    """Kill the command while it measures depth; the next one does not do the rest again."""
    words = [sys.executable, '-m', 'inspatio_ros', 'prepare', str(folder / 'walk.mkv'),
             str(tmp_path / 'scene'), '--poses', str(folder / 'poses.txt'), '--intrinsics',
             str(folder / 'camera.json'), '--json']
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    depth = tmp_path / 'scene.partial' / 'depth'
    deadline = time.monotonic() + 120.0
    while not list(depth.glob('*.npz')) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    done = {path: path.stat().st_mtime_ns for path in depth.glob('*.npz')}
    assert 0 < len(done) < FRAMES and not (tmp_path / 'scene').exists()

    work = prepare(folder, tmp_path / 'scene', **known(folder)).work
    assert work.resumed and len(list(depth.glob('*.npz'))) == FRAMES
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in done.items())
    assert not prepare(folder, tmp_path / 'scene', hold_out=5, **known(folder)).work.resumed


def test_the_command_says_what_it_made_and_leaves_nothing_else(folder, tmp_path, capsys):
    words = ['prepare', folder / 'walk.mkv', tmp_path / 'scene', '--poses', folder / 'poses.txt',
             '--intrinsics', folder / 'camera.json', '--hold-out', '5', '--scale', '2', '--json']
    assert main([str(word) for word in words]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record['kind'] == 'video' and record['views'] == FRAMES - 2
    assert [path.name for path in tmp_path.iterdir()] == ['scene']
    assert load_preparation(tmp_path / 'scene').numbers['metres_per_unit'] == 2.0
    scene = load_scene(tmp_path / 'scene')
    assert scene.views[0].confidence is not None


def frame_shown(scene, time_s):
    """Return the number of the picture whose moving part a scene shows."""
    moving, = scene.views_at(time_s)[len(scene.views):]
    return int(moving.name.split()[1])


def test_what_somebody_says_stands_still_is_not_cut_out(tmp_path):
    """A box crosses the room: it is found, unless somebody says that nothing moves."""
    clip = procedural_clip(1, 16, (192, 144), moving=True, fps=4.0)
    folder, out = write_walk(tmp_path / 'walk', clip), tmp_path / 'scene'
    prepared = prepare(folder, out, **known(folder))
    assert len(prepared.scene.frames) == 16
    for picture in prepared.preparation.pictures:
        assert frame_shown(prepared.scene, picture.stamp_s) == picture.index
    slow = prepare(folder, out, fps=2.0, **known(folder))
    assert slow.scene.fps == 2.0
    assert [it.stamp_s for it in slow.preparation.pictures] == [i / 2.0 for i in range(16)]
    words = ['prepare', folder / 'walk.mkv', out, '--poses', folder / 'poses.txt',
             '--intrinsics', folder / 'camera.json', '--moving', 'none']
    assert main([str(word) for word in words]) == 0
    scene = load_scene(out)
    assert scene.frames == ()
    for view in scene.views:
        np.testing.assert_array_equal(view.rgb, clip.rgb[int(view.name.split()[1])])


def test_a_sweep_alone_sees_what_the_truth_says(clip):
    """With exact poses most of a picture is right before anybody confirms it."""
    structure = true_structure(clip)
    shots = dense.Shots(dict(enumerate(clip.rgb)), structure)
    depth = 1.0 / dense.sweep(shots, 5)
    assert np.median(np.abs(depth / clip.depth[5] - 1.0)) < 0.02


def test_who_has_no_neighbours_knows_nothing(clip):
    shots = dense.Shots({0: clip.rgb[0]}, true_structure(clip))
    alone = dense.sweep(shots, 0)
    assert np.isnan(alone).all()
    inverse, confidence = dense.confirm(shots, 0, {0: alone})
    assert np.isnan(inverse).all() and not confidence.any()
    assert np.isnan(dense.finish(clip.rgb[0], inverse)).all()


def test_depth_is_made_smaller_about_the_middle_of_its_pixels():
    from inspatio_ros.scene.reconstruction.depth_by import _nearest
    depth = np.tile(np.arange(16, dtype=np.float32), (16, 1))
    np.testing.assert_array_equal(_nearest(depth, (4, 4))[0], [2.0, 6.0, 10.0, 14.0])
