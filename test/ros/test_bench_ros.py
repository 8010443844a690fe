# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The measurement itself: its sums on arrivals that are known, and once for real."""

import argparse
import math
from pathlib import Path
import sys
import time

from inspatio_ros.cli import bench_ros, bench_ros_step
from inspatio_ros.cli.bench_ros import Seen, Setup, summarise
from inspatio_ros.cli.bench_ros_generator import GeneratorDiary, text_of
from inspatio_ros.cli.bench_ros_step import Pictures, step_figures, tries_of
from inspatio_ros.cli.parameter_files import check_ros_arguments
import numpy as np
import pytest

PERIOD_NS = 41_666_667
SETUP = Setup()


def bench(*words, node=(sys.executable, '-m', 'inspatio_ros.cli.world')):
    parser = argparse.ArgumentParser()
    bench_ros.add_arguments(parser)
    return bench_ros.run(parser.parse_args(words), list(node))


def arrivals(ticks=48, late_ms=5.0):
    seen = Seen()
    for topic in (*SETUP.topics, '/tf'):
        seen.arrivals[topic] = [(k * PERIOD_NS, k * PERIOD_NS + round(late_ms * 1e6))
                                for k in range(1, ticks + 1)]
    return seen


def test_a_perfect_run():
    result = summarise(arrivals(), SETUP)
    assert result['delivered'] == 1.0
    assert result['rate_hz'] == pytest.approx(24.0, abs=1e-3)
    assert result['p50_ms'] == result['p99_ms'] == 5.0
    assert result['stamps_equal']


def test_a_lost_image_is_a_lost_tick():
    seen = arrivals(100)
    del seen.arrivals['camera/depth/image_raw'][50]
    assert summarise(seen, SETUP)['delivered'] == 0.99


def test_a_skipped_tick_counts():
    seen = arrivals(100)
    for messages in seen.arrivals.values():
        del messages[40:50]
    assert summarise(seen, SETUP)['delivered'] == 0.9


def test_a_node_that_falls_silent_has_lost_the_rest():
    assert summarise(arrivals(240), SETUP, duration_s=10.0)['delivered'] == 1.0
    assert summarise(arrivals(80), SETUP, duration_s=10.0)['delivered'] < 0.35


def test_another_stamp_is_noticed():
    seen = arrivals()
    stamp, arrival = seen.arrivals['camera/color/camera_info'][20]
    seen.arrivals['camera/color/camera_info'][20] = (stamp + 1, arrival)
    result = summarise(seen, SETUP)
    assert not result['stamps_equal']
    assert result['delivered'] < 1.0


def test_nothing_whole_is_an_error():
    with pytest.raises(RuntimeError, match='no tick arrived whole'):
        summarise(Seen(), SETUP)


def test_a_short_run_for_real(checkout, monkeypatch):
    monkeypatch.setenv('PYTHONPATH', str(checkout))
    result = bench('--duration', '2', '--tries', '3',
                   node=(sys.executable, str(Path(__file__).parent / 'painted_node.py')))
    assert result['stamps_equal']
    assert result['ticks'] > 20
    assert 0.0 < result['p50_ms'] <= result['p99_ms']
    assert result['start_to_first_image_s'] < 30.0
    assert 'stamp to callback p99' in bench_ros.table(result)
    stages = result['node_stages_ms']
    assert 0.0 < stages['convert_p50_ms'] <= stages['host_p50_ms'] <= stages['host_p99_ms']
    assert 'frame to messages p50' in bench_ros.table(result)
    ms, ticks = result['command_to_pixel_ms'], result['command_to_pixel_ticks']
    assert result['command_to_pixel_tries'] == 3
    assert result['generator'] == {'asked': 'none', 'ran': 'none', 'blocks': 0}
    assert 0.0 < ms['median'] <= ms['max'] and ticks['max'] == pytest.approx(
        ms['max'] * 0.024, abs=1e-3)
    assert 'command to first pixel' in bench_ros.table(result)


@pytest.mark.parametrize('words, told', [([], 'none'), (['--generator', 'star'], 'star'),
                                         (['--generator', 'auto'], 'auto')])
def test_the_node_is_told_which_generator_paints(checkout, monkeypatch, tmp_path, words, told):
    monkeypatch.setenv('PYTHONPATH', str(checkout))
    note = tmp_path / 'words.txt'
    node = (sys.executable, '-c', 'import pathlib, sys; pathlib.Path(sys.argv[1]).write_text('
            '"\\n".join(sys.argv)); sys.exit(3)', str(note))
    with pytest.raises(RuntimeError, match='the node died with code 3'):
        bench(*words, node=node)
    said = note.read_text().split('\n')
    assert said[said.index(f'generator:={told}') - 1] == '-p'
    check_ros_arguments(said[said.index('--ros-args') + 1:])


@pytest.mark.slow
def test_the_small_generator_paints_beside_the_node(checkout, monkeypatch):
    monkeypatch.setenv('PYTHONPATH', str(checkout))
    result = bench('--duration', '5', '--tries', '0', '--size', '320x240', '--rate', '10',
                   '--generator', 'star')
    painted = result['generator']
    assert painted['asked'] == painted['ran'] == 'star' and painted['size'] == '320x192'
    assert painted['blocks'] >= 1 and painted['failures'] == 0
    assert painted['block_median_s'] > 0.0
    assert f'{painted["blocks"]} blocks in' in bench_ros.table(result)
    assert result['ticks'] > 20


