# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The second pass over a bag: the pictures that become views, decoded, straight and registered.

Only these are ever held, so that memory follows the number of views, not the length of the bag.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from inspatio_ros.bags.reading import Bag, Raw, Window
from inspatio_ros.bags.scenes.calibration import Calibration, Straightener
from inspatio_ros.bags.scenes.images import Converter, depth_of, rgb_of
from inspatio_ros.bags.scenes.registration import register
from inspatio_ros.bags.scenes.shots import Shot
from inspatio_ros.bags.scenes.stereo import StereoRig
from inspatio_ros.contracts import F32, F64, Intrinsics, U8
from inspatio_ros.motion.transforms import inverse
from inspatio_ros.scene.parallel import Progress
from inspatio_ros.scene.scene import View


class Sensor(Protocol):
    """Makes a view of a colour picture and what belongs to it."""

    @property
    def intrinsics(self) -> Intrinsics:
        """Return the camera of the views."""
        ...

    def partner_of(self, message: Any, what: str) -> Any:
        """Decode what belongs to a colour picture."""
        ...

    def view(self, shot: Shot, rgb: U8, partner: Any, name: str) -> View:
        """Make the view."""
        ...


@dataclass
class DepthSensor:
    """
    A colour and a depth camera.

    :param color: of the colour pictures.
    :param depth: of the depth.
    """

    color: Calibration
    depth: Calibration

    def __post_init__(self) -> None:
        self._straight_color = Straightener(self.color) if self.color.model else None
        self._straight_depth = Straightener(self.depth) if self.depth.model else None

    @property
    def intrinsics(self) -> Intrinsics:
        """Return the camera of the views."""
        return self.color.intrinsics

    def partner_of(self, message: Any, what: str) -> F32:
        """Decode depth."""
        depth = depth_of(message, what)
        check_size(depth, self.depth.intrinsics, what)
        return depth

    def view(self, shot: Shot, rgb: U8, partner: F32, name: str) -> View:
        """Make the view: distortion taken out, depth on the pixels of colour."""
        if self._straight_color is not None:
            rgb = self._straight_color.rgb(rgb)
        if self._straight_depth is not None:
            partner = self._straight_depth.depth(partner)
        depth = register(partner, self.depth.intrinsics, self.color.intrinsics,
                         inverse(shot.T_fixed_cam) @ shot.T_fixed_partner)
        return View(rgb, depth, self.intrinsics, shot.T_fixed_cam, name)


@dataclass
class StereoSensor:
    """
    A pair of cameras.

    :param right: of the right pictures.
    :param convert: as for `rgb_of`.
    """

    rig: StereoRig
    right: Calibration
    convert: Converter | None = None

    @property
    def intrinsics(self) -> Intrinsics:
        """Return the camera of the views."""
        return self.rig.intrinsics

    def partner_of(self, message: Any, what: str) -> U8:
        """Decode the right picture."""
        rgb = rgb_of(message, what, self.convert)
        check_size(rgb, self.right.intrinsics, what)
        return rgb

    def view(self, shot: Shot, rgb: U8, partner: U8, name: str) -> View:
        """Make the view, in the rectified left camera."""
        matched = self.rig.match(rgb, partner)
        T: F64 = shot.T_fixed_cam @ self.rig.T_left_rect
        return View(matched.rgb, matched.depth, self.intrinsics, T, name, matched.confidence)


def check_size(pixels: Any, camera: Intrinsics, what: str) -> None:
    """
    Refuse a picture that is not of the size of its camera.

    :raises ValueError: naming both sizes.
    """
    height, width = pixels.shape[:2]
    if (width, height) != (camera.width, camera.height):
        raise ValueError(f'{what}: the picture is {width}x{height} pixels, its camera is '
                         f'{camera.width}x{camera.height}')


def read_views(bag: Bag, topics: tuple[str, str], window: Window, color: Calibration,
               sensor: Sensor, shots: Sequence[Shot], name_of: Callable[[Shot], str],
               convert: Converter | None, progress: Progress | None) -> list[View]:
    """
    Decode some pictures of a bag and make views of them.

    :param topics: of the colour pictures and of what belongs to them.
    :param window: as in the first pass: messages are known by their number.
    :param color: camera of the colour pictures.
    :param shots: which pictures.
    :param progress: called as progress(views done, views in all).
    :returns: the views, in the order of the shots.
    :raises ValueError: a damaged picture, or one of another size; names topic and message.
    """
    waiting = {shot.number: shot for shot in shots}
    users = {(topics[0], shot.number) for shot in shots}
    users |= {(topics[1], shot.partner) for shot in shots}
    held: dict[tuple[str, int], Any] = {}
    made: dict[int, View] = {}
    for raw in bag.messages(set(topics), window):
        key = raw.topic.name, raw.number
        if key not in users:
            continue
        what = f'{bag.path}: {raw.topic.name}: message {raw.number}'
        message = bag.decode(raw)
        if raw.topic.name == topics[0]:
            held[key] = rgb_of(message, what, convert)
            check_size(held[key], color.intrinsics, what)
        else:
            held[key] = sensor.partner_of(message, what)
        for shot in _complete(topics, raw, waiting, held):
            made[shot.number] = sensor.view(shot, held.pop((topics[0], shot.number)),
                                            held[topics[1], shot.partner], name_of(shot))
            del waiting[shot.number]
            if not any(it.partner == shot.partner for it in waiting.values()):
                del held[topics[1], shot.partner]
            if progress is not None:
                progress(len(made), len(shots))
        if not waiting:
            break
    return [made[shot.number] for shot in shots]


def _complete(topics: tuple[str, str], raw: Raw, waiting: dict[int, Shot],
              held: dict[tuple[str, int], Any]) -> list[Shot]:
    """Return the shots whose last part is this message."""
    return [shot for shot in waiting.values()
            if raw.number == (shot.number if raw.topic.name == topics[0] else shot.partner)
            and (topics[0], shot.number) in held and (topics[1], shot.partner) in held]
