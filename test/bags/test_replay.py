# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a replay makes of a recording: where the camera is, when, and what is written of it."""

import dataclasses
import filecmp
import json
import math
import time

from inspatio_ros.bags.scenes.images import depth_of, rgb_of
from inspatio_ros.cli import main, replay as command
from inspatio_ros.contracts import Outputs
from inspatio_ros.engine.imagination import ImaginationSettings, ImaginedWorld
from inspatio_ros.engine.painter import PainterSettings
from inspatio_ros.motion.transforms import pose_rpy
from make_bag import header, msg, NS, TF, tf, transform
from motions import along_odometry, along_poses, along_tf, commands, initial_pose, ODOMETRY, PLAIN
from motions import positions, read, record, stamp_of, STAMPED, stamped, T0, twist
import numpy as np
from painted_world import PaintedWorld, SPAWN
import pytest
from rooms import room
from rosbags.interfaces import QosDurability
from rosbags.rosbag2 import Reader
from true_imaginer import TrueImaginer

START = np.array([SPAWN.x, SPAWN.y, SPAWN.camera_height])
FORWARD = np.array([1.0, 0.0, 0.0])


@pytest.fixture
def replay(capsys, tmp_path):
    """Return a function that replays events into a bag: (path, what --json says)."""
    def run(events, *words, world=None, name='out', storage='mcap'):
        bag, number = tmp_path / 'in', 0
        while bag.exists():
            bag, number = tmp_path / f'in{number}', number + 1
        record(bag, events, storage)
        out = tmp_path / name
        parser = main.command_parser('replay')
        args = parser.parse_args([str(bag), str(out), '--json', *words])
        assert command.run(args, lambda request: world or PaintedWorld()) == 0
        return out, json.loads(capsys.readouterr().out)
    return run


# ---- motion


def test_commands_drive_the_camera(replay):
    out, said = replay(commands(3.0))
    times, xyz = positions(out)
    assert said['frames'] == len(times) == 73
    np.testing.assert_allclose(times, np.arange(73) / 24, atol=1e-9)
    np.testing.assert_allclose(xyz, START + times[:, None] * FORWARD, atol=1e-6)


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_unstamped_commands_count_from_when_they_were_recorded(replay, storage):
    events = [(t, '/cmd_vel', PLAIN, twist(1.0)) for t, *_ in commands(2.0)]
    times, xyz = positions(replay(events, storage=storage)[0])
    np.testing.assert_allclose(xyz, START + times[:, None] * FORWARD, atol=1e-6)


def test_late_commands_count_from_their_stamps(replay):
    out, _ = replay(commands(2.0, log_of=lambda t: t + 30_000_000))
    times, xyz = positions(out)
    assert times[0] == pytest.approx(0.03)
    np.testing.assert_allclose(xyz, START + times[:, None] * FORWARD, atol=1e-6)


def test_all_cameras_of_a_rig_are_written(replay):
    given = ('cameras:=[camera, rear]', 'rear.mount.x:=-1.0', 'rear.rate:=8.0',
             'scan.full_circle:=true', 'scan.angle_increment:=0.1')
    out, said = replay(commands(1.0), *(word for it in given for word in ('-p', it)), '--outputs',
                       'depth,info,scan,tf')
    rear, front = (read(out, f'/{name}/depth/image_raw') for name in ('rear', 'camera'))
    assert len(front) == said['frames'] == 25 and len(rear) == 9
    x_rear, x_front = (depth_of(it[-1][1], '')[0, 0] for it in (rear, front))
    assert x_rear == pytest.approx(x_front - 1.0, abs=1e-6)
    assert [m.header.stamp for _, m in read(out, '/rear/depth/camera_info')] == [
        m.header.stamp for _, m in rear]
    assert {len(m.ranges) for _, m in read(out, '/scan')} == {63}
    children = {t.child_frame_id for _, m in read(out, '/tf_static') for t in m.transforms}
    assert children == {'camera_link', 'camera_optical_frame', 'rear_link', 'rear_optical_frame',
                        'base_scan'}


