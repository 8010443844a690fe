# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""All figures of one trial, by name; NaN where a trial tells nothing of a figure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
import math
from typing import NamedTuple

from inspatio_ros.contracts import F64, U8
from inspatio_ros.evaluation.image import Mask, psnr_db
from inspatio_ros.evaluation.model_camera import (find_camera, find_landmarks,
                                                  score_cameras)
from inspatio_ros.evaluation.model_painters import Classical, Painted
from inspatio_ros.evaluation.model_similarity import masked_ms_ssim, masked_ssim
from inspatio_ros.evaluation.model_steadiness import (border_step, drift_slope, flicker,
                                                      lag_frames, Link, link, Seen,
                                                      to_the_one_before, warped_difference)
from inspatio_ros.evaluation.model_trials import BLOCK, FIRST_BLOCK, Trial
from inspatio_ros.evaluation.pose import path_length
from inspatio_ros.scene.scene import View
import numpy as np

TRUTH = 'truth'
# Neighbouring frames are alike: SSIM and cameras of every so many-th judged frame are enough.
_SIMILARITY_EVERY, _CAMERA_EVERY = 3, 6
# Of a smaller share of a picture nothing is said.
_WORTH_JUDGING = 0.002
_MOST_LAG = 6


@dataclass(frozen=True)
class TrialScore:
    """
    One painter at one trial.

    :param trial, kind: of the trial.
    :param painter: its name; `truth` for how steady the true frames are themselves.
    :param figures: by name.
    :param block_psnr_db: of each block, in order; empty where not all frames are judged.
    :param block_s: seconds that each block took.
    """

    trial: str
    kind: str
    painter: str
    figures: dict[str, float]
    block_psnr_db: tuple[float, ...] = ()
    block_s: tuple[float, ...] = ()


class _Geometry(NamedTuple):
    """
    What all painters of a trial share.

    :param links: from each frame to the one before; none where not all frames are judged.
    :param borders: first frame of each block but the first.
    """

    links: list[Link]
    borders: tuple[int, ...]


def score_trial(trial: Trial, classical: Classical, painted: dict[str, Painted],
                ) -> Iterator[TrialScore]:
    """
    Judge everybody's frames of a trial; of the true ones how steady they are themselves.

    :param classical: which also says what was observed.
    :param painted: by name of the generator.
    """
    everybody = {TRUTH: Painted(trial.rgb), **classical.painted, **painted}
    geometry = _Geometry(to_the_one_before(_seen(trial)) if _is_whole(trial) else [],
                         next((it.first_frames for it in painted.values()), _usual_borders(trial)))
    for name, it in everybody.items():
        figures = {} if name == TRUTH else {**_likeness(trial, it.rgb, classical.observed),
                                            **_of_kind(trial, it.rgb, classical.observed)}
        blocks: tuple[float, ...] = ()
        if _is_whole(trial):
            figures |= _steadiness(trial, it.rgb, geometry)
            if name != TRUTH:
                blocks = tuple(_block_psnr(trial, it.rgb, geometry.borders))
            if trial.kind == 'drift' and name != TRUTH:
                figures['drift_db_per_block'] = drift_slope(blocks)
        yield TrialScore(trial.name, trial.kind, name, figures, blocks, it.block_s)


def mean_figures(scores: Sequence[TrialScore]) -> dict[str, dict[str, dict[str, float]]]:
    """Return kind of trial -> painter -> figure -> mean over the trials that tell of it."""
    means: dict[str, dict[str, dict[str, float]]] = {}
    for score in scores:
        group = means.setdefault(score.kind, {}).setdefault(score.painter, {})
        for name in score.figures:
            group[name] = _mean(np.array([
                it.figures.get(name, math.nan) for it in scores
                if (it.kind, it.painter) == (score.kind, score.painter)]))
    return means


def _usual_borders(trial: Trial) -> tuple[int, ...]:
    """Return where blocks would begin if a generator painted here."""
    return tuple(range(FIRST_BLOCK, len(trial.track.stamps_ns), BLOCK))


def _is_whole(trial: Trial) -> bool:
    return len(trial.judged) == len(trial.track.stamps_ns)


