# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where the camera of a recording was, and points that it saw: what depth is built upon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from inspatio_ros.contracts import F64, I64, Intrinsics
from inspatio_ros.motion.transforms import inverse
import numpy as np


@dataclass(frozen=True)
class Structure:
    """
    Cameras of a recording and the points they see, in a world of their own.

    :param intrinsics: one camera for all pictures.
    :param T_world_cam: (N, 4, 4) float64, optical frame to world; NaN where no pose was found.
    :param points: (P, 3) float64, world.
    :param sightings: (M, 2) int64, a picture and a point that it shows, sorted.
    :param metric: whether a unit of the world is a metre; else nobody knows.
    """

    intrinsics: Intrinsics
    T_world_cam: F64
    points: F64
    sightings: I64
    metric: bool

    @property
    def found(self) -> list[int]:
        """Return the pictures whose pose was found."""
        return [int(it) for it in np.flatnonzero(np.isfinite(self.T_world_cam[:, 0, 0]))]

    def points_of(self, picture: int) -> I64:
        """Return the points that a picture shows, as indices into `points`."""
        first, last = np.searchsorted(self.sightings[:, 0], (picture, picture + 1))
        return self.sightings[first:last, 1]

    def depths_of(self, picture: int) -> tuple[F64, F64]:
        """
        Return where in a picture its points lie and how far.

        :returns: (n, 2) pixels and (n,) depths along the optical axis, all > 0.
        """
        T_cam_world = inverse(self.T_world_cam[picture])
        points = self.points[self.points_of(picture)] @ T_cam_world[:3, :3].T + T_cam_world[:3, 3]
        points = points[points[:, 2] > 0.0]
        return (points @ self.intrinsics.K.T)[:, :2] / points[:, 2:], points[:, 2]

    def scaled(self, scale: float, metric: bool) -> Structure:
        """
        Return it in another unit.

        :param scale: new units per old one.
        :param metric: whether the new unit is the metre.
        """
        poses = self.T_world_cam.copy()
        poses[:, :3, 3] *= scale
        return replace(self, T_world_cam=poses, points=scale * self.points, metric=metric)


def standing_still(intrinsics: Intrinsics, count: int) -> Structure:
    """Return a camera that does not move, and no points."""
    return Structure(intrinsics, np.tile(np.eye(4), (count, 1, 1)), np.zeros((0, 3)),
                     np.zeros((0, 2), np.int64), metric=False)


def structure_arrays(structure: Structure) -> dict[str, np.ndarray]:
    """Return it as arrays that can be stored."""
    camera = structure.intrinsics
    return {'T_world_cam': structure.T_world_cam, 'points': structure.points,
            'sightings': structure.sightings, 'metric': np.array(structure.metric),
            'size': np.array([camera.width, camera.height]),
            'camera': np.array([camera.fx, camera.fy, camera.cx, camera.cy])}


def structure_from(arrays: Mapping[str, np.ndarray]) -> Structure:
    """Return what `structure_arrays` took apart."""
    camera = Intrinsics(*arrays['size'].tolist(), *arrays['camera'].tolist())
    return Structure(camera, arrays['T_world_cam'], arrays['points'], arrays['sightings'],
                     bool(arrays['metric']))


def median_ray_angle_deg(structure: Structure) -> float:
    """
    Say how far the rays to a point turn while the camera moves: what depth is measured by.

    :returns: the median over the points of the angle between the first and the last sighting;
        0 without points.
    """
    if len(structure.points) == 0:
        return 0.0
    order = np.argsort(structure.sightings[:, 1], kind='stable')
    pictures, points = structure.sightings[order].T
    first = np.flatnonzero(np.diff(points, prepend=-1))
    last = np.append(first[1:], len(points)) - 1
    seen = structure.points[points[first]]
    rays = [seen - structure.T_world_cam[pictures[end], :3, 3] for end in (first, last)]
    cosine = (rays[0] * rays[1]).sum(axis=1) / (np.linalg.norm(rays[0], axis=1)
                                                * np.linalg.norm(rays[1], axis=1))
    return float(np.degrees(np.median(np.arccos(np.clip(cosine, -1.0, 1.0)))))
