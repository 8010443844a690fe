# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Soft light on the faces of solids, traced once and painted into their pictures.

Light is what a few bright panels send to a point, as far as nothing stands between, and what comes
from everywhere else, less of it the more is in the way near by. It does not depend on where one
looks from: a world that is lit so is the same in every frame.
"""

from __future__ import annotations

import cv2
from inspatio_ros.contracts import F32, F64, U8
from inspatio_ros.geometry import raycast
from inspatio_ros.geometry.raycast import Solids
from inspatio_ros.scene.synthetic.painting import to_bytes
import numpy as np

# Light is traced at points so far apart, metres.
_GRID_M = 0.1
# What stands farther away takes nothing from the light that comes from everywhere.
_NEAR_M = 1.2
_AMBIENT_RAYS = 32
_PANEL_POINTS = 3    # along each side of a panel
_AMBIENT, _DIRECT = 0.75, 1.1


def face_size(shape: int, half_m: F64, face: int) -> tuple[float, float]:
    """Return width and height of the picture of a face, metres."""
    x, y, z = 2.0 * half_m
    if shape == raycast.BALL:
        return np.pi * x, 0.5 * np.pi * x
    if shape == raycast.CYLINDER:
        return (np.pi * x, z) if face == 0 else (x, x)
    return ((y, z), (x, z), (x, y))[face // 2]


def face_points(shape: int, half_m: F64, face: int, rows: int, columns: int) -> tuple[F64, F64]:
    """
    Return points of a face and its normals there: the inverse of what the ray caster looks up.

    :returns: (rows, columns, 3) each, in the frame of the solid; metres and unit vectors.
    """
    t, s = np.meshgrid((np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns,
                       indexing='ij')
    if shape == raycast.BALL or (shape == raycast.CYLINDER and face == 0):
        return _round_points(shape, half_m, s, t)
    axis = face // 2 if shape != raycast.CYLINDER else 2
    upper = face % 2 == 1 if shape != raycast.CYLINDER else face == 2
    n = 1.0 if upper != (shape == raycast.ROOM) else -1.0
    x, y, z = half_m[0], half_m[0] if shape == raycast.CYLINDER else half_m[1], half_m[2]
    a, b = 2.0 * s - 1.0, 1.0 - 2.0 * t
    away = np.full_like(a, 1.0 if upper else -1.0)
    points = ((away * x, n * a * y, b * z), (-n * a * x, away * y, b * z),
              (a * x, n * b * y, away * z))[axis]
    normal = np.zeros((rows, columns, 3))
    normal[..., axis] = n
    return np.stack(points, axis=-1), normal


def _round_points(shape: int, half_m: F64, s: F64, t: F64) -> tuple[F64, F64]:
    angle = (s - 0.5) * 2.0 * np.pi
    flat = np.stack([np.cos(angle), np.sin(angle), np.zeros_like(s)], axis=-1)
    if shape == raycast.CYLINDER:
        height = (1.0 - 2.0 * t)[..., None] * half_m[2] * np.array([0.0, 0.0, 1.0])
        return flat * half_m[0] + height, flat
    normal = np.sin(np.pi * t)[..., None] * flat
    normal[..., 2] = np.cos(np.pi * t)
    return normal * half_m[0], normal


def light_face(solids: Solids, index: int, face: int, others: Solids, panels: F64) -> F32:
    """
    Trace the light on one face.

    :param solids: the solids of which `index` is one.
    :param others: what casts shadows.
    :param panels: (P, 2, 3) middle and half sides (x, y, 0) of the panels overhead, metres.
    :returns: (rows, columns) float32, about 1 in an open place.
    """
    shape, half_m = int(solids.shape[index]), solids.half_m[index]
    width, height = face_size(shape, half_m, face)
    rows, columns = (max(int(np.ceil(length / _GRID_M)), 3) for length in (height, width))
    local, local_normal = face_points(shape, half_m, face, rows, columns)
    T = solids.T_world_body[index]
    normal = (local_normal @ T[:3, :3].T).reshape(-1, 3)
    points = (local @ T[:3, :3].T + T[:3, 3]).reshape(-1, 3) + 1e-3 * normal
    light = _AMBIENT * _ambient(points, normal, others) + _DIRECT * _direct(points, normal, others,
                                                                            panels)
    smooth = cv2.GaussianBlur(light.reshape(rows, columns), (0, 0), 0.7,
                              borderType=cv2.BORDER_REPLICATE)
    return smooth.astype(np.float32)


def _ambient(points: F64, normal: F64, others: Solids) -> F64:
    """Return the share of light from everywhere that reaches points."""
    # A sunflower on the unit disc, lifted to the hemisphere: weighted by the cosine.
    k = np.arange(_AMBIENT_RAYS) + 0.5
    radius, angle = np.sqrt(k / _AMBIENT_RAYS), k * np.pi * (3.0 - np.sqrt(5.0))
    helper = np.where(np.abs(normal[:, 2:]) < 0.9, [[0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0]])
    side = np.cross(helper, normal)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    basis = np.stack([side, np.cross(normal, side), normal], axis=1)
    disc = np.stack([radius * np.cos(angle), radius * np.sin(angle), np.sqrt(1 - radius ** 2)],
                    axis=-1)
    free = raycast.free_lengths(others, points, np.ascontiguousarray(disc @ basis), _NEAR_M)
    share: F64 = (0.25 + 0.75 * free / _NEAR_M).mean(axis=1)
    return share


def _direct(points: F64, normal: F64, others: Solids, panels: F64) -> F64:
    """Return the light that comes straight from panels overhead which shine downwards."""
    step = (np.arange(_PANEL_POINTS) + 0.5) / _PANEL_POINTS * 2.0 - 1.0
    grid = np.stack(np.meshgrid(step, step, [0.0]), axis=-1).reshape(-1, 3)
    lamps = (panels[:, None, 0] + grid * panels[:, None, 1]).reshape(-1, 3)
    rays = lamps - points[:, None]
    free = raycast.free_lengths(others, points, np.ascontiguousarray(rays), 1.0) > 0.999
    distance = np.linalg.norm(rays, axis=-1)
    lit = np.maximum(np.einsum('pkc,pc->pk', rays, normal) / distance, 0.0)
    shining = np.maximum(rays[..., 2] / distance, 0.0)
    light: F64 = (free * lit * shining / np.maximum(distance, 0.5) ** 2).sum(axis=1)
    return 2.0 * light / _PANEL_POINTS ** 2


def lit(picture: U8, light: F32) -> U8:
    """Return a picture under light."""
    size = (picture.shape[1], picture.shape[0])
    fine = cv2.resize(light, size, interpolation=cv2.INTER_LINEAR)
    return to_bytes(picture * fine[..., None])
