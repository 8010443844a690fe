# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
One open page: what it says, and the newest of what it shows.

To the page go text (JSON: state, answers) and binary messages, each of them a JSON header, a line
feed and JPEGs one after another. One such bundle is under way at a time: the next goes out when
the page says that it has shown it, with the newest picture of each stream then.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
import json
import time
from typing import Any

from aiohttp import web, WSCloseCode, WSMsgType
from inspatio_ros.view.hub import Hub
from inspatio_ros.view.requests import Call, ChangeScene, Drive, parse, Show, Shown

# A latency of more than this is a clock of another kind: that of a bag, or of a simulator.
_SAME_CLOCK_S = 30.0
# A page that does not read what it is answered loses the oldest.
_MOST_ANSWERS = 16


class Browser:
    """
    A page, from its arrival to its end.

    :param socket: prepared.
    """

    def __init__(self, socket: web.WebSocketResponse, hub: Hub) -> None:
        self.shown: frozenset[str] = frozenset()
        self._socket = socket
        self._hub = hub
        self._something_new = asyncio.Event()
        self._sent: dict[str, int] = {}      # stream -> number of the picture that the page has
        self._state_sent = 0
        self._answers: deque[dict[str, Any]] = deque(maxlen=_MOST_ANSWERS)
        self._calling = False
        self._bundles = 0
        self._under_way: dict[str, int] | None = None   # stamps of the bundle, nanoseconds
        self._latency_ms: float | None = None

    def wake(self) -> None:
        """Look for something newer than what the page has."""
        self._something_new.set()

    async def send_away(self) -> None:
        """Close the connection, because the viewer ends."""
        self._hub.driving.leave(self)
        await self._socket.close(code=WSCloseCode.GOING_AWAY)

    async def serve(self) -> None:
        """Talk to the page until it leaves or misbehaves."""
        self._hub.enter(self)
        speaker = asyncio.create_task(self._speak())
        try:
            async for message in self._socket:
                if message.type is not WSMsgType.TEXT:
                    raise ValueError('a page says nothing but text')
                self._hear(message.data)
        except ValueError as error:
            await self._socket.close(code=WSCloseCode.POLICY_VIOLATION,
                                     message=str(error)[:120].encode())
        finally:
            self._hub.leave(self)
            speaker.cancel()

    def _hear(self, text: str) -> None:
        request = parse(text)
        if isinstance(request, Drive):
            if not self._hub.driving.take(self, request.velocity):
                self._say({'busy': True})
        elif isinstance(request, Shown):
            self._on_shown(request.number)
        elif isinstance(request, Show):
            self.shown = request.streams
            self._sent.clear()
            self._hub.look_again()
            self.wake()
        elif isinstance(request, Call):
            self._call(request.service, partial(self._hub.robot.call, request.service))
        elif isinstance(request, ChangeScene):
            self._call('scene', partial(self._hub.robot.change_scene, request.scene))

    def _on_shown(self, number: int) -> None:
        if number != self._bundles or self._under_way is None:
            raise ValueError(f'bundle {number} is not under way')
        age_s = time.time() - max(self._under_way.values(), default=0) * 1e-9
        self._latency_ms = round(age_s * 1e3, 1) if 0.0 <= age_s < _SAME_CLOCK_S else None
        self._under_way = None
        self.wake()

    def _call(self, what: str, call: Callable[[Callable[[bool, str], None]], None]) -> None:
        if self._calling:
            return   # a button that is hammered on counts once
        self._calling = True
        loop = asyncio.get_running_loop()

        def answer(success: bool, message: str) -> None:
            loop.call_soon_threadsafe(self._on_answer, {
                'answer': what, 'success': success, 'message': message})

        call(answer)

    def _on_answer(self, answer: dict[str, Any]) -> None:
        self._calling = False
        self._say(answer)

    def _say(self, message: dict[str, Any]) -> None:
        self._answers.append(message)
        self.wake()

    async def _speak(self) -> None:
        """Send what is new; the only one who sends, so nothing piles up before a slow page."""
        try:
            while True:
                await self._something_new.wait()
                self._something_new.clear()
                while self._answers:
                    await self._socket.send_json(self._answers.popleft())
                number, state = self._hub.state
                if number != self._state_sent:
                    self._state_sent = number
                    await self._socket.send_str(state)
                if self._under_way is None and (bundle := self._bundle()):
                    await self._socket.send_bytes(bundle)
        except ConnectionError:
            pass   # gone; whoever listens notices, too

    def _bundle(self) -> bytes:
        """Return what the page shows and does not have yet; nothing if it has all."""
        fresh = {stream: self._hub.newest[stream] for stream in sorted(self.shown)
                 if stream in self._hub.newest
                 and self._hub.newest[stream][0] != self._sent.get(stream)}
        if not fresh:
            return b''
        self._bundles += 1
        self._sent.update({stream: number for stream, (number, _) in fresh.items()})
        pictures = [picture for _, picture in fresh.values()]
        self._under_way = {picture.stream: picture.stamp_ns for picture in pictures}
        header = {'bundle': self._bundles, 'latency_ms': self._latency_ms, 'pictures': [
            {'stream': p.stream, 'bytes': len(p.jpeg), 'width': p.width, 'height': p.height,
             **p.notes} for p in pictures]}
        return b''.join([json.dumps(header).encode(), b'\n', *(p.jpeg for p in pictures)])
