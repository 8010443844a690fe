# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Follow millions of rays quickly: world.ray_cast with a tree of boxes, compiled."""

from __future__ import annotations

from collections.abc import Sequence

from hall.world import F64, Solid
from numba import njit, prange
import numpy as np

_LEAF = 4


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
def trace(o, d, limit, any_hit, through, tree):  # type: ignore
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


@njit(parallel=True, cache=True)
def _sees(eye, points, tree):  # type: ignore
    seen = np.zeros(len(points), np.bool_)
    for p in prange(len(points)):
        d = points[p] - eye
        far = np.sqrt((d * d).sum())
        d /= far
        seen[p] = trace(eye, d, far - 5e-3, True, False, tree)[1] < 0
    return seen


@njit(parallel=True, cache=True)
def _look(origins, directions, tree):  # type: ignore
    t = np.empty(len(origins))
    for p in prange(len(origins)):
        d = directions[p]
        length = np.sqrt((d * d).sum())
        t[p] = trace(origins[p], d / length, 1e3, False, False, tree)[0] / length
    return t


def sees(eye: F64, points: F64, bvh: Bvh) -> np.ndarray:
    """Return (N,) bool: which of (N, 3) points of surfaces are in sight of an eye (3,)."""
    return _sees(eye, points, bvh.arrays)


def look(origins: F64, directions: F64, bvh: Bvh) -> F64:
    """Return what world.ray_cast returns first, (N,), quickly."""
    return _look(origins, directions, bvh.arrays)
