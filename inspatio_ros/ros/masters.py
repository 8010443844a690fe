# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Robots with more than one master: several nodes publish on what moves a robot."""

from __future__ import annotations

from collections.abc import Sequence

from inspatio_ros.robot.robots import Robot
from inspatio_ros.robot.tf_source import TfSource
from rclpy.node import Node


class Masters:
    """
    Looks who publishes on what moves the robots. TF may come from many; all else should not.

    :param node: whose topics they are.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._said = ''  # what was logged last

    def doubts(self, robots: Sequence[Robot]) -> list[str]:
        """Return what is wrong, for each robot that has several; a change of it is logged."""
        found = []
        for robot in robots:
            topic = robot.prefix + robot.source.topic
            names = [] if isinstance(robot.source, TfSource) else self._publishers_of(topic)
            if len(names) > 1:
                found.append(f'{len(names)} publishers on {topic}: {", ".join(names)}; the '
                             f'newest message counts')
        said = '; '.join(found)
        if said != self._said:
            self._said = said
            if said:
                self._node.get_logger().warning(said)
        return found

    def _publishers_of(self, topic: str) -> list[str]:
        infos = self._node.get_publishers_info_by_topic(self._node.resolve_topic_name(topic))
        return sorted(f'{info.node_namespace.rstrip("/")}/{info.node_name}' for info in infos)
