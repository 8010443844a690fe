# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A scene whose unseen parts a generator paints: the sensor plane in front of the imagination plane.

Every tick is rendered at exactly the pose that was asked for, out of the newest imagined frames,
the views of the scene and what is remembered of earlier blocks, in this order (late
reprojection). Of a generator that composes, imagined frames come last: it paints only what the
scene lacks. So a generator may be slow, may have predicted another way or may fail: pictures
come at the sensor's rate and show the right pose. No torch here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
import math
from typing import Any, NamedTuple

import cv2
from inspatio_ros.contracts import (CameraTrack, CameraView, F64, GeneratorStatus, I64,
                                    Intrinsics, OBSERVED_FILLED, OBSERVED_IMAGINED,
                                    OBSERVED_SEEN, Outputs, SensorFrame, Spawn, U8)
from inspatio_ros.engine.imaginer import Block, Imaginer
from inspatio_ros.engine.painter import Painter, PainterSettings
from inspatio_ros.engine.renderer import camera_of, Picture, Renderer
from inspatio_ros.engine.selection import choose_views, rate_views, sample_views, Samples
from inspatio_ros.engine.world import Choice, Layers, SceneWorld, WorldSettings
from inspatio_ros.geometry.warp_cpu import Camera
from inspatio_ros.scene.scene import Scene, View
import numpy as np

# A block of which less than this share is imagined leaves nothing to remember.
_WORTH_REMEMBERING = 0.005
# Mark of what a generator that composes has painted, while a picture is in the making.
_PAINTED = 127


@dataclass(frozen=True)
class ImaginationSettings:
    """
    How imagined frames are shown.

    :param world: how the scene is rendered.
    :param painter: how patient the generator's thread is, and whether it works in lockstep.
    :param blend_s: how long a new block takes to replace the one before; 0 = at once.
    :param imagined_views: how many frames of a block one picture is made of, 1 or 2: that of the
        moment, and the block's last one, which has seen furthest ahead.
    :param remembered_blocks: how many earlier blocks stay in memory for the places that only they
        have shown.
    :param remembered_views: how many of them one picture is made of, at most.
    :raises ValueError: a number out of range.
    """

    world: WorldSettings = WorldSettings()
    painter: PainterSettings = PainterSettings()
    blend_s: float = 0.25
    imagined_views: int = 2
    remembered_blocks: int = 8
    remembered_views: int = 1

    def __post_init__(self) -> None:
        if not (math.isfinite(self.blend_s) and self.blend_s >= 0.0):
            raise ValueError(f'blend_s must be finite and >= 0, got {self.blend_s!r}')
        for name, low, high in (('imagined_views', 1, 2), ('remembered_blocks', 0, 64),
                                ('remembered_views', 0, 8)):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f'{name} must lie in {low}..{high}, got {getattr(self, name)}')


class _Layer(NamedTuple):
    """An RGB-D picture as the renderer wants it."""

    source: Any
    camera: Camera


@dataclass(frozen=True)
class _Shown:
    """A block as the renderer wants it; stamps are scene time."""

    stamps_ns: I64
    layers: list[_Layer]
    remembered: tuple[_Layer, Samples] | None
    composed: bool

    def layers_at(self, time_ns: int, most: int) -> list[_Layer]:
        """Return the frame of a moment, then the last one."""
        index = max(int(np.searchsorted(self.stamps_ns, time_ns, side='right')) - 1, 0)
        return [self.layers[index], *([self.layers[-1]] if index < len(self.layers) - 1 else [])
                ][:most]


@dataclass
class _Stage:
    """
    What is shown now: all that a reset forgets.

    :param blocks: the current one, if it has begun, and those to come.
    :param current: the one that is shown.
    :param time_ns: scene time of the newest picture.
    :param fade_from: layers of the picture before the current block; None = not fading.
    :param fade_ns: scene time of that picture.
    :param memory: of earlier blocks.
    :param early: a track that came before the scene's time began.
    """

    memory: deque[tuple[_Layer, Samples]]
    blocks: deque[_Shown] = field(default_factory=deque)
    current: _Shown | None = None
    time_ns: int | None = None
    fade_from: list[_Layer] | None = None
    fade_ns: int = 0
    early: CameraTrack | None = None


