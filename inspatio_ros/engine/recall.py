# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What earlier frames of a recording saw, where the present one shows nothing.

A recording camera that moves on, or somebody who steps aside, leaves behind places that were seen
a moment ago. They are warped from there, but for what has moved since: a surface that the present
frame looks through is not there any more, nor is what hangs together with it and cannot be looked
at now. On the host, with the renderer of the sensor plane.

Shapes: H W picture size, h w size of a recorded view.
"""

from __future__ import annotations

from collections import OrderedDict

import cv2
from inspatio_ros.contracts import F32, F64, Intrinsics, U8
from inspatio_ros.geometry import warp
from inspatio_ros.geometry.camera import invert_rigid, pixel_transfer
from inspatio_ros.geometry.surface import link_pixels, spread
from inspatio_ros.geometry.warp_cpu import Camera, gather_views, prepare, SourceView, splat_views
from inspatio_ros.scene.scene import Scene, View
import numpy as np
import torch

# So many seconds back; before the recording, its first frame stands in.
LOOKED_BACK_S = (0.8, 2.4)
# A surface is gone if the present frame sees this much farther where it would be.
_THROUGH = 0.1
# Pixels around what is gone that are not trusted either: edges of depth are never sharp.
_RIM = np.ones((5, 5), np.uint8)
# What hangs together with something that left is as far away, within this share.
_SAME_BODY = 0.05
_KEPT = 64


class Recall:
    """
    Remembers the frames of a scene.

    :param scene: of which frames are recalled; one without frames has nothing to recall.
    :param camera: that looks.
    """

    def __init__(self, scene: Scene, camera: Intrinsics) -> None:
        self._scene, self._camera = scene, camera
        self._back = [round(back_s * scene.fps) for back_s in LOOKED_BACK_S]
        self._prepared: OrderedDict[tuple[int, int], tuple[SourceView, Camera]] = OrderedDict()

    def look(self, frame: int, place: int, T_map_cam: F64) -> tuple[U8, F32]:
        """
        Return what frames before one show to a camera.

        :param frame: the present one, an index into the scene's frames.
        :param place: of the recording camera in the frames.
        :param T_map_cam: (4, 4) pose of the camera that looks.
        :returns: (H, W, 3) uint8 and inverse depth (H, W) float32, 1/m, 0 where nothing is shown.
        """
        earlier = sorted({max(frame - back, 0) for back in self._back} - {frame}, reverse=True)
        if not earlier:
            return self.nothing()
        present = self._view(frame, place)
        views, cameras = [], []
        for index in earlier:
            view, camera = self._view(index, place)
            views.append(_without_what_left(view, camera, *present))
            cameras.append(camera)
        target = Camera(self._camera.K, T_map_cam)
        disparity, owner = splat_views(views, cameras, target,
                                       (self._camera.height, self._camera.width))
        return gather_views(disparity, owner, views, cameras, target), disparity

    def nothing(self) -> tuple[U8, F32]:
        """Return what `look` returns where there is nothing to recall."""
        size = (self._camera.height, self._camera.width)
        return np.zeros((*size, 3), np.uint8), np.zeros(size, np.float32)

    def _view(self, frame: int, place: int) -> tuple[SourceView, Camera]:
        """Return a recorded view, ready to be warped; the last ones are kept."""
        key = frame, min(place, len(self._scene.frames[frame]) - 1)
        if key in self._prepared:
            self._prepared.move_to_end(key)
            return self._prepared[key]
        found = _prepared(self._scene.frames[frame][key[1]], self._camera)
        self._prepared[key] = found
        while len(self._prepared) > _KEPT:
            self._prepared.popitem(last=False)
        return found


def _prepared(view: View, camera: Intrinsics) -> tuple[SourceView, Camera]:
    """Return a view at no more than the size of the camera that looks."""
    if view.intrinsics.width > camera.width:
        view = view.sized(camera.width, camera.height)
    return prepare(view.rgb, view.depth), Camera(view.intrinsics.K, view.T_map_cam)


def _without_what_left(view: SourceView, camera: Camera, present: SourceView,
                       present_camera: Camera) -> SourceView:
    """Return a view without the surfaces that the present one sees through."""
    P = pixel_transfer(camera.K, present_camera.K,
                       invert_rigid(present_camera.T_world_cam) @ camera.T_world_cam)
    x, y, w = (it[0].numpy() for it in warp.transfer(
        torch.from_numpy(P.astype(np.float32))[None], torch.from_numpy(view.disparity)[None]))
    height, width = present.disparity.shape
    with np.errstate(invalid='ignore'):
        inside = (w > 0.0) & (x > -0.5) & (x < width - 0.5) & (y > -0.5) & (y < height - 0.5)
    column = np.where(inside, x + 0.5, 0.0).astype(np.int32)
    row = np.where(inside, y + 0.5, 0.0).astype(np.int32)
    now = present.disparity[row, column]
    # Comparisons with what is not known (NaN) are false: there nothing is known to have left.
    gone = inside & (now < w * np.float32(1.0 - _THROUGH))
    if not gone.any():
        return view
    looked_at = inside & (now <= w * np.float32(1.0 + _THROUGH))
    gone = spread(gone, view.disparity, ~looked_at, _SAME_BODY)
    gone = cv2.dilate(gone.view(np.uint8), _RIM).view(np.bool_)
    disparity = np.where(gone, np.float32(np.nan), view.disparity)
    return SourceView(view.texels, disparity, link_pixels(disparity))
