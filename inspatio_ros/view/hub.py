# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What all open pages share: the newest picture of each stream, the state, the wheel.

Everything here happens in the event loop. A picture is encoded once, for everybody; each browser
takes the newest when it is ready for one, so that a slow one holds nobody up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
import json
from typing import Any, Protocol

from inspatio_ros.view.driving import Driving, Velocity
from inspatio_ros.view.pictures import Picture

# A page shows motion as smooth with more; the dead man's handle is looked at as often.
BEAT_S = 0.05


class Robot(Protocol):
    """What is shown and driven."""

    def show(self, streams: frozenset[str] | None) -> None:
        """Have these streams delivered; None: nobody is there."""
        ...

    def drive(self, velocity: Velocity) -> None:
        """Publish a command at once."""
        ...

    def call(self, service: str, answer: Callable[[bool, str], None]) -> None:
        """Call a service; the answer comes once, in whatever thread."""
        ...

    def change_scene(self, scene: str, answer: Callable[[bool, str], None]) -> None:
        """Show another scene; the answer comes once, in whatever thread."""
        ...

    def state(self) -> dict[str, Any]:
        """Return what there is to say about it, JSON."""
        ...


class Watcher(Protocol):
    """An open page."""

    shown: frozenset[str]

    def wake(self) -> None:
        """Look for something newer than what the page has."""
        ...

    async def send_away(self) -> None:
        """Close the connection."""
        ...


class Hub:
    """
    The one robot and all who watch it.

    :param robot: is told what to show, and how to move.
    """

    def __init__(self, robot: Robot) -> None:
        self.robot = robot
        self.driving = Driving(robot.drive)
        self.watchers: set[Watcher] = set()
        self.newest: dict[str, tuple[int, Picture]] = {}   # stream -> running number, picture
        self.state: tuple[int, str] = (0, '{}')            # running number, JSON
        self._shown: frozenset[str] | None = None

    def enter(self, watcher: Watcher) -> None:
        """Let a page in."""
        self.watchers.add(watcher)
        self.look_again()

    def leave(self, watcher: Watcher) -> None:
        """Let a page go; if it drove, the robot stops."""
        self.driving.leave(watcher)
        self.watchers.discard(watcher)
        self.look_again()

    def look_again(self) -> None:
        """Tell the robot what all pages together show."""
        shown = (frozenset().union(*(watcher.shown for watcher in self.watchers))
                 if self.watchers else None)
        if shown != self._shown:
            self._shown = shown
            for stream in self.newest.keys() - (shown or frozenset()):
                del self.newest[stream]   # what comes back later is not what it looks like now
            self.robot.show(shown)

    def put(self, picture: Picture) -> None:
        """Offer a picture to whoever shows its stream."""
        if picture.stream not in (self._shown or ()):
            return   # was on its way as the last page turned it off
        number = self.newest[picture.stream][0] + 1 if picture.stream in self.newest else 1
        self.newest[picture.stream] = number, picture
        for watcher in self.watchers:
            if picture.stream in watcher.shown:
                watcher.wake()

    def beat(self) -> None:
        """Repeat the command or stop; offer the state if it has changed."""
        self.driving.beat()
        if not self.watchers:
            return
        state = json.dumps(self.robot.state(), allow_nan=False)
        if state != self.state[1]:
            self.state = self.state[0] + 1, state
            for watcher in self.watchers:
                watcher.wake()

    async def keep_beating(self) -> None:
        """Beat until cancelled."""
        while True:
            self.beat()
            await asyncio.sleep(BEAT_S)
