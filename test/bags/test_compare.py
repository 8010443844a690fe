# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Two bags: the same, nearly the same, or not, and what is said of it."""

import json
import math
import resource
import shutil

from drives import BEGIN_NS, COUNT, Drive, JPEG, ODOM, STEP_NS, TOPICS
from inspatio_ros.bags.comparing.compare import compare_bags, Options, paired_messages
from inspatio_ros.bags.comparing.difference import angle_deg, compare_messages
from inspatio_ros.bags.comparing.golden import compare_with_golden, write_golden
from inspatio_ros.bags.comparing.timeline import pair_messages
from inspatio_ros.bags.comparing.tolerances import parse_tolerances
from inspatio_ros.bags.reading import Bag
from inspatio_ros.bags.typestore import typestore
from inspatio_ros.bags.writing import BagWriter, LATCHED, offered
from inspatio_ros.cli.main import main
from inspatio_ros.motion.transforms import pose_rpy
from make_bag import (COLOR, DEPTH, header, image, msg, NS, odometry, STORE, tf, transform,
                      write_bag)
import numpy as np
from PIL import Image
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import get_types_from_msg, get_typestore, Stores


@pytest.fixture(scope='module')
def drive(tmp_path_factory):
    """Return the bag of a drive; not to be changed."""
    return Drive().write(tmp_path_factory.mktemp('bags') / 'drive')


def report(drive, other, *tolerances, **options):
    return compare_bags(drive, other, Options(parse_tolerances(tolerances), **options))


def different(found):
    return {name for name, topic in found.topics.items() if not topic.equal}


def test_a_copy_is_the_same(drive, tmp_path, capsys):
    other = shutil.copytree(drive, tmp_path / 'copy')
    assert main(['compare', str(drive), str(other)]) == 0
    assert 'the same: 7 topics' in capsys.readouterr().out
    assert main(['compare', str(drive), str(other), '--json']) == 0
    record = json.loads(capsys.readouterr().out)
    assert record['equal'] is True and set(record['topics']) == TOPICS
    assert record['topics'][COLOR] == {
        'equal': True, 'exact': True, 'type': 'sensor_msgs/msg/Image', 'counts': [COUNT, COUNT],
        'paired': COUNT, 'figures': {}, 'differences': [], 'first': None}


def test_it_does_not_matter_how_a_bag_is_stored(drive, tmp_path):
    found = report(drive, Drive().write(tmp_path / 'bag', 'sqlite3'))
    assert found.equal and all(topic.exact for topic in found.topics.values())


def test_a_pixel_is_found_and_named(drive, tmp_path, capsys):
    class Spoilt(Drive):

        def colour(self, index):
            rgb = super().colour(index)
            if index in (5, 9):
                rgb[3, 4, 0] ^= 1
            return rgb

        def jpeg(self, index):
            return Drive().jpeg(index)
    assert main(['compare', str(drive), str(Spoilt().write(tmp_path / 'b')), '--json']) == 1
    record = json.loads(capsys.readouterr().out)
    assert [name for name, topic in record['topics'].items() if not topic['equal']] == [COLOR]
    topic = record['topics'][COLOR]
    psnr = 10.0 * math.log10(255.0 ** 2 * 48 * 64 * 3)
    assert topic['figures'] == {'psnr': pytest.approx(psnr)}
    assert topic['first']['number'] == 5
    assert topic['first']['stamp_ns'] == BEGIN_NS + 5 * STEP_NS
    assert 'psnr' in topic['first']['what']
    assert report(drive, tmp_path / 'b', 'psnr=80').equal
    assert not report(drive, tmp_path / 'b', 'psnr=90').equal


def noisy(sigma):
    class Noisy(Drive):

        def colour(self, index):
            noise = np.random.default_rng(index).normal(0.0, sigma, (48, 64, 3))
            return np.clip(super().colour(index) + noise, 0, 255).round().astype(np.uint8)
    return Noisy()


