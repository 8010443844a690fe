# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A video that does not bring all of depth, poses and camera -> scene.

`prepare_video` names the stages in their order. What a stage has done is kept in OUT.partial until
the scene is saved, so that work that was interrupted goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
import logging
import math
from pathlib import Path

from inspatio_ros.contracts import F64, Intrinsics
from inspatio_ros.scene.align import Placement
from inspatio_ros.scene.formats.poses import check_count, read_camera_json, read_poses
from inspatio_ros.scene.metric import place_with_scale, Scale
from inspatio_ros.scene.parallel import Progress
from inspatio_ros.scene.preparation import Picture, Preparation, Role
from inspatio_ros.scene.reconstruction import depth_by
from inspatio_ros.scene.reconstruction.chosen import choose_pictures, Chosen
from inspatio_ros.scene.reconstruction.colmap import (first_guess, Given, recover_structure,
                                                      StandsStillError)
from inspatio_ros.scene.reconstruction.depth_by import Stage
from inspatio_ros.scene.reconstruction.frame_choice import timeline
from inspatio_ros.scene.reconstruction.monocular import MIN_POINTS, open_network
from inspatio_ros.scene.reconstruction.structure import (standing_still, Structure,
                                                         structure_arrays, structure_from)
from inspatio_ros.scene.reconstruction.video import Footage, survey_video
from inspatio_ros.scene.reconstruction.workplace import fingerprint, Workplace
from inspatio_ros.scene.scene import check_fps, Scene, TimeMode, View
from inspatio_ros.scene.separation.background import Split, split_scene
import numpy as np

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class VideoOptions:
    """
    What somebody says beside the video; None leaves it to the video.

    :param poses: file of camera-to-world poses, one per frame of the video.
    :param intrinsics: JSON file of the camera.
    :param refine_principal_point: look for it, instead of taking the middle of the picture.
    :param frames: how many frames are used at most.
    :param long_side: larger pictures are made this small, pixels.
    :param hold_out: every so many-th frame gets a pose and is kept out of the scene.
    :param scale: metres per unit of the poses; found poses have the camera's way as their unit.
    :param camera_height_m: of the first camera over the floor.
    :param fps: frames per second of the video, where its file says it wrong.
    :param time_mode: what is shown when the frames are over.
    :param depth: folder with one depth map per frame of the video.
    :param network: library that sees depth: 'da3' or 'transformers'.
    :param model: folder with its weights.
    :param still: nothing in the video moves: nothing is taken for a thing that does.
    """

    poses: Path | None = None
    intrinsics: Path | None = None
    refine_principal_point: bool = False
    frames: int = 60
    long_side: int = 960
    hold_out: int | None = None
    scale: float | None = None
    camera_height_m: float | None = None
    fps: float | None = None
    time_mode: TimeMode | None = None
    depth: Path | None = None
    network: str | None = None
    model: Path | None = None
    still: bool = False


@dataclass(frozen=True)
class Prepared:
    """
    A scene, how it was placed, what it was made of, and where the work was done.

    :param notes: what was left out, a line each.
    """

    scene: Scene
    placement: Placement
    preparation: Preparation
    work: Workplace
    notes: tuple[str, ...] = ()


def prepare_video(video: Path, out: Path, options: VideoOptions, stage: Stage,
                  stamps_s: F64 | None = None) -> Prepared:
    """
    Turn a video into a scene.

    :param out: where the scene will be saved; the work is kept beside it.
    :param stage: shows how far each stage is.
    :param stamps_s: (N,) when each frame of the video was taken, seconds since the recording
        began; None: as the file says, from its first frame on. This is the time of the scene:
        what moves is shown at the time of its picture.
    :returns: the scene in `map`; the work is still there, to be removed when it is saved.
    :raises ValueError: a video or option that is wrong, or a video that depth cannot be had from;
        the message says what to do. The work is removed then: it would end like this again.
    """
    _check(options)
    network = open_network(options.network, options.model) if options.network else None
    with stage('watch') as progress:
        footage = _timed(survey_video(video, progress), options.fps, stamps_s)
    work = Workplace(out, _task(video, options))
    try:
        with stage('frames') as progress:
            chosen = choose_pictures(video, footage, options.frames, options.long_side,
                                     options.hold_out, work.folder / 'pictures', progress)
        given, units_per_metre = _given(chosen, options)
        with stage('poses') as progress:
            structure = _structure(chosen, given, options, work, progress)
        if network is not None:
            views = depth_by.predicted_views(chosen, structure, network, work, stage)
        elif options.depth is not None:
            views, structure = depth_by.given_views(chosen, structure, options.depth,
                                                    options.intrinsics, units_per_metre, stage)
        else:
            views = depth_by.swept_views(chosen, structure, work, stage)
        with stage('background') as progress:
            split = split_scene(views, progress=progress, still=options.still)
            scene = _scene(chosen, views, split, options)
        scene, placement, scale = place_with_scale(scene, structure.metric, options.scale,
                                                   options.camera_height_m)
    except ValueError:
        work.remove()
        raise
    preparation = _preparation(chosen, structure, views, scene, placement, scale)
    return Prepared(scene, placement, preparation, work, _notes(preparation))


def _check(options: VideoOptions) -> None:
    if options.fps is not None:
        check_fps(options.fps, 'fps')
    if options.hold_out is not None and options.hold_out < 2:
        raise ValueError(f'--hold-out must be at least 2, got {options.hold_out}')
    if options.poses is not None and options.intrinsics is None:
        raise ValueError(f'{options.poses}: poses alone do not say what the camera sees; give '
                         '--intrinsics too')
    if options.poses is not None and options.refine_principal_point:
        raise ValueError('--refine-principal-point looks for the centre of the picture while it '
                         f'looks for the poses, and these are given: {options.poses}')
    for name, value in (('--scale', options.scale), ('--camera-height', options.camera_height_m)):
        if value is not None and not (math.isfinite(value) and value > 0.0):
            raise ValueError(f'{name} must be finite and > 0, got {value!r}')
    if options.long_side < 64:
        raise ValueError(f'--long-side must be at least 64 pixels, got {options.long_side}')


