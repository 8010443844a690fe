# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Recordings in the layouts of others: read as they are, refused with a reason, never guessed."""

import json
from pathlib import Path
import shutil
from typing import Any

import av
import cv2
from inspatio_ros.cli.main import main
from inspatio_ros.motion.transforms import inverse, pose_rpy
from inspatio_ros.scene.images import png_bytes
from inspatio_ros.scene.synthetic.synchronised import synchronised_clip, SynchronisedClip
from inspatio_ros.training.data.multi_cam import pose_of
from inspatio_ros.training.data.pixels import PixelClips
from inspatio_ros.training.data.recorded import recorded_jobs, RecordedSettings
from inspatio_ros.training.data.shards import PIXELS, Shards
from inspatio_ros.training.data.writing import write_dataset, Written
import numpy as np
import pytest

SIZE = (64, 48)
FRAMES = 5


@pytest.fixture(scope='module')
def truth() -> SynchronisedClip:
    return synchronised_clip(7, 9, SIZE, 3)


def write_video(path: Path, rgb: np.ndarray, fps: int = 15) -> None:
    with av.open(str(path), 'w') as container:
        stream: Any = container.add_stream('ffv1', rate=fps)
        stream.width, stream.height, stream.pix_fmt = rgb.shape[2], rgb.shape[1], 'bgr0'
        for picture in rgb:
            frame = av.VideoFrame.from_ndarray(picture, format='rgb24')
            container.mux(stream.encode(frame.reformat(format='bgr0')))
        container.mux(stream.encode())


def write_depth(folder: Path, depth: np.ndarray) -> None:
    folder.mkdir(parents=True)
    for number, it in enumerate(depth):
        np.save(folder / f'{number}.npy', it)


def written(kind: str, source: Path, out: Path, **changes: Any) -> Written:
    settings = RecordedSettings(kind, FRAMES, SIZE, **changes)
    return write_dataset(out, PIXELS, settings.manifest(), recorded_jobs(source, settings))


def reason(done: Written) -> str:
    assert done.made == 0 and len(done.refused) >= 1
    return done.refused[0].reason


def check_cameras(out: Path, truth: SynchronisedClip, cameras: list[int]) -> None:
    """Check what was read against what was recorded; poses up to where the world is."""
    shards = Shards([out], PIXELS)
    T, K = shards.read(0, 'T_world_cam').numpy(), shards.read(0, 'K').numpy()
    for k, camera in enumerate(cameras):
        np.testing.assert_array_equal(shards.read(0, 'rgb', k).numpy(),
                                      truth.rgb[camera, :FRAMES])
        np.testing.assert_allclose(shards.read(0, 'depth', k).float().numpy(),
                                   truth.depth[camera, :FRAMES], rtol=1e-3)
    np.testing.assert_allclose(K, truth.intrinsics.K, atol=1e-3)
    found = inverse(T[0, 0]) @ T
    expected = inverse(truth.T_world_cam[cameras[0], 0]) @ truth.T_world_cam[cameras, :FRAMES]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def make_engine_folder(folder: Path, truth: SynchronisedClip, exr: bool) -> Path:
    for number in range(2):
        place = folder / 'walk' / f'cam{number}'
        (place / 'rgb').mkdir(parents=True)
        (place / 'depth').mkdir()
        camera = truth.intrinsics
        about = {name: getattr(camera, name) for name in ('width', 'height', 'fx', 'fy', 'cx',
                                                          'cy')}
        (place / 'camera.json').write_text(json.dumps({**about, 'depth_scale': 5000}))
        rows = [' '.join(map(repr, T[:3].ravel().tolist())) for T in truth.T_world_cam[number]]
        (place / 'poses.txt').write_text('\n'.join(rows) + '\n')
        for k in range(9):
            (place / 'rgb' / f'frame_{k}.png').write_bytes(png_bytes(truth.rgb[number, k]))
            depth = truth.depth[number, k]
            if exr:
                assert cv2.imwrite(str(place / 'depth' / f'{k}.exr'), depth)
            else:
                units = np.rint(depth * 5000.0).astype(np.uint16)
                (place / 'depth' / f'{k}.png').write_bytes(png_bytes(units))
    return folder