def test_noise_has_the_ratio_that_it_has(drive, tmp_path):
    other = noisy(4.0).write(tmp_path / 'b')
    found = report(drive, other)
    assert different(found) == {COLOR, JPEG}
    expected = 20.0 * math.log10(255.0 / 4.0)
    assert found.topics[COLOR].figures['psnr'] == pytest.approx(expected, abs=0.3)
    assert report(drive, other, 'psnr=34').equal
    assert different(report(drive, other, 'psnr=40', f'{JPEG}:psnr=25')) == {COLOR}
    assert different(report(drive, other, 'psnr=40', '/camera/*:psnr=25')) == set()


class Shallow(Drive):
    """Its depth is 2 % off, and unknown in a column more."""

    def depth(self, index):
        metres = super().depth(index) * np.float32(1.02)
        metres[:, 8] = np.nan
        return metres


def test_depth_is_judged_by_error_and_by_what_is_known(drive, tmp_path):
    other = Shallow().write(tmp_path / 'b')
    figures = report(drive, other).topics[DEPTH].figures
    assert figures['depth'] == pytest.approx(0.02, abs=1e-5)
    assert figures['unknown'] == pytest.approx(1 / 64)
    assert different(report(drive, other, 'depth=0.03')) == {DEPTH}
    assert different(report(drive, other, 'unknown=0.02')) == {DEPTH}
    assert report(drive, other, 'depth=0.03', 'unknown=0.02').equal


def test_out_of_range_is_not_unknown(drive, tmp_path):
    class Closed(Drive):

        def depth(self, index):
            metres = super().depth(index)
            metres[metres == np.inf] = np.nan
            return metres
    found = report(drive, Closed().write(tmp_path / 'b'), 'depth=0.5')
    assert found.topics[DEPTH].figures == {'unknown': pytest.approx(4 / 64)}
    assert not found.equal


class Drifting(Drive):
    """Its poses leave the others: 1 mm and 0.01 rad a step."""

    def place(self, index):
        return super().place(index) @ pose_rpy(0.001 * index, yaw=0.01 * index)


def test_poses_are_judged_in_metres_and_degrees(drive, tmp_path):
    other = Drifting().write(tmp_path / 'b')
    found = report(drive, other)
    assert different(found) == {ODOM, '/tf'}
    for name in (ODOM, '/tf'):
        figures = found.topics[name].figures
        assert figures['pose'] == pytest.approx(0.001 * (COUNT - 1))
        assert figures['angle'] == pytest.approx(math.degrees(0.01 * (COUNT - 1)))
        assert found.topics[name].first.number == 1
    assert found.topics['/tf'].first.what.startswith('transforms[base_link].transform')
    assert report(drive, other, 'pose=0.02', 'angle=10').equal
    first = report(drive, other, 'pose=0.005', 'angle=10').topics[ODOM].first
    assert first.number == 6 and first.stamp_ns == BEGIN_NS + 6 * STEP_NS
    assert 'pose.pose: pose 0.006 m' in first.what


def test_transforms_are_matched_by_their_frames(drive, tmp_path):
    class Swapped(Drive):

        def tf(self, index):
            return tf(*reversed(super().tf(index).transforms))

    class Lacking(Drive):

        def tf(self, index):
            return tf(*super().tf(index).transforms[:1])
    swapped = Swapped().write(tmp_path / 'b')
    assert report(drive, swapped, '/tf:pose=0').equal
    assert 'bytes differ, contents do not' in report(drive, swapped).topics['/tf'].differences
    lacking = report(drive, Lacking().write(tmp_path / 'c'), 'pose=1')
    assert lacking.topics['/tf'].differences == ['transforms: number: 2 / 1']


