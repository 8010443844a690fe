# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A bag against the manifest of another."""

import json

from drives import colour, COUNT, depth, Drive, ODOM, STEP_NS, TOPICS
from inspatio_ros.bags.comparing.compare import Options
from inspatio_ros.bags.comparing.golden import compare_with_golden, read_golden, write_golden
from inspatio_ros.bags.comparing.tolerances import parse_tolerances
from inspatio_ros.cli.main import main
from inspatio_ros.motion.transforms import pose_rpy
from make_bag import COLOR, DEPTH, header, msg, write_bag
import numpy as np
import pytest


@pytest.fixture(scope='module')
def manifest(tmp_path_factory):
    """Return the manifest of a drive; not to be changed."""
    folder = tmp_path_factory.mktemp('golden')
    path = folder / 'manifests' / 'drive.json'
    assert set(write_golden(Drive().write(folder / 'drive'), path)) == TOPICS
    assert [it.name for it in path.parent.iterdir()] == ['drive.json']
    return path


def report(bag, manifest, *tolerances, **options):
    return compare_with_golden(bag, manifest, Options(parse_tolerances(tolerances), **options))


def different(found):
    return {name for name, topic in found.topics.items() if not topic.equal}


def test_the_same_drive_again(tmp_path, manifest, capsys):
    bag = Drive().write(tmp_path / 'bag', 'sqlite3')
    found = report(bag, manifest)
    assert found.equal and all(topic.exact for topic in found.topics.values())
    assert main(['compare', str(bag), '--golden', str(manifest), '--json']) == 0
    record = json.loads(capsys.readouterr().out)
    assert record['equal'] is True and set(record['topics']) == TOPICS


def test_writing_and_checking_by_command(tmp_path, capsys):
    bag, path = Drive().write(tmp_path / 'bag'), tmp_path / 'golden' / 'm.json'
    assert main(['compare', str(bag), '--golden', str(path), '--update',
                 '--ignore', '/tf_static']) == 0
    assert f'{path}: 6 topics' in capsys.readouterr().out
    assert main(['compare', str(bag), '--golden', str(path)]) == 1
    assert 'only in the bag' in capsys.readouterr().out
    assert main(['compare', str(bag), '--golden', str(path), '--ignore', '/tf_static']) == 0


def test_a_manifest_is_small_and_shows_a_change_in_a_few_lines(tmp_path, manifest):
    class Moved(Drive):

        def place(self, index):
            return super().place(index) @ pose_rpy(x=0.1 * (index == 7))
    changed = tmp_path / 'm.json'
    write_golden(Moved().write(tmp_path / 'bag'), changed)
    before, after = (path.read_text().splitlines() for path in (manifest, changed))
    assert len(before) == len(after)
    lines = [line for line, new in zip(before, after) if line != new]
    assert len(lines) == 4  # of each of two topics the hash, and the sample
    assert sum('sha256' in line for line in lines) == 2
    assert manifest.stat().st_size < 60_000
    # Equal bags make equal manifests.
    write_golden(Drive().write(tmp_path / 'again'), changed)
    assert changed.read_text() == manifest.read_text()


def test_one_bit_is_seen_by_the_hash(tmp_path, manifest):
    class Spoilt(Drive):

        def depth(self, index):
            metres = super().depth(index)
            if index == 6:
                metres[20, 30] = np.nextafter(metres[20, 30], np.float32(9.0))
            return metres
    bag = Spoilt().write(tmp_path / 'bag')
    found = report(bag, manifest)
    assert different(found) == {DEPTH}
    assert found.topics[DEPTH].differences == [
        'the hash of all messages differs, no sample does']
    assert report(bag, manifest, 'depth=0.001').equal


class Darker(Drive):
    """Its pictures are darker in one corner."""

    def colour(self, index):
        rgb = super().colour(index)
        rgb[:16, :16] -= 30
        return rgb


def test_pictures_are_judged_by_the_colours_of_their_parts(tmp_path, manifest):
    bag = Darker().write(tmp_path / 'bag')
    found = report(bag, manifest)
    # Four of 48 parts are 30 darker.
    expected = 20 * np.log10(255.0 / 30.0) + 10 * np.log10(12.0)
    assert found.topics[COLOR].figures['psnr'] == pytest.approx(expected, abs=0.2)
    assert found.topics[COLOR].first.number == 0
    assert report(bag, manifest, 'psnr=28').equal
    assert COLOR in different(report(bag, manifest, 'psnr=31'))


