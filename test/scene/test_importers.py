# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Foreign formats become scenes: same pictures, same depth, same relative poses, or an error."""

from dataclasses import replace
import json
import shutil

from inspatio_ros.scene.clip import read_clip
from inspatio_ros.scene.da3 import read_da3_folder
from inspatio_ros.scene.detect import ImportOptions, open_input, open_scene
from inspatio_ros.scene.format import load_scene, save_scene
from inspatio_ros.scene.rgbd import read_rgbd_folder
from inspatio_ros.scene.scene import Scene, TimeMode
from inspatio_ros.scene.scene_v15 import read_v15_folder
import numpy as np
from PIL import Image
import pytest


def assert_like(read, scene, depth_atol=0.0, pose_atol=1e-9):
    """Compare in the world of the file: colours exactly, depth and poses within tolerances."""
    assert len(read.views) == len(scene.views) and len(read.frames) == len(scene.frames)
    for one, other in zip(read.all_views(), scene.all_views(), strict=True):
        assert np.array_equal(one.rgb, other.rgb)
        np.testing.assert_allclose(one.depth, other.depth, rtol=0, atol=depth_atol)
        np.testing.assert_allclose(one.T_map_cam, other.T_map_cam, atol=pose_atol)


def clip_of(folder, **change):
    parts = {'video': folder / 'clip.mp4', 'depth_folder': folder / 'depth',
             'poses_file': folder / 'poses.txt', 'intrinsics_file': folder / 'camera.json'}
    return read_clip(**{**parts, **change})


def clip_options(folder):
    return ImportOptions(folder / 'depth', folder / 'poses.txt', folder / 'camera.json')


# --- RGB-D folder

@pytest.fixture
def rgbd(tmp_path, room, turned, writer):
    scene = turned(room.scene())
    return writer.rgbd(tmp_path / 'rec', scene), scene


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


def drop_line(path):
    path.write_text('\n'.join(path.read_text().splitlines()[:-1]))


def set_json(path, **change):
    data = {**json.loads(path.read_text()), **change}
    path.write_text(json.dumps({key: value for key, value in data.items() if value is not None}))


@pytest.mark.parametrize('harm, message', [
    (lambda f: drop_line(f / 'poses.txt'),
     'poses.txt: holds 3 poses, there are 4 colour pictures'),
    (lambda f: (f / 'poses.txt').unlink(), 'poses.txt: there is no such file'),
    (lambda f: (f / 'camera.json').unlink(), 'camera.json: there is no such file'),
    (lambda f: (f / 'depth_2.png').unlink(), 'depth_2.png: depth: there is no such file'),
    (lambda f: (f / 'color_2.png').unlink(), 'color_2.png is missing, the last is color_4.png'),
    (lambda f: set_json(f / 'camera.json', depth_scale=None), 'depth_scale is missing'),
    (lambda f: set_json(f / 'camera.json', fx=0), 'camera.json.*fx must be finite and > 0'),
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


# --- video with depth, poses, intrinsics

@pytest.fixture(scope='module')
def clip_once(tmp_path_factory, room, writer):
    folder = tmp_path_factory.mktemp('clip')
    return {kind: writer.clip(folder / kind, room.clip(), kind) for kind in ('npy', 'npz', 'png')}


@pytest.fixture
def clip(tmp_path, clip_once):
    return shutil.copytree(clip_once['npy'], tmp_path / 'clip')


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
    scene = replace(room.clip(12))
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


# --- v1.5 scene folder

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


# --- Depth-Anything-3 folder

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


# --- detection

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
    with pytest.raises(ValueError, match='one picture does not say how far things are; supply'):
        open_scene(tmp_path / 'photo.jpg')
    (tmp_path / 'drive.mcap').touch()
    (tmp_path / 'bag').mkdir()
    (tmp_path / 'bag' / 'metadata.yaml').touch()
    for bag in ('drive.mcap', 'bag'):
        with pytest.raises(ValueError, match='bags are not read yet; supply'):
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
