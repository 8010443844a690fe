# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Plain boxes drawn into a picture that has a depth, nearest first.

A ray goes through each pixel's middle; where it first enters a box is what the pixel shows, if
nothing in the picture is nearer. A pixel whose depth is not known shows the box: it is known to
be there, and what is unknown is not known to hide it. Faces are flat, and a little darker the more
they turn away from the light, which comes from above. `draw_slowly` is the twin in numpy.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .camera import invert_rigid
from .kernel import kernel

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
U8 = npt.NDArray[np.uint8]

# How bright the faces across x, y and z are.
_SHADES = np.array([0.7, 0.85, 1.0])
# Parallel to a face for all that matters.
_TINY = 1e-12
# What a corner has to be ahead of the camera for its place in the picture to mean anything.
_AHEAD_M = 1e-3


class Placed(NamedTuple):
    """A box as a camera sees it."""

    T_box_cam: F64    # (4, 4) optical frame to the box
    half: F64         # (3,) half its size, metres
    colours: U8       # (3, 3) of its faces across x, y and z, rgb
    rows: tuple[int, int]     # that it may lie in, first and behind the last
    columns: tuple[int, int]


def place(T_world_cam: F64, K: F64, size: tuple[int, int], T_world_box: F64,
          edges: tuple[float, float, float], colour: tuple[int, int, int]) -> Placed | None:
    """
    Return a box as a camera sees it, None if it is not in the picture.

    :param size: (height, width) of the picture, pixels.
    :param T_world_box: (4, 4) the middle of the box, axes along its edges.
    :param edges: its size along them, metres.
    :param colour: rgb, 0..255.
    """
    half = 0.5 * np.asarray(edges, np.float64)
    T_cam_box = invert_rigid(T_world_cam) @ T_world_box
    signs = np.array(np.meshgrid((-1, 1), (-1, 1), (-1, 1))).reshape(3, 8)
    x, y, z = T_cam_box[:3, :3] @ (signs * half[:, None]) + T_cam_box[:3, 3:]
    if (z <= 0.0).all():
        return None
    rows, columns = (0, size[0]), (0, size[1])
    if (z > _AHEAD_M).all():
        columns = _range(K[0, 0] * x / z + K[0, 2], size[1])
        rows = _range(K[1, 1] * y / z + K[1, 2], size[0])
    if rows[0] >= rows[1] or columns[0] >= columns[1]:
        return None
    colours = np.rint(_SHADES[:, None] * np.asarray(colour, np.float64)).astype(np.uint8)
    return Placed(invert_rigid(T_cam_box), half, colours, rows, columns)


def _range(at: F64, length: int) -> tuple[int, int]:
    return max(int(np.floor(at.min())), 0), min(int(np.ceil(at.max())) + 1, length)


def draw(boxes: list[Placed], K: F64, near_m: float, depth_HW: F32, rgb_HW3: U8 | None,
         seen_HW: U8 | None, mark: int) -> None:
    """
    Draw boxes into a picture, in place.

    :param near_m: nearest surface that is drawn, metres.
    :param depth_HW: (H, W) float32, metres along +Z; NaN unknown, +inf out of range.
    :param rgb_HW3: (H, W, 3) uint8, None if it is not wanted.
    :param seen_HW: (H, W) uint8, likewise.
    :param mark: what it says of a box.
    """
    rgb = np.empty((0, 0, 3), np.uint8) if rgb_HW3 is None else rgb_HW3
    seen = np.empty((0, 0), np.uint8) if seen_HW is None else seen_HW
    for box in boxes:
        _draw(box.T_box_cam, box.half, box.colours, *box.rows, *box.columns, K, near_m, depth_HW,
              rgb, seen, mark)


@kernel()
def _draw(T_box_cam: F64, half: F64, colours: U8, top: int, bottom: int, left: int, right: int,
          K: F64, near_m: float, depth: F32, rgb: U8, seen: U8, mark: int) -> None:
    for v in range(top, bottom):
        y = (v - K[1, 2]) / K[1, 1]
        for u in range(left, right):
            x = (u - K[0, 2]) / K[0, 0]
            enter, leave, face = near_m, np.inf, -1
            for k in range(3):
                along = T_box_cam[k, 0] * x + T_box_cam[k, 1] * y + T_box_cam[k, 2]
                eye = T_box_cam[k, 3]
                if abs(along) < _TINY:
                    if abs(eye) > half[k]:
                        leave = -np.inf
                    continue
                first, last = (-half[k] - eye) / along, (half[k] - eye) / along
                if first > last:
                    first, last = last, first
                if first > enter:
                    enter, face = first, k
                leave = min(leave, last)
            # From within a box nothing is seen of it.
            if face < 0 or enter > leave or depth[v, u] <= enter:
                continue
            depth[v, u] = enter
            if rgb.shape[0]:
                for c in range(3):
                    rgb[v, u, c] = colours[face, c]
            if seen.shape[0]:
                seen[v, u] = mark


def draw_slowly(boxes: list[Placed], K: F64, near_m: float, depth_HW: F32, rgb_HW3: U8 | None,
                seen_HW: U8 | None, mark: int) -> None:
    """Do what `draw` does, for all of the picture at once, in numpy."""
    height, width = depth_HW.shape
    v, u = np.mgrid[:height, :width].astype(np.float64)
    rays = np.stack([(u - K[0, 2]) / K[0, 0], (v - K[1, 2]) / K[1, 1], np.ones_like(u)], axis=-1)
    for box in boxes:
        along, eye = rays @ box.T_box_cam[:3, :3].T, box.T_box_cam[:3, 3]
        with np.errstate(divide='ignore', invalid='ignore'):
            planes = np.stack([(-box.half - eye) / along, (box.half - eye) / along])
        first, last = planes.min(axis=0), planes.max(axis=0)
        enter, face = first.max(axis=-1), first.argmax(axis=-1)
        shown = (enter > near_m) & (enter <= last.min(axis=-1)) & ~(depth_HW <= enter)
        depth_HW[shown] = enter[shown]
        if rgb_HW3 is not None:
            rgb_HW3[shown] = box.colours[face[shown]]
        if seen_HW is not None:
            seen_HW[shown] = mark
