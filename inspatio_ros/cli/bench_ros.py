# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Measure the node from outside: a process of its own drives it and subscribes to all of it.

The robot circles all the while, so that no frame is like the last. Latency is the time from the
stamp, whose pose was rendered, to the callback in this process: rendering, conversion, transport
and deserialisation by rclpy. What the node says of its own stages is told beside it.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
import os
from pathlib import Path
import signal
import subprocess
import sys
import time
from typing import Any

from inspatio_ros.cli import surroundings
from inspatio_ros.robot import distro
import numpy as np

# The camera that the figures are for.
WIDTH, HEIGHT, RATE_HZ = 832, 480, 24.0
TOPICS = {'camera/color/image_raw': 'Image', 'camera/depth/image_raw': 'Image',
          'camera/color/camera_info': 'CameraInfo', 'camera/depth/camera_info': 'CameraInfo'}
# A circle of one metre.
FORWARD_M_S, TURN_RAD_S = 0.4, 0.4
_SETTLE_S = 2.0
_START_TIMEOUT_S = 120.0


@dataclass
class Seen:
    """What arrived: topic -> list of (stamp_ns, arrival_ns), and the node's own figures."""

    arrivals: dict[str, list[tuple[int, int]]] = field(
        default_factory=lambda: defaultdict(list))

    stages: dict[str, float] = field(default_factory=dict)

    def note_stages(self, message: Any) -> None:
        """Keep what the node says of the time that its stages take, milliseconds."""
        for status in message.status:
            self.stages.update({item.key: float(item.value) for item in status.values
                                if item.key.endswith(('_p50_ms', '_p99_ms'))})

    def note(self, topic: str, stamp: Any) -> None:
        """Write down one message."""
        self.arrivals[topic].append((stamp.sec * 1_000_000_000 + stamp.nanosec, time.time_ns()))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument('--duration', type=float, default=30.0, help='seconds to measure')
    parser.add_argument('--soak', type=float, default=0.0, metavar='MINUTES',
                        help='instead, run this long and report the memory of each minute')
    parser.add_argument('--scene', default=None, help='scene folder (default: the bundled hall)')


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
    minutes = args.soak
    command = node_command or [sys.executable, '-m', 'inspatio_ros.cli.world']
    if args.scene is not None:
        command = [*command, '--scene', args.scene]
    with _listening() as (seen, spin), _node(command) as (process, started_ns):
        first_ns = _wait_for_first(seen, spin, process)
        _drive(spin, _SETTLE_S, 'settle')
        seen.arrivals.clear()
        rss_mib: list[float] = []
        if minutes:
            for _ in range(round(minutes)):
                _drive(spin, 60.0, f'soak, {len(rss_mib)} of {round(minutes)} min')
                rss_mib.append(_rss_mib(process.pid))
        else:
            _drive(spin, args.duration, 'measure')
        if process.poll() is not None:
            raise RuntimeError(f'the node died with code {process.returncode}')
    result = summarise(seen, RATE_HZ, 60.0 * round(minutes) if minutes else args.duration)
    result['node_stages_ms'] = dict(sorted(seen.stages.items()))
    result['start_to_first_image_s'] = round((first_ns - started_ns) * 1e-9, 3)
    if minutes:
        result['rss_mib'] = rss_mib
        result['rss_growth'] = round(rss_mib[-1] / rss_mib[0] - 1.0, 4)
    from rclpy.utilities import get_rmw_implementation_identifier
    return {**result, 'image': f'{WIDTH}x{HEIGHT} rgb8 + 32FC1',
            'rmw': get_rmw_implementation_identifier(),
            'ros_distro': distro.label()}


def table(result: dict[str, Any]) -> str:
    """Return the figures as text."""
    rows = [('rate', f'{result["rate_hz"]:.2f} Hz'),
            ('ticks delivered whole', f'{result["delivered"]:.2%} of {result["ticks_expected"]}'),
            ('stamp to callback p50', f'{result["p50_ms"]:.1f} ms'),
            ('stamp to callback p99', f'{result["p99_ms"]:.1f} ms'),
            *((f'frame to messages {key}', f'{result["node_stages_ms"][f"host_{key}_ms"]:.2f} ms')
              for key in ('p50', 'p99') if f'host_{key}_ms' in result.get('node_stages_ms', {})),
            ('one stamp per tick', 'yes' if result['stamps_equal'] else 'NO'),
            ('start to first image', f'{result["start_to_first_image_s"]:.2f} s')]
    if 'rss_mib' in result:
        rows.append(('memory per minute', f'{result["rss_mib"]} MiB, {result["rss_growth"]:+.1%}'))
    rows.append(('images', f'{result["image"]} over {result["rmw"]}, {result["ros_distro"]}'))
    return '\n'.join(f'{name:24s} {value}' for name, value in rows)


