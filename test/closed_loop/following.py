# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Along a way, without touching anything: pure pursuit, as fast as what is ahead allows.

Of a few speeds the fastest is taken whose way, until the robot could stand, is seen to be free.
Where none is, the robot stands, or backs away from what comes too near.
"""

from dataclasses import dataclass

import numpy as np
from occupancy import CELL_M, Occupancy
from planning import Body, distance_to

SPEED_M_S, TURN_RAD_S = 0.6, 1.2
# Shares of the speed, and curvature (1/m) besides that of the pursuit: tried in this order. The
# last is back where the robot came from.
_TRIES = ((1.0, 0.0), (0.7, 0.0), (0.4, 0.0), (0.2, 0.0), (0.2, 1.5), (0.2, -1.5), (0.2, 3.0),
          (0.2, -3.0), (-0.3, 0.0))
_LOOKAHEAD_M = 0.4
_TURN_FIRST_RAD = 0.6                # more than this off, the robot turns where it stands
_REACTION_S, _BRAKE_M_S2 = 0.3, 1.0  # how long a way is looked at
_TOUCH_M = 0.03                      # beside the robot, from what stands
_BERTH_M = 0.05                      # and from what moves
_WATCH_M, _BACK_M = 1.2, 0.7         # nearer, what moves is watched, and backed away from
_FACING_RAD = 0.8
_CROP_M = 2.0                        # of the grid around the robot


@dataclass(frozen=True)
class Velocity:
    """Forward in m/s and turn in rad/s, + is left."""

    forward: float = 0.0
    turn: float = 0.0


class Surroundings:
    """
    How much room there is around the robot now.

    :param grid: what it knows.
    :param x, y: where it is, in odom.
    """

    def __init__(self, grid: Occupancy, x: float, y: float) -> None:
        half = int(_CROP_M / CELL_M)
        row, column = grid.index_of(np.array([x, y]))
        self._grid = grid
        self._corner = np.maximum((row - half, column - half), 0)
        self._part = np.s_[self._corner[0]:row + half, self._corner[1]:column + half]
        self._standing, self._moving, self._unknown = (
            distance_to(layer(self._part)) for layer in (grid.standing, grid.moving, grid.unknown))

    def standing(self, points: np.ndarray) -> np.ndarray:
        """Return (N,) how far (N, 2) points are from what stands, metres."""
        return self._at(self._standing, points)

    def moving(self, points: np.ndarray) -> np.ndarray:
        """Return (N,) how far (N, 2) points are from what moves, metres."""
        return self._at(self._moving, points)

    def nearest_expected(self, point: np.ndarray) -> np.ndarray | None:
        """Return (2,) the place nearest to a point where something may come; None: nowhere."""
        index = np.argwhere(self._grid.expected(self._part))
        if not len(index):
            return None
        places = self._grid.point_of(index + self._corner)
        return places[np.linalg.norm(places - point, axis=1).argmin()]

    def unknown(self, points: np.ndarray) -> np.ndarray:
        """Return (N,) how far (N, 2) points are from what was never seen, metres."""
        return self._at(self._unknown, points)

    def _at(self, layer: np.ndarray, points: np.ndarray) -> np.ndarray:
        index = self._grid.index_of(points) - self._corner
        return layer[tuple(np.clip(index, 0, np.array(layer.shape) - 1).T)]


def follow(path: np.ndarray, around: Surroundings, body: Body, pose: np.ndarray) -> Velocity:
    """
    Return what to do now to get on.

    :param path: (N, 2) points in odom.
    :param pose: (3,) x, y, yaw in odom.
    """
    away = _target(path, pose[:2]) - pose[:2]
    off = _off(away, pose)
    if abs(off) > _TURN_FIRST_RAD:
        return _turn(off)
    curvature = 2.0 * np.sin(off) / max(float(np.linalg.norm(away)), CELL_M)
    for share, aside in _TRIES:
        bent = curvature + aside
        forward = share * min(SPEED_M_S, TURN_RAD_S / max(abs(bent), 1e-6))
        if _is_free(around, body, _arc(pose, forward, bent)):
            return Velocity(forward, forward * bent)
    return _turn(off)


def watch(around: Surroundings, body: Body, pose: np.ndarray) -> Velocity | None:
    """
    Return how to keep where something moves in view, and at a distance.

    :param pose: (3,) x, y, yaw in odom.
    :returns: None if there is no such place near by.
    """
    nearest = around.nearest_expected(pose[:2])
    if nearest is None or (distance := float(np.linalg.norm(nearest - pose[:2]))) > _WATCH_M:
        return None
    off = _off(nearest - pose[:2], pose)
    back = _arc(pose, -SPEED_M_S, 0.0)
    if distance < _BACK_M and abs(off) < _FACING_RAD and _is_free(around, body, back):
        return Velocity(-SPEED_M_S)
    return _turn(off)


def _off(away: np.ndarray, pose: np.ndarray) -> float:
    """Return by how much the robot looks past where a vector leads, radians."""
    return float((np.arctan2(away[1], away[0]) - pose[2] + np.pi) % (2.0 * np.pi) - np.pi)


def _turn(off: float) -> Velocity:
    return Velocity(0.0, float(np.clip(2.0 * off, -TURN_RAD_S, TURN_RAD_S)))


def _target(path: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return the point of a path that lies a little ahead of the one that is nearest."""
    distance = np.linalg.norm(path - at, axis=1)
    ahead = np.flatnonzero(distance[distance.argmin():] >= _LOOKAHEAD_M)
    return path[distance.argmin() + ahead[0]] if ahead.size else path[-1]


def _is_free(around: Surroundings, body: Body, points: np.ndarray) -> bool:
    """Say whether an arc is free until the robot could stand, or leads out of what is near."""
    for distance, beside_m in ((around.standing(points), _TOUCH_M),
                               (around.moving(points), _BERTH_M),
                               (around.unknown(points), -CELL_M)):  # its rim is a cell wide
        near = distance < body.radius_m + beside_m
        if near.any() and not (np.diff(distance) >= 0.0).all():
            return False
    return True


def _arc(pose: np.ndarray, forward: float, curvature: float) -> np.ndarray:
    """Return (N, 2) points of an arc, one cell apart, until the robot could stand."""
    length = abs(forward) * _REACTION_S + forward ** 2 / (2.0 * _BRAKE_M_S2)
    way = np.sign(forward) * np.arange(0.0, length + CELL_M, CELL_M)
    heading = pose[2] + 0.5 * curvature * way
    return pose[:2] + way[:, None] * np.stack([np.cos(heading), np.sin(heading)], axis=-1)
