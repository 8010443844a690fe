# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The viewer's side of ROS: sees what a browser shows, publishes what it drives, calls services.

All of ROS happens in the executor's thread, commands excepted, which go out in the caller's. It is
subscribed to what somebody looks at and to nothing else, so a page that nobody has open costs the
node nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
import math
import threading
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from inspatio_ros.contracts import Intrinsics
from inspatio_ros.motion.transforms import inverse
from inspatio_ros.robot.messages import stamp_ns_of
from inspatio_ros.robot.names import CAMERA
from inspatio_ros.robot.outputs import topics_of
from inspatio_ros.view.cmd_vel import CmdVel
from inspatio_ros.view.driving import Velocity
from inspatio_ros.view.frames import Frames, Place
from inspatio_ros.view.outline import outline_of
from inspatio_ros.view.pictures import PaintDepth, Picture, picture_of, pixels_of, STREAMS
from inspatio_ros.view.requests import SERVICES
from inspatio_ros.view.services import Answer, Services
import rclpy
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import NameValidationException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, Image
from tf2_msgs.msg import TFMessage

_LOOK_S = 0.5
_RATE_OVER_S = 2.0
# Two transforms that far apart say nothing of speed; a robot that fast was put elsewhere.
_LONGEST_STEP_S, _LEAP_M_S = 1.0, 20.0
# The newest picture is the only one of interest; a slow viewer must not hold the node up.
_NEWEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
_STATIC = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)


@dataclass
class Health:
    """What /diagnostics says of the camera."""

    level: int = 0
    text: str = ''
    scene: str = ''
    state: str = ''
    render_ms: float | None = None   # p50


