# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A video and nothing else -> scene.

`prepare_video` names the stages in their order. What a stage has done is kept in OUT.partial until
the scene is saved, so that work that was interrupted goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path

from inspatio_ros.contracts import F32, F64, Intrinsics, U8
from inspatio_ros.scene import dense
from inspatio_ros.scene.align import Placement
from inspatio_ros.scene.background import Split, split_scene
from inspatio_ros.scene.colmap import Given, recover_structure
from inspatio_ros.scene.frame_choice import choose_frames, timeline
from inspatio_ros.scene.images import png_bytes, read_rgb
from inspatio_ros.scene.metric import place_with_scale
from inspatio_ros.scene.parallel import in_parallel, Progress
from inspatio_ros.scene.poses import check_count, read_camera_json, read_poses
from inspatio_ros.scene.preparation import Picture, Preparation, Role
from inspatio_ros.scene.scene import check_fps, Scene, TimeMode, View
from inspatio_ros.scene.structure import Structure, structure_arrays, structure_from
from inspatio_ros.scene.video import Footage, read_chosen, survey_video
from inspatio_ros.scene.workplace import fingerprint, Workplace
import numpy as np

# Shows how far a stage is: a name in, a context that gives the callback out.
Stage = Callable[[str], AbstractContextManager[Progress]]


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
    :param fps: frames per second.
    :param time_mode: what is shown when the frames are over.
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


@dataclass(frozen=True)
class Prepared:
    """A scene, how it was placed, what it was made of, and where the work was done."""

    scene: Scene
    placement: Placement
    preparation: Preparation
    work: Workplace


@dataclass(frozen=True)
class _Clip:
    """
    The frames that are used.

    :param numbers: in the video, from 0.
    :param files: their pictures, PNG.
    :param held: for each whether it is held out.
    """

    footage: Footage
    numbers: list[int]
    files: list[Path]
    held: list[bool]
    size: tuple[int, int]

    def placed(self, structure: Structure) -> list[int]:
        """Return the positions of those that become views: not held out, and with a pose."""
        return [position for position in structure.found if not self.held[position]]


def prepare_video(video: Path, out: Path, options: VideoOptions, stage: Stage) -> Prepared:
    """
    Turn a video into a scene.

    :param out: where the scene will be saved; the work is kept beside it.
    :param stage: shows how far each stage is.
    :returns: the scene in `map`; the work is still there, to be removed when it is saved.
    :raises ValueError: a video or option that is wrong, or a video that depth cannot be had from;
        the message says what to do.
    """
    _check(options)
    work = Workplace(out, _task(video, options))
    with stage('watch') as progress:
        footage = survey_video(video, progress)
    with stage('frames') as progress:
        clip = _frames(video, footage, options, work, progress)
    with stage('poses') as progress:
        structure = _structure(clip, options, work, progress)
    with stage('depth') as progress:
        maps = _sweeps(clip, structure, work, progress)
    with stage('confirm') as progress:
        views = _views(clip, structure, maps, progress)
    with stage('background') as progress:
        scene = _scene(video, clip, structure, split_scene(views, progress=progress), options)
    scene, placement, scale = place_with_scale(scene, structure.metric, options.scale,
                                               options.camera_height_m)
    return Prepared(scene, placement, _preparation(video, clip, structure, placement, scale,
                                                   scene), work)


def _check(options: VideoOptions) -> None:
    if options.fps is not None:
        check_fps(options.fps, 'fps')
    if options.hold_out is not None and options.hold_out < 2:
        raise ValueError(f'--hold-out must be at least 2, got {options.hold_out}')
    if options.poses is not None and options.intrinsics is None:
        raise ValueError(f'{options.poses}: poses alone do not say what the camera sees; give '
                         '--intrinsics too')


def _task(video: Path, options: VideoOptions) -> dict[str, object]:
    """Return all that the kept work depends on."""
    return {'video': fingerprint(video), 'poses': fingerprint(options.poses),
            'intrinsics': fingerprint(options.intrinsics), 'hold_out': options.hold_out,
            'refine_principal_point': options.refine_principal_point,
            'frames': options.frames, 'long_side': options.long_side}


def _frames(video: Path, footage: Footage, options: VideoOptions, work: Workplace,
            progress: Progress) -> _Clip:
    numbers = choose_frames(footage, options.frames)
    size = _bounded(footage.size, options.long_side)
    folder = work.folder / 'pictures'
    folder.mkdir(exist_ok=True)
    files = [folder / f'{number:06d}.png' for number in numbers]
    if not all(file.is_file() for file in files):
        for done, (file, rgb) in enumerate(zip(files, read_chosen(video, numbers)), start=1):
            file.write_bytes(png_bytes(_resized(rgb, size)))
            progress(done, len(files))
    every = options.hold_out
    held = [every is not None and number % every == every - 1
            for number in range(len(numbers))]
    return _Clip(footage, numbers, files, held, size)


