# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Small recordings of a drive, to be compared with others that differ in one thing."""

import io

from inspatio_ros.contracts import Intrinsics
from inspatio_ros.motion.transforms import pose_rpy
from make_bag import (COLOR, COMPRESSED, compressed, DEPTH, IMAGE, image, INFO, info, NS, odometry,
                      TF, tf, transform, write_bag)
import numpy as np
from PIL import Image

COUNT = 12
BEGIN_NS = 1_700_000_000 * NS
STEP_NS = NS // 10
CAMERA = Intrinsics(64, 48, 50.0, 50.0, 31.5, 23.5)
JPEG, CAMERA_INFO, ODOM = f'{COLOR}/compressed', '/camera/color/camera_info', '/odom'
TOPICS = {COLOR, JPEG, CAMERA_INFO, DEPTH, ODOM, '/tf', '/tf_static'}


def colour(index):
    """Return (48, 64, 3) uint8, smooth, moving."""
    v, u = np.mgrid[0:48, 0:64]
    return np.stack([128 + 90 * np.sin(0.1 * (u + 2 * index) + 0.07 * v + k) for k in range(3)],
                    axis=-1).astype(np.uint8)


def depth(index):
    """Return (48, 64) float32 with unknown pixels on the left and far ones on the right."""
    v, u = np.mgrid[0:48, 0:64]
    metres = (2.0 + 0.01 * v + 0.02 * index + 0.01 * u).astype(np.float32)
    metres[:, :8], metres[:, 60:] = np.nan, np.inf
    return metres


def place(index):
    return pose_rpy(0.1 * index, 0.02 * index, 0.0, yaw=0.05 * index)


def jpeg(rgb, quality=90):
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, 'JPEG', quality=quality)
    return buffer.getvalue()


class Drive:
    """What a recording holds; a test overrides what it wants to be different."""

    def stamp_ns(self, index):
        return BEGIN_NS + index * STEP_NS

    def log_ns(self, index):
        return self.stamp_ns(index)

    def colour(self, index):
        return colour(index)

    def jpeg(self, index):
        return jpeg(self.colour(index))

    def depth(self, index):
        return depth(index)

    def place(self, index):
        return place(index)

    def odom(self, index):
        return odometry(self.place(index), self.stamp_ns(index))

    def tf(self, index):
        return tf(transform(self.place(index), 'odom', 'base_link', self.stamp_ns(index)),
                  transform(np.eye(4), 'map', 'odom', self.stamp_ns(index)))

    def events(self):
        """Return (log_ns, topic, type, message) in the order of the recording."""
        events = [(self.log_ns(0), '/tf_static', TF, tf(transform(
            np.eye(4), 'base_link', 'camera_link', self.stamp_ns(0))))]
        for index in range(COUNT):
            stamp, log = self.stamp_ns(index), self.log_ns(index)
            events += [(log, '/tf', TF, self.tf(index)),
                       (log, ODOM, 'nav_msgs/msg/Odometry', self.odom(index)),
                       (log, CAMERA_INFO, INFO, info(CAMERA, stamp)),
                       (log, COLOR, IMAGE, image(self.colour(index), 'rgb8', stamp)),
                       (log, JPEG, COMPRESSED, compressed(self.jpeg(index), 'jpeg', stamp)),
                       (log, DEPTH, IMAGE, image(self.depth(index), '32FC1', stamp))]
        return events

    def write(self, path, storage='mcap'):
        return write_bag(path, self.events(), storage)
