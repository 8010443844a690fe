# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Light on the solids: lamps and windows as areas, the sun, and two bounces off everything else.

All surfaces are matt, so the light on a surface is the same from wherever one looks. It is
computed once per patch of surface, by tracing rays, and multiplied into the textures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hall.world import F64, Solid
from numba import njit, prange
import numpy as np

_LEAF = 4
_EPSILON = 1e-4  # metres off the surface where rays start


@dataclass(frozen=True)
class Lamp:
    """
    A shining rectangle.

    :param corner, u, v: (3,) corner and both edges in `map`, metres.
    :param normal: (3,) unit, the way it shines.
    :param radiance: (3,) linear RGB.
    :param samples: shadow rays per point.
    """

    corner: F64
    u: F64
    v: F64
    normal: F64
    radiance: F64
    samples: int


@dataclass(frozen=True)
class Sun:
    """The sun: (3,) unit direction towards it, (3,) linear RGB irradiance, angular radius."""

    towards: F64
    irradiance: F64
    radius_rad: float = 0.012


class Bvh:
    """Arrays of solids and of a tree of boxes about them, as the kernels want them."""

    def __init__(self, solids: Sequence[Solid], clear: Sequence[bool]) -> None:
        """
        Build the tree.

        :param clear: which of the solids the sun shines through.
        """
        self.centres = np.array([s.centre for s in solids])
        self.rotations = np.array([s.rotation for s in solids])
        self.halves = 0.5 * np.array([s.size for s in solids])
        self.round = np.array([s.shape == 'cylinder' for s in solids])
        self.clear = np.asarray(clear, dtype=np.bool_)
        bounds = np.array([np.concatenate(s.bounds) for s in solids])
        nodes: list[list[float]] = []
        links: list[tuple[int, int]] = []
        order: list[int] = []

        def grow(members: np.ndarray) -> int:
            node = len(nodes)
            low, high = bounds[members, :3].min(axis=0), bounds[members, 3:].max(axis=0)
            nodes.append([*low, *high])
            links.append((0, 0))
            if len(members) <= _LEAF:
                links[node] = (-len(order) - 1, len(members))
                order.extend(int(m) for m in members)
                return node
            axis = int(np.argmax(high - low))
            middle = bounds[members, axis] + bounds[members, axis + 3]
            members = members[np.argsort(middle, kind='stable')]
            half = len(members) // 2
            links[node] = (grow(members[:half]), grow(members[half:]))
            return node

        grow(np.arange(len(solids)))
        self.nodes = np.array(nodes)
        self.links = np.array(links, dtype=np.int64)
        self.order = np.array(order, dtype=np.int64)

    @property
    def arrays(self) -> tuple:
        """Return what the kernels take."""
        return (self.nodes, self.links, self.order, self.centres, self.rotations, self.halves,
                self.round, self.clear)


@njit(cache=True)
def _solid_hit(i, o, d, centres, rotations, halves, is_round):  # type: ignore
    """Return the distance to solid i, or inf."""
    R, h = rotations[i], halves[i]
    x, y, z = o[0] - centres[i, 0], o[1] - centres[i, 1], o[2] - centres[i, 2]
    p0 = R[0, 0] * x + R[1, 0] * y + R[2, 0] * z
    p1 = R[0, 1] * x + R[1, 1] * y + R[2, 1] * z
    p2 = R[0, 2] * x + R[1, 2] * y + R[2, 2] * z
    d0 = R[0, 0] * d[0] + R[1, 0] * d[1] + R[2, 0] * d[2]
    d1 = R[0, 1] * d[0] + R[1, 1] * d[1] + R[2, 1] * d[2]
    d2 = R[0, 2] * d[0] + R[1, 2] * d[1] + R[2, 2] * d[2]
    enter, leave = -np.inf, np.inf
    for k in range(3):
        if is_round[i] and k < 2:
            continue
        p, q = (p0, d0) if k == 0 else ((p1, d1) if k == 1 else (p2, d2))
        if abs(q) < 1e-12:
            if abs(p) > h[k]:
                return np.inf
            continue
        a, b = (-h[k] - p) / q, (h[k] - p) / q
        enter, leave = max(enter, min(a, b)), min(leave, max(a, b))
    if is_round[i]:
        a = d0 * d0 + d1 * d1
        c = p0 * p0 + p1 * p1 - h[0] * h[0]
        if a < 1e-18:
            if c > 0.0:
                return np.inf
        else:
            b = p0 * d0 + p1 * d1
            root = b * b - a * c
            if root < 0.0:
                return np.inf
            root = np.sqrt(root)
            enter, leave = max(enter, (-b - root) / a), min(leave, (-b + root) / a)
    if enter > leave or leave < 0.0:
        return np.inf
    return max(enter, 0.0)


