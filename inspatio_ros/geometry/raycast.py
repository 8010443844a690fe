# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Pictures of textured solids whose depth is exact: one ray per pixel centre, no mesh, no z-buffer.

A ray is the pixel (u, v, 1) taken through the inverse camera matrix, so that its parameter is the
depth along the optical axis. Every solid is met in a frame of its own, where it is a box, a ball
or a cylinder about its origin. Colour is the mean of a few rays per pixel, each of which looks up
a texture that is as coarse as the ray is wide (mip maps): nothing flickers when the camera moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .camera import invert_rigid
from .kernel import kernel, Run, run_serial, split

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
I16 = npt.NDArray[np.int16]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]

# Shapes. A room is a box that is seen from within.
ROOM, BOX, BALL, CYLINDER = 0, 1, 2, 3
# Faces of a box: -x, +x, -y, +y, -z, +z. Of a ball: the one. Of a cylinder: round, bottom, top.
FACES = 6
NOTHING = -1

_TAU = 2.0 * np.pi
# A surface this near to where a ray starts is the one it starts on, metres.
_LIFT = 1e-6
# Depths differ by less than this share where only rounding makes them differ.
_ROUNDED = 1e-9


class Solids(NamedTuple):
    """Some solids; those that move are moved by another pose."""

    shape: U8            # (N,)
    half_m: F64          # (N, 3) half sizes; radius is x, of a cylinder the half height is z
    T_world_body: F64    # (N, 4, 4) metres
    texture: I32         # (N, FACES) index of the texture of each face

    def first(self, count: int) -> Solids:
        """Return the first `count` of them."""
        return Solids(self.shape[:count], self.half_m[:count], self.T_world_body[:count],
                      self.texture[:count])


class Atlas(NamedTuple):
    """Textures with their mip maps, one after the other."""

    texels: U32    # colour, 0x00BBGGRR
    start: I64     # (T, levels) where a level begins
    width: I32     # (T, levels) pixels
    height: I32    # (T, levels)


