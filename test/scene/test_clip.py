# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Videos with depth and poses become scenes, or an error that names the file."""

import shutil

from foreign_formats import assert_like, clip_options, drop_line, set_json
from inspatio_ros.scene.detect import open_scene
from inspatio_ros.scene.formats.clip import read_clip
import numpy as np
from PIL import Image
import pytest


def clip_of(folder, progress=None):
    return read_clip(folder / 'clip.mp4', folder / 'depth', folder / 'poses.txt',
                     folder / 'camera.json', progress)


@pytest.mark.parametrize('kind, depth_atol', [('npy', 0.0), ('npz', 0.0), ('png', 0.00051)])
def test_clip(clip_once, room, kind, depth_atol):
    seen = []
    read = clip_of(clip_once[kind], progress=lambda done, total: seen.append((done, total)))
    assert_like(read, room.clip(), depth_atol)
    assert read.fps == 10.0 and read.frames[3][0].name == 'frame 3'
    assert seen == [(i, 10) for i in range(1, 11)]


def test_clip_depth_is_marked_unknown_where_no_camera_can_measure(clip):
    depth = np.load(clip / 'depth' / 'frame_0.npy')
    depth[0, :4] = 0.0, -1.0, np.nan, np.inf
    np.save(clip / 'depth' / 'frame_0.npy', depth)
    read = clip_of(clip).frames[0][0].depth
    assert np.isnan(read[0, :3]).all() and read[0, 3] == np.inf


def test_frames_are_in_the_order_of_their_numbers(tmp_path, room, writer):
    scene = room.clip(12)
    folder = writer.clip(tmp_path / 'long', scene)
    assert_like(clip_of(folder), scene)


def test_double_precision_depth_is_taken(clip):
    depth = np.load(clip / 'depth' / 'frame_0.npy')
    np.save(clip / 'depth' / 'frame_0.npy', depth.astype(np.float64))
    assert np.array_equal(clip_of(clip).frames[0][0].depth, depth)


@pytest.mark.parametrize('harm, message', [
    (lambda f: (f / 'depth' / 'frame_4.npy').unlink(),
     r'poses.txt: holds 5 poses, there are 4 depth maps in .*depth'),
    (lambda f: [(f / 'depth' / 'frame_4.npy').unlink(), drop_line(f / 'poses.txt')],
     r'clip.mp4: has more frames than the 4 depth maps in .*depth'),
    (lambda f: [np.save(f / 'depth' / 'frame_5.npy', np.ones((72, 96), np.float32)),
                (f / 'poses.txt').write_text('0 0 0 0 0 0 1\n' * 6)],
     r'clip.mp4: has 5 frames, there are 6 depth maps in .*depth'),
    (lambda f: np.save(f / 'depth' / 'frame_2.npy', np.ones((36, 48), np.float32)),
     r'frame_2.npy: depth is 48x36 pixels, .*camera.json is 96x72'),
    (lambda f: np.save(f / 'depth' / 'frame_2.npy', np.ones((72, 96), np.int32)),
     'frame_2.npy: depth: cannot be read: holds int32'),
    (lambda f: np.save(f / 'depth' / 'frame_2.npy', np.array([[{}]]), allow_pickle=True),
     'frame_2.npy: depth: cannot be read'),
    (lambda f: (f / 'depth' / 'frame_2.npy').write_bytes(b''),
     'frame_2.npy: depth: cannot be read'),
    (lambda f: Image.new('I;16', (96, 72)).save(f / 'depth' / 'frame_9.png'),
     r'depth: holds .npy and .png'),
    (lambda f: shutil.rmtree(f / 'depth'), 'there is no such folder of depth maps'),
    (lambda f: set_json(f / 'camera.json', width=48),
     r'clip.mp4: video is 96x72 pixels, .*camera.json is 48x72'),
    (lambda f: (f / 'clip.mp4').write_bytes(b'no video at all'), 'clip.mp4: frame 0 cannot be'),
    (lambda f: (f / 'clip.mp4').write_bytes((f / 'clip.mp4').read_bytes()[:2000]),
     'clip.mp4: '),
])
def test_bad_clips(clip, harm, message):
    harm(clip)
    with pytest.raises(ValueError, match=message):
        open_scene(clip / 'clip.mp4', clip_options(clip))


def test_png_depth_needs_its_scale(clip_once, tmp_path):
    folder = shutil.copytree(clip_once['png'], tmp_path / 'clip')
    set_json(folder / 'camera.json', depth_scale=None)
    with pytest.raises(ValueError, match='frame_0.png: needs depth_scale'):
        clip_of(folder)


def test_an_archive_has_one_array(clip_once, tmp_path):
    folder = shutil.copytree(clip_once['npz'], tmp_path / 'clip')
    one = np.ones((72, 96), np.float32)
    np.savez(folder / 'depth' / 'frame_1.npz', a=one, b=one)
    with pytest.raises(ValueError, match='frame_1.npz: depth: .*holds 2 arrays, expected one'):
        clip_of(folder)
    (folder / 'depth' / 'frame_1.npz').write_bytes(b'PK\x03\x04 broken')
    with pytest.raises(ValueError, match='frame_1.npz: depth: cannot be read'):
        clip_of(folder)
