# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Bring materials and light together: one finished, lit picture per face.

Light is computed on a grid per face that is coarser than the picture: fine where shadows fall,
coarser for what comes off other surfaces.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
import math
from typing import Any

import cv2
from hall import building, layout, light, signs, things
from hall.faces import Face, faces_of
from hall.paint import F32, Patch
from hall.world import F64, Solid
import numpy as np
import numpy.typing as npt

Progress = Callable[[str, float], None]
Image = npt.NDArray[Any]  # (rows, columns, 3)

MATERIALS: dict[str, Callable[[Patch], F32]] = {
    **{f.__name__: f for f in (
        building.floor, building.plaster, building.brick, building.roomwall, building.tiles,
        building.ceiling, building.girder, building.pillar, building.hazard, building.shutter,
        building.door, building.sky, building.duct, things.carton, things.crate, things.tin,
        things.wood, things.pallet, things.chipboard, things.upright, things.beam,
        things.endpanel, things.backpanel, things.roll, things.mover, signs.sign, signs.poster,
        signs.banner, signs.whiteboard, signs.cabinet, signs.locker, signs.monitor,
        signs.toolbox, signs.book, signs.spool, signs.extinguisher)},
    'drum': things.tin, 'bin': signs.bin_, 'column': building.pillar,
    'frame': building.metal(0.24, 0.27, 0.29), 'stone': building.metal(0.66, 0.65, 0.61),
    'steel': building.metal(0.55, 0.58, 0.60), 'dark': building.metal(0.10, 0.10, 0.11),
    'lamp': building.metal(0.88, 0.88, 0.87),
    'paint': lambda p: building.metal(*things.COLOURS[p.arg])(p),
}
# Which face of which material shines by itself, and how brightly (linear).
SHINING = {('lamp', '-z'): 42.0, ('sky', '+y'): 9.0, ('monitor', '-y'): 1.2}
LAMP_RGB, SKY_RGB = (1.0, 0.95, 0.87), (0.86, 0.94, 1.05)
SUN = light.Sun(np.array([0.30, -0.78, 0.60]) / math.sqrt(0.30 ** 2 + 0.78 ** 2 + 0.60 ** 2),
                np.array([30.0, 26.0, 20.0]))
_PITCH, _PITCH_FLOOR, _PITCH_COARSE = 0.028, 0.014, 0.07  # metres per light sample
_BOUNCES = 3
EXPOSURE = 0.92
_SATURATION = 1.12


def texels_per_metre(face: Face) -> float:
    """Return how fine the picture of a face is."""
    if face.key == '-z' and face.solid.name != 'ceiling':
        return 60.0
    return {'ceiling': 120.0, 'girder': 150.0, 'sky': 100.0, 'duct': 150.0, 'floor': 320.0,
            'mover': 400.0}.get(face.solid.material.split(':')[0], 260.0)


@dataclass
class LitFace:
    """A face with its share of the light: (rows, columns, 3) irradiance, linear RGB."""

    face: Face
    direct: Image
    bounced: Image


def paint_face(face: Face, per_metre: float | None = None) -> F32:
    """Return (rows, columns, 3) sRGB 0..1 of a face before light."""
    scale = per_metre or texels_per_metre(face)
    rows, columns = (max(4, math.ceil(x * scale)) for x in (face.height, face.width))
    name, _, arg = face.solid.material.partition(':')
    image = MATERIALS[name](Patch(face, rows, columns, arg))
    return np.clip(image, 0.0, 1.3).astype(np.float32)


def shine_of(face: Face) -> float:
    """Return the radiance of a face that shines by itself, else 0."""
    return SHINING.get((face.solid.material.split(':')[0], face.key), 0.0)


def visible_faces(solids: Sequence[Solid]) -> list[bool]:
    """Say which faces anybody in the hall or the next room could see a part of."""
    t = layout.WALL
    halls = ((-layout.X - t, layout.X + t, -layout.Y - t, layout.Y + t, 0.0, layout.HEIGHT),
             (layout.X, layout.ROOM_X, *layout.ROOM_Y, 0.0, layout.ROOM_HEIGHT))
    share = (np.arange(9) + 0.5) / 9
    v, u = (a.ravel() for a in np.meshgrid(share, share, indexing='ij'))
    result = []
    for face in faces_of(solids):
        points, normals = face.points(u, v)
        points = points + 2e-3 * normals
        free = np.zeros(len(points), bool)
        for x0, x1, y0, y1, z0, z1 in halls:
            low, high = np.array([x0, y0, z0]), np.array([x1, y1, z1])
            free |= np.all((points > low) & (points < high), axis=1)
        for solid in solids:
            low, high = solid.bounds
            near = free & np.all((points > low) & (points < high), axis=1)
            if near.any():
                own = np.abs((points[near] - np.asarray(solid.centre)) @ solid.rotation)
                half = 0.5 * np.asarray(solid.size)
                inside = np.all(own < half, axis=1)
                if solid.shape == 'cylinder':
                    inside &= np.hypot(own[:, 0], own[:, 1]) < half[0]
                free[near] &= ~inside
        result.append(bool(free.any()))
    return result


