# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Play a bag to nodes under test and record what they say, from the first message to the last.

The player starts only when the nodes and the recorder have been discovered, the recorder ends
only when the player has. For launch_pytest, whose fixture gets a description that is ready to be
tested once the recording is whole; see docs/regression_tests.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
import sys

from inspatio_ros.robot import distro
from launch.action import Action
from launch.actions import EmitEvent, ExecuteProcess, RegisterEventHandler, TimerAction
from launch.event_handlers import OnProcessExit
from launch.events import matches_action
from launch.events.process import ProcessExited, ShutdownProcess
from launch.launch_context import LaunchContext
from launch.launch_description import LaunchDescription

# The name that `ros2 bag record` gives its node.
RECORDER_NODE = 'rosbag2_recorder'
# `ros2 bag play` publishes this long after it made its publishers, so that they are discovered.
_DELAY_S = 1.0


@dataclass
class RecordedReplay:
    """
    One run of nodes under test on a bag.

    :param play: bag that is played.
    :param inputs: topics of it that are played; the nodes have to subscribe to all of them.
    :param record: bag that is made; must not exist.
    :param outputs: topics that are recorded.
    :param timeout_s: how long nodes and recorder may take to be discovered.
    :param settle_s: how long after the last message it is recorded.
    :param player: command instead of `ros2 bag play`; ends after the last message.
    :param recorder: command instead of `ros2 bag record`; ends well on SIGINT.
    :param recorder_node: name of the recorder's node; empty to be content with any subscriber.
    """

    play: Path
    inputs: Sequence[str]
    record: Path
    outputs: Sequence[str]
    timeout_s: float = 30.0
    settle_s: float = 2.0
    player: Sequence[str] = ()
    recorder: Sequence[str] = ()
    recorder_node: str = RECORDER_NODE
    _faults: list[str] = field(default_factory=list, init=False)
    _played: bool = field(default=False, init=False)

    @property
    def bag(self) -> Path:
        """
        Return the bag that was recorded.

        :raises RuntimeError: it is not whole, and why.
        """
        if self._faults or not self._played:
            raise RuntimeError('; '.join(self._faults) or f'{self.play} was not played')
        return self.record

    def description(self, under_test: Sequence[Action],
                    then: Sequence[Action] = ()) -> LaunchDescription:
        """
        Return what starts everything in its order.

        :param under_test: actions that start the nodes under test.
        :param then: once the recorder has ended, whatever happened before:
            `[launch_pytest.actions.ReadyToTest()]`.
        """
        recorder = ExecuteProcess(cmd=self._recorder(), output='screen', name='recorder')
        barrier = ExecuteProcess(cmd=self._barrier(), output='screen', name='start_barrier')
        player = ExecuteProcess(cmd=self._player(), output='screen', name='player')
        stop = EmitEvent(event=ShutdownProcess(process_matcher=matches_action(recorder)))

        def discovered(event: ProcessExited, context: LaunchContext) -> list[Action]:
            if event.returncode == 0:
                return [player]
            self._faults.append(f'nodes or recorder were not discovered in {self.timeout_s:g} s, '
                                f'or ended before: {" ".join(self._listeners())}')
            return [stop]

        def played(event: ProcessExited, context: LaunchContext) -> list[Action]:
            self._played = event.returncode == 0
            if not self._played:
                self._faults.append(f'the player ended with {event.returncode}')
            return [TimerAction(period=self.settle_s, actions=[stop])]

        def on_exit(process: ExecuteProcess, reaction: object) -> RegisterEventHandler:
            return RegisterEventHandler(OnProcessExit(target_action=process, on_exit=reaction))
        return LaunchDescription([
            on_exit(barrier, discovered), on_exit(player, played), on_exit(recorder, list(then)),
            *under_test, recorder, barrier])

    def _listeners(self) -> list[str]:
        node = f'@{self.recorder_node}' if self.recorder_node else ''
        return [*self.inputs, *(f'{topic}{node}' for topic in self.outputs)]

    def _barrier(self) -> list[str]:
        return [sys.executable, '-m', 'inspatio_ros.ros.start_barrier', *self._listeners(),
                '--timeout', str(self.timeout_s)]

    def _player(self) -> list[str]:
        return list(self.player) or ['ros2', 'bag', 'play', str(self.play), '--delay',
                                     str(_DELAY_S), '--topics', *self.inputs]

    def _recorder(self) -> list[str]:
        return list(self.recorder) or ['ros2', 'bag', 'record', '-o', str(self.record),
                                       *distro.record_topics_option(), *self.outputs]