def _timed(footage: Footage, fps: float | None, stamps_s: F64 | None) -> Footage:
    """Return the footage at the time at which it was taken, if somebody knows that better."""
    if stamps_s is not None:
        assert len(stamps_s) == len(footage.stamps_s)
        return replace(footage, stamps_s=stamps_s)
    if fps is None:
        return footage
    return replace(footage, fps=fps, stamps_s=footage.stamps_s * (footage.fps / fps))


def _task(video: Path, options: VideoOptions) -> dict[str, object]:
    """Return all that the kept work depends on."""
    inputs = {name: fingerprint(path) for name, path in (
        ('video', video), ('poses', options.poses), ('intrinsics', options.intrinsics),
        ('depth', options.depth), ('model', options.model))}
    return {**inputs, 'hold_out': options.hold_out, 'frames': options.frames,
            'refine_principal_point': options.refine_principal_point,
            'long_side': options.long_side, 'network': options.network}


def _given(chosen: Chosen, options: VideoOptions) -> tuple[Given, float | None]:
    """Read what is known before; also the units per metre of depth pictures."""
    camera: Intrinsics | None = None
    units_per_metre: float | None = None
    poses: F64 | None = None
    if options.intrinsics is not None:
        camera, units_per_metre = read_camera_json(options.intrinsics)
        found, expected = (camera.width, camera.height), chosen.footage.size
        if found != expected:
            raise ValueError(f'{options.intrinsics}: is for {found[0]}x{found[1]} pixels, the '
                             f'video has {expected[0]}x{expected[1]}')
        camera = camera.scaled(*chosen.size)
    if options.poses is not None:
        poses = read_poses(options.poses)
        check_count(options.poses, len(poses), len(chosen.footage.stamps_s), 'poses',
                    'frames in the video')
        poses = poses[chosen.numbers]
    return Given(camera, poses, options.refine_principal_point), units_per_metre


def _structure(chosen: Chosen, given: Given, options: VideoOptions, work: Workplace,
               progress: Progress) -> Structure:
    """Find poses and points; a camera that stands still will do where depth is at hand."""
    try:
        return structure_from(work.remember('structure', lambda: structure_arrays(
            recover_structure(chosen.files, chosen.size, given, work.folder / 'colmap',
                              progress))))
    except StandsStillError as error:
        if options.network is None and options.depth is None:
            raise StandsStillError(f'{chosen.video}: {error}') from error
        if given.T_world_cam is not None:
            return replace(standing_still(given.intrinsics or first_guess(chosen.size),
                                          len(chosen.numbers)),
                           T_world_cam=given.T_world_cam, metric=True)
        if given.intrinsics is None:
            _log.warning('%s: the camera stands still, so its focal length is a guess; '
                         '--intrinsics sets it', chosen.video)
        return standing_still(given.intrinsics or first_guess(chosen.size), len(chosen.numbers))
    except ValueError as error:
        raise ValueError(f'{chosen.video}: {error}') from error


def _scene(chosen: Chosen, views: Sequence[View], split: Split, options: VideoOptions) -> Scene:
    """Put together what stands still and, at its own time, what moves."""
    video = chosen.video
    stamp_of = {chosen.name(it): float(chosen.footage.stamps_s[number])
                for it, number in enumerate(chosen.numbers)}
    stamps_s = [stamp_of[view.name] for view in views]
    frames = tuple(split.frames[it] for it in timeline(stamps_s, chosen.rate)
                   ) if split.frames else ()
    return Scene(video.stem, split.views, frames, chosen.rate,
                 options.time_mode or TimeMode.LOOP, source=f'video {video.name}')


def _preparation(chosen: Chosen, structure: Structure, views: list[View], scene: Scene,
                 placement: Placement, scale: Scale) -> Preparation:
    """Say what became of every chosen frame."""
    poses = structure.scaled(scale.metres_per_unit, metric=True).T_world_cam
    found = set(structure.found)
    shown = {view.name for view in scene.all_views()}
    pictures = []
    for position, number in enumerate(chosen.numbers):
        role = (Role.LOST if position not in found else
                Role.HELD_OUT if chosen.held[position] else
                Role.VIEW if chosen.name(position) in shown else Role.UNUSED)
        T_map_cam = placement.T_map_world @ poses[position] if position in found else None
        pictures.append(Picture(number, chosen.name(position),
                                float(chosen.footage.stamps_s[number]), role, T_map_cam,
                                structure.intrinsics))
    return Preparation(chosen.video.name, tuple(pictures), {
        'frames': len(chosen.footage.stamps_s), 'chosen': len(chosen.numbers),
        'registered': len(found), 'without_depth': sum(
            not chosen.held[it] for it in found) - len(views), 'points': len(structure.points),
        'camera': asdict(structure.intrinsics), 'metres_per_unit': scale.metres_per_unit,
        'scale_from': scale.source, 'scale_guessed': scale.guessed,
        'measured_share': float(np.mean([view.measured().mean() for view in views]))})


def _notes(preparation: Preparation) -> tuple[str, ...]:
    """Say what was left out."""
    count = preparation.numbers['without_depth']
    return (f'{count} of {preparation.numbers["registered"]} placed pictures left out: fewer than '
            f'{MIN_POINTS} points say what the scale of their depth is',) if count else ()