def _lamps(faces: Sequence[Face]) -> list[light.Lamp]:
    lamps = []
    for face in faces:
        radiance = shine_of(face)
        kind = face.solid.material
        if radiance == 0.0 or kind == 'monitor':
            continue
        corner, normal = face.points(np.array(0.0), np.array(0.0))
        right, _ = face.points(np.array(1.0), np.array(0.0))
        below, _ = face.points(np.array(0.0), np.array(1.0))
        rgb = np.array(SKY_RGB if kind == 'sky' else LAMP_RGB)
        lamps.append(light.Lamp(corner, right - corner, below - corner, normal, radiance * rgb,
                                16 if kind == 'sky' else 6))
    return lamps


def _blur(image: Image, face: Face) -> Image:
    """Take the grain out of a light map; the unrolled side of a cylinder has no ends."""
    if min(image.shape[:2]) < 3:
        return image
    if face.kind == 'side':
        image = np.concatenate([image[:, -2:], image, image[:, :2]], axis=1)
    image = cv2.GaussianBlur(image, (3, 3), 0.8, borderType=cv2.BORDER_REPLICATE)
    return image[:, 2:-2] if face.kind == 'side' else image


class Baker:
    """The light of the hall without its moving box, and pictures made with it."""

    def __init__(self, solids: Sequence[Solid], rays: int, progress: Progress) -> None:
        """
        Trace the light.

        :param rays: per point and bounce.
        :param progress: called with what is being done and a share 0..1.
        """
        self._count = rays
        self._faces = faces_of(solids)
        self.seen = visible_faces(solids)
        self._bvh = light.Bvh(solids, [s.material == 'sky' for s in solids])
        self._lamps = _lamps(self._faces)
        fine = [self._grid(f, _PITCH_FLOOR if f.solid.name == 'floor' else _PITCH)
                for f in self._faces]
        coarse = [self._grid(f, _PITCH_COARSE) for f in self._faces]
        direct = self._over_faces(
            fine, lambda p, n: light.direct(p, n, self._lamps, SUN, self._bvh), 'lamps and sun',
            progress)
        direct = [_blur(d, f) for d, f in zip(direct, self._faces, strict=True)]
        self._build_store(coarse)
        small = [cv2.resize(d, (c[1], c[0]), interpolation=cv2.INTER_AREA)
                 for d, c in zip(direct, coarse, strict=True)]
        bounced = [np.zeros_like(s) for s in small]
        for bounce in range(_BOUNCES):
            self._fill_store(small, bounced)
            # Only what is seen in the end deserves all the rays.
            self._count = rays if bounce == _BOUNCES - 1 else rays // 4
            bounced = self._over_faces(coarse, self._gather,
                                       f'bounce {bounce + 1} of {_BOUNCES}', progress)
            bounced = [_blur(b, f) for b, f in zip(bounced, self._faces, strict=True)]
        self._fill_store(small, bounced)
        self.lit = [LitFace(f, d, b) for f, d, b in zip(self._faces, direct, bounced, strict=True)]

    def _gather(self, points: F64, normals: F64) -> F64:
        return light.gather(points, normals, self._store, self._maps, self._count, self._bvh)

    def _grid(self, face: Face, pitch: float) -> tuple[int, int]:
        # At least a few samples along narrow parts, or light steps across them.
        return max(3, math.ceil(face.height / pitch)), max(3, math.ceil(face.width / pitch))

    def _over_faces(self, grids: Sequence[tuple[int, int]], compute: Callable[[F64, F64], F64],
                    what: str, progress: Progress) -> list[Image]:
        """Call a kernel on the texels of every face that is seen, many at a time."""
        maps: list[Image] = [np.zeros((*grid, 3), np.float32) for grid in grids]
        todo = [i for i, seen in enumerate(self.seen) if seen]
        batch: list[int] = []
        size = 0
        for n, i in enumerate(todo):
            batch.append(i)
            size += grids[i][0] * grids[i][1]
            if size < 60000 and n + 1 < len(todo):
                continue
            points, normals = zip(*(self._faces[j].grid(*grids[j]) for j in batch), strict=True)
            values = compute(np.concatenate([p.reshape(-1, 3) for p in points]),
                             np.concatenate([m.reshape(-1, 3) for m in normals]))
            at = 0
            for j in batch:
                count = grids[j][0] * grids[j][1]
                maps[j] = values[at:at + count].reshape(*grids[j], 3).astype(np.float32)
                at += count
            batch, size = [], 0
            progress(what, (n + 1) / len(todo))
        return maps

    def _build_store(self, grids: Sequence[tuple[int, int]]) -> None:
        first = np.zeros(self._faces[-1].index + 1, np.int64)
        for n in range(len(self._faces) - 1, -1, -1):
            first[self._faces[n].index] = n
        sizes = np.array([r * c for r, c in grids])
        offset = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
        self._maps = (first, offset, np.array([g[0] for g in grids], np.int64),
                      np.array([g[1] for g in grids], np.int64))
        self._tone = [np.mean(paint_face(f, 40.0) ** 2.2, axis=(0, 1)) if seen
                      else np.zeros(3) for f, seen in zip(self._faces, self.seen, strict=True)]
        self._store = np.zeros((int(sizes.sum()), 3))

    def _fill_store(self, direct: Sequence[Image], bounced: Sequence[Image]) -> None:
        _, offset, rows, columns = self._maps
        for i, (d, b) in enumerate(zip(direct, bounced, strict=True)):
            # Faces that shine count as lamps already.
            tone = self._tone[i] * (shine_of(self._faces[i]) == 0.0)
            self._store[offset[i]:offset[i] + rows[i] * columns[i]] = (
                (d + b).reshape(-1, 3) * tone / np.pi)

    def picture(self, lit: LitFace) -> Image:
        """Return (rows, columns, 3) uint8 of a face as the camera shall see it."""
        return expose(paint_face(lit.face), lit)

    def light_on(self, solid: Solid) -> list[LitFace]:
        """Return the light on a solid that stands in the hall for a moment only."""
        result = []
        for face in faces_of([solid]):
            grid = self._grid(face, 0.03)
            points, normals = (a.reshape(-1, 3) for a in face.grid(*grid))
            if face.key == '-z':
                zero = np.zeros((*grid, 3), np.float32)
                result.append(LitFace(face, zero, zero))
                continue
            maps = [light.direct(points, normals, self._lamps, SUN, self._bvh),
                    self._gather(points, normals)]
            result.append(LitFace(face, *(_blur(m.reshape(*grid, 3).astype(np.float32), face)
                                          for m in maps)))
        return result