def test_noise_goes_unseen_by_a_manifest(tmp_path, manifest):
    """What docs/regression_tests.md says of the limits of a manifest."""
    class Noisy(Drive):

        def colour(self, index):
            noise = np.random.default_rng(index).normal(0.0, 8.0, (48, 64, 3))
            return np.clip(super().colour(index) + noise, 0, 255).round().astype(np.uint8)
    bag = Noisy().write(tmp_path / 'bag')
    figure = report(bag, manifest, 'psnr=0').topics[COLOR].figures['psnr']
    true = 20 * np.log10(255.0 / 8.0)
    assert figure > true + 8.0


def test_depth_and_what_is_unknown(tmp_path, manifest):
    class Shallow(Drive):

        def depth(self, index):
            metres = super().depth(index) * np.float32(1.02)
            metres[:, 8] = np.nan
            return metres
    bag = Shallow().write(tmp_path / 'bag')
    figures = report(bag, manifest).topics[DEPTH].figures
    assert figures['depth'] == pytest.approx(0.02, abs=2e-3)
    assert figures['unknown'] == pytest.approx(1 / 64)
    assert different(report(bag, manifest, 'depth=0.03')) == {DEPTH}
    assert report(bag, manifest, 'depth=0.03', 'unknown=0.02').equal


def test_poses_and_stamps(tmp_path, manifest):
    class Off(Drive):

        def place(self, index):
            return super().place(index) @ pose_rpy(y=0.01, yaw=0.02)

        def stamp_ns(self, index):
            return super().stamp_ns(index) + 400_000
    bag = Off().write(tmp_path / 'bag')
    found = report(bag, manifest)
    assert found.topics[ODOM].figures == {
        'pose': pytest.approx(0.01), 'angle': pytest.approx(np.degrees(0.02)),
        'stamp': pytest.approx(0.0004)}
    assert report(bag, manifest, 'pose=0.02', 'angle=2', 'stamp=0.001').equal
    assert different(report(bag, manifest, 'pose=0.005', 'angle=2', 'stamp=0.001')) == {
        ODOM, '/tf'}
    assert different(report(bag, manifest, 'pose=0.02', 'angle=2')) == TOPICS


def test_messages_that_are_missing(tmp_path, manifest):
    bag = write_bag(tmp_path / 'bag', [it for it in Drive().events()
                                       if it[1] != ODOM or it[0] != Drive().stamp_ns(4)])
    topic = report(bag, manifest).topics[ODOM]
    assert topic.counts == (COUNT - 1, COUNT)
    assert topic.differences == ['11 messages, the manifest has 12',
                                 '1 of 12 samples have no message of their stamp']
    assert report(bag, manifest, 'missing=0.1').equal
    assert STEP_NS > 0 and not report(bag, manifest, 'missing=0.05').equal


def test_topics_types_and_texts(tmp_path, manifest):
    class Renamed(Drive):

        def odom(self, index):
            odom = super().odom(index)
            odom.child_frame_id = 'wheels'
            return odom
    topic = report(Renamed().write(tmp_path / 'a'), manifest, 'pose=1').topics[ODOM]
    assert topic.differences == ["child_frame_id: 'wheels' / 'base_link'"]
    events = [(t, name, 'geometry_msgs/msg/PoseStamped', msg(
        'geometry_msgs/PoseStamped', header=it.header, pose=it.pose.pose))
        if name == ODOM else (t, name, kind, it) for t, name, kind, it in Drive().events()
        if name != COLOR]
    found = report(write_bag(tmp_path / 'b', events), manifest)
    assert found.topics[ODOM].differences == [
        'type geometry_msgs/msg/PoseStamped / nav_msgs/msg/Odometry']
    assert found.topics[COLOR].differences == ['only in the manifest']


def test_long_recordings_are_sampled(tmp_path):
    events = [(i, '/n', 'std_msgs/msg/Float64MultiArray', msg(
        'std_msgs/Float64MultiArray', layout=msg('std_msgs/MultiArrayLayout', dim=[],
                                                 data_offset=0),
        data=np.linspace(0.0, i, 500))) for i in range(300)]
    path = tmp_path / 'm.json'
    write_golden(write_bag(tmp_path / 'a', events), path)
    samples = read_golden(path)['/n'].samples
    assert len(samples) == 50
    assert [samples[0].number, samples[-1].number] == [0, 299]
    assert path.stat().st_size < 60_000
    assert samples[-1].says['values']['data.min_mean_max'] == [0.0, 149.5, 299.0]
    events[150][3].data[400:] += 30.0  # not a sample
    events[299][3].data[400:] += 30.0
    found = report(write_bag(tmp_path / 'b', events), path, 'value=0.001')
    assert found.topics['/n'].first.number == 299


