# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Made-up places whose pictures, depth, poses and moving pixels are known exactly.

What reconstructs a scene is judged by them, and what is trained learns from as many of them as it
likes: a seed is a place, and any camera sees it at any time.
"""

from __future__ import annotations

from dataclasses import dataclass
import math

from inspatio_ros.contracts import F32, F64, Intrinsics, U8
from inspatio_ros.geometry import raycast
from inspatio_ros.geometry.kernel import Run, run_serial
from inspatio_ros.geometry.raycast import Solids
from inspatio_ros.motion.transforms import pose_rpy, R_BASE_OPTICAL
from inspatio_ros.scene.synthetic.furnishing import furnish, painted_box, Place, Thing
from inspatio_ros.scene.synthetic.lighting import light_face, lit
from inspatio_ros.scene.synthetic.walkers import Mover, Route, walker
import numpy as np
import numpy.typing as npt

HFOV_RAD = math.radians(65.0)
FPS = 12.0

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Shot:
    """
    What a camera sees.

    :param rgb: (H, W, 3) uint8.
    :param depth: (H, W) float32, metres along +Z, exact at the pixel centres.
    :param moving: (H, W) bool, whether the pixel centre shows something that moves.
    """

    rgb: U8
    depth: F32
    moving: Mask


class ProceduralWorld:
    """
    A lit place that any camera can look at.

    :param things: what stands still, the room first.
    :param panels: of `lighting.light_face`.
    :param movers: what moves, and how. It is lit where it is at time 0 and casts no shadow.
    """

    def __init__(self, things: list[Thing], panels: F64,
                 movers: list[Mover]) -> None:
        self._routes = [route for _, route in movers]
        self._still = len(things)
        everything = [*things, *(thing for thing, _ in movers)]
        self._solids, pictures = _assemble(everything)
        self._atlas = raycast.build_atlas(_under_light(everything, self._solids, pictures,
                                                       self._still, panels))

    def render(self, T_world_cam: F64, intrinsics: Intrinsics, time_s: float = 0.0,
               moving: bool = True, samples: int = 2, bands: int = 1,
               run: Run = run_serial, only_edges: bool = False) -> Shot:
        """
        Take a picture.

        :param T_world_cam: (4, 4) float64, optical frame to world, metres.
        :param time_s: where the moving things are.
        :param moving: whether they are there at all.
        :param samples: rays along each side of a pixel.
        :param bands, run, only_edges: as in `raycast.cast`.
        """
        solids = self._at(time_s) if moving else self._solids.first(self._still)
        rgb, depth, owner = raycast.cast(solids, self._atlas, intrinsics.K, T_world_cam,
                                         (intrinsics.height, intrinsics.width), samples, bands,
                                         run, only_edges)
        return Shot(rgb, depth, owner >= self._still)

    def _at(self, time_s: float) -> Solids:
        poses = self._solids.T_world_body.copy()
        for index, route in enumerate(self._routes, start=self._still):
            poses[index] = route.pose(time_s)
        return self._solids._replace(T_world_body=poses)


def _assemble(things: list[Thing]) -> tuple[Solids, list[U8]]:
    """Return the solids, and the pictures that their faces point to."""
    texture = np.zeros((len(things), raycast.FACES), np.int32)
    pictures: list[U8] = []
    for index, thing in enumerate(things):
        count = len(thing.pictures)
        texture[index] = len(pictures) + np.minimum(np.arange(raycast.FACES), count - 1)
        pictures += thing.pictures
    return Solids(np.array([thing.shape for thing in things], np.uint8),
                  np.array([thing.half_m for thing in things]),
                  np.array([thing.T_world_body for thing in things]), texture), pictures


def _under_light(things: list[Thing], solids: Solids, pictures: list[U8], still: int,
                 panels: F64) -> list[U8]:
    """Return the pictures of all faces with their light."""
    others = solids.first(still)
    bright = list(pictures)
    for index, thing in enumerate(things):
        if thing.glows:
            continue
        for face in range(len(thing.pictures)):
            k = int(solids.texture[index, face])
            bright[k] = lit(pictures[k], light_face(solids, index, face, others, panels))
    return bright


@dataclass(frozen=True)
class ProceduralClip:
    """
    A recording of a made-up place, and the place.

    :param rgb: (H, W, 3) uint8 each.
    :param depth: (H, W) float32 each, metres, exact.
    :param moving: (H, W) bool each.
    :param T_world_cam: (N, 4, 4) float64; world is z up, the floor at 0.
    :param fps: frames per second; frame i is at i / fps.
    """

    world: ProceduralWorld
    rgb: list[U8]
    depth: list[F32]
    moving: list[Mask]
    intrinsics: Intrinsics
    T_world_cam: F64
    fps: float


def procedural_clip(seed: int, frames: int = 48, size: tuple[int, int] = (512, 384),
                    moving: bool = False, fps: float = FPS) -> ProceduralClip:
    """
    Record a made-up place with a camera that is carried through it.

    :param seed: of the place and the way of the camera; `moving` changes neither.
    :param frames: how many pictures, 1 or more.
    :param size: (width, height), pixels.
    :param moving: whether a box goes to and fro before the camera.
    :param fps: pictures per second.
    :raises ValueError: no frame, a size < 2, a rate that is not > 0.
    """
    if frames < 1 or min(size) < 2 or not 0.0 < fps < math.inf:
        raise ValueError(f'a clip needs frames, pixels and a rate, got {frames} frames of '
                         f'{size[0]}x{size[1]} at {fps!r} Hz')
    intrinsics = Intrinsics.from_hfov(*size, HFOV_RAD)
    world, path = procedural_world(seed, moving)
    poses = path.poses(np.arange(frames) / max(frames - 1, 1), np.arange(frames) / fps)
    shots = [world.render(T, intrinsics, index / fps) for index, T in enumerate(poses)]
    return ProceduralClip(world, [shot.rgb for shot in shots], [shot.depth for shot in shots],
                          [shot.moving for shot in shots], intrinsics, poses, fps)


@dataclass(frozen=True)
class CameraPath:
    """
    The way of a camera that is carried: a bow from start to end, its eye on a drifting target.

    :param start, bow, end: (3,) metres; `bow` is what the middle of the way is off the line.
    :param target: (2, 3) metres, what it looks at in the beginning and in the end.
    :param shake: (6, 3) frequency in Hz, phase in rad and amplitude of what a hand or a wheel
        adds to x, y, z (m) and roll, pitch, yaw (rad).
    """

    start: F64
    bow: F64
    end: F64
    target: F64
    shake: F64

    def poses(self, share: F64, time_s: F64) -> F64:
        """
        Return where the camera is.

        :param share: (N,) of the way, 0..1.
        :param time_s: (N,) seconds, for the shaking.
        :returns: (N, 4, 4) float64, optical frame to world.
        """
        s = share[:, None]
        eye = self.start + s * (self.end - self.start) + 4.0 * s * (1.0 - s) * self.bow
        target = self.target[0] + s * (self.target[1] - self.target[0])
        frequency, phase, amplitude = self.shake.T
        shaken = amplitude * np.sin(2.0 * np.pi * frequency * time_s[:, None] + phase)
        return np.array([_looking(*it) for it in zip(eye + shaken[:, :3], target, shaken[:, 3:])])


def _looking(eye: F64, target: F64, rpy: F64) -> F64:
    """Return T_world_cam of an eye on a target, turned off it by roll, pitch, yaw."""
    x, y, z = target - eye
    T = pose_rpy(eye[0], eye[1], eye[2], pitch=-math.atan2(z, math.hypot(x, y)),
                 yaw=math.atan2(y, x))
    T = T @ pose_rpy(0.0, 0.0, 0.0, *rpy)
    T[:3, :3] = T[:3, :3] @ R_BASE_OPTICAL
    return T


def procedural_world(seed: int, moving: bool = False, walkers: int = 0,
                     ) -> tuple[ProceduralWorld, CameraPath]:
    """
    Build a place, and a way through it that touches nothing.

    :param seed: of the place and the way.
    :param moving: whether something moves before the camera.
    :param walkers: how many bodies of the size of people go about besides. Furniture keeps out of
        their way, so that with another number of them the place is another one.
    """
    # One stream each: what one of them draws changes nothing of the others.
    paint, mover, crowd = (np.random.default_rng([seed, part]) for part in range(1, 4))
    half, corridor, path = ground_plan(seed)
    route = _route(mover, path, half, corridor)
    ways = [_route(crowd, path, half, corridor) for _ in range(walkers)]
    along = np.linspace(0.0, 1.0, 16)
    eyes = path.poses(along, np.zeros(16))[:, :2, 3]
    clear = np.concatenate([eyes, *(way.spots() for way in (route, *ways))])
    things, panels = furnish(paint, Place(half, clear, corridor))
    size = mover.uniform((0.3, 0.3, 0.8), (0.5, 0.5, 1.5))
    box = painted_box(mover, size, route.pose(0.0))
    movers = [(box, route)] if moving else []
    for way in ways:
        movers += walker(crowd, way)
    return ProceduralWorld(things, panels, movers), path


def ground_plan(seed: int) -> tuple[F64, bool, CameraPath]:
    """
    Return the size of a place, without building it.

    :returns: half sizes of the room, metres; whether it is a corridor; the way through it.
    """
    rng = np.random.default_rng([seed, 0])
    corridor = rng.random() < 0.25
    half = (rng.uniform((4.5, 1.1, 1.2), (6.0, 1.4, 1.4)) if corridor
            else rng.uniform((3.0, 2.4, 1.25), (4.2, 3.4, 1.5)))
    return half, corridor, _path(rng, half, corridor)


def _path(rng: np.random.Generator, half: F64, corridor: bool) -> CameraPath:
    side = 1.0 if rng.random() < 0.5 else -1.0
    height = rng.uniform(0.8, 1.6)
    if corridor:
        start = np.array([-half[0] + rng.uniform(0.4, 1.0), -0.3 * side, height])
        end = start + (rng.uniform(2.5, 3.5), 0.6 * side, rng.uniform(-0.1, 0.1))
        bow = np.array([0.0, rng.uniform(-0.2, 0.2), 0.0])
        target = np.array([[half[0], -0.3 * side, 0.9], [half[0], 0.3 * side, 1.1]])
    else:
        wide = min(rng.uniform(0.9, 1.4), half[1] - 0.8)
        start = np.array([-half[0] + rng.uniform(0.7, 1.4), -side * wide, height])
        end = np.array([start[0] + rng.uniform(-0.2, 0.8), side * wide,
                        height + rng.uniform(-0.2, 0.2)])
        bow = np.array([rng.uniform(-0.2, 0.4), 0.0, rng.uniform(-0.1, 0.1)])
        # Around what it looks at, as people film: from either end it sees the other side.
        target = np.array([[0.5 * half[0], 0.5 * side, rng.uniform(0.7, 1.1)],
                           [0.5 * half[0], -0.5 * side, rng.uniform(0.7, 1.1)]])
    amplitude = rng.uniform(0.2, 1.0) * np.array([0.012, 0.012, 0.015, 0.008, 0.01, 0.012])
    shake = np.stack([rng.uniform(0.5, 1.8, 6), rng.uniform(0.0, 2.0 * np.pi, 6), amplitude], 1)
    return CameraPath(start, bow, end, target, shake)


def _route(rng: np.random.Generator, path: CameraPath, half: F64, corridor: bool) -> Route:
    """Return a way across the view, between the camera and what it looks at."""
    # Along a corridor the camera must not run into it.
    eye = path.poses(np.array([1.0 if corridor else 0.5]), np.zeros(1))[0, :3, 3]
    target = path.target.mean(axis=0)
    ahead = (target - eye)[:2] / np.linalg.norm((target - eye)[:2])
    across = np.array([-ahead[1], ahead[0]])
    reach = min(rng.uniform(0.8, 1.2), half[1] - 0.5)
    # It stands on the floor or hovers over it: what is under it is background all the same.
    middle = np.array([*(eye[:2] + rng.uniform(1.7, 2.3) * ahead), rng.uniform(0.8, 1.0)])
    return Route(middle, np.array([*(reach * across), 0.0]), rng.uniform(5.0, 8.0),
                 rng.uniform(0.0, 2.0 * np.pi), rng.uniform(-0.4, 0.4))
