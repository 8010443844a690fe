# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The scene folder: nothing is lost, and whatever is wrong is said with file and field."""

from dataclasses import replace
import json
import logging
import os
from pathlib import Path
import re
import shutil

from inspatio_ros.contracts import Spawn
from inspatio_ros.scene.format import load_scene, save_scene
from inspatio_ros.scene.images import png_bytes
from inspatio_ros.scene.scene import Scene, TimeMode
from inspatio_ros.scene.schema import read_manifest, SCENE_KEYS, VIEW_KEYS
import numpy as np
from PIL import Image
import pytest


def assert_same(a, b):
    """Compare two scenes bit by bit."""
    for field in ('name', 'fps', 'time_mode', 'spawn', 'licence', 'source'):
        assert getattr(a, field) == getattr(b, field)
    assert len(a.views) == len(b.views)
    assert [len(frame) for frame in a.frames] == [len(frame) for frame in b.frames]
    for one, other in zip(a.all_views(), b.all_views(), strict=True):
        assert one.name == other.name and one.intrinsics == other.intrinsics
        assert one.rgb.tobytes() == other.rgb.tobytes()
        assert one.depth.tobytes() == other.depth.tobytes()
        assert one.T_map_cam.tobytes() == other.T_map_cam.tobytes()
        assert (one.confidence is None) == (other.confidence is None)
        if one.confidence is not None:
            assert one.confidence.tobytes() == other.confidence.tobytes()


@pytest.fixture(scope='module')
def full_scene(room):
    """Return a scene with everything: static and moving views of several sizes, NaN and inf."""
    depth = np.full((72, 96), np.nan, np.float32)
    depth[20:40, 30:60] = np.float32(1.0) / 3
    depth[0] = np.inf
    views = room.scene().views[:2]
    trust = np.arange(72 * 96, dtype=np.uint32).astype(np.uint8).reshape(72, 96)
    extra = replace(views[0], depth=depth, name='odd', confidence=trust)
    return Scene('hall "é" \\ 1', (*views, extra),
                 tuple((frame[0], replace(extra, name='box')) for frame in room.clip(3).frames),
                 29.97, TimeMode.BOUNCE, Spawn(0.1, -1 / 3, 1e-17, 2.0, 1.2, 0.1), 'CC0-1.0',
                 'traced')


@pytest.fixture(scope='module')
def saved_once(tmp_path_factory, full_scene):
    folder = tmp_path_factory.mktemp('saved') / 'hall'
    save_scene(full_scene, folder)
    return folder


@pytest.fixture
def saved(tmp_path, saved_once):
    return Path(shutil.copytree(saved_once, tmp_path / 'hall'))


def edit(folder, change):
    path = folder / 'inspatio_scene.json'
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def test_save_and_load_give_the_same_bits(saved, full_scene):
    assert_same(load_scene(saved), full_scene)
    assert sorted(path.name for path in saved.parent.iterdir()) == ['hall']


def test_saving_over_itself_gives_the_same_files(saved, full_scene):
    before = {path: path.read_bytes() for path in saved.rglob('*') if path.is_file()}
    save_scene(load_scene(saved), saved)
    after = {path: path.read_bytes() for path in saved.rglob('*') if path.is_file()}
    assert before == after


def test_a_smaller_scene_leaves_no_old_pictures(saved, room):
    save_scene(Scene('small', room.scene().views[:1]), saved)
    assert sorted(path.name for path in (saved / 'rgb').iterdir()) == ['view_000.png']
    assert load_scene(saved).name == 'small'


def test_other_files_in_the_folder_are_kept(saved, room):
    (saved / 'LICENCE').write_text('mine')
    (saved / 'notes').mkdir()
    (saved / 'notes' / 'a.txt').write_text('b')
    save_scene(room.scene(), saved)
    assert (saved / 'LICENCE').read_text() == 'mine'
    assert (saved / 'notes' / 'a.txt').read_text() == 'b'


def test_jpeg_is_lossy_once(tmp_path, room):
    scene = room.scene()
    save_scene(scene, tmp_path / 'a', jpeg_quality=80)
    assert (tmp_path / 'a' / 'rgb' / 'view_000.jpg').is_file()
    first = load_scene(tmp_path / 'a')
    error = np.abs(first.views[0].rgb.astype(int) - scene.views[0].rgb)
    assert 0 < error.mean() < 8
    assert first.views[0].depth.tobytes() == scene.views[0].depth.tobytes()
    save_scene(first, tmp_path / 'a')
    assert_same(load_scene(tmp_path / 'a'), first)


