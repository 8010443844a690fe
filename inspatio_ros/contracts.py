# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The numpy types on the seam between the world and whoever looks at it.

Everything below `ros` and `cli` speaks these types, so that the world knows nothing of ROS and the
node knows nothing of torch, numba or files. Frames: `map` is z up (REP-103), `cam` is the optical
frame (x right, y down, z forward). Pixel centres lie at integer coordinates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import enum
import math
from typing import Protocol

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]

# Values of `SensorFrame.observed`.
OBSERVED_SEEN = 255      # in the reference views
OBSERVED_IMAGINED = 128  # remembered or generated
OBSERVED_FILLED = 0      # nobody has seen it


@dataclass(frozen=True)
class Intrinsics:
    """
    Pinhole camera without distortion.

    :param width: image width, pixels.
    :param height: image height, pixels.
    :param fx: focal length along x, pixels.
    :param fy: focal length along y, pixels.
    :param cx: principal point x, pixels; the centre of the left column is 0.
    :param cy: principal point y, pixels; the centre of the top row is 0.
    :raises ValueError: a size or focal length that is not finite and positive.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float

    def __post_init__(self) -> None:
        for name in ('width', 'height'):
            value = getattr(self, name)
            if not isinstance(value, (int, np.integer)) or value < 1:
                raise ValueError(f'intrinsics.{name} must be a whole number >= 1, got {value!r}')
        for name in ('fx', 'fy'):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0.0):
                raise ValueError(f'intrinsics.{name} must be finite and > 0, got {value!r}')
        for name in ('cx', 'cy'):
            value = getattr(self, name)
            if not math.isfinite(value):
                raise ValueError(f'intrinsics.{name} must be finite, got {value!r}')

    @property
    def K(self) -> F64:
        """Return the (3, 3) camera matrix, pixels."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    @staticmethod
    def from_hfov(width: int, height: int, hfov_rad: float) -> Intrinsics:
        """
        Return a camera with square pixels and the principal point in the middle.

        :param hfov_rad: horizontal field of view, radians, in (0, pi).
        :raises ValueError: a field of view outside that range.
        """
        if not 0.0 < hfov_rad < math.pi:
            raise ValueError(f'hfov must lie between 0 and pi rad, got {hfov_rad!r}')
        focal = 0.5 * width / math.tan(0.5 * hfov_rad)
        return Intrinsics(width, height, focal, focal, 0.5 * (width - 1), 0.5 * (height - 1))

    def scaled(self, width: int, height: int) -> Intrinsics:
        """
        Return the camera that sees the same picture at another size.

        The half pixel between the corner of the image and the centre of its first pixel is kept.
        """
        sx, sy = width / self.width, height / self.height
        return Intrinsics(width, height, self.fx * sx, self.fy * sy,
                          (self.cx + 0.5) * sx - 0.5, (self.cy + 0.5) * sy - 0.5)


class Outputs(enum.Flag):
    """What somebody wants of a frame; the rest is not computed."""

    NONE = 0
    RGB = enum.auto()
    DEPTH = enum.auto()
    OBSERVED = enum.auto()
    ALL = RGB | DEPTH | OBSERVED


@dataclass(frozen=True)
class CameraTrack:
    """
    Stamped camera poses, past or predicted.

    :param stamps_ns: (N,) int64, strictly increasing, nanoseconds.
    :param T_map_cam: (N, 4, 4) float64, optical frame to map, metres.
    """

    stamps_ns: I64
    T_map_cam: F64

    def __post_init__(self) -> None:
        if self.stamps_ns.ndim != 1 or self.T_map_cam.shape != (len(self.stamps_ns), 4, 4):
            raise ValueError(f'track shapes differ: stamps {self.stamps_ns.shape}, '
                             f'poses {self.T_map_cam.shape}')
        if np.any(np.diff(self.stamps_ns) <= 0):
            raise ValueError('track stamps must increase strictly')


@dataclass(frozen=True)
class SensorFrame:
    """
    What the camera sees at one instant. A field that nobody asked for is None.

    :param stamp_ns: the instant whose pose was rendered, nanoseconds.
    :param T_map_cam: (4, 4) float64, that pose.
    :param intrinsics: the camera.
    :param rgb: (H, W, 3) uint8.
    :param depth: (H, W) float32, metres along +Z; NaN unknown, +inf out of range (REP-117/118).
    :param observed: (H, W) uint8, 255 seen, 128 remembered or imagined, 0 filled.
    :param unobserved_ratio: share of pixels nobody has seen, 0..1; NaN if it was not computed.
    """

    stamp_ns: int
    T_map_cam: F64
    intrinsics: Intrinsics
    rgb: U8 | None = None
    depth: F32 | None = None
    observed: U8 | None = None
    unobserved_ratio: float = math.nan


