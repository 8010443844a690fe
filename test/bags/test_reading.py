# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Bags are read whole, torn or without index; what cannot be read is named."""

import logging

from inspatio_ros.bags.reading import Bag, stamp_ns, Window
from inspatio_ros.scene.detect import is_bag
from make_bag import header, IMAGE, image, msg, NS, STORE, write_bag
import numpy as np
import pytest

TOPIC, OTHER = '/pictures', '/other'
CHUNK = 1 << 20  # bytes after which rosbags begins another mcap chunk


def picture(number, size=(300, 400)):
    pixels = np.full((*size, 3), number, np.uint8)
    return image(pixels, 'rgb8', stamp_ns=(100 + number) * NS)


def note(number):
    return msg('geometry_msgs/PointStamped', header=header((100 + number) * NS),
               point=msg('geometry_msgs/Point', x=float(number), y=0.0, z=0.0))


def make(path, storage, count=20):
    """Write pictures of 360 kB, three to an mcap chunk, and as many small messages."""
    events = []
    for i in range(count):
        events += [(i * NS, TOPIC, IMAGE, picture(i)),
                   (i * NS + 5, OTHER, 'geometry_msgs/msg/PointStamped', note(i))]
    return write_bag(path, events, storage)


@pytest.fixture(params=['mcap', 'sqlite3'])
def bag(tmp_path, request):
    return make(tmp_path / 'bag', request.param)


def storage_of(folder):
    return next(path for path in folder.iterdir() if path.suffix in ('.mcap', '.db3'))


def numbers(path, topics=(TOPIC,), window=Window()):
    with Bag(path) as bag:
        return [int(bag.decode(raw).data[0]) for raw in bag.messages(topics, window)]


def test_a_folder_and_its_file_alone_hold_the_same(bag):
    for path in (bag, storage_of(bag)):
        assert is_bag(path)
        with Bag(path) as opened:
            assert {name: topic.count for name, topic in opened.topics.items()} == {
                OTHER: 20, TOPIC: 20}
            assert opened.topics[TOPIC].msgtype == IMAGE
            assert opened.message_count == 40
            assert opened.start_ns == 0
        assert numbers(path) == list(range(20))