def test_stamps_that_jitter(drive, tmp_path):
    class Jittery(Drive):

        def stamp_ns(self, index):
            return super().stamp_ns(index) + 700_000 * (index % 3)
    other = Jittery().write(tmp_path / 'b')
    found = report(drive, other)
    assert different(found) == TOPICS - {'/tf_static'}
    assert found.topics[ODOM].figures['stamp'] == pytest.approx(0.0014)
    assert found.topics[ODOM].paired == COUNT
    assert found.topics[ODOM].first.number == 1
    assert report(drive, other, 'stamp=0.002').equal
    assert not report(drive, other, 'stamp=0.001').equal


def test_the_time_of_recording_counts_where_a_message_has_none(tmp_path):
    twist = msg('geometry_msgs/Twist', linear=msg('geometry_msgs/Vector3', x=0.1, y=0.0, z=0.0),
                angular=msg('geometry_msgs/Vector3', x=0.0, y=0.0, z=0.0))
    bags = [write_bag(tmp_path / name, [
        (BEGIN_NS + i * NS + late, '/cmd_vel', 'geometry_msgs/msg/Twist', twist)
        for i in range(5)]) for name, late in (('a', 0), ('b', 30_000_000))]
    assert report(*bags).topics['/cmd_vel'].differences == ['stamps']
    assert report(*bags, 'stamp=0.05').equal

    class Late(Drive):

        def log_ns(self, index):
            return super().log_ns(index) + 5_000_000
    Drive().write(tmp_path / 'c')
    assert report(tmp_path / 'c', Late().write(tmp_path / 'd')).equal  # all have headers


@pytest.mark.parametrize('change', [
    lambda events: [it for it in events if it[1] != ODOM or it[0] != BEGIN_NS + 4 * STEP_NS],
    lambda events: events[:-6],
])
def test_messages_that_are_missing(drive, tmp_path, change):
    other = write_bag(tmp_path / 'b', change(Drive().events()))
    found = report(drive, other)
    topic = found.topics[ODOM]
    assert topic.counts == (COUNT, COUNT - 1) and topic.paired == COUNT - 1
    assert topic.differences == ['1 messages only in the first, 0 only in the second']
    assert topic.first.what == 'only in the first'
    assert topic.first.number in (4, COUNT - 1)
    assert topic.figures == {'missing': pytest.approx(1 / COUNT)}
    assert report(drive, other, 'missing=0.1').equal
    # The other way round it is the second that has more.
    assert report(other, drive).topics[ODOM].first.what == 'only in the second'


def test_topics_that_only_one_has(drive, tmp_path):
    other = write_bag(tmp_path / 'b', [
        (*it[:1], '/pose' if it[1] == ODOM else it[1], *it[2:]) for it in Drive().events()])
    found = report(drive, other)
    assert found.topics[ODOM].differences == ['only in the first']
    assert found.topics['/pose'].differences == ['only in the second']
    assert found.topics['/pose'].counts == (0, COUNT)
    assert report(drive, other, ignore=('/pose', ODOM)).equal
    assert set(report(drive, other, topics=('/camera/*',)).topics) == {
        name for name in TOPICS if name.startswith('/camera')}


def test_types_and_qos_that_differ(drive, tmp_path):
    events = [(t, name, 'geometry_msgs/msg/PoseStamped', msg(
        'geometry_msgs/PoseStamped', header=it.header, pose=it.pose.pose))
        if name == ODOM else (t, name, kind, it) for t, name, kind, it in Drive().events()]
    found = report(drive, write_bag(tmp_path / 'b', events))
    assert found.topics[ODOM].differences == [
        'type nav_msgs/msg/Odometry / geometry_msgs/msg/PoseStamped']
    renamed = [(t, '/latched' if name in ('/tf', '/tf_static') else name, kind, it)
               for t, name, kind, it in Drive().events()]
    with Writer(tmp_path / 'c', version=9, storage_plugin=StoragePlugin.MCAP) as plain:
        link = plain.add_connection('/tf_static', 'tf2_msgs/msg/TFMessage', typestore=STORE)
        t, _, kind, it = Drive().events()[0]
        plain.write(link, t, STORE.serialize_cdr(it, kind))
    assert len(renamed) == len(Drive().events())
    # A bag that says nothing of QoS cannot differ in it.
    assert report(drive, tmp_path / 'c', topics=('/tf_static',)).equal


