# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Who paints the frames of a trial: a generator, and what it has to be better than.

`warp`: the recording, warped into the commanded camera as a generator is given it; black where
nothing is known. `fill`: the same, holes filled by extending their far side (`geometry.holes`).
`recall`: the same, but first with what earlier frames of the recording saw (`engine.recall`), as a
generator that `fills` is given it; no network. `sensor`: what the node publishes without a
generator: the scene at exactly the pose, and filled.
"""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
from dataclasses import dataclass, replace
import time
from typing import NamedTuple

from inspatio_ros.contracts import CameraTrack, Outputs, U8
from inspatio_ros.engine.conditioning import Condition, Conditioner, filled_render
from inspatio_ros.engine.star_imaginer import StarImaginer
from inspatio_ros.engine.stream import StarModels
from inspatio_ros.engine.world import SceneWorld
from inspatio_ros.evaluation.image import Mask
from inspatio_ros.evaluation.model_trials import Trial
from inspatio_ros.scene.parallel import Progress
import numpy as np
import torch

_LATENT_FRAMES = 4
_BLOCK_LATENTS = 3
# Views that a picture is made of, at most.
_VIEWS = 2


@dataclass(frozen=True)
class Painted:
    """
    Frames that somebody painted along the way of a trial.

    :param rgb: (J, H, W, 3) uint8, the judged ones.
    :param first_frames: of each block but the first, as indices into all frames; none where
        nothing is painted in blocks.
    :param block_s: seconds that each block took.
    """

    rgb: U8
    first_frames: tuple[int, ...] = ()
    block_s: tuple[float, ...] = ()


class Classical(NamedTuple):
    """
    What the project shows without a generator.

    :param observed: (J, H, W) bool, what the warp knows.
    :param painted: by name.
    """

    observed: Mask
    painted: dict[str, Painted]


def paint_classical(trial: Trial, progress: Progress = lambda done, total: None) -> Classical:
    """
    Paint the judged frames of a trial without a generator.

    :param progress: called as progress(frames done, frames in all).
    """
    observed: dict[int, Mask] = {}
    warped: dict[int, U8] = {}
    filled: dict[int, U8] = {}
    recalled: dict[int, U8] = {}
    conditioner = Conditioner(trial.scene, trial.camera, max_views=_VIEWS)
    for first, condition in _conditions(conditioner, trial):
        full = filled_render(replace(condition, recalled=None))
        # A still scene has nothing to look back at: both are the same.
        recalling = full if condition.recalled is None else filled_render(condition)
        for row in range(len(condition.render_T3HW)):
            observed[first + row] = condition.mask_T1HW[row, 0].numpy() > 0.0
            warped[first + row] = _pixels(condition.render_T3HW[row])
            filled[first + row] = _pixels(full[row])
            recalled[first + row] = _pixels(recalling[row])
        progress(first, len(trial.track.stamps_ns))
    return Classical(np.array([observed[it] for it in trial.judged.tolist()]), {
        'warp': Painted(_of(trial, warped)), 'fill': Painted(_of(trial, filled)),
        'recall': Painted(_of(trial, recalled)), 'sensor': Painted(_seen_by_the_sensor(trial))})


def _conditions(conditioner: Conditioner, trial: Trial) -> Iterator[tuple[int, Condition]]:
    """Return, for each block with a judged frame, its first frame and the warped recording."""
    total, first, judged = len(trial.track.stamps_ns), 0, set(trial.judged.tolist())
    while first < total:
        counts = [_LATENT_FRAMES] * _BLOCK_LATENTS if first else [
            1, *[_LATENT_FRAMES] * (_BLOCK_LATENTS - 1)]
        frames = np.arange(first, first + sum(counts))
        if judged & set(frames.tolist()):
            yield first, conditioner.condition(_part(trial, frames), counts, recall=True)
        first += sum(counts)


def _pixels(picture_3HW: torch.Tensor) -> U8:
    return ((picture_3HW + 1.0) * 127.5 + 0.5).clamp(0.0, 255.0).byte().permute(
        1, 2, 0).contiguous().numpy()


def _of(trial: Trial, pictures: dict[int, U8]) -> U8:
    return np.array([pictures[it] for it in trial.judged.tolist()])


def _seen_by_the_sensor(trial: Trial) -> U8:
    world = SceneWorld(trial.scene)
    with contextlib.closing(world):
        world.scene_time_ns(0)
        pictures = []
        for index in trial.judged:
            frame = world.observe(int(trial.track.stamps_ns[index]),
                                  trial.track.T_map_cam[index], trial.camera, Outputs.RGB)
            assert frame.rgb is not None
            pictures.append(frame.rgb)
    return np.array(pictures)


def paint(trial: Trial, models: StarModels, seed: int = 0,
          progress: Progress = lambda done, total: None) -> Painted:
    """
    Have a generator paint along the way of a trial, block after block, as it does behind a node.

    :param models: its weights.
    :param seed: of its noise.
    :param progress: called as progress(frames done, frames in all).
    :raises NotFiniteError: NaN or infinity in a block.
    """
    imaginer = StarImaginer(models, trial.scene, seed, trial.camera, _VIEWS, trial.fps)
    total, first = len(trial.track.stamps_ns), 0
    pictures: dict[int, U8] = {}
    starts, seconds = [], []
    with contextlib.closing(imaginer):
        while first < total:
            frames = np.arange(first, first + imaginer.block_frames())
            begun = time.perf_counter()
            block = imaginer.imagine(_part(trial, frames))
            seconds.append(time.perf_counter() - begun)
            starts.append(first)
            wanted = set(trial.judged.tolist())
            pictures |= {index: rgb for index, rgb in zip(frames.tolist(), block.rgb)
                         if index in wanted}
            first += len(frames)
            progress(min(first, total), total)
    return Painted(_of(trial, pictures), tuple(starts[1:]), tuple(seconds))


def _part(trial: Trial, frames: np.ndarray) -> CameraTrack:
    """Return a piece of the way; beyond its end the camera stands still while time goes on."""
    inside = np.minimum(frames, len(trial.track.stamps_ns) - 1)
    beyond = np.rint((frames - inside) * 1e9 / trial.fps).astype(np.int64)
    return CameraTrack(trial.track.stamps_ns[inside] + beyond, trial.track.T_map_cam[inside])
