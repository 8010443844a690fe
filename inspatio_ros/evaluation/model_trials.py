# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What generators are tried at: a recording, a commanded way of a camera, and the truth along it.

Made-up places are those whose seeds nothing is trained on (`HELD_OUT_SEEDS`); there everything is
exact, recording and truth. Of real RGB-D views one at a time is held out, and its pose commanded.

Shapes: F frames, J of them judged, H W picture size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
import math

from inspatio_ros.contracts import CameraTrack, F32, F64, I64, Intrinsics, U8
from inspatio_ros.evaluation.image import Mask
from inspatio_ros.motion.transforms import interpolate, pose_rpy, R_BASE_OPTICAL
from inspatio_ros.scene.scene import Scene, TimeMode, View
from inspatio_ros.scene.synthetic.held_out import HELD_OUT_SEEDS
from inspatio_ros.scene.synthetic.procedural import (CameraPath, procedural_world,
                                                     ProceduralWorld, Shot)
from inspatio_ros.scene.synthetic.synchronised import synchronised_clip
import numpy as np

FPS = 15.0
SIZE = (320, 192)
# Frames of the first block and of the others where three latents are painted together. Other
# generators are tried along the same ways; only the borders of their blocks lie elsewhere.
FIRST_BLOCK, BLOCK = 9, 12
_HFOV_RAD = math.radians(70.0)
# A camera that leaves turns so far that nothing of what it saw is left in its picture.
_AWAY_RAD = math.radians(110.0)
# Where it leaves, it stands aside of the recording, so that some of its picture is made up.
_ASIDE_M = (0.1, 0.45)
_SPEED_M_S = 0.4
# Poses are equal to so many digits, metres: what is seen twice is rendered once.
_UM = 6
# A camera that drift is measured with sways once in so many blocks.
_SWAY_BLOCKS = 4
_FOLDER_BLOCKS = 4


@dataclass(frozen=True)
class Trial:
    """
    A recording, a commanded way, and the truth.

    :param name: of the place and the way.
    :param kind: `views`, `drift`, `loop`, `lag` or `held out`.
    :param scene: all that the generator is given.
    :param track: the commanded camera of each of the F frames; stamps are scene time.
    :param camera: that is painted.
    :param judged: (J,) int64, the frames that there is a truth for.
    :param rgb: (J, H, W, 3) uint8, true.
    :param depth: (J, H, W) float32, metres, true; NaN unknown.
    :param counted: (J, H, W) bool, shows nothing that moves.
    :param fps: frames per second.
    """

    name: str
    kind: str
    scene: Scene
    track: CameraTrack
    camera: Intrinsics
    judged: I64
    rgb: U8
    depth: F32
    counted: Mask
    fps: float = FPS


def frames_of(blocks: int) -> int:
    """Return how many frames so many blocks have."""
    return FIRST_BLOCK + (blocks - 1) * BLOCK


def held_out_seed(place: int) -> int:
    """
    Return the seed of a place that nothing is trained on.

    :raises ValueError: there are not that many.
    """
    if not 0 <= place < len(HELD_OUT_SEEDS):
        raise ValueError(f'{len(HELD_OUT_SEEDS)} made-up places are held out, there is no number '
                         f'{place}')
    return HELD_OUT_SEEDS[place]


def clip_trial(seed: int, blocks: int = 4, size: tuple[int, int] = SIZE) -> Trial:
    """
    Follow one of two synchronised cameras with the recording of the other.

    :param seed: of the place and both ways.
    :param size: (width, height), pixels.
    """
    clip = synchronised_clip(seed, frames_of(blocks), size, fps=FPS)
    recorded = [View(rgb, depth, clip.intrinsics, T, f'recorded {index}')
                for index, (rgb, depth, T) in enumerate(zip(clip.rgb[0], clip.depth[0],
                                                            clip.T_world_cam[0]))]
    scene = Scene(f'place {seed}', frames=tuple((view,) for view in recorded), fps=FPS,
                  time_mode=TimeMode.ONCE)
    return Trial(f'place {seed}', 'views', scene, _track(clip.T_world_cam[1]),
                 clip.intrinsics, np.arange(frames_of(blocks)), clip.rgb[1], clip.depth[1],
                 ~clip.moving[1])


def drift_trial(seed: int, blocks: int = 20, size: tuple[int, int] = SIZE) -> Trial:
    """
    Sway from side to side for many blocks; nothing moves.

    The way is the same backwards, so that for whoever remembers nothing the quality of the blocks
    has no slope: late blocks are as hard as early ones.
    """
    world, path = procedural_world(seed)
    # As if the first block, too, were a whole one.
    from_middle = np.arange(frames_of(blocks)) + (BLOCK - FIRST_BLOCK) - 0.5 * (blocks * BLOCK - 1)
    sway = _ASIDE_M[1] * np.cos(2.0 * np.pi * from_middle / (_SWAY_BLOCKS * BLOCK))
    poses = np.array([_beside(path, x_m) for x_m in sway.round(_UM)])
    return _still_trial(f'place {seed}, {blocks} blocks', 'drift', world, path, poses,
                        np.arange(len(poses)), size)


