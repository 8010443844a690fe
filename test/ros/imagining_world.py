# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A painted world that wants to know where the camera is going, and has a generator's worries."""

from dataclasses import replace

from inspatio_ros.contracts import GeneratorState, GeneratorStatus, Outputs
from painted_world import PaintedWorld

LOOKAHEAD_S = 0.6


class ImaginingWorld(PaintedWorld):
    """Keeps what it was told to expect, beside what was then looked at."""

    def __init__(self):
        """Start with a generator that waits for a track."""
        super().__init__()
        self.generator = GeneratorStatus(GeneratorState.WAITING, lookahead_s=LOOKAHEAD_S,
                                         size=(480, 832))
        self.expected = []   # (track, stamp_ns, T_map_cam) of each look
        self.tracks = []     # since the last look

    def expect(self, track):
        """Keep it."""
        self.tracks.append(track)
        self.generator = replace(self.generator, replaced=self.generator.replaced + 1)

    def observe(self, stamp_ns, T_map_cam, intrinsics, outputs=Outputs.ALL):
        """Note which track came before this look."""
        tracks, self.tracks = self.tracks, []
        if tracks:
            self.expected.append((*tracks, stamp_ns, T_map_cam))
        return super().observe(stamp_ns, T_map_cam, intrinsics, outputs)

    def status(self):
        """Return what the test wants it to be."""
        return self.generator

    def fail(self, reason):
        """Have the generator be at fault from now on."""
        self.generator = replace(self.generator, state=GeneratorState.FAILED, reason=reason,
                                 failures=self.generator.failures + 1, retry_in_s=0.5)
