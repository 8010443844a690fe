# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is said of what a camera sees: pictures, compressed pictures, a scan, points."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from inspatio_ros.contracts import F32, F64, Intrinsics, Outputs, SensorFrame, U8
from inspatio_ros.robot import compression
from inspatio_ros.robot.cloud import Clouds
from inspatio_ros.robot.messages import Messages, millimetres_of
from inspatio_ros.robot.outputs import COLOR, COLOR_JPEG, DEPTH, DEPTH_PNG, OBSERVED, POINTS, SCAN
from inspatio_ros.robot.parameters import WorldParameters
from inspatio_ros.robot.scan import Scanner
import numpy as np
import numpy.typing as npt

Make = Callable[[], Any]
_IMAGE, _COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'


@dataclass(frozen=True)
class FrameTopic:
    """
    A topic that is made of a frame.

    :param kind: its type.
    :param needs: what has to be rendered for it.
    """

    kind: str
    needs: Outputs


FRAME_TOPICS = {
    COLOR: FrameTopic(_IMAGE, Outputs.RGB),
    DEPTH: FrameTopic(_IMAGE, Outputs.DEPTH),
    OBSERVED: FrameTopic(_IMAGE, Outputs.OBSERVED),
    COLOR_JPEG: FrameTopic(_COMPRESSED, Outputs.RGB),
    DEPTH_PNG: FrameTopic(_COMPRESSED, Outputs.DEPTH),
    SCAN: FrameTopic('sensor_msgs/msg/LaserScan', Outputs.DEPTH),
    POINTS: FrameTopic('sensor_msgs/msg/PointCloud2', Outputs.RGB | Outputs.DEPTH),
}


def needed(topics: Collection[str]) -> Outputs:
    """Return what has to be rendered for these topics."""
    outputs = Outputs.NONE
    for topic in topics:
        outputs |= FRAME_TOPICS[topic].needs
    return outputs


def rate_of(topic: str, parameters: WorldParameters) -> float:
    """Return the rate that a topic keeps; 0 = every tick."""
    return {SCAN: parameters.scan.rate, POINTS: parameters.points.rate}.get(topic, 0.0)


class FrameMessages:
    """
    Makes the messages of frames. For one thread.

    :param messages: makes them.
    :param parameters: frame names; they are fixed for the life of a robot.
    """

    def __init__(self, messages: Messages, parameters: WorldParameters) -> None:
        self._messages = messages
        self._names = parameters
        self._scanner: Scanner | None = None  # of the newest camera, mount and parameters
        self._clouds: Clouds | None = None    # likewise

    def of(self, stamp: Any, frame: SensorFrame, T_base_cam: F64, parameters: WorldParameters,
           topics: Collection[str]) -> Iterator[tuple[str, Make]]:
        """
        Yield (topic, what makes the message), for one after the other, pictures first.

        :param frame: holds what the topics need; its depth is changed in place.
        :param T_base_cam: (4, 4) the camera's mount.
        """
        m, optical = self._messages, self._messages.header_of(stamp, self._names.optical_frame)
        if frame.rgb is not None:
            if COLOR in topics:
                yield COLOR, partial(m.image_of, frame.rgb, optical)
        if frame.observed is not None and OBSERVED in topics:
            yield OBSERVED, partial(m.image_of, frame.observed, optical)
        if frame.depth is not None:
            limit_depth(frame.depth, parameters)
            if SCAN in topics:
                yield SCAN, partial(self._scan, stamp, frame.intrinsics, frame.depth, T_base_cam,
                                    parameters)
            yield from self._of_depth(optical, frame, frame.depth, T_base_cam, parameters, topics)
        if frame.rgb is not None and COLOR_JPEG in topics:
            yield COLOR_JPEG, partial(self._jpeg, frame.rgb, optical, parameters)

    def _of_depth(self, optical: Any, frame: SensorFrame, depth: F32, T_base_cam: F64,
                  parameters: WorldParameters,
                  topics: Collection[str]) -> Iterator[tuple[str, Make]]:
        pixels = (encode_depth(depth, parameters) if DEPTH in topics or DEPTH_PNG in topics
                  else depth)
        if DEPTH in topics:
            yield DEPTH, partial(self._messages.image_of, pixels, optical)
        if POINTS in topics and frame.rgb is not None:
            yield POINTS, partial(self._points, optical, frame.intrinsics, depth, frame.rgb,
                                  T_base_cam, parameters)
        if DEPTH_PNG in topics:
            yield DEPTH_PNG, partial(self._png, pixels, optical, parameters)

    def _jpeg(self, rgb: U8, header: Any, parameters: WorldParameters) -> Any:
        return self._messages.compressed_of(compression.jpeg_of(rgb, parameters.compressed),
                                            compression.JPEG_FORMAT, header)

    def _png(self, pixels: npt.NDArray[Any], header: Any, parameters: WorldParameters) -> Any:
        return self._messages.compressed_of(
            compression.compressed_depth_of(pixels, parameters.compressed),
            compression.depth_format(pixels), header)

    def _scan(self, stamp: Any, intrinsics: Intrinsics, depth: F32, T_base_cam: F64,
              parameters: WorldParameters) -> Any:
        # Depth ends at max_range, so that nothing is known to be free beyond it.
        wanted = replace(parameters.scan, range_max=min(parameters.scan.range_max,
                                                        parameters.max_range))
        if self._scanner is None or self._scanner.made_for != (intrinsics, T_base_cam.tobytes(),
                                                               wanted):
            self._scanner = Scanner(intrinsics, T_base_cam, wanted)
        beams = self._scanner.beams
        return self._messages.scan_of(
            self._scanner.ranges(depth), (beams.first_rad, beams.last_rad, beams.step_rad),
            (wanted.range_min, wanted.range_max), 1.0 / (wanted.rate or parameters.rate),
            self._messages.header_of(stamp, self._names.scan.frame))

    def _points(self, header: Any, intrinsics: Intrinsics, depth: F32, rgb: U8, T_base_cam: F64,
                parameters: WorldParameters) -> Any:
        key = (intrinsics, T_base_cam.tobytes(), parameters.points)
        if self._clouds is None or self._clouds.made_for != key:
            self._clouds = Clouds(intrinsics, T_base_cam, parameters.points)
        return self._messages.cloud_of(self._clouds.points(depth, rgb), header)


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
