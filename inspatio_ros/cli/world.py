# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Run the world node. The only place that joins the engine and ROS."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
import json
import os
from pathlib import Path
import re
import signal
import subprocess
import sys
from typing import Any, TYPE_CHECKING

from inspatio_ros.cli import surroundings
from inspatio_ros.cli.parameter_files import check_ros_arguments
from inspatio_ros.cli.view import PORT

if TYPE_CHECKING:
    from collections.abc import Callable

    from inspatio_ros.contracts import WorldBackend
    from inspatio_ros.robot.parameters import Imagination, WorldRequest

    OpenWorld = Callable[[WorldRequest], WorldBackend]

# The executable and the node whose place `loopback` takes.
LOOPBACK = 'loopback_simulator'
SUMMARY = 'drive through a scene: run the ROS 2 node'

# How often the main thread looks whether it should leave.
_LOOK_UP_S = 0.25
# NODE:FROM:=TO, but not rostopic://FROM:=TO.
_OF_NODE = re.compile(r'^[\w/]+:(?![=/])')
# On two cores, a generator costs pictures at 24 Hz: 12 % of them, measured.
_CORES = 4
# The page's process gets so long to end.
_VIEWER_S = 1.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument('--scene', help='scene folder (default: the bundled hall)')
    parser.add_argument('--params-file', type=Path, action='append', default=[],
                        help='parameter file (default: config/world.yaml, the defaults)')
    parser.add_argument('--view', type=int, nargs='?', const=PORT, metavar='PORT',
                        help='also serve the page that shows the world and drives the robot '
                        f'(port {PORT})')
    parser.add_argument('--ros-args', nargs=argparse.REMAINDER, default=[],
                        help='everything after it goes to ROS, e.g. -p rate:=10.0')


def run(args: argparse.Namespace, opener: OpenWorld | None = None,
        as_loopback: bool = False) -> int:
    """
    Run the node until SIGINT or SIGTERM.

    :param opener: opens the worlds that the node asks for; `open_world` if None.
    :param as_loopback: begin with name and defaults of nav2_loopback_sim's node.
    :returns: exit code: 0 after a signal, 1 if the world cannot be opened, 2 for bad arguments.
    """
    leave = _Leave()
    surroundings.use_fastdds_profile()
    surroundings.keep_freed_memory()
    try:
        arguments = ros_arguments(args)
        if as_loopback:  # of several rules the first one wins: a user's own
            arguments += ['-r', f'__node:={LOOPBACK}']
        return _spin(arguments, opener or open_world, leave, args.view, as_loopback)
    except SystemExit:
        return 0


def main(argv: list[str] | None = None) -> int:
    """Run the node as an executable of its own, as `ros2 run` and launch files do."""
    parser = argparse.ArgumentParser('world_node', description=SUMMARY)
    add_arguments(parser)
    return run(parser.parse_args(argv))


def loopback(argv: list[str] | None = None) -> int:
    """Run the node in the place of nav2_loopback_sim, as launch files start that one."""
    parser = argparse.ArgumentParser(LOOPBACK, description=f'{SUMMARY}, as nav2_loopback_sim')
    add_arguments(parser)
    return run(parser.parse_args(argv), as_loopback=True)


def ros_arguments(args: argparse.Namespace) -> list[str]:
    """
    Return the command line that rclpy gets; what the user says comes last and wins.

    The file that ships is left out beside a user's own. It holds the defaults anyway, and with
    two files rcl lets the nested keys of the second win over `-p`.
    """
    files = args.params_file
    if not files and '--params-file' not in args.ros_args:
        files = [surroundings.default_parameters()]
    arguments = ['--ros-args']
    for file in files:
        arguments += ['--params-file', str(file)]
    if args.scene is not None:
        # JSON quotes are YAML quotes: a folder named 2024 stays text.
        arguments += ['-p', f'scene:={json.dumps(str(Path(args.scene).absolute()))}']
    return arguments + args.ros_args


def open_world(request: WorldRequest, wait_s: float | None = None) -> WorldBackend:
    """
    Open the scene that the node asks for, with the generator that it asks for.

    :param wait_s: how long a frame waits for the generator in lockstep; None = as usual.
    :raises ValueError: a scene or weights that are not whole; the message names file and field.
    :raises OSError: a file that cannot be read.
    """
    from inspatio_ros.engine.world import SceneWorld, WorldSettings
    from inspatio_ros.scene.detect import open_scene
    settings = WorldSettings(backend=request.backend, threads=request.threads,
                             max_views=request.max_views, fill_depth=request.fill_depth)
    scene = open_scene(Path(request.scene) if request.scene else surroundings.bundled_scene())
    if not _may_paint(request.imagination):
        return SceneWorld(scene, settings)  # no torch
    from inspatio_ros.cli.star_world import open_star_world
    return open_star_world(scene, request.imagination, settings, wait_s=wait_s)


