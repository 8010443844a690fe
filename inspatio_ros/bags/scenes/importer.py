# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A rosbag2 -> a scene of static views, in the frame in which the robot knew its place.

Two passes: one over all stamps, transforms and cameras, which chooses the keyframes, one that
decodes these alone. The scene keeps the map (or odom) of the recording, so that what was recorded
drives through it unchanged.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
import math
from pathlib import Path
from typing import Any

from inspatio_ros.bags.choice import Choice, choose, holdings
from inspatio_ros.bags.reading import Bag, NS_PER_S, Topic, Window
from inspatio_ros.bags.scenes.cameras import camera_of
from inspatio_ros.bags.scenes.exposure import brightened, exposure_gains, spread
from inspatio_ros.bags.scenes.keyframes import choose_keyframes
from inspatio_ros.bags.scenes.monocular import import_monocular
from inspatio_ros.bags.scenes.options import (BagOptions, ImportedBag, OF_COLOUR_ALONE,
                                              OF_DEPTH, Stage)
from inspatio_ros.bags.scenes.pictures import DepthSensor, read_views, Sensor, StereoSensor
from inspatio_ros.bags.scenes.placement import place_recording
from inspatio_ros.bags.scenes.poses import choose_poses, not_finite, pose_topics
from inspatio_ros.bags.scenes.shots import find_shots, Shot, Shots
from inspatio_ros.bags.scenes.stereo import StereoRig
from inspatio_ros.bags.survey import Survey, survey
from inspatio_ros.bags.tf import NoPoseError
from inspatio_ros.contracts import F64, I64
from inspatio_ros.scene.images import check_memory
from inspatio_ros.scene.parallel import Progress
from inspatio_ros.scene.preparation import Picture, Preparation, Role
from inspatio_ros.scene.scene import Scene, View
import numpy as np

# From here on different exposures are told of.
_UNEVEN = 0.05
# So many pictures that are not views are listed: enough to draw the way.
_LISTED = 2000


def unseen(name: str) -> AbstractContextManager[Progress]:
    """Show no progress."""
    return nullcontext(lambda done, total: None)


def read_bag(path: Path, options: BagOptions = BagOptions(), stage: Stage = unseen,
             ) -> ImportedBag:
    """
    Turn a recording with colour, depth (or a stereo pair) and poses into a scene.

    Of colour alone, depth (and poses, where there are none) are found as in a video, if `options`
    name a place for that work.

    :param path: folder, or one .mcap or .db3 file.
    :param stage: shows progress.
    :raises ValueError: what is missing or wrong; lists what there is.
    """
    with Bag(path) as bag:
        try:
            return _imported(bag, options, stage)
        except ValueError as error:
            if str(path) in str(error):
                raise
            raise ValueError(f'{path}: {error}') from error


def _imported(bag: Bag, options: BagOptions, stage: Stage) -> ImportedBag:
    choice = choose(bag, options.wish)
    if options.video.network is not None:
        choice = Choice(choice.color, choice.info)
    bare = choice.depth is None and choice.right is None
    _refuse_unused(choice, bare, options)
    if bare and options.out is None:
        raise ValueError(
            f'{bag.path}: found colour ({choice.color.name}) but nothing that says how far things '
            'are: looked for an image topic with a depth encoding, and for a right picture '
            f'beside a left one; name it with --depth or --right; {holdings(bag)}')
    window = _window(bag, options)
    with stage('scan') as progress:
        seen = survey(bag, choice, pose_topics(bag, options.wish.poses), window,
                      options.max_gap_s, progress)
    if bare:
        return import_monocular(bag, choice, options, window, seen, stage)
    return _Import(bag, choice, options, window, seen).run(stage)


def _refuse_unused(choice: Choice, bare: bool, options: BagOptions) -> None:
    """Refuse options that a bag would ignore: which ones depends on whether depth is found."""
    if bare:
        unused, why = OF_DEPTH, (f'depth is found in the pictures of {choice.color.name} alone, '
                                 'as in a video')
    else:
        partner = choice.depth or choice.right
        assert partner is not None
        unused, why = OF_COLOUR_ALONE, (f'views and their depth in metres come from '
                                        f'{choice.color.name} and {partner.name} as they are')
    for name in unused:
        if name in options.named:
            raise ValueError(f'--{name}: {why}')


