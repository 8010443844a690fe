# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A recording taken apart: the place as it is without what moves, and what moves, by itself.

Where something stood before the camera, other frames saw what is behind it at other times. Their
common picture fills it in, in every view that the scene keeps; nobody's knowledge stays NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
import math

import cv2
from inspatio_ros.contracts import Intrinsics
from inspatio_ros.geometry import agreement
from inspatio_ros.geometry.warp_cpu import Camera, SourceView
from inspatio_ros.scene.parallel import in_parallel, Progress
from inspatio_ros.scene.scene import View
from inspatio_ros.scene.separation.moving import (camera_of, fused_from, Judge,
                                                  measured_disparity, static_source, transfer)
from inspatio_ros.scene.separation.tracks import Mask
import numpy as np

# Views that a scene keeps of a recording, at most.
MOST_VIEWS = 64
# Frames that tell what is behind a moving thing.
_WITNESSES = 16
# The rim of a moving thing is mixed with what is behind it, pixels of a picture 640 wide.
_RIM = 2.5
# Cameras nearer to each other than this (share of the distance to what they see) and turned by
# less than this take the same picture.
_SAME_PLACE, _SAME_TURN_RAD = 0.005, math.radians(0.3)
# A recording in which no frame shows more that moves (share of its picture) stands still: so much
# is mistaken for it where depth is estimated, or noisy.
_STILL = 4e-3


@dataclass(frozen=True)
class Split:
    """
    A recording, taken apart.

    :param views: static views: what does not move, as all frames know it.
    :param frames: one per frame of the recording, in its order, each with one view that holds
        only what moves; none if nothing does.
    :param moving: (H, W) bool of each frame, what moves in it and its rim.
    """

    views: tuple[View, ...]
    frames: tuple[tuple[View, ...], ...]
    moving: list[Mask]


def split_scene(views: Sequence[View], most: int = MOST_VIEWS,
                progress: Progress | None = None, still: bool = False) -> Split:
    """
    Tell the place from what moves in it.

    :param views: the frames of a recording, in its order, with names of their own.
    :param most: static views to keep, at most.
    :param progress: called as progress(frames done, frames in all).
    :param still: somebody knows that nothing moves: nothing is looked for.
    :returns: views and frames as `Scene` wants them; the static ones keep their names.
    :raises ValueError: no view at all, or none to keep.
    """
    if not views or most < 1:
        raise ValueError(f'there has to be a view, got {len(views)} to keep {most} of')
    judge = Judge(views)
    moving = [] if still else [with_rim(mask) for mask in judge.masks(progress)]
    if not any(_shown(view, mask) > _STILL for view, mask in zip(views, moving)):
        moving = [np.zeros(view.depth.shape, np.bool_) for view in views]
    kept = keep(views, judge, most)
    sources = [static_source(view, mask) for view, mask in zip(views, moving)]
    static = in_parallel(
        lambda index: fill(index, views, moving, sources, judge.witnesses(index, _WITNESSES)),
        kept)
    frames = tuple((moving_part(view, mask),) for view, mask in zip(views, moving))
    return Split(tuple(static), frames if any(mask.any() for mask in moving) else (), moving)


def with_rim(moving: Mask) -> Mask:
    """Return a mask that also holds the pixels mixed of two things."""
    reach = max(round(_RIM * moving.shape[1] / 640.0), 1)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return cv2.dilate(moving.astype(np.uint8), disc).astype(bool)


def _shown(view: View, moving: Mask) -> float:
    """Return the share of a picture that moves and can be shown: has a depth."""
    return float((moving & ~np.isnan(view.depth)).mean())


def keep(views: Sequence[View], judge: Judge, most: int) -> list[int]:
    """
    Choose the static views of a scene.

    All that are not the same picture again; if these are too many, those that see it all, and of
    the others some from everywhere.
    """
    distinct: list[int] = []
    for index, view in enumerate(views):
        slack = _SAME_PLACE * _median_depth(view)
        if not any(_same_picture(view, views[other], slack) for other in distinct):
            distinct.append(index)
    if len(distinct) <= most:
        return distinct
    chosen = judge.overlap.covering(most)
    rest = [index for index in distinct if index not in chosen]
    spare = min(most - len(chosen), len(rest))
    chosen += [rest[k] for k in np.linspace(0, len(rest) - 1, spare).round().astype(int)]
    return sorted(chosen)


