# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From scans to velocities: the robot's head. Knows nothing of ROS, nor of the hall."""

from following import follow, Surroundings, Velocity, watch
import numpy as np
from occupancy import Occupancy, Sweep
from planning import Body, Terrain

_REPLAN_S = 1.0
_MUCH = 0.6   # of the effort that is left: less is worth another path
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
        self.sweep: Sweep | None = None        # the newest
        self.goal: np.ndarray | None = None    # (2,) x and y in odom
        self.path: np.ndarray | None = None    # (N, 2) likewise
        self._planned_s = -np.inf
        self._watched_s = 0.0                  # how long it has looked at what moves
        self._watching = False                 # and stands to do so

    def go_to(self, goal: np.ndarray | None) -> None:
        """Set out for a goal in odom; None: stay."""
        self._watching = False
        self.goal, self.path, self._planned_s = goal, None, -np.inf

    def step(self, sweep: Sweep, pose: np.ndarray) -> Velocity:
        """
        Look at a scan and say what to do next.

        :param sweep: newer than all before.
        :param pose: (3,) x, y, yaw of the robot in odom, at the same time.
        """
        if self.grid is None:
            self.grid = Occupancy(pose[0], pose[1], 2.0 * self._body.radius_m)
        self.sweep = sweep
        self._look(self.grid, sweep)
        if self.goal is None:
            return Velocity()
        if np.linalg.norm(self.goal - pose[:2]) < _ARRIVED_M:
            self.go_to(None)
            return Velocity()
        if sweep.stamp_s - self._planned_s >= _REPLAN_S:
            self.path = self._better_path(self.grid, pose[:2], self.goal)
            self._planned_s = sweep.stamp_s
        if self.path is None:
            return Velocity(0.0, _LOOK_AROUND_RAD_S)
        around = Surroundings(self.grid, pose[0], pose[1])
        watching = None
        if self._watched_s < _WATCH_S:
            watching = watch(around, self._body, pose)
        self._watching = watching is not None
        return watching or follow(self.path, around, self._body, pose)

    def _better_path(self, grid: Occupancy, at: np.ndarray,
                     goal: np.ndarray) -> np.ndarray | None:
        """Return a new path, or what is left of the old one if that is not much worse."""
        terrain = Terrain(grid, self._body)
        new = terrain.way(at, goal)
        if self.path is None or new is None:
            return new
        left = self.path[np.linalg.norm(self.path - at, axis=1).argmin():]
        return new if terrain.effort(new) < _MUCH * terrain.effort(left) else left

    def _look(self, grid: Occupancy, sweep: Sweep) -> None:
        before_s = grid.now_s
        grid.add(sweep)
        if self._watching or grid.moves_now:
            self._watched_s += grid.now_s - before_s
        elif not grid.expected().any():
            self._watched_s = 0.0
