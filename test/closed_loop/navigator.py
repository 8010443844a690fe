# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From scans to velocities: the robot's head. Knows nothing of ROS, nor of the hall."""

from following import follow, Surroundings, Velocity, watch
import numpy as np
from occupancy import Occupancy, Sweep
from planning import Body, plan

_REPLAN_S = 0.5
_ARRIVED_M = 0.2
_LOOK_AROUND_RAD_S = 0.8
# What moves is watched for so long before the robot goes where it comes near.
_WATCH_S = 9.0


class Navigator:
    """
    Drives to one goal after the other.

    :param body: of the robot.
    """

    def __init__(self, body: Body) -> None:
        self._body = body
        self.grid: Occupancy | None = None
        self.goal: np.ndarray | None = None    # (2,) x and y in odom
        self.path: np.ndarray | None = None    # (N, 2) likewise
        self._planned_s = -np.inf
        self._watched_s = 0.0                  # how long something was seen to move

    def go_to(self, goal: np.ndarray | None) -> None:
        """Set out for a goal in odom; None: stay."""
        self.goal, self.path, self._planned_s = goal, None, -np.inf

    def step(self, sweep: Sweep, pose: np.ndarray) -> Velocity:
        """
        Look at a scan and say what to do next.

        :param sweep: newer than all before.
        :param pose: (3,) x, y, yaw of the robot in odom, at the same time.
        """
        if self.grid is None:
            self.grid = Occupancy(pose[0], pose[1], 2.0 * self._body.radius_m)
        self._look(self.grid, sweep)
        if self.goal is None:
            return Velocity()
        if np.linalg.norm(self.goal - pose[:2]) < _ARRIVED_M:
            self.go_to(None)
            return Velocity()
        if sweep.stamp_s - self._planned_s >= _REPLAN_S:
            self.path = plan(self.grid, self._body, pose[:2], self.goal)
            self._planned_s = sweep.stamp_s
        if self.path is None:
            return Velocity(0.0, _LOOK_AROUND_RAD_S)
        around = Surroundings(self.grid, pose[0], pose[1])
        if self._watched_s < _WATCH_S and (watching := watch(around, self._body, pose)) is not None:
            return watching
        return follow(self.path, around, self._body, pose)

    def _look(self, grid: Occupancy, sweep: Sweep) -> None:
        before_s = grid.now_s
        grid.add(sweep)
        if grid.moved_s == grid.now_s:
            self._watched_s += grid.now_s - before_s
        elif not grid.expected().any():
            self._watched_s = 0.0