def test_real_views_survive(tmp_path, shared_dir):
    from inspatio_ros.scene.detect import open_scene
    scene = open_scene(shared_dir / 'data' / 'dining_rgbd')
    save_scene(scene, tmp_path / 'dining')
    assert (tmp_path / 'dining' / 'depth' / 'view_000.png').is_file()
    assert_same(load_scene(tmp_path / 'dining'), scene)


def test_progress_counts_every_view(saved, full_scene):
    seen = []
    load_scene(saved, lambda done, total: seen.append((done, total)))
    assert seen == [(i, 9) for i in range(1, 10)]
    seen.clear()
    save_scene(full_scene, saved, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(i, 9) for i in range(1, 10)]


def test_only_a_scene_is_overwritten(tmp_path, room):
    scene = room.scene()
    (tmp_path / 'photos').mkdir()
    (tmp_path / 'photos' / 'cat.png').write_text('meow')
    with pytest.raises(ValueError, match='photos: holds files but no inspatio_scene.json'):
        save_scene(scene, tmp_path / 'photos')
    assert (tmp_path / 'photos' / 'cat.png').read_text() == 'meow'
    (tmp_path / 'file').write_text('x')
    with pytest.raises(ValueError, match='file: is a file'):
        save_scene(scene, tmp_path / 'file')
    with pytest.raises(ValueError, match='nowhere: there is no such folder'):
        save_scene(scene, tmp_path / 'nowhere' / 'scene')
    (tmp_path / 'empty').mkdir()
    save_scene(scene, tmp_path / 'empty')
    assert_same(load_scene(tmp_path / 'empty'), scene)


def test_saving_through_a_link_keeps_the_link(tmp_path, saved, room):
    link = tmp_path / 'link'
    link.symlink_to(saved)
    save_scene(room.scene(), link)
    assert link.is_symlink() and load_scene(saved).name == 'room'


def view0(data):
    return data['views'][0]


@pytest.mark.parametrize('change, message', [
    (lambda d: d.update(format='other'), r"format is 'other', expected 'inspatio_scene'"),
    (lambda d: d.pop('format'), 'format is missing'),
    (lambda d: d.update(version=2), 'version is 2, expected 1; a newer inspatio_ros wrote it'),
    (lambda d: d.update(version=True), 'version is true, expected a whole number'),
    (lambda d: d.update(colour='red'), 'colour is an unknown field'),
    (lambda d: d.pop('name'), 'name is missing'),
    (lambda d: d.update(name=''), 'name is "", expected a text that is not empty'),
    (lambda d: d.update(fps=0), 'fps must be finite and > 0, got 0.0'),
    (lambda d: d.update(fps=-24.0), 'fps must be finite and > 0, got -24.0'),
    (lambda d: d.update(fps='24'), 'fps is "24", expected a number'),
    (lambda d: d.pop('fps'), 'fps is missing'),
    (lambda d: d.update(fps=10 ** 400), 'fps is 1000.*expected a finite number'),
    (lambda d: d.update(time_mode='twice'), "time_mode is 'twice', expected once or loop"),
    (lambda d: d['spawn'].update(x=None), 'spawn.x is null, expected a number'),
    (lambda d: d['spawn'].update(roll=1), 'spawn.roll is an unknown field'),
    (lambda d: d.update(spawn=[]), r'spawn is \[\], expected a JSON object'),
    (lambda d: d.update(views={}), r'views is \{\}, expected a list'),
    (lambda d: d.update(views=[], frames=[]), 'holds neither views nor frames'),
    (lambda d: d['frames'].append([]), r'frames\[3\] is \[\], expected a list of one or more'),
    (lambda d: d['frames'][1][0].pop('rgb'), r'frames\[1\]\[0\].rgb is missing'),
    (lambda d: view0(d).update(name=3), r'views\[0\].name is 3, expected a text'),
    (lambda d: view0(d).update(hint=3), r'views\[0\].hint is an unknown field'),
    (lambda d: d['views'][1].update(name='view 0'), "two views have the name 'view 0'"),
    (lambda d: d['views'][1].update(rgb='rgb/view_000.png'),
     r'views\[0\].rgb and views\[1\].rgb name the same file'),
    (lambda d: view0(d).pop('depth_scale', 0) or view0(d).update(depth='depth/x.png'),
     r'views\[0\].depth_scale is none, expected one for a PNG'),
    (lambda d: view0(d).update(depth='depth/a.png', depth_scale=0),
     r'views\[0\].depth_scale is 0.0, expected > 0'),
    (lambda d: view0(d)['intrinsics'].update(fx=0), r'views\[0\].intrinsics.*fx must be.*got 0'),
    (lambda d: view0(d)['intrinsics'].update(fy=-3.0), r'views\[0\].intrinsics.*fy.*got -3.0'),
    (lambda d: view0(d)['intrinsics'].update(width=95),
     r'view_000.png: views\[0\].rgb is 96x72 pixels, views\[0\].intrinsics is 95x72'),
    (lambda d: view0(d)['intrinsics'].update(width=10 ** 6, height=10 ** 6),
     r'views\[0\].intrinsics say 1000000x1000000 pixels, at most'),
    (lambda d: view0(d)['intrinsics'].update(width=0), 'width must be a whole number >= 1'),
    (lambda d: view0(d)['intrinsics'].pop('cx'), r'views\[0\].intrinsics.cx is missing'),
    (lambda d: view0(d)['T_map_cam'].pop(), r'views\[0\].T_map_cam is 15 numbers, expected 16'),
    (lambda d: view0(d).update(T_map_cam=[2.0] * 16), r'views\[0\].T_map_cam.*last row'),
    (lambda d: view0(d).update(T_map_cam=np.diag([1, 1, -1, 1]).ravel().tolist()),
     r'views\[0\].T_map_cam is a reflection'),
    (lambda d: view0(d).update(T_map_cam=np.diag([1.001, 1, 1, 1]).ravel().tolist()),
     r'views\[0\].T_map_cam.*the rotation has a scale'),
    (lambda d: view0(d)['T_map_cam'].__setitem__(3, 'left'),
     r'views\[0\].T_map_cam\[3\] is "left", expected a number'),
    (lambda d: view0(d).update(rgb='rgb/none.png'), 'none.png.*there is no such file'),
    (lambda d: view0(d).update(rgb=''), r"views\[0\].rgb is '', which points outside"),
    (lambda d: view0(d).update(rgb='../x.png'), r"views\[0\].rgb is '../x.png', which points"),
    (lambda d: view0(d).update(rgb='rgb/../../x.png'), 'which points outside the scene folder'),
    (lambda d: view0(d).update(rgb='/etc/hostname'), 'which points outside the scene folder'),
    (lambda d: view0(d).update(rgb='..\\x.png'), 'which points outside the scene folder'),
    (lambda d: view0(d).update(rgb='rgb'), 'there is no such file'),
])
def test_bad_manifests_are_refused(saved, change, message):
    edit(saved, change)
    with pytest.raises(ValueError, match=message) as caught:
        load_scene(saved)
    assert str(saved) in str(caught.value)