def _window(bag: Bag, options: BagOptions) -> Window:
    def instant(seconds: float | None, name: str) -> int | None:
        if seconds is None:
            return None
        if not (math.isfinite(seconds) and seconds >= 0.0):
            raise ValueError(f'--{name} must be finite and >= 0 s, got {seconds!r}')
        return bag.start_ns + round(seconds * NS_PER_S)

    window = Window(instant(options.from_s, 'from'), instant(options.to_s, 'to'))
    if (window.start_ns is not None and window.stop_ns is not None
            and window.start_ns >= window.stop_ns):
        raise ValueError(f'--from {options.from_s} s is not before --to {options.to_s} s')
    return window


class _Import:
    """One bag on its way to a scene."""

    def __init__(self, bag: Bag, choice: Choice, options: BagOptions, window: Window,
                 seen: Survey) -> None:
        self.bag, self.choice, self.options = bag, choice, options
        self.window, self.seen = window, seen
        self.notes: list[str] = []
        self.numbers: dict[str, Any] = {}
        partner = choice.depth or choice.right
        assert partner is not None
        self.topics = choice.color.name, partner.name
        self.color = camera_of(bag, seen, choice.color, choice.info, options.camera)
        self.poses = choose_poses(bag.path, seen, options.wish.poses, self.color.frame,
                                  self._stamps(0))

    def run(self, stage: Stage) -> ImportedBag:
        sensor = self._sensor()
        # The right camera of a pair stands where the left one says.
        other = sensor.depth.frame if isinstance(sensor, DepthSensor) else self.color.frame
        shots = find_shots(self.bag.path, self.topics, (self._stamps(0), self._stamps(1)),
                           self.options.max_offset_s, self.poses, (self.color.frame, other))
        keyframes, factor = self._keyframes(shots)
        camera = self.color.intrinsics
        check_memory(2 * len(keyframes) * camera.width * camera.height, str(self.bag.path))
        with stage('decode') as progress:
            views = read_views(self.bag, self.topics, self.window, self.color, sensor, keyframes,
                               lambda shot: f'frame {shot.number}', self.options.convert, progress)
        with stage('exposure') as progress:
            views = self._even(views, progress)
        self._tell(shots, len(keyframes), factor)
        path = self.bag.path.resolve()
        placed = place_recording(
            Scene(path.name if path.is_dir() else path.stem, tuple(views),
                  source=f'bag {path.name}'),
            self.poses, keyframes[0].stamp_ns, self.options.camera_height_m)
        self.notes += placed.notes
        preparation = self._preparation(shots, views, keyframes, sensor, placed.T_map_fixed)
        used = {**self.choice.names(), 'poses': next(iter(self.poses.topics), '/tf')}
        return ImportedBag(placed.scene, preparation,
                           self.seen.table(self.bag.start_ns, used), tuple(self.notes))

    def _keyframes(self, shots: Shots) -> tuple[list[Shot], float]:
        """Return the pictures that become views, and by what thresholds had to grow."""
        kept = [shot for shot in shots.found if not self._is_held_out(shot)]
        if not kept:
            raise ValueError(f'{self.bag.path}: all {len(shots.found)} usable pictures are held '
                             'out, none is left for the scene')
        chosen, factor = choose_keyframes(np.array([it.T_fixed_cam for it in kept]),
                                          self.options.motion)
        return [kept[index] for index in chosen], factor

    def _stamps(self, which: int) -> I64:
        return self.seen.stamps[self.topics[which]]

    def _is_held_out(self, shot: Shot) -> bool:
        every = self.options.hold_out
        return bool(every) and shot.number % every == every - 1

    def _sensor(self) -> DepthSensor | StereoSensor:
        if self.color.model:
            self.notes.append(f'{self.topics[0]}: distortion ({self.color.model}) taken out')
        if self.choice.right is not None:
            return self._stereo(self.choice.right)
        topic, info = self.choice.depth, self.choice.depth_info
        assert topic is not None
        if info is None or info.name not in self.seen.cameras:
            self.notes.append(f'{self.topics[1]}: has no CameraInfo, that of colour is assumed')
            return DepthSensor(self.color, self.color)
        depth = camera_of(self.bag, self.seen, topic, info)
        if not self.seen.tf.connects(depth.frame, self.color.frame):
            raise ValueError(
                f'{self.bag.path}: depth is in the frame {depth.frame}, colour in '
                f'{self.color.frame}, and TF does not connect the two; record depth that is '
                'registered to colour, or /tf_static')
        if depth.frame != self.color.frame or depth.intrinsics != self.color.intrinsics:
            self.notes.append(f'{self.topics[1]}: registered to colour from {depth.frame}')
        return DepthSensor(self.color, depth)

    def _stereo(self, topic: Topic) -> StereoSensor:
        right = camera_of(self.bag, self.seen, topic, self.choice.right_info)
        T_right_left = None
        if right.frame != self.color.frame:
            try:
                T_right_left = self.seen.tf.lookup(right.frame, self.color.frame,
                                                   int(self._stamps(0)[0]))
            except NoPoseError:
                pass  # the infos may know the baseline
        rig = StereoRig(self.topics, (self.color, right), T_right_left)
        self.notes.append(f'depth by matching {self.topics[0]} with {self.topics[1]}, baseline '
                          f'{rig.baseline_m:.3f} m')
        return StereoSensor(rig, right, self.options.convert)

    def _even(self, views: list[View], progress: Progress) -> list[View]:
        """Measure how exposure changes from view to view, and undo it if asked to."""
        if len(views) < 2:
            return views
        gains = exposure_gains(views, progress)
        self.numbers['exposure_spread'] = spread(gains)
        if spread(gains) < _UNEVEN:
            return views
        words = f'exposure changes: the brightest view exceeds the darkest by {spread(gains):.0%}'
        if not self.options.match_exposure:
            self.notes.append(f'{words}; left as recorded, --match-exposure evens it out')
            return views
        self.notes.append(f'{words}; evened out')
        self.numbers['exposure_gains'] = gains.tolist()
        return [replace(view, rgb=brightened(view.rgb, gain)) for view, gain in zip(views, gains)]

    def _tell(self, shots: Shots, views: int, factor: float) -> None:
        motion = self.options.motion
        frame = self.color.frame
        remark = f' ({self.poses.remark})' if self.poses.remark else ''
        self.notes.insert(0, f'poses from {self.poses.summary(frame)}{remark}')
        if shots.dropped:
            self.notes.append(shots.summary())
        self.notes += not_finite(self.seen.tf, self.seen.tracks.values())
        self.notes.append(f'{views} views of {len(shots.found)} pictures: one whenever the camera '
                          f'had moved by {motion.step_m * factor:.2f} m or turned by '
                          f'{motion.turn_deg * factor:.0f} degrees')
        self.numbers |= {
            'pictures': len(self._stamps(0)), 'usable': len(shots.found), 'views': views,
            'dropped': dict(shots.dropped), 'topics': self.choice.names(),
            'poses': self.poses.summary(frame), 'fixed_frame': self.poses.fixed,
            'step_m': motion.step_m * factor, 'turn_deg': motion.turn_deg * factor}

    def _preparation(self, shots: Shots, views: list[View], keyframes: list[Shot],
                     sensor: Sensor, T_map_fixed: F64) -> Preparation:
        stamps = self._stamps(0)
        names = {shot.number: view.name for shot, view in zip(keyframes, views)}
        found = {shot.number: shot for shot in shots.found}
        rest = [number for number in range(len(stamps)) if number not in names]
        listed = sorted([*names, *rest[::max(1, math.ceil(len(rest) / _LISTED))]])
        T_cam_view = (sensor.rig.T_left_rect if isinstance(sensor, StereoSensor) else np.eye(4))
        pictures = []
        for number in listed:
            shot = found.get(number)
            role = (Role.VIEW if number in names else Role.LOST if shot is None else
                    Role.HELD_OUT if self._is_held_out(shot) else Role.UNUSED)
            pictures.append(Picture(
                number, names.get(number, ''), float(stamps[number] - stamps.min()) / NS_PER_S,
                role, None if shot is None else T_map_fixed @ shot.T_fixed_cam @ T_cam_view,
                sensor.intrinsics))
        return Preparation(self.bag.path.name, tuple(pictures), self.numbers)
