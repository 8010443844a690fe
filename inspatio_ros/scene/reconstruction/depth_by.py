# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Three ways to the depth of posed frames: measured by a sweep, seen by a network, given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from inspatio_ros.contracts import F32, U8
from inspatio_ros.scene.formats.depth_sequence import depth_files, read_foreign_depth
from inspatio_ros.scene.formats.poses import check_count
from inspatio_ros.scene.parallel import in_parallel, Progress
from inspatio_ros.scene.reconstruction import dense, monocular
from inspatio_ros.scene.reconstruction.chosen import Chosen
from inspatio_ros.scene.reconstruction.structure import Structure
from inspatio_ros.scene.reconstruction.workplace import Workplace
from inspatio_ros.scene.scene import View
import numpy as np

# Shows how far a stage is: a name in, a context that gives the callback out.
Stage = Callable[[str], AbstractContextManager[Progress]]

# Depth of a network that is off by this share at the points is worth nothing.
_WORTHLESS = 0.5
# Found poses of at least so many pixels get their size from given depth.
_MIN_POINTS = 20


def swept_views(chosen: Chosen, structure: Structure, work: Workplace,
                stage: Stage) -> list[View]:
    """Measure depth against the neighbours of each frame."""
    shots = dense.Shots(chosen.pictures(chosen.placed(structure)), structure)
    used = list(shots.rgb)

    def swept(picture: int) -> F32:
        kept = work.remember(f'depth/{chosen.numbers[picture]:06d}',
                             lambda: {'inverse': dense.sweep(shots, picture)})
        return np.asarray(kept['inverse'], np.float32)

    def view(picture: int) -> View:
        inverse, confidence = dense.confirm(shots, picture, maps)
        return _view(chosen, structure, picture, shots.rgb[picture],
                     dense.finish(shots.rgb[picture], inverse), confidence)

    with stage('depth') as progress:
        maps = dict(zip(used, in_parallel(swept, used, progress), strict=True))
    with stage('confirm') as progress:
        return in_parallel(view, used, progress)


def predicted_views(chosen: Chosen, structure: Structure, network: monocular.Network,
                    work: Workplace, stage: Stage) -> list[View]:
    """
    Let a network see depth, in the scale of the points.

    :param work: keeps what the network said.
    :returns: views of the pictures that hold enough points; the others are left out.
    :raises ValueError: most pictures lack points; or a camera that stands still and a network that
        says inverse depth: nothing tells its scale and shift.
    """
    rgb = chosen.pictures(chosen.placed(structure))
    with stage('depth') as progress:
        seen = _looked_at(chosen, rgb, network, work, progress)
    aligned: Sequence[monocular.Aligned | None]
    if len(structure.points):
        aligned = monocular.align(seen, [structure.depths_of(it) for it in rgb],
                                  network.says_depth)
    elif network.says_depth:
        aligned = [monocular.Aligned(_positive(depth), 0.5 * _WORTHLESS) for depth in seen]
    else:
        raise ValueError(f'{chosen.video}: the camera stands still, and the network says inverse '
                         'depth without scale; give one that says metric depth')
    views = []
    for picture, it in zip(rgb, aligned, strict=True):
        if it is None:
            continue
        worth = max(round(255.0 * max(1.0 - it.misfit / _WORTHLESS, 0.0)), 1)
        confidence = np.where(np.isnan(it.depth), 0, worth).astype(np.uint8)
        views.append(_view(chosen, structure, picture, rgb[picture], it.depth, confidence))
    return views


def _looked_at(chosen: Chosen, rgb: dict[int, U8], network: monocular.Network, work: Workplace,
               progress: Progress) -> list[F32]:
    """Return what the network says of each picture; what it said before an interrupt is kept."""
    seen: list[F32] = []
    for picture, pixels in rgb.items():
        kept = work.remember(f'said/{chosen.numbers[picture]:06d}',
                             partial(_said, network, pixels))
        seen.append(np.asarray(kept['said'], np.float32))
        progress(len(seen), len(rgb))
    return seen


def _said(network: monocular.Network, rgb: U8) -> dict[str, F32]:
    return {'said': network.predict(rgb)}


def given_views(chosen: Chosen, structure: Structure, folder: Path, intrinsics: Path | None,
                units_per_metre: float | None, stage: Stage) -> tuple[list[View], Structure]:
    """
    Take depth maps that somebody else made, one per frame of the video, in metres.

    :param intrinsics: the file that `units_per_metre` is from.
    :returns: the views, and the structure in metres: its unit comes from the depth maps.
    """
    files = depth_files(folder)
    check_count(folder, len(files), len(chosen.footage.stamps_s), 'depth maps',
                'frames in the video')
    size_of = str(chosen.video if intrinsics is None else intrinsics)

    def read(picture: int) -> F32:
        depth = read_foreign_depth(files[chosen.numbers[picture]], chosen.footage.size, size_of,
                                   units_per_metre)
        return _nearest(depth, chosen.size)

    rgb = chosen.pictures(chosen.placed(structure))
    with stage('depth') as progress:
        depths = dict(zip(rgb, in_parallel(read, list(rgb), progress), strict=True))
    structure = structure if structure.metric else _in_metres(structure, depths)
    return [_view(chosen, structure, it, rgb[it], depths[it], None) for it in rgb], structure


def _in_metres(structure: Structure, depths: dict[int, F32]) -> Structure:
    """Give found poses the size that metric depth says at the points."""
    if len(structure.points) == 0:
        return structure.scaled(1.0, metric=True)
    ratios = []
    for picture, depth in depths.items():
        pixels, far = structure.depths_of(picture)
        column = np.clip(np.rint(pixels[:, 0]).astype(int), 0, depth.shape[1] - 1)
        row = np.clip(np.rint(pixels[:, 1]).astype(int), 0, depth.shape[0] - 1)
        ratios.append(depth[row, column] / far)
    ratio = np.concatenate(ratios)
    ratio = ratio[np.isfinite(ratio)]
    if len(ratio) < _MIN_POINTS:
        raise ValueError(f'the depth maps know {len(ratio)} of the points that were found in the '
                         f'video, at least {_MIN_POINTS} are needed to measure its scale by')
    return structure.scaled(float(np.median(ratio)), metric=True)


def _positive(depth: F32) -> F32:
    return np.where(depth > 0.0, depth, np.float32(np.nan))


def _nearest(depth: F32, size: tuple[int, int]) -> F32:
    """Make a depth map smaller without mixing near and far."""
    if (depth.shape[1], depth.shape[0]) == size:
        return depth
    import cv2
    return np.asarray(cv2.resize(depth, size, interpolation=cv2.INTER_NEAREST_EXACT), np.float32)


def _view(chosen: Chosen, structure: Structure, picture: int, rgb: U8, depth: F32,
          confidence: U8 | None) -> View:
    return View(rgb, depth, structure.intrinsics, structure.T_world_cam[picture],
                chosen.name(picture), confidence)
