# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Bags that others read, that are the same each time, and that outlive what writes them."""

import errno
from pathlib import Path
import subprocess
import sys
import time

from full_disk import largest_file, mounted_disk
from inspatio_ros.bags.typestore import typestore
from inspatio_ros.bags.writing import BagWriter, FILE_NAME, LATCHED, offered
import numpy as np
import pytest
from rosbags.interfaces import QosDurability, QosReliability
from rosbags.rosbag2 import Reader
import yaml

T0 = 1_700_000_000_000_000_000
MEGABYTE = np.random.default_rng(0).bytes(1 << 20)
TYPES = typestore().types


def clock(stamp_ns):
    time_type = TYPES['builtin_interfaces/msg/Time']
    return TYPES['rosgraph_msgs/msg/Clock'](
        clock=time_type(sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9))


def write_clocks(path, count=100, step_ns=10_000_000, **options):
    with BagWriter(path, **options) as bag:
        bag.add_topic('/clock', 'rosgraph_msgs/msg/Clock', offered(1))
        bag.add_topic('/tf_static', 'tf2_msgs/msg/TFMessage', LATCHED)
        bag.write('/tf_static', T0, TYPES['tf2_msgs/msg/TFMessage'](transforms=[]))
        for i in range(count):
            bag.write('/clock', T0 + i * step_ns, clock(T0 + i * step_ns))
    return path


def messages(path):
    with Reader(path) as reader:
        return [(connection.topic, stamp_ns, bytes(data))
                for connection, stamp_ns, data in reader.messages()]


def megabytes(bag, count):
    bag.add_topic('/image', 'sensor_msgs/msg/Image')
    for i in range(count):
        bag.write_cdr('/image', T0 + i, MEGABYTE)


@pytest.mark.parametrize('compression', ['none', 'zstd'])
@pytest.mark.parametrize('name', ['bag', 'bag.mcap'])
def test_what_was_written_is_read(tmp_path, name, compression):
    path = write_clocks(tmp_path / name, 250, compression=compression)
    assert path.is_dir() is (name == 'bag')
    found = messages(path)
    assert [topic for topic, _, _ in found].count('/tf_static') == 1
    stamps = [typestore().deserialize_cdr(data, 'rosgraph_msgs/msg/Clock').clock
              for topic, _, data in found if topic == '/clock']
    assert [t.sec * 10**9 + t.nanosec for t in stamps] == [T0 + i * 10**7 for i in range(250)]


def test_metadata_is_that_of_the_messages(tmp_path):
    path = write_clocks(tmp_path / 'bag', 250)
    metadata = yaml.safe_load((path / 'metadata.yaml').read_text())['rosbag2_bagfile_information']
    assert metadata['message_count'] == 251
    assert metadata['starting_time']['nanoseconds_since_epoch'] == T0
    assert metadata['duration']['nanoseconds'] == 249 * 10**7
    assert metadata['relative_file_paths'] == [FILE_NAME]
    topics = {topic['topic_metadata']['name']: topic
              for topic in metadata['topics_with_message_count']}
    assert topics['/clock']['message_count'] == 250
    assert topics['/tf_static']['topic_metadata']['type_description_hash'] == (
        'RIHS01_e369d0f05a23ae52508854b66f6aa0437f3449d652e8cbf22d5abe85d020f087')
    assert yaml.safe_load(topics['/tf_static']['topic_metadata']['offered_qos_profiles'])[0][
        'durability'] == QosDurability.TRANSIENT_LOCAL.value


@pytest.mark.parametrize('part', ['', FILE_NAME])
def test_static_transforms_are_latched(tmp_path, part):
    path = write_clocks(tmp_path / 'bag', 1)
    with Reader(path / part) as reader:
        qos = {x.topic: x.ext.offered_qos_profiles[0] for x in reader.connections}
    assert qos['/tf_static'].durability is QosDurability.TRANSIENT_LOCAL
    assert qos['/clock'].durability is QosDurability.VOLATILE
    assert {x.reliability for x in qos.values()} == {QosReliability.RELIABLE}


def test_equal_messages_make_equal_files_whatever_their_name_and_time(tmp_path):
    one = write_clocks(tmp_path / 'one')
    time.sleep(0.01)
    other = write_clocks(tmp_path / 'another name')
    for name in (FILE_NAME, 'metadata.yaml'):
        assert (one / name).read_bytes() == (other / name).read_bytes()


