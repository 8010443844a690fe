# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Depth as a picture: near is red, far is blue, unknown is dark grey.

The colour runs along inverse depth, as what one sees does: the first metre gets as many colours
as all beyond. Turbo is an improved rainbow whose lightness has no false edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
from inspatio_ros.contracts import F32, U8
import numpy as np

UNKNOWN_RGB = (40, 40, 40)
# Legends smaller than this could not be read.
_MIN_LEGEND_WIDTH = 160
_MIN_LEGEND_HEIGHT = 120


@dataclass(frozen=True)
class DepthRange:
    """
    The depths at the two ends of the colour map.

    :param near: metres, > 0.
    :param far: metres, > near.
    """

    near: float
    far: float

    def __post_init__(self) -> None:
        if not 0.0 < self.near < self.far < float('inf'):
            raise ValueError(f'depth range must be 0 < near < far, got {self.near:g} and '
                             f'{self.far:g} m')

    @staticmethod
    def of(depths: list[F32]) -> DepthRange:
        """
        Return a range that suits some depth maps: without their outermost hundredths.

        :param depths: (H, W) float32 metres each; 0.5..10 m if none of them knows anything.
        """
        known = np.concatenate([d[np.isfinite(d)] for d in depths] or [np.empty(0, np.float32)])
        if len(known) == 0:
            return DepthRange(0.5, 10.0)
        near, far = (float(x) for x in np.percentile(known, (1, 99)))
        near = max(near, 1e-3)
        return DepthRange(near, max(far, 1.05 * near))


@lru_cache(maxsize=1)
def _turbo() -> U8:
    """Return the (256, 3) colours, far first."""
    ramp = np.arange(256, dtype=np.uint8)[None]
    return np.ascontiguousarray(cv2.applyColorMap(ramp, cv2.COLORMAP_TURBO)[0, :, ::-1])


def colour_depth(depth: F32, span: DepthRange) -> U8:
    """
    Colour a depth map.

    :param depth: (H, W) float32, metres; NaN unknown, +inf out of range (drawn as the far end).
    :returns: (H, W, 3) uint8 RGB.
    """
    near, far = 1.0 / span.near, 1.0 / span.far
    unknown = np.isnan(depth)
    inverse = 1.0 / np.where(unknown, np.float32(1.0), np.maximum(depth, np.float32(1e-6)))
    level = np.clip((inverse - far) * (255.0 / (near - far)), 0.0, 255.0)
    rgb: U8 = _turbo()[np.rint(level).astype(np.uint8)]
    rgb[unknown] = UNKNOWN_RGB
    return rgb


class SteadyColours:
    """
    Colours for a stream of depth maps; the range follows what is seen, too slowly to flicker.

    :param share: how far it goes with each map towards the range that would suit that map.
    """

    def __init__(self, share: float = 0.1) -> None:
        self._share = share
        self._span: DepthRange | None = None

    def __call__(self, depth: F32) -> tuple[U8, float, float]:
        """
        Colour the next depth map.

        :param depth: (H, W) float32, metres; NaN unknown, +inf out of range.
        :returns: (H, W, 3) uint8 RGB, and the depths at both ends of the colours, metres.
        """
        here, span = DepthRange.of([depth[::4, ::4]]), self._span
        span = here if span is None else DepthRange(
            span.near + self._share * (here.near - span.near),
            span.far + self._share * (here.far - span.far))
        self._span = span
        return colour_depth(depth, span), span.near, span.far


def draw_legend(rgb: U8, span: DepthRange) -> None:
    """
    Draw a bar with metres into the lower right corner; nothing if the picture is too small.

    :param rgb: (H, W, 3) uint8, C-contiguous, changed in place.
    """
    height, width = rgb.shape[:2]
    if width < _MIN_LEGEND_WIDTH or height < _MIN_LEGEND_HEIGHT:
        return
    scale = max(0.3, min(0.5, height / 960.0))
    line = round(34 * scale)
    bar_w, bar_h = max(6, width // 60), height // 3
    left = width - bar_w - round(140 * scale)
    top = height - bar_h - 2 * line
    patch = rgb[top - line // 2:height - line // 2, left - line // 2:]
    patch[:] = patch // 3  # dark enough for white text, still to be seen through
    ramp = _turbo()[np.linspace(255, 0, bar_h).astype(np.uint8)]
    rgb[top:top + bar_h, left:left + bar_w] = ramp[:, None]
    for share in (0.0, 0.5, 1.0):
        inverse = (1.0 - share) / span.near + share / span.far
        at = (left + bar_w + 4, top + round(share * bar_h) + round(9 * scale))
        cv2.putText(rgb, metres(1.0 / inverse), at, cv2.FONT_HERSHEY_SIMPLEX, scale,
                    (255, 255, 255), 1, cv2.LINE_AA)


def metres(depth_m: float) -> str:
    """Return a depth with as many digits as make sense: 0.53 m, 4.2 m, 23 m."""
    digits = 2 if depth_m < 1.0 else 1 if depth_m < 10.0 else 0
    return f'{depth_m:.{digits}f} m'
