# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which pictures of a recording become views: one whenever the camera has moved far enough."""

from __future__ import annotations

from dataclasses import dataclass
import math

from inspatio_ros.contracts import F64
import numpy as np


@dataclass(frozen=True)
class Motion:
    """
    When the camera has moved far enough.

    :param step_m: metres from every view so far that looks the same way.
    :param turn_deg: degrees between viewing directions; or so much turned from every view nearby.
    :param most: views at most; thresholds grow until they suffice.
    """

    step_m: float = 0.2
    turn_deg: float = 15.0
    most: int = 60

    def __post_init__(self) -> None:
        for name in ('step_m', 'turn_deg'):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0.0):
                raise ValueError(f'keyframes: {name} must be finite and > 0, got {value!r}')
        if self.most < 1:
            raise ValueError(f'keyframes: at most {self.most} views leave none, expected >= 1')


def choose_keyframes(T_map_cam: F64, motion: Motion) -> tuple[list[int], float]:
    """
    Choose pictures so that each shows a place or direction that the ones before do not.

    A picture is taken if it lies `step_m` from, or is turned by `turn_deg` against, every picture
    taken so far: a robot that comes back along its way, or stands, adds nothing.

    :param T_map_cam: (N, 4, 4), in the order of time.
    :returns: indices in order; by what the thresholds were multiplied to keep to `most`.
    """
    factor = 1.0
    while True:
        turn_deg = motion.turn_deg * factor
        # Beyond a half turn every direction is alike, whatever rounding makes of its cosine.
        turn_cos = math.cos(math.radians(turn_deg)) if turn_deg < 180.0 else -2.0
        chosen = _spread(T_map_cam, motion.step_m * factor, turn_cos, motion.most)
        if chosen is not None:
            return chosen, factor
        factor *= 1.25


def _spread(T_map_cam: F64, step_m: float, turn_cos: float, most: int) -> list[int] | None:
    """Return the pictures that differ from each other, None if there are more than `most`."""
    chosen: list[int] = []
    for index, T in enumerate(T_map_cam):
        taken = T_map_cam[chosen]
        near = np.linalg.norm(taken[:, :3, 3] - T[:3, 3], axis=1) < step_m
        # The angle of R_a^T R_b follows from its trace.
        trace = np.einsum('nij,ij->n', taken[:, :3, :3], T[:3, :3])
        alike = 0.5 * (trace - 1.0) > turn_cos
        if not np.any(near & alike):
            if len(chosen) == most:
                return None
            chosen.append(index)
    return chosen