def build_atlas(pictures: Sequence[U8]) -> Atlas:
    """
    Pack textures.

    :param pictures: (H, W, 3) uint8 each. A face shows its whole picture, whatever its size.
    """
    pyramids = [_mip_maps(picture) for picture in pictures]
    most = max(len(levels) for levels in pyramids)
    # A texture with fewer levels repeats its last.
    padded = [levels + levels[-1:] * (most - len(levels)) for levels in pyramids]
    sizes = np.array([[level.shape[:2] for level in levels] for levels in padded])
    lengths = [[level.size // 3 if k < len(levels) else 0 for k, level in enumerate(pads)]
               for levels, pads in zip(pyramids, padded)]
    ends = np.cumsum(np.array(lengths, np.int64)).reshape(len(pictures), most)
    start = ends - sizes.prod(axis=-1)
    texels = np.concatenate([_packed(level) for levels in pyramids for level in levels])
    return Atlas(texels, start, sizes[..., 1].astype(np.int32), sizes[..., 0].astype(np.int32))


def _mip_maps(picture: U8) -> list[U8]:
    """Return a picture and its halves down to about eight pixels."""
    levels = [picture]
    while min(levels[-1].shape[:2]) >= 16:
        even = levels[-1][:levels[-1].shape[0] // 2 * 2, :levels[-1].shape[1] // 2 * 2]
        pairs = even[0::2].astype(np.uint16) + even[1::2]
        levels.append(((pairs[:, 0::2] + pairs[:, 1::2] + 2) // 4).astype(np.uint8))
    return levels


def _packed(picture: U8) -> U32:
    wide = picture.astype(np.uint32)
    return np.ravel(wide[..., 0] | wide[..., 1] << 8 | wide[..., 2] << 16).astype(np.uint32)


@kernel()
def _meet_box(ox: float, oy: float, oz: float, dx: float, dy: float, dz: float, half: F64,
              within: bool) -> Any:
    """Return where a ray enters a box (leaves it, if within) and through which face."""
    enter, leave = -np.inf, np.inf
    face_in, face_out = 0, 0
    for axis in range(3):
        o = ox if axis == 0 else (oy if axis == 1 else oz)
        d = dx if axis == 0 else (dy if axis == 1 else dz)
        low, high = (-half[axis] - o) / d, (half[axis] - o) / d
        upper = d > 0.0
        if not upper:
            low, high = high, low
        if low > enter:
            enter, face_in = low, 2 * axis + (0 if upper else 1)
        if high < leave:
            leave, face_out = high, 2 * axis + (1 if upper else 0)
    if enter > leave:
        return np.inf, 0
    return (leave, face_out) if within else (enter, face_in)


@kernel()
def _meet_round(ox: float, oy: float, oz: float, dx: float, dy: float, dz: float,
                radius: float, flat: bool) -> Any:
    """Return the two parameters of a ray on a sphere (flat: on an endless cylinder about z)."""
    a = dx * dx + dy * dy
    b = ox * dx + oy * dy
    c = ox * ox + oy * oy - radius * radius
    if not flat:
        a, b, c = a + dz * dz, b + oz * dz, c + oz * oz
    inside = b * b - a * c
    if inside < 0.0 or a == 0.0:
        # Along the axis of a cylinder a ray is in it for ever, or never.
        return (-np.inf, np.inf) if a == 0.0 and c < 0.0 else (np.inf, -np.inf)
    root = np.sqrt(inside)
    return (-b - root) / a, (-b + root) / a


@kernel()
def _meet_cylinder(ox: float, oy: float, oz: float, dx: float, dy: float, dz: float,
                   half: F64) -> Any:
    """Return where a ray enters a cylinder and through which face."""
    enter, leave = _meet_round(ox, oy, oz, dx, dy, dz, half[0], True)
    low, high = (-half[2] - oz) / dz, (half[2] - oz) / dz
    if dz < 0.0:
        low, high = high, low
    if max(enter, low) > min(leave, high):
        return np.inf, 0
    return (enter, 0) if enter >= low else (low, 1 if dz > 0.0 else 2)


@kernel()
def _meet(shape: int, half: F64, ox: float, oy: float, oz: float, dx: float, dy: float,
          dz: float) -> Any:
    """Return the depth at which a ray meets a solid, inf if it does not, and the face."""
    if shape == ROOM or shape == BOX:
        t, face = _meet_box(ox, oy, oz, dx, dy, dz, half, shape == ROOM)
    elif shape == BALL:
        t, leave = _meet_round(ox, oy, oz, dx, dy, dz, half[0], False)
        face = 0
    else:
        t, face = _meet_cylinder(ox, oy, oz, dx, dy, dz, half)
    return (t, face) if t > _LIFT else (np.inf, 0)


@kernel()
def _on_face(shape: int, face: int, half: F64, x: float, y: float, z: float) -> Any:
    """
    Return where on a face a point lies.

    A picture stands upright and unmirrored for whoever looks at it.

    :returns: shares (s, t) of the picture, its width and height in metres, the normal.
    """
    if shape == BALL:
        r = half[0]
        return (np.arctan2(y, x) / _TAU + 0.5, np.arccos(min(max(z / r, -1.0), 1.0)) / np.pi,
                _TAU * r, np.pi * r, x / r, y / r, z / r)
    if shape == CYLINDER and face == 0:
        r = half[0]
        return (np.arctan2(y, x) / _TAU + 0.5, 0.5 - 0.5 * z / half[2], _TAU * r, 2.0 * half[2],
                x / r, y / r, 0.0)
    axis = face // 2 if shape != CYLINDER else 2
    upper = face % 2 == 1 if shape != CYLINDER else face == 2
    n = 1.0 if upper != (shape == ROOM) else -1.0
    if axis == 2:
        h = half[1] if shape != CYLINDER else half[0]
        return (0.5 + 0.5 * x / half[0], 0.5 - 0.5 * n * y / h, 2.0 * half[0], 2.0 * h,
                0.0, 0.0, n)
    if axis == 0:
        return (0.5 + 0.5 * n * y / half[1], 0.5 - 0.5 * z / half[2], 2.0 * half[1],
                2.0 * half[2], n, 0.0, 0.0)
    return (0.5 - 0.5 * n * x / half[0], 0.5 - 0.5 * z / half[2], 2.0 * half[0], 2.0 * half[2],
            0.0, n, 0.0)


@kernel()
def _sample_level(atlas: Atlas, texture: int, level: int, s: float, t: float) -> Any:
    """Return the bilinear colour at shares (s, t) of one level, 0..255."""
    width, height = atlas.width[texture, level], atlas.height[texture, level]
    u = min(max(s * width - 0.5, 0.0), width - 1.0)
    v = min(max(t * height - 0.5, 0.0), height - 1.0)
    iu, iv = min(int(u), width - 2), min(int(v), height - 2)
    fu, fv = u - iu, v - iv
    at = atlas.start[texture, level] + iv * width + iu
    red, green, blue = 0.0, 0.0, 0.0
    for k in range(4):
        texel = atlas.texels[at + (k & 1) + (k >> 1) * width]
        weight = (fu if k & 1 else 1.0 - fu) * (fv if k >> 1 else 1.0 - fv)
        red += weight * (texel & 255)
        green += weight * (texel >> 8 & 255)
        blue += weight * (texel >> 16)
    return red, green, blue


@kernel()
def _colour(atlas: Atlas, texture: int, s: float, t: float, width_m: float,
            footprint_m: float) -> Any:
    """Blend the two levels whose texels are about as wide as a ray."""
    texels = footprint_m * atlas.width[texture, 0] / width_m
    fine = min(max(np.log2(max(texels, 1e-6)), 0.0), atlas.start.shape[1] - 1.0)
    level = min(int(fine), atlas.start.shape[1] - 2)
    share = fine - level
    r0, g0, b0 = _sample_level(atlas, texture, level, s, t)
    if share == 0.0:
        return r0, g0, b0
    r1, g1, b1 = _sample_level(atlas, texture, level + 1, s, t)
    return r0 + share * (r1 - r0), g0 + share * (g1 - g0), b0 + share * (b1 - b0)


@kernel()
def _first(shape: U8, half: F64, eye: F64, ray: F64, bounds: I32, nearest: F64, near: I32,
           count: int, u: float, v: float) -> Any:
    """
    Return the nearest of some solids that a pixel shows, its face and depth.

    :param near: the solids, those that may be nearest first. Of two at the same depth the one with
        the lower index shows, whatever their order here.
    """
    best, found, on = np.inf, NOTHING, 0
    for k in range(count):
        n = near[k]
        if nearest[n] > best:
            break
        if u < bounds[n, 0] or u > bounds[n, 1]:
            continue
        M, o = ray[n], eye[n]
        t, face = _meet(shape[n], half[n], o[0], o[1], o[2], M[0, 0] * u + M[0, 1] * v + M[0, 2],
                        M[1, 0] * u + M[1, 1] * v + M[1, 2], M[2, 0] * u + M[2, 1] * v + M[2, 2])
        if t < best or (t == best and n < found):
            best, found, on = t, n, face
    return found, on, best


@kernel()
def _look(shape: U8, half: F64, texture: I32, atlas: Atlas, eye: F64, ray: F64, n: int,
          face: int, depth: float, u: float, v: float, pixel_rad: float) -> Any:
    """Return the colour of the point that a ray meets."""
    M, o = ray[n], eye[n]
    dx = M[0, 0] * u + M[0, 1] * v + M[0, 2]
    dy = M[1, 0] * u + M[1, 1] * v + M[1, 2]
    dz = M[2, 0] * u + M[2, 1] * v + M[2, 2]
    s, t, width, height, nx, ny, nz = _on_face(shape[n], face, half[n], o[0] + depth * dx,
                                               o[1] + depth * dy, o[2] + depth * dz)
    length = np.sqrt(dx * dx + dy * dy + dz * dz)
    slant = abs(dx * nx + dy * ny + dz * nz) / length
    # Between the short and the long axis of the ellipse that the ray covers.
    footprint = depth * length * pixel_rad / np.sqrt(max(slant, 0.02))
    return _colour(atlas, texture[n, face], s, t, width, footprint)


@kernel()
def _in_row(bounds: I32, order: I32, row: int, near: I32) -> int:
    """Write the solids that a row may show, in their order; return how many there are."""
    count = 0
    for n in order:
        if bounds[n, 2] <= row <= bounds[n, 3]:
            near[count] = n
            count += 1
    return count


@kernel()
def _find_rows(shape: U8, half: F64, eye: F64, ray: F64, bounds: I32, nearest: F64, order: I32,
               first: int, last: int, depth: F32, owner: I16, faces: U8) -> None:
    """Trace the pixel centres of rows first..last - 1; arguments as in `cast`."""
    near = np.empty(shape.shape[0], np.int32)
    for row in range(first, last):
        count = _in_row(bounds, order, row, near)
        for column in range(depth.shape[1]):
            n, face, z = _first(shape, half, eye, ray, bounds, nearest, near, count, column, row)
            owner[row, column] = n
            faces[row, column] = face
            depth[row, column] = z


@kernel()
def _is_edge(owner: I16, faces: U8, row: int, column: int) -> bool:
    """Return whether a pixel or one of its four neighbours shows something else."""
    for k in range(4):
        r = min(max(row + (k - 1 if k % 2 == 0 else 0), 0), owner.shape[0] - 1)
        c = min(max(column + (k - 2 if k % 2 == 1 else 0), 0), owner.shape[1] - 1)
        if owner[r, c] != owner[row, column] or faces[r, c] != faces[row, column]:
            return True
    return False


@kernel()
def _paint_rows(shape: U8, half: F64, texture: I32, atlas: Atlas, eye: F64, ray: F64,
                bounds: I32, nearest: F64, order: I32, pixel_rad: float, samples: int,
                only_edges: bool, first: int, last: int, depth: F32, owner: I16, faces: U8,
                rgb: U8) -> None:
    """Colour rows first..last - 1; arguments as in `cast`."""
    near = np.empty(shape.shape[0], np.int32)
    for row in range(first, last):
        count = _in_row(bounds, order, row, near)
        for column in range(rgb.shape[1]):
            side = 1 if only_edges and not _is_edge(owner, faces, row, column) else samples
            red, green, blue, weight = 0.5, 0.5, 0.5, 1.0 / (side * side)
            for k in range(side * side):
                u = column + (k % side + 0.5) / side - 0.5
                v = row + (k // side + 0.5) / side - 0.5
                if side == 1:
                    n, face, z = owner[row, column], faces[row, column], depth[row, column]
                else:
                    n, face, z = _first(shape, half, eye, ray, bounds, nearest, near, count, u, v)
                if n == NOTHING:
                    continue
                r, g, b = _look(shape, half, texture, atlas, eye, ray, n, face, z, u, v,
                                pixel_rad / side)
                red, green, blue = red + weight * r, green + weight * g, blue + weight * b
            rgb[row, column, 0] = np.uint8(red)
            rgb[row, column, 1] = np.uint8(green)
            rgb[row, column, 2] = np.uint8(blue)


def cast(solids: Solids, atlas: Atlas, K: F64, T_world_cam: F64, size: tuple[int, int],
         samples: int = 2, bands: int = 1, run: Run = run_serial, only_edges: bool = False,
         ) -> tuple[U8, F32, I16]:
    """
    Take a picture of some solids.

    :param K: (3, 3) camera matrix, pixels.
    :param T_world_cam: (4, 4) optical frame to world, metres.
    :param size: (height, width), pixels.
    :param samples: rays along each side of a pixel for its colour.
    :param bands: how many pieces the work is cut into.
    :param run: runs the pieces, by default one after the other.
    :param only_edges: take one ray where a pixel and its neighbours show the same face, whose
        texture is smooth at this distance anyway. Depth is the same, colours nearly.
    :returns: colour (H, W, 3) uint8, black where nothing is; depth (H, W) float32 at the pixel
        centres, metres along +Z, +inf where nothing is; index of the solid there (H, W) int16,
        NOTHING where none is.
    """
    T_body_cam = invert_rigid(solids.T_world_body) @ T_world_cam
    ray = np.ascontiguousarray(T_body_cam[:, :3, :3] @ np.linalg.inv(K))
    eye = np.ascontiguousarray(T_body_cam[:, :3, 3])
    bounds, nearest = _pixel_bounds(solids, K, T_world_cam, size)
    order = np.argsort(nearest, kind='stable').astype(np.int32)
    rgb = np.empty((*size, 3), np.uint8)
    depth = np.empty(size, np.float32)
    owner = np.empty(size, np.int16)
    faces = np.empty(size, np.uint8)
    geometry = (eye, ray, bounds, nearest, order)
    rows = split(size[0], bands)
    run([partial(_find_rows, solids.shape, solids.half_m, *geometry, *part, depth, owner, faces)
         for part in rows])
    run([partial(_paint_rows, solids.shape, solids.half_m, solids.texture, atlas, *geometry,
                 1.0 / K[0, 0], samples, only_edges, *part, depth, owner, faces, rgb)
         for part in rows])
    return rgb, depth, owner


def _pixel_bounds(solids: Solids, K: F64, T_world_cam: F64, size: tuple[int, int],
                  ) -> tuple[I32, F64]:
    """
    Say where in the picture and how near each solid may be.

    :returns: (N, 4) the first and last column and row that may show it; (N,) metres along +Z that
        it is away at least.
    """
    # Rays of the outermost pixels lie on both sides of their centres.
    whole = np.array([-1, size[1], -1, size[0]], np.int32)
    bounds = np.tile(whole, (len(solids.shape), 1))
    corner = np.stack(np.meshgrid(*[(-1.0, 1.0)] * 3), axis=-1).reshape(-1, 3)
    reach = np.where((solids.shape == BALL)[:, None], solids.half_m[:, :1], solids.half_m)
    reach = np.where((solids.shape == CYLINDER)[:, None], reach[:, [0, 0, 2]], reach)
    T_cam_body = invert_rigid(T_world_cam) @ solids.T_world_body
    nearest = np.zeros(len(solids.shape))
    for n, (T, half) in enumerate(zip(T_cam_body, reach)):
        points = (corner * half) @ T[:3, :3].T + T[:3, 3]
        if solids.shape[n] == ROOM or points[:, 2].min() < 1e-3:
            continue
        # Held a little nearer than it is: what a ray meets is rounded.
        nearest[n] = (1.0 - _ROUNDED) * points[:, 2].min()
        pixels = (points @ K.T)[:, :2] / points[:, 2:]
        low, high = np.floor(pixels.min(axis=0)) - 1.0, np.ceil(pixels.max(axis=0)) + 1.0
        # Far out of sight both ends are the same, where no ray is.
        bounds[n] = (*np.clip((low[0], high[0]), -1.0, size[1]),
                     *np.clip((low[1], high[1]), -1.0, size[0]))
    return bounds, nearest


@kernel()
def _passes(point: F64, ray: F64, centre: F64, radius: float, limit: float) -> bool:
    """Return whether a ray of so many lengths comes nowhere near a ball."""
    along, beside, square, length = 0.0, 0.0, radius * radius, 0.0
    for c in range(3):
        length += ray[c] * ray[c]
        along += ray[c] * (centre[c] - point[c])
        beside += (centre[c] - point[c]) ** 2
    t = min(max(along / length, 0.0), limit)
    return beside - 2.0 * t * along + t * t * length > square


@kernel()
def _reach_rows(shape: U8, half: F64, T_world_body: F64, T_body_world: F64, radius: F64,
                points: F64, rays: F64, limit: float, first: int, last: int,
                reached: F64) -> None:
    """Write how far each ray of points first..last - 1 goes; arguments as in `free_lengths`."""
    for p in range(first, last):
        x, y, z = points[p]
        for k in range(rays.shape[1]):
            dx, dy, dz = rays[p, k]
            best = limit
            for n in range(shape.shape[0]):
                if _passes(points[p], rays[p, k], T_world_body[n, :3, 3], radius[n], best):
                    continue
                T = T_body_world[n]
                t, _ = _meet(shape[n], half[n],
                             T[0, 0] * x + T[0, 1] * y + T[0, 2] * z + T[0, 3],
                             T[1, 0] * x + T[1, 1] * y + T[1, 2] * z + T[1, 3],
                             T[2, 0] * x + T[2, 1] * y + T[2, 2] * z + T[2, 3],
                             T[0, 0] * dx + T[0, 1] * dy + T[0, 2] * dz,
                             T[1, 0] * dx + T[1, 1] * dy + T[1, 2] * dz,
                             T[2, 0] * dx + T[2, 1] * dy + T[2, 2] * dz)
                best = min(best, t)
            reached[p, k] = best


def free_lengths(solids: Solids, points: F64, rays: F64, limit: float = np.inf, bands: int = 1,
                 run: Run = run_serial) -> F64:
    """
    Say how far one can see from some points.

    :param points: (P, 3) metres, world.
    :param rays: (P, R, 3) directions from each point, world.
    :param limit: what is farther does not matter, in lengths of the ray.
    :returns: (P, R) float64 in lengths of the ray, `limit` where it meets nothing before.
    """
    reached = np.empty(rays.shape[:2])
    # A ball around each solid; that of a room is around everything.
    radius = np.where(solids.shape == ROOM, np.inf, np.linalg.norm(solids.half_m, axis=1))
    run([partial(_reach_rows, solids.shape, solids.half_m, solids.T_world_body,
                 invert_rigid(solids.T_world_body), radius, points, rays, limit, *rows, reached)
         for rows in split(len(points), bands)])
    return reached
