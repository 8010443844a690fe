# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`inspatio prepare` of a bag: what it writes, says and refuses."""

from dataclasses import asdict
import json

from inspatio_ros.cli.main import main
from inspatio_ros.scene.format import load_scene
from inspatio_ros.scene.preparation import load_preparation
from make_bag import COLOR, COLOR_INFO, DEPTH, DEPTH_INFO, Recording
import numpy as np
import pytest


@pytest.fixture
def bag(views, tmp_path):
    return Recording(list(views)).write(tmp_path / 'drive')


def prepare(capsys, *words):
    code = main(['prepare', *map(str, words)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_a_bag_becomes_a_scene_folder(capsys, bag, tmp_path, views):
    out = tmp_path / 'scene'
    code, text, errors = prepare(capsys, bag, out, '--licence', 'CC0-1.0')
    assert (code, errors) == (0, '')
    assert f'{COLOR}  ' in text and 'poses from TF map -> camera_optical_frame' in text
    assert "scene 'drive' from bag: 8 static views, 160x120" in text
    scene = load_scene(out)
    assert scene.licence == 'CC0-1.0' and scene.source == 'bag drive'
    for found, view in zip(scene.views, views, strict=True):
        assert np.array_equal(found.rgb, view.rgb)
        assert np.array_equal(found.depth, view.depth)
    assert len(load_preparation(out).pictures) == 8


def test_everything_can_be_told(capsys, bag, tmp_path):
    code, text, errors = prepare(
        capsys, bag / 'drive.mcap', tmp_path / 'scene', '--json', '--color', COLOR, '--depth',
        DEPTH, '--info', COLOR.replace('image_raw', 'camera_info'), '--poses', 'tf:odom',
        '--from', 0.4, '--to', 3.1, '--max-views', 3, '--max-offset', 0.01, '--keyframe-step',
        0.1, '--keyframe-turn', 5, '--camera-height', 1.1, '--match-exposure')
    record = json.loads(text)
    assert (code, errors) == (0, '')
    assert record['kind'] == 'bag' and 0 < record['views'] <= 3
    assert record['spawn']['camera_height'] == 1.1
    assert any('poses from TF odom' in note for note in record['notes'])


@pytest.mark.parametrize('words, message', [
    (('--fps', 10), 'is a bag, which becomes static views; --fps is for videos'),
    (('--time-mode', 'loop'), '--time-mode is for videos'),
    (('--color', '/none'), '--color: there is no topic /none; the bag holds '),
    (('--poses', '/none'), '--poses /none: there is no such topic'),
    (('--max-views', 0), 'at most 0 views leave none'),
    (('--scale', 2.0), f'--scale: views and their depth in metres come from {COLOR} and {DEPTH} '),
    (('--long-side', 960), '--long-side: views and their depth in metres come from'),
    (('--moving', 'auto'), '--moving: views and their depth in metres come from'),
    (('--refine-principal-point',), '--refine-principal-point: views and their depth'),
    (('--model', 'weights'), '--model weights is for --depth da3 or transformers'),
    (('--depth', 'da3'), '--depth da3 needs --model DIR'),
])
def test_wrong_arguments_of_a_bag(capsys, bag, tmp_path, words, message):
    code, text, errors = prepare(capsys, bag, tmp_path / 'scene', *words)
    assert (code, text) == (2, '') and message in errors
    assert not (tmp_path / 'scene').exists()


@pytest.mark.parametrize('words', [
    ('--keyframe-step', 0.2), ('--keyframe-turn', 15.0), ('--match-exposure',),
    ('--max-offset', 0.02), ('--depth-info', DEPTH_INFO)])
def test_arguments_of_depth_are_refused_for_colour_alone(capsys, views, tmp_path, words):
    bag = Recording(list(views)).write(tmp_path / 'drive', change=lambda events: [
        event for event in events if event[1] != DEPTH])
    code, _, errors = prepare(capsys, bag, tmp_path / 'scene', *words)
    assert code == 2 and f'{words[0]}: depth is found in the pictures of {COLOR} alone' in errors


def test_a_camera_that_the_bag_describes_is_not_described_again(capsys, bag, tmp_path, views):
    camera = tmp_path / 'camera.json'
    camera.write_text(json.dumps(asdict(views[0].intrinsics)))
    code, _, errors = prepare(capsys, bag, tmp_path / 'scene', '--intrinsics', camera)
    assert code == 2 and f'--intrinsics: {COLOR_INFO} describes the camera of {COLOR}' in errors


@pytest.mark.parametrize('words, option', [
    (('--color', '/c'), '--color'), (('--from', 1.0), '--from'),
    (('--match-exposure',), '--match-exposure'), (('--max-gap', 0.5), '--max-gap')])
def test_arguments_of_bags_are_refused_for_others(capsys, tmp_path, words, option):
    (tmp_path / 'folder').mkdir()
    code, _, errors = prepare(capsys, tmp_path / 'folder', tmp_path / 'scene', *words)
    assert code == 2 and f'is no bag; {option} is for bags' in errors