def _median_depth(view: View) -> float:
    """Return the median depth of a view, metres; 1 where none is known."""
    known = view.depth[::8, ::8]
    known = known[np.isfinite(known)]
    return float(np.median(known)) if known.size else 1.0


def _same_picture(view: View, other: View, slack_m: float) -> bool:
    """Return whether two cameras stand in one place, within so many metres, and look one way."""
    shift = float(np.linalg.norm(view.T_map_cam[:3, 3] - other.T_map_cam[:3, 3]))
    if shift >= slack_m or view.intrinsics != other.intrinsics:
        return False
    turn = view.T_map_cam[:3, :3].T @ other.T_map_cam[:3, :3]
    # The sine of the angle; a turn of more than a right angle is caught by the trace.
    sine = 0.5 * np.linalg.norm([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0],
                                 turn[1, 0] - turn[0, 1]])
    return bool(np.trace(turn) > 1.0 and sine < _SAME_TURN_RAD)


def fill(index: int, views: Sequence[View], moving: Sequence[Mask],
         sources: Sequence[SourceView], witnesses: Sequence[int]) -> View:
    """
    Replace what moves in a view by what others saw behind it; NaN where nobody has.

    :param moving: of all views.
    :param sources: all views without what moves in them.
    :param witnesses: the others.
    """
    view, mask = views[index], moving[index]
    if not mask.any():
        return view
    rgb, depth = view.rgb.copy(), np.where(mask, np.float32(np.nan), view.depth)
    confidence = None if view.confidence is None else np.where(mask, 0, view.confidence)
    if witnesses:
        box = bounding_box(mask)
        part = mask[box]
        known = measured_disparity(replace(view, depth=depth))
        gains = [agreement.brightness_gain(known, view.rgb, transfer(view, views[k]),
                                           sources[k].disparity, views[k].rgb) for k in witnesses]
        disparity, colour, count = fused_from(
            Camera(cropped(view.intrinsics, box).K, view.T_map_cam), part.shape,
            [camera_of(views[k]) for k in witnesses], [sources[k] for k in witnesses], gains)
        found = part & (count > 0)
        rgb[box][found] = colour[found]
        depth[box][found] = 1.0 / disparity[found]
        if confidence is not None:
            # As good as what the camera saw itself.
            confidence[box][found] = _usual_confidence(view)
    return replace(view, rgb=rgb, depth=depth,
                   confidence=None if confidence is None else confidence.astype(np.uint8))


def _usual_confidence(view: View) -> int:
    assert view.confidence is not None
    measured = view.confidence[view.measured()]
    return int(np.median(measured)) if measured.size else 1


def bounding_box(mask: Mask) -> tuple[slice, slice]:
    """Return the rows and columns of what is true, two or more of each."""
    ranges = []
    for axis in (1, 0):
        hit = np.flatnonzero(mask.any(axis=axis))
        first, last = (int(hit[0]), int(hit[-1])) if hit.size else (0, 0)
        first = max(min(first, mask.shape[1 - axis] - 2), 0)
        ranges.append(slice(first, max(last + 1, first + 2)))
    return ranges[0], ranges[1]


def cropped(intrinsics: Intrinsics, box: tuple[slice, slice]) -> Intrinsics:
    """Return the camera of a part of a picture."""
    rows, columns = box
    return replace(intrinsics, width=columns.stop - columns.start, height=rows.stop - rows.start,
                   cx=intrinsics.cx - columns.start, cy=intrinsics.cy - rows.start)


def moving_part(view: View, moving: Mask) -> View:
    """Return a small view that shows only what moves, two pixels of nothing if nothing does."""
    box = bounding_box(moving)
    part = moving[box]
    return View(np.where(part[..., None], view.rgb[box], 0),
                np.where(part, view.depth[box], np.float32(np.nan)),
                cropped(view.intrinsics, box), view.T_map_cam, f'{view.name} moving',
                None if view.confidence is None else np.where(part, view.confidence[box], 0))
