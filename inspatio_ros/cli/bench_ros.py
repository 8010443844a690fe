# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Measure the node from outside: a process of its own drives it and subscribes to all of it.

The robot circles all the while, so that no frame is like the last. Latency is the time from the
stamp, whose pose was rendered, to the callback in this process: rendering, conversion, transport
and deserialisation by rclpy. What the node says of its own stages is told beside it. At the end
the robot stands, is told to turn, and the first picture that shows it is waited for, many times.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
import math
import os
import subprocess
import sys
import time
from typing import Any

from inspatio_ros.cli import bench_ros_generator, bench_ros_soak, surroundings
from inspatio_ros.cli.bench_ros_generator import GeneratorDiary
from inspatio_ros.cli.bench_ros_step import Pictures, step_figures, tries_of
from inspatio_ros.robot import distro
import numpy as np

OF_CAMERA = {'color/image_raw': 'Image', 'depth/image_raw': 'Image',
             'color/camera_info': 'CameraInfo', 'depth/camera_info': 'CameraInfo'}
COLOR = 'camera/color/image_raw'
# A circle of one metre.
FORWARD_M_S, TURN_RAD_S = 0.4, 0.4
_SETTLE_S = 2.0
_START_TIMEOUT_S = 120.0
# The executor serves all that are ready in turn only while it is given one timeout: another one
# begins again with the first subscription, and the last is never heard where the first is busy.
_ROUND_S = 0.01


@dataclass(frozen=True)
class Setup:
    """
    The node that is measured.

    :param cameras: how many, which look evenly around.
    :param scan: whether somebody subscribes to it, too.
    :param everything: whether somebody subscribes to all that there is.
    :param generator: what paints beside it.
    """

    width: int = 832
    height: int = 480
    rate_hz: float = 24.0
    cameras: int = 1
    scan: bool = False
    everything: bool = False
    generator: str = 'none'

    @property
    def names(self) -> list[str]:
        """Return the names of the cameras."""
        return ['camera', *(f'camera_{k}' for k in range(2, self.cameras + 1))]

    @property
    def topics(self) -> dict[str, str]:
        """Return what is subscribed to: topic -> type."""
        if self.everything:
            from inspatio_ros.robot.frames import frame_topics
            return {topic: it.kind.split('/')[-1]
                    for topic, it in frame_topics(self.names).items()}
        topics = {f'{name}/{topic}': kind for name in self.names
                  for topic, kind in OF_CAMERA.items()}
        return {**topics, 'scan': 'LaserScan'} if self.scan else topics

    @property
    def parameters(self) -> list[str]:
        """Return the node's parameters, NAME:=VALUE."""
        turns = [f'{name}.mount.yaw:={_angle(k / self.cameras)}'
                 for k, name in enumerate(self.names) if k]
        return [f'image.width:={self.width}', f'image.height:={self.height}',
                f'rate:={self.rate_hz}', f'generator:={self.generator}',
                'depth_encoding:=32FC1', 'motion_source:=twist',
                'enable_stamped_cmd_vel:=true', f'cameras:=[{", ".join(self.names)}]', *turns]


def _angle(share: float) -> float:
    """Return a share of a whole turn, in -pi..pi."""
    return math.remainder(2.0 * math.pi * share, 2.0 * math.pi)


@dataclass
class Seen:
    """What arrived: topic -> list of (stamp_ns, arrival_ns), and the node's own figures."""

    arrivals: dict[str, list[tuple[int, int]]] = field(
        default_factory=lambda: defaultdict(list))

    stages: dict[str, float] = field(default_factory=dict)
    generator: GeneratorDiary = field(default_factory=GeneratorDiary)

    def note_diagnostics(self, message: Any) -> None:
        """Keep what the node says of its generator and of its stages' times, milliseconds."""
        self.generator.note(message, time.time_ns())
        for status in message.status:
            self.stages.update({item.key: float(item.value) for item in status.values
                                if item.key.endswith(('_p50_ms', '_p99_ms'))})

    def note(self, topic: str, stamp: Any) -> None:
        """Write down one message."""
        self.arrivals[topic].append((stamp.sec * 1_000_000_000 + stamp.nanosec, time.time_ns()))

    def cut(self, end_ns: int) -> None:
        """Forget what arrived later."""
        for topic, arrivals in self.arrivals.items():
            self.arrivals[topic] = [it for it in arrivals if it[1] <= end_ns]
        self.generator.cut(end_ns)


