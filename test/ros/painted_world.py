# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A small world at the seam: it paints the pose that it was asked for."""

import time

from inspatio_ros.contracts import GeneratorStatus, Intrinsics, OBSERVED_FILLED, OBSERVED_SEEN
from inspatio_ros.contracts import Outputs, SensorFrame, Spawn
import numpy as np

CAMERA = Intrinsics(64, 48, 50.0, 50.0, 31.5, 23.5)
SPAWN = Spawn(x=1.0, y=2.0, z=0.0, yaw=0.0, camera_height=0.5, camera_pitch=0.25)


class PaintedWorld:
    """
    Depth holds the camera's position in its first three pixels, colour its place on a grid.

    :param delay_s: how long a frame takes; the sleep releases the interpreter as a renderer does.
    """

    def __init__(self, delay_s=0.0):
        """Start with nothing seen."""
        self.delay_s = delay_s
        self.making_s = 0.0     # how long the frame in the making takes; 0 between frames
        self.asked = []         # Outputs of each call
        self.resets = 0
        self.closed = False
        self.fail_with = None   # raised by the next call
        self.unobserved = 0.25

    @property
    def spawn(self):
        """Return where a robot starts."""
        return SPAWN

    @property
    def intrinsics(self):
        """Return the recording camera."""
        return CAMERA

    def observe(self, stamp_ns, T_map_cam, intrinsics, outputs=Outputs.ALL):
        """Paint the pose."""
        assert not self.closed, 'observed after close'
        self.making_s = self.delay_s
        time.sleep(self.making_s)
        self.making_s = 0.0
        self.asked.append(outputs)
        if self.fail_with is not None:
            error, self.fail_with = self.fail_with, None
            raise error
        shape = (intrinsics.height, intrinsics.width)
        rgb = depth = observed = None
        if Outputs.RGB in outputs:
            rgb = np.full((*shape, 3), 128, np.uint8)
            rgb[0, :, :2] = np.round(T_map_cam[:2, 3] * 10.0).astype(np.int64) % 256
            rgb[0, :, 2] = np.arange(shape[1]) % 256
        if Outputs.DEPTH in outputs:
            depth = np.full(shape, 4.0, np.float32)
            depth.ravel()[:3] = T_map_cam[:3, 3]
            depth[-1, 0], depth[-1, 1], depth[-1, 2] = np.nan, np.inf, 20.0
        if Outputs.OBSERVED in outputs:
            observed = np.full(shape, OBSERVED_SEEN, np.uint8)
            observed[0] = OBSERVED_FILLED
        ratio = self.unobserved if Outputs.OBSERVED in outputs else float('nan')
        return SensorFrame(stamp_ns, T_map_cam, intrinsics, rgb, depth, observed, ratio)

    def observe_all(self, stamp_ns, views):
        """Paint the poses, one after the other."""
        return [self.observe(stamp_ns, view.T_map_cam, view.intrinsics, view.outputs)
                for view in views]

    def expect(self, track):
        """Refuse: this world wants to know of no track."""
        raise AssertionError(f'a track of {len(track.stamps_ns)} poses for nobody')

    def status(self):
        """Return that nothing is generated."""
        return GeneratorStatus()

    def reset(self):
        """Count."""
        self.resets += 1

    def close(self):
        """Count."""
        self.closed = True