def test_a_recording_moves_one_robot(replay):
    with pytest.raises(ValueError, match='one robot without a name'):
        replay(commands(1.0), '-p', 'robots:=[a]')


def test_a_robot_without_commands_stops(replay):
    out, _ = replay([*commands(1.0), (T0 + 4 * NS, '/chatter', 'std_msgs/msg/String',
                                      msg('std_msgs/String', data='end'))])
    times, xyz = positions(out)
    assert times[-1] == pytest.approx(4.0)
    np.testing.assert_allclose(xyz[times >= 2.0] - START, 2.0 * FORWARD[None].repeat(49, 0),
                               atol=1e-6)


@pytest.mark.parametrize('topic', ['/odom', '/odom_in', '/robot/odom', '/wheels'])
def test_odometry_moves_the_camera(replay, topic):
    out, said = replay(along_odometry(topic=topic))
    times, xyz = positions(out)
    assert said['motion'] == {'kind': 'odometry', 'topic': topic}
    np.testing.assert_allclose(xyz, START + times[:, None] * FORWARD, atol=1e-5)


def test_poses_in_the_map_are_taken_as_they_are(replay):
    out, _ = replay(along_poses())
    times, xyz = positions(out)
    known = times >= 0.05  # the second pose, which tells the speed
    expected = times[:, None] * FORWARD + (0.0, 0.0, SPAWN.camera_height)
    np.testing.assert_allclose(xyz[known], expected[known], atol=1e-5)


def test_tf_in_odom_starts_where_the_scene_does(replay):
    out, said = replay(along_tf())
    times, xyz = positions(out)
    assert said['motion']['kind'] == 'tf'
    known = times >= 0.05  # the second transform, which tells the speed
    np.testing.assert_allclose(xyz[known], (START + times[:, None] * FORWARD)[known], atol=1e-5)


def test_tf_up_to_the_map_is_taken_as_it_is(replay):
    out, _ = replay(along_tf(T_map_odom=pose_rpy(10.0, 5.0, yaw=math.pi / 2)))
    times, xyz = positions(out)
    there = times > 0.1
    expected = np.stack([0 * times + 10.0, 5.0 + times, 0 * times + SPAWN.camera_height], axis=1)
    np.testing.assert_allclose(xyz[there], expected[there], atol=1e-5)


def test_commands_come_first_and_the_choice_is_free(replay):
    events = [*commands(1.0), *along_odometry(1.0, speed=0.5), *along_tf(1.0)]
    assert replay(events, name='a')[1]['motion']['topic'] == '/cmd_vel'
    out, said = replay(events, '--motion', 'odometry', name='b')
    assert said['motion'] == {'kind': 'odometry', 'topic': '/odom'}
    assert positions(out)[1][-1, 0] == pytest.approx(START[0] + 0.5, abs=1e-5)
    assert replay(events, '--topic', 'tf', name='c')[1]['motion']['kind'] == 'tf'


def test_initialpose_puts_the_robot_elsewhere_and_the_world_forgets(replay):
    events = [*commands(2.0), initial_pose(pose_rpy(-4.0, 7.0), T0 + NS)]
    world = PaintedWorld()
    times, xyz = positions(replay(events, world=world, name='a')[0])
    np.testing.assert_allclose(xyz[times < 1.0], (START + times[:, None] * FORWARD)[times < 1.0],
                               atol=1e-6)
    assert np.abs(xyz[times > 1.05] - (-4.0, 7.0, 0.5)).max() < 1.1
    assert world.resets == 2
    times, xyz = positions(replay(events, '--no-initialpose', name='b')[0])
    np.testing.assert_allclose(xyz, START + times[:, None] * FORWARD, atol=1e-6)


