# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures with depth, poses and camera beside them become scenes."""

import json

from foreign_formats import write_camera, write_rows
from inspatio_ros.cli.main import main
from inspatio_ros.scene.detect import ImportOptions, open_input
from inspatio_ros.scene.format import load_scene
from inspatio_ros.scene.pictures import read_pictures
import numpy as np
from PIL import Image
import pytest


@pytest.fixture
def folder(tmp_path, room):
    """Write four pictures, their depth, poses and camera."""
    views = room.scene().views
    for name in ('pictures', 'depth'):
        (tmp_path / name).mkdir()
    for index, view in enumerate(views):
        Image.fromarray(view.rgb).save(tmp_path / 'pictures' / f'shot_{index + 8}.png')
        np.save(tmp_path / 'depth' / f'{index + 8}.npy', view.depth)
    write_rows(tmp_path / 'poses.txt', [view.T_map_cam.ravel() for view in views])
    write_camera(tmp_path / 'camera.json', views[0].intrinsics)
    return tmp_path


def parts(folder):
    return folder / 'depth', folder / 'poses.txt', folder / 'camera.json'


def test_a_folder_of_pictures(folder, room):
    scene = read_pictures(folder / 'pictures', *parts(folder))
    assert [view.name for view in scene.views] == [f'shot_{n}.png' for n in range(8, 12)]
    for view, true in zip(scene.views, room.scene().views, strict=True):
        assert np.array_equal(view.rgb, true.rgb) and np.array_equal(view.depth, true.depth)
        np.testing.assert_allclose(view.T_map_cam, true.T_map_cam, atol=1e-12)


def test_it_is_recognised_and_levelled(folder):
    opened = open_input(folder / 'pictures', ImportOptions(*parts(folder)))
    assert opened.kind == 'pictures' and opened.placement.up_found
    assert opened.scene.views[0].T_map_cam[2, 3] == pytest.approx(1.2, abs=0.03)


def test_one_picture_needs_no_pose(folder, capsys):
    words = [folder / 'pictures' / 'shot_8.png', folder / 'scene', '--depth',
             folder / 'depth' / '8.npy', '--intrinsics', folder / 'camera.json', '--json']
    assert main(['prepare', *map(str, words)]) == 0
    assert json.loads(capsys.readouterr().out)['views'] == 1
    assert load_scene(folder / 'scene').views[0].depth.shape == (72, 96)


@pytest.mark.parametrize('harm, message', [
    (lambda f: (f / 'depth' / '9.npy').unlink(), r'depth: holds 3 depth maps, there are 4 '
                                                 r'pictures in .*pictures'),
    (lambda f: (f / 'poses.txt').write_text('0 0 0 0 0 0 1\n'), 'holds 1 poses, there are 4'),
    (lambda f: (f / 'poses.txt').write_text('0 nan 0 0 0 0 1\n' * 4), "'nan' is not finite"),
    (lambda f: Image.new('RGB', (10, 10)).save(f / 'pictures' / 'shot_9.png'),
     r'shot_9.png: picture is 10x10 pixels, .*camera.json is 96x72'),
])
def test_parts_that_do_not_fit_are_named(folder, harm, message):
    harm(folder)
    with pytest.raises(ValueError, match=message):
        read_pictures(folder / 'pictures', *parts(folder))


def test_pictures_alone_are_not_enough(folder):
    depth, _, camera = parts(folder)
    with pytest.raises(ValueError, match='supply --depth .*--intrinsics .*--poses'):
        open_input(folder / 'pictures')
    with pytest.raises(ValueError, match='4 pictures need --poses'):
        open_input(folder / 'pictures', ImportOptions(depth, None, camera))
