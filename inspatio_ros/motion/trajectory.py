# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Camera trajectories from a few keyframes: pitch, yaw and a displacement r.

A trajectory is relative to a source camera: camera-to-world poses in the optical frame of where
it starts (x right, y down, z forward). With all angles zero the camera moves by r along its view
(zoom); otherwise it orbits around a point at the distance r in front of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import math

from inspatio_ros.contracts import F64, I64
from inspatio_ros.motion.transforms import inverse
import numpy as np
import numpy.typing as npt

# Frames that the generator wants at least, and degrees per frame that it copes with.
MIN_FRAMES = 121
MAX_STEP_DEG = 0.8
MIN_STEP_DEG = 0.3
# Up to here keys are joined by straight lines, beyond by a smoothing spline.
_LINEAR_KEYS = 3


@dataclass(frozen=True)
class Keyframes:
    """
    Three lists of keys, each spread evenly over the trajectory; lengths may differ.

    :param pitch_deg: degrees, + raises the camera on its orbit (and turns its view down).
    :param yaw_deg: degrees, + takes the camera left on its orbit (and turns its view right).
    :param r: displacement or orbit radius, in the unit of the world.
    :raises ValueError: an empty list or a key that is not finite.
    """

    pitch_deg: tuple[float, ...]
    yaw_deg: tuple[float, ...]
    r: tuple[float, ...]

    def __post_init__(self) -> None:
        for name in ('pitch_deg', 'yaw_deg', 'r'):
            keys = getattr(self, name)
            if not keys:
                raise ValueError(f'keyframes.{name} has no keys, expected at least one')
            for i, key in enumerate(keys):
                if not math.isfinite(key):
                    raise ValueError(f'keyframes.{name}[{i}] must be finite, got {key!r}')

    @property
    def total_angle_deg(self) -> float:
        """Return how far the camera turns: the larger of the summed key differences, degrees."""
        return max(float(np.abs(np.diff(keys)).sum()) for keys in (self.pitch_deg, self.yaw_deg))


def sample_keys(keys: Sequence[float], count: int) -> F64:
    """
    Sample keys at evenly spaced points.

    More than three keys are smoothed, not met: the squared residuals may add up to the number of
    keys (scipy's default), which flattens small trajectories.

    :param count: points, >= 1.
    :returns: (count,) float64.
    """
    if count < 1:
        raise ValueError(f'a trajectory needs at least 1 frame, got {count}')
    at, keys_at = np.linspace(0.0, 1.0, count), np.linspace(0.0, 1.0, len(keys))
    if len(keys) <= _LINEAR_KEYS:
        return np.interp(at, keys_at, keys)
    from scipy.interpolate import UnivariateSpline  # slow to import, not always needed
    smooth: F64 = UnivariateSpline(keys_at, keys, k=3)(at)
    return smooth


def relative_poses(keyframes: Keyframes, count: int, rotation_only: bool = False) -> F64:
    """
    Return a trajectory relative to the camera it starts from.

    :param count: frames, >= 1.
    :param rotation_only: stay on the spot; has no effect on a zoom.
    :returns: (count, 4, 4) float64 camera-to-world, optical frame.
    """
    pitch_deg = sample_keys(keyframes.pitch_deg, count)
    yaw_deg = sample_keys(keyframes.yaw_deg, count)
    r = sample_keys(keyframes.r, count)
    r[-1] = keyframes.r[-1]
    r[0] = keyframes.r[0]
    zoom = not pitch_deg.any() and not yaw_deg.any()
    # The published program goes through float32 here, and its vectors show it.
    b, a = (np.deg2rad(deg.astype(np.float32)).astype(np.float64) for deg in (pitch_deg, yaw_deg))
    r = r.astype(np.float32).astype(np.float64)
    poses = np.zeros((count, 4, 4))
    poses[:, :3, :3] = _yaw_pitch(a, b)
    poses[:, 3, 3] = 1.0
    if zoom:
        poses[:, 2, 3] = r
    elif not rotation_only:
        poses[:, 0, 3] = -r * np.cos(b) * np.sin(a)
        poses[:, 1, 3] = -r * np.sin(b)
        poses[:, 2, 3] = r - r * np.cos(b) * np.cos(a)
    return poses