def test_a_shifted_camera_moves_along_the_axes_of_the_base(replay):
    events = commands(2.0, turn=math.pi / 2)
    plain, _ = replay(events, name='plain')
    out, _ = replay(events, '--shift', '0.1 0.5 0.2 0 0 0.3', name='shifted')
    times, xyz = positions(out)
    heading = times * math.pi / 2
    moved = np.stack([0.1 * np.cos(heading) - 0.5 * np.sin(heading),
                      0.1 * np.sin(heading) + 0.5 * np.cos(heading), 0 * times + 0.2], axis=1)
    np.testing.assert_allclose(xyz - positions(plain)[1], moved, atol=1e-5)
    (_, static), = read(out, '/tf_static')
    q = static.transforms[0].transform.rotation
    p = static.transforms[0].transform.translation
    assert (p.x, p.y, p.z) == pytest.approx((0.1, 0.5, SPAWN.camera_height + 0.2))
    assert 2.0 * math.atan2(q.z, q.w) == pytest.approx(0.3)


# ---- time


def test_a_part_is_that_of_the_whole(replay):
    events = commands(3.0, forward=0.7, turn=0.4)
    times, xyz = positions(replay(events, name='whole')[0])
    out, said = replay(events, '--start', '1.5', '--duration', '1', name='part')
    part_times, part_xyz = positions(out)
    chosen = (times >= 1.5) & (times < 2.5)
    assert said['frames'] == 24
    np.testing.assert_array_equal(part_times, times[chosen])
    np.testing.assert_array_equal(part_xyz, xyz[chosen])


def test_the_rate_is_exact_over_any_length(replay):
    out, said = replay(commands(10.0), '-p', 'rate:=30.0', '--outputs', 'odom')
    stamps = [stamp_of(it) - T0 for _, it in read(out, '/odom')]
    assert stamps == [round(k * 1e9 / 30) for k in range(301)]


def test_the_camera_looks_when_another_one_did(replay):
    stamps = [T0 + 123_456_789 + i * 87_654_321 for i in range(20)]
    events = [*commands(2.0), *((t + 40_000_000, '/cam/info', 'sensor_msgs/msg/CompressedImage',
                                 msg('sensor_msgs/CompressedImage', header=header(t),
                                     format='png', data=np.zeros(9, np.uint8))) for t in stamps)]
    out, said = replay(events, '--stamps-of', '/cam/info')
    times, xyz = positions(out)
    assert [stamp_of(it) for _, it in read(out, '/camera/depth/image_raw')] == stamps
    np.testing.assert_allclose(xyz, START + times[:, None] * FORWARD, atol=1e-6)
    assert said['rate_hz'] == pytest.approx(1e9 / 87_654_321)
    assert not said['drops']


@pytest.mark.parametrize('speed', [0.5, 1.0, 4.0])
def test_time_of_a_simulation_is_that_of_its_headers(replay, speed):
    """A simulator has a clock of its own, at whatever speed."""
    begin = 5 * NS
    events = commands(2.0, begin, log_of=lambda t: T0 + round((t - begin) / speed))
    out, said = replay(events)
    times, xyz = positions(out)
    np.testing.assert_allclose(times + T0 / NS, 5.0 + np.arange(49) / 24, atol=1e-6)
    np.testing.assert_allclose(xyz, START + np.arange(49)[:, None] / 24 * FORWARD, atol=1e-6)
    assert said['inputs']['cmd_vel'] == {'received': 41, 'used': 41}


def test_a_simulation_that_is_reset_starts_over(replay):
    first = commands(2.0, 100 * NS, log_of=lambda t: T0 + t - 100 * NS)
    second = commands(2.0, 50 * NS, log_of=lambda t: T0 + t - 47 * NS)
    world = PaintedWorld()
    out, said = replay([*first, *second], world=world)
    depth = read(out, '/camera/depth/image_raw')
    stamps = [stamp_of(it) / NS for _, it in depth]
    falls = [i for i in range(1, len(stamps)) if stamps[i] < stamps[i - 1]]
    assert len(falls) == 1 and stamps[falls[0] - 1] == pytest.approx(102.0, abs=0.1)
    assert stamps[falls[0]] == pytest.approx(50.05, abs=0.1)
    assert stamps[-1] == pytest.approx(52.0, abs=0.1)
    logs = [log for log, _ in depth]
    assert logs == sorted(logs)  # the bag goes on
    assert world.resets == 2
    assert said['inputs']['cmd_vel']['rejected.stale'] == 1  # until the second one agreed


