# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The page that `world --view` serves drives and looks where the node's topics were moved to."""

import asyncio
import os
from pathlib import Path
import socket
import subprocess
import sys
import time

import aiohttp
import pytest
import rclpy

HERE = Path(__file__).parent
PAGE = 'inspatio_view', '/paged'


@pytest.fixture
def graph():
    """Return a node that looks who is there."""
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node('onlooker', context=context)
    yield node
    node.destroy_node()
    context.try_shutdown()


def free_port():
    with socket.socket() as listening:
        listening.bind(('127.0.0.1', 0))
        return listening.getsockname()[1]


async def connected(session, origin, end):
    """Return the connection of a browser, once the page is there."""
    while True:
        try:
            return await session.ws_connect(f'{origin}/connection', origin=origin)
        except aiohttp.ClientError:
            assert time.monotonic() < end, 'there is no page'
            await asyncio.sleep(0.2)


async def topics_of_page(graph, port):
    """Open the page in a browser that wants colour; return (published, subscribed to)."""
    end = time.monotonic() + 60.0
    async with aiohttp.ClientSession() as session:
        browser = await connected(session, f'http://127.0.0.1:{port}', end)
        await browser.send_str('{"show": ["color"]}')
        published, heard = set(), set()
        while not ('/paged/teleop' in published and '/paged/eye' in heard):
            assert time.monotonic() < end, f'{sorted(published)}, {sorted(heard)}'
            await asyncio.sleep(0.2)
            if PAGE in graph.get_node_names_and_namespaces():
                published, heard = (
                    {name for name, _ in of(*PAGE)} for of in
                    (graph.get_publisher_names_and_types_by_node,
                     graph.get_subscriber_names_and_types_by_node))
        await browser.close()
        return published, heard


def test_remaps_reach_the_page(checkout, graph):
    path = os.pathsep.join(filter(None, [str(checkout), os.environ.get('PYTHONPATH')]))
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, str(HERE / 'painted_node.py'), '--view', str(port), '--ros-args',
         '-r', '__ns:=/paged', '-r', 'cmd_vel:=teleop', '-r', '__node:=place',
         '-r', 'camera/color/image_raw:=eye'],
        env={**os.environ, 'PYTHONPATH': path}, stdout=subprocess.DEVNULL)
    try:
        published, heard = asyncio.run(topics_of_page(graph, port))
        assert '/paged/cmd_vel' not in published
        assert '/paged/camera/color/image_raw' not in heard
    finally:
        process.terminate()
        process.wait(timeout=30.0)