def expose(albedo: Image, lit: LitFace) -> Image:
    """
    Light a painted face and develop it.

    :param albedo: (rows, columns, 3) sRGB 0..1.
    :returns: (rows, columns, 3) uint8 sRGB.
    """
    rows, columns = albedo.shape[:2]
    shine = shine_of(lit.face)
    linear = albedo ** 2.2
    if shine and not (lit.face.solid.material == 'monitor' and float(albedo.max()) < 0.2):
        linear = linear * shine
    else:
        size = (columns, rows)
        light_here = (cv2.resize(lit.direct, size, interpolation=cv2.INTER_LINEAR)
                      + cv2.resize(lit.bounced, size, interpolation=cv2.INTER_LINEAR))
        linear = linear * light_here / np.pi
    return np.clip(develop(EXPOSURE * linear) * 255.0 + 0.5, 0, 255).astype(np.uint8)


def develop(linear: Image) -> Image:
    """Return sRGB 0..1 of linear light through a film-like curve (Hable's, white at 6)."""
    def curve(x: Any) -> Any:
        return (x * (0.15 * x + 0.05) + 0.004) / (x * (0.15 * x + 0.5) + 0.06) - 0.004 / 0.06
    x = np.maximum(linear, 0.0) * 2.0
    tone = curve(x) / curve(np.float32(6.0))
    grey = tone @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    tone = grey[..., None] + _SATURATION * (tone - grey[..., None])
    return np.clip(tone, 0.0, 1.0) ** (1.0 / 2.2)