def loop_trial(seed: int, away_s: float, size: tuple[int, int] = SIZE) -> Trial:
    """
    Look, turn away, and come back to the same pose after a time.

    Nothing moves. Judged are the last frame before it leaves, and the last one of all.
    """
    world, path = procedural_world(seed)
    away = math.ceil(away_s * FPS)
    turn = np.concatenate([np.zeros(FIRST_BLOCK), np.sin(np.pi * np.arange(1, away) / away),
                           np.zeros(BLOCK)]) * _AWAY_RAD
    stand = _beside(path, _ASIDE_M[1])
    poses = np.array([stand @ _turned(angle) for angle in turn])
    return _still_trial(f'place {seed}, back after {away_s:g} s', 'loop', world, path, poses,
                        np.array([FIRST_BLOCK - 1, len(poses) - 1]), size)


def lag_trial(seed: int, size: tuple[int, int] = SIZE) -> Trial:
    """Stand for two blocks, then go sideways for two; nothing moves."""
    world, path = procedural_world(seed)
    still = frames_of(2)
    gone = np.maximum(np.arange(frames_of(4)) - still, 0) / FPS * _SPEED_M_S
    begin = _beside(path, -_ASIDE_M[1])
    poses = np.array([begin @ pose_rpy(x) for x in gone])
    return _still_trial(f'place {seed}, a command after {still} frames', 'lag', world, path, poses,
                        np.arange(len(poses)), size)


def folder_trials(scene: Scene, size: tuple[int, int] = SIZE) -> Iterator[Trial]:
    """
    Hold out each view of a scene and go to its pose from the nearest other one.

    Only the last frame, at the pose of the view, is judged.

    :param scene: two static views or more.
    :raises ValueError: fewer.
    """
    if len(scene.views) < 2:
        raise ValueError(f'scene {scene.name}: holding one view out takes at least two, it has '
                         f'{len(scene.views)}')
    for index, view in enumerate(scene.views):
        rest = scene.views[:index] + scene.views[index + 1:]
        away = [float(np.linalg.norm(it.T_map_cam[:3, 3] - view.T_map_cam[:3, 3])) for it in rest]
        begin = rest[int(np.argmin(away))].T_map_cam
        shares = np.clip(np.arange(frames_of(_FOLDER_BLOCKS))
                         / (frames_of(_FOLDER_BLOCKS - 1) - 1), 0.0, 1.0)
        poses = np.array([interpolate(begin, view.T_map_cam, share) for share in shares])
        truth = view.sized(*size)
        yield Trial(f'{scene.name}, {view.name} held out', 'held out',
                    replace(scene, views=rest, frames=()), _track(poses), truth.intrinsics,
                    np.array([len(poses) - 1]), truth.rgb[None], truth.depth[None],
                    np.ones((1, *truth.depth.shape), np.bool_))


def _track(poses: F64) -> CameraTrack:
    return CameraTrack(np.rint(np.arange(len(poses)) * 1e9 / FPS).astype(np.int64), poses)


def _turned(yaw_rad: float) -> F64:
    """Return a turn to the left, in the optical frame."""
    to_base = np.eye(4)
    to_base[:3, :3] = R_BASE_OPTICAL
    return to_base.T @ pose_rpy(yaw=yaw_rad) @ to_base


def _middle(path: CameraPath) -> F64:
    return path.poses(np.array([0.5]), np.zeros(1))[0]


def _beside(path: CameraPath, x_m: float) -> F64:
    """Return the pose in the middle of a way, moved to the right."""
    return _middle(path) @ pose_rpy(x_m)


def _still_trial(name: str, kind: str, world: ProceduralWorld, path: CameraPath, poses: F64,
                 judged: I64, size: tuple[int, int]) -> Trial:
    """Return a trial in which two views of the place are known, and nothing moves."""
    camera = Intrinsics.from_hfov(*size, _HFOV_RAD)
    known = []
    for number, x_m in enumerate((-_ASIDE_M[0], _ASIDE_M[0])):
        T = _beside(path, x_m)
        shot = world.render(T, camera)
        known.append(View(shot.rgb, shot.depth, camera, T, f'recorded {number}'))
    seen: dict[bytes, Shot] = {}
    for T in poses[judged]:
        if T.tobytes() not in seen:
            seen[T.tobytes()] = world.render(T, camera)
    true = [seen[T.tobytes()] for T in poses[judged]]
    return Trial(name, kind, Scene(name, tuple(known)), _track(poses), camera, judged,
                 np.array([shot.rgb for shot in true]), np.array([shot.depth for shot in true]),
                 np.ones((len(judged), size[1], size[0]), np.bool_))