class ImaginedWorld:
    """
    The world of a scene and of a generator.

    Implements `contracts.WorldBackend`. `observed` is 255 where a picture shows a view of the
    scene, 128 where it shows an imagined frame.

    :param scene: what is known of the place.
    :param imaginer: the generator; the world's own thread runs and closes it.
    :param settings: how both are shown.
    """

    def __init__(self, scene: Scene, imaginer: Imaginer,
                 settings: ImaginationSettings = ImaginationSettings()) -> None:
        self._settings = settings
        self._scene = SceneWorld(scene, settings.world)
        self._stage = self._new_stage()
        self._painter = Painter(imaginer, self._prepare, settings.painter)

    @property
    def spawn(self) -> Spawn:
        """Return where a robot starts."""
        return self._scene.spawn

    @property
    def intrinsics(self) -> Intrinsics:
        """Return the camera that the scene was recorded with."""
        return self._scene.intrinsics

    def expect(self, track: CameraTrack) -> None:
        """
        Imagine along a predicted track; the newest wins.

        :param track: from about now on. Time begins with the first picture, so a track that
            comes before it is kept until then.
        """
        if self._stage.time_ns is None:
            self._stage.early = track
        else:
            self._painter.expect(self._in_scene_time(track))

    def observe(self, stamp_ns: int, T_map_cam: F64, intrinsics: Intrinsics,
                outputs: Outputs = Outputs.ALL) -> SensorFrame:
        """
        Render what a camera sees at exactly this pose.

        In lockstep this waits for the block that holds the stamp; a world that was told of no
        track then takes the camera to stand still.

        :param stamp_ns: instant, nanoseconds; the first one after `reset` is the scene's start.
        :param T_map_cam: (4, 4) float64, optical frame to map, metres.
        :param intrinsics: the camera.
        :param outputs: what to compute.
        :returns: arrays that belong to the caller.
        """
        return self.observe_all(stamp_ns, [CameraView(T_map_cam, intrinsics, outputs)])[0]

    def observe_all(self, stamp_ns: int, views: Sequence[CameraView]) -> list[SensorFrame]:
        """
        Render what several cameras see at one instant.

        The generator paints for the first camera; the others see what it has painted, where that
        lies in their picture, the scene and the memory.

        :param stamp_ns: as in `observe`.
        :returns: one frame per view; arrays belong to the caller.
        """
        time_ns = self._scene.scene_time_ns(stamp_ns)
        self._paint_on(time_ns, CameraTrack(np.array([stamp_ns]), views[0].T_map_cam[None]))
        stage = self._stage
        self._advance(stage, time_ns)
        layers = self._layers_of(stage.current, time_ns)

        def paint(view: CameraView, renderer: Renderer) -> Picture:
            picture = self._render(layers, time_ns, view, renderer)
            if picture.rgb is None or stage.fade_from is None:
                return picture
            before = self._render(stage.fade_from, time_ns,
                                  replace(view, outputs=Outputs.RGB | Outputs.OBSERVED), renderer)
            share = (time_ns - stage.fade_ns) * 1e-9 / self._settings.blend_s
            return replace(picture, rgb=_mix(before, picture.rgb, share))

        return self._scene.look(stamp_ns, views, paint)

    def status(self) -> GeneratorStatus:
        """Return what the generator is doing."""
        return self._painter.status()

    def reset(self) -> None:
        """Forget all that was imagined; the scene's time starts again at the next stamp."""
        self._painter.flush()
        self._scene.reset()
        self._stage = self._new_stage()

    def close(self) -> None:
        """Free threads and memory. The world cannot be used afterwards."""
        self._painter.close()
        self._stage = self._new_stage()
        self._scene.close()

    def _new_stage(self) -> _Stage:
        return _Stage(deque(maxlen=self._settings.remembered_blocks))

    def _in_scene_time(self, track: CameraTrack) -> CameraTrack:
        begin_ns = self._scene.scene_time_ns(int(track.stamps_ns[0])) if len(
            track.stamps_ns) else 0
        return CameraTrack(track.stamps_ns - track.stamps_ns[:1] + begin_ns, track.T_map_cam)

    def _paint_on(self, time_ns: int, here: CameraTrack) -> None:
        """Pass on what was expected too early, wait in lockstep, and collect."""
        stage = self._stage
        if stage.time_ns is None and (stage.early or self._settings.painter.lockstep):
            self._painter.expect(self._in_scene_time(stage.early or here))
            stage.early = None
        self._painter.wait_for(time_ns)
        stage.blocks.extend(self._painter.collect())

    def _advance(self, stage: _Stage, time_ns: int) -> None:
        """Go on to the block of a moment; begin or end a fade."""
        before = stage.current
        while stage.blocks and stage.blocks[0].stamps_ns[0] <= time_ns:
            if stage.current is not None and stage.current.remembered is not None:
                stage.memory.append(stage.current.remembered)
            stage.current = stage.blocks.popleft()
        if stage.current is not before and stage.time_ns is not None:
            stage.fade_from = self._layers_of(before, stage.time_ns)
            stage.fade_ns = stage.time_ns
        faded_ns = time_ns - stage.fade_ns
        if not 0 <= faded_ns < self._settings.blend_s * 1e9:
            stage.fade_from = None
        stage.time_ns = time_ns

    def _layers_of(self, block: _Shown | None, time_ns: int) -> list[_Layer]:
        return [] if block is None else block.layers_at(time_ns, self._settings.imagined_views)

    def _render(self, imagined: list[_Layer], time_ns: int, view: CameraView,
                renderer: Renderer) -> Picture:
        """Render imagined frames over the scene over what is remembered."""
        choice = self._scene.choose(time_ns, view.T_map_cam, view.intrinsics)
        remembered = self._choose_remembered(view.T_map_cam, view.intrinsics)
        current = self._stage.current
        if current is not None and current.composed:
            return self._render_behind([*imagined, *remembered], choice, view, renderer)
        marked = [(_together(imagined), OBSERVED_IMAGINED), (choice.measured, OBSERVED_SEEN),
                  (_together(remembered), OBSERVED_IMAGINED)]
        return self._scene.render(marked, choice.guessed, view, renderer)

    def _render_behind(self, painted: list[_Layer], choice: Choice, view: CameraView,
                       renderer: Renderer) -> Picture:
        """Render the scene, and what is painted where nothing of the scene is."""
        outputs = view.outputs
        if Outputs.DEPTH in outputs:  # whether it was measured, this says
            view = replace(view, outputs=outputs | Outputs.OBSERVED)
        picture = self._scene.render([(choice.measured, OBSERVED_SEEN)], choice.guessed, view,
                                     renderer, [(_together(painted), _PAINTED)])
        if picture.seen is None:
            return picture
        where = np.equal(picture.seen, _PAINTED)
        picture.seen[where] = OBSERVED_IMAGINED
        if picture.depth is not None and not self._settings.world.fill_depth:
            picture.depth[where] = np.nan
        return picture if Outputs.OBSERVED in outputs else replace(picture, seen=None)

    def _choose_remembered(self, T_map_cam: F64, intrinsics: Intrinsics) -> list[_Layer]:
        """Return the memories that show most of a picture."""
        memory, most = list(self._stage.memory), self._settings.remembered_views
        if not memory or not most:
            return []
        rating = np.concatenate([rate_views(samples, T_map_cam, intrinsics)
                                 for _, samples in memory])
        return [memory[index][0] for index in choose_views(rating, most)]

    def _prepare(self, block: Block) -> _Shown:
        """Make a block ready for the renderer. Runs in the generator's thread."""
        views = [View(rgb, depth, block.intrinsics, T, f'imagined {k}') for k, (rgb, depth, T)
                 in enumerate(zip(block.rgb, block.depth, block.track.T_map_cam))]
        remembered = None
        unseen = ~block.seen[-1] & np.isfinite(block.depth[-1])
        if unseen.mean() > _WORTH_REMEMBERING and self._settings.remembered_blocks:
            # Only what the scene does not know: the rest would hide what has changed since.
            view = replace(views[-1], depth=np.where(unseen, block.depth[-1], np.float32(np.nan)))
            remembered = self._layer(view), sample_views((view,))
        return _Shown(block.track.stamps_ns, [self._layer(view) for view in views], remembered,
                      block.composed)

    def _layer(self, view: View) -> _Layer:
        return _Layer(self._scene.renderer.prepare(view), camera_of(view))


def _together(layers: list[_Layer]) -> Layers:
    return Layers([layer.source for layer in layers], [layer.camera for layer in layers])


def _mix(before: Picture, after: U8, share: float) -> U8:
    """
    Lay a picture over the one before, where that one has seen anything.

    :param share: of the picture after; 0 is all before, 1 all after.
    """
    assert before.rgb is not None and before.seen is not None
    mixed = cv2.addWeighted(before.rgb, 1.0 - share, after, share, 0.0)
    cv2.copyTo(after, np.equal(before.seen, OBSERVED_FILLED).view(np.uint8), mixed)
    return np.asarray(mixed, np.uint8)
