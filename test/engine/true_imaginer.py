# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A generator at the seam that paints the truth, late or wrong if it is told to."""

import threading

from inspatio_ros.contracts import CameraTrack, Intrinsics
from inspatio_ros.engine.imaginer import Block, CancelledError
import numpy as np
from rooms import CAMERA, trace

PERIOD_NS = 41_666_667


class TrueImaginer:
    """
    Paints the traced room along the track that it is given: 9 frames, then 12.

    :param camera: what it paints.
    :param gated: whether each block waits for `gate.release()`.
    :param errors: what the next blocks raise, in order; None = nothing.
    :param colour: added to the frames of each block: colour(block, frame).
    """

    def __init__(self, camera: Intrinsics = CAMERA, gated: bool = False, errors=(),
                 colour=lambda block, frame: 0):
        self.camera, self.errors, self.colour = camera, list(errors), colour
        self.gate = threading.Semaphore(0) if gated else None
        self.tracks: list[CameraTrack] = []
        self.blocks = self.resets = self.shrinks = self.cancels = 0
        self.closed = False
        self.cancelled = threading.Event()
        self.begun = threading.Semaphore(0)
        self.heeds_cancel = True

    period_ns = PERIOD_NS

    @property
    def size(self):
        return self.camera.height, self.camera.width

    def block_frames(self):
        return 12 if self.blocks else 9

    def imagine(self, track):
        assert len(track.stamps_ns) == self.block_frames() and not self.closed
        self.tracks.append(track)
        self.cancelled.clear()
        self.begun.release()
        if self.gate:
            while not self.gate.acquire(timeout=0.01):
                if self.cancelled.is_set() and self.heeds_cancel:
                    raise CancelledError
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error
        rgb, depth = zip(*(trace(T, self.camera) for T in track.T_map_cam))
        offset = np.array([self.colour(self.blocks, k) for k in range(len(rgb))])
        rgb = (np.stack(rgb).astype(np.int64) + offset[:, None, None, None]).clip(0, 255)
        self.blocks += 1
        depth = np.stack(depth)
        return Block(track, self.camera, rgb.astype(np.uint8), depth,
                     np.ones(depth.shape, np.bool_))

    def reset(self):
        self.blocks = 0
        self.resets += 1

    def shrink(self):
        if self.camera.width <= CAMERA.width // 4:
            return False
        self.camera = self.camera.scaled(self.camera.width // 2, self.camera.height // 2)
        self.shrinks += 1
        self.blocks = 0
        return True

    def cancel(self):
        self.cancels += 1
        self.cancelled.set()

    def close(self):
        self.closed = True