def test_one_broken_stamp_moves_no_clock(replay):
    events = commands(2.0, 100 * NS, log_of=lambda t: T0 + t - 100 * NS)
    for number, stamp in ((10, 4_000 * NS), (20, 7 * NS)):
        events[number] = (*events[number][:3], stamped(twist(1.0), stamp))
    out, said = replay(events)
    assert said['frames'] == 49
    assert said['inputs']['cmd_vel'] == {'received': 41, 'used': 39, 'rejected.future': 1,
                                         'rejected.stale': 1}


def test_commands_that_go_back_in_time_are_dropped_like_in_the_node(replay):
    events = commands(2.0)
    events[20:25] = [(log, topic, kind, stamped(twist(-3.0), T0)) for log, topic, kind, _ in
                     events[20:25]]
    out, said = replay(events)
    assert said['inputs']['cmd_vel']['rejected.stale'] == 5
    times, xyz = positions(out)
    np.testing.assert_allclose(xyz, START + times[:, None] * FORWARD, atol=1e-6)


# ---- what is written


def test_one_stamp_for_all_of_a_tick_and_tf_before_pictures(replay):
    out, said = replay(commands(1.0), '--outputs', 'all')
    found = read(out)
    images = [topic for topic, _, _ in found if topic.startswith('/camera')]
    assert set(images) == {'/camera/color/image_raw', '/camera/depth/image_raw',
                           '/camera/color/camera_info', '/camera/depth/camera_info',
                           '/camera/observed', '/camera/points',
                           '/camera/color/image_raw/compressed',
                           '/camera/depth/image_raw/compressedDepth'}
    by_stamp = {}
    for topic, log_ns, message in found:
        if topic not in ('/tf_static', '/diagnostics'):
            stamp = (stamp_of(message) if topic != '/clock' else
                     message.clock.sec * NS + message.clock.nanosec)
            by_stamp.setdefault(stamp, []).append(topic)
            assert log_ns == stamp
    assert len(by_stamp) == 25
    for topics in by_stamp.values():
        assert sorted(topics) == sorted({'/clock', '/tf', '/odom', '/scan', *images})
        assert topics.index('/tf') < topics.index('/camera/color/image_raw')
    assert said['topics']['/camera/observed'] == 25


def test_frames_and_quality_of_service_are_those_of_the_node(replay):
    out, _ = replay(commands(1.0), '-p', 'map_frame:=world', '-p', 'base_frame:=base')
    frames = [(it.header.frame_id, it.child_frame_id) for topic in ('/tf', '/tf_static')
              for it in read(out, topic)[0][1].transforms]
    assert frames == [('world', 'odom'), ('odom', 'base'), ('base', 'camera_link'),
                      ('camera_link', 'camera_optical_frame'), ('base', 'base_scan')]
    with Reader(out) as reader:
        latched = {x.topic for x in reader.connections
                   if x.ext.offered_qos_profiles[0].durability is QosDurability.TRANSIENT_LOCAL}
    assert latched == {'/tf_static'}


def test_who_did_not_drive_says_where_the_robot_is_too(replay):
    out, _ = replay(along_odometry(1.0))
    transforms = read(out, '/tf')[-1][1].transforms
    assert [it.child_frame_id for it in transforms] == ['odom', 'base_footprint']
    assert transforms[1].transform.translation.x == pytest.approx(1.0, abs=1e-6)
    odom = read(out, '/odom')[-1][1]
    assert odom.pose.pose.position.x == pytest.approx(1.0, abs=1e-6)


def test_depth_is_as_the_parameters_want_it(replay):
    out, _ = replay(commands(0.5), '-p', 'depth_encoding:=16UC1', '-p', 'max_range:=10.0')
    image = read(out, '/camera/depth/image_raw')[0][1]
    pixels = np.frombuffer(image.data.tobytes(), np.uint16).reshape(image.height, image.width)
    assert image.encoding == '16UC1' and pixels[1, 1] == 4000 and pixels[-1, 2] == 0