def _bounded(size: tuple[int, int], long_side: int) -> tuple[int, int]:
    scale = min(1.0, long_side / max(size))
    return round(size[0] * scale), round(size[1] * scale)


def _resized(rgb: U8, size: tuple[int, int]) -> U8:
    if (rgb.shape[1], rgb.shape[0]) == size:
        return rgb
    import cv2
    resized: U8 = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    return resized


def _structure(clip: _Clip, options: VideoOptions, work: Workplace,
               progress: Progress) -> Structure:
    given = _given(clip, options)
    return structure_from(work.remember('structure', lambda: structure_arrays(
        recover_structure(clip.files, clip.size, given, work.folder / 'colmap', progress))))


def _given(clip: _Clip, options: VideoOptions) -> Given:
    camera: Intrinsics | None = None
    poses: F64 | None = None
    if options.intrinsics is not None:
        camera, _ = read_camera_json(options.intrinsics)
        found, expected = (camera.width, camera.height), clip.footage.size
        if found != expected:
            raise ValueError(f'{options.intrinsics}: is for {found[0]}x{found[1]} pixels, the '
                             f'video has {expected[0]}x{expected[1]}')
        camera = camera.scaled(*clip.size)
    if options.poses is not None:
        poses = read_poses(options.poses)
        check_count(options.poses, len(poses), len(clip.footage.stamps_s), 'poses',
                    'frames in the video')
        poses = poses[clip.numbers]
    return Given(camera, poses, options.refine_principal_point)


def _shots(clip: _Clip, structure: Structure) -> dense.Shots:
    used = clip.placed(structure)
    pictures = in_parallel(lambda it: read_rgb(clip.files[it], 'picture', clip.size), used)
    return dense.Shots(dict(zip(used, pictures, strict=True)), structure)


def _sweeps(clip: _Clip, structure: Structure, work: Workplace,
            progress: Progress) -> dict[int, F32]:
    shots = _shots(clip, structure)
    used = list(shots.rgb)

    def swept(picture: int) -> F32:
        kept = work.remember(f'depth/{clip.numbers[picture]:06d}',
                             lambda: {'inverse': dense.sweep(shots, picture)})
        return np.asarray(kept['inverse'], np.float32)

    return dict(zip(used, in_parallel(swept, used, progress), strict=True))


def _views(clip: _Clip, structure: Structure, maps: dict[int, F32],
           progress: Progress) -> list[View]:
    shots = _shots(clip, structure)

    def view(picture: int) -> View:
        rgb = shots.rgb[picture]
        inverse, confidence = dense.confirm(shots, picture, maps)
        return View(rgb, dense.finish(rgb, inverse), structure.intrinsics,
                    structure.T_world_cam[picture], f'frame {clip.numbers[picture]}', confidence)

    return in_parallel(view, list(shots.rgb), progress)


def _scene(video: Path, clip: _Clip, structure: Structure, split: Split,
           options: VideoOptions) -> Scene:
    """Put together what stands still and, at its own time, what moves."""
    footage = clip.footage
    stamps_s = [float(footage.stamps_s[clip.numbers[it]]) for it in clip.placed(structure)]
    fps = footage.fps
    if len(clip.numbers) < len(footage.stamps_s):
        fps = (len(clip.numbers) - 1) / float(footage.stamps_s[-1])
    frames = tuple(split.frames[it] for it in timeline(stamps_s, fps)) if split.frames else ()
    return Scene(video.stem, split.views, frames, options.fps or fps,
                 options.time_mode or TimeMode.LOOP, source=f'video {video.name}')


def _preparation(video: Path, clip: _Clip, structure: Structure, placement: Placement,
                 scale: float, scene: Scene) -> Preparation:
    found = set(structure.found)
    shown = {view.name for view in scene.all_views()}
    pictures = []
    for position, number in enumerate(clip.numbers):
        T_world_cam = structure.T_world_cam[position].copy()
        T_world_cam[:3, 3] *= scale
        role = (Role.LOST if position not in found else
                Role.HELD_OUT if clip.held[position] else
                Role.VIEW if f'frame {number}' in shown else Role.UNUSED)
        pictures.append(Picture(number, f'frame {number}', float(clip.footage.stamps_s[number]),
                                role, placement.T_map_world @ T_world_cam
                                if position in found else None, structure.intrinsics))
    measured = np.mean([view.measured().mean() for view in scene.views])
    return Preparation(video.name, tuple(pictures), {
        'frames': len(clip.footage.stamps_s), 'chosen': len(clip.numbers),
        'registered': len(found), 'points': len(structure.points),
        'camera': asdict(structure.intrinsics), 'metres_per_unit': scale,
        'measured_share': float(measured)})