class RosClient:
    """
    A robot as the page knows it.

    :param deliver: takes every picture, in the executor's thread.
    :param paint_depth: gives depth its colours.
    :param namespace: of the robot's topics.
    :param world: name of the node, in that namespace unless it begins with a slash.
    :param camera: name of the one to look through, as in the parameter `cameras`.
    :param ros_args: what rclpy gets, from `--ros-args` on.
    :raises ValueError: a name that is none of ROS, or arguments that rclpy does not know.
    """

    def __init__(self, deliver: Callable[[Picture], None], paint_depth: PaintDepth,
                 namespace: str = '', world: str = 'world_node',
                 camera: str = CAMERA, ros_args: Sequence[str] = ()) -> None:
        self._deliver = deliver
        self._topics = topics_of(camera)
        self._paint_depth = paint_depth
        self._context = rclpy.Context()
        rclpy.init(args=[], context=self._context)
        try:
            self._node = rclpy.create_node(
                'inspatio_view', context=self._context, namespace=namespace,
                cli_args=list(ros_args), start_parameter_services=False)
            self._world = world if world.startswith('/') else (
                f'{self._node.get_namespace().rstrip("/")}/{world}')
            self._services = Services(self._node, self._world, SERVICES)
        except (NameValidationException, rclpy_implementation.RCLError,
                rclpy_implementation.UnknownROSArgsError) as error:
            self._context.try_shutdown()
            raise ValueError(str(error)) from error
        self._commands = CmdVel(self._node, self._world.rpartition('/')[2])
        self._asked: frozenset[str] | None = None     # for by `show`; None: nobody looks
        self._shown: frozenset[str] | None = None     # as subscribed to
        self._images: dict[str, Subscription] = {}    # stream or info topic -> its subscription
        self._others: list[Subscription] = []         # TF and diagnostics
        self._forget()
        self._node.create_timer(_LOOK_S, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._closing = False
        self._thread = threading.Thread(target=self._spin, name='ros', daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the robot if it was driven, and leave the network."""
        self._closing = True
        self._executor.wake()
        self._thread.join(timeout=2.0)
        self._commands.close()
        self._executor.shutdown(timeout_sec=1.0)
        self._node.destroy_node()
        self._context.try_shutdown()

    def show(self, streams: frozenset[str] | None) -> None:
        """
        Have these streams delivered from now on.

        :param streams: of STREAMS; None: nobody is there, not even to read where the robot is.
        """
        self._asked = streams
        self._executor.create_task(self._show)

    def drive(self, velocity: Velocity) -> None:
        """Publish a command at once."""
        self._commands.send(velocity)

    def call(self, service: str, answer: Answer) -> None:
        """
        Call a service of the node.

        :param answer: called once, in the executor's thread.
        """
        self._executor.create_task(self._services.call, service, answer)

    def change_scene(self, scene: str, answer: Answer) -> None:
        """
        Have the node show another scene.

        :param scene: a name that the node has for one; empty: the bundled one.
        :param answer: called once, in the executor's thread.
        """
        self._executor.create_task(self._services.change_scene, scene, answer)

    def state(self) -> dict[str, Any]:
        """Return what there is to say about the robot now, JSON."""
        health, camera = self._health, self._camera
        return {
            'world': self._found, 'drives': self._commands.kind, 'services': self._ready,
            'scene': health.scene, 'scenes': self._services.scenes, 'state': health.state,
            'level': health.level, 'text': health.text, 'render_ms': health.render_ms,
            'rates': self._rates(),
            'complaint': self._complaint, **_place_values(self._place), 'speed': self._speed,
            'hfov': camera and round(2.0 * math.atan(0.5 * camera.width / camera.fx), 4)}

    # ---- in the executor's thread

    def _spin(self) -> None:
        while not self._closing and self._context.ok():
            try:
                self._executor.spin_once(timeout_sec=1.0)
            except ExternalShutdownException:
                return
            except Exception as error:  # noqa: B902  a thread boundary: the page goes on
                if not self._closing:
                    self._complaint = f'{type(error).__name__}: {error}'
                    self._node.get_logger().error(self._complaint, throttle_duration_sec=1.0)

    def _forget(self) -> None:
        self._found = False
        self._ready: list[str] = []                   # services
        self._frames = Frames()
        self._health = Health()
        self._camera: Intrinsics | None = None
        self._optical_frame = ''
        self._place: Place | None = None
        self._speed: list[float] | None = None        # m/s forward, rad/s
        self._complaint = ''
        self._arrivals: dict[str, deque[float]] = {name: deque(maxlen=200) for name in STREAMS}

    def _look(self) -> None:
        """Look who is there."""
        found = any(f'{space.rstrip("/")}/{name}' == self._world
                    for name, space in self._node.get_node_names_and_namespaces())
        if self._found and not found:
            self._forget()
            self._services.forget()
        self._found = found
        self._ready = self._services.there() if found else []
        self._services.look(wanted=found and self._shown is not None)
        self._commands.look(wanted=self._shown is not None)

    def _show(self) -> None:
        streams = self._asked
        topics = self._topics
        wanted: dict[str, tuple[Any, str]] = {
            name: (Image, getattr(topics, name)) for name in streams or ()}
        if streams is not None:
            # Also for no picture at all: it names the frame by which the robot is found in TF.
            info = topics.depth_info if 'depth' in streams else topics.color_info
            wanted[info] = CameraInfo, info
        for name in self._images.keys() - wanted.keys():
            self._node.destroy_subscription(self._images.pop(name))
        for name in wanted.keys() - self._images.keys():
            kind, topic = wanted[name]
            self._images[name] = self._node.create_subscription(
                kind, topic, self._on_info if kind is CameraInfo else self._taker(name), _NEWEST)
        if (streams is None) != (self._shown is None):
            self._listen(streams is not None)
        self._shown = streams
        self._look()

    def _listen(self, wanted: bool) -> None:
        """Subscribe to what every page shows, or no longer."""
        for subscription in self._others:
            self._node.destroy_subscription(subscription)
        subscribe = self._node.create_subscription
        self._others = [
            subscribe(TFMessage, '/tf', lambda message: self._on_tf(message, False), 100),
            subscribe(TFMessage, '/tf_static', lambda message: self._on_tf(message, True),
                      _STATIC),
            subscribe(DiagnosticArray, '/diagnostics', self._on_diagnostics, 10),
        ] if wanted else []

    def _taker(self, stream: str) -> Callable[[Image], None]:
        def take(message: Image) -> None:
            self._arrivals[stream].append(time.monotonic())
            try:
                self._deliver(self._picture_of(stream, message))
            except ValueError as error:
                self._complaint = f'{getattr(self._topics, stream)}: {error}'
            else:
                self._optical_frame = message.header.frame_id
        return take

    def _picture_of(self, stream: str, message: Image) -> Picture:
        pixels, stamp_ns = pixels_of(message), stamp_ns_of(message.header.stamp)
        picture = picture_of(stream, pixels, stamp_ns, self._paint_depth)
        camera = self._camera
        if stream == 'depth' and camera and pixels.shape == (camera.height, camera.width):
            place = self._frames.place_of(message.header.frame_id, stamp_ns)
            if place is not None:
                picture.notes['outline'] = outline_of(pixels, camera, place.T_map_cam,
                                                      float(place.T_map_base[2, 3]))
        return picture

    def _on_info(self, message: CameraInfo) -> None:
        try:
            self._camera = Intrinsics(message.width, message.height, message.k[0], message.k[4],
                                      message.k[2], message.k[5])
        except ValueError as error:
            self._complaint = f'camera_info: {error}'
        self._optical_frame = message.header.frame_id

    def _on_tf(self, message: TFMessage, fixed: bool) -> None:
        if self._frames.take(message, fixed):
            self._complaint = 'TF: a transform that is none was dropped'
        if fixed:
            return
        place = self._frames.place_of(self._optical_frame)
        if place is None or (self._place and place.stamp_ns == self._place.stamp_ns):
            return
        self._speed = _speed_between(self._place, place)
        self._place = place

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name != f'{self._world}: sensor':
                continue
            values = {item.key: item.value for item in status.values}
            level = status.level[0] if isinstance(status.level, bytes) else status.level
            self._health = Health(level, status.message, status.hardware_id,
                                  values.get('state', ''), _number(values.get('render_p50_ms')))
            self._complaint = ''

    def _rates(self) -> dict[str, float]:
        since = time.monotonic() - _RATE_OVER_S
        return {name: round(sum(at > since for at in list(times)) / _RATE_OVER_S, 1)
                for name, times in self._arrivals.items()}


def _place_values(place: Place | None) -> dict[str, Any]:
    """Return x, y in metres and yaw in radians, in the map, of robot and camera."""
    if place is None:
        return {'robot': None, 'camera': None}
    base, cam = place.T_map_base, place.T_map_cam
    return {'robot': _rounded(base[0, 3], base[1, 3], math.atan2(base[1, 0], base[0, 0])),
            'camera': _rounded(cam[0, 3], cam[1, 3], math.atan2(cam[1, 2], cam[0, 2]))}


def _rounded(*numbers: float) -> list[float]:
    return [round(float(x), 3) for x in numbers]


def _speed_between(before: Place | None, after: Place) -> list[float] | None:
    """Return m/s forward and rad/s; None where that is not known."""
    if before is None:
        return None
    step_s = (after.stamp_ns - before.stamp_ns) * 1e-9
    if not 0.0 < step_s < _LONGEST_STEP_S:
        return None
    T = inverse(before.T_map_base) @ after.T_map_base
    forward, turn = T[0, 3] / step_s, math.atan2(T[1, 0], T[0, 0]) / step_s
    return None if abs(forward) > _LEAP_M_S else _rounded(forward, turn)


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None