def diagnostics(blocks, latency_ms, name='/world_node: generator', state='painting', failures=0):
    values = {'blocks': blocks, 'failures': failures, 'latency_ms': latency_ms, 'size': '320x192',
              'state': state}
    items = [argparse.Namespace(key=key, value=str(value)) for key, value in values.items()]
    return argparse.Namespace(status=[argparse.Namespace(name=name, values=items)])


def test_blocks_count_from_the_last_word_before_the_measurement():
    diary = GeneratorDiary()
    for k, (blocks, latency_ms) in enumerate([(1, 5000.0), (2, 900.0), (4, 500.0), (4, 500.0),
                                              (5, 700.0), (9, 1.0)]):
        diary.note(diagnostics(blocks, latency_ms), k * 1_000_000_000)
        diary.note(diagnostics(99, 1.0, '/world_node: sensor'), k * 1_000_000_000)
        if k == 1:
            diary.begin()
    diary.cut(4_500_000_000)
    assert diary.figures('auto') == {
        'asked': 'auto', 'ran': 'star', 'state': 'painting', 'size': '320x192', 'blocks': 3,
        'failures': 0, 'told_over_s': 3.0, 'block_median_s': 0.6}
    assert text_of(diary.figures('auto')) == (
        'star (asked for auto), 320x192, 3 blocks in 3.0 s, median 0.60 s each, 0 failures')


def test_a_generator_that_painted_nothing_has_no_time():
    diary = GeneratorDiary()
    assert text_of(diary.figures('auto')) == 'none (asked for auto)'
    assert text_of(diary.figures('none')) == 'none'
    diary.note(diagnostics(0, math.nan), 0)
    assert diary.figures('star')['blocks'] == 0
    assert 'median' not in text_of(diary.figures('star'))


def test_a_faulty_generator_that_painted_nothing_is_told_by_its_state():
    diary = GeneratorDiary()
    diary.note(diagnostics(0, 0.0, state='waiting'), 0)
    diary.note(diagnostics(0, 0.0, state='failed', failures=2), 3_000_000_000)
    assert diary.figures('star')['state'] == 'failed'
    assert text_of(diary.figures('star')) == (
        'star (asked for star), 320x192, failed, 0 blocks in 3.0 s, 2 failures')


def test_every_topic_of_every_camera_counts():
    setup = Setup(640, 480, 15.0, cameras=2, scan=True)
    assert list(setup.topics) == [
        f'{camera}/{topic}' for camera in ('camera', 'camera_2') for topic in (
            'color/image_raw', 'depth/image_raw', 'color/camera_info', 'depth/camera_info')
    ] + ['scan']
    check_ros_arguments([word for it in setup.parameters for word in ('-p', it)])
    seen = Seen()
    for topic in (*setup.topics, '/tf'):
        seen.arrivals[topic] = [(k * 66_666_667, k * 66_666_667) for k in range(1, 101)]
    assert summarise(seen, setup)['delivered'] == 1.0
    del seen.arrivals['camera_2/depth/image_raw'][50], seen.arrivals['scan'][60]
    assert summarise(seen, setup)['delivered'] == 0.98


def test_everything_is_all_that_cameras_say():
    topics = Setup(640, 480, 15.0, cameras=2, scan=True, everything=True).topics
    assert len(topics) == 17 and topics['scan'] == 'LaserScan'
    assert topics['camera_2/color/image_raw/compressed'] == 'CompressedImage'
    assert topics['camera/points'] == 'PointCloud2'
    assert set(Setup(640, 480, 15.0, cameras=2, scan=True).topics) < set(topics)


def test_what_arrives_after_the_measurement_does_not_count():
    seen = arrivals(100)
    seen.cut(50 * PERIOD_NS)
    assert summarise(seen, SETUP)['ticks'] == 49


class Watched:
    """A robot that a picture shows some pictures late, in a scene where something moves."""

    def __init__(self, late, moves=20):
        self.pictures, self.turns = Pictures(), []
        self._late, self._moves, self._k, self._left = late, moves, 0, None

    def send(self, forward, turn):
        self.turns.append(turn)
        self._left = self._late if turn else None

    def spin(self, seconds):
        self._k += 1
        data = np.zeros(1000, np.uint8)
        data[self._k * self._moves % 1000:][:self._moves] = 1
        if self._left == 0:
            data += np.uint8(self._k % 100)
        self._left = self._left and self._left - 1
        time.sleep(0.002)
        self.pictures.note(data.tobytes(), time.time_ns())


def test_a_command_is_seen_in_the_first_picture_that_changes_as_none_did_before():
    fast, slow = Watched(late=0), Watched(late=20)
    few, many = (list(tries_of(it.pictures, it.spin, it.send, 4, 0.04)) for it in (fast, slow))
    assert len(few) == len(many) == 4
    assert 2.0 <= min(few) and 40.0 <= min(many) and max(few) < min(many)
    assert [turn for turn in fast.turns if turn] == [-4.0, 4.0] * 2
    assert fast.turns[-1] == 0.0
    assert step_figures([10.0, 20.0, 60.0], 50.0) == {
        'command_to_pixel_ms': {'median': 20.0, 'max': 60.0},
        'command_to_pixel_ticks': {'median': 1.0, 'max': 3.0}, 'command_to_pixel_tries': 3}


def test_a_command_that_nobody_sees_is_an_error(monkeypatch):
    monkeypatch.setattr(bench_ros_step, '_TIMEOUT_S', 0.05)
    blind = Watched(late=10_000)
    with pytest.raises(RuntimeError, match='no picture within'):
        list(tries_of(blind.pictures, blind.spin, blind.send, 2, 0.04))