def test_only_what_is_asked_for_is_rendered_and_written(replay):
    world = PaintedWorld()
    out, said = replay(commands(1.0), '--outputs', 'odom,color', world=world)
    assert {topic for topic, _, _ in read(out)} == {'/odom', '/camera/color/image_raw'}
    assert all('DEPTH' not in str(outputs) for outputs in world.asked)


def test_scan_and_points_are_those_of_the_depth_at_their_own_rates(replay):
    world = PaintedWorld()
    out, said = replay(commands(2.0), '--outputs', 'scan,points', '-p', 'scan.rate:=6.0',
                       '-p', 'points.rate:=3.0', '-p', 'points.stride:=8', '-p',
                       'mount.pitch:=0.0', world=world)
    assert said['topics'] == {'/scan': 13, '/camera/points': 7}
    # Clouds are of the same ticks; no other tick is rendered.
    assert len([asked for asked in world.asked if Outputs.DEPTH in asked]) == 13
    scan = read(out, '/scan')[3][1]
    assert scan.header.frame_id == 'base_scan'
    assert stamp_of(scan) == T0 + NS // 2
    assert len(scan.ranges) == round((scan.angle_max - scan.angle_min) / scan.angle_increment) + 1
    angles = scan.angle_min + np.arange(len(scan.ranges)) * scan.angle_increment
    off = np.abs(scan.ranges * np.cos(angles) - 4.0)  # the painted wall
    assert np.nanmedian(off) < 0.05
    cloud = read(out, '/camera/points')[2][1]
    xyz = cloud.data.view(np.float32).reshape(-1, 4)
    assert (cloud.width, cloud.point_step) == (48, 16)
    np.testing.assert_array_equal(xyz[:, 2], 4.0)


def test_compressed_pictures_are_those_that_a_bag_is_read_from(replay):
    out, _ = replay(commands(0.5), '--outputs', 'compressed,compressed_depth,depth,color')
    coded, depth = read(out, '/camera/depth/image_raw/compressedDepth'), read(
        out, '/camera/depth/image_raw')
    assert len(coded) == len(depth) > 5
    seen = depth_of(coded[0][1], 'coded')
    known = np.isfinite(seen)
    assert known.mean() > 0.9
    np.testing.assert_allclose(seen[known], depth_of(depth[0][1], 'raw')[known], rtol=0.01)
    jpeg = rgb_of(read(out, '/camera/color/image_raw/compressed')[0][1], 'compressed')
    raw = rgb_of(read(out, '/camera/color/image_raw')[0][1], 'raw')
    assert np.abs(jpeg.astype(int) - raw)[8:].max() < 16


