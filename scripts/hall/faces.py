# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The surface of the solids, unrolled into flat rectangles that can carry a picture.

A picture on a face is seen upright from outside: u runs to the viewer's right, v down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hall.world import F64, Solid
import numpy as np

# (name, normal, u, v) in the solid's own axes. light.py relies on this order.
_BOX_FACES = (
    ('+x', (1, 0, 0), (0, 1, 0), (0, 0, -1)), ('-x', (-1, 0, 0), (0, -1, 0), (0, 0, -1)),
    ('+y', (0, 1, 0), (-1, 0, 0), (0, 0, -1)), ('-y', (0, -1, 0), (1, 0, 0), (0, 0, -1)),
    ('+z', (0, 0, 1), (1, 0, 0), (0, -1, 0)), ('-z', (0, 0, -1), (1, 0, 0), (0, 1, 0)),
)
SEGMENTS = 64  # of a drawn cylinder


@dataclass(frozen=True)
class Face:
    """
    One rectangle: the side of a box, the unrolled side of a cylinder, or the square about a cap.

    :param solid: what it belongs to.
    :param index: of the solid in the list.
    :param kind: 'quad', 'side' or 'cap'.
    :param key: '+x' .. '-z' in the solid's own axes, or 'side'.
    :param width, height: metres.
    """

    solid: Solid
    index: int
    kind: str
    key: str
    width: float
    height: float

    def points(self, u: F64, v: F64) -> tuple[F64, F64]:
        """
        Return where points of the face are, and which way it looks there.

        :param u, v: (...) shares of width and height, 0..1 from the left and from the top.
        :returns: (..., 3) positions and (..., 3) unit normals in `map`.
        """
        own, normal = self._side(u, v) if self.kind == 'side' else self._flat(u, v)
        R = self.solid.rotation
        return own @ R.T + np.asarray(self.solid.centre), normal @ R.T

    def _side(self, u: F64, v: F64) -> tuple[F64, F64]:
        angle = (2.0 * u - 1.0) * np.pi
        normal = np.stack([np.cos(angle), np.sin(angle), np.zeros_like(angle)], axis=-1)
        own = 0.5 * self.solid.size[0] * normal
        own[..., 2] = (0.5 - v) * self.height
        return own, normal

    def _flat(self, u: F64, v: F64) -> tuple[F64, F64]:
        _, normal, right, down = next(f for f in _BOX_FACES if f[0] == self.key)
        half = 0.5 * np.abs(np.asarray(normal, float)) * np.asarray(self.solid.size)
        a, b = (u - 0.5) * self.width, (v - 0.5) * self.height
        if self.kind == 'cap':  # corners of the square are pulled onto the rim
            scale = np.minimum(1.0, 0.5 * self.width / np.maximum(np.hypot(a, b), 1e-9))
            a, b = a * scale, b * scale
        own = (np.asarray(normal, float) * half + a[..., None] * np.asarray(right, float)
               + b[..., None] * np.asarray(down, float))
        return own, np.broadcast_to(np.asarray(normal, float), own.shape).copy()

    def grid(self, rows: int, columns: int) -> tuple[F64, F64]:
        """Return (rows, columns, 3) positions and normals at the middles of a texel grid."""
        v, u = np.meshgrid((np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns,
                           indexing='ij')
        return self.points(u, v)


def faces_of(solids: Sequence[Solid]) -> list[Face]:
    """Return the faces of all solids: six of a box, side, top and bottom of a cylinder."""
    faces = []
    for i, solid in enumerate(solids):
        x, y, z = solid.size
        if solid.shape == 'cylinder':
            faces.append(Face(solid, i, 'side', 'side', float(np.pi * x), z))
            faces += [Face(solid, i, 'cap', key, x, x) for key in ('+z', '-z')]
            continue
        for key, normal, _, _ in _BOX_FACES:
            width = y if normal[0] else x
            faces.append(Face(solid, i, 'quad', key, width, y if normal[2] else z))
    return faces


def mesh_of(face: Face) -> tuple[F64, F64, np.ndarray]:
    """
    Return the triangles of a face.

    :returns: (V, 3) corners in `map`, (V, 2) their u, v, and (F, 3) indices, counter-clockwise
        seen from outside.
    """
    if face.kind == 'quad':
        u, v = np.array([0.0, 1.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0, 1.0])
        triangles = np.array([[0, 3, 2], [0, 2, 1]])
    elif face.kind == 'side':
        share = np.arange(SEGMENTS + 1) / SEGMENTS
        u, v = np.tile(share, 2), np.repeat([0.0, 1.0], SEGMENTS + 1)
        i = np.arange(SEGMENTS)
        j = i + SEGMENTS + 1
        triangles = np.concatenate([np.stack([i, j, j + 1], 1), np.stack([i, j + 1, i + 1], 1)])
    else:
        angle = 2.0 * np.pi * np.arange(SEGMENTS) / SEGMENTS
        u, v = 0.5 + 0.5 * np.cos(angle), 0.5 - 0.5 * np.sin(angle)
        i = np.arange(1, SEGMENTS - 1)
        triangles = np.stack([np.zeros_like(i), i, i + 1], 1)
    corners, _ = face.points(u, v)
    return corners, np.stack([u, v], axis=-1), triangles
