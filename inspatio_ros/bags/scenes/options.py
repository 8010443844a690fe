# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is asked of the import of a bag, and what it returns."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
import math
from pathlib import Path

from inspatio_ros.bags.choice import Wish
from inspatio_ros.bags.scenes.images import Converter
from inspatio_ros.bags.scenes.keyframes import Motion
from inspatio_ros.bags.tf import MAX_GAP_S
from inspatio_ros.contracts import Intrinsics
from inspatio_ros.scene.parallel import Progress
from inspatio_ros.scene.preparation import Preparation
from inspatio_ros.scene.reconstruction.recording import VideoOptions
from inspatio_ros.scene.reconstruction.workplace import Workplace
from inspatio_ros.scene.scene import Scene

# Half of the time between two frames at 30 Hz, and a little.
MAX_OFFSET_S = 0.02
# Options that only bags with depth, or a stereo pair, have a use for.
OF_DEPTH: tuple[str, ...] = ('depth-info', 'right', 'right-info', 'max-offset', 'keyframe-step',
                             'keyframe-turn', 'match-exposure')
# Options that only bags of which depth has to be found have a use for.
OF_COLOUR_ALONE: tuple[str, ...] = ('scale', 'refine-principal-point', 'long-side',
                                    'moving')
# Opens a stage of the work by its name and shows its progress.
Stage = Callable[[str], AbstractContextManager[Progress]]


@dataclass(frozen=True)
class BagOptions:
    """
    What somebody says beside the path of a bag.

    :param wish: the topics.
    :param motion: when the camera has moved far enough for another view.
    :param max_offset_s: how far depth may be from colour in time.
    :param max_gap_s: poses further apart are not interpolated.
    :param from_s, to_s: part of the bag, seconds of the recorder's clock since its beginning.
    :param hold_out: every so many-th picture becomes no view; 0 for none.
    :param match_exposure: make views equally bright.
    :param camera_height_m: of the first camera over the floor, None to measure it.
    :param camera: of the colour pictures, for a bag without CameraInfo.
    :param convert: decodes raw colour, None for rosbags-image.
    :param out: where the scene will be saved; where depth has to be found, the work is kept
        beside it. None refuses bags without depth.
    :param video: how depth is found where the bag has none; with a network, also where it has.
    :param named: options of `inspatio prepare` that somebody gave, as in `OF_DEPTH` and
        `OF_COLOUR_ALONE`: those that this bag would ignore are refused.
    """

    wish: Wish = Wish()
    motion: Motion = Motion()
    max_offset_s: float = MAX_OFFSET_S
    max_gap_s: float = MAX_GAP_S
    from_s: float | None = None
    to_s: float | None = None
    hold_out: int = 0
    match_exposure: bool = False
    camera_height_m: float | None = None
    camera: Intrinsics | None = None
    convert: Converter | None = None
    out: Path | None = None
    video: VideoOptions = VideoOptions()
    named: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not (math.isfinite(self.max_offset_s) and self.max_offset_s >= 0.0):
            raise ValueError(f'max-offset must be finite and >= 0 s, got {self.max_offset_s!r}')
        if not (math.isfinite(self.max_gap_s) and self.max_gap_s > 0.0):
            raise ValueError(f'max-gap must be finite and > 0 s, got {self.max_gap_s!r}')
        if self.hold_out < 0 or self.hold_out == 1:
            raise ValueError(f'hold-out must be at least 2, got {self.hold_out}')


@dataclass(frozen=True)
class ImportedBag:
    """
    What a bag became.

    :param preparation: every picture and what became of it.
    :param table: what the bag holds.
    :param notes: what was found, assumed and left out, a line each.
    :param work: what to remove when the scene is saved.
    """

    scene: Scene
    preparation: Preparation
    table: str
    notes: tuple[str, ...]
    work: Workplace | None = None
