# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Use the node for minutes as people do, and see that nothing is lost and nothing is left behind.

A client subscribes and unsubscribes, drives, pauses, teleports and changes scenes, round after
round. The first round warms everything up; memory is compared after the rounds, always in the
same state. Whether a tick was lost is told by the stamps of odometry, which every tick has. At the
end another node lives by a clock of the client's, which jumps.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
import itertools
import math
import os
from pathlib import Path
import subprocess
import tempfile
import time
from typing import Any

from inspatio_ros.cli import surroundings

FORWARD_M_S, TURN_RAD_S = 0.3, 0.5
GROWTH = 0.05
# What is subscribed to together, one group after the other.
GROUPS = (('camera/color/image_raw', 'camera/depth/image_raw', 'camera/color/camera_info',
           'camera/depth/camera_info'),
          ('camera/color/image_raw/compressed', 'camera/depth/image_raw/compressedDepth'),
          ('scan', 'camera/points'), ('camera/observed', 'tf_static'))
TYPES = {'image_raw': 'Image', 'camera_info': 'CameraInfo', 'compressed': 'CompressedImage',
         'compressedDepth': 'CompressedImage', 'scan': 'LaserScan', 'points': 'PointCloud2',
         'observed': 'Image', 'tf_static': 'TFMessage'}
# Two names of one place: changing from one to the other opens it anew.
SCENES = ('here', 'there')
_BACK_S, _FORWARD_S, _JUMPS = 5.0, 60.0, 6
_CLOCK_S = 0.01
# The first frame that is begun before its stamp is stamped later than those that were not.
_MISSING_AFTER = 1.8
_START_S, _ANSWER_S, _REST_S = 120.0, 30.0, 2.0
# The executor serves all that are ready in turn only while it is given one timeout.
_ROUND_S = 0.01


@dataclass
class Diary:
    """
    What happened to a node.

    :param stamps_ns: of its ticks, in the order in which they came.
    :param spans: (what, begin_ns, end_ns) in which ticks are not expected.
    :param steps: (begin_ns, what) the client does.
    :param values: of its newest diagnostics.
    """

    stamps_ns: list[int] = field(default_factory=list)
    spans: list[tuple[str, int, int]] = field(default_factory=list)
    steps: list[tuple[int, str]] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)

    def begin(self, what: str) -> None:
        """Note what the client does from now on."""
        self.steps.append((time.time_ns(), what))

    @contextmanager
    def span(self, what: str) -> Iterator[None]:
        """Expect no ticks inside."""
        begin_ns = time.time_ns()
        yield
        self.spans.append((what, begin_ns, time.time_ns()))

    def missing(self, rate_hz: float) -> dict[str, int]:
        """Return how many ticks are missing: in which span, or `lost` outside of all."""
        found: Counter[str] = Counter(lost=0)
        for before, after, count in self._gaps(rate_hz):
            found[self._during(before, after)] += count
        return dict(found)

    def lost(self, rate_hz: float) -> list[tuple[float, str, int]]:
        """Return lost ticks: seconds since the first one, in which step, how many."""
        found = []
        for before, after, count in self._gaps(rate_hz):
            if self._during(before, after) == 'lost':
                step = next((what for begin_ns, what in reversed(self.steps)
                             if begin_ns < after), '')
                found.append((round((before - self.stamps_ns[0]) * 1e-9, 2), step, count))
        return found

    def _gaps(self, rate_hz: float) -> Iterator[tuple[int, int, int]]:
        """Yield stamps between which ticks are missing, and how many."""
        for before, after in itertools.pairwise(self.stamps_ns):
            periods = (after - before) * 1e-9 * rate_hz
            if periods > _MISSING_AFTER:
                yield before, after, max(round(periods) - 1, 1)

    def _during(self, before_ns: int, after_ns: int) -> str:
        return next((what for what, begin_ns, end_ns in self.spans
                     if begin_ns < after_ns and before_ns < end_ns), 'lost')


