# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a block is painted from: the scene's views, warped into the predicted cameras.

Colours and mask are those of the warp that the generator was trained on, depth is that of the
z-buffer warp of the sensor plane. Every frame is warped on its own, so that a stream and a whole
clip are the same.

A camera of the scene is a `Slot`: a static view, or the views that one place in `Scene.frames`
holds one after the other. Per latent, the views that show most of its frames are warped, and the
slot that shows most gives the reference.

Shapes: T frames, H W picture size, all on one device.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from inspatio_ros.contracts import CameraTrack, F32, F64, Intrinsics
from inspatio_ros.engine.recall import Recall
from inspatio_ros.engine.selection import choose_views, rate_views, sample_views, Samples
from inspatio_ros.geometry import twins
from inspatio_ros.geometry.camera import invert_rigid, pixel_transfer
from inspatio_ros.geometry.star_warp import star_warp
from inspatio_ros.geometry.surface import inverse_depth, link_pixels
from inspatio_ros.geometry.warp_cpu import SAME_SURFACE
from inspatio_ros.scene.scene import Scene, View
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

# Depth is held within this range, metres, as the published loader does.
_DEPTH_RANGE_M = (1e-4, 1e4)
# The reference changes over to a view that shows this much more, not sooner: each change costs
# an encoding, and the generator a moment of doubt.
_WORTH_A_CHANGE = 1.1
_STATIC = -1
# What the mask says of a pixel that only earlier frames show.
_RECALLED = 0.5


class Slot(NamedTuple):
    """A camera of the scene: moving or not, and which."""

    moving: bool
    place: int


class _Key(NamedTuple):
    """A view of the scene: the frame that it belongs to, or -1, and its place there."""

    frame: int
    place: int


@dataclass(frozen=True)
class _Picture:
    """A view at the size that is painted, (1, ...) each."""

    rgb: Tensor         # (1, 3, H, W) float32, -1..1
    depth: Tensor       # (1, 1, H, W) float32, metres; 1 where unknown
    known: Tensor       # (1, 1, H, W) float32, 0 or 1
    disparity: Tensor   # (1, H, W) float32, 1/m; NaN unknown
    links: Tensor       # (1, H, W) uint8
    K: F64
    T_map_cam: F64


class Recalled(NamedTuple):
    """
    What earlier frames of the scene show to some cameras.

    :param rgb_THW3: uint8; anything where nothing is shown.
    :param disparity_THW: float32, 1/m; 0 where nothing is shown.
    """

    rgb_THW3: Tensor
    disparity_THW: Tensor


@dataclass(frozen=True)
class Condition:
    """
    The scene as some cameras see it.

    :param render_T3HW: float32, -1..1; -1 where the scene shows nothing.
    :param mask_T1HW: float32, 1 where it shows something, else 0.
    :param disparity_THW: float32, 1/m; 0 where unknown.
    :param slots: the camera that is the reference of each latent.
    :param recalled: what earlier frames show, if that is wanted and there are any.
    """

    render_T3HW: Tensor
    mask_T1HW: Tensor
    disparity_THW: Tensor
    slots: tuple[Slot, ...]
    recalled: Recalled | None = None

    @property
    def told_T1HW(self) -> Tensor:
        """Return what a generator is told: 1 shown, 0 not; 1/2 shown by earlier frames alone."""
        if self.recalled is None:
            return self.mask_T1HW
        return torch.where(self.recalled.disparity_THW[:, None] > 0.0,
                           self.mask_T1HW.clamp(min=_RECALLED), self.mask_T1HW)


def filled_render(condition: Condition) -> Tensor:
    """
    Return a render whose holes are filled with what earlier frames show, if they were recalled.

    The rest of the holes is filled from their far side, as the sensor plane fills them.

    :param condition: with disparity.
    :returns: (T, 3, H, W) float32, -1..1; where something is shown, the render itself.
    """
    render, disparity = condition.render_T3HW, condition.disparity_THW
    rgb = ((render + 1.0) * 127.5).round().clamp(0.0, 255.0).to(torch.uint8).permute(0, 2, 3, 1)
    known = condition.mask_T1HW[:, 0] > 0.0
    disparity = torch.where(known, disparity, 0.0)
    if condition.recalled is not None:
        rgb = torch.where(known[..., None], rgb, condition.recalled.rgb_THW3)
        disparity = torch.where(known, disparity, condition.recalled.disparity_THW)
    full, _ = twins.fill_holes(rgb, disparity)
    pictures = full.permute(0, 3, 1, 2).float() / 127.5 - 1.0
    return torch.where(known[:, None], render, pictures)


