# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Where the pictures of the hall are taken from.

A robot can be anywhere in free space and look anywhere. Sample such poses, find which points they
see, and take, one after the other, the picture that adds the most.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
import math

from hall import layout
from hall.tracing import Bvh, look, sees
from hall.world import distance_to, F64, Solid
from inspatio_ros.contracts import Intrinsics
import numpy as np

STATIC = Intrinsics.from_hfov(640, 480, math.radians(90.0))
ROBOT = Intrinsics.from_hfov(832, 480, math.radians(80.0))
ROBOT_HEIGHT = 0.5
ROBOT_RADIUS = 0.30
_CLEARANCE = 0.35  # metres between a picture's camera and the nearest obstacle
_AT_ONCE = 4       # pictures that the engine makes one of


@dataclass(frozen=True)
class Pose:
    """
    A level camera.

    :param x, y, z: of its eye in `map`, metres.
    :param yaw: the way it looks, radians about z.
    :param pitch: radians, + looks down.
    """

    x: float
    y: float
    z: float
    yaw: float
    pitch: float = 0.0

    @property
    def T_map_cam(self) -> F64:
        """Return the (4, 4) optical frame in `map`."""
        cy, sy, cp, sp = (f(a) for a in (self.yaw, self.pitch) for f in (math.cos, math.sin))
        forward = np.array([cy * cp, sy * cp, -sp])
        right = np.array([sy, -cy, 0.0])
        T = np.eye(4)
        T[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
        T[:3, 3] = self.x, self.y, self.z
        return T


def rays(intrinsics: Intrinsics, step: int = 1) -> F64:
    """Return (N, 3) rays of every `step`-th pixel in the optical frame, with z = 1."""
    half = step // 2
    v, u = np.meshgrid(np.arange(half, intrinsics.height, step),
                       np.arange(half, intrinsics.width, step), indexing='ij')
    x, y = (u - intrinsics.cx) / intrinsics.fx, (v - intrinsics.cy) / intrinsics.fy
    return np.stack([x.ravel(), y.ravel(), np.ones(x.size)], axis=-1)


def is_indoors(x: float, y: float) -> bool:
    """Return whether a point of the floor is in the hall, the doorway or the first of the room."""
    if abs(x) < layout.X and abs(y) < layout.Y:
        return True
    low, high = layout.DOOR if x < layout.X + layout.WALL else layout.ROOM_Y
    return layout.X <= x < layout.X + 1.0 and low < y < high


def free_poses(solids: Sequence[Solid], count: int, seed: int) -> list[Pose]:
    """Return random poses of the robot's camera: anywhere it fits, looking anywhere."""
    rng = np.random.default_rng(seed)
    poses: list[Pose] = []
    while len(poses) < count:
        x = rng.uniform(-layout.X, layout.X + 1.0)
        y = rng.uniform(-layout.Y, layout.Y)
        if is_indoors(x, y) and distance_to(solids, x, y, 1.0) > ROBOT_RADIUS:
            poses.append(Pose(x, y, ROBOT_HEIGHT, rng.uniform(-math.pi, math.pi)))
    return poses


def candidates(solids: Sequence[Solid]) -> list[Pose]:
    """Return the poses that pictures may be taken from."""
    poses = []
    for x in np.arange(-5.6, 7.5, 0.6):
        for y in np.arange(-3.6, 3.7, 0.5):
            if is_indoors(x, y) and distance_to(solids, x, y, 1.0) > _CLEARANCE:
                poses += [Pose(float(x), float(y), 0.5, math.radians(a))
                          for a in range(0, 360, 30)]
    return poses


def choose(solids: Sequence[Solid], count: int, seed: int, first: Sequence[Pose] = (),
           samples: int = 200, progress: Callable[[str, float], None] = lambda what, share: None,
           ) -> tuple[list[Pose], float]:
    """
    Choose the poses of the pictures, so that a few of them show what a robot sees at a place.

    :param count: how many.
    :param first: poses that are taken in any case.
    :param samples: random poses of the robot to choose for.
    :returns: the poses, and the share of what robots see that the best few at each place show.
    """
    bvh = Bvh(solids, [False] * len(solids))
    points, scale = _sample(solids, bvh, samples, seed)
    pool = list(first) + candidates(solids)
    worth = np.zeros((len(pool), samples, len(points) // samples), np.float32)
    for i, pose in enumerate(pool):
        worth[i] = _worth(pose, points, scale, bvh).reshape(worth.shape[1:])
        progress('choosing views', (i + 1) / len(pool))
    # What the few pictures of each place show by now; places that have fewer have empty ones.
    few = np.zeros((_AT_ONCE, *worth.shape[1:]), np.float32)
    chosen = []
    for n in range(count):
        others = np.stack([np.delete(few, k, axis=0).max(axis=0) for k in range(_AT_ONCE)])
        shown = few.max(axis=0).sum(axis=-1)
        better = np.stack([np.stack([np.maximum(w, o).sum(axis=-1) for o in others])
                           for w in worth]) - shown  # (pool, few, samples)
        gain = np.maximum(better.max(axis=1), 0.0).sum(axis=-1)
        i = n if n < len(first) else int(np.argmax(gain))
        for place in np.flatnonzero(better[i].max(axis=0) > 0.0):
            few[int(np.argmax(better[i, :, place])), place] = worth[i, place]
        chosen.append(pool[i])
    return chosen, float((few.max(axis=0) > 0.0).mean())


def _sample(solids: Sequence[Solid], bvh: Bvh, samples: int,
            seed: int) -> tuple[F64, F64]:
    """Return (N, 3) points that robots see, and how finely each is seen, pixels per radian m."""
    directions = rays(ROBOT, 52)
    points, scale = [], []
    for pose in free_poses(solids, samples, seed):
        T = pose.T_map_cam
        d = directions @ T[:3, :3].T
        depth = look(np.tile(T[:3, 3], (len(d), 1)), d, bvh)
        points.append(T[:3, 3] + depth[:, None] * d)
        scale.append(ROBOT.fx / depth)
    return np.concatenate(points), np.concatenate(scale)


def _worth(pose: Pose, points: F64, scale: F64, bvh: Bvh) -> np.ndarray:
    """Return (N,) how well a picture shows each point: 0 not at all, 1 as finely as the robot."""
    T = pose.T_map_cam
    cam = (points - T[:3, 3]) @ T[:3, :3]
    z = np.maximum(cam[:, 2], 1e-6)
    u = STATIC.fx * cam[:, 0] / z + STATIC.cx
    v = STATIC.fy * cam[:, 1] / z + STATIC.cy
    inside = ((cam[:, 2] > 0.1) & (u > 0) & (v > 0) & (u < STATIC.width - 1)
              & (v < STATIC.height - 1))
    worth = np.zeros(len(points), np.float32)
    index = np.flatnonzero(inside)
    index = index[sees(T[:3, 3], points[index], bvh)]
    fineness = STATIC.fx / z[index] / scale[index]
    worth[index] = 0.45 + 0.55 * np.clip(fineness, 0.0, 1.0)
    return worth
