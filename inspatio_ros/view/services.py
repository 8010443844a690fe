# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The node's services, those that are there."""

from __future__ import annotations

from collections.abc import Callable
import time
from typing import Any

from rclpy.client import Client
from rclpy.node import Node
from std_srvs.srv import Trigger

# A node that answers later has hung, or is gone.
PATIENCE_S = 5.0

# Takes success and message.
Answer = Callable[[bool, str], None]


class Services:
    """
    Calls std_srvs/Trigger services of a node. Used in the executor's thread.

    :param node: of the viewer.
    :param world: fully qualified name of the node that has them.
    :param names: of the services, below that name.
    """

    def __init__(self, node: Node, world: str, names: tuple[str, ...]) -> None:
        self._clients: dict[str, Client] = {
            name: node.create_client(Trigger, f'{world}/{name}') for name in names}
        self._asked: dict[Any, tuple[float, str, Answer]] = {}

    def there(self) -> list[str]:
        """Return the services that can be called now."""
        return [name for name, client in self._clients.items() if client.service_is_ready()]

    def call(self, name: str, answer: Answer) -> None:
        """
        Call a service.

        :param answer: called once, with what came back or why nothing did.
        """
        client = self._clients[name]
        if not client.service_is_ready():
            return answer(False, f'the world has no {name}')
        future = client.call_async(Trigger.Request())
        self._asked[future] = time.monotonic() + PATIENCE_S, name, answer
        future.add_done_callback(self._on_done)

    def look(self) -> None:
        """Give up on those who do not answer; to be called now and then."""
        now = time.monotonic()
        for future, (until_s, name, answer) in list(self._asked.items()):
            if now > until_s:
                del self._asked[future]
                self._clients[name].remove_pending_request(future)
                answer(False, f'{name}: no answer within {PATIENCE_S:g} s')

    def _on_done(self, future: Any) -> None:
        _, name, answer = self._asked.pop(future, (0.0, '', None))
        if answer is None:
            return
        if future.exception() is not None:
            answer(False, f'{name}: {future.exception()}')
        else:
            answer(future.result().success, future.result().message)