def test_messages_come_in_order_of_time_with_number_and_stamp(bag):
    with Bag(bag) as opened:
        raws = list(opened.messages([OTHER, TOPIC]))
        assert [raw.topic.name for raw in raws] == [TOPIC, OTHER] * 20
        assert [raw.number for raw in raws] == [i // 2 for i in range(40)]
        assert [raw.log_ns for raw in raws[:4]] == [0, 5, NS, NS + 5]
        assert [stamp_ns(raw) for raw in raws[::2]] == [(100 + i) * NS for i in range(20)]


def test_a_window_is_half_open(bag):
    assert numbers(bag, window=Window(3 * NS, 6 * NS)) == [3, 4, 5]


def test_a_stamp_of_zero_is_the_time_of_recording(tmp_path):
    path = write_bag(tmp_path / 'bag', [(7 * NS, TOPIC, IMAGE, image(
        np.zeros((2, 2, 3), np.uint8), 'rgb8', stamp_ns=0))])
    with Bag(path) as opened:
        assert stamp_ns(next(opened.messages([TOPIC]))) == 7 * NS


def test_a_bag_without_metadata_is_read_file_by_file(bag, caplog):
    (bag / 'metadata.yaml').unlink()
    assert is_bag(bag)
    with caplog.at_level(logging.WARNING):
        assert numbers(bag) == list(range(20))
    assert 'has no metadata.yaml' in caplog.text


def test_files_of_a_split_bag_follow_each_other_by_number(tmp_path):
    folder = tmp_path / 'split'
    folder.mkdir()
    for part in (0, 2, 10):
        one = write_bag(tmp_path / f'part_{part}', [(part * NS, TOPIC, IMAGE, picture(part))])
        storage_of(one).rename(folder / f'split_{part}.mcap')
    assert numbers(folder) == [0, 2, 10]
    with Bag(folder) as opened:
        assert [raw.number for raw in opened.messages([TOPIC])] == [0, 1, 2]


@pytest.mark.parametrize('missing', [1, 8, 20, 3000, 2 * CHUNK])
@pytest.mark.parametrize('whole_folder', [True, False])
def test_an_mcap_that_breaks_off_is_read_up_to_its_last_whole_chunk(
        tmp_path, caplog, missing, whole_folder):
    folder = make(tmp_path / 'bag', 'mcap')
    file = storage_of(folder)
    data = file.read_bytes()
    file.write_bytes(data[:-missing])
    with caplog.at_level(logging.WARNING):
        found = numbers(folder if whole_folder else file)
    # At most the chunks that the cut touches are lost: three pictures each.
    lost = 0 if missing < 3000 else 3 * (missing // CHUNK + 2)
    assert found == list(range(len(found))) and len(found) >= 20 - lost
    assert 'breaks off' in caplog.text and str(file) in caplog.text


def test_zeros_behind_an_mcap_are_no_messages(tmp_path):
    file = storage_of(make(tmp_path / 'bag', 'mcap'))
    data = file.read_bytes()
    file.write_bytes(data[:len(data) // 2] + bytes(50_000))
    found = numbers(file)
    assert 0 < len(found) < 20 and found == list(range(len(found)))


def test_an_mcap_without_index_is_scanned(tmp_path):
    """A footer that points nowhere is what a recorder without summary writes."""
    file = storage_of(make(tmp_path / 'bag', 'mcap'))
    data = bytearray(file.read_bytes())
    assert data[-37] == 0x02
    data[-28:-8] = bytes(20)
    file.write_bytes(data)
    assert numbers(file) == list(range(20))


@pytest.mark.parametrize('whole_folder', [True, False])
def test_messages_of_a_torn_mcap_are_sorted(tmp_path, whole_folder):
    """Recorders write in the order in which threads get hold of the file."""
    order = [1, 0, 2, 4, 3, 5, 7, 8, 6, 9]
    folder = write_bag(tmp_path / 'bag', [(i * NS, TOPIC, IMAGE, picture(i)) for i in order])
    file = storage_of(folder)
    file.write_bytes(file.read_bytes()[:-10])
    assert numbers(folder if whole_folder else file) == list(range(10))


def test_a_database_that_breaks_off_is_an_error(tmp_path):
    folder = make(tmp_path / 'bag', 'sqlite3')
    file = storage_of(folder)
    data = file.read_bytes()
    file.write_bytes(data[:len(data) // 2])
    for path in (folder, file):
        with pytest.raises(ValueError, match=rf'{path}: the bag cannot be read.*\.recover'):
            numbers(path)


def test_damage_names_the_last_whole_message(tmp_path):
    events = [(i * NS, TOPIC, IMAGE, picture(i)) for i in range(20)]
    file = storage_of(write_bag(tmp_path / 'bag', events, 'sqlite3'))
    file.write_bytes(file.read_bytes()[:-2000])  # the end of the last picture
    with pytest.raises(ValueError, match='cannot be read after message 19 of /pictures'):
        numbers(file)


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
@pytest.mark.parametrize('harm, message', [
    (lambda file: file.write_bytes(b''), 'empty|missing tables'),
    (lambda file: file.write_bytes(b'not a bag' * 100), 'cannot be read|does not begin like'),
    (lambda file: file.unlink(), 'missing|no such'),
])
def test_what_is_no_bag_is_named(tmp_path, storage, harm, message):
    folder = make(tmp_path / 'bag', storage, 2)
    file = storage_of(folder)
    harm(file)
    for path in (folder, file):
        with pytest.raises(ValueError, match=f'{path}.*({message})'):
            Bag(path)


def test_an_empty_bag_is_an_error(tmp_path):
    path = write_bag(tmp_path / 'bag', [])
    with pytest.raises(ValueError, match='the bag is empty: 0 topics, no message'):
        Bag(path)


def test_other_paths_are_refused(tmp_path):
    with pytest.raises(ValueError, match='there is no such bag'):
        Bag(tmp_path / 'nothing')
    (tmp_path / 'text.txt').write_text('x')
    with pytest.raises(ValueError, match=r'no file of a rosbag2 \(.mcap, .db3\)'):
        Bag(tmp_path / 'text.txt')
    (tmp_path / 'folder').mkdir()
    with pytest.raises(ValueError, match='is no bag: neither metadata.yaml nor a file'):
        Bag(tmp_path / 'folder')
    assert not is_bag(tmp_path / 'folder') and not is_bag(tmp_path / 'text.txt')


def test_a_database_whose_journal_was_left_behind_says_what_to_do(tmp_path):
    folder = make(tmp_path / 'bag', 'sqlite3', 2)
    file = storage_of(folder)
    file.with_name(f'{file.name}-wal').write_bytes(b'x')
    file.write_bytes(b'')
    with pytest.raises(ValueError, match='bag.db3-wal beside it holds what was never written'):
        Bag(folder)


def test_a_message_that_is_cut_names_topic_and_number(tmp_path):
    data = bytes(STORE.serialize_cdr(picture(1, (4, 4)), IMAGE))
    path = write_bag(tmp_path / 'bag', [(0, TOPIC, IMAGE, picture(0, (4, 4))),
                                        (1, TOPIC, IMAGE, data[:40])])
    with Bag(path) as opened:
        whole, cut = opened.messages([TOPIC])
        assert opened.decode(whole).width == 4
        with pytest.raises(ValueError, match='/pictures: message 1 is truncated or damaged'):
            opened.decode(cut)


@pytest.mark.parametrize('length', [0, 1, 11])
def test_a_message_without_a_stamp_names_topic_and_number(tmp_path, length):
    path = write_bag(tmp_path / 'bag', [(0, TOPIC, IMAGE, bytes(length))])
    with Bag(path) as opened:
        with pytest.raises(ValueError, match=f'/pictures: message 0 is truncated: .* {length} '):
            stamp_ns(opened.first(TOPIC))
