# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Parameters come from files and the command line, checked like those of the node."""

import argparse
import math

from inspatio_ros.cli import world_parameters
from inspatio_ros.robot.parameters import WorldParameters
import pytest


def read(*words):
    parser = argparse.ArgumentParser()
    world_parameters.add_arguments(parser)
    return world_parameters.read_parameters(parser.parse_args(list(map(str, words))))


def test_the_file_that_ships_holds_the_defaults(checkout):
    assert str(read('--params-file', checkout / 'config/world.yaml')) == str(WorldParameters())
    assert str(read()) == str(WorldParameters())


def test_the_last_word_counts(tmp_path):
    for name, rate in (('a', 5.0), ('b', 7.0)):
        (tmp_path / name).write_text(
            f'/**:\n  ros__parameters:\n    rate: {rate}\n    mount: {{x: {rate}, z: .nan}}\n'
            f'    use_sim_time: true\n')
    files = ('--params-file', tmp_path / 'a', '--params-file', tmp_path / 'b')
    assert read(*files).mount.x == 7.0
    assert read(*files, '-p', 'rate:=9').rate == 9.0


@pytest.mark.parametrize('text, value', [('1.5', 1.5), ('2', 2.0), ('1e-3', 1e-3),
                                         ('-.5', -0.5)])
def test_numbers_are_read_as_people_write_them(text, value):
    assert read('-p', f'mount.x:={text}').mount.x == value


def test_nan_and_text_that_looks_like_something_else_are_understood():
    assert math.isnan(read('-p', 'mount.z:=nan').mount.z)
    assert read('-p', 'enable_stamped_cmd_vel:=true').enable_stamped_cmd_vel == 'true'
    assert read('-p', 'scene:=').scene == ''
    assert read('-p', 'generator:=star', '-p', 'seed:=3').imagination.seed == 3


@pytest.mark.parametrize('word, reason', [
    ('rat:=1.0', 'did you mean rate'), ('xyzzy:=1', 'config/world.yaml lists all'),
    ('publish_mount_tf:=3', 'must be a bool, got 3'), ('image.width:=1.5', 'must be a int'),
    ('generator_width:=100', 'a multiple of 16'), ('depth_encoding:=8UC1', 'must be one of')])
def test_a_bad_assignment_says_why(word, reason):
    with pytest.raises(ValueError, match=reason):
        read('-p', word)


def test_names_of_nav2_loopback_sim_are_understood():
    found = read('-p', 'scan_range_max:=30', '-p', 'publish_clock:=false', '-p',
                 'base_frame_id:=base_link', '-p', 'scan_publish_dur:=0.1')
    assert found.scan.range_max == 30.0 and found.scan.rate == pytest.approx(10.0)
    assert found.base_frame == 'base_link' and found.clock == 'wall'


@pytest.mark.parametrize(('words', 'reason'), [
    (('scan_range_max:=30.0', 'scan.range_max:=20.0'), 'scan_range_max 30.0 .* different things'),
    (('scan_publish_dur:=0.0',), 'must be at least'),
    (('scan_range_mx:=3.0',), 'did you mean scan_range_max'),
    (('scan_range_max:=0.02',), 'must be less than')])
def test_names_of_nav2_loopback_sim_are_checked(words, reason):
    with pytest.raises(ValueError, match=reason):
        read(*(word for text in words for word in ('-p', text)))
