# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The node's services, those that are there: its buttons, and the scenes that it has names for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import time
from typing import Any

from inspatio_ros.robot.scenes import named_scenes
from rcl_interfaces.srv import GetParameters, SetParameters
from rclpy.client import Client
from rclpy.node import Node
from rclpy.parameter import Parameter
from std_srvs.srv import Trigger

# A node that answers later has hung, or is gone. A scene is read from disk.
PATIENCE_S, SCENE_PATIENCE_S = 5.0, 60.0
# The list of scenes is a parameter, which changes when somebody sets it.
_LIST_EVERY_S = 5.0

# Takes success and message.
Answer = Callable[[bool, str], None]


@dataclass(frozen=True)
class Asked:
    """
    A call that has not been answered.

    :param until_s: monotonic; nobody waits longer.
    :param read: takes the response.
    :param fail: takes the reason why there is none.
    """

    what: str
    client: Client
    until_s: float
    read: Callable[[Any], None]
    fail: Callable[[str], None]


class Services:
    """
    Calls services of a node. Used in the executor's thread.

    :param node: of the viewer.
    :param world: fully qualified name of the node that has them.
    :param names: of std_srvs/Trigger services, below that name.
    """

    def __init__(self, node: Node, world: str, names: tuple[str, ...]) -> None:
        self._clients: dict[str, Client] = {
            name: node.create_client(Trigger, f'{world}/{name}') for name in names}
        self._get: Client = node.create_client(GetParameters, f'{world}/get_parameters')
        self._set: Client = node.create_client(SetParameters, f'{world}/set_parameters')
        self._asked: dict[Any, Asked] = {}
        self._listed_s = 0.0
        self.scenes: list[str] = []   # names, as the node listed them last

    def there(self) -> list[str]:
        """Return the buttons that can be pressed now."""
        return [name for name, client in self._clients.items() if client.service_is_ready()]

    def call(self, name: str, answer: Answer) -> None:
        """
        Press a button.

        :param answer: called once, with what came back or why nothing did.
        """
        self._ask(name, self._clients[name], Trigger.Request(), PATIENCE_S,
                  lambda response: answer(response.success, response.message),
                  lambda reason: answer(False, reason))

    def change_scene(self, scene: str, answer: Answer) -> None:
        """
        Have the node show another scene.

        :param scene: one of `scenes`; empty: the bundled one.
        :param answer: called once, with what came back or why nothing did.
        """
        if scene and scene not in self.scenes:
            return answer(False, f'the world has no scene {scene!r}')

        def read(response: SetParameters.Response) -> None:
            result = response.results[0]
            answer(result.successful, result.reason or f'now in {scene or "the bundled scene"}')

        request = SetParameters.Request(
            parameters=[Parameter('scene', value=scene).to_parameter_msg()])
        self._ask('change of scene', self._set, request, SCENE_PATIENCE_S, read,
                  lambda reason: answer(False, reason))

    def look(self, wanted: bool) -> None:
        """
        Give up on those who do not answer, and list the scenes; to be called now and then.

        :param wanted: whether anybody reads the list.
        """
        now = time.monotonic()
        for future, asked in list(self._asked.items()):
            if now > asked.until_s:
                del self._asked[future]
                asked.client.remove_pending_request(future)
                asked.fail(f'{asked.what}: no answer')
        if wanted and now - self._listed_s > _LIST_EVERY_S and self._get.service_is_ready():
            self._listed_s = now
            self._ask('scenes', self._get, GetParameters.Request(names=['scenes']), PATIENCE_S,
                      self._on_scenes, lambda reason: None)

    def forget(self) -> None:
        """Forget what a node said that is gone."""
        self.scenes, self._listed_s = [], 0.0

    def _on_scenes(self, response: GetParameters.Response) -> None:
        entries = response.values[0].string_array_value if response.values else []
        try:
            self.scenes = list(named_scenes(entries))
        except ValueError:
            self.scenes = []

    def _ask(self, what: str, client: Client, request: Any, patience_s: float,
             read: Callable[[Any], None], fail: Callable[[str], None]) -> None:
        if not client.service_is_ready():
            return fail(f'the world has no {what}')
        future = client.call_async(request)
        self._asked[future] = Asked(what, client, time.monotonic() + patience_s, read, fail)
        future.add_done_callback(self._on_done)

    def _on_done(self, future: Any) -> None:
        asked = self._asked.pop(future, None)
        if asked is None:
            return
        if future.exception() is not None:
            asked.fail(f'{asked.what}: {future.exception()}')
        else:
            asked.read(future.result())
