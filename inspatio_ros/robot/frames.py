# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is said of what a camera sees: pictures, compressed pictures, a scan, points."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from inspatio_ros.contracts import F32, Outputs, SensorFrame, U8
from inspatio_ros.robot import compression
from inspatio_ros.robot.cloud import Clouds
from inspatio_ros.robot.messages import Messages, millimetres_of, stamp_ns_of
from inspatio_ros.robot.outputs import SCAN, topics_of
from inspatio_ros.robot.pace import Pace
from inspatio_ros.robot.parameters import cameras_of, Scan, WorldParameters
from inspatio_ros.robot.rig import RING, Sight, Sights
from inspatio_ros.robot.ring import Ring
from inspatio_ros.robot.scan import Beams, scan_within, Scanner
from inspatio_ros.robot.scan_noise import as_published
import numpy as np
import numpy.typing as npt

Make = Callable[[], Any]
INFO = 'sensor_msgs/msg/CameraInfo'
_IMAGE, _COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'


@dataclass(frozen=True)
class FrameTopic:
    """
    A topic that is made of a frame, or sent along with one.

    :param kind: its type.
    :param needs: what has to be rendered for it.
    :param camera: of which camera.
    """

    kind: str
    needs: Outputs
    camera: str


def frame_topics(cameras: Sequence[str]) -> dict[str, FrameTopic]:
    """Return the topics of cameras of these names; the scan is that of the first."""
    found = {SCAN: FrameTopic('sensor_msgs/msg/LaserScan', Outputs.DEPTH, cameras[0])}
    for camera in cameras:
        t = topics_of(camera)
        for topic, kind, needs in (
                (t.color_info, INFO, Outputs.NONE), (t.depth_info, INFO, Outputs.NONE),
                (t.color, _IMAGE, Outputs.RGB), (t.depth, _IMAGE, Outputs.DEPTH),
                (t.observed, _IMAGE, Outputs.OBSERVED), (t.color_jpeg, _COMPRESSED, Outputs.RGB),
                (t.depth_png, _COMPRESSED, Outputs.DEPTH),
                (t.points, 'sensor_msgs/msg/PointCloud2', Outputs.RGB | Outputs.DEPTH)):
            found[topic] = FrameTopic(kind, needs, camera)
    return found


class FrameTopics:
    """
    The topics of a robot's cameras, and at which ticks they are due.

    All of one camera go by one pace, so that they have the same stamps; points and scan may be
    slower.

    :param cameras: their names.
    """

    def __init__(self, cameras: Sequence[str]) -> None:
        self.all = frame_topics(cameras)
        self._paces = {name: Pace() for name in cameras}
        self._slower = {SCAN: Pace(), **{topics_of(name).points: Pace() for name in cameras}}

    def due(self, stamp_ns: int, parameters: WorldParameters,
            heard: Callable[[str], bool]) -> frozenset[str]:
        """
        Return the topics that somebody waits for at this tick.

        :param heard: returns whether anybody wants a topic at all.
        """
        p = parameters
        now = {name for name, it in cameras_of(p).items()
               if self._paces[name].due(stamp_ns, it.rate, p.rate)}
        return frozenset(
            topic for topic, it in self.all.items()
            if (topic == SCAN or it.camera in now)
            and (topic != SCAN or p.scan.publish)
            and (topic not in self._slower
                 or self._slower[topic].due(stamp_ns, _rate_of(topic, p), p.rate))
            and heard(topic))

    def take(self, stamp_ns: int, parameters: WorldParameters, topics: Collection[str]) -> None:
        """Note that a tick was taken, and these topics of it."""
        p = parameters
        for name, it in cameras_of(p).items():
            if self._paces[name].due(stamp_ns, it.rate, p.rate):
                self._paces[name].take(stamp_ns, it.rate)
        for topic in self._slower.keys() & topics:
            self._slower[topic].take(stamp_ns, _rate_of(topic, p))

    def needed(self, topics: Collection[str], parameters: WorldParameters) -> dict[str, Outputs]:
        """Return what has to be rendered for these topics, by camera."""
        wanted: dict[str, Outputs] = {}
        for topic, it in self.all.items():
            if topic in topics and it.needs:
                of_ring = topic == SCAN and parameters.scan.full_circle
                camera = RING if of_ring else it.camera
                wanted[camera] = wanted.get(camera, Outputs.NONE) | it.needs
        return wanted


def _rate_of(topic: str, parameters: WorldParameters) -> float:
    return parameters.scan.rate if topic == SCAN else parameters.points.rate


