# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Topics are guessed as somebody who knows the drivers would; names and encodings decide."""

from inspatio_ros.bags.choice import choose, Wish
from inspatio_ros.bags.reading import Bag
from inspatio_ros.contracts import Intrinsics
from make_bag import compressed, IMAGE, image, info, write_bag
import numpy as np
import pytest

RGB = image(np.zeros((4, 4, 3), np.uint8), 'rgb8')
GREY = image(np.zeros((4, 4), np.uint8), 'mono8')
MM = image(np.ones((4, 4), np.uint16), '16UC1')
METRES = image(np.ones((4, 4), np.float32), '32FC1')
CAMERA = info(Intrinsics(4, 4, 4.0, 4.0, 1.5, 1.5))
JPEG = compressed(b'', 'rgb8; jpeg compressed bgr8')
PACKED = compressed(b'', '16UC1; compressedDepth png')


def chosen(path, topics, wish=Wish()):
    events = []
    for k, (name, message) in enumerate(topics.items()):
        events += [(k, name, message.__msgtype__, message),
                   (k + 100, name, message.__msgtype__, message)]
    with Bag(write_bag(path / 'bag', events)) as bag:
        return choose(bag, wish).names()


REALSENSE = {
    '/camera/color/image_raw': RGB, '/camera/color/camera_info': CAMERA,
    '/camera/color/image_raw/compressed': JPEG,
    '/camera/depth/image_rect_raw': MM, '/camera/depth/camera_info': CAMERA,
    '/camera/aligned_depth_to_color/image_raw': MM,
    '/camera/aligned_depth_to_color/camera_info': CAMERA,
    '/camera/infra1/image_rect_raw': GREY, '/camera/infra2/image_rect_raw': GREY}
KINECT = {
    '/camera/rgb/image_rect_color/compressed': JPEG, '/camera/rgb/camera_info': CAMERA,
    '/camera/depth_registered/image_raw/compressedDepth': PACKED,
    '/camera/depth_registered/camera_info': CAMERA,
    '/camera/ir/image_raw': GREY}
GAZEBO = {  # colour of a depth camera, depth with no word for it
    '/depth_camera/image_raw': RGB, '/depth_camera/camera_info': CAMERA,
    '/depth_camera/range': METRES}
TWO = {
    '/front/color/image_raw': RGB, '/front/color/camera_info': CAMERA,
    '/front/depth/image_raw': MM, '/front/depth/camera_info': CAMERA, '/rear/color/image_raw': RGB,
    '/rear/aligned_depth/image_raw': MM, '/rear/color/camera_info': CAMERA}
STEREO = {
    '/stereo/left/image_raw': GREY, '/stereo/left/camera_info': CAMERA,
    '/stereo/right/image_raw': GREY, '/stereo/right/camera_info': CAMERA}
ZED = {
    '/zed/left/image_rect_color': RGB, '/zed/left/camera_info': CAMERA,
    '/zed/right/image_rect_color': RGB, '/zed/right/camera_info': CAMERA,
    '/zed/depth/depth_registered': METRES, '/zed/depth/camera_info': CAMERA,
    '/zed/confidence/confidence_map': METRES}


@pytest.mark.parametrize('topics, expected', [
    (REALSENSE, {'color': '/camera/color/image_raw', 'info': '/camera/color/camera_info',
                 'depth': '/camera/aligned_depth_to_color/image_raw',
                 'depth_info': '/camera/aligned_depth_to_color/camera_info'}),
    (KINECT, {'color': '/camera/rgb/image_rect_color/compressed',
              'info': '/camera/rgb/camera_info',
              'depth': '/camera/depth_registered/image_raw/compressedDepth',
              'depth_info': '/camera/depth_registered/camera_info'}),
    (GAZEBO, {'color': '/depth_camera/image_raw', 'info': '/depth_camera/camera_info',
              'depth': '/depth_camera/range', 'depth_info': '/depth_camera/camera_info'}),
    (TWO, {'color': '/front/color/image_raw', 'info': '/front/color/camera_info',
           'depth': '/front/depth/image_raw', 'depth_info': '/front/depth/camera_info'}),
    (STEREO, {'color': '/stereo/left/image_raw', 'info': '/stereo/left/camera_info',
              'right': '/stereo/right/image_raw', 'right_info': '/stereo/right/camera_info'}),
    (ZED, {'color': '/zed/left/image_rect_color', 'info': '/zed/left/camera_info',
           'depth': '/zed/depth/depth_registered', 'depth_info': '/zed/depth/camera_info'}),
], ids=['realsense', 'kinect', 'gazebo', 'two', 'stereo', 'zed'])
def test_topics_of_well_known_cameras(tmp_path, topics, expected):
    assert chosen(tmp_path, topics) == expected


def test_what_is_named_is_taken(tmp_path):
    wish = Wish(color='/rear/color/image_raw', depth='rear/aligned_depth/image_raw',
                depth_info='/front/depth/camera_info')
    assert chosen(tmp_path, TWO, wish) == {
        'color': '/rear/color/image_raw', 'info': '/rear/color/camera_info',
        'depth': '/rear/aligned_depth/image_raw', 'depth_info': '/front/depth/camera_info'}


def test_a_pair_is_taken_before_depth_if_it_is_named(tmp_path):
    names = chosen(tmp_path, ZED, Wish(right='/zed/right/image_rect_color'))
    assert names['right'] == '/zed/right/image_rect_color' and 'depth' not in names


def test_depth_and_a_pair_are_one_too_many(tmp_path):
    with pytest.raises(ValueError, match='--depth /zed/depth/depth_registered.* not both'):
        chosen(tmp_path, ZED, Wish(right='/zed/right/image_rect_color',
                                   depth='/zed/depth/depth_registered'))


def test_a_first_picture_that_is_damaged_is_judged_by_its_name(tmp_path):
    events = [(0, '/cam/color', IMAGE, bytes(20)), (1, '/cam/depth', IMAGE, bytes(20))]
    with Bag(write_bag(tmp_path / 'bag', events)) as bag:
        assert choose(bag, Wish()).names() == {'color': '/cam/color', 'depth': '/cam/depth'}
