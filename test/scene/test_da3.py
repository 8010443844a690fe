# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Depth-Anything-3 folders become scenes, or an error that names the file."""

import shutil

from foreign_formats import assert_like, drop_line
from inspatio_ros.scene.detect import open_scene
from inspatio_ros.scene.formats.da3 import read_da3_folder
import numpy as np
from PIL import Image
import pytest


@pytest.fixture(scope='module')
def da3_once(tmp_path_factory, room, writer):
    return writer.da3(tmp_path_factory.mktemp('da3') / 'out', room.clip(), scale=2.5)


@pytest.fixture
def da3(tmp_path, da3_once):
    return shutil.copytree(da3_once, tmp_path / 'out')


def test_da3_folder(da3, room):
    scene = room.clip()
    read = read_da3_folder(da3)
    assert_like(read, scene)
    camera, true = read.frames[0][0].intrinsics, scene.frames[0][0].intrinsics
    # The matrix holds at 2cx x 2cy pixels, so the principal point comes to the middle.
    assert (camera.cx, camera.cy) == (48.0, 36.0)
    assert camera.fx == pytest.approx(true.fx * 48.0 / true.cx)
    assert camera.fy == pytest.approx(true.fy * 36.0 / true.cy)


def test_da3_unknown_depth(da3):
    path = da3 / 'depth' / '1.png'
    depth = np.array(Image.open(path)).view('<f4')[..., 0].copy()
    depth[0, :5] = 0.0, -2.0, np.nan, np.inf, 5e4
    Image.fromarray(depth.view(np.uint8).reshape(*depth.shape, 4)).save(path)
    read = read_da3_folder(da3).frames[1][0].depth
    assert np.isnan(read[0, :4]).all() and read[0, 4] == np.float32(5e4)


def test_da3_depth_in_the_folder_and_video_beside_it(da3, room):
    for path in list((da3 / 'depth').iterdir()):
        path.rename(da3 / path.name)
    (da3 / 'depth').rmdir()
    (da3 / 'clip.mp4').rename(da3.parent / 'clip.mp4')
    assert_like(read_da3_folder(da3), room.clip())


def test_da3_depth_of_another_size_keeps_its_pixels(tmp_path, room, writer):
    scene = room.clip(2)
    folder = writer.da3(tmp_path / 'out', scene)
    halves = []
    for index, frame in enumerate(scene.frames):
        half = np.ascontiguousarray(frame[0].depth[::2, ::2])
        halves.append(half)
        Image.fromarray(half.view(np.uint8).reshape(*half.shape, 4)).save(
            folder / 'depth' / f'{index}.png')
    read = read_da3_folder(folder)
    assert read.frames[1][0].rgb.shape == (36, 48, 3)
    assert np.array_equal(read.frames[1][0].depth, halves[1])
    assert read.frames[0][0].intrinsics.cx == 24.0


@pytest.mark.parametrize('harm, message', [
    (lambda f: (f / 'extrinsic.txt').unlink(), 'extrinsic.txt: there is no such file'),
    (lambda f: drop_line(f / 'extrinsic.txt'), 'extrinsic.txt: has 14 lines of numbers'),
    (lambda f: (f / 'intrinsic.txt').write_text('5 0 1\n0 5 1\n0 0 1'),
     'intrinsic.txt: holds 1 matrices, there are 5 depth maps'),
    (lambda f: (f / 'intrinsic.txt').write_text('5 0 0\n0 5 1\n0 0 1\n' * 5),
     'intrinsic.txt: the principal point is 0, 1, expected > 0'),
    (lambda f: shutil.rmtree(f / 'depth'), 'there are no depth PNGs'),
    (lambda f: (f / 'clip.mp4').unlink(), 'there is no video in it or beside it'),
    (lambda f: shutil.copy(f / 'clip.mp4', f / 'other.mkv'),
     r'holds 2 videos \(clip.mp4, other.mkv\), expected one'),
    (lambda f: Image.new('RGB', (96, 72)).save(f / 'depth' / '3.png'),
     '3.png: depth is a picture of mode RGB, expected RGBA'),
    (lambda f: Image.new('RGBA', (48, 36)).save(f / 'depth' / '3.png'),
     '3.png: depth is 48x36 pixels, 0.png is 96x72'),
    (lambda f: [Image.new('RGBA', (96, 96)).save(f / 'depth' / f'{n}.png') for n in range(5)],
     'video is 96x72 pixels, the depth maps are 96x96: another aspect'),
])
def test_bad_da3_folders(da3, harm, message):
    harm(da3)
    with pytest.raises(ValueError, match=message):
        open_scene(da3)
