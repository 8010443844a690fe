# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Which pixels of a posed RGB-D recording show something that moves.

Two witnesses. Other frames look through the place where a pixel says that something is: it was not
there at their time. And what other frames saw behind it, carried into this camera, has another
colour. Depth of a sensor is believed at once. Estimated depth is wrong most of all where things
move, so there the colours decide, and only what is seen again in other frames moves (`tracks`).
Depth that only completes what was measured proves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
from inspatio_ros.contracts import F32, F64, U8
from inspatio_ros.geometry import agreement, warp_cpu
from inspatio_ros.geometry.camera import invert_rigid, pixel_transfer
from inspatio_ros.geometry.surface import inverse_depth
from inspatio_ros.geometry.warp_cpu import Camera
from inspatio_ros.scene.parallel import in_parallel, Progress
from inspatio_ros.scene.scene import View
from inspatio_ros.scene.separation.overlap import Overlap, spread
from inspatio_ros.scene.separation.tracks import LEAST_SURE, Mask, Seen, tracked
import numpy as np

# Views that one frame is judged by.
_JUDGES = 10
# Votes against a point that make it suspicious, and their share of all votes on it.
_LEAST_AGAINST = 2
_SHARE_AGAINST = 0.3
# A point that fewer see is not at home among them, if so many know the place.
_LEAST_SUPPORT = 2
_LEAST_HEARD = 2
# Colours that differ by more than this (0..255), or than so many times what is usual in the
# picture, are of different things.
_OTHER_COLOUR = 22.0
_USUAL_FACTOR = 4.0
# Gaps that are closed, and specks and lines that are left out, as shares of the picture's width.
_CLOSED, _OPENED = 0.03, 0.008
# A patch moves if it is so large (share of the picture).
_LEAST_PATCH = 4e-4


@dataclass(frozen=True)
class Evidence:
    """
    What speaks for and against the points of one frame.

    :param support: (H, W) uint8, frames that see a point where it should be.
    :param against: (H, W) uint8, frames that look through it.
    :param clear: (H, W) uint8, of them, those that see far beyond it.
    :param heard: (H, W) uint8, frames that know of any depth where the point should be.
    """

    support: U8
    against: U8
    clear: U8
    heard: U8

    def contradicted(self) -> Mask:
        """Return (H, W) where the point was not there at other times."""
        least = self.support * (_SHARE_AGAINST / (1.0 - _SHARE_AGAINST))
        return (self.against >= self._least()) & (self.against > least)

    def denied(self) -> Mask:
        """Return (H, W) where there was nothing near the point at other times."""
        return self.contradicted() & (self.clear >= self._least())

    def _least(self) -> U8:
        """Return (H, W) how many have to speak against a point: one, if hardly any knows it."""
        return np.where(self.heard > _LEAST_AGAINST, _LEAST_AGAINST, 1).astype(np.uint8)


def moving_pixels(views: Sequence[View], progress: Progress | None = None) -> list[Mask]:
    """
    Find what moves.

    :param views: the frames of a recording, in its order; one alone shows no motion.
    :param progress: called as progress(frames done, frames in all).
    :returns: (H, W) bool of each view, true where it shows something that moves.
    """
    return Judge(views).masks(progress) if views else []


class Judge:
    """
    The frames of a recording, and what they say about each other.

    :param views: the frames, in their order.
    """

    def __init__(self, views: Sequence[View]) -> None:
        self._views = views
        self.overlap = Overlap(views)
        self._shared = self.overlap.shared()

    def witnesses(self, index: int, most: int = _JUDGES) -> list[int]:
        """Return the frames that know what one frame shows, at most so many."""
        return spread(self._shared, index, most)

    def masks(self, progress: Progress | None = None) -> list[Mask]:
        """Return the moving pixels of every frame; arguments as in `moving_pixels`."""
        disparity = [measured_disparity(view) for view in self._views]
        heard = in_parallel(lambda index: self._hear(index, disparity), range(len(self._views)))
        sources = [static_source(view, evidence.contradicted())
                   for view, (evidence, _) in zip(self._views, heard)]

        def judged(index: int) -> Seen:
            evidence, gains = heard[index]
            return decide(self._views[index], evidence, *self._background(index, sources, gains))

        seen = in_parallel(judged, range(len(self._views)), progress)
        # A sensor is believed in every frame; an estimate makes mistakes of its own in each.
        estimated = any(view.confidence is not None for view in self._views)
        return tracked(self._views, seen) if estimated else [it.moving for it in seen]

    def _hear(self, index: int, disparity: Sequence[F32]) -> tuple[Evidence, dict[int, F64]]:
        """Return the votes on a frame, and how much brighter it is than each that votes."""
        view, own = self._views[index], inverse_depth(self._views[index].depth)
        evidence = Evidence(*(np.zeros(own.shape, np.uint8) for _ in range(4)))
        gains = {}
        for k in self.witnesses(index):
            P, rgb = transfer(view, self._views[k]), self._views[k].rgb
            gains[k] = agreement.brightness_gain(own, view.rgb, P, disparity[k], rgb)
            agreement.vote(own, view.rgb, P, disparity[k], rgb, gains[k], evidence.support,
                           evidence.against, evidence.clear, evidence.heard)
        return evidence, gains

    def _background(self, index: int, sources: Sequence[warp_cpu.SourceView],
                    gains: dict[int, F64]) -> tuple[F32, U8]:
        """Return inverse depth and colour of what at least two others saw standing still."""
        view = self._views[index]
        if not gains:
            return np.zeros(view.depth.shape, np.float32), view.rgb
        disparity, rgb, count = fused_from(
            camera_of(view), view.depth.shape, [camera_of(self._views[k]) for k in gains],
            [sources[k] for k in gains], list(gains.values()))
        disparity[count < min(2, len(gains))] = 0.0
        return disparity, rgb