@pytest.mark.parametrize('text, message', [
    ('', 'is no valid JSON file'),
    ('{"format": "inspatio_scene"', 'is no valid JSON file'),
    ('[]', r'the file is \[\], expected a JSON object'),
    ('[' * 100000, 'is no valid JSON file'),
    ('{"format": "inspatio_scene", "version": 1, "fps": NaN}', 'NaN is no JSON number'),
    ('{"name": "a", "name": "b"}', "the key 'name' appears twice"),
    ('\x00\x01', 'is no valid JSON file'),
])
def test_text_that_is_no_manifest(saved, text, message):
    (saved / 'inspatio_scene.json').write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        load_scene(saved)
    assert 'inspatio_scene.json' in str(caught.value)


def test_bytes_that_are_no_text(saved):
    (saved / 'inspatio_scene.json').write_bytes(b'\xff\xfe\xfa')
    with pytest.raises(ValueError, match='inspatio_scene.json: is no valid JSON file'):
        load_scene(saved)


def test_infinite_pose_is_refused(saved):
    path = saved / 'inspatio_scene.json'
    path.write_text(path.read_text().replace('"T_map_cam": [', '"T_map_cam": [1e999, ', 1))
    with pytest.raises(ValueError, match='T_map_cam is 17 numbers'):
        load_scene(saved)
    edit(saved, lambda d: view0(d)['T_map_cam'].pop(1))
    with pytest.raises(ValueError, match='Infinity is no JSON number'):
        load_scene(saved)


def test_links_out_of_the_folder_are_refused(saved, tmp_path):
    picture = saved / 'rgb' / 'view_000.png'
    outside = tmp_path / 'outside.png'
    picture.rename(outside)
    picture.symlink_to(outside)
    with pytest.raises(ValueError, match=r'views\[0\].rgb .*points outside the scene folder'):
        load_scene(saved)
    picture.unlink()
    (saved / 'rgb' / 'moved.png').write_bytes(outside.read_bytes())
    picture.symlink_to('moved.png')
    load_scene(saved)
    picture.unlink()
    picture.symlink_to(picture.name)
    with pytest.raises(ValueError, match=r'views\[0\].rgb: there is no such file'):
        load_scene(saved)


