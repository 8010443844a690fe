# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A trial with what goes wrong outside: depth that is off, commands that are noisy or lost."""

from __future__ import annotations

from dataclasses import dataclass, replace
import math

from inspatio_ros.contracts import CameraTrack, F32, F64
from inspatio_ros.evaluation.model_trials import Trial
from inspatio_ros.scene.scene import View
import numpy as np
from scipy.spatial.transform import Rotation

# Errors of depth hang together over about so many pixels: a surface bends, it does not crumble.
_PATCH_PX = 24


@dataclass(frozen=True)
class Disturbance:
    """
    By how much a trial is disturbed; the truth stays what it is.

    :param depth: error of the recording's depth, standard deviation as a share of it.
    :param shift_m, turn_deg: error of every commanded pose along and about each axis, standard
        deviation.
    :param dropped: share of the commands that are lost; the camera stays where it was then.
    :raises ValueError: a number out of range.
    """

    depth: float = 0.0
    shift_m: float = 0.0
    turn_deg: float = 0.0
    dropped: float = 0.0

    def __post_init__(self) -> None:
        for name in ('depth', 'shift_m', 'turn_deg'):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0.0):
                raise ValueError(f'disturbance: {name} must be finite and >= 0, got {value!r}')
        if not 0.0 <= self.dropped < 1.0:
            raise ValueError('disturbance: dropped must be at least 0 and less than 1, got '
                             f'{self.dropped!r}')


def disturbed(trial: Trial, disturbance: Disturbance, seed: int = 0) -> Trial:
    """
    Return what a painter is given instead of a trial; the trial itself is what it is judged by.

    :param seed: of all that is random.
    """
    depths, commands = (np.random.default_rng([seed, part]) for part in range(2))
    scene = trial.scene
    if disturbance.depth > 0.0:
        scene = replace(
            scene, views=tuple(_bent(view, disturbance.depth, depths) for view in scene.views),
            frames=tuple(tuple(_bent(view, disturbance.depth, depths) for view in frame)
                         for frame in scene.frames))
    return replace(trial, scene=scene, track=CameraTrack(
        trial.track.stamps_ns, _commanded(trial.track.T_map_cam, disturbance, commands)))


def _bent(view: View, share: float, rng: np.random.Generator) -> View:
    """Return a view whose depth is off by a smooth factor, log-normal with that deviation."""
    factor = np.exp(share * _smooth(view.depth.shape, rng))
    return replace(view, depth=(view.depth * factor).astype(np.float32))


def _smooth(shape: tuple[int, ...], rng: np.random.Generator) -> F32:
    """Return smooth noise with mean 0 and deviation 1 over the picture."""
    import cv2
    coarse = rng.standard_normal([max(size // _PATCH_PX, 2) for size in shape])
    fine = cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray((fine - fine.mean()) / fine.std(), np.float32)


def _commanded(T_N44: F64, disturbance: Disturbance, rng: np.random.Generator) -> F64:
    """Return the poses that arrive."""
    turn = rng.standard_normal((len(T_N44), 3)) * math.radians(disturbance.turn_deg)
    shift = rng.standard_normal((len(T_N44), 3)) * disturbance.shift_m
    lost = rng.random(len(T_N44)) < disturbance.dropped
    lost[0] = False  # somewhere it has to be
    error = np.tile(np.eye(4), (len(T_N44), 1, 1))
    error[:, :3, :3] = Rotation.from_rotvec(turn).as_matrix()
    error[:, :3, 3] = shift
    newest = np.maximum.accumulate(np.where(lost, 0, np.arange(len(T_N44))))
    arrived: F64 = (T_N44 @ error)[newest]
    return arrived