@dataclass
class Ear:
    """
    A node that subscribes to everything, and drives.

    :param seen: what arrived.
    :param pictures: the colour of the first camera.
    :param spin: called with seconds; serves callbacks meanwhile.
    :param send: publishes a velocity command, m/s and rad/s.
    :param circles: whether it drives the circle.
    """

    seen: Seen
    pictures: Pictures
    spin: Callable[[float], None]
    send: Callable[[float, float], None]
    circles: bool = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument('--duration', type=float, default=30.0, help='seconds to measure')
    parser.add_argument('--soak', type=float, default=0.0, metavar='MINUTES',
                        help='instead, subscribe and unsubscribe, pause, teleport and change '
                        'scenes for so long: is anything lost or left behind?')
    parser.add_argument('--scene', default=None, help='scene folder (default: the bundled hall)')
    parser.add_argument('--size', type=_size, default=(Setup.width, Setup.height),
                        metavar='WxH', help='of the pictures (default: 832x480)')
    parser.add_argument('--rate', type=float, default=Setup.rate_hz, help='of the node, Hz')
    parser.add_argument('--cameras', type=int, default=1, help='how many, all subscribed to')
    parser.add_argument('--scan', action='store_true', help='subscribe to the scan, too')
    parser.add_argument('--everything', action='store_true', help='subscribe to compressed '
                        'pictures, points and what was observed, too')
    parser.add_argument('--generator', choices=bench_ros_generator.CHOICES,
                        default=Setup.generator, help='what paints beside the node (default: '
                        'none); star takes the weights that come with the package')
    parser.add_argument('--tries', type=int, default=24, help='of command to first pixel; 0: none')


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition('x')
    return int(width), int(height)


def run(args: argparse.Namespace, node_command: list[str] | None = None) -> dict[str, Any]:
    """
    Start the node, drive it and measure.

    :param node_command: starts the node; the parameters of the measurement are appended.
    :returns: the object that `--json` prints.
    :raises RuntimeError: the node did not publish, or died.
    """
    surroundings.use_fastdds_profile()
    surroundings.keep_freed_memory()
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    os.environ.setdefault('ROS_DOMAIN_ID', '87')
    command = node_command or [sys.executable, '-m', 'inspatio_ros.cli.world']
    if args.soak:
        return bench_ros_soak.run(args, command)
    width, height = args.size
    setup = Setup(width, height, args.rate, args.cameras, args.scan or args.everything,
                  args.everything, args.generator)
    if args.scene is not None:
        command = [*command, '--scene', args.scene]
    with _listening(setup) as ear, _node(command, setup) as (process, started_ns):
        seen, spin = ear.seen, ear.spin
        first_ns = _wait_for_first(seen, spin, process)
        _drive(spin, _SETTLE_S, 'settle')
        seen.arrivals.clear()
        seen.generator.begin()
        _drive(spin, args.duration, 'measure')
        measured_ns = time.time_ns()
        steps_ms = _steps(ear, args.tries, setup) if args.tries else []
        if process.poll() is not None:
            raise RuntimeError(f'the node died with code {process.returncode}')
    seen.cut(measured_ns)
    result = summarise(seen, setup, args.duration)
    result.update(step_figures(steps_ms, setup.rate_hz))
    result['generator'] = seen.generator.figures(setup.generator)
    result['node_stages_ms'] = dict(sorted(seen.stages.items()))
    result['start_to_first_image_s'] = round((first_ns - started_ns) * 1e-9, 3)
    from rclpy.utilities import get_rmw_implementation_identifier
    return {**result, 'image': f'{setup.width}x{setup.height} rgb8 + 32FC1',
            'cameras': setup.cameras, 'topics': len(setup.topics),
            'rmw': get_rmw_implementation_identifier(),
            'ros_distro': distro.label()}