def run(args: argparse.Namespace, command: list[str]) -> dict[str, Any]:
    """
    Use a node for as long as `args.soak` minutes say.

    :param command: starts the node; the parameters of the soak are appended.
    :returns: the object that `--json` prints.
    :raises RuntimeError: the node did not start, answer or end as it should.
    """
    scene = Path(args.scene) if args.scene else surroundings.bundled_scene()
    with tempfile.TemporaryDirectory() as folder:
        for name in SCENES:
            (Path(folder) / name).symlink_to(scene.absolute(), target_is_directory=True)
        camera = {'image.width': args.size[0], 'image.height': args.size[1], 'rate': args.rate,
                  'enable_stamped_cmd_vel': 'true', 'generator': args.generator}
        names = ', '.join(f"'{name}={folder}/{name}'" for name in SCENES)
        log = Path(folder) / 'log.txt'
        with _node([*command], {**camera, 'scene': SCENES[0], 'scenes': f'[{names}]'}, log) as pid:
            result = _soak(args, pid)
        with _node([*command], {**camera, 'use_sim_time': 'true'}, log):
            result['jumps'] = _jump()
        said = log.read_text()
    backwards = said.count('the clock jumped back')
    result['jumps']['noticed_once_each'] = backwards == result['jumps']['back']
    result['tracebacks'] = said.count('Traceback')
    result['errors'] = [line for line in said.splitlines()
                        if '[ERROR]' in line or '[FATAL]' in line]
    result['ok'] = (abs(result['rss_growth']) <= GROWTH and result['missing']['lost'] == 0
                    and not result['tracebacks'] and not result['errors']
                    and result['jumps']['noticed_once_each'])
    return result


def table(result: dict[str, Any]) -> str:
    """Return the figures as text."""
    missing = ', '.join(f'{count} {what}' for what, count in result['missing'].items())
    jumps = result['jumps']
    rows = [('soak', f'{result["minutes"]:.1f} min, {result["rounds"]} rounds at '
                     f'{result["image"]}, {result["rate_hz"]:g} Hz, '
                     f'generator {result["generator"]}'),
            ('ticks', str(result['ticks'])), ('ticks missing', missing),
            ('memory', f'{result["rss_mib"][0]} MiB after the first round, '
                       f'{result["rss_mib"][-1]} at the end, {result["rss_growth"]:+.1%}'),
            ('clock jumps', f'{jumps["back"]} back, {jumps["forward"]} forward; pictures again '
                            f'after {jumps["slowest_s"]:.2f} s at most'),
            ('tracebacks, errors', f'{result["tracebacks"]}, {len(result["errors"])}'),
            ('all as it should be', 'yes' if result['ok'] else 'NO')]
    return '\n'.join(f'{name:24s} {value}' for name, value in rows)


# ---- the soak

def _soak(args: argparse.Namespace, pid: int) -> dict[str, Any]:
    from tqdm import tqdm
    with _client() as client:
        client.wait(lambda: client.diary.stamps_ns, _START_S, 'a first tick')
        rss_mib = [_round(client, pid)]
        client.diary.stamps_ns.clear()
        end_s = time.monotonic() + 60.0 * args.soak
        with tqdm(total=round(60.0 * args.soak), desc='soak', unit='s', leave=False) as bar:
            while time.monotonic() < end_s:
                begin_s = time.monotonic()
                rss_mib.append(_round(client, pid))
                bar.update(round(time.monotonic() - begin_s))
        diary = client.diary
        return {'minutes': args.soak, 'rounds': len(rss_mib) - 1, 'rate_hz': args.rate,
                'generator': args.generator,
                'image': f'{args.size[0]}x{args.size[1]}', 'ticks': len(diary.stamps_ns),
                'missing': diary.missing(args.rate),
                'lost': diary.lost(args.rate), 'rss_mib': rss_mib,
                'rss_growth': round(rss_mib[-1] / rss_mib[0] - 1.0, 4),
                'drops': {key: value for key, value in diary.values.items()
                          if key.startswith('drops.')}}


