# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
How well a scene that was made of a recording agrees with the truth about it.

Poses are compared after a similarity, depth in the scale of the truth that this similarity gives,
and pictures that the scene was not made of against what the renderer sees at their poses. Only
depth that was measured counts: completed depth is a guess, and the scene says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
import math

from inspatio_ros.contracts import F32, F64, Intrinsics, OBSERVED_SEEN
from inspatio_ros.engine.world import SceneWorld
from inspatio_ros.evaluation.image import Mask, psnr_db, relative_depth_error, ssim
from inspatio_ros.evaluation.pose import PoseScore, score_poses
from inspatio_ros.evaluation.truth import resized, Truth
from inspatio_ros.scene.preparation import Picture, Preparation, Role
from inspatio_ros.scene.scene import Scene, View
import numpy as np

# Of a scene that does not say what was held out, every so many-th view is left out of rendering.
HOLD_OUT = 5
_FIRST_HELD_OUT = 2
# Frames and pictures of one camera at one time have one pose, but for the rounding of a file.
_SAME_POSE = 1e-6


@dataclass(frozen=True)
class Shot:
    """
    A picture of the recording that has a pose.

    :param index: in the recording, from 0.
    :param stamp_s: seconds since the recording began.
    :param T_map_cam: (4, 4) float64, optical frame to the scene's map.
    :param held_out: whether it is kept away from rendering.
    :param view: what the scene holds of it; None if nothing.
    :param moving: what covers parts of that view at its time: what moves in it.
    """

    index: int
    stamp_s: float
    T_map_cam: F64
    intrinsics: Intrinsics
    held_out: bool
    view: View | None
    moving: tuple[View, ...] = ()


@dataclass(frozen=True)
class DepthScore:
    """
    One depth map against the true one, on the pixels whose truth is known.

    :param picture: index in the recording, from 0.
    :param abs_rel: mean |depth - truth| / truth over the measured pixels.
    :param delta_1_25: share of them with max(depth / truth, truth / depth) < 1.25.
    :param coverage: share of pixels that are measured.
    :param pixels: how many of them are.
    """

    picture: int
    abs_rel: float
    delta_1_25: float
    coverage: float
    pixels: int


@dataclass(frozen=True)
class ViewScore:
    """
    A picture that was held out against the rendered one, on the pixels that the scene has seen.

    :param picture: index in the recording, from 0.
    :param coverage: share of pixels that measured depth reaches.
    """

    picture: int
    psnr_db: float
    ssim: float
    coverage: float


def shots_of(scene: Scene, preparation: Preparation | None) -> tuple[Shot, ...]:
    """
    List the pictures of the recording that have a pose.

    :param preparation: what is known of them; None for a scene whose views, in their order, are
        the pictures.
    :returns: in the order of the recording. Where nobody held out any, every fifth static view is,
        of three or more.
    """
    if preparation is not None:
        shots = tuple(_shot(scene, picture) for picture in preparation.pictures
                      if picture.T_map_cam is not None)
    else:
        views = scene.views or tuple(frame[0] for frame in scene.frames)
        shots = tuple(Shot(index, index / scene.fps, view.T_map_cam, view.intrinsics, False, view)
                      for index, view in enumerate(views))
    if any(shot.held_out for shot in shots) or len(scene.views) <= _FIRST_HELD_OUT:
        return shots
    static = {view.name for view in scene.views}
    still = [shot for shot in shots if shot.view is not None and shot.view.name in static]
    away = {shot.index for shot in still[_FIRST_HELD_OUT::HOLD_OUT]}
    return tuple(replace(shot, held_out=shot.index in away) for shot in shots)


def _shot(scene: Scene, picture: Picture) -> Shot:
    assert picture.T_map_cam is not None
    index = scene.frame_index(picture.stamp_s)
    of_frame = [view for view in (() if index is None else scene.frames[index])
                if np.allclose(view.T_map_cam, picture.T_map_cam, atol=_SAME_POSE)]
    named = [view for view in scene.views if view.name == picture.name]
    whole = next(iter(named + [it for it in of_frame if it.intrinsics == picture.intrinsics]),
                 None)
    return Shot(picture.index, picture.stamp_s, picture.T_map_cam, picture.intrinsics,
                picture.role is Role.HELD_OUT, whole,
                tuple(view for view in of_frame if view is not whole))


def evaluate_poses(shots: Sequence[Shot], truth: Truth) -> PoseScore | None:
    """
    Compare the poses of all pictures; None if the truth has none.

    :raises ValueError: no picture has a pose, or the truth lacks one of them.
    """
    if truth.T_world_cam is None:
        return None
    if not shots:
        raise ValueError('the scene has no picture with a pose')
    return score_poses(np.array([shot.T_map_cam for shot in shots]),
                       truth.poses_of([shot.index for shot in shots]))


def focal_ratio(shots: Sequence[Shot], truth: Truth) -> float:
    """Return the median over the pictures of focal length / true one; NaN if that is unknown."""
    if truth.camera is None or not shots:
        return math.nan
    ratios = []
    for camera in (shot.intrinsics for shot in shots):
        true = truth.camera.scaled(camera.width, camera.height)
        ratios.append(math.sqrt(camera.fx / true.fx * camera.fy / true.fy))
    return float(np.median(ratios))


def with_true_depth(shots: Sequence[Shot], truth: Truth) -> tuple[Shot, ...]:
    """Return those of which scene and truth have a depth map."""
    return tuple(shot for shot in shots if shot.view is not None and shot.index in truth.depth)