@njit(cache=True)
def _trace(o, d, limit, any_hit, through, tree):  # type: ignore
    """Return (distance, solid) of the nearest hit under the limit, or of any; else (inf, -1)."""
    nodes, links, order, centres, rotations, halves, is_round, clear = tree
    inverse = np.empty(3)
    for k in range(3):
        inverse[k] = 1.0 / d[k] if abs(d[k]) > 1e-12 else 1e12
    stack = np.empty(48, np.int64)
    stack[0] = 0
    depth, best, which = 1, limit, -1
    while depth > 0:
        depth -= 1
        n = stack[depth]
        enter, leave = 0.0, best
        for k in range(3):
            a, b = (nodes[n, k] - o[k]) * inverse[k], (nodes[n, k + 3] - o[k]) * inverse[k]
            enter, leave = max(enter, min(a, b)), min(leave, max(a, b))
        if enter > leave:
            continue
        if links[n, 0] >= 0:
            stack[depth], stack[depth + 1] = links[n, 0], links[n, 1]
            depth += 2
            continue
        first = -links[n, 0] - 1
        for m in range(first, first + links[n, 1]):
            i = order[m]
            if through and clear[i]:
                continue
            t = _solid_hit(i, o, d, centres, rotations, halves, is_round)
            if t < best:
                best, which = t, i
                if any_hit:
                    return best, which
    return (best, which) if which >= 0 else (np.inf, -1)


@njit(cache=True)
def _random(i, j):  # type: ignore
    """Return a number in 0..1 that depends on two integers only."""
    x = (i * 0x9E3779B1 + j * 0x85EBCA77 + 0x165667B1) & 0xFFFFFFFF
    x = ((x ^ (x >> 15)) * 0x2C1B3C6D) & 0xFFFFFFFF
    x = ((x ^ (x >> 12)) * 0x297A2D39) & 0xFFFFFFFF
    return (x ^ (x >> 15)) / 4294967296.0


@njit(cache=True)
def _axes(n):  # type: ignore
    """Return two unit vectors square to n and to each other."""
    a = np.array([0.0, 1.0, 0.0]) if abs(n[0]) > 0.7 else np.array([1.0, 0.0, 0.0])
    u = np.cross(a, n)
    u /= np.sqrt(u[0] * u[0] + u[1] * u[1] + u[2] * u[2])
    return u, np.cross(n, u)


