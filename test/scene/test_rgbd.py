# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""RGB-D folders become scenes, or an error that names the file."""

from foreign_formats import assert_like, drop_line, set_json
from inspatio_ros.scene.detect import open_scene
from inspatio_ros.scene.formats.rgbd import read_rgbd_folder
import numpy as np
from PIL import Image
import pytest


def test_rgbd_folder(rgbd):
    folder, scene = rgbd
    read = read_rgbd_folder(folder)
    assert_like(read, scene, depth_atol=0.00051, pose_atol=1e-9)
    assert read.views[0].intrinsics == scene.views[0].intrinsics
    assert read.name == 'rec'


def test_rgbd_zero_is_unknown(rgbd):
    folder, _ = rgbd
    units = np.array(Image.open(folder / 'depth_1.png'))
    units[:10] = 0
    Image.fromarray(units).save(folder / 'depth_1.png')
    depth = read_rgbd_folder(folder).views[0].depth
    assert np.isnan(depth[:10]).all() and np.isfinite(depth[10:]).all()


def test_real_rgbd_folder(shared_dir):
    folder = shared_dir / 'data' / 'dining_rgbd'
    scene = read_rgbd_folder(folder)
    assert len(scene.views) == 5
    for number, view in enumerate(scene.views, start=1):
        units = np.array(Image.open(folder / f'depth_{number}.png'))
        assert np.array_equal(np.isnan(view.depth), units == 0)
        assert np.array_equal(np.nan_to_num(view.depth),
                              (units / 1000.0).astype(np.float32))


@pytest.mark.parametrize('harm, message', [
    (lambda f: drop_line(f / 'poses.txt'),
     'poses.txt: holds 3 poses, there are 4 colour pictures'),
    (lambda f: (f / 'poses.txt').unlink(), 'poses.txt: there is no such file'),
    (lambda f: (f / 'camera.json').unlink(), 'camera.json: there is no such file'),
    (lambda f: (f / 'depth_2.png').unlink(), 'depth_2.png: depth: there is no such file'),
    (lambda f: (f / 'color_2.png').unlink(), 'color_2.png is missing, the last is color_4.png'),
    (lambda f: set_json(f / 'camera.json', depth_scale=None), 'depth_scale is missing'),
    (lambda f: set_json(f / 'camera.json', fx=0), 'camera.json.*fx must be finite and > 0'),
    (lambda f: set_json(f / 'camera.json', width=10 ** 9), 'rec: its pictures take .* GiB'),
    (lambda f: set_json(f / 'camera.json', width=95),
     'color_1.png: colour is 96x72 pixels, camera.json is 95x72'),
    (lambda f: Image.new('I;16', (48, 36)).save(f / 'depth_3.png'),
     'depth_3.png: depth is 48x36 pixels, camera.json is 96x72'),
    (lambda f: Image.new('L', (96, 72)).save(f / 'depth_3.png'),
     'depth_3.png: depth is a picture of mode L'),
    (lambda f: (f / 'color_4.png').write_bytes((f / 'color_4.png').read_bytes()[:99]),
     'color_4.png: colour: cannot be read'),
    (lambda f: (f / 'poses.txt').write_text('0 0 0 0 0 0 0\n' * 4), 'poses.txt: line 1.*norm 0'),
    (lambda f: [Image.new('I;16', (96, 72)).save(f / f'depth_{n}.png') for n in (1, 2, 3, 4)],
     'no view has a single pixel of known depth'),
])
def test_bad_rgbd_folders(rgbd, harm, message):
    folder, _ = rgbd
    harm(folder)
    with pytest.raises(ValueError, match=message):
        open_scene(folder)