@dataclass(frozen=True)
class Box:
    """
    A plain box that stands in the world at one instant.

    :param T_map_box: (4, 4) float64, its middle, axes along its edges, metres.
    :param size: along its x, y and z, metres.
    :param colour: red, green and blue, 0..255.
    """

    T_map_box: F64
    size: tuple[float, float, float]
    colour: tuple[int, int, int]


@dataclass(frozen=True)
class CameraView:
    """
    What is wanted of one camera at an instant.

    :param T_map_cam: (4, 4) float64, optical frame to map, metres.
    :param intrinsics: the camera.
    :param outputs: what to compute.
    :param boxes: that are seen where the world is farther away, or not known.
    """

    T_map_cam: F64
    intrinsics: Intrinsics
    outputs: Outputs = Outputs.ALL
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True)
class Spawn:
    """
    Where a robot starts in a world, and how its recording camera was held.

    :param x, y, z: metres in `map`, of the base on the floor.
    :param yaw: radians about map z.
    :param camera_height: metres of the recording camera over the base.
    :param camera_pitch: radians about base y, + looks down (REP-103).
    """

    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    yaw: float = 0.0
    camera_height: float = 0.5
    camera_pitch: float = 0.0


class GeneratorState(enum.Enum):
    """What a world's generator is doing."""

    NONE = 'none'          # there is none: the scene alone is shown
    WAITING = 'waiting'    # for a track, or for the time to paint the next block
    PAINTING = 'painting'  # a block
    LATE = 'late'          # painting, for much longer than it should: slow, or it hangs
    FAILED = 'failed'      # the last block raised; it is tried again after a while
    CLOSED = 'closed'


@dataclass(frozen=True)
class GeneratorStatus:
    """
    What a world's generator is doing and has done since the world was opened.

    :param state: of this moment. LATE and FAILED are faults, the others are not.
    :param reason: of a fault, or what was given up to go on (a smaller picture); else empty.
    :param lookahead_s: how far beyond now a track for `expect` should reach; 0 = not wanted.
    :param latency_s: from the track to the pictures, newest block; NaN before the first.
    :param retry_in_s: until the next attempt after a failure; 0 otherwise.
    :param blocks: painted and taken over.
    :param frames: in those blocks.
    :param failures: blocks that raised, for whatever reason.
    :param not_finite: of them, those with NaN or infinity.
    :param out_of_memory: of them, those that did not fit into memory.
    :param flushed: blocks that came after a reset and were thrown away.
    :param replaced: tracks that gave way to a newer one before they were used.
    :param size: (height, width) that is painted; (0, 0) without a generator.
    """

    state: GeneratorState = GeneratorState.NONE
    reason: str = ''
    lookahead_s: float = 0.0
    latency_s: float = math.nan
    retry_in_s: float = 0.0
    blocks: int = 0
    frames: int = 0
    failures: int = 0
    not_finite: int = 0
    out_of_memory: int = 0
    flushed: int = 0
    replaced: int = 0
    size: tuple[int, int] = (0, 0)

    @property
    def faulty(self) -> bool:
        """Return whether the generator does not do what it should."""
        return self.state in (GeneratorState.LATE, GeneratorState.FAILED)


class WorldBackend(Protocol):
    """A place that can be looked at. One thread at a time; `status` from any thread."""

    @property
    def spawn(self) -> Spawn:
        """Return where a robot starts."""
        ...

    @property
    def intrinsics(self) -> Intrinsics:
        """Return the camera that the world was recorded with: what a viewer gets by default."""
        ...

    def observe(self, stamp_ns: int, T_map_cam: F64, intrinsics: Intrinsics,
                outputs: Outputs = Outputs.ALL) -> SensorFrame:
        """
        Render what a camera sees at exactly this pose.

        :param stamp_ns: instant, nanoseconds; places a moving scene in time.
        :param T_map_cam: (4, 4) float64, optical frame to map, metres.
        :param outputs: what to compute.
        :returns: arrays that the caller owns (never reused by a later call).
        """
        ...

    def observe_all(self, stamp_ns: int, views: Sequence[CameraView]) -> list[SensorFrame]:
        """
        Render what several cameras see at one instant; of one camera, the same as `observe`.

        :param stamp_ns: as in `observe`.
        :param views: at least one. A generator paints for the first; what it has painted shows
            in all.
        :returns: one frame per view, in their order; arrays as in `observe`.
        """
        ...

    def expect(self, track: CameraTrack) -> None:
        """
        Say where the first camera will be, so that the world can prepare for it. Returns at once.

        Call it once per tick, before `observe` or `observe_all`. The newest track wins. A world
        without a generator has nothing to prepare.

        :param track: predicted poses from about now on, at any spacing; `status().lookahead_s`
            says how far it should reach. Poses in between are interpolated, the last one is held.
        """
        ...

    def status(self) -> GeneratorStatus:
        """Return what the generator of this world is doing."""
        ...

    def reset(self) -> None:
        """Forget everything that was remembered or imagined; time starts at the next stamp."""
        ...

    def close(self) -> None:
        """Free memory and threads. The world cannot be used afterwards."""
        ...