def test_offered_qos_differs(tmp_path):
    t, name, kind, message = Drive().events()[0]
    for folder, qos in (('a', LATCHED), ('b', offered(1)), ('c', offered(5))):
        with BagWriter(tmp_path / folder) as bag:
            bag.add_topic(name, kind, qos)
            bag.write(name, t, message)
    found = report(tmp_path / 'a', tmp_path / 'b')
    assert found.topics[name].differences == [
        'QoS reliable transient_local keep_last 1 / reliable volatile keep_last 1']
    assert found.topics[name].exact and not found.equal
    assert not report(tmp_path / 'b', tmp_path / 'c').equal
    assert report(tmp_path / 'a', tmp_path / 'c', contents_only=True).equal


def test_topics_without_messages(tmp_path):
    t, name, kind, message = Drive().events()[0]
    for folder, silent in (('a', ['/silent']), ('b', ['/silent']), ('c', [])):
        with BagWriter(tmp_path / folder) as bag:
            for topic in [name, *silent]:
                bag.add_topic(topic, kind, LATCHED)
            bag.write(name, t, message)
    assert report(tmp_path / 'a', tmp_path / 'b').topics['/silent'].exact
    assert report(tmp_path / 'a', tmp_path / 'c').topics['/silent'].differences == [
        'only in the first']
    write_golden(tmp_path / 'a', tmp_path / 'm.json')
    assert compare_with_golden(tmp_path / 'b', tmp_path / 'm.json').equal
    assert compare_with_golden(tmp_path / 'c', tmp_path / 'm.json').topics[
        '/silent'].differences == ['only in the manifest']
    write_golden(tmp_path / 'c', tmp_path / 'm.json')
    assert compare_with_golden(tmp_path / 'b', tmp_path / 'm.json').topics[
        '/silent'].differences == ['only in the bag']


def own_type_bag(path, definition, **values):
    """Write two messages of a type that the package does not know."""
    store = get_typestore(Stores.EMPTY)
    store.register({**typestore().fielddefs,
                    **get_types_from_msg(definition, 'robot_msgs/msg/State')})
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        link = writer.add_connection('/state', 'robot_msgs/msg/State', typestore=store)
        for index in range(2):
            message = store.types['robot_msgs/msg/State'](
                header=store.types['std_msgs/msg/Header'](
                    stamp=store.types['builtin_interfaces/msg/Time'](sec=100 + index, nanosec=0),
                    frame_id='odom'), **values)
            data = store.serialize_cdr(message, 'robot_msgs/msg/State')
            writer.write(link, BEGIN_NS + index, data)
    return path


def test_types_that_a_bag_brings_along(tmp_path):
    text = 'std_msgs/Header header\nfloat64 charge\nstring mode\n'
    one = own_type_bag(tmp_path / 'a', text, charge=0.5, mode='drive')
    other = own_type_bag(tmp_path / 'b', text, charge=0.501, mode='drive')
    topic = report(one, other).topics['/state']
    assert topic.figures == {'value': pytest.approx(0.001)}
    assert topic.first.stamp_ns == 100 * NS  # its header is read as well
    assert report(one, other, 'value=0.01').equal
    other = own_type_bag(tmp_path / 'c', text, charge=0.5, mode='park')
    assert report(one, other, 'value=1').topics['/state'].differences == [
        "mode: 'drive' / 'park'"]


def test_definitions_of_two_distributions(tmp_path):
    old = own_type_bag(tmp_path / 'a', 'std_msgs/Header header\nfloat64 charge\n', charge=0.5)
    new = own_type_bag(tmp_path / 'b', 'std_msgs/Header header\nfloat64 charge\nint8 cell\n',
                       charge=0.5, cell=3)
    topic = report(old, new).topics['/state']
    assert topic.differences[0].startswith('two definitions of robot_msgs/msg/State: ')
    assert topic.differences[1:] == ['cell: only one definition has this field']
    assert not report(old, new, contents_only=True).equal
    wide = own_type_bag(tmp_path / 'c', 'std_msgs/Header header\nfloat32 charge\n', charge=0.5)
    first, *others = report(old, wide).topics['/state'].differences
    assert first.startswith('two definitions') and others == ['bytes differ, contents do not']
    # The numbers are the same, however wide they are stored.
    assert report(old, wide, 'value=0', contents_only=True).equal


