# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Whatever happens while a scene is saved, the old one survives and nothing is left over."""

import errno
import os
import subprocess
import sys
import time

from full_disk import largest_file, mounted_disk
from inspatio_ros.scene.atomic import (
    exchange_by_renames, replaced_folder, write_synced, write_whole)
from inspatio_ros.scene.format import load_scene, save_scene
from inspatio_ros.scene.scene import Scene
import numpy as np
import pytest


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
            for path in folder.rglob('*')}


@pytest.fixture
def small_disk(tmp_path):
    """Mount a disk of 256 kB."""
    with mounted_disk(tmp_path / 'disk', '256k') as folder:
        yield folder


@pytest.fixture
def large_scene(room):
    rng = np.random.default_rng(0)
    views = []
    for index in range(20):
        view = room.view(room.pose(), f'view {index}')
        rgb = rng.integers(0, 256, view.rgb.shape, np.uint8)
        views.append(type(view)(rgb, view.depth, view.intrinsics, view.T_map_cam, view.name))
    return Scene('large', tuple(views))


def test_full_disk_leaves_the_old_scene(small_disk, room, large_scene):
    target = small_disk / 'scene'
    save_scene(Scene('old', room.scene().views[:1]), target)
    before = contents(small_disk)
    with pytest.raises(OSError, match=r'No space left on device.*\.scene\.saving-') as caught:
        save_scene(large_scene, target)
    assert caught.value.errno == errno.ENOSPC
    assert contents(small_disk) == before
    assert load_scene(target).name == 'old'
    # Once there is room it works.
    save_scene(Scene('new', room.scene().views[:2]), target)
    assert load_scene(target).name == 'new'


def test_full_disk_leaves_nothing_where_nothing_was(small_disk, large_scene):
    with pytest.raises(OSError, match='No space left on device'):
        save_scene(large_scene, small_disk / 'scene')
    assert contents(small_disk) == {}


def test_file_limit_leaves_the_old_scene(tmp_path, room, large_scene):
    target = tmp_path / 'scene'
    save_scene(room.scene(), target)
    before = contents(tmp_path)
    with largest_file(3000), pytest.raises(OSError, match='File too large.*saving-'):
        save_scene(large_scene, target)
    assert contents(tmp_path) == before
    save_scene(large_scene, target)
    assert load_scene(target).name == 'large'


def test_an_interrupt_leaves_the_old_scene(tmp_path, room):
    target = tmp_path / 'scene'
    save_scene(room.scene(), target)
    before = contents(tmp_path)

    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save_scene(room.clip(), target, progress=interrupt)
    assert contents(tmp_path) == before


def test_a_killed_process_leaves_a_whole_scene(tmp_path, large_scene):
    """SIGKILL at any time: there is a scene, and it loads."""
    target = tmp_path / 'scene'
    save_scene(large_scene, target)
    code = ('import sys\n'
            'from inspatio_ros.scene.format import load_scene, save_scene\n'
            'scene = load_scene(sys.argv[1])\n'
            'print("ready", flush=True)\n'
            'while True:\n'
            '    save_scene(scene, sys.argv[1])\n')
    for delay_s in (0.02, 0.15):
        with subprocess.Popen([sys.executable, '-c', code, str(target)], stdout=subprocess.PIPE,
                              text=True) as writer:
            assert writer.stdout.readline() == 'ready\n'
            time.sleep(delay_s)
            writer.kill()
        assert load_scene(target).name == 'large'


def test_readers_always_find_a_whole_scene(tmp_path, room):
    """A process that reads all the time while the scene is replaced never finds it missing."""
    target = tmp_path / 'scene'
    save_scene(room.scene(), target)
    reader = subprocess.Popen(
        [sys.executable, '-c',
         'import os, sys\n'
         'print("ready", flush=True)\n'
         'while not os.path.exists(sys.argv[2]):\n'
         '    os.stat(sys.argv[1])\n',
         str(target / 'inspatio_scene.json'), str(tmp_path / 'stop')],
        stdout=subprocess.PIPE, text=True)
    assert reader.stdout.readline() == 'ready\n'
    for _ in range(5):
        save_scene(room.scene(), target)
    (tmp_path / 'stop').touch()
    reader.communicate()
    assert reader.returncode == 0


def test_exchange_by_renames_and_back(tmp_path):
    for name in ('one', 'other'):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    exchange_by_renames(tmp_path / 'one', tmp_path / 'other')
    assert os.listdir(tmp_path / 'one') == ['other']
    assert os.listdir(tmp_path / 'other') == ['one']
    # Where the second rename fails the first is undone.
    with pytest.raises(FileNotFoundError):
        exchange_by_renames(tmp_path / 'missing', tmp_path / 'other')
    assert sorted(os.listdir(tmp_path)) == ['one', 'other']
    assert os.listdir(tmp_path / 'other') == ['one']


def test_the_folder_takes_the_usual_permissions(tmp_path):
    with replaced_folder(tmp_path / 'a') as fresh:
        write_synced(fresh / 'f', b'x')
    (tmp_path / 'b').mkdir()
    assert (tmp_path / 'a').stat().st_mode == (tmp_path / 'b').stat().st_mode


def test_files_are_written_once(tmp_path):
    write_synced(tmp_path / 'f', b'x')
    with pytest.raises(FileExistsError, match='f'):
        write_synced(tmp_path / 'f', b'y')
    assert (tmp_path / 'f').read_bytes() == b'x'


@pytest.mark.parametrize('write', [write_synced, write_whole])
def test_a_full_disk_leaves_no_half_file(tmp_path, write):
    with pytest.raises(OSError, match='f'), largest_file(1000):
        write(tmp_path / 'f', bytes(2000))
    assert os.listdir(tmp_path) == []


def test_a_file_is_replaced_whole_or_stays(tmp_path):
    write_whole(tmp_path / 'f', b'x')
    write_whole(tmp_path / 'f', b'y')
    with pytest.raises(OSError), largest_file(1000):
        write_whole(tmp_path / 'f', bytes(2000))
    assert (tmp_path / 'f').read_bytes() == b'y' and os.listdir(tmp_path) == ['f']