def table(result: dict[str, Any]) -> str:
    """Return the figures as text."""
    if 'minutes' in result:
        return bench_ros_soak.table(result)
    rows = [('rate', f'{result["rate_hz"]:.2f} Hz'),
            ('ticks delivered whole', f'{result["delivered"]:.2%} of {result["ticks_expected"]}'),
            ('stamp to callback p50', f'{result["p50_ms"]:.1f} ms'),
            ('stamp to callback p99', f'{result["p99_ms"]:.1f} ms'),
            *((f'frame to messages {key}', f'{result["node_stages_ms"][f"host_{key}_ms"]:.2f} ms')
              for key in ('p50', 'p99') if f'host_{key}_ms' in result.get('node_stages_ms', {})),
            ('one stamp per tick', 'yes' if result['stamps_equal'] else 'NO'),
            ('start to first image', f'{result["start_to_first_image_s"]:.2f} s')]
    if 'command_to_pixel_ms' in result:
        ticks, ms = result['command_to_pixel_ticks'], result['command_to_pixel_ms']
        rows.append(('command to first pixel', f'{ticks["median"]:.2f} ticks, at most '
                     f'{ticks["max"]:.2f} ({ms["median"]:.1f} ms, at most {ms["max"]:.1f} ms; '
                     f'{result["command_to_pixel_tries"]} tries)'))
    rows.append(('generator', bench_ros_generator.text_of(result['generator'])))
    rows.append(('images', f'{result["cameras"]} x {result["image"]}, {result["topics"]} topics '
                           f'over {result["rmw"]}, {result["ros_distro"]}'))
    return '\n'.join(f'{name:24s} {value}' for name, value in rows)


def summarise(seen: Seen, setup: Setup, duration_s: float | None = None) -> dict[str, Any]:
    """
    Turn arrivals into figures.

    :param duration_s: how long was listened; a node that fell silent has then lost the rest.

    A tick counts as delivered when every topic and TF brought its stamp. Equal stamps means that
    every stamp on any topic is one that TF had, too.
    """
    topics, rate_hz = setup.topics, setup.rate_hz
    stamps = {topic: {s for s, _ in seen.arrivals[topic]} for topic in (*topics, '/tf')}
    everything = sorted(set.union(*stamps.values()))
    whole = set.intersection(*stamps.values())
    if not whole:
        raise RuntimeError(f'no tick arrived whole: '
                           f'{ {topic: len(s) for topic, s in stamps.items()} }')
    # The ends are cut off: a tick may have been under way as counting began.
    first, last = min(whole), max(whole)
    inner = [s for s in everything if first <= s <= last]
    expected = round((last - first) * 1e-9 * rate_hz) + 1
    if duration_s is not None:
        # One tick at each end may have been under way.
        expected = max(expected, round(duration_s * rate_hz) - 2)
    latency_ms = np.array([(arrival - stamp) * 1e-6 for topic, kind in topics.items()
                           if kind != 'CameraInfo' for stamp, arrival in seen.arrivals[topic]])
    p50, p99 = np.percentile(latency_ms, (50, 99))
    return {'rate_hz': round((len(inner) - 1) / ((last - first) * 1e-9), 3),
            'delivered': round(min(1.0, len(whole) / expected), 5),
            'ticks': len(whole), 'ticks_expected': expected,
            'p50_ms': round(float(p50), 2), 'p99_ms': round(float(p99), 2),
            'max_ms': round(float(latency_ms.max()), 2),
            'stamps_equal': set(inner) <= stamps['/tf']}