def test_a_type_that_nobody_defines_is_compared_by_its_bytes(tmp_path):
    bags = []
    for name, last in (('a', 1), ('b', 2)):
        bag = own_type_bag(tmp_path / name, 'std_msgs/Header header\nint8 n\n', n=last)
        for path in bag.glob('*'):
            path.write_bytes(path.read_bytes().replace(b'std_msgs/Header header', b'!' * 22))
        bags.append(bag)
    found = report(*bags, 'value=5')
    assert 'is defined nowhere' in found.topics['/state'].differences[0]
    assert not found.equal and report(bags[0], bags[0]).equal


def test_time_that_goes_backwards(drive, tmp_path):
    class Looping(Drive):

        def stamp_ns(self, index):
            return super().stamp_ns(index % 8)

        def log_ns(self, index):
            return BEGIN_NS + index * STEP_NS
    one, other = Looping().write(tmp_path / 'a'), Looping().write(tmp_path / 'b')
    assert report(one, other).equal
    found = report(drive, one)
    assert not found.equal and found.topics[ODOM].paired == 8
    assert found.topics[ODOM].differences[0] == (
        '4 messages only in the first, 4 only in the second')


def test_another_order_is_a_difference(tmp_path):
    events = [it for it in Drive().events() if it[1] == ODOM]
    one = write_bag(tmp_path / 'a', events)
    # Recorded in another order, with the stamps that they had.
    moved = [events[i] for i in (0, 1, 3, 2, *range(4, COUNT))]
    other = write_bag(tmp_path / 'b', [(BEGIN_NS + i, *it[1:]) for i, it in enumerate(moved)])
    topic = report(one, other, 'stamp=0').topics[ODOM]
    assert topic.differences == ['order'] and topic.first.number == 3


def test_pictures_of_another_size_or_encoding(drive, tmp_path):
    class Small(Drive):

        def colour(self, index):
            return np.ascontiguousarray(super().colour(index)[::2, ::2])
    topic = report(drive, Small().write(tmp_path / 'b'), 'psnr=10').topics[COLOR]
    assert topic.differences == ['size: 64x48 / 32x24']
    swapped = [(t, name, kind, image(it.data.reshape(48, 64, 3)[..., ::-1], 'bgr8', t))
               if name == COLOR else (t, name, kind, it) for t, name, kind, it in Drive().events()]
    topic = report(drive, write_bag(tmp_path / 'c', swapped), 'psnr=10').topics[COLOR]
    assert topic.differences == ["encoding: 'rgb8' / 'bgr8'"]
    assert topic.figures == {}  # it is the same picture


def test_the_worst_frames_are_drawn(drive, tmp_path, capsys):
    class Worse(Shallow):

        def colour(self, index):
            rgb = super().colour(index)
            rgb[:index] = 0
            return rgb
    other, folder = Worse().write(tmp_path / 'b'), tmp_path / 'pictures'
    assert main(['compare', str(drive), str(other), '--pictures', str(folder)]) == 1
    assert {path.name for path in folder.iterdir()} == {
        'camera_color_image_raw.png', 'camera_color_image_raw_compressed.png',
        'camera_depth_image_raw.png'}
    with Image.open(folder / 'camera_color_image_raw.png') as png:
        sheet = np.array(png)
    assert sheet.shape == (48, 3 * 64, 3)
    np.testing.assert_array_equal(sheet[:, :64], Drive().colour(COUNT - 1))
    np.testing.assert_array_equal(sheet[:, 64:128], Worse().colour(COUNT - 1))
    assert sheet[:COUNT - 1, 128:].max() > 100 and not sheet[COUNT:, 128:].any()
    table = capsys.readouterr().out
    assert 'first: message 1 at 1700000000.100000000 s' in table
    assert '3 of 7 topics differ' in table


