# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Image messages as JPEG: what is in them comes out, what is broken is named."""

import cv2
from inspatio_ros.cli.depth_picture import SteadyColours
from inspatio_ros.view.pictures import picture_of, pixels_of, WIDEST
import numpy as np
import pytest
from sensor_msgs.msg import Image

COLOURS = SteadyColours()


def image(pixels, encoding, pad=0):
    height, width = pixels.shape[:2]
    rows = np.ascontiguousarray(pixels).view(np.uint8).reshape(height, -1)
    rows = np.pad(rows, ((0, 0), (0, pad)), constant_values=77)
    message = Image(height=height, width=width, encoding=encoding, step=rows.shape[1],
                    is_bigendian=int(pixels.dtype.byteorder == '>'))
    message.data = rows.tobytes()
    return message


def decoded(picture):
    bgr = cv2.imdecode(np.frombuffer(picture.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert bgr.shape == (picture.height, picture.width, 3)
    return bgr[..., ::-1].astype(int)


@pytest.mark.parametrize('pad', [0, 5])
def test_colour_comes_out_whatever_the_order_and_the_rows(pad):
    rgb = np.zeros((24, 32, 3), np.uint8)
    rgb[:, :16], rgb[:, 16:] = (200, 40, 20), (20, 60, 180)
    for message in (image(rgb, 'rgb8', pad), image(rgb[..., ::-1], 'bgr8', pad)):
        pixels = pixels_of(message)
        assert (pixels == rgb).all()
        shown = decoded(picture_of('color', pixels, 1, COLOURS))
        assert abs(shown[:, :12] - rgb[:, :12]).max() < 12
        assert abs(shown[:, 20:] - rgb[:, 20:]).max() < 12


def test_depth_comes_out_in_metres():
    metres = np.array([[0.5, 2.0], [np.nan, np.inf]], np.float32)
    for order in '<>':
        got = pixels_of(image(metres.astype(f'{order}f4'), '32FC1'))
        np.testing.assert_array_equal(got, metres)
    millimetres = pixels_of(image(np.array([[500, 0]], np.uint16), '16UC1'))
    np.testing.assert_allclose(millimetres, [[0.5, np.nan]])


def test_depth_is_painted_and_says_its_range():
    depth = np.full((48, 64), 1.0, np.float32)
    depth[:, 32:] = 4.0
    picture = picture_of('depth', depth, 1, SteadyColours())
    red, blue = decoded(picture)[24, 8], decoded(picture)[24, 56]
    assert red[0] > red[2] and blue[2] > blue[0]
    assert picture.notes == {'near': 1.0, 'far': 4.0}


def test_the_range_of_depth_follows_slowly():
    colours = SteadyColours(share=0.1)
    near = np.full((8, 8), 1.0, np.float32)
    near[0] = 2.0
    assert colours(near)[1:] == (1.0, 2.0)
    first = colours(near * 3.0)
    assert first[1] == pytest.approx(1.2) and first[2] == pytest.approx(2.4)
    for _ in range(80):
        last = colours(near * 3.0)
    assert last[1:] == pytest.approx((3.0, 6.0), rel=1e-2)
    assert colours(np.full((8, 8), np.nan, np.float32))[1] < last[1], 'and survives no depth'


def test_what_is_observed_gets_three_colours():
    mask = np.repeat(np.array([0, 128, 255], np.uint8), 32)[None].repeat(32, 0)
    shown = decoded(picture_of('observed', mask, 1, COLOURS))
    filled, imagined, seen = shown[16, 16], shown[16, 48], shown[16, 80]
    assert filled.max() < 60 and imagined[0] > imagined[2] + 60 and seen[1] > seen[0] + 30


def test_a_wide_picture_is_made_smaller():
    widest = WIDEST['color']
    picture = picture_of('color', np.zeros((20, 3 * widest, 3), np.uint8), 1, COLOURS)
    assert (picture.width, picture.height) == (widest, 7)
    picture = picture_of('depth', np.ones((480, 640), np.float32), 1, COLOURS)
    assert (picture.width, picture.height) == (320, 240)


@pytest.mark.parametrize('change, words', [
    ({'encoding': 'yuv422'}, "encoding 'yuv422'"), ({'step': 10}, 'rows of 10'),
    ({'height': 4_000_000_000}, '4000000000'), ({'width': 0}, '0x24'), ({'height': 0}, '32x0'),
    ({'data': b'abc'}, '3 bytes in all')])
def test_a_broken_message_is_named(change, words):
    message = image(np.zeros((24, 32, 3), np.uint8), 'rgb8')
    for name, value in change.items():
        setattr(message, name, value)
    with pytest.raises(ValueError, match=words):
        pixels_of(message)


def test_pixels_of_another_kind_are_refused():
    with pytest.raises(ValueError, match='color holds an array of shape'):
        picture_of('color', np.zeros((4, 4), np.float32), 1, COLOURS)
    with pytest.raises(ValueError, match='depth holds an array of shape'):
        picture_of('depth', np.zeros((4, 4, 3), np.uint8), 1, COLOURS)
