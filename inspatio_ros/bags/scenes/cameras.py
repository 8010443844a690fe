# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which camera took the pictures of a topic: what its CameraInfo said, or what somebody says."""

from __future__ import annotations

from dataclasses import replace

from inspatio_ros.bags.choice import INFO, info_name
from inspatio_ros.bags.reading import Bag, Topic
from inspatio_ros.bags.scenes.calibration import Calibration
from inspatio_ros.bags.survey import Survey
from inspatio_ros.bags.tf import frame_name
from inspatio_ros.contracts import Intrinsics
import numpy as np


def camera_of(bag: Bag, seen: Survey, pictures: Topic, info: Topic | None,
              given: Intrinsics | None = None) -> Calibration:
    """
    Return the camera of a picture topic.

    :param info: topic of its CameraInfo, None if there is none.
    :param given: without distortion, for pictures that no CameraInfo describes.
    :raises ValueError: nobody describes it, which lists what there is; or both do.
    """
    if info is not None and info.name in seen.cameras:
        if given is not None:
            raise ValueError(f'--intrinsics: {info.name} describes the camera of {pictures.name} '
                             'already; --info names another description')
        camera = seen.cameras[info.name]
        return camera if camera.frame else replace(camera, frame=frame_of(bag, pictures))
    if given is not None:
        return Calibration(frame_of(bag, pictures), given, '', np.zeros(0), np.eye(3),
                           np.zeros((3, 4)))
    infos = [topic.name for topic in bag.topics.values() if topic.msgtype == INFO]
    raise ValueError(f'{bag.path}: nothing describes the camera of {pictures.name}: looked for '
                     f'{info.name if info else info_name(pictures.name)}, the bag has '
                     f'{", ".join(infos) or "none"}; name one with --info or --depth-info, or '
                     'describe it with --intrinsics')


def frame_of(bag: Bag, pictures: Topic) -> str:
    """Return the frame that the first picture of a topic is in."""
    return frame_name(str(bag.decode(bag.first(pictures.name)).header.frame_id))