def test_numbers_in_any_message():
    def ranges(*values):
        return msg('sensor_msgs/LaserScan', header=header(0), angle_min=0.0, angle_max=1.0,
                   angle_increment=0.1, time_increment=0.0, scan_time=0.1, range_min=0.1,
                   range_max=10.0, intensities=np.zeros(0, np.float32),
                   ranges=np.array(values, np.float32))
    one = ranges(1.0, 20.0, np.inf, np.nan)
    assert set(compare_messages(one, one, '').figures.values()) == {0.0}
    found = compare_messages(one, ranges(1.001, 20.4, np.inf, np.nan), '')
    assert found.figures['value'] == pytest.approx(0.4 / 20.4, rel=1e-4)
    assert found.places['value'] == 'ranges[1]'
    for other in (ranges(1.0, 20.0, 3.0, np.nan), ranges(1.0, 20.0, np.inf, 3.0)):
        assert compare_messages(one, other, '').figures['value'] == math.inf
    assert compare_messages(one, ranges(1.0), '').faults == ['ranges: length: 4 / 1']


def cloud(points):
    fields = [msg('sensor_msgs/PointField', name=name, offset=4 * k, datatype=7, count=1)
              for k, name in enumerate('xyz')]
    return msg('sensor_msgs/PointCloud2', header=header(0), height=1, width=len(points),
               fields=fields, is_bigendian=False, point_step=12, row_step=12 * len(points),
               data=np.array(points, np.float32).view(np.uint8).ravel(), is_dense=True)


def test_points_are_compared_as_numbers():
    points = np.random.default_rng(0).uniform(-0.9, 0.9, (50, 3))
    moved = points.copy()
    moved[7, 2] += 0.05
    found = compare_messages(cloud(points), cloud(moved), '')
    assert found.figures['value'] == pytest.approx(0.05, rel=1e-4)
    assert found.places['value'] == 'points.z[7]'
    short = cloud(points)
    short.data = short.data[:-1]
    with pytest.raises(ValueError, match='topic: the point cloud does not hold'):
        compare_messages(cloud(points), short, 'topic')


def test_angles_between_orientations():
    assert angle_deg((0, 0, 0, 1), (0, 0, 0, -1)) == 0.0
    assert angle_deg((0, 0, 0, 1), (0, 0, math.sin(1e-5), math.cos(1e-5))) == pytest.approx(
        math.degrees(2e-5), rel=1e-6)
    assert angle_deg((0, 0, 0, 1), (1, 0, 0, 0)) == pytest.approx(180.0)
    assert angle_deg((0, 0, 0, 0), (0, 0, 0, 0)) == 0.0
    assert angle_deg((0, 0, 0, 0), (0, 0, 0, 1)) == math.inf
    assert angle_deg((math.nan,) * 4, (math.nan,) * 4) == 0.0


def test_poses_that_are_no_numbers_differ_from_those_that_are():
    good, bad = (tf(transform(T, 'a', 'b')) for T in (np.eye(4), np.full((4, 4), np.nan)))
    assert compare_messages(bad, bad, '').figures['pose'] == 0.0
    found = compare_messages(good, bad, '')
    assert found.figures['pose'] == math.inf and found.figures['angle'] == math.inf