def _may_paint(asked: Imagination) -> bool:
    """
    Say whether a generator is wanted.

    `auto` means the one that comes with the package only where nobody waits for it (what waits
    wants to be fast, and the same on every machine) and cores are left for the sensor plane.
    """
    if asked.generator != 'auto' or asked.weights_dir:
        return asked.generator != 'none'
    cores = len(os.sched_getaffinity(0))
    return not asked.lockstep and cores >= _CORES and find_spec('torch') is not None


def _spin(arguments: list[str], opener: OpenWorld, leave: _Leave,
          view_port: int | None, as_loopback: bool) -> int:
    import rclpy
    from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
    from rclpy.signals import SignalHandlerOptions
    try:
        check_ros_arguments(arguments)
        from inspatio_ros.ros.world_node import WorldNode
        # Our own handlers: rclpy's would tear the context down under a frame in the making.
        rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
        node = WorldNode(opener, as_loopback)
    except Exception as error:  # noqa: B902  the edge of the process: one line, no traceback
        return _refuse(error)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        if node.autostart and not node.start():
            return 1
        leave.at_once = False
        with _page(view_port, node.get_fully_qualified_name(), *node.first_look,
                   topic_remaps(arguments, node.get_namespace().rstrip('/'))):
            while not leave.asked:
                executor.spin_once(timeout_sec=_LOOK_UP_S)
    except ExternalShutdownException:
        pass
    finally:
        leave.at_once = False
        node.release()
        executor.shutdown(timeout_sec=1.0)
        node.destroy_node()
        rclpy.try_shutdown()
    return 0


def topic_remaps(arguments: list[str], namespace: str = '') -> list[str]:
    """
    Return what of ROS arguments says where topics are, for another process that uses them.

    :param arguments: as rclpy gets them. What is about a node's own name or private topics is left
        out.
    :param namespace: of the node, empty for the root; names are complete in what is returned, for
        the other process may live in the namespace of a robot.
    """
    rules = [_OF_NODE.sub('', rule) for option, rule in zip(arguments, arguments[1:])
             if option in ('-r', '--remap')]
    return [word for rule in rules if not rule.startswith(('__', '~'))
            for word in ('-r', ':='.join(_complete(name, namespace)
                                         for name in rule.split(':=', 1)))]


def _complete(name: str, namespace: str) -> str:
    return name if name.startswith('/') or '://' in name else f'{namespace}/{name}'


@contextmanager
def _page(port: int | None, node: str, robot: str, camera: str,
          remaps: list[str]) -> Iterator[None]:
    """
    Serve the page inside, in a process of its own that ends with this one, however this one ends.

    :param port: None: no page.
    :param node: fully qualified name.
    :param robot: name of the one to show, empty if it is alone.
    :param camera: name of the one to look through.
    :param remaps: ROS arguments that say where its topics are.
    """
    if port is None:
        yield
        return
    viewer = subprocess.Popen(
        [sys.executable, '-m', 'inspatio_ros', 'view', '--with-parent', '--port', str(port),
         '--namespace', f'{node.rpartition("/")[0]}/{robot}'.rstrip('/'), '--node', node,
         '--camera', camera, '--ros-args', *remaps],
        stdin=subprocess.PIPE)
    try:
        yield
    finally:
        assert viewer.stdin is not None
        viewer.stdin.close()
        try:
            viewer.wait(timeout=_VIEWER_S)
        except subprocess.TimeoutExpired:
            viewer.kill()
            viewer.wait()


def _refuse(error: Exception) -> int:
    print(f'world_node: {error}', file=sys.stderr)
    return 2


class _Leave:
    """
    What SIGINT and SIGTERM do.

    While the node starts, they end it wherever it is: a compiler may be at work for seconds.
    Later they only ask, because an exception out of nowhere could vanish inside a callback.
    """

    def __init__(self) -> None:
        self.asked = False
        self.at_once = True
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: Any) -> None:
        self.asked = True
        if self.at_once:
            raise SystemExit(0)


if __name__ == '__main__':
    sys.exit(main())
