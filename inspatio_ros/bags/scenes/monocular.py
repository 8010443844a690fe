# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A bag with colour alone -> scene, as a video would be.

Its pictures are written as a video without loss, with the camera and the poses that the bag knows
beside it. Depth is found by `scene.recording`, and so is what the bag does not know. With poses
the scene keeps the frame of the recording; without, it is levelled like any video.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from fractions import Fraction
import json
import math
import os
from pathlib import Path
import re
from typing import Any

from inspatio_ros.bags.choice import Choice
from inspatio_ros.bags.reading import Bag, NS_PER_S, Window
from inspatio_ros.bags.scenes.association import check_time
from inspatio_ros.bags.scenes.calibration import Calibration, Straightener
from inspatio_ros.bags.scenes.cameras import camera_of, frame_of
from inspatio_ros.bags.scenes.images import Converter, rgb_of
from inspatio_ros.bags.scenes.options import BagOptions, ImportedBag, Stage
from inspatio_ros.bags.scenes.pictures import check_size
from inspatio_ros.bags.scenes.placement import place_recording
from inspatio_ros.bags.scenes.poses import choose_poses, NoPosesError, Poses
from inspatio_ros.bags.survey import Survey
from inspatio_ros.bags.tf import NoPoseError
from inspatio_ros.contracts import F64, I64, U8
from inspatio_ros.motion.transforms import inverse
from inspatio_ros.scene.parallel import Progress
from inspatio_ros.scene.preparation import Picture
from inspatio_ros.scene.reconstruction.recording import prepare_video, Prepared
from inspatio_ros.scene.reconstruction.workplace import fingerprint, Workplace
from inspatio_ros.scene.scene import Scene, View
import numpy as np

# From more pictures some are taken, evenly in time; the video pipeline chooses among these.
_MOST = 600
_CAMERA, _POSES = 'camera.json', 'poses.txt'


def import_monocular(bag: Bag, choice: Choice, options: BagOptions, window: Window, seen: Survey,
                     stage: Stage) -> ImportedBag:
    """
    Turn the colour pictures of a bag into a scene.

    :param options: with `out`.
    :raises ValueError: as `prepare_video`, naming bag and topic.
    """
    assert options.out is not None
    topic, stamps = choice.color, seen.stamps[choice.color.name]
    check_time(stamps, f'{bag.path}: {topic.name}')
    camera = _camera(bag, choice, options, seen)
    poses, notes = _poses(bag, choice, options, seen, camera)
    posed = _posed(stamps, poses, camera)
    if not posed:
        raise ValueError(f'{bag.path}: {topic.name}: the pose of none of its {len(stamps)} '
                         'pictures is known')
    if len(posed) < len(stamps):
        notes.append(f'{len(stamps) - len(posed)} of {len(stamps)} pictures dropped: their pose '
                     'is not known')
    numbers = sorted(posed)[::max(1, math.ceil(len(posed) / _MOST))]
    place = Workplace(options.out.with_name(f'{options.out.name}.footage'), {
        'bag': fingerprint(bag.path), 'wish': options.wish, 'window': window,
        'max_gap_s': options.max_gap_s, 'camera': options.camera, 'numbers': numbers})
    video = place.folder / f'{bag.path.resolve().stem}.mkv'
    if not video.is_file():
        _describe(place.folder, camera, None if poses is None else [posed[it] for it in numbers])
        with stage('decode') as progress:
            _write_video(video, bag, topic.name, window, numbers, _rate(stamps[numbers]),
                         camera, options.convert, progress)
    try:
        prepared = _prepared(video, options, f'{bag.path}: {topic.name}', stage,
                             (stamps[numbers] - stamps.min()) / NS_PER_S)
    except ValueError:
        place.remove()  # it will be the same tomorrow; an interrupt leaves the work to go on with
        raise
    prepared.work.beside.append(place)
    prepared = _renumbered(prepared, numbers, bag.path)
    notes += prepared.notes
    if poses is None:
        notes.append(prepared.placement.summary())
    else:
        prepared, placed = _in_place(prepared, poses, stamps, options)
        notes += placed
    preparation = replace(prepared.preparation, numbers={
        **prepared.preparation.numbers, 'topics': choice.names(), 'pictures': len(stamps)})
    return ImportedBag(prepared.scene, preparation,
                       seen.table(bag.start_ns, choice.names()), tuple(notes), prepared.work)


def _prepared(video: Path, options: BagOptions, what: str, stage: Stage,
              stamps_s: F64) -> Prepared:
    """Make a scene of the video; errors name what it was written from."""
    assert options.out is not None
    try:
        return prepare_video(video, options.out, replace(
            options.video, poses=_if_there(video.with_name(_POSES)),
            intrinsics=_if_there(video.with_name(_CAMERA)), frames=options.motion.most,
            hold_out=options.hold_out or None, camera_height_m=options.camera_height_m), stage,
            stamps_s)
    except ValueError as error:
        raise ValueError(str(error).replace(str(video), what)) from error


def _camera(bag: Bag, choice: Choice, options: BagOptions, seen: Survey) -> Calibration | None:
    """Return the camera, None if it has to be found too."""
    described = choice.info is not None and choice.info.name in seen.cameras
    if not described and options.camera is None:
        return None
    return camera_of(bag, seen, choice.color, choice.info, options.camera)


