# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Made-up places in which nothing moves and of which a few RGB-D views are known.

Somebody has stood there and taken one to three pictures. Other cameras begin near one of them and
go where not all that they see is known. Depth and poses are exact; some seeds have the pictures of
a real camera, a little soft and noisy.
"""

from __future__ import annotations

from dataclasses import dataclass
import math

import cv2
from inspatio_ros.contracts import F64, Intrinsics, U8
from inspatio_ros.motion.transforms import pose_rpy
from inspatio_ros.scene.synthetic.procedural import (CameraPath, procedural_world,
                                                     ProceduralWorld, Shot)
from inspatio_ros.scene.synthetic.synchronised import (check_clip, exposed, FPS, lens, optical,
                                                       SynchronisedClip)
import numpy as np

# Streams of random numbers; the place and synchronised cameras use others of the same seed.
_STILL, _NOISE = 101, 102
# How often one, two and three views are known, and how far they are apart, metres.
_VIEWS = (0.15, 0.7, 0.15)
_APART_M = (0.1, 0.6)
# People who take pictures step aside rather than ahead or up.
_TOWARDS = (0.4, 1.0, 0.25)
_TURN_RAD = np.radians((2.0, 4.0, 10.0))
# Where on the way of the place the views are.
_SHARE = (0.2, 0.8)
# How near to a view a camera begins that then goes somewhere, metres: ahead or back, across, up.
_BEGIN_M = (0.15, 0.2, 0.05)
_SIDEWAYS_M, _AHEAD_M, _STANDING_M = (0.25, 0.6), (0.4, 1.0), (0.2, 0.5)
# How far it turns meanwhile, and on a swing there and back. Towards where it goes, or it would see
# what is known.
_TURNING_RAD, _SWING_RAD = np.radians((5.0, 35.0)), np.radians((25.0, 60.0))
# Of a way gone to its end, and of a swing there and back, 1/s.
_RATE_HZ = (0.4, 0.9)
# A camera that comes nearer to anything than this goes less far. Tried at these times.
_CLEAR_M = 0.25
_TRIED_S = np.arange(0.0, 3.0, 0.2)
# Real cameras: share of the seeds, deviation in grey levels and of the blur in pixels.
_REAL = 0.5
_GREY = (1.0, 5.0)
_BLUR = (0.3, 0.7)


@dataclass(frozen=True)
class StillClip(SynchronisedClip):
    """
    Views of a place in which nothing moves, and what other cameras see of it.

    :param views: so many cameras, the first ones, are the known views: each has one picture,
        repeated over the frames.
    """

    views: int


def still_clip(seed: int, frames: int = 45, size: tuple[int, int] = (320, 192),
               cameras: int = 2, fps: float = FPS) -> StillClip:
    """
    Take pictures of a made-up place and go through it.

    :param seed: of everything; a seed with fewer frames is the beginning of the same clip.
    :param frames: of each camera, 1 or more.
    :param size: (width, height), pixels.
    :param cameras: that move, besides the views, 1 or more; the first ones do not depend on how
        many there are.
    :param fps: pictures per second.
    :raises ValueError: a number out of range.
    """
    check_clip(frames, cameras, size, fps)
    rng = np.random.default_rng([seed, _STILL])
    world, path = procedural_world(seed)
    intrinsics, exposure = lens(rng, size)
    grey, blur = (rng.uniform(*_GREY), rng.uniform(*_BLUR)) if rng.random() < _REAL else (0, 0)
    known = view_poses(rng, path)
    time_s = np.arange(frames) / fps
    tracks = [_clear_track(rng, known, world, intrinsics, time_s) for _ in range(cameras)]
    poses = np.array([*(np.repeat(T[None], frames, 0) for T in known), *tracks])
    shots = _rendered(world, poses, intrinsics)
    rgb = exposed(np.array([[shot.rgb for shot in row] for row in shots]), exposure)
    for camera, pictures in enumerate(rgb):
        still = camera < len(known)
        for frame in range(1 if still else frames):
            noise = np.random.default_rng([seed, _NOISE, camera, frame])
            pictures[frame] = as_taken(noise, pictures[frame], grey, blur)
        if still:
            pictures[:] = pictures[0]
    return StillClip(rgb, np.array([[shot.depth for shot in row] for row in shots]),
                     np.zeros(rgb.shape[:-1], np.bool_), intrinsics, poses, fps, len(known))


def view_poses(rng: np.random.Generator, path: CameraPath) -> F64:
    """
    Return where one, two or three pictures are taken.

    :returns: (V, 4, 4) float64, optical frame to world.
    """
    count = 1 + int(rng.choice(len(_VIEWS), p=_VIEWS))
    middle = path.poses(np.array([rng.uniform(*_SHARE)]), np.zeros(1))[0]
    towards = rng.normal(size=3) * _TOWARDS
    towards /= np.linalg.norm(towards)
    apart_m = rng.uniform(_APART_M[0] * max(count - 1, 1), _APART_M[1])
    return np.array([middle @ optical(pose_rpy(*(share * apart_m * towards),
                                               *(rng.uniform(-1.0, 1.0, 3) * _TURN_RAD)))
                     for share in np.linspace(-0.5, 0.5, count)])


def _clear_track(rng: np.random.Generator, known: F64, world: ProceduralWorld,
                 intrinsics: Intrinsics, time_s: F64) -> F64:
    """Return (F, 4, 4) the way of a camera from one of the views that runs into nothing."""
    begin = known[rng.integers(len(known))]
    way = _Way.drawn(rng)
    small = intrinsics.scaled(32, 20)
    for reach in (1.0, 0.75, 0.5, 0.25):
        if all(world.render(T, small, samples=1).depth.min() > _CLEAR_M
               for T in begin @ way.poses(_TRIED_S, reach)):
            return begin @ way.poses(time_s, reach)
    return begin @ way.poses(time_s, 0.0)


@dataclass(frozen=True)
class _Way:
    """
    Where a camera goes, seen from where it began: x ahead, y to the left, z up, roll, pitch, yaw.

    :param start, gone, swing: (6,) metres and radians: where it is at once, what is added until
        its end, and what is added and taken back.
    :param rate_Hz: of the end, and of the swing.
    """

    start: F64
    gone: F64
    swing: F64
    rate_Hz: float

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> _Way:
        """Return one of four kinds: goes aside, or ahead, or turns and comes back, or stands."""
        start, gone, swing = np.zeros((3, 6))
        start[:3] = rng.uniform(-1.0, 1.0, 3) * _BEGIN_M
        kind, side = rng.integers(4), rng.choice((-1.0, 1.0))
        if kind == 0:
            gone[1], gone[5] = side * rng.uniform(*_SIDEWAYS_M), side * rng.uniform(*_TURNING_RAD)
        elif kind == 1:
            gone[0], gone[5] = rng.uniform(*_AHEAD_M), side * rng.uniform(*_TURNING_RAD)
        elif kind == 2:
            swing[5] = side * rng.uniform(*_SWING_RAD)
        else:
            angle = rng.uniform(-math.pi, math.pi)
            start[:2] = rng.uniform(*_STANDING_M) * np.array([math.cos(angle), math.sin(angle)])
            start[5] = math.copysign(rng.uniform(*_TURNING_RAD), start[1])
        return cls(start, gone, swing, rng.uniform(*_RATE_HZ))

    def poses(self, time_s: F64, reach: float) -> F64:
        """
        Return (N, 4, 4) poses in the optical frame of the beginning.

        :param reach: share of the way that is gone.
        """
        growth = np.minimum(time_s * self.rate_Hz, 1.0)
        # Smooth: a robot does not jerk.
        growth = growth * growth * (3.0 - 2.0 * growth)
        back = np.sin(np.pi * self.rate_Hz * time_s) ** 2
        off = reach * (self.start + growth[:, None] * self.gone + back[:, None] * self.swing)
        return np.array([optical(pose_rpy(*it)) for it in off])


def _rendered(world: ProceduralWorld, poses: F64, intrinsics: Intrinsics) -> list[list[Shot]]:
    """Take all pictures; what is seen twice from the same place is rendered once."""
    seen: dict[bytes, Shot] = {}
    for T in poses.reshape(-1, 4, 4):
        if T.tobytes() not in seen:
            seen[T.tobytes()] = world.render(T, intrinsics, only_edges=True)
    return [[seen[T.tobytes()] for T in track] for track in poses]


def as_taken(rng: np.random.Generator, rgb: U8, grey: float, blur: float) -> U8:
    """
    Return a picture as a real camera takes it.

    :param rgb: (H, W, 3) uint8.
    :param grey: deviation of the noise, grey levels; 0 = a perfect camera.
    :param blur: deviation, pixels.
    """
    if grey == 0:
        return rgb
    soft = cv2.GaussianBlur(rgb, (0, 0), blur)
    noisy = soft + rng.normal(0.0, grey, rgb.shape)
    return (noisy + 0.5).clip(0.0, 255.0).astype(np.uint8)