def _seen(trial: Trial) -> list[Seen]:
    return [Seen(depth, T, trial.camera.K)
            for depth, T in zip(trial.depth, trial.track.T_map_cam[trial.judged])]


def _likeness(trial: Trial, rgb: U8, observed: Mask) -> dict[str, float]:
    """Return PSNR over all pixels of all frames, and SSIM weighted by the pixels of each frame."""
    figures = {'observed_share': float(observed.mean())}
    chosen = slice(None, None, _SIMILARITY_EVERY)
    for name, mask in (('', np.ones_like(observed)), ('_observed', observed),
                       ('_unobserved', ~observed)):
        figures[f'psnr{name}_db'] = psnr_db(rgb, trial.rgb, mask)
        for measure, function in (('ssim', masked_ssim), ('ms_ssim', masked_ms_ssim)):
            figures[measure + name] = _weighted(function, rgb[chosen], trial.rgb[chosen],
                                                mask[chosen])
    return figures


def _weighted(function: Callable[[U8, U8, Mask], float], rgb: U8, truth: U8,
              masks: Mask) -> float:
    total = weights = 0.0
    for picture, true, mask in zip(rgb, truth, masks):
        share = float(mask.mean())
        value = function(picture, true, mask) if share > _WORTH_JUDGING else math.nan
        if not math.isnan(value):
            total, weights = total + share * value, weights + share
    return total / weights if weights else math.nan


def _of_kind(trial: Trial, rgb: U8, observed: Mask) -> dict[str, float]:
    """Return what this kind of trial is for."""
    if trial.kind == 'loop':
        return _loop(trial, rgb, observed)
    figures = _cameras(trial, rgb)
    if trial.kind == 'lag':
        figures['lag_s'] = lag_frames(rgb, trial.rgb, _MOST_LAG) / trial.fps
    return figures


def _steadiness(trial: Trial, rgb: U8, geometry: _Geometry) -> dict[str, float]:
    changes = flicker(rgb, geometry.links, list(trial.counted))
    return {'flicker': _mean(changes), 'border_step': border_step(changes, geometry.borders)}


def _cameras(trial: Trial, rgb: U8) -> dict[str, float]:
    """Find the cameras of frames among the landmarks of the true frames at their poses."""
    chosen = np.arange(len(rgb))[::-1][::_CAMERA_EVERY][::-1]
    poses = trial.track.T_map_cam[trial.judged[chosen]]
    found = [find_camera(rgb[it], trial.camera, find_landmarks([_true_view(trial, it, T)]))
             for it, T in zip(chosen.tolist(), poses)]
    score = score_cameras(found, poses, path_length(trial.track.T_map_cam))
    return {'rot_err_deg': score.rotation_deg, 'trans_err_m': score.translation_m,
            'trans_err_ratio': score.translation_ratio,
            'worldscore_camera_error': score.camera_error,
            'camera_found_share': score.found / score.frames}


def _true_view(trial: Trial, frame: int, T_map_cam: F64) -> View:
    still = np.where(trial.counted[frame], trial.depth[frame], np.float32(np.nan))
    return View(trial.rgb[frame], still, trial.camera, T_map_cam, 'truth')


def _loop(trial: Trial, rgb: U8, observed: Mask) -> dict[str, float]:
    """Compare the last frame before the camera left with that after it came back."""
    left, back = _seen(trial)
    between = link(back, left)
    return {'loop_difference': warped_difference(rgb[1], rgb[0], between),
            'loop_difference_unobserved': warped_difference(rgb[1], rgb[0], between,
                                                            ~observed[1])}


def _block_psnr(trial: Trial, rgb: U8, borders: Sequence[int]) -> Iterator[float]:
    ends = [0, *borders, len(rgb)]
    for first, last in zip(ends, ends[1:]):
        yield psnr_db(rgb[first:last], trial.rgb[first:last],
                      np.ones(rgb[first:last].shape[:3], np.bool_))


def _mean(values: F64) -> float:
    values = values[np.isfinite(values)]
    return float(values.mean()) if values.size else math.nan
