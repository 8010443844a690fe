# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where the robot is, from TF of any names, and what stands around it."""

from geometry_msgs.msg import TransformStamped
from inspatio_ros.contracts import Intrinsics
from inspatio_ros.motion.transforms import T_LINK_OPTICAL
from inspatio_ros.view.frames import Frames
from inspatio_ros.view.outline import outline_of
import numpy as np
import pytest
from tf2_msgs.msg import TFMessage


def transform(parent, child, x=0.0, y=0.0, z=0.0, yaw=0.0, stamp_ns=0, w=None):
    message = TransformStamped(child_frame_id=child)
    message.header.frame_id = parent
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, 10 ** 9)
    t, q = message.transform.translation, message.transform.rotation
    t.x, t.y, t.z = x, y, z
    q.z, q.w = np.sin(yaw / 2), np.cos(yaw / 2) if w is None else w
    return message


def take(frames, *transforms, fixed=False):
    return frames.take(TFMessage(transforms=list(transforms)), fixed)


def moving_robot():
    frames = Frames()
    take(frames, transform('body', 'mast', z=1.0), transform('mast', 'eye', x=0.2), fixed=True)
    take(frames, transform('world', 'wheels', y=2.0, stamp_ns=5),
         transform('wheels', 'body', x=1.0, yaw=np.pi / 2, stamp_ns=5))
    return frames


def test_the_base_is_the_last_frame_that_is_fixed_to_the_camera():
    place = moving_robot().place_of('eye')
    np.testing.assert_allclose(place.T_map_base[:3, 3], [1.0, 2.0, 0.0], atol=1e-9)
    np.testing.assert_allclose(place.T_map_cam[:3, 3], [1.0, 2.2, 1.0], atol=1e-9)
    assert place.stamp_ns == 5


def test_a_picture_finds_the_transform_of_its_stamp():
    frames = moving_robot()
    for i in range(10):
        take(frames, transform('wheels', 'body', x=float(i), stamp_ns=10 + i))
    assert frames.place_of('eye', 13).T_map_base[0, 3] == 3.0
    assert frames.place_of('eye', 999).T_map_base[0, 3] == 9.0, 'the newest, if there is none'


@pytest.mark.parametrize('camera', ['', 'nowhere', 'world'])
def test_what_nothing_carries_is_nowhere(camera):
    assert moving_robot().place_of(camera) is None


def test_fixed_frames_alone_are_no_robot():
    frames = Frames()
    take(frames, transform('map', 'eye'), fixed=True)
    assert frames.place_of('eye') is None


def test_a_loop_is_nowhere():
    frames = Frames()
    take(frames, transform('a', 'b'), transform('b', 'a'))
    assert frames.place_of('a') is None


@pytest.mark.parametrize('broken', [
    transform('wheels', 'body', x=np.nan), transform('wheels', 'body', w=np.inf),
    transform('wheels', 'body', w=0.0)])
def test_what_is_no_transform_is_dropped_and_counted(broken):
    frames = moving_robot()
    before = frames.place_of('eye')
    assert take(frames, broken) == 1
    np.testing.assert_array_equal(frames.place_of('eye').T_map_cam, before.T_map_cam)


CAMERA = Intrinsics(64, 48, 40.0, 40.0, 31.5, 23.5)


def camera_at(x, y, z):
    T = np.eye(4)
    T[:3, 3] = x, y, z
    return T @ T_LINK_OPTICAL


def test_a_wall_ahead_becomes_dots_on_a_line():
    dots = np.reshape(outline_of(np.full((48, 64), 3.0, np.float32), CAMERA,
                                 camera_at(1.0, 2.0, 0.5), 0.0), (-1, 2))
    assert len(dots) == 64
    np.testing.assert_allclose(dots[:, 0], 4.0, atol=0.01)
    np.testing.assert_allclose([dots[0, 1], dots[-1, 1]],
                               [2.0 + 3 * 31.5 / 40, 2.0 - 3 * 31.5 / 40], atol=0.01)


def test_floor_ceiling_and_nothing_are_no_dots():
    v = (np.arange(48, dtype=np.float32) - 23.5) / 40.0
    floor = np.where(v > 0, 0.5 / np.maximum(v, 1e-6), np.inf)
    ceiling = np.where(v < 0, 2.0 / np.maximum(-v, 1e-6), np.nan)
    for rows in (floor, ceiling, np.full(48, np.nan), np.full(48, np.inf)):
        depth = rows.astype(np.float32)[:, None].repeat(64, 1)
        assert outline_of(depth, CAMERA, camera_at(0.0, 0.0, 0.5), 0.0) == []


def test_the_nearest_thing_in_each_direction_counts():
    depth = np.full((48, 64), 5.0, np.float32)
    depth[20:28] = 2.0
    dots = np.reshape(outline_of(depth, CAMERA, camera_at(0.0, 0.0, 0.5), 0.0), (-1, 2))
    np.testing.assert_allclose(dots[:, 0], 2.0, atol=0.01)