def _yaw_pitch(a: F64, b: F64) -> F64:
    """Return (N, 3, 3) R = Ry(a) Rx(b) of yaw a and pitch b, radians."""
    ca, sa, cb, sb, zero = np.cos(a), np.sin(a), np.cos(b), np.sin(b), np.zeros_like(a)
    rows = [[ca, -sa * sb, sa * cb], [zero, cb, sb], [-sa, -ca * sb, ca * cb]]
    return np.moveaxis(np.array(rows), -1, 0)


def target_poses(source: F64, relative: F64, relative_to_source: bool) -> F64:
    """
    Apply a trajectory to the cameras of a source clip.

    :param source: (N, 4, 4) camera-to-world of the source frames.
    :param relative: (N, 4, 4) camera-to-world of `relative_poses`.
    :param relative_to_source: ride along with the source camera instead of leaving it standing.
    :returns: (N, 4, 4) camera-to-world in the frame of the first source camera.
    :raises ValueError: different numbers of frames.
    """
    if source.shape != relative.shape:
        raise ValueError(f'source and trajectory must have as many frames, got '
                         f'{source.shape} and {relative.shape}')
    to_first = inverse(source[0])
    wanted = to_first @ relative
    return (to_first @ source) @ wanted if relative_to_source else wanted


def bounce_indices(count: int, wanted: int) -> I64:
    """
    Return which source frame to show when `count` frames must become `wanted`.

    More: forth and back, 0 .. count-1 .. 0 and so on. Fewer: evenly thinned out.

    :raises ValueError: a number below 1.
    """
    if count < 1 or wanted < 1:
        raise ValueError(f'frame counts must be >= 1, got {count} and {wanted}')
    if wanted <= count:
        return np.linspace(0, count - 1, wanted).astype(np.int64)
    if count == 1:
        return np.zeros(wanted, dtype=np.int64)
    phase = np.arange(wanted, dtype=np.int64) % (2 * (count - 1))
    return np.minimum(phase, 2 * (count - 1) - phase)


def needed_frames(keyframes: Keyframes, count: int) -> tuple[int, int]:
    """Return the least and the most frames for the turn; both are `count` where nothing turns."""
    total = keyframes.total_angle_deg
    if total <= 1e-3:
        return count, count
    return (max(2, math.ceil(total / MAX_STEP_DEG) + 1),
            max(2, math.floor(total / MIN_STEP_DEG) + 1))


def frame_indices(keyframes: Keyframes, count: int) -> I64:
    """
    Return which source frames to use for a trajectory, by the rule of the data set.

    Too few frames are bounced to the least number (at least 121); otherwise more than the most
    are thinned out, which may leave fewer than 121.

    :param count: frames of the source.
    """
    least, most = needed_frames(keyframes, count)
    least = max(least, MIN_FRAMES)
    if count < least:
        return bounce_indices(count, least)
    return bounce_indices(count, min(count, most))


def freeze_indices(count: int, extra: int, frame: int | None = None) -> I64:
    """
    Return the source frames when one of them stands still.

    :param count: frames of the source.
    :param extra: how often the frame is repeated after itself.
    :param frame: which; the middle one if None.
    :raises ValueError: a frame outside the source, a negative number of repeats.
    """
    at = count // 2 if frame is None else frame
    if not 0 <= at < count:
        raise ValueError(f'freeze frame must lie in 0..{count - 1}, got {at}')
    if extra < 0:
        raise ValueError(f'freeze repeats must be >= 0, got {extra}')
    repeats: npt.NDArray[np.int64] = np.ones(count, dtype=np.int64)
    repeats[at] += extra
    return np.repeat(np.arange(count, dtype=np.int64), repeats)
