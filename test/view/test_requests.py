# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a page may say."""

from inspatio_ros.view.driving import Velocity
from inspatio_ros.view.requests import Call, ChangeScene, Drive, parse, Show, Shown
import pytest


@pytest.mark.parametrize('text, request_', [
    ('{"show": ["color", "depth", "color"]}', Show(frozenset({'color', 'depth'}))),
    ('{"show": []}', Show(frozenset())),
    ('{"shown": 7}', Shown(7)),
    ('{"drive": [0.5, 0, -1]}', Drive(Velocity(0.5, 0.0, -1.0))),
    ('{"call": "reset"}', Call('reset')), ('{"scene": ""}', ChangeScene('')),
    ('{"scene": "a b"}', ChangeScene('a b'))])
def test_what_is_understood(text, request_):
    assert parse(text) == request_


@pytest.mark.parametrize('text, words', [
    ('', 'one JSON object'), ('nonsense', 'one JSON object'), ('[1]', 'one JSON object'),
    ('7', 'one JSON object'), ('null', 'one JSON object'), ('{}', 'one key'),
    ('{"show": [], "shown": 1}', 'one key'), ('[' * 900, 'one JSON object'),
    ('{"fly": 1}', "'fly' is none of"),
    ('{"show": "color"}', 'list of names'), ('{"show": [1]}', 'list of names'),
    ('{"show": [["color"]]}', 'list of names'), ('{"show": ["lidar"]}', "'lidar' is none of"),
    ('{"shown": "1"}', 'whole number'), ('{"shown": true}', 'whole number'),
    ('{"shown": 1.5}', 'whole number'),
    ('{"drive": 1}', 'three numbers'), ('{"drive": [1, 2]}', 'three numbers'),
    ('{"drive": [1, 2, "3"]}', 'three numbers'), ('{"drive": [true, 0, 0]}', 'three numbers'),
    ('{"drive": [NaN, 0, 0]}', 'forward'), ('{"drive": [0, Infinity, 0]}', 'left'),
    ('{"drive": [0, 0, 99]}', 'turn'), (f'{{"drive": [0, 0, 1{"0" * 400}]}}', 'numbers'),
    ('{"scene": 3}', 'a name'), ('{"call": "shutdown"}', 'reset'),
    ('{"call": ["reset"]}', 'reset')])
def test_what_is_refused(text, words):
    with pytest.raises(ValueError, match=words.replace('[', r'\[')):
        parse(text)