def summarise(seen: Seen, rate_hz: float, duration_s: float | None = None) -> dict[str, Any]:
    """
    Turn arrivals into figures.

    :param duration_s: how long was listened; a node that fell silent has then lost the rest.

    A tick counts as delivered when every topic and TF brought its stamp. Equal stamps means that
    every stamp on any topic is one that TF had, too.
    """
    stamps = {topic: {s for s, _ in seen.arrivals[topic]} for topic in (*TOPICS, '/tf')}
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
    latency_ms = np.array([(arrival - stamp) * 1e-6 for topic, kind in TOPICS.items()
                           if kind == 'Image' for stamp, arrival in seen.arrivals[topic]])
    p50, p99 = np.percentile(latency_ms, (50, 99))
    return {'rate_hz': round((len(inner) - 1) / ((last - first) * 1e-9), 3),
            'delivered': round(min(1.0, len(whole) / expected), 5),
            'ticks': len(whole), 'ticks_expected': expected,
            'p50_ms': round(float(p50), 2), 'p99_ms': round(float(p99), 2),
            'max_ms': round(float(latency_ms.max()), 2),
            'stamps_equal': set(inner) <= stamps['/tf']}


@contextmanager
def _node(command: list[str]) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run the node with the camera of the measurement; stop it afterwards."""
    started_ns = time.time_ns()
    process = subprocess.Popen(
        [*command, '--ros-args', '-p', f'image.width:={WIDTH}', '-p', f'image.height:={HEIGHT}',
         '-p', f'rate:={RATE_HZ}', '-p', 'depth_encoding:=32FC1', '-p', 'motion_source:=twist',
         '-p', 'enable_stamped_cmd_vel:=true'],
        stdout=sys.stderr)
    try:
        yield process, started_ns
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=5.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def _listening() -> Iterator[tuple[Seen, Any]]:
    """Subscribe to everything; yield what was seen and a function that spins for a while."""
    import gc

    from diagnostic_msgs.msg import DiagnosticArray
    from geometry_msgs.msg import TwistStamped
    import rclpy
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.qos import QoSProfile
    from sensor_msgs.msg import CameraInfo, Image
    from tf2_msgs.msg import TFMessage
    rclpy.init(args=[])
    node = rclpy.create_node('inspatio_bench')
    seen = Seen()
    for topic, kind in TOPICS.items():
        node.create_subscription(
            {'Image': Image, 'CameraInfo': CameraInfo}[kind], topic,
            lambda message, topic=topic: seen.note(topic, message.header.stamp),
            QoSProfile(depth=5))
    node.create_subscription(TFMessage, '/tf', lambda message: seen.note(
        '/tf', message.transforms[-1].header.stamp), QoSProfile(depth=100))
    node.create_subscription(DiagnosticArray, '/diagnostics', seen.note_stages,
                             QoSProfile(depth=10))
    commands = node.create_publisher(TwistStamped, 'cmd_vel', QoSProfile(depth=10))
    command = TwistStamped()
    command.twist.linear.x, command.twist.angular.z = FORWARD_M_S, TURN_RAD_S
    node.create_timer(0.1, lambda: commands.publish(command))
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    gc.collect()
    gc.freeze()

    def spin(seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0.0:
            executor.spin_once(timeout_sec=left)

    try:
        yield seen, spin
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown()


def _drive(spin: Any, seconds: float, what: str) -> None:
    from tqdm import tqdm
    for _ in tqdm(range(max(1, round(seconds))), desc=what, unit='s', leave=False):
        spin(seconds / max(1, round(seconds)))


def _wait_for_first(seen: Seen, spin: Any, process: subprocess.Popen[bytes]) -> int:
    """Return when the first colour image arrived, nanoseconds."""
    end = time.monotonic() + _START_TIMEOUT_S
    while not seen.arrivals['camera/color/image_raw']:
        if process.poll() is not None:
            raise RuntimeError(f'the node died with code {process.returncode}')
        if time.monotonic() > end:
            raise RuntimeError(f'no image within {_START_TIMEOUT_S:.0f} s')
        spin(0.05)
    return seen.arrivals['camera/color/image_raw'][0][1]


def _rss_mib(pid: int) -> float:
    for line in Path(f'/proc/{pid}/status').read_text().splitlines():
        if line.startswith('VmRSS:'):
            return round(int(line.split()[1]) / 1024.0, 1)
    raise RuntimeError(f'/proc/{pid}/status has no VmRSS')
