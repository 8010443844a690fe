# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Depth as a planar laser would have measured it: the nearest thing in a band of heights.

The scan's frame lies under the camera, level with the base and turned to where the camera looks.
So every pixel has one direction in it, whatever its depth, and all geometry is worked out once:
where along its ray a pixel enters the band and leaves it again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
import math

from inspatio_ros.contracts import F32, F64, I64, Intrinsics
from inspatio_ros.motion.transforms import pose_rpy
from inspatio_ros.robot.parameters import Scan, WorldParameters
import numpy as np
import numpy.typing as npt

# Rays that see the band from near lie closer together in it than this. Some are left out.
_GAP_M = 0.01
# What has to be seen of the band along a beam where nothing is met, to call the beam free: so
# much of it on the whole, and as many of the rays that are still in it so far away.
_SEEN_SHARE = 0.5
_FAR_SHARE = 0.8
# Pixels between those that the field of view is taken from; its edges are among them.
_VIEW_STRIDE = 8
# Neighbouring pixels whose depth differs by a smaller share are of one surface.
_ONE_SURFACE = 0.03
# A camera that looks less than this from the vertical has no direction of its own.
_LEVEL = 1e-3
_TINY = 1e-12


@dataclass(frozen=True)
class Beams:
    """
    The beams of a scan, counterclockwise.

    :param first_rad: angle of the first one, from the frame's x axis.
    :param step_rad: between neighbours.
    :param count: how many.
    """

    first_rad: float
    step_rad: float
    count: int

    @property
    def last_rad(self) -> float:
        """Return the angle of the last one."""
        return self.first_rad + (self.count - 1) * self.step_rad

    @property
    def angles(self) -> F64:
        """Return (N,) radians."""
        return self.first_rad + np.arange(self.count, dtype=np.float64) * self.step_rad


def scan_pose(T_base_cam: F64, scan: Scan) -> F64:
    """Return T_base_scan: under (or over) the camera, in the middle of the band."""
    ahead, down = T_base_cam[:2, 2], T_base_cam[2, 2]
    if np.linalg.norm(ahead) < _LEVEL:  # straight down or up: to where the picture's top points
        ahead = math.copysign(1.0, down) * T_base_cam[:2, 1]
    x, y = T_base_cam[:2, 3]
    return pose_rpy(x, y, 0.5 * (scan.min_height + scan.max_height),
                    yaw=math.atan2(ahead[1], ahead[0]))


def scan_within(parameters: WorldParameters) -> Scan:
    """Return the scan asked for; depth ends at max_range: nothing is known to be free beyond."""
    scan = parameters.scan
    return replace(scan, range_max=min(scan.range_max, parameters.max_range))


