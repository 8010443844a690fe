# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The one type that holds what is known of a place: posed RGB-D views, static or moving.

The world frame of a scene is `map`: metres, z up (REP-103). Cameras are optical frames (x right,
y down, z forward). Every foreign format is turned into this type once, at the boundary.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
import enum
import math

from inspatio_ros.contracts import F32, F64, Intrinsics, Spawn, U8
from inspatio_ros.motion.transforms import check_rigid
import numpy as np
import numpy.typing as npt

# Largest entry of |R^T R - I| of a stored pose. Importers clean up what text files round.
RIGID_TOLERANCE = 1e-6
# A stamp this close under a frame's start (as a share of a frame) already shows that frame:
# 33333333 ns is frame 1 at 30 Hz.
_FRAME_SLACK = 1e-5


class TimeMode(enum.Enum):
    """What a moving scene shows when its frames are over."""

    ONCE = 'once'      # the last frame stays
    LOOP = 'loop'      # starts again at the first frame
    BOUNCE = 'bounce'  # runs backwards to the first frame, then forwards again
    FREEZE = 'freeze'  # time stands still at the first frame


@dataclass(frozen=True)
class View:
    """
    One posed RGB-D picture.

    :param rgb: (H, W, 3) uint8.
    :param depth: (H, W) float32, metres along the optical z axis; NaN unknown, +inf seen but out
        of range, everything else > 0.
    :param intrinsics: the pinhole camera of this very size.
    :param T_map_cam: (4, 4) float64, optical frame to map, metres.
    :param name: not empty; names the view in messages.
    :param confidence: (H, W) uint8, how far depth can be trusted, in 1/255; 0 = it is a guess
        that completes what was measured (or unknown). None: all of it was measured.
    :raises ValueError: a wrong shape or type, a size that differs between the parts, depth that
        is zero or negative, a pose that is no rigid transform.
    """

    rgb: U8
    depth: F32
    intrinsics: Intrinsics
    T_map_cam: F64
    name: str
    confidence: U8 | None = None

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError(f'view: name must be a text that is not empty, got {self.name!r}')
        size = (self.intrinsics.height, self.intrinsics.width)
        self._check_array('rgb', self.rgb, np.uint8, (*size, 3))
        self._check_array('depth', self.depth, np.float32, size)
        self._check_array('T_map_cam', self.T_map_cam, np.float64, (4, 4))
        check_rigid(self.T_map_cam, f'view {self.name}: T_map_cam', RIGID_TOLERANCE)
        if self.confidence is not None:
            self._check_array('confidence', self.confidence, np.uint8, size)
        # One comparison finds zero, negative numbers and -inf; NaN compares false.
        bad = self.depth <= 0.0
        if bad.any():
            row, column = np.argwhere(bad)[0]
            raise ValueError(f'view {self.name}: depth must be > 0, inf or NaN, got '
                             f'{self.depth[row, column]} at row {row}, column {column} '
                             f'({int(bad.sum())} pixels)')

    def sized(self, width: int, height: int) -> View:
        """
        Return the view at another size, pixels; meant for making it smaller.

        :raises ValueError: a size that is not positive.
        """
        import cv2
        size = (width, height)
        camera = self.intrinsics.scaled(*size)
        rgb = np.asarray(cv2.resize(self.rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
        # Depth is never mixed: half way between object and wall there is nothing.
        depth = np.asarray(cv2.resize(self.depth, size, interpolation=cv2.INTER_NEAREST_EXACT),
                           np.float32)
        confidence = None if self.confidence is None else np.asarray(
            cv2.resize(self.confidence, size, interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)
        return View(rgb, depth, camera, self.T_map_cam, self.name, confidence)

    def measured(self) -> npt.NDArray[np.bool_]:
        """Return (H, W) where depth is known and not a guess."""
        known = ~np.isnan(self.depth)
        return known if self.confidence is None else known & (self.confidence > 0)

    def _check_array(self, field: str, array: np.ndarray, dtype: type,
                     shape: tuple[int, ...]) -> None:
        if array.dtype != dtype:
            raise ValueError(f'view {self.name}: {field} must be {np.dtype(dtype)}, '
                             f'got {array.dtype}')
        if array.shape != shape:
            raise ValueError(f'view {self.name}: {field} has shape {array.shape}, its intrinsics '
                             f'say {shape}')


@dataclass(frozen=True)
class Scene:
    """
    A place: static views, and frames that are valid one after the other.

    :param name: of the place, not empty.
    :param views: static views, valid at all times; names unique.
    :param frames: frames[i] holds the views (one or more, each of its own size, intrinsics and
        pose) that are valid at time i / fps; names unique within a frame and the static views.
    :param fps: frames per second, > 0 (also where there are no frames).
    :param time_mode: what is shown when the frames are over.
    :param spawn: where a robot starts in it.
    :param licence: under which the pictures may be used; empty if unknown.
    :param source: where the pictures come from; empty if unknown.
    :raises ValueError: no view at all, no known depth at all, an empty frame, a name used twice,
        or a number out of range.
    """

    name: str
    views: tuple[View, ...] = ()
    frames: tuple[tuple[View, ...], ...] = ()
    fps: float = 30.0
    time_mode: TimeMode = TimeMode.LOOP
    spawn: Spawn = Spawn()
    licence: str = ''
    source: str = ''

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError(f'scene: name must be a text that is not empty, got {self.name!r}')
        check_fps(self.fps, f'scene {self.name}: fps')
        if not isinstance(self.time_mode, TimeMode):
            raise ValueError(f'scene {self.name}: time_mode must be a TimeMode, '
                             f'got {self.time_mode!r}')
        check_spawn(self.spawn, f'scene {self.name}: spawn')
        self._check_names()
        if not any(bool(np.isfinite(view.depth).any()) for view in self.all_views()):
            raise ValueError(f'scene {self.name}: no view has a single pixel of known depth; '
                             'a scene needs depth')

    def _check_names(self) -> None:
        if not self.views and not self.frames:
            raise ValueError(f'scene {self.name}: holds neither views nor frames')
        static = [view.name for view in self.views]
        for index, frame in enumerate([(), *self.frames]):
            if index and not frame:
                raise ValueError(f'scene {self.name}: frames[{index - 1}] holds no view')
            names = static + [view.name for view in frame]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f'scene {self.name}: two views have the name {twice[0]!r}')

    def all_views(self) -> tuple[View, ...]:
        """Return the static views, then those of every frame in order."""
        return self.views + tuple(view for frame in self.frames for view in frame)

    def frame_index(self, time_s: float) -> int | None:
        """
        Say which frame is valid at a time.

        :param time_s: seconds since the first frame; negative counts as 0.
        :returns: index into `frames` after `time_mode`, None if the scene has no frames.
        :raises ValueError: a time that is not finite.
        """
        return frame_at(len(self.frames), self.fps, self.time_mode, time_s)

    def views_at(self, time_s: float) -> tuple[View, ...]:
        """
        Return the static views and those of the frame that is valid at a time.

        :param time_s: seconds since the first frame; negative counts as 0.
        :raises ValueError: a time that is not finite.
        """
        index = self.frame_index(time_s)
        return self.views if index is None else self.views + self.frames[index]


def frame_at(count: int, fps: float, time_mode: TimeMode, time_s: float) -> int | None:
    """
    Say which of `count` frames is valid at a time.

    :param count: how many frames there are.
    :param fps: frames per second, > 0.
    :param time_mode: what is shown when the frames are over.
    :param time_s: seconds since the first frame; negative counts as 0.
    :returns: index of the frame, None if there are none.
    :raises ValueError: a time that is not finite.
    """
    if not math.isfinite(time_s):
        raise ValueError(f'time_s must be finite, got {time_s!r}')
    if count == 0:
        return None
    if count == 1 or time_mode is TimeMode.FREEZE:
        return 0
    step = math.floor(max(time_s, 0.0) * fps + _FRAME_SLACK)
    if time_mode is TimeMode.ONCE:
        return min(step, count - 1)
    if time_mode is TimeMode.LOOP:
        return step % count
    step %= 2 * (count - 1)
    return min(step, 2 * (count - 1) - step)


def check_fps(fps: float, field: str) -> None:
    """
    Refuse a frame rate that is not finite and positive.

    :param field: what to call it in the message.
    :raises ValueError: naming the field and the value.
    """
    if not (math.isfinite(fps) and fps > 0.0):
        raise ValueError(f'{field} must be finite and > 0, got {fps!r}')


def check_spawn(spawn: Spawn, field: str) -> None:
    """
    Refuse a spawn with a number that is not finite.

    :param field: what to call it in the message.
    :raises ValueError: naming the field and the value.
    """
    for item in fields(spawn):
        value = getattr(spawn, item.name)
        if not math.isfinite(value):
            raise ValueError(f'{field}.{item.name} must be finite, got {value!r}')
