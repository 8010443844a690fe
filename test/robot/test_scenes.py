# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Scenes by name."""

from inspatio_ros.robot.parameter_values import SPECS
from inspatio_ros.robot.parameters import folder_of, request_of, WorldParameters
from inspatio_ros.robot.scenes import named_scenes
import pytest

ENTRIES = ('office=/data/one', '/data/garden/', 'a=b=/data/two', '')


def test_a_folder_has_its_own_name_unless_given_one():
    assert named_scenes(ENTRIES) == {'office': '/data/one', 'garden': '/data/garden/',
                                     'a=b': '/data/two'}
    assert named_scenes(('',)) == {}


@pytest.mark.parametrize('entries, words', [
    (('=/data',), 'neither NAME=FOLDER'), (('office=',), 'neither NAME=FOLDER'),
    (('/',), 'neither NAME=FOLDER'), (('a=/x', '/y/a'), "two scenes are called 'a'")])
def test_bad_entries_say_what_they_are(entries, words):
    assert words in SPECS['scenes'].why_not(list(entries))
    with pytest.raises(ValueError, match=words):
        named_scenes(entries)


@pytest.mark.parametrize('scene, folder', [
    ('office', '/data/one'), ('', ''), ('/elsewhere', '/elsewhere')])
def test_a_name_stands_for_its_folder(scene, folder):
    assert folder_of(WorldParameters(scene=scene, scenes=ENTRIES)) == folder


def test_what_is_neither_name_nor_folder_is_refused_with_the_nearest_name(tmp_path):
    with pytest.raises(ValueError, match='did you mean office'):
        request_of(WorldParameters(scene='ofice', scenes=ENTRIES))
    request_of(WorldParameters(scene='office', scenes=ENTRIES))
    request_of(WorldParameters(scene=str(tmp_path), scenes=ENTRIES))
    request_of(WorldParameters(scene='/missing'))  # whoever opens it says what is missing


def test_every_frame_waits_for_the_generator_in_lockstep():
    assert request_of(WorldParameters(clock='lockstep')).imagination.lockstep
    assert not request_of(WorldParameters(clock='scaled')).imagination.lockstep