@njit(parallel=True, cache=True)
def _direct(points, normals, lamps, counts, sun, sun_samples, tree):  # type: ignore
    """Return (N, 3) irradiance from lamps (L, 15: corner u v normal radiance) and sun (7)."""
    out = np.zeros((len(points), 3))
    for p in prange(len(points)):
        n = normals[p]
        o = points[p] + _EPSILON * n
        for k in range(len(lamps)):
            lamp = lamps[k]
            area = np.cross(lamp[3:6], lamp[6:9])
            size = np.sqrt((area * area).sum())
            total, side = 0.0, int(np.sqrt(counts[k]))
            rows = counts[k] // side
            for s in range(side * rows):
                a = (s % side + _random(p, 2 * s + 97 * k)) / side
                b = (s // side + _random(p, 2 * s + 97 * k + 1)) / rows
                d = lamp[0:3] + a * lamp[3:6] + b * lamp[6:9] - o
                far = np.sqrt((d * d).sum())
                d /= far
                here = (d * n).sum()
                there = -(d * lamp[9:12]).sum()
                if here <= 0.0 or there <= 0.0:
                    continue
                if _trace(o, d, far - 2e-3, True, False, tree)[1] < 0:
                    total += here * there / (far * far)
            out[p] += lamp[12:15] * (total * size / (side * rows))
        if (sun[0:3] * n).sum() > 0.0:
            u, v = _axes(sun[0:3])
            lit = 0.0
            for s in range(sun_samples):
                r = sun[6] * np.sqrt((s + _random(p, 7 * s + 5)) / sun_samples)
                angle = 2.399963 * s + 6.2831853 * _random(p, 3)
                d = sun[0:3] + r * (np.cos(angle) * u + np.sin(angle) * v)
                d /= np.sqrt((d * d).sum())
                if _trace(o, d, 100.0, True, True, tree)[1] < 0:
                    lit += max((d * n).sum(), 0.0)
            out[p] += sun[3:6] * (lit / sun_samples)
    return out


@njit(cache=True)
def _texel(i, x, maps, tree):  # type: ignore
    """Return the row of the light store where solid i has the point x."""
    _, _, _, centres, rotations, halves, is_round, _ = tree
    first, offset, rows, columns = maps
    p = np.empty(3)
    for k in range(3):
        p[k] = ((x[0] - centres[i, 0]) * rotations[i, 0, k]
                + (x[1] - centres[i, 1]) * rotations[i, 1, k]
                + (x[2] - centres[i, 2]) * rotations[i, 2, k]) / (2.0 * halves[i, k])
    if is_round[i]:
        if abs(p[0] * p[0] + p[1] * p[1] - 0.25) * halves[i, 0] < abs(0.5 - abs(p[2])) * halves[
                i, 2]:
            face, u, v = 0, np.arctan2(p[1], p[0]) / (2.0 * np.pi) + 0.5, 0.5 - p[2]
        elif p[2] > 0.0:
            face, u, v = 1, p[0] + 0.5, 0.5 - p[1]
        else:
            face, u, v = 2, p[0] + 0.5, p[1] + 0.5
    else:
        axis, gap = 0, np.inf
        for k in range(3):
            g = abs(0.5 - abs(p[k])) * halves[i, k]
            if g < gap:
                axis, gap = k, g
        up = p[axis] > 0.0
        face = 2 * axis + (0 if up else 1)
        if axis == 0:
            u, v = (p[1] + 0.5 if up else 0.5 - p[1]), 0.5 - p[2]
        elif axis == 1:
            u, v = (0.5 - p[0] if up else p[0] + 0.5), 0.5 - p[2]
        else:
            u, v = p[0] + 0.5, (0.5 - p[1] if up else p[1] + 0.5)
    f = first[i] + face
    c = min(max(int(u * columns[f]), 0), columns[f] - 1)
    r = min(max(int(v * rows[f]), 0), rows[f] - 1)
    return offset[f] + r * columns[f] + c


@njit(parallel=True, cache=True)
def _gather(points, normals, store, maps, count, tree):  # type: ignore
    """Return (N, 3) irradiance from surfaces whose radiosity / pi is in the store."""
    out = np.zeros((len(points), 3))
    for p in prange(len(points)):
        n = normals[p]
        o = points[p] + _EPSILON * n
        u, v = _axes(n)
        r1, r2 = _random(p, 11), _random(p, 12)
        total = np.zeros(3)
        for s in range(count):
            a = ((s + 0.5) / count + r1) % 1.0
            b = 6.2831853 * ((s * 0.6180339887 + r2) % 1.0)
            radius = np.sqrt(a)
            d = (radius * np.cos(b)) * u + (radius * np.sin(b)) * v + np.sqrt(1.0 - a) * n
            t, i = _trace(o, d, 100.0, False, False, tree)
            if i >= 0:
                total += store[_texel(i, o + t * d, maps, tree)]
        out[p] = total * (np.pi / count)
    return out


def direct(points: F64, normals: F64, lamps: Sequence[Lamp], sun: Sun, bvh: Bvh) -> F64:
    """
    Return the light that comes straight from lamps, windows and the sun.

    :param points, normals: (N, 3) in `map`.
    :returns: (N, 3) irradiance, linear RGB.
    """
    table = np.array([np.concatenate([x.corner, x.u, x.v, x.normal, x.radiance]) for x in lamps])
    counts = np.array([x.samples for x in lamps])
    row = np.array([*sun.towards, *sun.irradiance, sun.radius_rad])
    return _direct(points, normals, table, counts, row, 9, bvh.arrays)


def gather(points: F64, normals: F64, store: F64, maps: tuple, count: int, bvh: Bvh) -> F64:
    """
    Return the light that comes from other surfaces.

    :param points, normals: (N, 3) in `map`.
    :param store: (T, 3) what each patch of surface sends out, radiosity / pi, linear RGB.
    :param maps: first face of each solid, and of each face first row in the store, rows, columns.
    :param count: rays per point.
    :returns: (N, 3) irradiance, linear RGB.
    """
    return _gather(points, normals, store, maps, count, bvh.arrays)


@njit(parallel=True, cache=True)
def _sees(eye, points, tree):  # type: ignore
    seen = np.zeros(len(points), np.bool_)
    for p in prange(len(points)):
        d = points[p] - eye
        far = np.sqrt((d * d).sum())
        d /= far
        seen[p] = _trace(eye, d, far - 5e-3, True, False, tree)[1] < 0
    return seen


@njit(parallel=True, cache=True)
def _look(origins, directions, tree):  # type: ignore
    t = np.empty(len(origins))
    for p in prange(len(origins)):
        d = directions[p]
        length = np.sqrt((d * d).sum())
        t[p] = _trace(origins[p], d / length, 1e3, False, False, tree)[0] / length
    return t


def sees(eye: F64, points: F64, bvh: Bvh) -> np.ndarray:
    """Return (N,) bool: which of (N, 3) points of surfaces are in sight of an eye (3,)."""
    return _sees(eye, points, bvh.arrays)


def look(origins: F64, directions: F64, bvh: Bvh) -> F64:
    """Return what world.ray_cast returns first, (N,), quickly."""
    return _look(origins, directions, bvh.arrays)
