# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Other robots in a picture: plain boxes, drawn after the world and not part of it.

`observed` says 255 of them: they are where they are shown, which is more than can be said of any
view of the scene. The share of what was never seen stays that of the world behind them.
"""

from __future__ import annotations

from dataclasses import replace

from inspatio_ros.contracts import CameraView, OBSERVED_SEEN, Outputs
from inspatio_ros.engine.renderer import Picture
from inspatio_ros.geometry import boxes as geometry


def placed_boxes(view: CameraView) -> list[geometry.Placed]:
    """Return the boxes that lie in a camera's picture."""
    camera = view.intrinsics
    placed = [geometry.place(view.T_map_cam, camera.K, (camera.height, camera.width),
                             box.T_map_box, box.size, box.colour) for box in view.boxes]
    return [box for box in placed if box is not None]


def with_boxes(picture: Picture, boxes: list[geometry.Placed], view: CameraView,
               near_m: float) -> Picture:
    """
    Return a picture with boxes in it, where nothing is nearer.

    :param picture: with depth; what is wanted of it is drawn into.
    :param near_m: nearest surface that is drawn, metres.
    """
    assert picture.depth is not None, 'boxes are hidden by what is nearer'
    geometry.draw(boxes, view.intrinsics.K, near_m, picture.depth, picture.rgb, picture.seen,
                  OBSERVED_SEEN)
    return picture if Outputs.DEPTH in view.outputs else replace(picture, depth=None)
