# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a replay refuses, in one line that says what to do, and how it ends early."""

import contextlib
import json
import os
from pathlib import Path
import signal
import subprocess
import sys

from full_disk import largest_file
from inspatio_ros.cli.main import main
from make_bag import header, msg, NS
from motions import along_odometry, along_tf, commands, POSE, read, record, T0
import numpy as np
import pytest


@pytest.fixture
def drive(tmp_path):
    """Return a short recording."""
    return record(tmp_path / 'drive', commands(1.0))


@pytest.fixture
def refused(capsys):
    """Return a function that runs a replay which must not succeed: its last words."""
    def run(*words, code=2):
        assert main(['replay', *map(str, words)]) == code
        said = capsys.readouterr()
        assert said.out == ''
        return said.err.strip().splitlines()[-1]
    return run


def test_a_bag_without_motion_lists_what_is_there(refused, tmp_path):
    text = msg('std_msgs/String', data='hello')
    goal = msg('geometry_msgs/PoseStamped', header=header(T0), pose=along_odometry(0.0)[0][3]
               .pose.pose)
    bag = record(tmp_path / 'bag', [(T0, '/chatter', 'std_msgs/msg/String', text),
                                    (T0, '/goal_pose', POSE, goal)])
    said = refused(bag, tmp_path / 'out')
    assert 'cmd_vel (TwistStamped, Twist)' in said and '/chatter (1 std_msgs/msg/String)' in said
    assert not (tmp_path / 'out').exists()


def test_several_motions_of_a_kind_ask_for_one(refused, tmp_path):
    bag = record(tmp_path / 'bag', [*along_odometry(1.0, topic='/a/odom'),
                                    *along_odometry(1.0, topic='/b/odom')])
    assert '/a/odom, /b/odom; name one with --topic' in refused(bag, tmp_path / 'out')


@pytest.mark.parametrize('words, reason', [
    (('--topic', '/cmd'), 'there is no topic /cmd; the bag holds /cmd_vel'),
    (('--topic', '/cmd_vel', '--motion', 'pose'), 'is geometry_msgs/msg/TwistStamped, expected'),
    (('--motion', 'odometry'), 'no motion: looked for odom_in/odom (Odometry)'),
    (('--outputs', 'color,smell'), "no 'smell'; there are color, depth"),
    (('--start', '-1'), '--start must be'), (('--duration', '0'), '--duration must be'),
    (('--stamps-of', '/nothing'), 'there is no topic /nothing'),
    (('-p', 'rat:=3.0'), "no parameter 'rat'; did you mean rate?"),
    (('-p', 'mount.pich:=0.1'), 'did you mean mount.pitch?'),
    (('-p', 'rate:=-3.0'), 'rate must be at least 0.1 Hz'),
    (('-p', 'rate:=fast'), "rate must be a float, got 'fast'"),
    (('-p', 'rate=3.0'), 'expected NAME:=VALUE'),
    (('-p', 'scan.rang_max:=3.0'), 'did you mean scan.range_max?'),
    (('-p', 'scan.angle_increment:=0.0'), 'scan.angle_increment must be at least 0.001 rad'),
    (('-p', 'scan.min_height:=2.0'), 'scan.min_height 2 must be less than scan.max_height 0.6'),
    (('--outputs', 'laser'), "no 'laser'; there are color, depth, observed, scan, points"),
    (('-p', 'image.width:=[1'), 'image.width:=[1'),
    (('--params-file', '/nowhere.yaml'), '/nowhere.yaml: No such file'),
    (('--scene', '/no/scene'), '/no/scene'),
])
def test_a_wrong_argument_is_named(refused, drive, tmp_path, words, reason):
    assert reason in refused(drive, tmp_path / 'out', *words)
    assert not (tmp_path / 'out').exists()


def test_a_shift_is_six_numbers(drive, tmp_path, capsys):
    for text in ('1 2 3', 'a b c d e f', '0 0 nan 0 0 0'):
        with pytest.raises(SystemExit):
            main(['replay', str(drive), str(tmp_path / 'out'), '--shift', text])
        assert 'six numbers, metres and radians' in capsys.readouterr().err


def test_a_parameter_file_without_parameters_is_refused(refused, drive, tmp_path):
    file = tmp_path / 'p.yaml'
    file.write_text('rate: 10.0\n')
    assert 'expected a node, in it ros__parameters' in refused(
        drive, tmp_path / 'out', '--params-file', file)


def test_an_empty_bag_is_refused(refused, tmp_path):
    assert 'the bag is empty' in refused(record(tmp_path / 'bag', []), tmp_path / 'out')
    (tmp_path / 'x.mcap').touch()
    assert 'x.mcap: the file is empty' in refused(tmp_path / 'x.mcap', tmp_path / 'out')


def test_a_bag_that_does_not_exist_is_refused(refused, tmp_path):
    assert 'there is no such bag' in refused(tmp_path / 'nothing', tmp_path / 'out')