def scale_of_depth(shots: Sequence[Shot], truth: Truth) -> float:
    """
    Return the median of true depth / depth, for a scene whose poses tell no scale.

    :returns: NaN without a common pixel.
    """
    ratios = []
    for shot in with_true_depth(shots, truth):
        depth, true = _depths(shot, truth)
        ratio = (true / depth)[np.isfinite(depth) & np.isfinite(true)]
        if ratio.size:
            ratios.append(np.median(ratio))
    return float(np.median(ratios)) if ratios else math.nan


def evaluate_depth(shots: Sequence[Shot], truth: Truth, scale: float) -> Iterator[DepthScore]:
    """
    Compare the measured depth of each picture that scene and truth have one of.

    :param scale: of the truth, in units of the scene.
    :raises ValueError: a true depth map that cannot be used.
    """
    for shot in with_true_depth(shots, truth):
        depth, true = _depths(shot, truth)
        depth *= np.float32(scale)
        error = relative_depth_error(depth, true)
        measured = np.isfinite(error)
        ratio = depth[measured] / true[measured]
        close = np.maximum(ratio, 1.0 / ratio) < 1.25
        count = int(measured.sum())
        yield DepthScore(shot.index, float(error[measured].mean()) if count else math.nan,
                         float(close.mean()) if count else math.nan,
                         count / max(int(np.isfinite(true).sum()), 1), count)


def _depths(shot: Shot, truth: Truth) -> tuple[F32, F32]:
    """Return measured depth (NaN elsewhere) and true depth on the same grid."""
    assert shot.view is not None
    depth = _measured_depth(shot.view)
    for part in shot.moving:
        _paste(depth, shot.view, part)
    return depth, truth.depth_of(shot.index, (depth.shape[1], depth.shape[0]))


def _paste(depth: F32, view: View, part: View) -> None:
    """Write the measured depth of a part of a picture over that of the whole."""
    upper = _measured_depth(part)
    top = round(view.intrinsics.cy - part.intrinsics.cy)
    left = round(view.intrinsics.cx - part.intrinsics.cx)
    window = depth[top:top + upper.shape[0], left:left + upper.shape[1]]
    known = ~np.isnan(upper)
    window[known] = upper[known]


def _measured_depth(view: View) -> F32:
    return np.where(view.measured(), view.depth, np.float32(np.nan))


def evaluate_held_out(scene: Scene, shots: Sequence[Shot], truth: Truth) -> Iterator[ViewScore]:
    """
    Render the scene at the pose of each picture that was held out, from measured depth alone.

    :returns: nothing where the truth has no pictures.
    :raises ValueError: no measured depth is left, or a true picture that cannot be used.
    """
    held_out = [shot for shot in shots if shot.held_out]
    if not held_out or not truth.has_colour():
        return
    world = SceneWorld(_measured_scene(scene, held_out))
    world.scene_time_ns(0)  # its time starts with the recording
    try:
        pictures = truth.pictures([shot.index for shot in held_out])
        for shot, picture in zip(held_out, pictures):
            size = (shot.intrinsics.width, shot.intrinsics.height)
            true = resized(picture, size, truth.folder)
            frame = world.observe(round(shot.stamp_s * 1e9), shot.T_map_cam, shot.intrinsics)
            assert frame.rgb is not None and frame.observed is not None
            known: Mask = frame.observed == OBSERVED_SEEN
            yield ViewScore(shot.index, psnr_db(frame.rgb, true, known),
                            ssim(frame.rgb, true, known), float(known.mean()))
    finally:
        world.close()


def _measured_scene(scene: Scene, held_out: Sequence[Shot]) -> Scene:
    """Return the scene without guesses, and without the views that are held out."""
    away = {shot.view.name for shot in held_out if shot.view is not None}

    def measured(view: View) -> View:
        return replace(view, depth=_measured_depth(view), confidence=None)
    return replace(scene, views=tuple(measured(view) for view in scene.views
                                      if view.name not in away),
                   frames=tuple(tuple(map(measured, frame)) for frame in scene.frames))


def summary(shots: Sequence[Shot], lost: int, truth: Truth, poses: PoseScore | None, scale: float,
            depths: Sequence[DepthScore], views: Sequence[ViewScore]) -> dict[str, object]:
    """
    Return all figures as one object; NaN is what the truth, or the scene, does not tell.

    :param lost: how many pictures of the recording have no pose.
    """
    weights = np.array([score.pixels for score in depths], np.float64)

    def over_pixels(name: str) -> float:
        values = [getattr(score, name) for score in depths]
        return (float(np.nansum(weights * values) / weights.sum()) if weights.sum() > 0.0
                else math.nan)

    def over_views(scores: Sequence[object], name: str) -> float:
        values = [getattr(score, name) for score in scores]
        return float(np.mean(values)) if values else math.nan
    return {
        'frames': len(shots), 'lost': lost,
        'rotation_deg': poses.rotation_deg if poses else math.nan,
        'rotation_max_deg': poses.rotation_max_deg if poses else math.nan,
        'translation_ratio': poses.translation_ratio if poses else math.nan,
        'translation_rmse': poses.translation_rmse if poses else math.nan,
        'path_length': poses.path_length if poses else math.nan,
        'scale': scale, 'focal_ratio': focal_ratio(shots, truth),
        'depth_abs_rel': over_pixels('abs_rel'), 'depth_delta_1_25': over_pixels('delta_1_25'),
        'depth_coverage': over_views(depths, 'coverage'), 'depth_maps': len(depths),
        'psnr_db': over_views(views, 'psnr_db'), 'ssim': over_views(views, 'ssim'),
        'coverage': over_views(views, 'coverage'), 'held_out': len(views),
        'depths': [asdict(score) for score in depths], 'views': [asdict(score) for score in views],
    }