class Scanner:
    """
    Makes scans of the depth pictures of one camera on its mount.

    :param intrinsics: of the depth picture.
    :param T_base_cam: (4, 4) optical frame to base.
    :param scan: band, angles, ranges.
    """

    def __init__(self, intrinsics: Intrinsics, T_base_cam: F64, scan: Scan) -> None:
        self.made_for = (intrinsics, T_base_cam.tobytes(), scan)
        self._scan = scan
        self._rays = _Rays(intrinsics, T_base_cam, scan)
        self.beams = _beams(self._rays, scan)
        self._pixels = intrinsics.width * intrinsics.height
        angles = self.beams.angles
        sight = np.flatnonzero(self._rays.may_see(angles))
        u, v, along_u = self._rays.towards(angles[sight])
        near, far, run = self._rays.band(u, v)
        # A ray that is not there, or that never is in the band, meets nothing and shows nothing.
        used = near < far  # never so where u is NaN
        kept = np.ix_(used.any(axis=1), used.any(axis=0))
        self._seeing = sight[used.any(axis=0)]  # beams; all others are unknown for ever
        u, v = np.where(used, u, 0.0)[kept], np.where(used, v, 0.0)[kept]
        along_u = along_u[kept[1]]
        self._index = _pixel(np.rint(u), np.rint(v), intrinsics)
        # The pixels on both sides of a ray, and how far it is from the first to the second.
        self._before = _pixel(np.floor(u), np.floor(v), intrinsics)
        self._behind = _pixel(np.floor(u) + along_u, np.floor(v) + ~along_u, intrinsics)
        self._share = np.where(along_u, u - np.floor(u), v - np.floor(v)).astype(np.float32)
        self._near = np.where(used, near, np.inf)[kept].astype(np.float32)
        self._far = np.where(used, far, -np.inf)[kept].astype(np.float32)
        self._run = np.where(used, run, 1.0)[kept].astype(np.float32)
        self._way = np.where(used, (far - near) * run, 0.0)[kept].astype(np.float32)
        self._long = (used & (far * run >= _FAR_SHARE * scan.range_max))[kept]
        self._way_needed = _SEEN_SHARE * self._way.sum(axis=0)
        # None of none would be enough.
        self._long_needed = np.maximum(_SEEN_SHARE * self._long.sum(axis=0), 1.0)

    @property
    def rays(self) -> int:
        """Return how many pixels are looked at, for a measurement."""
        return self._index.size

    def ranges(self, depth_HW: F32) -> F32:
        """
        Return what the beams measure.

        :param depth_HW: (H, W) float32, metres along the optical axis; NaN unknown, +inf nothing
            there, -inf too near to say.
        :returns: (N,) float32, metres from the scan's frame; +inf where the band is free up to
            range_max, NaN where it was not seen as far as that, -inf nearer than range_min.
        """
        assert depth_HW.size == self._pixels, (depth_HW.shape, self._pixels)
        result = np.full(self.beams.count, np.nan, np.float32)
        if not self._index.size:
            return result
        pixels = depth_HW.reshape(-1)
        depth = pixels.take(self._index)
        inside = (depth >= self._near) & (depth <= self._far)
        ranges = np.where(inside, depth * self._run, np.float32(np.inf))
        nearest = ranges.argmin(axis=0), np.arange(ranges.shape[1])
        ranges = self._between(pixels, ranges[nearest], nearest)
        ranges[ranges < self._scan.range_min] = -np.inf
        passed = depth > self._far
        seen = ((np.where(passed, self._way, np.float32(0.0)).sum(axis=0) >= self._way_needed)
                & ((passed & self._long).sum(axis=0) >= self._long_needed))
        ranges[np.isposinf(ranges) & ~seen] = np.nan
        result[self._seeing] = ranges
        return result

    def _between(self, pixels: F32, ranges: F32, ray: tuple[I64, I64]) -> F32:
        """
        Return ranges where the beams go between two pixels, instead of at the nearer of them.

        Along a wall that is seen from far to the side, half a pixel makes centimetres.

        :param ray: elevation and beam of each.
        """
        one, other = pixels[self._before[ray]], pixels[self._behind[ray]]
        share = self._share[ray]
        known = np.isfinite(ranges) & np.isfinite(one) & np.isfinite(other)
        one, other = np.where(known, one, 1.0), np.where(known, other, 1.0)
        flat = known & (np.abs(one - other) < _ONE_SURFACE * np.minimum(one, other))
        # Of a plane, the inverse of depth is linear in the picture.
        depth = one * other / (other + share * (one - other))
        between: F32 = np.where(flat, depth * self._run[ray], ranges)
        return between


