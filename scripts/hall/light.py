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

from hall.tracing import Bvh, trace
from hall.world import F64
from numba import njit, prange
import numpy as np

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
                if trace(o, d, far - 2e-3, True, False, tree)[1] < 0:
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
                if trace(o, d, 100.0, True, True, tree)[1] < 0:
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
            t, i = trace(o, d, 100.0, False, False, tree)
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