@pytest.mark.parametrize('one, other, tolerance, pairs', [
    ([0, 10, 20], [0, 10, 20], 0, [(0, 0), (1, 1), (2, 2)]),
    ([0, 10, 20], [0, 20], 0, [(0, 0), (2, 1)]),
    ([0, 33, 66], [33, 66, 99], 50, [(1, 0), (2, 1)]),
    ([0, 33, 66], [1, 34, 65], 2, [(0, 0), (1, 1), (2, 2)]),
    ([5, 6, 7], [105, 106, 107], 0, [(0, 0), (1, 1), (2, 2)]),
    ([20, 0, 10], [0, 10, 30], 0, [(1, 0), (2, 1)]),
    ([5, 5, 5], [5, 5], 0, [(0, 0), (1, 1)]),
    ([], [1], 0, []),
])
def test_messages_find_their_partners(one, other, tolerance, pairs):
    found = pair_messages(np.array(one, np.int64), np.array(other, np.int64), tolerance)
    assert [tuple(row) for row in found.tolist()] == pairs


def test_partners_that_lie_far_apart_are_read_again(tmp_path):
    events = [it for it in Drive().events() if it[1] in (COLOR, ODOM)]
    colour = [it for it in events if it[1] == COLOR]
    odom = [it for it in events if it[1] == ODOM]
    one = write_bag(tmp_path / 'a', [(i, *it[1:]) for i, it in enumerate(colour + odom)])
    other = write_bag(tmp_path / 'b', [(i, *it[1:]) for i, it in enumerate(odom + colour[::-1])])
    wanted = {COLOR: np.array([(i, COUNT - 1 - i) for i in range(COUNT)]),
              ODOM: np.array([(i, i) for i in range(COUNT)])}
    with Bag(one) as first, Bag(other) as second:
        # Room for two pictures.
        pairs = list(paired_messages(first, second, wanted, 2 * 48 * 64 * 3 + 500))
    found = {(a.topic.name, a.number, b.number) for a, b in pairs}
    assert len(pairs) == len(found) == 2 * COUNT
    assert found == {(name, a, b) for name, rows in wanted.items() for a, b in rows.tolist()}
    assert all(a.data == b.data for a, b in pairs)


@pytest.mark.slow
def test_bags_larger_than_the_memory_that_is_used(tmp_path):
    rng = np.random.default_rng(0)
    for name in ('a', 'b'):
        with BagWriter(tmp_path / name) as bag:
            bag.add_topic(COLOR, 'sensor_msgs/msg/Image')
            for index in range(600):
                pixels = rng.integers(0, 255, (640, 853, 3), np.uint8)  # 1.6 MB
                bag.write(COLOR, BEGIN_NS + index, image(pixels, 'rgb8', BEGIN_NS + index))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert report(tmp_path / 'a', tmp_path / 'b').topics[COLOR].paired == 600
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 200_000  # KiB; each bag has a million


@pytest.mark.parametrize('words, told', [
    (['psnr'], "tolerance 'psnr' is not of the form NAME=VALUE"),
    (['psrn=40'], "there is no 'psrn'; did you mean psnr?"),
    (['Pose=1'], "there is no 'Pose'; did you mean pose?"),
    (['colour=1'], 'known are psnr, depth'),
    (['psnr=high'], "'high' is no number"),
    (['pose=-1'], 'expected a number >= 0'),
    (['pose=nan'], 'expected a number >= 0'),
    ([':pose=1'], 'names no topic before the colon'),
])
def test_tolerances_that_are_none(words, told):
    with pytest.raises(ValueError, match='^tolerance') as caught:
        parse_tolerances(words)
    assert told in str(caught.value)


def test_tolerances_of_a_topic_beat_those_of_all():
    rules = parse_tolerances(['/a/*:psnr=30', 'psnr=40,pose=0.1', '/a/b:psnr=20 stamp=1'])
    assert rules.of('/a/b') == {'psnr': 20.0, 'pose': 0.1, 'stamp': 1.0}
    assert rules.of('/a/c') == {'psnr': 30.0, 'pose': 0.1, 'stamp': 1.0}
    assert rules.of('/b') == {'psnr': 40.0, 'pose': 0.1, 'stamp': 1.0}


def empty_bag(path):
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        writer.add_connection('/tf', 'tf2_msgs/msg/TFMessage', typestore=STORE)
    return path


