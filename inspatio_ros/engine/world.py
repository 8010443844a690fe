# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A scene as a world that can be looked at from anywhere: the sensor plane."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
import os
from typing import Any, NamedTuple

import cv2
from inspatio_ros.contracts import (CameraTrack, CameraView, F64, GeneratorStatus, Intrinsics,
                                    OBSERVED_IMAGINED, OBSERVED_SEEN, Outputs, SensorFrame, Spawn)
from inspatio_ros.engine.bystanders import placed_boxes, with_boxes
from inspatio_ros.engine.renderer import (camera_of, CpuRenderer, Order, Picture, Renderer,
                                          TorchRenderer)
from inspatio_ros.engine.selection import choose_views, rate_views, sample_views, Samples
from inspatio_ros.geometry.warp_cpu import Camera
from inspatio_ros.scene.scene import frame_at, Scene, View
import numpy as np

BACKENDS = ('auto', 'numba', 'torch')
# More threads than this do not make one picture faster.
_MOST_THREADS = 8


@dataclass(frozen=True)
class WorldSettings:
    """
    How a world is rendered.

    :param backend: `numba` (CPU), `torch` (GPU where there is one), `auto` = numba.
    :param threads: render threads; 0 = one per core, 8 at most.
    :param max_views: how many of the scene's static views one picture is made of, at most; and
        likewise of those of the moment.
    :param fill_depth: whether depth is completed where no view has seen; else it is NaN there.
    :param near_m: nearest surface that is drawn, metres.
    :raises ValueError: a value out of range.
    """

    backend: str = 'auto'
    threads: int = 0
    max_views: int = 8
    fill_depth: bool = False
    near_m: float = 0.05

    def __post_init__(self) -> None:
        if self.backend not in BACKENDS:
            raise ValueError(f'backend must be one of {", ".join(BACKENDS)}, got {self.backend!r}')
        if self.threads < 0:
            raise ValueError(f'threads must be 0 (all cores) or more, got {self.threads}')
        if not 1 <= self.max_views <= 200:
            raise ValueError(f'max_views must lie in 1..200, got {self.max_views}')
        if not self.near_m > 0.0:
            raise ValueError(f'near_m must be > 0, got {self.near_m!r}')


def threads_of(threads: int) -> int:
    """Return how many render threads a setting means; 0 is one per core, 8 at most."""
    return threads or min(os.cpu_count() or 1, _MOST_THREADS)


class Layers(NamedTuple):
    """Views to render, the best one first, in the form that `renderer` wants."""

    sources: list[Any]
    cameras: list[Camera]

    def add(self, source: Any, camera: Camera) -> None:
        """Lay one more view under the others."""
        self.sources.append(source)
        self.cameras.append(camera)


class Choice(NamedTuple):
    """
    What a scene shows in one picture.

    :param measured: one view at least.
    :param guessed: what their depth was completed with; shows only where nothing else does.
    """

    measured: Layers
    guessed: Layers


# Makes the picture of one camera.
Paint = Callable[[CameraView, Renderer], Picture]


class _Prepared:
    """Views that are valid together, ready for rendering."""

    def __init__(self, views: tuple[View, ...], renderer: Renderer) -> None:
        parts = [_parts(view) for view in views]
        self.measured = [renderer.prepare(measured) for measured, _ in parts]
        self.guessed = [guessed and renderer.prepare(guessed) for _, guessed in parts]
        self.cameras = [camera_of(view) for view in views]
        self.samples: Samples = sample_views(views)

    def clear(self) -> None:
        """Free the pictures."""
        self.measured.clear()
        self.guessed.clear()


def _parts(view: View) -> tuple[View, View | None]:
    """
    Part what was measured from what was guessed.

    What was guessed takes the rim of what was measured with it, so that no crack opens there.
    """
    measured = view.measured()
    guess = ~measured & ~np.isnan(view.depth)
    if not guess.any():
        return view, None
    rim = cv2.dilate(guess.view(np.uint8), np.ones((3, 3), np.uint8)).view(np.bool_)
    unknown = np.float32(np.nan)
    return (replace(view, depth=np.where(measured, view.depth, unknown)),
            replace(view, depth=np.where(rim, view.depth, unknown)))


