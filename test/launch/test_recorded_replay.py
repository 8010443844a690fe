# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A node under test is played to and recorded by launch, without losing a message at the start."""

from pathlib import Path
import sys

import pytest

launch_pytest = pytest.importorskip(
    'launch_pytest', reason='launch_pytest comes with a ROS 2 distro; none is sourced')

from inspatio_ros.bags.reading import Bag  # noqa: E402, I100
from inspatio_ros.ros.recorded_replay import RecordedReplay  # noqa: E402
from launch.actions import ExecuteProcess  # noqa: E402
from parties import COUNT, IN, OUT, write_numbers  # noqa: E402

pytestmark = pytest.mark.distro
# The node under test listens this late: without a barrier what is played until then is lost.
LATE_S = 3.0


def party(*words):
    return [sys.executable, str(Path(__file__).with_name('parties.py')), *map(str, words)]


def described(folder, inputs, late_s, timeout_s):
    replay = RecordedReplay(
        write_numbers(folder / 'in'), inputs, folder / 'out', [OUT], timeout_s, 1.0,
        party('play', folder / 'in'), party('record', folder / 'out'), 'recorder')
    relay = ExecuteProcess(cmd=party('relay', late_s), output='screen')
    return replay.description([relay], [launch_pytest.actions.ReadyToTest()]), replay


@launch_pytest.fixture
def doubled(tmp_path):
    return described(tmp_path, [IN], LATE_S, 30.0)


@launch_pytest.fixture
def unheard(tmp_path):
    return described(tmp_path, [IN, '/replay/nothing'], 0.0, 4.0)


@pytest.mark.launch(fixture=doubled, shutdown=True)
def test_every_message_is_heard_and_recorded(doubled):
    _, replay = doubled
    with Bag(replay.bag) as bag:
        numbers = [bag.decode(raw).data for raw in bag.messages([OUT])]
    assert numbers == [2 * number for number in range(COUNT)]


@pytest.mark.launch(fixture=doubled, shutdown=True)
def test_it_is_a_recording_like_any_other(doubled, tmp_path):
    from inspatio_ros.bags.comparing.pytest_plugin import Golden
    Golden(tmp_path, 'doubled', update=True)(doubled[1].bag)
    Golden(tmp_path, 'doubled', update=False)(doubled[1].bag)
    with pytest.raises(pytest.fail.Exception, match='only in the manifest'):
        Golden(tmp_path, 'doubled', update=False)(doubled[1].play)


@pytest.mark.launch(fixture=unheard, shutdown=True)
def test_nothing_is_played_to_nodes_that_do_not_listen(unheard):
    with pytest.raises(RuntimeError, match='were not discovered in 4 s.*/replay/nothing'):
        assert unheard[1].bag