class FrameMessages:
    """
    Makes the messages of frames. For one thread.

    :param messages: makes them.
    :param parameters: frame names; they are fixed for the life of a robot.
    """

    def __init__(self, messages: Messages, parameters: WorldParameters) -> None:
        self._messages = messages
        self._names = parameters
        self._optical = {name: it.optical_frame for name, it in cameras_of(parameters).items()}
        self._scanner: Scanner | None = None    # of the newest camera, mount and parameters
        self._clouds: dict[str, Clouds] = {}    # likewise, of each camera

    def of(self, stamp: Any, sights: Sights, parameters: WorldParameters,
           topics: Collection[str]) -> Iterator[tuple[str, Make]]:
        """
        Yield (topic, what makes the message), for one after the other, pictures first.

        :param sights: hold what the topics need; their depth is changed in place.
        """
        for camera, sight in sights.cameras.items():
            yield from self._of_camera(stamp, camera, sight, parameters, topics)
        if sights.ring is not None and SCAN in topics:
            ring, frames = sights.ring
            yield SCAN, partial(self._ring_scan, stamp, ring, frames, parameters)

    def _of_camera(self, stamp: Any, camera: str, sight: Sight, parameters: WorldParameters,
                   topics: Collection[str]) -> Iterator[tuple[str, Make]]:
        m, t, frame = self._messages, topics_of(camera), sight.frame
        optical = m.header_of(stamp, self._optical[camera])
        if frame.rgb is not None and t.color in topics:
            yield t.color, partial(m.image_of, frame.rgb, optical)
        if frame.observed is not None and t.observed in topics:
            yield t.observed, partial(m.image_of, frame.observed, optical)
        if frame.depth is not None:
            limit_depth(frame.depth, parameters)
            if SCAN in topics and not parameters.scan.full_circle and (
                    camera == self._names.cameras[0]):
                yield SCAN, partial(self._scan, stamp, sight, frame.depth, parameters)
            yield from self._of_depth(optical, camera, sight, frame.depth, parameters, topics)
        if frame.rgb is not None and t.color_jpeg in topics:
            yield t.color_jpeg, partial(self._jpeg, frame.rgb, optical, parameters)

    def _of_depth(self, optical: Any, camera: str, sight: Sight, depth: F32,
                  parameters: WorldParameters,
                  topics: Collection[str]) -> Iterator[tuple[str, Make]]:
        t = topics_of(camera)
        pixels = (encode_depth(depth, parameters) if t.depth in topics or t.depth_png in topics
                  else depth)
        if t.depth in topics:
            yield t.depth, partial(self._messages.image_of, pixels, optical)
        if t.points in topics and sight.frame.rgb is not None:
            yield t.points, partial(self._points, optical, camera, sight, depth, sight.frame.rgb,
                                    parameters)
        if t.depth_png in topics:
            yield t.depth_png, partial(self._png, pixels, optical, parameters)

    def _jpeg(self, rgb: U8, header: Any, parameters: WorldParameters) -> Any:
        return self._messages.compressed_of(compression.jpeg_of(rgb, parameters.compressed),
                                            compression.JPEG_FORMAT, header)

    def _png(self, pixels: npt.NDArray[Any], header: Any, parameters: WorldParameters) -> Any:
        return self._messages.compressed_of(
            compression.compressed_depth_of(pixels, parameters.compressed),
            compression.depth_format(pixels), header)

    def _scan(self, stamp: Any, sight: Sight, depth: F32, parameters: WorldParameters) -> Any:
        wanted = scan_within(parameters)
        key = (sight.frame.intrinsics, sight.T_base_cam.tobytes(), wanted)
        if self._scanner is None or self._scanner.made_for != key:
            self._scanner = Scanner(sight.frame.intrinsics, sight.T_base_cam, wanted)
        return self._scan_message(stamp, self._scanner.beams, self._scanner.ranges(depth), wanted,
                                  parameters)

    def _ring_scan(self, stamp: Any, ring: Ring, frames: Sequence[SensorFrame],
                   parameters: WorldParameters) -> Any:
        depths = [limit_depth(it.depth, parameters) for it in frames if it.depth is not None]
        return self._scan_message(stamp, ring.beams, ring.ranges(depths), ring.scan, parameters)

    def _scan_message(self, stamp: Any, beams: Beams, ranges: F32, scan: Scan,
                      parameters: WorldParameters) -> Any:
        header = self._messages.header_of(stamp, self._names.scan.frame)
        # Scans are made of frames: there are never more of them.
        rate_hz = min(scan.rate or parameters.rate, parameters.rate)
        return self._messages.scan_of(
            as_published(ranges, scan, stamp_ns_of(stamp), header.frame_id),
            (beams.first_rad, beams.last_rad, beams.step_rad),
            (scan.range_min, scan.range_max), 1.0 / rate_hz, header)

    def _points(self, header: Any, camera: str, sight: Sight, depth: F32, rgb: U8,
                parameters: WorldParameters) -> Any:
        key = (sight.frame.intrinsics, sight.T_base_cam.tobytes(), parameters.points)
        if camera not in self._clouds or self._clouds[camera].made_for != key:
            self._clouds[camera] = Clouds(sight.frame.intrinsics, sight.T_base_cam,
                                          parameters.points)
        return self._messages.cloud_of(self._clouds[camera].points(depth, rgb), header)


def limit_depth(depth_HW: F32, parameters: WorldParameters) -> F32:
    """
    Apply the range limits (REP-117).

    :param depth_HW: (H, W) float32, metres; changed in place and returned.
    """
    if np.isfinite(parameters.max_range):
        depth_HW[depth_HW > parameters.max_range] = np.inf
    if parameters.min_range > 0.0:
        depth_HW[depth_HW < parameters.min_range] = -np.inf
    return depth_HW


def encode_depth(depth_HW: F32, parameters: WorldParameters) -> npt.NDArray[Any]:
    """Return (H, W) float32 metres, as they are, or uint16 millimetres, as parameters say."""
    return millimetres_of(depth_HW) if parameters.depth_encoding == '16UC1' else depth_HW