def test_a_bag_without_messages_has_its_topics(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        bag.add_topic('/clock', 'rosgraph_msgs/msg/Clock')
    with Reader(tmp_path / 'bag') as reader:
        assert reader.message_count == 0
        assert [x.topic for x in reader.connections] == ['/clock']


def test_every_message_is_on_the_disk_within_a_second_of_its_time(tmp_path):
    bag = BagWriter(tmp_path / 'bag')
    bag.add_topic('/clock', 'rosgraph_msgs/msg/Clock')
    for i in range(251):
        bag.write('/clock', T0 + i * 10**7, clock(0))
    assert len(messages(tmp_path / 'bag')) >= 150  # the bag is still open


def test_what_exists_is_refused_and_left_alone(tmp_path):
    path = write_clocks(tmp_path / 'bag')
    before = messages(path)
    with pytest.raises(FileExistsError, match='exists already') as caught:
        BagWriter(path)
    assert caught.value.filename == str(path)
    assert messages(path) == before


@pytest.mark.parametrize('name', ['bag', 'bag.mcap'])
def test_force_replaces_a_bag_once_the_new_one_is_complete(tmp_path, name):
    path = write_clocks(tmp_path / name, 10)
    with BagWriter(path, force=True) as bag:
        bag.add_topic('/clock', 'rosgraph_msgs/msg/Clock')
        assert len(messages(path)) == 11
        bag.write('/clock', T0, clock(T0))
    assert len(messages(path)) == 1
    assert [found.name for found in tmp_path.iterdir()] == [name]


def test_force_keeps_both_bags_when_the_new_one_breaks_off(tmp_path):
    path = write_clocks(tmp_path / 'bag', 10)
    with pytest.raises(KeyboardInterrupt), BagWriter(path, force=True) as bag:
        bag.add_topic('/clock', 'rosgraph_msgs/msg/Clock')
        bag.write('/clock', T0, clock(T0))
        raise KeyboardInterrupt
    assert len(messages(path)) == 11
    assert len(messages(bag.path)) == 1
    with pytest.raises(FileExistsError, match='did not end'):
        BagWriter(path, force=True)
    assert len(messages(bag.path)) == 1


def test_an_error_closes_the_bag_with_all_that_was_written(tmp_path):
    with pytest.raises(ZeroDivisionError), BagWriter(tmp_path / 'bag') as bag:
        bag.add_topic('/clock', 'rosgraph_msgs/msg/Clock')
        bag.write('/clock', T0, clock(T0))
        raise ZeroDivisionError
    assert len(messages(tmp_path / 'bag')) == 1


def test_an_error_leaves_no_bag_without_a_message(tmp_path):
    for name in ('bag', 'bag.mcap'):
        with pytest.raises(ZeroDivisionError), BagWriter(tmp_path / name) as bag:
            bag.add_topic('/clock', 'rosgraph_msgs/msg/Clock')
            raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


def check_broken_bag(path, error, limit_bytes):
    """Check that a bag that hit a limit is readable up to its last chunk."""
    assert error.errno in (errno.EFBIG, errno.ENOSPC)
    found = messages(path)
    assert 8 <= len(found) <= limit_bytes >> 20
    assert all(data == MEGABYTE for _, _, data in found)
    with Reader(path) as reader:
        assert reader.message_count == len(found)


def test_a_file_limit_leaves_what_was_written(tmp_path):
    limit = 20_000_000
    with largest_file(limit), pytest.raises(OSError, match='File too large') as caught, \
            BagWriter(tmp_path / 'bag') as bag:
        megabytes(bag, 30)
    check_broken_bag(tmp_path / 'bag', caught.value, limit)


def test_a_full_disk_leaves_what_was_written(tmp_path):
    with mounted_disk(tmp_path / 'disk', '16m') as disk:
        with pytest.raises(OSError, match='No space left') as caught, \
                BagWriter(disk / 'bag') as bag:
            megabytes(bag, 30)
        check_broken_bag(disk / 'bag', caught.value, 16 << 20)


def test_a_killed_process_leaves_what_it_had_written(tmp_path):
    code = ('import sys, time\n'
            'from pathlib import Path\n'
            'from inspatio_ros.bags.writing import BagWriter\n'
            'bag = BagWriter(Path(sys.argv[1]))\n'
            'bag.add_topic("/image", "sensor_msgs/msg/Image")\n'
            'for i in range(10_000):\n'
            '    bag.write_cdr("/image", i, bytes(1 << 20))\n'
            '    if i == 20:\n'
            '        print("ready", flush=True)\n'
            '    time.sleep(0.005)\n')
    path = tmp_path / 'bag'
    with subprocess.Popen([sys.executable, '-c', code, str(path)], stdout=subprocess.PIPE,
                          text=True) as writer:
        assert writer.stdout.readline() == 'ready\n'
        writer.kill()
    assert len(messages(path)) >= 16
    assert len(messages(path / FILE_NAME)) >= 16


def test_types_and_topics_are_checked(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        bag.add_topic('/clock', 'rosgraph_msgs/msg/Clock')
        with pytest.raises(ValueError, match='/clock is in the bag already'):
            bag.add_topic('/clock', 'rosgraph_msgs/msg/Clock')
        with pytest.raises(ValueError, match='no definition of my_msgs/msg/Thing'):
            bag.add_topic('/thing', 'my_msgs/msg/Thing')
        bag.add_topic('/thing', 'my_msgs/msg/Thing', definition='uint8 x\n')
        bag.write_cdr('/thing', T0, b'\0\1\0\0\7')
    with Reader(tmp_path / 'bag') as reader:
        assert {x.msgdef.data for x in reader.connections if x.topic == '/thing'} == {'uint8 x\n'}
    with pytest.raises(ValueError, match='none, zstd'):
        BagWriter(tmp_path / 'other', compression='lzma')
    assert not Path(tmp_path / 'other').exists()


@pytest.mark.parametrize('there', ['notes.txt', 'docs/notes.txt', 'drive/metadata.yaml',
                                   'bag_0.mcap'])
def test_only_a_bag_is_replaced(tmp_path, there):
    folder = tmp_path / 'out'
    (folder / there).parent.mkdir(parents=True)
    (folder / there).write_text('mine')
    with pytest.raises(FileExistsError, match='is no bag alone'):
        BagWriter(folder, force=True)
    assert (folder / there).read_text() == 'mine' and sorted(tmp_path.iterdir()) == [folder]


def test_a_file_that_is_no_bag_is_not_replaced(tmp_path):
    (tmp_path / 'thesis.txt').write_text('mine')
    with pytest.raises(FileExistsError, match='is no bag alone'):
        BagWriter(tmp_path / 'thesis.txt', force=True)
    assert (tmp_path / 'thesis.txt').read_text() == 'mine'