def _poses(bag: Bag, choice: Choice, options: BagOptions, seen: Survey,
           camera: Calibration | None) -> tuple[Poses | None, list[str]]:
    """Return where poses come from, if the bag has any and says what the camera sees."""
    words = f'no depth in the bag: found from the pictures of {choice.color.name}'
    frame = camera.frame if camera else frame_of(bag, choice.color)
    try:
        poses = choose_poses(bag.path, seen, options.wish.poses, frame,
                             seen.stamps[choice.color.name])
    except NoPosesError:
        return None, [f'{words}, like their poses']
    if camera is None:
        return None, [f'{words}, like their poses: no CameraInfo goes with those of the bag']
    return poses, [f'{words}; poses from {poses.summary(frame)}']


def _posed(stamps: I64, poses: Poses | None, camera: Calibration | None) -> dict[int, F64]:
    """Return number -> pose of the pictures that can be used; of all, if no pose is known."""
    if poses is None or camera is None:
        return {number: np.eye(4) for number in range(len(stamps))}
    posed = {}
    for number, stamp in enumerate(stamps):
        try:
            posed[number] = poses.at(camera.frame, int(stamp))
        except NoPoseError:
            pass
    return posed


def _rate(stamps: I64) -> float:
    """Return pictures per second."""
    steps = np.diff(np.sort(stamps))
    return NS_PER_S / max(float(np.median(steps)), 1.0) if len(steps) else 1.0


def _if_there(path: Path) -> Path | None:
    return path if path.is_file() else None


def _write_video(path: Path, bag: Bag, topic: str, window: Window, numbers: Sequence[int],
                 fps: float, camera: Calibration | None, convert: Converter | None,
                 progress: Progress | None) -> None:
    """Write some pictures of a topic, straight, one after the other."""
    import av
    wanted, done = set(numbers), 0
    straight = Straightener(camera) if camera is not None and camera.model else None
    stream: Any = None
    # It is there as a whole or not at all: an interrupt comes at any time.
    fresh = path.with_suffix('.tmp.mkv')
    with av.open(str(fresh), 'w') as container:
        for raw in bag.messages([topic], window):
            if raw.number not in wanted:
                continue
            what = f'{bag.path}: {topic}: message {raw.number}'
            rgb = rgb_of(bag.decode(raw), what, convert)
            if camera is not None:
                check_size(rgb, camera.intrinsics, what)
            if stream is None:
                stream = container.add_stream('ffv1', Fraction(fps).limit_denominator(1000))
                stream.height, stream.width = rgb.shape[:2]
                stream.pix_fmt = 'bgr0'
            elif rgb.shape[:2] != (stream.height, stream.width):
                raise ValueError(f'{what}: the picture is {rgb.shape[1]}x{rgb.shape[0]} pixels, '
                                 f'the first was {stream.width}x{stream.height}')
            container.mux(stream.encode(_frame(rgb if straight is None else straight.rgb(rgb))))
            done += 1
            if progress is not None:
                progress(done, len(numbers))
        container.mux(stream.encode())
    os.replace(fresh, path)


def _frame(rgb: U8) -> Any:
    import av
    return av.VideoFrame.from_ndarray(rgb, format='rgb24').reformat(format='bgr0')


def _describe(folder: Path, camera: Calibration | None, poses: Sequence[F64] | None) -> None:
    """Write what is known of camera and poses."""
    if camera is not None:
        (folder / _CAMERA).write_text(json.dumps(asdict(camera.intrinsics)))
    if poses is not None:
        np.savetxt(folder / _POSES, [T[:3].ravel() for T in poses], '%.17g')


def _renumbered(prepared: Prepared, numbers: Sequence[int], path: Path) -> Prepared:
    """Name pictures by their number in the bag, not in the video."""
    def renamed(name: str) -> str:
        return re.sub(r'^frame (\d+)', lambda it: f'frame {numbers[int(it[1])]}', name)

    def view(it: View) -> View:
        return replace(it, name=renamed(it.name))

    def picture(it: Picture) -> Picture:
        return replace(it, index=numbers[it.index], name=renamed(it.name))

    scene, preparation = prepared.scene, prepared.preparation
    whole = path.resolve()
    return replace(
        prepared,
        scene=replace(scene, name=whole.name if whole.is_dir() else whole.stem,
                      source=f'bag {whole.name}', views=tuple(map(view, scene.views)),
                      frames=tuple(tuple(map(view, frame)) for frame in scene.frames)),
        preparation=replace(preparation, source=whole.name,
                            pictures=tuple(map(picture, preparation.pictures))))


def _in_place(prepared: Prepared, poses: Poses, stamps: I64, options: BagOptions,
              ) -> tuple[Prepared, list[str]]:
    """Undo the levelling: poses that were given are in a frame that is known."""
    back = _moved(prepared, inverse(prepared.placement.T_map_world))
    first = next(it.index for it in back.preparation.pictures
                 if it.name == back.scene.views[0].name)
    placed = place_recording(back.scene, poses, int(stamps[first]), options.camera_height_m)
    return replace(_moved(back, placed.T_map_fixed), scene=placed.scene), placed.notes


def _moved(prepared: Prepared, T_new_map: F64) -> Prepared:
    def view(it: View) -> View:
        return replace(it, T_map_cam=T_new_map @ it.T_map_cam)

    def picture(it: Picture) -> Picture:
        return it if it.T_map_cam is None else replace(it, T_map_cam=T_new_map @ it.T_map_cam)

    scene: Scene = replace(
        prepared.scene, views=tuple(map(view, prepared.scene.views)),
        frames=tuple(tuple(map(view, frame)) for frame in prepared.scene.frames))
    pictures = tuple(map(picture, prepared.preparation.pictures))
    return replace(prepared, scene=scene,
                   preparation=replace(prepared.preparation, pictures=pictures))
