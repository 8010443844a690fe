# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A CameraInfo describes raw or rectified pictures; what it cannot describe is refused."""

from inspatio_ros.bags.scenes.calibration import calibration_of, is_rectified, Straightener
from inspatio_ros.contracts import Intrinsics
from make_bag import info
import numpy as np
import pytest

CAMERA = Intrinsics(160, 120, 100.0, 101.0, 80.0, 59.0)
RAW, RECTIFIED = '/camera/image_raw', '/camera/image_rect_color'


def changed(message, **fields):
    for name, value in fields.items():
        part, _, inner = name.partition('__')
        if inner:
            setattr(getattr(message, part), inner, value)
        else:
            setattr(message, name, value)
    return message


def test_raw_pictures_have_k_and_d_rectified_ones_p():
    K = np.array([[90.0, 0, 70], [0, 91, 50], [0, 0, 1]])
    message = info(CAMERA, d=[-0.2, 0.1, 0, 0, 0], k=K)
    raw = calibration_of(message, RAW, 'it')
    assert raw.intrinsics == Intrinsics(160, 120, 90.0, 91.0, 70.0, 50.0)
    assert raw.model == 'plumb_bob' and raw.frame == 'camera_optical_frame'
    rectified = calibration_of(message, RECTIFIED, 'it')
    assert rectified.intrinsics == CAMERA and rectified.model == ''


@pytest.mark.parametrize('topic, rectified', [
    (RAW, False), (RECTIFIED, True), ('/camera/rgb/image_rect', True),
    ('/camera/depth/image_rect_raw', True), ('/camera/color/image_raw/compressed', False)])
def test_the_topic_says_whether_pictures_are_rectified(topic, rectified):
    assert is_rectified(topic) is rectified


def test_zeros_are_no_distortion_whatever_the_model():
    message = info(CAMERA, d=[0.0] * 12, model='thin_prism')
    assert calibration_of(message, RAW, 'it').model == ''


@pytest.mark.parametrize('message, words', [
    (info(CAMERA, k=np.zeros((3, 3))), 'not calibrated: its focal lengths are 0 and 0'),
    (info(CAMERA, k=np.full((3, 3), np.nan)), 'not calibrated'),
    (info(CAMERA, d=[0.1] * 12, model='thin_prism'), "'thin_prism' with 12 numbers is not known"),
    (info(CAMERA, d=[0.1] * 3), "'plumb_bob' with 3 numbers is not known"),
    (changed(info(CAMERA), binning_x=2), 'binning 2x0'),
    (changed(info(CAMERA), roi__x_offset=16), 'a region from 16, 0 on'),
    (changed(info(CAMERA), width=0), 'width must be a whole number >= 1'),
])
def test_cameras_that_cannot_be_used(message, words):
    with pytest.raises(ValueError, match=words):
        calibration_of(message, RAW, 'it')


@pytest.mark.parametrize('model, D', [
    ('plumb_bob', [-0.2, 0.05, 0.001, -0.002, 0.0]),
    ('rational_polynomial', [-0.2, 0.05, 0.001, -0.002, 0.01, 0.1, -0.02, 0.01]),
    ('equidistant', [-0.05, 0.01, 0.002, -0.001])])
def test_a_straight_line_bends_and_is_straight_again(model, D):
    import cv2
    calibration = calibration_of(info(CAMERA, d=D, model=model), RAW, 'it')
    straightener = Straightener(calibration)
    v, u = np.mgrid[0:120, 0:160].astype(np.float64)
    bent = np.stack((u, v), -1).reshape(-1, 1, 2)
    undistort = cv2.fisheye.undistortPoints if model == 'equidistant' else cv2.undistortPoints
    straight = undistort(bent, CAMERA.K, np.array(D), None, CAMERA.K).reshape(120, 160, 2)
    # Each pixel says where it would be without distortion: straight, that is a plain ramp.
    ramp = straight[..., 0].astype(np.float32)
    found = straightener.depth(ramp)
    inner = np.s_[20:-20, 30:-30]
    assert np.abs(ramp - u)[inner].max() > 1.0
    assert np.abs(found - u)[inner].max() < 0.8  # the nearest pixel