@pytest.mark.parametrize('exr', [True, False])
def test_folders_of_an_engine(tmp_path: Path, truth: SynchronisedClip, exr: bool,
                              monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv('OPENCV_IO_ENABLE_OPENEXR', '1')
    source = make_engine_folder(tmp_path / 'in', truth, exr)
    assert written('unreal', source, tmp_path / 'out').made == 1
    check_cameras(tmp_path / 'out', truth, [0, 1])
    assert Shards([tmp_path / 'out'], PIXELS).notes(0)['fps'] == '15.0'


@pytest.mark.parametrize('break_, why', [
    (lambda it: (it / 'cam0' / 'poses.txt').unlink(), 'the poses are missing'),
    (lambda it: (it / 'cam1' / 'poses.txt').write_text('0 0 0 nan 0 0 1\n'), 'is not finite'),
    (lambda it: [path.unlink() for path in (it / 'cam1' / 'rgb').glob('*[5-9].png')] and
     (it / 'cam1' / 'rgb' / 'frame_4.png').unlink(), 'has 4 pictures and 9 poses, 5 are needed'),
    (lambda it: shutil.rmtree(it / 'cam0' / 'depth'), 'depth is missing'),
    (lambda it: (it / 'cam0' / 'depth' / '0.png').write_bytes(b'x'), '0.png'),
    (lambda it: shutil.rmtree(it / 'cam0'), 'has 1 camera, 2 are needed'),
])
def test_folders_of_an_engine_that_lack_something(tmp_path: Path, truth: SynchronisedClip,
                                                  break_: Any, why: str):
    source = make_engine_folder(tmp_path / 'in', truth, exr=False)
    break_(source / 'walk')
    assert why in reason(written('unreal', source, tmp_path / 'out'))


def make_real_estate(folder: Path, truth: SynchronisedClip) -> Path:
    folder.mkdir()
    width, height = SIZE
    K = truth.intrinsics
    shares = f'{K.fx / width!r} {K.fy / height!r} {(K.cx + 0.5) / width!r} ' \
             f'{(K.cy + 0.5) / height!r} 0 0'
    lines = [f'{round(k * 1e6 / 15)} {shares} '
             + ' '.join(map(repr, inverse(T)[:3].ravel().tolist()))
             for k, T in enumerate(truth.T_world_cam[1])]
    text = '\n'.join(['https://www.youtube.com/watch?v=abc-_123', *lines, ''])
    (folder / 'clip0.txt').write_text(text)
    write_video(folder / 'abc-_123.mkv', truth.rgb[1])
    write_depth(folder / 'clip0.depth', truth.depth[1])
    return folder


def test_camera_files_of_real_estate(tmp_path: Path, truth: SynchronisedClip):
    source = make_real_estate(tmp_path / 'in', truth)
    assert written('re10k', source, tmp_path / 'out').made == 1
    shards = Shards([tmp_path / 'out'], PIXELS)
    T = shards.read(0, 'T_world_cam').numpy()
    for k, ahead in enumerate((0, 2)):
        rows = slice(ahead, ahead + FRAMES)
        np.testing.assert_array_equal(shards.read(0, 'rgb', k).numpy(), truth.rgb[1, rows])
        np.testing.assert_allclose(T[k], truth.T_world_cam[1, rows], atol=1e-6)
    np.testing.assert_allclose(shards.read(0, 'K').numpy(), truth.intrinsics.K, atol=1e-6)


@pytest.mark.parametrize('name, text, why', [
    ('clip0.txt', 'https://youtu.be/abc-_123\n', 'the poses are missing'),
    ('clip0.txt', 'https://youtu.be/abc-_123\n1 2 3\n', 'lines have 3 numbers, not 19'),
    ('clip0.txt', 'https://youtu.be/abc-_123\n' + ' '.join(['nan'] * 19) + '\n', 'not finite'),
    ('abc-_123.mkv', None, 'the video is missing: clip0 or abc-_123'),
    ('clip0.depth', None, 'depth is missing: no folder clip0.depth'),
])
def test_camera_files_that_lack_something(tmp_path: Path, truth: SynchronisedClip, name: str,
                                          text: str | None, why: str):
    source = make_real_estate(tmp_path / 'in', truth)
    path = source / name
    if text is not None:
        path.write_text(text)
    elif path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    assert why in reason(written('re10k', source, tmp_path / 'out'))


def test_clips_that_are_too_short_are_refused(tmp_path: Path, truth: SynchronisedClip):
    source = make_real_estate(tmp_path / 'in', truth)
    settings = RecordedSettings('re10k', 8, SIZE)
    done = write_dataset(tmp_path / 'out', PIXELS, settings.manifest(),
                         recorded_jobs(source, settings))
    assert 'has 9 frames, 12 are needed' in reason(done)


def unreal_text(T: np.ndarray) -> str:
    """Return a pose as Unreal Engine has it: centimetres, y mirrored, forward right up."""
    mirror = np.diag([1.0, -1.0, 1.0])
    R = mirror @ T[:3, :3]
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([R[:, 2], R[:, 0], -R[:, 1]], axis=1)
    matrix[:3, 3] = mirror @ T[:3, 3] * 100.0
    return ' '.join('[' + ' '.join(f'{x:.9f}' for x in row) + ']' for row in matrix.T) + ' '


def make_multi_cam(folder: Path, truth: SynchronisedClip) -> Path:
    scene = folder / 'train' / f'f{truth.intrinsics.fx * 23.76 / SIZE[0]:.6f}_aperture5' / 'scene3'
    for place in ('videos', 'cameras'):
        (scene / place).mkdir(parents=True)
    for k in range(3):
        write_video(scene / 'videos' / f'cam0{k + 1}.mkv', truth.rgb[k])
        write_depth(scene / 'depth' / f'cam0{k + 1}', truth.depth[k])
    table = {f'frame{f}': {f'cam0{k + 1}': unreal_text(truth.T_world_cam[k, f])
                           for k in range(3)} for f in range(9)}
    (scene / 'cameras' / 'camera_extrinsics.json').write_text(json.dumps(table))
    return scene


def test_scenes_of_many_cameras(tmp_path: Path, truth: SynchronisedClip):
    make_multi_cam(tmp_path / 'in', truth)
    done = written('recammaster', tmp_path / 'in', tmp_path / 'out')
    assert done.made == 1
    assert [it.reason for it in done.refused] == [
        f'the poses are missing: no {name} in frame0' for name in ('cam04', 'cam07')]
    check_cameras(tmp_path / 'out', truth, [0, 1, 2])


def test_scenes_that_lack_something(tmp_path: Path, truth: SynchronisedClip):
    scene = make_multi_cam(tmp_path / 'in', truth)
    (scene / 'cameras' / 'camera_extrinsics.json').unlink()
    done = written('recammaster', tmp_path / 'in', tmp_path / 'out')
    assert 'the poses are missing' in reason(done)
    with pytest.raises(ValueError, match='has 3 numbers, not 16'):
        pose_of('[1 2 3]')


@pytest.mark.parametrize('table, why', [
    ([1, 2, 3, 4, 5], 'is no table of frames'), ({}, 'has poses of 0 frames, 5 are needed'),
    ({f'frame{k}': 3 for k in range(9)}, 'no cam01 in frame0'),
    ({f'frame{k}': {'cam01': None} for k in range(9)}, 'no cam01 in frame0'),
    ({f'frame{k}': {'cam01': '[1 2]'} for k in range(1, 9)}, 'no cam01 in frame0'),
    ({f'frame{k}': {'cam01': '[1 2]'} for k in range(9)}, 'has 2 numbers, not 16')])
def test_tables_of_poses_of_another_form(tmp_path: Path, truth: SynchronisedClip, table: Any,
                                         why: str):
    scene = make_multi_cam(tmp_path / 'in', truth)
    (scene / 'cameras' / 'camera_extrinsics.json').write_text(json.dumps(table))
    assert why in reason(written('recammaster', tmp_path / 'in', tmp_path / 'out'))


def test_unreals_axes_become_optical_ones():
    T = pose_rpy(1.0, 2.0, 3.0, 0.1, 0.2, 0.3)
    np.testing.assert_allclose(pose_of(unreal_text(T)), T, atol=1e-8)
    # A camera at the origin that looks along x with z up.
    R = pose_of('[1 0 0 0] [0 1 0 0] [0 0 1 0] [100 200 300 1]')
    np.testing.assert_allclose(R[:3, 2], [1, 0, 0])
    np.testing.assert_allclose(R[:3, 1], [0, 0, -1])
    np.testing.assert_allclose(R[:3, 3], [1, -2, 3])


def make_video_folder(folder: Path, truth: SynchronisedClip) -> Path:
    folder.mkdir()
    write_video(folder / 'walk.mkv', truth.rgb[0])
    write_depth(folder / 'walk.depth', truth.depth[0])
    camera = truth.intrinsics
    (folder / 'walk.json').write_text(json.dumps(
        {name: getattr(camera, name) for name in ('width', 'height', 'fx', 'fy', 'cx', 'cy')}))
    return folder


def test_a_video_is_seen_from_near_and_painted_as_it_is(tmp_path: Path, truth: SynchronisedClip):
    source = make_video_folder(tmp_path / 'in', truth)
    assert written('video', source, tmp_path / 'out').made == 1
    clips = PixelClips([tmp_path / 'out'], FRAMES)
    assert len(clips) == 1
    clip = clips.clip(0)
    rgb = ((clip.target_rgb[0] + 1.0) * 127.5).round().permute(0, 2, 3, 1).numpy()
    np.testing.assert_array_equal(rgb, truth.rgb[0, :FRAMES])
    hole = clip.source_depth[0].isnan()
    assert 0.005 < hole.float().mean() < 0.6
    assert clip.source_rgb[0].movedim(1, -1)[hole].max() == -1.0
    assert not np.allclose(clip.T_world_source[0], clip.T_world_target[0], atol=1e-3)
    # Another seed, another view; the same seed, the same.
    for seed, same in ((0, True), (1, False)):
        out = tmp_path / f'again{seed}'
        written('video', source, out, seed=seed)
        T = PixelClips([out], FRAMES).clip(0).T_world_source
        assert np.array_equal(T, clip.T_world_source) == same


@pytest.mark.parametrize('name, why', [
    ('walk.json', 'the camera is missing'), ('walk.depth', 'depth is missing')])
def test_videos_that_lack_something(tmp_path: Path, truth: SynchronisedClip, name: str, why: str):
    source = make_video_folder(tmp_path / 'in', truth)
    if (source / name).is_dir():
        shutil.rmtree(source / name)
    else:
        (source / name).unlink()
    assert why in reason(written('video', source, tmp_path / 'out'))


@pytest.mark.parametrize('kind', ['re10k', 'recammaster', 'unreal', 'video'])
def test_folders_of_something_else(tmp_path: Path, kind: str):
    with pytest.raises(ValueError, match='holds no'):
        written(kind, tmp_path, tmp_path / 'out')
    with pytest.raises(ValueError, match='no such folder'):
        written(kind, tmp_path / 'nowhere', tmp_path / 'out')


def test_the_command_reads_refuses_and_reports(tmp_path: Path, truth: SynchronisedClip,
                                               capsys: pytest.CaptureFixture):
    source = make_video_folder(tmp_path / 'in', truth)
    write_video(source / 'other.mkv', truth.rgb[1])
    arguments = ['train', 'data', 'video', str(tmp_path / 'out'), '--input', str(source),
                 '--frames', '5', '--size', '64x48', '--json']
    assert main(arguments) == 0
    report = json.loads(capsys.readouterr().out)
    assert report['made'] == 1 and report['refused'][0]['source'].endswith('other.mkv')
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)['kept'] == 1
    (source / 'walk.json').unlink()
    arguments[3] = str(tmp_path / 'none')
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert len(json.loads(shown.out)['refused']) == 2
    assert 'no shard could be made, for the first one: the camera is missing' in shown.err
    assert main(['train', 'data', 'unreal', str(tmp_path / 'b')]) == 2
    assert 'unreal needs --input DIR' in capsys.readouterr().err
