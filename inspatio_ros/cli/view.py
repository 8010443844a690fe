# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Serve the page that shows the world and drives the robot."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

from inspatio_ros.cli import surroundings

if TYPE_CHECKING:
    import asyncio

SUMMARY = 'see the world and drive in a browser: serve a local page'
EXAMPLES = """\
examples:
  inspatio view                            then open the address that it prints
  inspatio view --namespace /robot1        the robot of a namespace
  inspatio view --host 0.0.0.0             for other machines; the address holds a token

The node may start before or after. Keys: arrows or w a s d, q and e sideways; or a gamepad.
"""

PORT = 8088


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument('--host', default='127.0.0.1',
                        help='address to listen on (default: 127.0.0.1, this machine only)')
    parser.add_argument('--port', type=_port, default=PORT,
                        help=f'default: {PORT}; 0 takes a free one')
    parser.add_argument('--token', help='what others have to know (default: made up if --host '
                        'lets other machines in, none otherwise)')
    parser.add_argument('--namespace', default='', help="namespace of the robot's topics")
    parser.add_argument('--node', default='world_node', metavar='NAME',
                        help='node to show, in that namespace or with a leading slash')
    parser.add_argument('--camera', default='camera', metavar='NAME',
                        help='which of the cameras of a rig to look through (default: camera)')
    parser.add_argument('--with-parent', action='store_true', help=argparse.SUPPRESS)
    parser.add_argument('--ros-args', nargs=argparse.REMAINDER, default=[],
                        help='everything after it goes to ROS, e.g. -r cmd_vel:=cmd_vel_teleop')


def run(args: argparse.Namespace) -> int:
    """
    Serve until SIGINT or SIGTERM.

    :raises ValueError: a token that is too short, or a name that is none of ROS.
    :raises OSError: the port is in use.
    """
    import asyncio

    from inspatio_ros.view.guard import token_for
    token = token_for(args.host, args.token)
    surroundings.use_fastdds_profile()
    surroundings.keep_freed_memory()
    asyncio.run(_serve(args, token))
    return 0


async def _serve(args: argparse.Namespace, token: str | None) -> None:
    import asyncio

    import cv2
    from inspatio_ros.cli.depth_picture import SteadyColours
    from inspatio_ros.view.hub import Hub
    from inspatio_ros.view.pictures import Picture
    from inspatio_ros.view.ros_client import RosClient
    from inspatio_ros.view.server import Server
    cv2.setNumThreads(1)   # the cores are the renderer's
    loop = asyncio.get_running_loop()
    ended = _end(loop, args.with_parent)

    def deliver(picture: Picture) -> None:
        loop.call_soon_threadsafe(hub.put, picture)

    robot = RosClient(deliver, SteadyColours(), args.namespace, args.node, args.camera,
                      ['--ros-args', *args.ros_args] if args.ros_args else [])
    hub = Hub(robot)
    try:
        async with Server(hub, token).listening(args.host, args.port) as port:
            print(f'see the world and drive: {address(args.host, port, token)}', flush=True)
            await ended.wait()
    finally:
        robot.close()


def address(host: str, port: int, token: str | None) -> str:
    """Return what to open in a browser."""
    import socket
    name = socket.gethostname() if host in ('0.0.0.0', '::') else host
    name = f'[{name}]' if ':' in name else name
    return f'http://{name}:{port}/' + (f'?token={token}' if token else '')


def _end(loop: asyncio.AbstractEventLoop, with_parent: bool) -> asyncio.Event:
    """Return what is set by a signal, or when the process at the other end of stdin is gone."""
    import asyncio
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)

    def wait_for_parent() -> None:
        while os.read(sys.stdin.fileno(), 64):
            pass   # nothing is said, it only ends
        with contextlib.suppress(RuntimeError):   # ended already
            loop.call_soon_threadsafe(ended.set)

    if with_parent:
        threading.Thread(target=wait_for_parent, daemon=True).start()
    return ended


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number < 65536:
        raise argparse.ArgumentTypeError(f'a port is from 0 to 65535, got {text}')
    return number