class SceneWorld:
    """
    The world of a scene alone: no generator, so what no view has seen is filled, not imagined.

    Implements `contracts.WorldBackend`. The scene's time starts at the first stamp after `reset`.

    :param scene: what is known of the place; its arrays are copied into render form.
    :param settings: how it is rendered.
    """

    def __init__(self, scene: Scene, settings: WorldSettings = WorldSettings()) -> None:
        threads = threads_of(settings.threads)
        self.settings = settings
        self.renderer: Renderer = (TorchRenderer(threads=threads)
                                   if settings.backend == 'torch' else CpuRenderer(threads))
        # Not the scene's own method: it would keep all its arrays.
        self._frame_index = partial(frame_at, len(scene.frames), scene.fps, scene.time_mode)
        self._spawn = scene.spawn
        self._intrinsics = (scene.views or scene.frames[0])[0].intrinsics
        self._static = _Prepared(scene.views, self.renderer)
        self._frames = [_Prepared(views, self.renderer) for views in scene.frames]
        self._start_ns: int | None = None

    @property
    def spawn(self) -> Spawn:
        """Return where a robot starts."""
        return self._spawn

    @property
    def intrinsics(self) -> Intrinsics:
        """Return the camera that the scene was recorded with."""
        return self._intrinsics

    def observe(self, stamp_ns: int, T_map_cam: F64, intrinsics: Intrinsics,
                outputs: Outputs = Outputs.ALL) -> SensorFrame:
        """
        Render what a camera sees at exactly this pose.

        :param stamp_ns: instant, nanoseconds; the first one after `reset` is the scene's start.
        :param T_map_cam: (4, 4) float64, optical frame to map, metres.
        :param intrinsics: the camera.
        :param outputs: what to compute.
        :returns: arrays that belong to the caller.
        """
        return self.observe_all(stamp_ns, [CameraView(T_map_cam, intrinsics, outputs)])[0]

    def observe_all(self, stamp_ns: int, views: Sequence[CameraView]) -> list[SensorFrame]:
        """
        Render what several cameras see at one instant, side by side.

        :param stamp_ns: as in `observe`.
        :returns: one frame per view; arrays belong to the caller.
        """
        time_ns = self.scene_time_ns(stamp_ns)

        def paint(view: CameraView, renderer: Renderer) -> Picture:
            choice = self.choose(time_ns, view.T_map_cam, view.intrinsics)
            return self.render([(choice.measured, OBSERVED_SEEN)], choice.guessed, view, renderer)

        return self.look(stamp_ns, views, paint)

    def look(self, stamp_ns: int, views: Sequence[CameraView], paint: Paint) -> list[SensorFrame]:
        """
        Have what all cameras see painted side by side.

        :param paint: makes the picture of one camera with the renderer that it is given; may run
            in several threads at a time.
        """
        def frame(view: CameraView, renderer: Renderer) -> SensorFrame:
            boxes = placed_boxes(view)
            if boxes:  # whether one is hidden, depth says
                picture = paint(replace(view, outputs=view.outputs | Outputs.DEPTH), renderer)
                picture = with_boxes(picture, boxes, view, self.settings.near_m)
            else:
                picture = paint(view, renderer)
            return SensorFrame(stamp_ns, view.T_map_cam, view.intrinsics, picture.rgb,
                               picture.depth, picture.seen, picture.unseen_ratio)

        return self.renderer.side_by_side([partial(frame, view) for view in views])

    def expect(self, track: CameraTrack) -> None:
        """Take note of nothing: all that can be seen of a scene is ready at any time."""

    def status(self) -> GeneratorStatus:
        """Say that there is no generator."""
        return GeneratorStatus()

    def scene_time_ns(self, stamp_ns: int) -> int:
        """Return the time since the scene began: at the first stamp after `reset`."""
        if self._start_ns is None:
            self._start_ns = stamp_ns
        return stamp_ns - self._start_ns

    def render(self, marked: Sequence[tuple[Layers, int]], guessed: Layers, view: CameraView,
               renderer: Renderer, behind: Sequence[tuple[Layers, int]] = ()) -> Picture:
        """
        Render views of the scene into a camera.

        :param marked: views, those that come first before the others, and what `observed` says
            where a picture shows them.
        :param guessed: of `choose`.
        :param view: the camera.
        :param behind: views and marks like those, which show only where nothing else does.
        """
        camera = view.intrinsics
        groups = (*marked, (guessed, OBSERVED_IMAGINED), *behind)
        guesses = len(guessed.sources) + sum(len(layers.sources) for layers, _ in behind)
        marks = [mark for layers, mark in groups for _ in layers.sources]
        order = Order(Camera(camera.K, view.T_map_cam), (camera.height, camera.width),
                      view.outputs, self.settings.fill_depth, self.settings.near_m,
                      () if set(marks) == {OBSERVED_SEEN} else tuple(marks), guesses)
        return renderer.render([it for layers, _ in groups for it in layers.sources],
                               [it for layers, _ in groups for it in layers.cameras], order)

    def reset(self) -> None:
        """Start the scene's time again at the next stamp."""
        self._start_ns = None

    def close(self) -> None:
        """Free threads and memory. The world cannot be used afterwards."""
        self.renderer.close()
        self._static.clear()
        self._frames.clear()

    def choose(self, time_ns: int, T_map_cam: F64, intrinsics: Intrinsics) -> Choice:
        """
        Return the views to render, those of the present moment first.

        :param time_ns: scene time.
        """
        choice = Choice(Layers([], []), Layers([], []))
        index = self._frame_index(time_ns * 1e-9)
        moving = [] if index is None else [self._frames[index]]
        for group in (*moving, self._static):
            rating = rate_views(group.samples, T_map_cam, intrinsics)
            for k in choose_views(rating, self.settings.max_views):
                choice.measured.add(group.measured[k], group.cameras[k])
                if group.guessed[k] is not None:
                    choice.guessed.add(group.guessed[k], group.cameras[k])
        if not choice.measured.sources:
            # Nothing is in sight. One view is rendered all the same, to an empty picture.
            group = self._static if self._static.measured else self._frames[index or 0]
            choice.measured.add(group.measured[0], group.cameras[0])
        return choice