def _round(client: _Client, pid: int) -> float:
    """Do everything once; return the memory of the node at rest, MiB."""
    for group in GROUPS:
        client.diary.begin(f'listening to {group[0]}')
        with client.listening(group):
            client.spin(3.0)
    client.diary.begin('coming and going')
    for topic in itertools.chain(*GROUPS):
        with client.listening((topic,)):
            client.spin(0.2)
    client.diary.begin('a pause')
    with client.diary.span('in a pause'):
        client.trigger('pause')
        client.spin(1.0)
        client.trigger('resume')
    client.diary.begin('teleports')
    for x, yaw in ((-4.5, 1.0), (-3.5, -2.0), (-5.0, 0.0)):
        client.teleport(x, yaw)
        client.spin(0.5)
    client.diary.begin('changes of scene')
    for scene in reversed(SCENES):
        with client.listening(GROUPS[0]):
            with client.diary.span('in a change of scene'):
                client.set_scene(scene)
            client.spin(1.0)
    client.diary.begin('rest')
    client.spin(_REST_S)
    return _rss_mib(pid)


def _jump() -> dict[str, Any]:
    """Let the clock of a node jump to and fro, and wait for its pictures each time."""
    with _client(clock=True) as client, client.listening(GROUPS[0]):
        client.wait(lambda: client.diary.stamps_ns, _START_S, 'a first tick')
        client.spin(_REST_S)
        slowest_s = 0.0
        for k in range(_JUMPS):
            by_s = _FORWARD_S if k % 2 else -_BACK_S
            client.offset_s += by_s
            now_ns, begin_s = client.clock_ns(), time.monotonic()
            client.wait(lambda: _is_at(client, now_ns), _ANSWER_S, f'a tick after {by_s:+g} s')
            slowest_s = max(slowest_s, time.monotonic() - begin_s)
            client.spin(1.0)
        return {'back': (_JUMPS + 1) // 2, 'forward': _JUMPS // 2,
                'slowest_s': round(slowest_s, 3)}


def _is_at(client: _Client, now_ns: int) -> bool:
    """Say whether the newest picture is of the time after a jump."""
    return 0 <= client.picture_ns - now_ns < 2e9


# ---- the client

