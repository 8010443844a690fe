# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A robot on a network: hears scan, odom and TF, answers every instant with one velocity.

It is told goals in the map, and otherwise knows nothing but what these topics say.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
import math
import time
from typing import Any

from following import Velocity
from geometry_msgs.msg import TwistStamped
from inspatio_ros.motion.transforms import inverse, pose_matrix
from inspatio_ros.robot.messages import stamp_ns_of
from nav_msgs.msg import Odometry
from navigator import Navigator
import numpy as np
from occupancy import Sweep
from planning import Body
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import LaserScan
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage

_MARGIN_M = 0.1
_PATIENCE_S = 60.0


@dataclass(frozen=True)
class Instant:
    """
    One instant of a drive.

    :param stamp_ns: when.
    :param x, y, yaw: where the robot was in the map, metres and radians.
    :param velocity: what it did next.
    :param arrived: it is at its goal.
    """

    stamp_ns: int
    x: float
    y: float
    yaw: float
    velocity: Velocity
    arrived: bool


@dataclass
class _Heard:
    """What was said of one instant; it is whole once nothing is missing."""

    scan: LaserScan | None = None
    odom: Odometry | None = None
    T_map_odom: np.ndarray | None = None
    T_odom_base: np.ndarray | None = None

    @property
    def whole(self) -> bool:
        return all(part is not None for part in vars(self).values())


class Robot:
    """
    One robot, and the world node that it lives in, in a namespace.

    :param namespace: of all topics, TF and services as well.
    :param radius_m: it is round.
    """

    def __init__(self, namespace: str, radius_m: float) -> None:
        self._body = Body(radius_m, _MARGIN_M)
        self.head = Navigator(self._body)
        self._heard: dict[int, _Heard] = defaultdict(_Heard)  # by stamp
        self._static: dict[str, np.ndarray] = {}              # by frame: T_parent_frame
        self._context = rclpy.Context()
        rclpy.init(context=self._context)
        self._node = rclpy.create_node('robot', context=self._context, namespace=namespace)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        qos = QoSProfile(depth=10)
        latched = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        for kind, topic, keep, how in ((LaserScan, 'scan', self._keep_scan, qos),
                                       (Odometry, 'odom', self._keep_odom, qos),
                                       (TFMessage, 'tf', self._keep_tf, qos),
                                       (TFMessage, 'tf_static', self._keep_static, latched)):
            self._node.create_subscription(kind, topic, keep, how)
        self._commands = self._node.create_publisher(TwistStamped, 'cmd_vel', qos)

    def close(self) -> None:
        """Leave the network."""
        self._executor.shutdown()
        self._node.destroy_node()
        self._context.try_shutdown()

    def meet(self) -> None:
        """Wait for the world, and have its time begin anew once it hears and is heard."""
        self._wait_for(lambda: self._commands.get_subscription_count() > 0, 'who takes cmd_vel')
        self._say(Velocity(), 0)
        self._wait_for(self._newest, 'a first instant')
        reset = self._node.create_client(Trigger, 'world_node/reset')
        self._wait_for(reset.service_is_ready, 'who resets')
        answer = reset.call_async(Trigger.Request())
        self._wait_for(answer.done, 'the reset')
        assert answer.result().success, answer.result().message
        self._heard.clear()

    def drive(self, goals: Iterator[tuple[float, float]], wait_s: float) -> Iterator[Instant]:
        """
        Drive to goals in the map, one after the other; yield every instant.

        :param wait_s: how long the robot stands and looks before it sets out.
        """
        self.head = Navigator(self._body)
        goal, velocity, stamp_ns, begin_ns = next(goals, None), Velocity(), 0, None
        while goal is not None:
            self._say(velocity, stamp_ns)
            stamp_ns = self._wait_for(self._newest, f'what comes after {stamp_ns}')
            heard = self._heard.pop(stamp_ns)
            begin_ns = begin_ns or stamp_ns
            setting_out = self.head.goal is None and stamp_ns - begin_ns >= wait_s * 1e9
            if setting_out:
                self.head.go_to((inverse(heard.T_map_odom) @ [*goal, 0.0, 1.0])[:2])
            velocity = self.head.step(self._sweep(heard), _planar(heard.T_odom_base))
            arrived = self.head.goal is None and stamp_ns - begin_ns >= wait_s * 1e9
            goal = next(goals, None) if arrived else goal
            yield Instant(stamp_ns, *_planar(heard.T_map_odom @ heard.T_odom_base), velocity,
                          arrived)

    def _sweep(self, heard: _Heard) -> Sweep:
        scan = heard.scan
        place = _planar(heard.T_odom_base @ self._static[scan.header.frame_id])
        return Sweep(stamp_ns_of(scan.header.stamp) * 1e-9, *place, np.array(scan.ranges),
                     scan.angle_min, scan.angle_increment, scan.range_min, scan.range_max)

    # ---- the network

    def _say(self, velocity: Velocity, stamp_ns: int) -> None:
        """Answer an instant; without a stamp, the newest one."""
        message = TwistStamped()
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, 10 ** 9)
        message.twist.linear.x, message.twist.angular.z = velocity.forward, velocity.turn
        self._commands.publish(message)

    def _wait_for(self, condition: Callable[[], Any], what: str) -> Any:
        end = time.monotonic() + _PATIENCE_S
        while not (found := condition()):
            assert time.monotonic() < end, f'waited {_PATIENCE_S} s for {what}'
            self._executor.spin_once(timeout_sec=0.1)
        return found

    def _newest(self) -> int | None:
        """Return the stamp of the one instant that is whole, or nothing."""
        return next((stamp for stamp, heard in self._heard.items() if heard.whole), None)

    def _keep_scan(self, message: LaserScan) -> None:
        self._heard[stamp_ns_of(message.header.stamp)].scan = message

    def _keep_odom(self, message: Odometry) -> None:
        self._heard[stamp_ns_of(message.header.stamp)].odom = message

    def _keep_tf(self, message: TFMessage) -> None:
        for stamped in message.transforms:
            heard = self._heard[stamp_ns_of(stamped.header.stamp)]
            if stamped.header.frame_id == 'map':
                heard.T_map_odom = _matrix(stamped.transform)
            else:
                heard.T_odom_base = _matrix(stamped.transform)

    def _keep_static(self, message: TFMessage) -> None:
        for stamped in message.transforms:
            self._static[stamped.child_frame_id] = _matrix(stamped.transform)


def _matrix(transform: Any) -> np.ndarray:
    """Return (4, 4) of a geometry_msgs transform."""
    move, turn = transform.translation, transform.rotation
    return pose_matrix((move.x, move.y, move.z), (turn.x, turn.y, turn.z, turn.w))


def _planar(T: np.ndarray) -> np.ndarray:
    """Return (3,) x, y, yaw."""
    return np.array([T[0, 3], T[1, 3], math.atan2(T[1, 0], T[0, 0])])
