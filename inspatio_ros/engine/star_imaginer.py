# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The STAR generator as an `Imaginer`: one world's stream, and what becomes of its failures."""

from __future__ import annotations

import threading

from inspatio_ros.contracts import CameraTrack, Intrinsics
from inspatio_ros.engine.imaginer import Block, CancelledError, NotFiniteError
from inspatio_ros.engine.star import LatentsNotFiniteError
from inspatio_ros.engine.stream import StarModels, StarStream
from inspatio_ros.scene.scene import Scene
import torch

# Each step down halves the pixels, about.
_SMALLER = 0.7
_SMALLEST = 64
_MULTIPLE = 16


class StarImaginer:
    """
    Paints one world with the weights that others may use as well.

    Implements `engine.imaginer.Imaginer`.

    :param models: the weights.
    :param scene: what is known of the place.
    :param seed: of the noise, at least 0.
    :param camera: that is painted; None: the scene's own at the size of the models.
    :param max_views: of the scene that one picture is made of, at most.
    :param fps: frames per second that are painted; None: as the generator was trained.
    :raises ValueError: a size that is no multiple of 16, a negative seed.
    """

    def __init__(self, models: StarModels, scene: Scene, seed: int = 0,
                 camera: Intrinsics | None = None, max_views: int = 2,
                 fps: float | None = None) -> None:
        self._models, self._scene, self._seed = models, scene, seed
        self._max_views, self._fps = max_views, fps
        self._cancelled = threading.Event()
        self._whole = StarStream(models, scene, camera, max_views, fps)
        self._stream = self._whole
        self._state = self._stream.new_state(seed)

    @property
    def period_ns(self) -> int:
        """Return the time from frame to frame, nanoseconds."""
        return self._stream.period_ns

    @property
    def size(self) -> tuple[int, int]:
        """Return the (height, width) that is painted."""
        return self._stream.camera.height, self._stream.camera.width

    def block_frames(self) -> int:
        """Return how many frames the next block has."""
        return sum(self._stream.latent_frames(self._state))

    def imagine(self, track: CameraTrack) -> Block:
        """Paint the next block; see `Imaginer.imagine`."""
        self._cancelled.clear()
        try:
            with self._models.lock:
                return self._stream.imagine(self._state, track, self._check)
        except LatentsNotFiniteError as error:
            raise NotFiniteError(str(error)) from error
        except torch.OutOfMemoryError as error:
            raise MemoryError(_at(self.size)) from error
        except RuntimeError as error:
            if 'allocate memory' in str(error):  # the CPU allocator has no class of its own
                raise MemoryError(_at(self.size)) from error
            raise

    def reset(self) -> None:
        """Begin anew, at full size."""
        self._stream = self._whole
        self._state = self._stream.new_state(self._seed)

    def shrink(self) -> bool:
        """Paint with about half the pixels; False if they are as few as they can be."""
        height, width = (int(size * _SMALLER) // _MULTIPLE * _MULTIPLE for size in self.size)
        if min(height, width) < _SMALLEST:
            return False
        torch.cuda.empty_cache()
        self._stream = StarStream(self._models, self._scene,
                                  self._whole.camera.scaled(width, height), self._max_views,
                                  self._fps)
        self._state = self._stream.new_state(self._seed)
        return True

    def cancel(self) -> None:
        """Have the block under way given up. From any thread."""
        self._cancelled.set()

    def close(self) -> None:
        """Let go of the world's memory; the weights stay with whoever holds them."""
        del self._stream, self._whole, self._state

    def _check(self) -> None:
        if self._cancelled.is_set():
            raise CancelledError


def _at(size: tuple[int, int]) -> str:
    return f'at {size[1]}x{size[0]}'