@contextmanager
def _node(command: list[str], setup: Setup) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run the node with the cameras of the measurement; stop it afterwards."""
    started_ns = time.time_ns()
    process = subprocess.Popen(
        [*command, '--ros-args', *(word for it in setup.parameters for word in ('-p', it))],
        stdout=sys.stderr)
    try:
        yield process, started_ns
    finally:
        surroundings.interrupt(process)


@contextmanager
def _listening(setup: Setup) -> Iterator[Ear]:
    """Subscribe to everything."""
    import gc

    from geometry_msgs.msg import TwistStamped
    import rclpy
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.qos import QoSProfile
    rclpy.init(args=[])
    node = rclpy.create_node('inspatio_bench')
    commands = node.create_publisher(TwistStamped, 'cmd_vel', QoSProfile(depth=10))
    executor = SingleThreadedExecutor()
    executor.add_node(node)

    def spin(seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0.0:
            executor.spin_once(timeout_sec=min(left, _ROUND_S))

    def send(forward: float, turn: float) -> None:
        command = TwistStamped()
        command.twist.linear.x, command.twist.angular.z = forward, turn
        commands.publish(command)

    ear = Ear(Seen(), Pictures(), spin, send)
    _subscribe(node, ear, setup)
    node.create_timer(0.1, lambda: send(FORWARD_M_S, TURN_RAD_S) if ear.circles else None)
    gc.collect()
    gc.freeze()
    try:
        yield ear
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown()


def _subscribe(node: Any, ear: Ear, setup: Setup) -> None:
    """Have all that the node publishes written down."""
    from diagnostic_msgs.msg import DiagnosticArray
    from rclpy.qos import QoSProfile
    from sensor_msgs.msg import CameraInfo, CompressedImage, Image, LaserScan, PointCloud2
    from tf2_msgs.msg import TFMessage
    seen = ear.seen

    def take(topic: str, message: Any) -> None:
        seen.note(topic, message.header.stamp)
        if topic == COLOR and not ear.circles:
            ear.pictures.note(message.data, time.time_ns())

    kinds = {kind.__name__: kind for kind in (CameraInfo, CompressedImage, Image, LaserScan,
                                              PointCloud2)}
    for topic, kind in setup.topics.items():
        node.create_subscription(kinds[kind], topic, partial(take, topic), QoSProfile(depth=5))
    node.create_subscription(TFMessage, '/tf', lambda message: seen.note(
        '/tf', message.transforms[-1].header.stamp), QoSProfile(depth=100))
    node.create_subscription(DiagnosticArray, '/diagnostics', seen.note_diagnostics,
                             QoSProfile(depth=10))


def _steps(ear: Ear, tries: int, setup: Setup) -> list[float]:
    """Return from commands to the pictures that show them, milliseconds."""
    from tqdm import tqdm
    ear.circles = False
    return list(tqdm(tries_of(ear.pictures, ear.spin, ear.send, tries, 1.0 / setup.rate_hz),
                     desc='command to pixel', total=tries, leave=False))


def _drive(spin: Any, seconds: float, what: str) -> None:
    from tqdm import tqdm
    for _ in tqdm(range(max(1, round(seconds))), desc=what, unit='s', leave=False):
        spin(seconds / max(1, round(seconds)))


def _wait_for_first(seen: Seen, spin: Any, process: subprocess.Popen[bytes]) -> int:
    """Return when the first colour image arrived, nanoseconds."""
    end = time.monotonic() + _START_TIMEOUT_S
    while not seen.arrivals[COLOR]:
        if process.poll() is not None:
            raise RuntimeError(f'the node died with code {process.returncode}')
        if time.monotonic() > end:
            raise RuntimeError(f'no image within {_START_TIMEOUT_S:.0f} s')
        spin(0.05)
    return seen.arrivals[COLOR][0][1]
