# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A scan all around: of a ring of virtual depth cameras instead of one camera of the robot.

They are level and stand where the scan's frame is, so that a level ray stays in the band.
They need many columns, as many as there are beams, but few rows: a row for each quarter of the
band where it is seen from the farthest, and as many rows as show all of it from near.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
import math

from inspatio_ros.contracts import F32, F64, Intrinsics
from inspatio_ros.motion.transforms import pose_rpy, T_LINK_OPTICAL
from inspatio_ros.robot.parameters import Scan
from inspatio_ros.robot.scan import beams_of, Scanner
import numpy as np

# The fewer pictures the better: each is made of several views. Wider ones have too many pixels.
_WIDEST_RAD = 2.0 * math.pi / 3.0
# Beams that lie farther apart than this are still aimed as well.
_COARSEST_RAD = math.radians(0.5)
# All of the band is seen from this far on; what is nearer is seen at the height of the eye.
_WHOLE_BAND_M = 0.5
# Rows from edge to edge of the band, seen from the farthest.
_BAND_ROWS = 4.0


@dataclass(frozen=True)
class _Sector:
    """One camera, and what it measures."""

    T_base_cam: F64
    intrinsics: Intrinsics
    scanner: Scanner


class Ring:
    """
    The cameras of a scan; worked out once.

    :param T_base_scan: (4, 4) the scan's frame.
    :param scan: band, angles, ranges; NaN stands for all around.
    :param step_rad: between beams, if the parameters do not say.
    """

    def __init__(self, T_base_scan: F64, scan: Scan, step_rad: float) -> None:
        self.made_for = (T_base_scan.tobytes(), scan, step_rad)
        self.scan = scan
        self.beams = beams_of(scan, -math.pi, math.pi, step_rad)
        span = self.beams.last_rad - self.beams.first_rad
        count = max(1, math.ceil(span / _WIDEST_RAD - 1e-6))
        edges = np.linspace(0, self.beams.count, count + 1).round().astype(int)
        self.sectors = [self._sector(T_base_scan, first, last)
                        for first, last in zip(edges[:-1].tolist(), edges[1:].tolist())]

    def ranges(self, depths: Sequence[F32]) -> F32:
        """
        Return what the beams measure, as `Scanner.ranges` has it.

        :param depths: (H, W) float32, metres, of each camera.
        """
        return np.concatenate([sector.scanner.ranges(depth)
                               for sector, depth in zip(self.sectors, depths)])

    def _sector(self, T_base_scan: F64, first: int, last: int) -> _Sector:
        """Return the camera of beams first..last - 1."""
        beams, step = self.beams, self.beams.step_rad
        half = 0.5 * (last - 1 - first) * step
        yaw = beams.first_rad + first * step + half
        T_base_cam = T_base_scan @ pose_rpy(yaw=yaw) @ T_LINK_OPTICAL
        intrinsics = _camera(half, step, self.scan)
        # `angle_max` lies a little behind the last beam: rounding must not lose it.
        own = replace(self.scan, angle_min=-half, angle_max=half + 0.25 * step,
                      angle_increment=step)
        scanner = Scanner(intrinsics, T_base_cam, own)
        assert scanner.beams.count == last - first, (scanner.beams, first, last)
        return _Sector(T_base_cam, intrinsics, scanner)


def _camera(half_rad: float, step_rad: float, scan: Scan) -> Intrinsics:
    """
    Return a camera that is as fine as beams should be, and sees the band.

    :param half_rad: from the middle of the picture to the outermost beam.
    """
    band = 0.5 * (scan.max_height - scan.min_height)
    fx = 1.0 / min(step_rad, _COARSEST_RAD)
    fy = min(_BAND_ROWS * scan.range_max / (2.0 * band), fx)
    columns = math.ceil(fx * math.tan(half_rad)) + 1
    rows = math.ceil(fy * band / (_WHOLE_BAND_M * math.cos(half_rad)))
    return Intrinsics(2 * columns + 1, 2 * rows + 1, fx, fy, float(columns), float(rows))