def test_bags_that_cannot_be_read(drive, tmp_path, capsys):
    (tmp_path / 'text').write_text('no bag')
    (tmp_path / 'nothing.mcap').write_bytes(b'')
    garbage = shutil.copytree(drive, tmp_path / 'garbage')
    for path in garbage.glob('*.mcap'):
        path.write_bytes(b'\x89MCAP0\r\n' + bytes(1000))
    for bad, told in ((tmp_path / 'missing', 'there is no such bag'),
                      (tmp_path / 'text', 'is no file of a rosbag2'),
                      (tmp_path / 'nothing.mcap', 'the file is empty'),
                      (empty_bag(tmp_path / 'empty'), 'the bag is empty'),
                      (garbage, 'garbage')):
        assert main(['compare', str(drive), str(bad)]) == 2
        assert told in capsys.readouterr().err
        assert main(['compare', str(bad), str(drive), '--json']) == 2
        assert capsys.readouterr().out == ''


def test_a_bag_that_breaks_off_is_compared_as_far_as_it_goes(tmp_path, caplog):
    for name in ('whole', 'torn'):
        with BagWriter(tmp_path / name) as bag:
            bag.add_topic(ODOM, 'nav_msgs/msg/Odometry')
            for index in range(200):
                # Ten seconds apart: each message reaches the disk on its own.
                stamp = BEGIN_NS + index * 10 * NS
                bag.write(ODOM, stamp, odometry(pose_rpy(0.1 * index), stamp))
    (file,) = (tmp_path / 'torn').glob('*.mcap')
    file.write_bytes(file.read_bytes()[:file.stat().st_size // 2])
    topic = report(tmp_path / 'whole', tmp_path / 'torn').topics[ODOM]
    assert 'breaks off' in caplog.text
    count = topic.counts[1]
    assert topic.counts[0] == 200 and 20 < count < 180
    assert topic.differences == [
        f'{200 - count} messages only in the first, 0 only in the second']
    assert topic.first.number == count and topic.figures.keys() == {'missing'}


def test_messages_that_are_damaged(tmp_path):
    events = Drive().events()
    for index, cut in ((2, 6), (2, 200)):
        t, name, kind, it = events[index]
        data = bytes(STORE.serialize_cdr(it, kind))[:cut]
        changed = [*events[:index], (t, name, kind, data), *events[index + 1:]]
        write_bag(tmp_path / f'b{cut}', changed)
    write_bag(tmp_path / 'a', events)
    with pytest.raises(ValueError, match='/odom: message 0 is truncated'):
        report(tmp_path / 'a', tmp_path / 'b6')
    with pytest.raises(ValueError, match='/odom: message 0 is truncated or damaged'):
        report(tmp_path / 'a', tmp_path / 'b200')


@pytest.mark.parametrize('words, told', [
    (['A'], 'compare takes two bags, or one bag and --golden'),
    (['A', 'A', '--golden', 'm.json'], 'compare takes two bags, or one bag and --golden'),
    (['A', 'A', '--update'], '--update goes with --golden'),
    (['A', '--golden', 'm.json', '--pictures', 'p'], 'a manifest holds no pictures'),
    (['A', '--golden', 'm.json', '--update', '--json'], 'leave out --json'),
    (['A', 'A', '--topics', '/camera/color/image'], 'did you mean /camera/color/image_raw?'),
    (['A', 'A', '--ignore', '/xyz'], 'no topic is called /xyz; there are /camera'),
    (['A', 'A', '--ignore', '*'], 'no topic is left to compare of /camera'),
    (['A', 'A', '--tolerance', '/odm:pose=1'], 'no topic is called /odm; did you mean /odom?'),
    (['A', 'A', '--tolerance', 'psnr=40', 'B'], 'other arguments go before --tolerance'),
])
def test_arguments_that_make_no_sense(drive, capsys, words, told):
    assert main(['compare', *(str(drive) if word == 'A' else word for word in words)]) == 2
    assert told in capsys.readouterr().err
