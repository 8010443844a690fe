# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Which of the patches that seem to move are of things that do.

Depth that is estimated is wrong at edges, on shine and where few frames see, and every frame has
patches of such mistakes. They look like things that move, but not like the same thing again: the
next frame has other mistakes elsewhere. A thing stays what it is, of one size and colour, near
where it was. And what others confirmed at one place in the world, by the rule that all stands
still, did stand still: of a thing that moves they confirm next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
import math

import cv2
from inspatio_ros.contracts import F32, F64
from inspatio_ros.geometry.camera import invert_rigid
from inspatio_ros.scene.scene import View
import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]

# A patch of which others confirm more than this share stands still.
_CONFIRMED = 0.25
# One frame alone shows no motion, and two may share a mistake.
_LEAST_FRAMES = 3
# A thing may be missed in one frame: the one after that still goes on with it. What is proven to
# move may be missed for longer: while it halts, its depth is confirmed.
_LONGEST_GAP = 2
_LONGEST_HALT = 5
# One thing: areas within this factor, so much of the colours in common.
_AREA_FACTOR = 3.0
_COMMON_COLOURS = 0.5
_LEVELS = 4    # of each channel that tell colours apart
# Few frames see what is near the border of a picture (a share of its shorter side), so that
# mistakes gather there, and there are small ones everywhere. A patch that does not reach inside
# with half of its pixels, a smaller share of the picture or fewer pixels beyond doubt is no proof;
# it may go on with a track that others prove.
_BORDER = 0.15
_LEAST_INSIDE = 0.5
_LEAST_PROOF = 4e-3
LEAST_SURE = 0.25


@dataclass(frozen=True)
class Patch:
    """
    Something in one frame that may move.

    :param frame: index of the frame.
    :param label: of its pixels among the patches of the frame.
    :param area: share of the picture.
    :param centre: (2,) pixels, x and y.
    :param depth: median, metres.
    :param radius: of a disc of its size, pixels.
    :param colours: (64,) shares of the colours in it.
    :param proof: whether it may prove by itself that something moves.
    """

    frame: int
    label: int
    area: float
    centre: F64
    depth: float
    radius: float
    colours: F32
    proof: bool


@dataclass(frozen=True)
class Seen:
    """
    What one frame says about motion.

    :param moving: (H, W), what seems to move.
    :param sure: (H, W), where that is beyond doubt by this frame's own evidence.
    :param standing: (H, W), what others confirm to stand where it is.
    """

    moving: Mask
    sure: Mask
    standing: Mask


def tracked(views: Sequence[View], seen: Sequence[Seen]) -> list[Mask]:
    """
    Keep what is seen again in the frames before and after.

    :param views: the frames of a recording, in its order.
    :param seen: what each of them says.
    :returns: (H, W) of each.
    """
    labels = [_labels(it.moving) for it in seen]
    patches = [patch for index, (view, it, label) in enumerate(zip(views, seen, labels))
               for patch in _patches(index, view, it, label)]
    proven = [patch for track in _tracks(views, patches) if _is_proven(track) for patch in track]
    kept: list[list[int]] = [[] for _ in views]
    for patch in patches:
        if any(patch is other or _resumes(patch, other, views) for other in proven):
            kept[patch.frame].append(patch.label)
    return [np.isin(label, it) for label, it in zip(labels, kept)]


def _is_proven(track: Sequence[Patch]) -> bool:
    return len({patch.frame for patch in track if patch.proof}) >= _LEAST_FRAMES


def _resumes(patch: Patch, proven: Patch, views: Sequence[View]) -> bool:
    """
    Return whether a patch shows what is proven to move, a little earlier or later.

    It may be a part of it: where little is known of what is behind, only pieces are found.
    """
    return (0 < abs(patch.frame - proven.frame) <= _LONGEST_HALT
            and patch.area <= _AREA_FACTOR * proven.area and _is_alike(patch, proven, views))


def _labels(mask: Mask) -> npt.NDArray[np.int32]:
    return np.asarray(cv2.connectedComponents(mask.astype(np.uint8))[1], np.int32)


def _patches(index: int, view: View, seen: Seen,
             labels: npt.NDArray[np.int32]) -> Iterator[Patch]:
    """Describe the patches of a frame, but for those that stand still."""
    for label in range(1, int(labels.max()) + 1):
        mask = labels == label
        depth = view.depth[mask]
        depth = depth[np.isfinite(depth)]
        if seen.standing[mask].mean() > _CONFIRMED or not depth.size:
            continue
        rows, columns = np.nonzero(mask)
        proof = (mask.mean() >= _LEAST_PROOF and seen.sure[mask].mean() >= LEAST_SURE
                 and _inside(mask) >= _LEAST_INSIDE)
        yield Patch(index, label, float(mask.mean()), np.array([columns.mean(), rows.mean()]),
                    float(np.median(depth)), math.sqrt(len(rows) / math.pi),
                    _colours(view.rgb[mask]), bool(proof))


def _colours(rgb: npt.NDArray[np.uint8]) -> F32:
    """Return (64,) shares of colours of some pixels (N, 3)."""
    level = rgb.astype(np.int64) * _LEVELS // 256
    code = (level[:, 0] * _LEVELS + level[:, 1]) * _LEVELS + level[:, 2]
    return (np.bincount(code, minlength=_LEVELS ** 3) / len(rgb)).astype(np.float32)


def _inside(mask: Mask) -> float:
    """Return the share of a patch that is not near the border of the picture."""
    border = max(round(_BORDER * min(mask.shape)), 1)
    return float(mask[border:-border, border:-border].sum() / mask.sum())


def _tracks(views: Sequence[View], patches: Sequence[Patch]) -> list[list[Patch]]:
    """Join patches that show one thing in frames that follow each other."""
    track = {(patch.frame, patch.label): [patch] for patch in patches}
    for one, two in combinations(patches, 2):
        if 0 < two.frame - one.frame <= _LONGEST_GAP and _is_same(one, two, views):
            joined, other = track[one.frame, one.label], track[two.frame, two.label]
            if joined is not other:
                joined += other
                track.update({(patch.frame, patch.label): joined for patch in other})
    return list({id(members): members for members in track.values()}.values())


def _is_same(patch: Patch, other: Patch, views: Sequence[View]) -> bool:
    """Return whether two patches may show one thing, all of it."""
    return (1.0 / _AREA_FACTOR <= patch.area / other.area <= _AREA_FACTOR
            and _is_alike(patch, other, views))


def _is_alike(patch: Patch, other: Patch, views: Sequence[View]) -> bool:
    """Return whether colours and place agree, after what the camera's own motion did."""
    if np.minimum(patch.colours, other.colours).sum() < _COMMON_COLOURS:
        return False
    there = _carried(patch, views[patch.frame], views[other.frame])
    return bool(np.linalg.norm(there - other.centre) <= patch.radius + other.radius)


def _carried(patch: Patch, view: View, other: View) -> F64:
    """Return where a patch that stands still would be in another frame; NaN behind it."""
    ray = np.linalg.inv(view.intrinsics.K) @ np.append(patch.centre, 1.0)
    T = invert_rigid(other.T_map_cam) @ view.T_map_cam
    point = other.intrinsics.K @ (T[:3, :3] @ (patch.depth * ray) + T[:3, 3])
    return point[:2] / point[2] if point[2] > 0.0 else np.full(2, np.nan)