class _Rays:
    """
    Where the rays of a camera go, seen from the scan's frame.

    :param intrinsics, T_base_cam, scan: as of Scanner.
    """

    def __init__(self, intrinsics: Intrinsics, T_base_cam: F64, scan: Scan) -> None:
        self._camera = intrinsics
        self._R_scan_cam = scan_pose(T_base_cam, scan)[:3, :3].T @ T_base_cam[:3, :3]
        # Of the band's edges, over the camera.
        self._low = scan.min_height - T_base_cam[2, 3]
        self._high = scan.max_height - T_base_cam[2, 3]
        self._longest = scan.range_max
        self.pixel_rad = 1.0 / max(intrinsics.fx, intrinsics.fy)
        # A camera that is level sees no more heights than it has rows.
        level = np.abs(self._R_scan_cam[2, (0, 2)]).max() < _TINY
        self._rise_rad = 1.0 / intrinsics.fy if level else self.pixel_rad

    def direction(self, u: F64, v: F64) -> F64:
        """Return (..., 3) where pixels look, in the scan's axes, one metre deep."""
        c = self._camera
        ray = np.stack([(u - c.cx) / c.fx, (v - c.cy) / c.fy, np.ones_like(u)], axis=-1)
        direction: F64 = ray @ self._R_scan_cam.T
        return direction

    def band(self, u: F64, v: F64) -> tuple[F64, F64, F64]:
        """
        Return where the rays of pixels are in the band and in reach.

        :returns: depth where they enter, depth where they leave (not more if they never do),
            horizontal metres per metre of depth.
        """
        x, y, rise = np.moveaxis(self.direction(u, v), -1, 0)
        rise = np.where(np.abs(rise) < _TINY, _TINY, rise)
        run = np.maximum(np.hypot(x, y), _TINY)
        to_low, to_high = self._low / rise, self._high / rise
        near = np.maximum(np.minimum(to_low, to_high), 0.0)
        far = np.minimum(np.maximum(to_low, to_high), self._longest / run)
        return near, far, run

    def view(self) -> tuple[F64, F64]:
        """Return (azimuth, elevation) of pixels from all over the picture that see the band."""
        u, v = np.meshgrid(*(np.unique(np.r_[0:n:_VIEW_STRIDE, n - 1]).astype(np.float64)
                             for n in (self._camera.width, self._camera.height)))
        near, far, _ = self.band(u, v)
        x, y, z = self.direction(u, v)[near < far].T
        return np.arctan2(y, x), np.arctan2(z, np.hypot(x, y))

    def picture_edges(self) -> tuple[float, float]:
        """Return the field of view of a camera that is level."""
        c = self._camera
        return -math.atan((c.width - 1 - c.cx) / c.fx), math.atan(c.cx / c.fx)

    def may_see(self, azimuth: F64) -> npt.NDArray[np.bool_]:
        """Return whether beams in these directions may have pixels that see the band."""
        seen, _ = self.view()
        if not seen.size:
            return np.zeros(len(azimuth), np.bool_)
        margin = _VIEW_STRIDE * self.pixel_rad
        return (azimuth >= seen.min() - margin) & (azimuth <= seen.max() + margin)

    def towards(self, azimuth: F64) -> tuple[F64, F64, npt.NDArray[np.bool_]]:
        """
        Find where in the picture beams look, at as many elevations as it takes.

        :param azimuth: (N,) radians.
        :returns: (E, N) column and row, one of them whole and the other one such that the azimuth
            is exact, NaN outside of the picture; (N,) whether it is the row that is whole.
        """
        c, elevation = self._camera, self._elevations()
        level, up = np.cos(elevation)[:, None], np.sin(elevation)[:, None]
        direction = np.stack([level * np.cos(azimuth), level * np.sin(azimuth),
                              np.broadcast_to(up, (len(up), len(azimuth)))], axis=-1)
        x, y, z = np.moveaxis(direction @ self._R_scan_cam, -1, 0)
        ahead = z > _TINY
        x, y = x / np.where(ahead, z, 1.0), y / np.where(ahead, z, 1.0)
        # The upright plane of a beam is a line in the picture: a x + b y + c = 0.
        side = np.stack([-np.sin(azimuth), np.cos(azimuth), np.zeros_like(azimuth)], axis=-1)
        line = side @ self._R_scan_cam
        along_u = np.abs(line[:, 0]) >= np.abs(line[:, 1])
        x_whole = (np.rint(c.fx * x + c.cx) - c.cx) / c.fx
        y_whole = (np.rint(c.fy * y + c.cy) - c.cy) / c.fy
        a, b = np.where(along_u, line[:, 0], 1.0), np.where(along_u, 1.0, line[:, 1])
        x = np.where(along_u, -(line[:, 1] * y_whole + line[:, 2]) / a, x_whole)
        y = np.where(along_u, y_whole, -(line[:, 0] * x_whole + line[:, 2]) / b)
        u, v = c.fx * x + c.cx, c.fy * y + c.cy
        there = (ahead & (np.rint(u) >= 0) & (np.rint(u) < c.width)
                 & (np.rint(v) >= 0) & (np.rint(v) < c.height))
        return np.where(there, u, np.nan), np.where(there, v, np.nan), along_u

    def _elevations(self) -> F64:
        """
        Return elevations (radians) that miss nothing in the band.

        They are as far apart as pixels, or farther where a ray is in the band only nearby.
        """
        _, seen = self.view()
        found = []
        at, last = (seen.min(), seen.max()) if seen.size else (0.0, -1.0)
        while at <= last:
            found.append(at)
            slope = math.tan(at) or _TINY
            reach = min(max(self._low / slope, self._high / slope), self._longest)
            wide = _GAP_M * math.cos(at) ** 2 / max(reach, _GAP_M)
            at += max(self._rise_rad, wide)
        return np.array(found)


def _pixel(u: F64, v: F64, camera: Intrinsics) -> I64:
    """Return the index of the pixel in a column and row; beyond the edge, that on it."""
    u, v = np.clip(u, 0, camera.width - 1), np.clip(v, 0, camera.height - 1)
    return (v * camera.width + u).astype(np.int64)


def beams_of(scan: Scan, first_rad: float, last_rad: float, step_rad: float) -> Beams:
    """
    Return the beams that the parameters ask for.

    :param first_rad, last_rad, step_rad: what the parameters do not say: they are NaN then.
    """
    low = first_rad if math.isnan(scan.angle_min) else scan.angle_min
    high = max(low, last_rad if math.isnan(scan.angle_max) else scan.angle_max)
    step = step_rad if math.isnan(scan.angle_increment) else scan.angle_increment
    return Beams(float(low), step, 1 + int((high - low) / step + 1e-6))


def _beams(rays: _Rays, scan: Scan) -> Beams:
    """Return the beams; NaN stands for the camera's field of view."""
    azimuth, _ = rays.view()
    low, high = (azimuth.min(), azimuth.max()) if azimuth.size else rays.picture_edges()
    return beams_of(scan, low, high, rays.pixel_rad)