def test_what_moved_the_robot_is_kept_if_asked(replay):
    out, _ = replay([*commands(1.0), initial_pose(pose_rpy(), T0 + NS // 2)], '--keep')
    assert len(read(out, '/cmd_vel')) == 21 and len(read(out, '/initialpose')) == 1
    assert read(out, '/cmd_vel')[3][1].twist.linear.x == 1.0


def test_diagnostics_say_once_a_second_what_was_dropped(replay):
    events = commands(3.0)
    events[5] = (*events[5][:3], stamped(twist(math.nan), events[5][0]))
    events[6] = (*events[6][:3], stamped(twist(50.0), events[6][0]))
    out, said = replay(events)
    assert said['inputs']['cmd_vel'] == {'received': 61, 'used': 59, 'rejected.not_finite': 1,
                                         'rejected.over_limit': 1}
    diagnostics = read(out, '/diagnostics')
    assert [round((log - T0) / NS) for log, _ in diagnostics] == [0, 1, 2, 3]
    values = {it.key: it.value for it in diagnostics[-1][1].status[0].values}
    assert values['cmd_vel.rejected.not_finite'] == '1' and values['rate_hz'] == '24.00'
    assert not [key for key in values if key.endswith('_ms')]
    assert said['unobserved_ratio'] == 0.25


# ---- reproducible


def test_slow_and_fast_machines_write_the_same_bytes(replay):
    events = [*commands(1.0, forward=0.4, turn=0.3), initial_pose(pose_rpy(3.0), T0 + NS // 3)]
    fast, _ = replay(events, name='fast')
    slow, _ = replay(events, world=PaintedWorld(delay_s=0.01), name='slow')
    for name in ('bag_0.mcap', 'metadata.yaml'):
        assert filecmp.cmp(fast / name, slow / name, shallow=False)


class Slow(TrueImaginer):
    """A generator that takes its time, each block another one."""

    def imagine(self, track):
        time.sleep(0.05 * (1 + self.blocks % 3))
        return super().imagine(track)


def test_a_replay_waits_for_a_generator_however_slow_it_is(replay):
    paths = []
    for name, imaginer in (('fast', TrueImaginer), ('slow', Slow)):
        settings = ImaginationSettings(painter=PainterSettings(lockstep=True))
        world = ImaginedWorld(room(), imaginer(colour=lambda block, frame: 3 * block), settings)
        path, said = replay(commands(2.0, forward=0.3, turn=0.4), world=world, name=name)
        paths.append(path)
    assert said['frames'] == 49
    assert filecmp.cmp(*(path / 'bag_0.mcap' for path in paths), shallow=False)
    generator = read(paths[0], '/diagnostics')[-1][1].status[1]
    values = {it.key: it.value for it in generator.values}
    assert values['blocks'] == '5' and values['failures'] == '0'
    assert not [key for key in values if 'ms' in key or 'retry' in key]


@dataclasses.dataclass
class Counting:
    """A world that fails after some frames."""

    world: PaintedWorld
    left: int

    def __getattr__(self, name):
        return getattr(self.world, name)

    def observe_all(self, *args):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return self.world.observe_all(*args)


def test_a_replay_that_is_interrupted_leaves_all_that_it_did(replay, tmp_path, capsys):
    with pytest.raises(KeyboardInterrupt):
        replay(commands(2.0), world=Counting(PaintedWorld(), 20))
    times, xyz = positions(tmp_path / 'out')
    assert len(times) == 20
    np.testing.assert_allclose(xyz, START + times[:, None] * FORWARD, atol=1e-6)


def test_compressed_bags_hold_the_same(replay):
    plain, said = replay(commands(1.0), name='plain')
    small, said_small = replay(commands(1.0), '--compress', 'zstd', name='small')
    assert said_small['bytes'] < 0.5 * said['bytes']
    one, other = positions(plain), positions(small)
    np.testing.assert_array_equal(one[1], other[1])


def test_odometry_with_nan_and_foreign_frames_is_dropped(replay):
    events = along_odometry(1.0)
    events[3] = (*events[3][:3], _broken(events[3][3], math.nan))
    events[4] = (*events[4][:3], dataclasses.replace(events[4][3], child_frame_id='wheel'))
    _, said = replay(events)
    assert said['inputs']['odom_in'] == {'received': 21, 'used': 19, 'rejected.not_finite': 1,
                                         'rejected.bad_frame': 1}


def _broken(message, x):
    message.pose.pose.position.x = x
    return message


def test_tf_that_is_not_finite_is_left_out_and_counted(replay):
    events = along_tf(1.0)
    t = T0 + 5 * NS // 20
    events[6] = (t, '/tf', TF, tf(transform(np.full((4, 4), np.nan), 'odom', 'base_footprint',
                                            t)))
    _, said = replay(events)
    assert said['drops'] == {'tf_not_finite': 1}


def test_nothing_is_said_before_anybody_knows_where_the_robot_is(replay):
    events = [event for event in along_odometry(2.0) if event[0] >= T0 + NS // 2]
    events.append((T0, '/cmd_vel_unused', ODOMETRY, events[0][3]))
    out, said = replay(events, '--topic', '/odom')
    times, _ = positions(out)
    assert times[0] == pytest.approx(0.5) and said['drops'] == {'pose_unknown': 12}


def test_stamped_and_plain_commands_have_types_that_are_found(replay):
    events = [(log, '/robot/cmd_vel', STAMPED, it) for log, _, _, it in commands(0.5)]
    assert replay(events)[1]['motion'] == {'kind': 'twist', 'topic': '/robot/cmd_vel'}
