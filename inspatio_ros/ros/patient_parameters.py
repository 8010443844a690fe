# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Changes of parameters that take a while, beside everything else that the node does.

rclpy asks its callbacks on the executor's only thread, and no other callback is served until they
have answered: no command, no timer, and so no picture. Here the services wait first for what a
change needs, as coroutines and in a group of their own, and ask then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
import contextlib
import threading
from typing import Any, TypeAlias

from inspatio_ros.contracts import WorldBackend
from inspatio_ros.robot.parameters import WorldRequest
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.msg import SetParametersResult
from rcl_interfaces.srv import SetParameters, SetParametersAtomically
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.exceptions import ParameterNotDeclaredException
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.task import Future

Changes: TypeAlias = 'Sequence[Parameter[Any]]'  # quoted: Jazzy has no generic class


class Opening:
    """
    A world that is opened in a thread of its own.

    :param request: what it is.
    :param open_world: returns it; whatever it raises, `take` raises.
    :param then: called, in that thread, once it is there or has failed; may raise InvalidHandle.
    """

    def __init__(self, request: WorldRequest, open_world: Callable[[], WorldBackend],
                 then: Callable[[], None]) -> None:
        self.request = request
        self.done: Future[None] = Future()
        self._open_world, self._then = open_world, then
        self._world: WorldBackend | None = None
        self._error: Exception | None = None
        self._lock = threading.Lock()
        self._wanted = True
        threading.Thread(target=self._run, name='opening', daemon=True).start()

    def take(self) -> WorldBackend:
        """Return the world, once it is done; it belongs to the caller then."""
        with self._lock:
            world, self._world = self._world, None
        if self._error is not None:
            raise self._error
        assert world is not None, 'taken once, when done'
        return world

    def abandon(self) -> None:
        """Close the world, now or once it is there, unless it was taken."""
        with self._lock:
            self._wanted = False
            world, self._world = self._world, None
        if world is not None:
            world.close()

    def _run(self) -> None:
        try:
            world = self._open_world()
        except Exception as error:  # noqa: B902  a thread boundary: who waits is told
            self._error = error
        else:
            with self._lock:
                wanted = self._wanted
                self._world = world if wanted else None
            if not wanted:
                world.close()
        self.done.set_result(None)
        with contextlib.suppress(rclpy_implementation.InvalidHandle):  # the node is gone
            self._then()


class PatientParameters:
    """
    Answers at the node's services that set parameters, one request after the other.

    They are those that the node has, not new ones in their place: what a client asks that found
    the old ones as the node starts would be lost.

    :param prepare: called with the changes that are asked for; returns what to wait for before
        the node's callbacks are asked, None if they can answer at once.
    :param finish: called after each answer.
    """

    def __init__(self, node: Node, prepare: Callable[[Changes], Future[None] | None],
                 finish: Callable[[], None]) -> None:
        self._node, self._prepare, self._finish = node, prepare, finish
        answers = {SetParameters: self._on_each, SetParametersAtomically: self._on_all}
        self._group = MutuallyExclusiveCallbackGroup()
        for service in node.services:
            if service.srv_type in answers:
                service.callback = answers[service.srv_type]
                service.callback_group = self._group
                self._group.add_entity(service)

    async def _on_each(self, request: SetParameters.Request,
                       response: SetParameters.Response) -> SetParameters.Response:
        for message in request.parameters:
            response.results.append(await self._set([message]))
        return response

    async def _on_all(self, request: SetParametersAtomically.Request,
                      response: SetParametersAtomically.Response,
                      ) -> SetParametersAtomically.Response:
        response.result = await self._set(request.parameters)
        return response

    async def _set(self, messages: Sequence[ParameterMessage]) -> SetParametersResult:
        """Return the answer, whatever is asked: what left this coroutine would end the node."""
        try:
            return await self._answered(messages)
        except ParameterNotDeclaredException as error:
            return SetParametersResult(successful=False, reason=str(error))
        except Exception as error:  # noqa: B902  a callback boundary: the node goes on
            return SetParametersResult(successful=False, reason=f'{type(error).__name__}: {error}')

    async def _answered(self, messages: Sequence[ParameterMessage]) -> SetParametersResult:
        changes = [Parameter.from_parameter_msg(message) for message in messages]
        try:
            preparation = self._prepare(changes)
            if preparation is not None:
                await preparation
            return self._node.set_parameters_atomically(changes)
        finally:
            self._finish()