class _Client:
    """
    A node that uses the world.

    :param clock: whether it tells the time.
    """

    def __init__(self, node: Any, executor: Any, clock: bool) -> None:
        from diagnostic_msgs.msg import DiagnosticArray
        from geometry_msgs.msg import PoseWithCovarianceStamped, TwistStamped
        from nav_msgs.msg import Odometry
        from rclpy.clock import Clock, ClockType
        from rosgraph_msgs.msg import Clock as ClockMessage
        self.diary = Diary()
        self.offset_s = 100.0
        self.picture_ns = 0
        self._node, self._executor = node, executor
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        node.create_subscription(Odometry, 'odom', self._note_tick, 100)
        node.create_subscription(DiagnosticArray, '/diagnostics', self._note_values, 10)
        self._commands = node.create_publisher(TwistStamped, 'cmd_vel', 10)
        self._poses = node.create_publisher(PoseWithCovarianceStamped, 'initialpose', 10)
        node.create_timer(0.1, self._drive, clock=steady)
        if clock:
            self._times = node.create_publisher(ClockMessage, '/clock', 10)
            node.create_timer(_CLOCK_S, self._tell_time, clock=steady)

    def clock_ns(self) -> int:
        """Return the time that it tells."""
        return time.monotonic_ns() + round(self.offset_s * 1e9)

    def spin(self, seconds: float) -> None:
        """Serve what comes for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0.0:
            self._executor.spin_once(timeout_sec=min(left, _ROUND_S))

    def wait(self, condition: Callable[[], Any], timeout_s: float, what: str) -> None:
        """Serve what comes until something is so."""
        end = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > end:
                raise RuntimeError(f'waited {timeout_s:.0f} s for {what}')
            self.spin(_ROUND_S)

    @contextmanager
    def listening(self, topics: tuple[str, ...]) -> Iterator[None]:
        """Subscribe to some topics inside; what comes is not unpacked, but for the colour."""
        subscriptions = [self._subscribe(topic) for topic in topics]
        try:
            yield
        finally:
            for subscription in subscriptions:
                self._node.destroy_subscription(subscription)

    def trigger(self, name: str) -> None:
        """Call one of the services that steer the node."""
        from std_srvs.srv import Trigger
        answer = self._call(Trigger, f'world_node/{name}', Trigger.Request())
        if not answer.success:
            raise RuntimeError(f'{name}: {answer.message}')

    def set_scene(self, scene: str) -> None:
        """Change the scene, and wait until it is shown."""
        from rcl_interfaces.srv import SetParameters
        from rclpy.parameter import Parameter
        request = SetParameters.Request(
            parameters=[Parameter('scene', value=scene).to_parameter_msg()])
        answer = self._call(SetParameters, 'world_node/set_parameters', request).results[0]
        if not answer.successful:
            raise RuntimeError(f'scene {scene}: {answer.reason}')

    def teleport(self, x: float, yaw: float) -> None:
        """Put the robot elsewhere in the aisle where it starts."""
        from geometry_msgs.msg import PoseWithCovarianceStamped
        message = PoseWithCovarianceStamped()
        message.header.frame_id = 'map'
        pose = message.pose.pose
        pose.position.x, pose.position.y = x, -1.95
        pose.orientation.z, pose.orientation.w = math.sin(yaw / 2.0), math.cos(yaw / 2.0)
        self._poses.publish(message)

    def _call(self, kind: Any, service: str, request: Any) -> Any:
        client = self._node.create_client(kind, service)
        try:
            self.wait(client.service_is_ready, _ANSWER_S, service)
            future = client.call_async(request)
            self.wait(future.done, _ANSWER_S, f'an answer of {service}')
            return future.result()
        finally:
            self._node.destroy_client(client)

    def _subscribe(self, topic: str) -> Any:
        import sensor_msgs.msg
        import tf2_msgs.msg
        kind = TYPES[topic.split('/')[-1]]
        module = tf2_msgs.msg if kind == 'TFMessage' else sensor_msgs.msg
        is_colour = topic == GROUPS[0][0]
        return self._node.create_subscription(
            getattr(module, kind), topic, self._note_picture if is_colour else _forget, 5,
            raw=not is_colour)

    def _note_picture(self, message: Any) -> None:
        self.picture_ns = _ns(message.header.stamp)

    def _note_tick(self, message: Any) -> None:
        self.diary.stamps_ns.append(_ns(message.header.stamp))

    def _note_values(self, message: Any) -> None:
        for status in message.status:
            self.diary.values.update({item.key: item.value for item in status.values})

    def _drive(self) -> None:
        from geometry_msgs.msg import TwistStamped
        message = TwistStamped()
        message.twist.linear.x, message.twist.angular.z = FORWARD_M_S, TURN_RAD_S
        self._commands.publish(message)

    def _tell_time(self) -> None:
        from rosgraph_msgs.msg import Clock
        message = Clock()
        message.clock.sec, message.clock.nanosec = divmod(self.clock_ns(), 10 ** 9)
        self._times.publish(message)


@contextmanager
def _client(clock: bool = False) -> Iterator[_Client]:
    import rclpy
    from rclpy.executors import SingleThreadedExecutor
    rclpy.init(args=[])
    node = rclpy.create_node('inspatio_soak')
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        yield _Client(node, executor, clock)
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown()


@contextmanager
def _node(command: list[str], parameters: dict[str, Any], log: Path) -> Iterator[int]:
    """Run the node; what it says is appended to a file. It must end well when asked to."""
    words = [word for name, value in parameters.items() for word in ('-p', f'{name}:={value}')]
    with log.open('a') as file:
        process = subprocess.Popen([*command, '--ros-args', *words], stdout=file,
                                   stderr=subprocess.STDOUT)
        try:
            yield process.pid
        finally:
            surroundings.interrupt(process)
    if process.returncode:
        raise RuntimeError(f'the node ended with code {process.returncode}:\n{log.read_text()}')


def _rss_mib(pid: int) -> float:
    pages = int(Path(f'/proc/{pid}/statm').read_text().split()[1])
    return round(pages * os.sysconf('SC_PAGE_SIZE') / 2 ** 20, 1)


def _ns(stamp: Any) -> int:
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


def _forget(message: Any) -> None:
    """Take a message and do nothing with it."""