class Conditioner:
    """
    Looks at a scene with the cameras of a block.

    :param scene: what is known of the place.
    :param camera: that is painted; its size is that of all pictures.
    :param device: where to compute.
    :param max_views: how many static views one frame is made of, at most; likewise moving ones.
    :param kept_pictures: how many views stay on the device.
    :raises ValueError: a count below 1.
    """

    def __init__(self, scene: Scene, camera: Intrinsics, device: torch.device | str = 'cpu',
                 max_views: int = 2, kept_pictures: int = 64) -> None:
        if max_views < 1 or kept_pictures < 1:
            raise ValueError(f'max_views and kept_pictures must be at least 1, got {max_views} '
                             f'and {kept_pictures}')
        self.camera = camera
        self.device = torch.device(device)
        self._scene, self._max_views, self._kept = scene, max_views, kept_pictures
        self._recall = Recall(scene, camera)
        self._pictures: OrderedDict[_Key, _Picture] = OrderedDict()
        self._static = sample_views(scene.views)
        self._moving: dict[int, Samples] = {}
        self.typical_m = _typical_depth(scene)

    def frame_at(self, time_ns: int) -> int:
        """Return which of the scene's frames is valid at a scene time; -1 = it has none."""
        index = self._scene.frame_index(time_ns * 1e-9)
        return _STATIC if index is None else index

    def condition(self, track: CameraTrack, latent_frames: Sequence[int],
                  before: Slot | None = None, with_depth: bool = True,
                  recall: bool = False) -> Condition:
        """
        Warp the scene into the cameras of a block.

        :param track: the camera at each frame; stamps are scene time.
        :param latent_frames: how many frames each latent stands for.
        :param before: the reference of the latent before.
        :param with_depth: whether disparity is wanted. Without it, a scene of one view per frame
            is warped in a third of the time; render and mask are the same.
        :param recall: whether to look at earlier frames, too.
        :raises ValueError: counts that do not add up to the track.
        """
        if sum(latent_frames) != len(track.stamps_ns) or 0 in latent_frames:
            raise ValueError(f'latents of {list(latent_frames)} frames are not the track of '
                             f'{len(track.stamps_ns)}')
        slots: list[Slot] = []
        layers: list[list[_Key]] = []
        first = 0
        for count in latent_frames:
            part = slice(first, first + count)
            keys, before = self._choose(track.stamps_ns[part].tolist(), track.T_map_cam[part],
                                        before)
            slots.append(before)
            layers += keys
            first += count
        condition = self._compose(layers, track.T_map_cam, tuple(slots), with_depth)
        if not recall or not self._scene.frames:
            return condition
        return replace(condition, recalled=self._recalled(layers, track.T_map_cam))

    def _recalled(self, layers: Sequence[Sequence[_Key]], cameras: F64) -> Recalled:
        """Return what frames before those of the best moving views show."""
        best = [next((key for key in keys if key.frame != _STATIC), None) for keys in layers]
        looks = [self._recall.nothing() if key is None else self._recall.look(*key, T)
                 for key, T in zip(best, cameras)]
        rgb, disparity = (torch.from_numpy(np.stack(part)).to(self.device)
                          for part in zip(*looks))
        return Recalled(rgb, disparity)

    def video(self, slot: Slot, frames: Sequence[int]) -> Tensor:
        """
        Return what a camera of the scene has recorded.

        :param frames: indices of the scene's frames; a static camera shows the same in all.
        :returns: (T, 3, H, W) float32, -1..1.
        """
        return torch.cat([self._picture(self._key(slot, frame)).rgb for frame in frames])

    def _key(self, slot: Slot, frame: int) -> _Key:
        if not slot.moving:
            return _Key(_STATIC, slot.place)
        # A camera that is not there at this moment has its neighbour stand in.
        return _Key(frame, min(slot.place, len(self._scene.frames[frame]) - 1))

    def _choose(self, stamps_ns: Sequence[int], cameras: F64, before: Slot | None,
                ) -> tuple[list[list[_Key]], Slot]:
        """Return the views of each frame of a latent, moving ones first, and the reference."""
        frames = [self.frame_at(stamp_ns) for stamp_ns in stamps_ns]
        fixed = [rate_views(self._static, T, self.camera) for T in cameras]
        moving = [rate_views(self._samples(frame), T, self.camera) if frame != _STATIC
                  else np.zeros((0, 1), np.float32) for frame, T in zip(frames, cameras)]
        static = choose_views(np.concatenate(fixed, axis=1), self._max_views)
        layers = [[_Key(frame, index) for index in choose_views(rating, self._max_views)]
                  + [_Key(_STATIC, index) for index in static]
                  for frame, rating in zip(frames, moving)]
        worth = {Slot(False, index): float(sum(rating[index].sum() for rating in fixed))
                 for index in range(self._static.count)}
        for index in range(max(len(rating) for rating in moving)):
            worth[Slot(True, index)] = float(sum(rating[index].sum() for rating in moving
                                                 if index < len(rating)))
        best = max(worth, key=lambda slot: worth[slot])
        if before is not None and worth[best] <= _WORTH_A_CHANGE * worth.get(before, 0.0):
            best = before
        return layers, best

    def _samples(self, frame: int) -> Samples:
        if frame not in self._moving:
            self._moving[frame] = sample_views(self._scene.frames[frame])
        return self._moving[frame]

    def _compose(self, layers: Sequence[Sequence[_Key]], cameras: F64,
                 slots: tuple[Slot, ...], with_depth: bool) -> Condition:
        """Lay the views of each frame under each other, best first; what is nearer shows."""
        shape = (len(layers), self.camera.height, self.camera.width)
        render = torch.full((shape[0], 3, *shape[1:]), -1.0, device=self.device)
        mask = torch.zeros((shape[0], 1, *shape[1:]), device=self.device)
        disparity = torch.zeros(shape, device=self.device)
        most = max(len(keys) for keys in layers)
        for depth in range(most):
            rows = [row for row, keys in enumerate(layers) if depth < len(keys)]
            pictures = [self._picture(layers[row][depth]) for row in rows]
            colour, known, w = self._warp(pictures, cameras[rows], with_depth or most > 1)
            nearer = w * (1.0 - SAME_SURFACE) > disparity[rows]
            shown = (known > 0.0) & (nearer[:, None] | (mask[rows] == 0.0))
            render[rows] = torch.where(shown, colour, render[rows])
            mask[rows] = torch.maximum(mask[rows], known)
            disparity[rows] = torch.where(nearer, w, disparity[rows])
        return Condition(render, mask, disparity, slots)

    def _warp(self, pictures: Sequence[_Picture], cameras: F64, with_depth: bool,
              ) -> tuple[Tensor, Tensor, Tensor]:
        """Warp one view into each camera: colours, what is known, inverse depth or zeros."""
        # Relative poses in double precision: float32 would not do far from the map's origin.
        relative = np.stack([invert_rigid(T) @ picture.T_map_cam
                             for picture, T in zip(pictures, cameras)])
        K = [picture.K for picture in pictures]
        same = torch.eye(4, device=self.device).expand(len(pictures), 4, 4)
        render, known = star_warp(
            torch.cat([picture.rgb for picture in pictures]),
            torch.cat([picture.depth for picture in pictures]), same, self._tensor(relative),
            self._tensor(np.stack(K)), self._tensor(self.camera.K).expand(len(K), 3, 3),
            torch.cat([picture.known for picture in pictures]), normalise='frame')
        if not with_depth:
            return render, known, torch.zeros_like(known[:, 0])
        transfers = [pixel_transfer(k, self.camera.K, T) for k, T in zip(K, relative)]
        disparity = twins.splat(
            torch.cat([picture.disparity for picture in pictures]),
            torch.cat([picture.links for picture in pictures]), self._tensor(np.stack(transfers)),
            (self.camera.height, self.camera.width),
            self._tensor(np.array([self.camera.fx / k[0, 0] for k in K])))
        return render, known, disparity

    def _picture(self, key: _Key) -> _Picture:
        """Return a view at the size that is painted; the last ones are kept."""
        if key in self._pictures:
            self._pictures.move_to_end(key)
            return self._pictures[key]
        view = (self._scene.views if key.frame == _STATIC
                else self._scene.frames[key.frame])[key.place]
        picture = self._load(view)
        self._pictures[key] = picture
        while len(self._pictures) > self._kept:
            self._pictures.popitem(last=False)
        return picture

    def _load(self, view: View) -> _Picture:
        size = (self.camera.height, self.camera.width)
        rgb = torch.from_numpy(np.ascontiguousarray(view.rgb)).to(self.device)
        rgb = rgb.permute(2, 0, 1)[None].float() / 127.5 - 1.0
        depth = torch.from_numpy(np.ascontiguousarray(view.depth))[None, None]
        if rgb.shape[-2:] != size:
            rgb = functional.interpolate(rgb, size, mode='bilinear', antialias=True).clamp(-1, 1)
            # Depth is never mixed: half way between object and wall there is nothing.
            depth = functional.interpolate(depth, size, mode='nearest-exact')
        disparity = inverse_depth(depth[0, 0].numpy())
        known = torch.isfinite(self._tensor(disparity))[None, None]
        metres = depth.to(self.device).clamp(*_DEPTH_RANGE_M)
        return _Picture(rgb, torch.where(known, metres, 1.0), known.float(),
                        self._tensor(disparity)[None],
                        torch.from_numpy(link_pixels(disparity)).to(self.device)[None],
                        view.intrinsics.scaled(size[1], size[0]).K, view.T_map_cam)

    def _tensor(self, array: F64 | F32) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, np.float32)).to(self.device)


def _typical_depth(scene: Scene) -> float:
    """Return the median depth of a few views, metres: a guess where there is nothing to go by."""
    views = scene.all_views()
    samples = [view.depth[::8, ::8] for view in views[::max(1, len(views) // 16)]]
    known = np.concatenate([depth[np.isfinite(depth)] for depth in samples])
    return float(np.median(known)) if known.size else 1.0