def test_a_pipe_does_not_hang(saved):
    picture = saved / 'rgb' / 'view_000.png'
    picture.unlink()
    os.mkfifo(picture)
    with pytest.raises(ValueError, match=r'view_000.png: views\[0\].rgb: there is no such file'):
        load_scene(saved)


def test_damaged_pictures_are_named(saved):
    for name, field in (('rgb/frame_00001_00.png', r'frames\[1\]\[0\].rgb'),
                        ('depth/view_002.npy', r'views\[2\].depth')):
        path = saved / name
        data = path.read_bytes()
        path.write_bytes(data[:len(data) // 2])
        with pytest.raises(ValueError, match=f'{name}: {field}: cannot be read'):
            load_scene(saved)
        path.write_bytes(data)
    load_scene(saved)


def test_depth_of_another_size_than_colour(saved):
    edit(saved, lambda d: view0(d).update(depth='depth/view_000.png', depth_scale=0.001))
    (saved / 'depth' / 'view_000.png').write_bytes(png_bytes(np.ones((36, 48), np.uint16)))
    with pytest.raises(ValueError, match=r'views\[0\].depth is 48x36 pixels, '
                                         r'views\[0\].intrinsics is 96x72'):
        load_scene(saved)


def test_negative_depth_is_refused(saved):
    depth = np.load(saved / 'depth' / 'view_002.npy')
    depth[5, 7] = -2.0
    np.save(saved / 'depth' / 'view_002.npy', depth)
    with pytest.raises(ValueError, match=r'view_002.npy: views\[2\].*got -2.0 at row 5, column 7'):
        load_scene(saved)


def test_colour_with_transparency_loads(saved):
    path = saved / 'rgb' / 'view_000.png'
    Image.open(path).convert('RGBA').save(path)
    load_scene(saved)


def test_missing_folder_and_missing_manifest(tmp_path):
    with pytest.raises(ValueError, match='none: there is no such folder'):
        load_scene(tmp_path / 'none')
    with pytest.raises(ValueError, match='inspatio_scene.json: there is no such file'):
        load_scene(tmp_path)


def test_view_without_depth_is_warned_of(tmp_path, room, caplog):
    views = list(room.scene().views)
    views[1] = replace(views[1], depth=np.full((72, 96), np.nan, np.float32))
    save_scene(Scene('half', tuple(views)), tmp_path / 'half')
    with caplog.at_level(logging.WARNING):
        load_scene(tmp_path / 'half')
    assert ['view 1 has no known depth' in text for text in caplog.messages] == [True]


def test_short_manifest_written_by_hand(tmp_path, room):
    save_scene(Scene('a', room.scene().views[:1]), tmp_path / 'a')
    edit(tmp_path / 'a', lambda d: [d.pop(key) for key in (
        'licence', 'source', 'fps', 'time_mode', 'spawn', 'frames')])
    scene = load_scene(tmp_path / 'a')
    assert scene.spawn == Spawn() and scene.frames == () and scene.fps == 30.0


def test_the_documented_example_is_a_manifest(tmp_path, checkout):
    """What docs/scene_format.md shows has all fields and no others."""
    text = (checkout / 'docs' / 'scene_format.md').read_text()
    example = json.loads(re.search(r'```json\n(.*?)```', text, re.DOTALL)[1])
    assert set(example) == set(SCENE_KEYS)
    assert set(example['views'][0]) == set(VIEW_KEYS)
    example['frames'] = []
    (tmp_path / 'inspatio_scene.json').write_text(json.dumps(example))
    assert read_manifest(tmp_path).views[0].intrinsics.fy == 519.0


def test_damaged_confidence_is_named(saved):
    path = saved / 'confidence' / 'view_002.png'
    path.write_bytes(png_bytes(np.zeros((72, 96), np.uint16)))
    with pytest.raises(ValueError, match=r'view_002.png: views\[2\].confidence is a picture of '
                                         'mode I;16, expected 8-bit grey'):
        load_scene(saved)
    path.write_bytes(png_bytes(np.zeros((72, 95), np.uint8)))
    with pytest.raises(ValueError, match=r'views\[2\].confidence is 95x72 pixels'):
        load_scene(saved)
    path.unlink()
    with pytest.raises(ValueError, match=r'views\[2\].confidence: there is no such file'):
        load_scene(saved)


def test_a_scene_without_confidence_has_no_folder_for_it(saved, room):
    save_scene(room.scene(), saved)
    assert not (saved / 'confidence').exists()
