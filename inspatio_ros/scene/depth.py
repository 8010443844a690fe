# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Depth from and to files without losing a bit.

Depth is float32 metres along the optical z axis; NaN = unknown, +inf = seen but out of range. In
a 16-bit PNG 0 stands for NaN and 65535 for +inf; every other value v is `v * depth_scale` metres,
multiplied in float64 and rounded to float32. What no known scale reproduces exactly is stored as
a float32 .npy file.
"""

from __future__ import annotations

import io
from pathlib import Path

from inspatio_ros.contracts import F32
from inspatio_ros.scene.images import check_size, png_bytes, read_uint16, U16
import numpy as np

PNG_UNKNOWN = 0
PNG_OUT_OF_RANGE = 65535
# Metres per unit that sensors and data sets use: KITTI, millimetres, RealSense L515, TUM, a tenth
# of a millimetre. The coarse ones come first, they pack best.
DEPTH_SCALES = (1 / 256, 1e-3, 1 / 4000, 1 / 5000, 1e-4)


def metres_from_units(units: U16, depth_scale: float) -> F32:
    """
    Turn the numbers of a depth PNG of a scene into metres.

    :param units: (H, W) uint16.
    :param depth_scale: metres per unit.
    :returns: (H, W) float32 metres; NaN where 0, +inf where 65535.
    """
    depth = (units * np.float64(depth_scale)).astype(np.float32)
    depth[units == PNG_UNKNOWN] = np.nan
    depth[units == PNG_OUT_OF_RANGE] = np.inf
    return depth


def metres_from_sensor(units: U16, depth_scale: float) -> F32:
    """
    Turn the numbers of a sensor's depth PNG, which knows no 'out of range', into metres.

    :param units: (H, W) uint16, 0 = no return.
    :param depth_scale: metres per unit.
    :returns: (H, W) float32 metres, NaN where 0.
    """
    depth = (units * np.float64(depth_scale)).astype(np.float32)
    depth[units == PNG_UNKNOWN] = np.nan
    return depth


def units_from_metres(depth: F32, depth_scale: float) -> U16 | None:
    """
    Return the PNG numbers that give back exactly this depth, if there are any.

    :param depth: (H, W) float32 metres.
    :param depth_scale: metres per unit.
    :returns: (H, W) uint16, or None if some pixel would change.
    """
    finite = np.isfinite(depth)
    with np.errstate(invalid='ignore'):
        units = np.rint(np.where(finite, depth, 0.0) / np.float64(depth_scale))
    if units.max(initial=0.0) >= PNG_OUT_OF_RANGE:
        return None
    coded = units.astype(np.uint16)
    coded[depth == np.inf] = PNG_OUT_OF_RANGE
    same = np.array_equal(metres_from_units(coded, depth_scale), depth, equal_nan=True)
    return coded if same else None


def depth_bytes(depth: F32) -> tuple[str, bytes, float | None]:
    """
    Encode a depth map without loss, as small as that can be.

    :param depth: (H, W) float32 metres.
    :returns: suffix ('.png' or '.npy'), content, metres per unit (None for .npy).
    """
    for depth_scale in DEPTH_SCALES:
        units = units_from_metres(depth, depth_scale)
        if units is not None:
            return '.png', png_bytes(units), depth_scale
    buffer = io.BytesIO()
    np.save(buffer, depth, allow_pickle=False)
    return '.npy', buffer.getvalue(), None


def read_npy(path: Path, what: str, size: tuple[int, int], size_of: str = 'intrinsics') -> F32:
    """
    Read a float32 depth map; the header is checked before any memory is taken.

    :param path: .npy file with (H, W) float32.
    :param what: field name for messages.
    :param size: expected (width, height).
    :param size_of: what has the expected size, for messages.
    :returns: (H, W) float32, as stored.
    :raises ValueError: missing, truncated, pickled, of another type or size.
    """
    if not path.is_file():
        raise ValueError(f'{path}: {what}: there is no such file')
    try:
        stored = np.lib.format.open_memmap(path, mode='r')
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(f'{path}: {what}: cannot be read: {error}') from error
    if stored.ndim != 2 or stored.dtype != np.float32:
        raise ValueError(f'{path}: {what} holds {stored.dtype} of shape {stored.shape}, '
                         'expected float32 of shape (height, width)')
    check_size(path, what, (stored.shape[1], stored.shape[0]), size, size_of)
    return np.array(stored, order='C')


def read_depth(path: Path, what: str, size: tuple[int, int], depth_scale: float | None,
               size_of: str = 'intrinsics') -> F32:
    """
    Read a depth file of a scene.

    :param path: 16-bit PNG, or float32 .npy where `depth_scale` is None.
    :param what: field name for messages.
    :param size: expected (width, height).
    :param depth_scale: metres per unit of the PNG.
    :param size_of: what has the expected size, for messages.
    :returns: (H, W) float32 metres.
    :raises ValueError: missing, damaged, of another size or type.
    """
    if depth_scale is None:
        return read_npy(path, what, size, size_of)
    return metres_from_units(read_uint16(path, what, size, size_of), depth_scale)
