# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The seam between the sensor plane and a generator: a camera's way in, a block of pictures out.

No torch here. All stamps at this seam are scene time: nanoseconds since the scene began, so that
a generator knows nothing of clocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from inspatio_ros.contracts import CameraTrack, F32, I64, Intrinsics, U8
from inspatio_ros.motion.transforms import interpolate
import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]


class CancelledError(Exception):
    """A block was given up because nobody wants it any more."""


class NotFiniteError(ArithmeticError):
    """A block came out with NaN or infinity; the generator is as it was before."""


@dataclass(frozen=True)
class Block:
    """
    Imagined RGB-D frames of one camera.

    :param track: when and from where each frame was painted, N of them.
    :param intrinsics: the camera.
    :param rgb: (N, H, W, 3) uint8.
    :param depth: (N, H, W) float32, metres along +Z, > 0; NaN where even a guess is missing.
    :param seen: (N, H, W) bool, whether depth is the scene's; elsewhere it is completed.
    :param composed: whether colours are the scene's, too, where depth is: then the scene itself
        shows them better, and depth elsewhere is no more than its surroundings going on.
    :raises ValueError: shapes, types or numbers that are not these.
    """

    track: CameraTrack
    intrinsics: Intrinsics
    rgb: U8
    depth: F32
    seen: Mask
    composed: bool = False

    def __post_init__(self) -> None:
        shape = (len(self.track.stamps_ns), self.intrinsics.height, self.intrinsics.width)
        for name, array, wanted, dtype in (('rgb', self.rgb, (*shape, 3), np.uint8),
                                           ('depth', self.depth, shape, np.float32),
                                           ('seen', self.seen, shape, np.bool_)):
            if array.shape != wanted or array.dtype != dtype:
                raise ValueError(f'block: {name} must be {np.dtype(dtype)} {wanted}, got '
                                 f'{array.dtype} {array.shape}')
        if not len(self.track.stamps_ns):
            raise ValueError('block: it has no frame')
        if not np.isfinite(self.track.T_map_cam).all():
            raise ValueError('block: a pose is not finite')
        if (self.depth <= 0.0).any():
            raise ValueError(f'block: depth must be > 0 or NaN, got {np.nanmin(self.depth)}')


class Imaginer(Protocol):
    """
    A generator with the memory of one world. One thread, but for `cancel`.

    Successive blocks continue each other; frames of one block are `period_ns` apart.
    """

    @property
    def period_ns(self) -> int:
        """Return the time from frame to frame, nanoseconds."""
        ...

    @property
    def size(self) -> tuple[int, int]:
        """Return the (height, width) that is painted."""
        ...

    def block_frames(self) -> int:
        """Return how many frames the next block has."""
        ...

    def imagine(self, track: CameraTrack) -> Block:
        """
        Paint the next block.

        :param track: the camera at each of the block's frames; stamps are scene time.
        :raises CancelledError: `cancel` was called meanwhile.
        :raises NotFiniteError: NaN or infinity; nothing has changed.
        :raises MemoryError: the block does not fit into memory; nothing has changed.
        """
        ...

    def reset(self) -> None:
        """Forget what was painted: the next block is a first one."""
        ...

    def shrink(self) -> bool:
        """
        Paint smaller pictures from now on; the next block is a first one.

        :returns: False if they are as small as they can be.
        """
        ...

    def cancel(self) -> None:
        """Have the block under way given up as soon as possible. From any thread."""
        ...

    def close(self) -> None:
        """Free all memory."""
        ...


def along(track: CameraTrack, stamps_ns: I64) -> CameraTrack:
    """
    Return a track at other instants: interpolated, held still before its start and after its end.

    :param track: at least one pose.
    :param stamps_ns: (N,) int64, strictly increasing.
    :raises ValueError: a track without poses.
    """
    known = track.stamps_ns
    if not len(known):
        raise ValueError('a track without poses leads nowhere')
    poses = np.empty((len(stamps_ns), 4, 4))
    for i, stamp in enumerate(stamps_ns):
        right = int(np.searchsorted(known, stamp))
        if right == 0 or right == len(known) or known[right] == stamp:
            poses[i] = track.T_map_cam[min(right, len(known) - 1)]
            continue
        fraction = (stamp - known[right - 1]) / (known[right] - known[right - 1])
        poses[i] = interpolate(track.T_map_cam[right - 1], track.T_map_cam[right], fraction)
    return CameraTrack(stamps_ns, poses)


def block_stamps(start_ns: int, frames: int, period_ns: int) -> I64:
    """Return the instants of a block's frames."""
    return start_ns + period_ns * np.arange(frames, dtype=np.int64)


def plan_start(track: CameraTrack, follows_ns: int | None, span_ns: int, latency_ns: int,
               period_ns: int) -> int | None:
    """
    Say when the next block should begin, if it is to be painted now.

    Blocks join without a gap as long as the generator keeps up. It does not run ahead either:
    the later a block is begun, the better its camera is known. A generator that has fallen
    behind skips to where the camera is going to be when the block is ready.

    :param track: predicted from now on.
    :param follows_ns: stamp that continues the block before; None = there is none.
    :param span_ns: from the first to the last frame of the block.
    :param latency_ns: how long a block takes.
    :returns: nanoseconds, None = not yet.
    """
    now_ns, reach_ns = int(track.stamps_ns[0]), int(track.stamps_ns[-1])
    if follows_ns is not None and follows_ns >= now_ns:
        return follows_ns if follows_ns - now_ns <= latency_ns + period_ns else None
    start_ns = max(now_ns, min(now_ns + latency_ns, reach_ns - span_ns))
    if follows_ns is not None:
        # On the grid of the frames before, so that a scene that repeats keeps its phases.
        start_ns = follows_ns + -(-(start_ns - follows_ns) // period_ns) * period_ns
    return start_ns
