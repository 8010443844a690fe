# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The world's own time on /clock."""

from __future__ import annotations

import threading

from inspatio_ros.robot.clock import OwnTime
from inspatio_ros.robot.health import Health
from inspatio_ros.ros.messages import messages
from inspatio_ros.ros.publishers import send
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rosgraph_msgs.msg import Clock

# So far apart lie the times that are told, as those of nav2_loopback_sim do; never nearer than the
# second in real time. Controllers and costmaps run at 20 Hz at most.
_RESOLUTION_S = 0.01
_SHORTEST_S = 0.002
# Time that stands, or moves in ticks, is repeated for those who come late.
_REPEAT_S = 0.1


class ClockPublisher:
    """
    Tells the time, from a thread of its own: also while the node opens a world or serves.

    Time that is told never falls back but where the world's does.

    :param world_time: to tell.
    :param health: where publishing that failed is counted.
    """

    def __init__(self, node: Node, world_time: OwnTime, health: Health) -> None:
        self._node = node
        self._time = world_time
        self._health = health
        self._publisher = node.create_publisher(Clock, '/clock', QoSProfile(depth=10))
        self._lock = threading.Lock()  # between looking at the time and telling it
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name='clock', daemon=True)
        self._thread.start()

    def tell(self) -> None:
        """Tell what time it is now."""
        with self._lock:
            message = Clock(clock=messages.time_of(self._time.now_ns()))
            send(self._node, self._health, self._publisher, message)

    def close(self) -> None:
        """End the thread and leave the network; harmless twice."""
        if not self._ending.is_set():
            self._ending.set()
            self._thread.join()
            self._node.destroy_publisher(self._publisher)

    def others(self) -> int:
        """Return how many others publish on the topic."""
        return self._node.count_publishers(self._publisher.topic_name) - 1

    def _run(self) -> None:
        while self._node.context.ok():
            self.tell()
            if self._ending.wait(self._period_s()):
                return

    def _period_s(self) -> float:
        if self._time.pace == 0.0:
            return _REPEAT_S
        return max(_SHORTEST_S, _RESOLUTION_S / max(1.0, self._time.pace))
