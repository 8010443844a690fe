# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Made-up places seen by several cameras at once: what novel views are learnt from and measured by.

The first camera is the recording. The others go where a robot may go: near the recording's way, a
little behind or ahead of it, beside it, turned away from it. All of them are exact.
"""

from __future__ import annotations

from dataclasses import dataclass
import math

from inspatio_ros.contracts import F32, F64, Intrinsics, U8
from inspatio_ros.motion.transforms import pose_rpy, R_BASE_OPTICAL
from inspatio_ros.scene.synthetic.procedural import CameraPath, Mask, procedural_world
import numpy as np

FPS = 15.0
# Stream of random numbers of the cameras; the place uses others of the same seed.
_CAMERAS = 100
_MOST_WALKERS = 3
_STILL_RECORDINGS = 0.25
# How far a camera leaves the way and the direction of the recording, at most: share of the way,
# metres across and up, radians of roll, pitch and yaw. Furniture stays farther away than that.
_SHARE = 0.35
_SHIFT_M = (0.15, 0.3, 0.2)
_TURN_RAD = (math.radians(2.0), math.radians(8.0), math.radians(30.0))
_HFOV_RAD = (math.radians(55.0), math.radians(85.0))
_EXPOSURE = (0.6, 1.25)
_TINT = 0.08


@dataclass(frozen=True)
class SynchronisedClip:
    """
    What several cameras have seen of a place at the same times.

    :param rgb: (C, F, H, W, 3) uint8.
    :param depth: (C, F, H, W) float32, metres along +Z, exact at the pixel centres.
    :param moving: (C, F, H, W) bool, whether the pixel shows something that moves.
    :param intrinsics: of all cameras.
    :param T_world_cam: (C, F, 4, 4) float64, optical frame to world, metres; z is up.
    :param fps: frames per second; frame i is at i / fps.
    """

    rgb: U8
    depth: F32
    moving: Mask
    intrinsics: Intrinsics
    T_world_cam: F64
    fps: float


def synchronised_clip(seed: int, frames: int = 45, size: tuple[int, int] = (320, 192),
                      cameras: int = 2, fps: float = FPS) -> SynchronisedClip:
    """
    Record a made-up place.

    :param seed: of everything; a seed with fewer frames is the beginning of the same clip.
    :param frames: of each camera, 1 or more.
    :param size: (width, height), pixels.
    :param cameras: 1 or more; the first ones do not depend on how many there are.
    :param fps: pictures per second.
    :raises ValueError: a number out of range.
    """
    check_clip(frames, cameras, size, fps)
    rng = np.random.default_rng([seed, _CAMERAS])
    world, path = procedural_world(seed, walkers=int(rng.integers(_MOST_WALKERS + 1)))
    intrinsics, exposure = lens(rng, size)
    time_s = np.arange(frames) / fps
    poses = camera_tracks(rng, path, time_s, cameras)
    shots = [[world.render(T, intrinsics, t, only_edges=True) for T, t in zip(track, time_s)]
             for track in poses]
    rgb = np.array([[shot.rgb for shot in row] for row in shots])
    return SynchronisedClip(exposed(rgb, exposure),
                            np.array([[shot.depth for shot in row] for row in shots]),
                            np.array([[shot.moving for shot in row] for row in shots]),
                            intrinsics, poses, fps)


def check_clip(frames: int, cameras: int, size: tuple[int, int], fps: float) -> None:
    """
    Refuse a clip that cannot be recorded.

    :raises ValueError: a number out of range.
    """
    if frames < 1 or cameras < 1 or min(size) < 2 or not 0.0 < fps < math.inf:
        raise ValueError(f'a clip needs frames, cameras, pixels and a rate, got {frames} frames '
                         f'of {cameras} cameras, {size[0]}x{size[1]} at {fps!r} Hz')


def lens(rng: np.random.Generator, size: tuple[int, int]) -> tuple[Intrinsics, F64]:
    """
    Return what the cameras of a clip have in common.

    :param size: (width, height), pixels.
    :returns: the field of view; (3,) exposure and white balance, for `exposed`.
    """
    intrinsics = Intrinsics.from_hfov(*size, rng.uniform(*_HFOV_RAD))
    return intrinsics, rng.uniform(*_EXPOSURE) * rng.uniform(1.0 - _TINT, 1.0 + _TINT, 3)


def camera_tracks(rng: np.random.Generator, path: CameraPath, time_s: F64, cameras: int) -> F64:
    """
    Return where the cameras are.

    :param time_s: (F,) seconds.
    :returns: (cameras, F, 4, 4) float64, optical frame to world.
    """
    begin = rng.uniform(0.0, 0.6)
    speed = 0.0 if rng.random() < _STILL_RECORDINGS else rng.uniform(0.04, 0.14)
    share = begin + speed * time_s
    shake = time_s if speed > 0.0 else np.zeros_like(time_s)
    tracks = [path.poses(np.clip(share, 0.0, 1.0), shake)]
    for _ in range(cameras - 1):
        ahead = rng.uniform(-_SHARE, _SHARE) * _leaving(rng, time_s)
        along = path.poses(np.clip(share + ahead, 0.0, 1.0), time_s)
        tracks.append(along @ _aside(rng, time_s))
    return np.array(tracks)


def _leaving(rng: np.random.Generator, time_s: F64) -> F64:
    """Return (F,) how far a camera has left the recording, 0..1: it goes away, or is away."""
    away = rng.uniform(0.0, 1.0) if rng.random() < 0.5 else 0.0
    growth: F64 = np.minimum(away + time_s * rng.uniform(0.1, 0.6), 1.0)
    # Smooth: a robot does not jerk.
    return growth * growth * (3.0 - 2.0 * growth)


def _aside(rng: np.random.Generator, time_s: F64) -> F64:
    """Return (F, 4, 4) what is added to a pose, in the optical frame."""
    shift = rng.uniform(-1.0, 1.0, 3) * _SHIFT_M
    turn = rng.uniform(-1.0, 1.0, 3) * _TURN_RAD
    moved, turned = _leaving(rng, time_s), _leaving(rng, time_s)
    return optical(np.array([pose_rpy(*(a * shift), *(b * turn))
                             for a, b in zip(moved, turned)]))


def optical(base: F64) -> F64:
    """Return (..., 4, 4) what is added to a pose of the base, in the optical frame."""
    to_base = np.eye(4)
    to_base[:3, :3] = R_BASE_OPTICAL
    return to_base.T @ base @ to_base


def exposed(rgb: U8, gain: F64) -> U8:
    """
    Return pictures as a camera with another exposure and white balance takes them.

    :param rgb: (..., 3) uint8.
    :param gain: (3,) of each channel.
    """
    table = np.clip(np.arange(256)[:, None] * gain + 0.5, 0.0, 255.0).astype(np.uint8)
    return np.stack([table[rgb[..., c], c] for c in range(3)], axis=-1)