def camera_of(view: View) -> Camera:
    """Return the camera that took a view."""
    return Camera(view.intrinsics.K, view.T_map_cam)


def transfer(view: View, other: View) -> F64:
    """Return (3, 4) of `pixel_transfer` from a view to another."""
    return pixel_transfer(view.intrinsics.K, other.intrinsics.K,
                          invert_rigid(other.T_map_cam) @ view.T_map_cam)


def measured_disparity(view: View) -> F32:
    """Return (H, W) float32 inverse depth, NaN where it was not measured."""
    disparity = inverse_depth(view.depth)
    return np.where(view.measured(), disparity, np.float32(np.nan))


def static_source(view: View, moving: Mask) -> warp_cpu.SourceView:
    """Return what stands still of a view, ready for warping; guesses are left out."""
    still = view.measured() & ~moving
    return warp_cpu.prepare(view.rgb, np.where(still, view.depth, np.float32(np.nan)))


def fused_from(target: Camera, size: tuple[int, int], cameras: Sequence[Camera],
               sources: Sequence[warp_cpu.SourceView], gains: Sequence[F64],
               ) -> tuple[F32, U8, U8]:
    """
    Show what some views saw in another camera.

    :param size: (height, width) of the target.
    :param cameras: of the views, one or more.
    :param sources: the views.
    :param gains: (3,) each, brightness of the target over that of the view.
    :returns: as `agreement.fuse`.
    """
    disparities = np.empty((len(sources), *size), np.float32)
    colours = np.empty((len(sources), *size, 3), np.uint8)
    for k, (camera, source, gain) in enumerate(zip(cameras, sources, gains)):
        disparities[k], owner = warp_cpu.splat_views([source], [camera], target, size)
        seen = warp_cpu.gather_views(disparities[k], owner, [source], [camera], target)
        colours[k] = brightened(seen, gain)
    return agreement.fuse(disparities, colours)


def brightened(rgb: U8, gain: F64) -> U8:
    """Return a picture with every channel multiplied."""
    table = np.arange(256)[:, None] * gain + 0.5
    return np.asarray(cv2.LUT(rgb, np.clip(table, 0, 255).astype(np.uint8)[:, None]), np.uint8)


def decide(view: View, evidence: Evidence, behind: F32, colour: U8) -> Seen:
    """
    Weigh what was heard of a frame; if its depth is estimated, in doubt others have to decide.

    :param behind: (H, W) float32 inverse depth of the background, 0 where it is not known.
    :param colour: (H, W, 3) uint8, its colour.
    """
    known = behind > 0.0
    strange = known & other_colour(view.rgb, colour, known)
    contradicted = evidence.contradicted() & view.measured()
    # Others know this place, be it measured or guessed, and do not know this point. What has no
    # place at all shows nowhere: what a sensor does not know may be what it likes.
    estimated = view.confidence is not None
    alone = (evidence.support < _LEAST_SUPPORT) & np.where(
        np.isnan(view.depth), estimated, evidence.heard >= _LEAST_HEARD)
    suspicious = contradicted | (alone & strange)
    sure = suspicious & strange
    if not estimated:
        # A sensor is not so wrong that it sees a thing far in front of where nothing is.
        sure |= evidence.denied()
    moving = patches(suspicious, sure, 0.0 if estimated else LEAST_SURE)
    return Seen(moving, sure, view.measured() & ~contradicted)


def other_colour(rgb: U8, background: U8, known: Mask) -> Mask:
    """Return (H, W) where a picture does not show what is around the pixel in another."""
    blurred, behind = cv2.GaussianBlur(rgb, (3, 3), 0), cv2.GaussianBlur(background, (3, 3), 0)
    window = np.ones((5, 5), np.uint8)
    low, high = cv2.erode(behind, window), cv2.dilate(behind, window)
    outside = np.maximum(cv2.subtract(low, blurred), cv2.subtract(blurred, high)).max(axis=-1)
    usual = float(np.median(np.abs(blurred[known].astype(np.int16) - behind[known]))
                  ) if known.any() else 0.0
    return outside > max(_OTHER_COLOUR, _USUAL_FACTOR * usual)


def patches(suspicious: Mask, sure: Mask, least_sure: float) -> Mask:
    """Return the suspicious patches that are large and sure enough, without holes."""
    mask = suspicious.astype(np.uint8)
    for step, share in ((cv2.MORPH_CLOSE, _CLOSED), (cv2.MORPH_OPEN, _OPENED)):
        across = 2 * max(round(0.5 * share * mask.shape[1]), 1) + 1
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (across, across))
        mask = np.asarray(cv2.morphologyEx(mask, step, disc), np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    certain = np.bincount(labels[sure], minlength=count)
    area = stats[:, cv2.CC_STAT_AREA]
    moves = (area >= _LEAST_PATCH * mask.size) & (certain >= least_sure * area)
    moves[0] = False
    outlines, _ = cv2.findContours(moves[labels].astype(np.uint8), cv2.RETR_EXTERNAL,
                                   cv2.CHAIN_APPROX_NONE)
    filled = np.zeros(mask.shape, np.uint8)
    cv2.drawContours(filled, outlines, -1, 1, cv2.FILLED)
    return filled.astype(bool)