def test_numbers_that_are_none_survive_a_file(tmp_path):
    values = np.array([1.0, np.nan, np.inf, -np.inf], np.float32)

    def scan(ranges):
        return [(0, '/scan', 'sensor_msgs/msg/LaserScan', msg(
            'sensor_msgs/LaserScan', header=header(10**9), angle_min=0.0, angle_max=1.0,
            angle_increment=0.1, time_increment=0.0, scan_time=0.1, range_min=0.1,
            range_max=float('inf'), ranges=ranges, intensities=np.zeros(0, np.float32)))]
    path = tmp_path / 'm.json'
    write_golden(write_bag(tmp_path / 'a', scan(values)), path)
    json.loads(path.read_text(), parse_constant=pytest.fail)
    closer = values * np.float32(1.1)
    found = report(write_bag(tmp_path / 'b', scan(closer)), path, 'value=0.2')
    assert found.equal and found.topics['/scan'].figures['value'] == pytest.approx(
        0.1 / 1.1, rel=1e-4)
    known = np.array([1.0, 2.0, np.inf, -np.inf], np.float32)
    found = report(write_bag(tmp_path / 'c', scan(known)), path, 'value=0.2')
    assert found.topics['/scan'].figures['value'] == np.inf


def spoil(manifest, tmp_path, change):
    record = json.loads(manifest.read_text())
    change(record)
    path = tmp_path / 'spoilt.json'
    path.write_text(json.dumps(record))
    return path


@pytest.mark.parametrize('change, told', [
    (lambda r: r.update(version=7), 'version is 7, expected 1; a newer inspatio_ros wrote it'),
    (lambda r: r.update(version='1'), 'version is "1", expected a whole number'),
    (lambda r: r.update(format='other'), "format is 'other', expected 'inspatio_golden'"),
    (lambda r: r.pop('topics'), 'topics is missing'),
    (lambda r: r.update(topics=[]), 'topics is [], expected a JSON object'),
    (lambda r: r['topics'][ODOM].pop('sha256'), 'topics./odom.sha256 is missing'),
    (lambda r: r['topics'][ODOM].update(count='3'), 'topics./odom.count is "3"'),
    (lambda r: r['topics'][ODOM].update(surprise=1), 'topics./odom.surprise is an unknown field'),
    (lambda r: r['topics'][ODOM]['samples'].append(3), 'topics./odom.samples[12] is 3'),
    (lambda r: r['topics'][ODOM]['samples'][2].update(says={'taste': {}}),
     'topics./odom.samples[2].says.taste is an unknown field'),
    (lambda r: r['topics'][ODOM]['samples'][2].update(says={'values': 3}),
     'topics./odom.samples[2].says.values is 3'),
])
def test_manifests_that_cannot_be_used(tmp_path, manifest, capsys, change, told):
    path = spoil(manifest, tmp_path, change)
    bag = Drive().write(tmp_path / 'bag')
    assert main(['compare', str(bag), '--golden', str(path)]) == 2
    error = capsys.readouterr().err
    assert str(path) in error and told in error


@pytest.mark.parametrize('says', [
    {'poses': {'pose.pose': ['x', 0, 0]}}, {'poses': {'pose.pose': 5}},
    {'angles': {'pose.pose': [None, 0, 0, 1]}}, {'times': {'header.stamp': 'noon'}}])
def test_samples_that_cannot_be_used(tmp_path, manifest, says):
    def change(record):
        record['topics'][ODOM]['sha256'] = ''
        for part, values in says.items():
            record['topics'][ODOM]['samples'][2]['says'][part].update(values)
    with pytest.raises(ValueError, match='topics./odom: sample 2 cannot be used'):
        report(Drive().write(tmp_path / 'bag'), spoil(manifest, tmp_path, change))


def test_manifests_that_are_none(tmp_path, capsys):
    bag = Drive().write(tmp_path / 'bag')
    for path, text, told in (('a.json', None, 'there is no such manifest; --update writes one'),
                             ('b.json', '{"format"', 'is no valid JSON file'),
                             ('c.json', '[]', 'expected a JSON object')):
        if text is not None:
            (tmp_path / path).write_text(text)
        assert main(['compare', str(bag), '--golden', str(tmp_path / path)]) == 2
        error = capsys.readouterr().err
        assert str(tmp_path / path) in error and told in error


def test_a_manifest_that_cannot_be_written_leaves_the_old_one(tmp_path, manifest, monkeypatch):
    path = tmp_path / 'm.json'
    path.write_text('old')
    (tmp_path / 'broken').mkdir()
    with pytest.raises(ValueError, match='is no bag'):
        write_golden(tmp_path / 'broken', path)
    assert path.read_text() == 'old'
    assert sorted(it.name for it in tmp_path.iterdir()) == ['broken', 'm.json']


def test_the_drive_is_what_the_figures_say():
    """Guard the numbers that other tests of this file rely on."""
    assert colour(0).shape == (48, 64, 3) and colour(0)[:16, :16].min() >= 30
    assert np.isnan(depth(0)).mean() == 8 / 64 and np.isinf(depth(0)).mean() == 4 / 64
