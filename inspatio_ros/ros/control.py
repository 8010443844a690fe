# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The services that steer a world: ~/reset, ~/pause, ~/resume, ~/step, ~/save_view."""

from __future__ import annotations

from collections.abc import Callable

from inspatio_ros.robot.clock import WorldTime
from inspatio_ros.robot.views import save_view, views_folder
from inspatio_ros.ros.sensor_loop import SensorLoop
from inspatio_ros.ros.step import Busy
from rclpy.node import Node
from std_srvs.srv import Trigger

Action = Callable[[SensorLoop], str]


class Control:
    """
    Answers the services, for as long as the node lives.

    :param find_loop: returns the loop of the configured node, None if there is none.
    :param find_state: returns the state of the node in its life cycle.
    :param world_time: of the node.
    :param save_dir: parameter of that name.
    """

    def __init__(self, node: Node, find_loop: Callable[[], SensorLoop | None],
                 find_state: Callable[[], str], world_time: WorldTime, save_dir: str) -> None:
        self._find_loop = find_loop
        self._find_state = find_state
        self._time = world_time
        self._save_dir = save_dir
        self._log = node.get_logger()
        for name, action, states in (
                ('reset', self._reset, ('inactive', 'active')),
                ('pause', self._pause, ('active',)), ('resume', self._resume, ('active',)),
                ('step', self._step, ('active',)),
                ('save_view', self._save_view, ('inactive', 'active'))):
            node.create_service(Trigger, f'~/{name}', self._answer_by(action, states))

    def _answer_by(self, action: Action, states: tuple[str, ...],
                   ) -> Callable[[Trigger.Request, Trigger.Response], Trigger.Response]:
        def answer(request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
            loop, state = self._find_loop(), self._find_state()
            if loop is None or state not in states:
                response.success, response.message = False, f'the node is {state}'
                return response
            try:
                response.success, response.message = True, action(loop)
            except (Busy, OSError, ValueError) as error:
                response.success, response.message = False, str(error)
            except Exception as error:  # noqa: B902  a callback boundary: the node goes on
                response.success = False
                response.message = f'{type(error).__name__}: {error}'
                self._log.error(response.message)
            return response
        return answer

    def _reset(self, loop: SensorLoop) -> str:
        loop.reset()
        return 'back at the start'

    def _pause(self, loop: SensorLoop) -> str:
        if loop.paused:
            return f'paused already, at {self._now_s:.3f} s'
        loop.pause()
        return f'paused at {self._now_s:.3f} s'

    def _resume(self, loop: SensorLoop) -> str:
        if not loop.paused:
            return 'was not paused'
        loop.resume()
        return f'goes on from {self._now_s:.3f} s'

    def _step(self, loop: SensorLoop) -> str:
        return f'one tick, at {loop.step() * 1e-9:.9f} s'

    def _save_view(self, loop: SensorLoop) -> str:
        seen = loop.glance()
        if seen is None:
            raise ValueError('the pose of the robot is unknown')
        return str(save_view(views_folder(self._save_dir), *seen))

    @property
    def _now_s(self) -> float:
        return self._time.stamp_ns() * 1e-9
