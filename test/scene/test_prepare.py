# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`inspatio prepare`: what it writes, says and refuses."""

import json
import subprocess
import sys

from inspatio_ros.cli.main import main
from inspatio_ros.cli.prepare import _TIME_MODES
from inspatio_ros.scene.format import load_scene
from inspatio_ros.scene.preparation import load_preparation, Preparation, save_preparation
from inspatio_ros.scene.scene import TimeMode
import pytest


@pytest.fixture
def rgbd(tmp_path, room, turned, writer):
    return writer.rgbd(tmp_path / 'rec', turned(room.scene()))


def prepare(capsys, *words):
    code = main(['prepare', *map(str, words)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_rgbd_folder(capsys, rgbd, tmp_path):
    out = tmp_path / 'scene'
    code, text, errors = prepare(capsys, rgbd, out, '--licence', 'CC0-1.0', '--name', 'my room')
    assert (code, errors) == (0, '')
    assert "scene 'my room' from RGB-D folder: 4 static views, 96x72" in text
    assert 'floor found 1.20 m under the camera' in text
    assert 'spawn: camera 1.20 m over the floor, looking 11.5 degrees down' in text
    scene = load_scene(out)
    assert (scene.name, scene.licence, len(scene.views)) == ('my room', 'CC0-1.0', 4)


def test_video(capsys, tmp_path, room, writer):
    clip = writer.clip(tmp_path / 'clip', room.clip())
    code, text, _ = prepare(
        capsys, clip / 'clip.mp4', tmp_path / 'scene', '--depth', clip / 'depth', '--poses',
        clip / 'poses.txt', '--intrinsics', clip / 'camera.json', '--fps', 12, '--time-mode',
        'bounce', '--camera-height', 0.5, '--jpeg-quality', 90)
    assert code == 0 and '5 frames at 12 Hz (bounce)' in text
    assert '1.20 m under the camera, 0.50 m given and used' in text
    scene = load_scene(tmp_path / 'scene')
    assert (scene.fps, scene.time_mode, scene.spawn.camera_height) == (12.0, TimeMode.BOUNCE, 0.5)
    assert list((tmp_path / 'scene' / 'rgb').glob('*.jpg'))


def test_json(capsys, rgbd, tmp_path):
    code, text, _ = prepare(capsys, rgbd, tmp_path / 'scene', '--json')
    record = json.loads(text)
    assert code == 0 and record['views'] == 4 and record['up_found'] is True
    assert record['floor_height_m'] == pytest.approx(1.2, abs=0.02)
    assert record['bytes'] == sum(path.stat().st_size for path in (tmp_path / 'scene').rglob('*')
                                  if path.is_file())


def test_a_scene_is_replaced_only_by_force(capsys, rgbd, tmp_path):
    out = tmp_path / 'scene'
    assert prepare(capsys, rgbd, out)[0] == 0
    code, _, errors = prepare(capsys, rgbd, out, '--name', 'second')
    assert code == 2 and 'holds a scene already; --force replaces it' in errors
    assert load_scene(out).name == 'rec'
    assert prepare(capsys, rgbd, out, '--name', 'second', '--force')[0] == 0
    assert load_scene(out).name == 'second'


def test_nothing_else_is_replaced(capsys, rgbd, tmp_path):
    for force in ((), ('--force',)):
        code, _, errors = prepare(capsys, rgbd, rgbd, *force)
        assert code == 2 and 'holds files but no inspatio_scene.json' in errors
    assert (rgbd / 'color_1.png').is_file()


@pytest.mark.parametrize('words, message', [
    (['clip.mp4'], 'there is no such video'),
    (['.'], 'is of no known kind; known are'),
    (['rec', '--camera-height', '-1'], 'camera height must be finite and > 0 m, got -1.0'),
    (['rec', '--fps', '0'], 'fps must be finite and > 0, got 0.0'),
    (['rec', '--fps', '10'], 'holds static views (RGB-D folder); --fps is for what goes on'),
    (['rec', '--time-mode', 'once'], '--time-mode is for what goes on in time'),
    (['rec', '--jpeg-quality', '101'], 'jpeg_quality must lie between 1 and 100, got 101'),
    (['rec', '--depth', 'rec'], 'which brings its own depth'),
    (['rec', '--long-side', '640'], 'brings depth and poses; --long-side is for videos and bags'),
])
def test_errors_are_one_line_and_leave_nothing(capsys, rgbd, tmp_path, words, message):
    (tmp_path / 'here').mkdir()
    path = tmp_path / 'here' / words[0] if words[0] == '.' else tmp_path / words[0]
    before = sorted(tmp_path.rglob('*'))
    code, out, errors = prepare(capsys, path, tmp_path / 'scene', *words[1:])
    assert (code, out) == (2, '') and errors.count('\n') == 1 and message in errors
    assert sorted(tmp_path.rglob('*')) == before


def test_time_modes_of_the_help_are_those_of_the_scene():
    assert _TIME_MODES == tuple(mode.value for mode in TimeMode)


def test_the_scene_modules_load_nothing_heavy():
    code = ('import sys, inspatio_ros.scene.detect, inspatio_ros.cli.prepare\n'
            'print([name for name in ("PIL", "av", "cv2", "scipy", "torch", "numba", "rclpy", '
            '"tqdm") if name in sys.modules])')
    shown = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True,
                           check=True)
    assert shown.stdout == '[]\n'


def test_a_page_to_look_at_lies_in_the_scene(capsys, rgbd, tmp_path):
    out = tmp_path / 'scene'
    code, text, _ = prepare(capsys, rgbd, out)
    assert code == 0 and f'look at it: {out}/preview.png' in text
    assert (out / 'preview.png').read_bytes().startswith(b'\x89PNG')


def test_what_another_scene_was_made_of_is_not_kept(capsys, rgbd, tmp_path):
    out = tmp_path / 'scene'
    prepare(capsys, rgbd, out)
    (out / 'preparation.json').write_text('{"of": "the old one"}')
    (out / 'notes.txt').write_text('mine')
    assert prepare(capsys, rgbd, out, '--force')[0] == 0
    assert not (out / 'preparation.json').exists() and (out / 'notes.txt').exists()


def test_a_scene_keeps_what_it_was_made_of_where_it_is_written_again(capsys, rgbd, tmp_path):
    prepare(capsys, rgbd, tmp_path / 'a')
    made_of = Preparation('walk.mp4', (), {'points': 3})
    save_preparation(tmp_path / 'a', made_of)
    assert prepare(capsys, tmp_path / 'a', tmp_path / 'b')[0] == 0
    assert load_preparation(tmp_path / 'b') == made_of


def test_wrong_options_are_named_before_any_work(capsys, tmp_path):
    for option, value in (('--scale', 0), ('--camera-height', -1), ('--jpeg-quality', 200)):
        code, _, errors = prepare(capsys, tmp_path / 'no.mp4', tmp_path / 'scene', option, value)
        assert code == 2 and option.strip('-').replace('-', '_') in errors.replace('-', '_')