def test_what_exists_is_replaced_only_by_force(refused, drive, tmp_path, capsys):
    out = record(tmp_path / 'out', commands(0.5))
    before = read(out)
    assert 'out: exists already' in refused(drive, out)
    assert len(read(out)) == len(before)
    assert main(['replay', str(drive), str(out), '--force', '--outputs', 'odom']) == 0
    assert {topic for topic, _, _ in read(out)} == {'/odom'}


@pytest.mark.parametrize('out', ['drive', 'drive/out', 'drive/deep/out'])
@pytest.mark.parametrize('force', [(), ('--force',)])
def test_nothing_is_written_into_what_is_read(refused, drive, tmp_path, out, force):
    before = sorted(path.name for path in drive.iterdir())
    assert 'write it somewhere else' in refused(drive, tmp_path / out, *force)
    assert sorted(path.name for path in drive.iterdir()) == before


def test_what_is_read_does_not_lie_in_what_is_replaced(refused, tmp_path):
    bag = record(tmp_path / 'all' / 'drive', commands(0.5))
    assert 'write it somewhere else' in refused(bag, tmp_path / 'all', '--force')
    assert len(read(bag)) == 11


def test_an_output_that_cannot_be_written_is_named(refused, drive, tmp_path):
    (tmp_path / 'file').write_text('')
    assert 'file' in refused(drive, tmp_path / 'file' / 'out')


def test_tf_without_the_robot_lists_its_frames(refused, tmp_path):
    bag = record(tmp_path / 'bag', along_tf(1.0))
    said = refused(bag, tmp_path / 'out', '-p', 'base_frame:=torso', '--outputs', 'odom')
    assert 'does not lead from torso up to map or odom' in said
    assert 'base_footprint, base_link, odom' in said


def test_motion_that_is_all_dropped_is_refused(refused, tmp_path):
    bag = record(tmp_path / 'bag', along_odometry(1.0, child='wheel'))
    said = refused(bag, tmp_path / 'out', '--outputs', 'odom')
    assert "child_frame_id 'wheel' is not base_frame 'base_footprint'" in said
    assert not (tmp_path / 'out').exists()


def test_a_part_that_lies_behind_the_end_is_refused(refused, drive, tmp_path):
    assert 'no instant to look at' in refused(drive, tmp_path / 'out', '--start', '100')
    assert not (tmp_path / 'out').exists()


def test_a_torn_recording_is_replayed_as_far_as_it_goes(tmp_path, capsys):
    bag = record(tmp_path / 'bag', commands(60.0, hz=400))
    file = next(bag.glob('*.mcap'))
    os.truncate(file, file.stat().st_size * 2 // 3)
    assert main(['replay', str(bag), str(tmp_path / 'out'), '--outputs', 'odom', '--json']) == 0
    said = json.loads(capsys.readouterr().out)
    assert 10.0 < said['span_s'] < 55.0


def test_a_full_disk_leaves_what_was_written(drive, tmp_path, capsys):
    with largest_file(30_000_000):
        code = main(['replay', str(drive), str(tmp_path / 'out'), '-p', 'image.width:=640'])
    assert code == 2
    said = capsys.readouterr().err
    assert 'File too large' in said
    images = read(tmp_path / 'out', '/camera/color/image_raw')
    assert 5 <= len(images) <= 25
    assert all(len(it.data) == it.height * it.step for _, it in images)


@contextlib.contextmanager
def long_replay(tmp_path):
    """Yield a process that replays for minutes, once the first pictures are on the disk."""
    bag = record(tmp_path / 'long', commands(300.0, hz=5))
    out = tmp_path / 'out'
    with subprocess.Popen([sys.executable, '-m', 'inspatio_ros', 'replay', str(bag), str(out),
                           '-p', 'image.width:=320'], stderr=subprocess.PIPE, text=True,
                          cwd=Path(__file__).parents[2]) as process:
        try:
            while process.poll() is None and not (
                    out.is_dir() and sum(f.stat().st_size for f in out.glob('*.mcap')) > 12e6):
                pass
            yield process, out
        finally:
            process.kill()


@pytest.mark.parametrize('number, code', [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_with_a_whole_bag(tmp_path, number, code):
    with long_replay(tmp_path) as (process, out):
        process.send_signal(number)
        _, said = process.communicate(timeout=20)
    assert process.returncode == code
    assert 'ended early; the bag is readable' in said
    color, odom = (read(out, topic) for topic in ('/camera/color/image_raw', '/odom'))
    assert len(color) == len(odom) > 10
    np.testing.assert_array_equal([log for log, _ in color], [log for log, _ in odom])
    assert color[-1][0] == T0 + round((len(color) - 1) * NS / 24)


def test_a_killed_replay_leaves_a_readable_bag(tmp_path):
    with long_replay(tmp_path) as (process, out):
        process.kill()
        process.wait(timeout=20)
    assert len(read(out, '/camera/color/image_raw')) > 10
