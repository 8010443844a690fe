# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Numpy to messages and back, to the last bit."""

import importlib.util
import math
import time

from geometry_msgs.msg import Pose
from inspatio_ros.motion.transforms import pose_rpy
from inspatio_ros.robot import distro
from inspatio_ros.robot.messages import millimetres_of, stamp_ns_of
from inspatio_ros.robot.sources import judged_pose
from inspatio_ros.ros.messages import messages
import numpy as np
import pytest
from rclpy.serialization import deserialize_message, serialize_message
from rig import pixels_of
from sensor_msgs.msg import Image

HEADER = messages.header_of(messages.time_of(1_700_000_000_123_456_789), 'camera_optical_frame')
RNG = np.random.default_rng(1)
PIXELS = {
    'rgb8': RNG.integers(0, 256, (48, 64, 3), np.uint8),
    'mono8': RNG.integers(0, 256, (48, 64), np.uint8),
    '16UC1': RNG.integers(0, 65536, (48, 64)).astype(np.uint16),
    '32FC1': np.where(RNG.random((48, 64)) < 0.1, np.nan, RNG.random((48, 64))).astype(np.float32),
}
PIXELS['32FC1'][0, 0] = np.inf


@pytest.mark.parametrize('stamp_ns', [0, 1, 999_999_999, 1_000_000_000, 1_700_000_000_123_456_789])
def test_stamps_keep_every_nanosecond(stamp_ns):
    assert stamp_ns_of(messages.time_of(stamp_ns)) == stamp_ns


@pytest.mark.parametrize('encoding', PIXELS)
def test_images_survive_the_wire(encoding):
    image = messages.image_of(PIXELS[encoding], HEADER)
    again = deserialize_message(serialize_message(image), Image)
    assert (again.encoding, again.header) == (encoding, HEADER)
    np.testing.assert_array_equal(pixels_of(again), PIXELS[encoding])


def test_an_image_with_gaps_between_rows_is_packed():
    wide = PIXELS['rgb8'][:, ::2]
    np.testing.assert_array_equal(pixels_of(messages.image_of(wide, HEADER)), wide)


@pytest.mark.parametrize('pixels', [np.zeros((4, 4)), np.zeros((4, 4, 2), np.uint8),
                                    np.zeros((4, 4, 3), np.float32)])
def test_an_unknown_kind_of_image_is_refused(pixels):
    with pytest.raises(ValueError, match='no image encoding'):
        messages.image_of(pixels, HEADER)


def test_filling_an_image_is_quick():
    pixels = np.zeros((480, 832, 3), np.uint8)
    begin = time.perf_counter()
    for _ in range(10):
        messages.image_of(pixels, HEADER)
    # 0.2 ms a piece; a list would take 35 ms, numpy itself 137 ms.
    assert time.perf_counter() - begin < 0.2


def test_millimetres_are_zero_where_depth_is_not_known():
    depth = np.array([[1.0, 0.0004, 65.535, 65.6, np.nan, np.inf, -np.inf, -1.0, 1.2346]],
                     np.float32)
    assert millimetres_of(depth).tolist() == [[1000, 0, 65535, 0, 0, 0, 0, 0, 1235]]


def test_poses_go_there_and_back():
    T = pose_rpy(1.0, -2.0, 3.0, 0.1, -0.2, 2.5)
    verdict, _, back = judged_pose(messages.pose_message_of(T))
    assert verdict.used
    np.testing.assert_allclose(back, T, atol=1e-12)
    transform = messages.transform_of(T, HEADER, 'child').transform
    assert (transform.translation.x, transform.translation.y) == (1.0, -2.0)


@pytest.mark.parametrize('numbers, word', [({'w': 0.0}, 'norm'), ({'w': 3.0}, 'norm'),
                                           ({'x': math.nan}, 'finite')])
def test_a_quaternion_that_is_none_is_refused(numbers, word):
    pose = Pose()
    for name, value in numbers.items():
        setattr(pose.orientation, name, value)
    verdict, detail, T = judged_pose(pose)
    assert T is None and not verdict.used and word in f'{verdict.value} {detail}'


@pytest.mark.parametrize('encoding', PIXELS)
def test_cv_bridge_decodes_exactly(encoding):
    if not distro.is_sourced() or not importlib.util.find_spec('cv_bridge'):
        pytest.skip('cv_bridge comes with a ROS 2 distro; none is sourced')
    from cv_bridge import CvBridge
    image = messages.image_of(PIXELS[encoding], HEADER)
    np.testing.assert_array_equal(CvBridge().imgmsg_to_cv2(image, 'passthrough'),
                                  PIXELS[encoding])
