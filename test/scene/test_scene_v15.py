# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Scene folders of version 1.5 become scenes, or an error that names the file."""

import shutil

from foreign_formats import assert_like, drop_line, set_json
from inspatio_ros.scene.detect import open_scene
from inspatio_ros.scene.formats.scene_v15 import read_v15_folder
from inspatio_ros.scene.scene import TimeMode
import numpy as np
from PIL import Image
import pytest


STEP = 12.0 / 65535.0


def test_v15_pictures(tmp_path, room, turned, writer):
    scene = turned(room.scene())
    read = read_v15_folder(writer.v15(tmp_path / 'old', scene))
    assert_like(read, scene, depth_atol=0.51 * STEP + 1e-6)
    assert read.name == 'from v1.5' and read.views[1].name == 'view_01'
    np.testing.assert_array_equal(read.views[0].intrinsics.K, scene.views[0].intrinsics.K)


def test_v15_video(tmp_path, room, writer):
    folder = writer.v15(tmp_path / 'old', room.clip())
    set_json(folder / 'scene.json', fps=12.5, time_mode='bounce')
    read = read_v15_folder(folder)
    assert_like(read, room.clip(), depth_atol=0.51 * STEP + 1e-6)
    assert read.fps == 12.5 and read.time_mode is TimeMode.BOUNCE


def test_v15_ranges_and_cameras_of_every_picture(tmp_path, room, writer):
    scene = room.scene()
    folder = writer.v15(tmp_path / 'old', scene, 0.5, 12.5)
    (folder / 'metadata.txt').rename(folder / 'depth' / 'metadata.txt')
    (folder / 'depth' / 'metadata.txt').write_text('0.5 12.5\n' * 4)
    (folder / 'source_intrinsics.txt').write_text('70 72 47 36.5\n' * 4)
    assert_like(read_v15_folder(folder), scene, depth_atol=0.51 * STEP + 1e-6)


def test_v15_zero_metres_is_unknown_and_the_minimum_is_not(tmp_path, room, writer):
    for low, unknown in ((0.0, True), (0.5, False)):
        folder = writer.v15(tmp_path / f'old {low}', room.scene(), low, 12.0)
        path = folder / 'depth' / '00000.png'
        units = np.array(Image.open(path))
        units[0, 0] = 0
        Image.fromarray(units).save(path)
        depth = read_v15_folder(folder).views[0].depth
        assert np.isnan(depth[0, 0]) == unknown
        assert unknown or depth[0, 0] == np.float32(0.5)


@pytest.mark.parametrize('harm, message', [
    (lambda f: (f / 'scene.json').write_text('{'), 'scene.json: is no valid JSON'),
    (lambda f: (f / 'source_tcw.txt').unlink(), 'source_tcw.txt: there is no such file'),
    (lambda f: drop_line(f / 'source_tcw.txt'),
     'depth: holds 4 depth maps, there are 3 poses in source_tcw.txt'),
    (lambda f: (f / 'input' / 'view_03.png').unlink(),
     'input: holds 3 pictures, there are 4 depth maps'),
    (lambda f: shutil.rmtree(f / 'input') or (f / 'input').mkdir(), 'found none of them'),
    (lambda f: (f / 'input' / 'video.mp4').touch(), 'found both'),
    (lambda f: (f / 'metadata.txt').unlink(), 'metadata.txt: there is no such file'),
    (lambda f: (f / 'metadata.txt').write_text('3 3'), 'min 3 and max 3, expected 0 <= min < max'),
    (lambda f: (f / 'metadata.txt').write_text('1'), 'line 1 has 1 numbers, expected 2'),
    (lambda f: (f / 'metadata.txt').write_text('1 2\n' * 3), 'holds 3 lines, there are 4 depth'),
    (lambda f: (f / 'source_intrinsics.txt').write_text('0 1 1 1'), 'fx must be finite and > 0'),
    (lambda f: (f / 'source_intrinsics.txt').write_text('1 1 1 1\n1 1 1 1'),
     'holds 2 cameras, there are 4 depth maps'),
    (lambda f: set_json(f / 'scene.json', time_mode='never'), "time_mode is 'never'"),
    (lambda f: Image.new('I;16', (48, 36)).save(f / 'depth' / '00002.png'),
     '00002.png: depth is 48x36 pixels, 00000.png is 96x72'),
    (lambda f: Image.new('RGB', (48, 36)).save(f / 'input' / 'view_02.png'),
     'view_02.png: colour is 48x36 pixels, 00000.png is 96x72'),
])
def test_bad_v15_folders(tmp_path, room, writer, harm, message):
    folder = writer.v15(tmp_path / 'old', room.scene())
    harm(folder)
    with pytest.raises(ValueError, match=message):
        open_scene(folder)
