# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Every encoding comes out as the picture that went in; damage is an error."""

import struct

from inspatio_ros.bags.scenes.images import depth_of, rgb_of
from make_bag import compressed, encoded, image, with_header
import numpy as np
import pytest

RGB = np.random.default_rng(5).integers(0, 256, (6, 8, 3), np.uint8)
GREY = RGB[..., 0]
MM = np.random.default_rng(6).integers(0, 9000, (6, 8)).astype(np.uint16)
METRES = np.where(MM == 0, np.nan, MM * 1e-3).astype(np.float32)


def alpha(pixels):
    return np.dstack([pixels, np.full(pixels.shape[:2], 9, np.uint8)])


def deep(pixels):
    return pixels.astype(np.uint16) * 257


@pytest.mark.parametrize('pixels, encoding', [
    (RGB, 'rgb8'), (RGB[..., ::-1], 'bgr8'), (alpha(RGB), 'rgba8'),
    (alpha(RGB[..., ::-1]), 'bgra8'), (deep(RGB), 'rgb16'), (deep(RGB[..., ::-1]), 'bgr16')])
@pytest.mark.parametrize('padding', [0, 6])
def test_colour_is_kept_bit_for_bit(pixels, encoding, padding):
    assert np.array_equal(rgb_of(image(pixels, encoding, padding=padding), 'it'), RGB)


@pytest.mark.parametrize('pixels, encoding', [(GREY, 'mono8'), (GREY, '8UC1'),
                                              (deep(GREY), 'mono16')])
def test_grey_becomes_three_equal_channels(pixels, encoding):
    assert np.array_equal(rgb_of(image(pixels, encoding), 'it'), np.dstack([GREY] * 3))


def test_numbers_of_the_other_byte_order_are_turned():
    message = image(deep(RGB).byteswap(), 'rgb16')
    message.is_bigendian = 1
    assert np.array_equal(rgb_of(message, 'it'), RGB)
    message = image(MM.byteswap(), '16UC1')
    message.is_bigendian = 1
    assert np.array_equal(depth_of(message, 'it'), METRES, equal_nan=True)


@pytest.mark.parametrize('order', ['rggb', 'bggr', 'gbrg', 'grbg'])
@pytest.mark.parametrize('bits', [8, 16])
def test_bayer_pictures_of_one_colour_have_that_colour(order, bits):
    colour = {'r': 200, 'g': 90, 'b': 30}
    mosaic = np.zeros((8, 8), np.uint8)
    for place, letter in zip(((0, 0), (0, 1), (1, 0), (1, 1)), order):
        mosaic[place[0]::2, place[1]::2] = colour[letter]
    pixels = mosaic if bits == 8 else deep(mosaic)
    picture = rgb_of(image(pixels, f'bayer_{order}{bits}'), 'it')
    assert np.array_equal(picture, np.broadcast_to(np.uint8([200, 90, 30]), (8, 8, 3)))


@pytest.mark.parametrize('encoding, layout', [
    ('yuv422', 'uyvy'), ('uyvy', 'uyvy'), ('yuv422_yuy2', 'yuyv'), ('yuyv', 'yuyv')])
def test_yuv_pictures_are_converted_in_their_order(encoding, layout):
    # BT.601 in studio range, as cameras send it.
    r, g, b = 180.0, 80.0, 40.0
    y = 16 + (65.738 * r + 129.057 * g + 25.064 * b) / 256
    u = 128 + (-37.945 * r - 74.494 * g + 112.439 * b) / 256
    v = 128 + (112.439 * r - 94.154 * g - 18.285 * b) / 256
    values = {'uyvy': (u, y, v, y), 'yuyv': (y, u, y, v)}[layout]
    pixels = np.tile(np.rint(values).astype(np.uint8).reshape(2, 2), (4, 4, 1))
    picture = rgb_of(image(pixels, encoding), 'it')
    assert picture.shape == (4, 8, 3)
    assert np.abs(picture.astype(int) - (r, g, b)).max() <= 2


@pytest.mark.parametrize('kind, options, tolerance', [
    ('png', {}, 0), ('jpeg', {'quality': 100, 'subsampling': 0}, 6)])
def test_compressed_colour(kind, options, tolerance):
    smooth = np.add.outer(np.arange(40), 3 * np.arange(60))[..., None] + np.array([0, 20, 40])
    rgb = smooth.clip(0, 255).astype(np.uint8)
    picture = rgb_of(compressed(encoded(rgb, kind, **options), f'rgb8; {kind} compressed bgr8'),
                     'it')
    assert np.abs(picture.astype(int) - rgb).max() <= tolerance


def test_compressed_grey_becomes_colour():
    picture = rgb_of(compressed(encoded(GREY, 'png'), 'mono8; png compressed '), 'it')
    assert np.array_equal(picture, np.dstack([GREY] * 3))


@pytest.mark.parametrize('padding', [0, 4])
@pytest.mark.parametrize('encoding', ['16UC1', 'mono16'])
def test_millimetres_become_metres_and_zero_unknown(encoding, padding):
    message = image(MM, encoding, padding=padding)
    assert np.array_equal(depth_of(message, 'it'), METRES, equal_nan=True)


def test_metres_follow_rep_117():
    pixels = np.array([[1.5, np.nan, np.inf], [-np.inf, 0.0, -1.0]], np.float32)
    expected = np.array([[1.5, np.nan, np.inf], [np.nan, np.nan, np.nan]], np.float32)
    assert np.array_equal(depth_of(image(pixels, '32FC1'), 'it'), expected, equal_nan=True)


def rvl_bytes(depth):
    """Encode by the paper, a nibble at a time: the twin of the decoder."""
    nibbles = []

    def put(value):
        while True:
            low, value = value & 7, value >> 3
            nibbles.append(low | (8 if value else 0))
            if not value:
                return

    flat, at, before = depth.ravel().astype(int), 0, 0
    while at < len(flat):
        for is_known in (False, True):
            end = at
            while end < len(flat) and (flat[end] != 0) == is_known:
                end += 1
            put(end - at)
            if is_known:
                for value in flat[at:end]:
                    step, before = value - before, value
                    put(2 * step if step >= 0 else -2 * step - 1)
            at = end
    nibbles += [0] * (-len(nibbles) % 8)
    words = [sum(n << 28 - 4 * k for k, n in enumerate(nibbles[i:i + 8]))
             for i in range(0, len(nibbles), 8)]
    return struct.pack('<ii', depth.shape[1], depth.shape[0]) + struct.pack(f'<{len(words)}I',
                                                                            *words)


@pytest.mark.parametrize('kind, payload', [
    ('16UC1; compressedDepth png', encoded(MM, 'png')),
    ('16UC1; compressedDepth', encoded(MM, 'png')),
    ('16UC1; compressedDepth rvl', rvl_bytes(MM))])
def test_compressed_depth_is_kept_bit_for_bit(kind, payload):
    depth = depth_of(compressed(with_header(payload), kind), 'it')
    assert np.array_equal(depth, METRES, equal_nan=True)


@pytest.mark.parametrize('depth', [
    np.zeros((3, 5), np.uint16), np.full((3, 5), 65535, np.uint16),
    np.tile(np.uint16([0, 1, 65535, 0, 7]), (3, 1))])
def test_rvl_at_its_extremes(depth):
    message = compressed(with_header(rvl_bytes(depth)), '16UC1; compressedDepth rvl')
    expected = np.where(depth == 0, np.nan, depth * 1e-3).astype(np.float32)
    assert np.array_equal(depth_of(message, 'it'), expected, equal_nan=True)


def test_compressed_float_depth_is_inverse():
    """The transport codes 32FC1 as A / z + B, A = q (q + 1), B = 1 - A / z_max."""
    A, B = 100.0 * 101.0, 1.0 - 100.0 * 101.0 / 10.0
    metres = np.linspace(0.5, 9.5, 48, dtype=np.float32).reshape(6, 8)
    coded = (A / metres + B).astype(np.uint16)
    coded[0, 0] = 0
    depth = depth_of(compressed(with_header(encoded(coded, 'png'), A, B),
                                '32FC1; compressedDepth png'), 'it')
    assert np.isnan(depth[0, 0])
    # One step of the code at this depth.
    assert np.all(np.abs(depth - metres).ravel()[1:] <= (metres ** 2 / A).ravel()[1:] * 1.1)


def short(message, step=None, data=None):
    message.step = message.step if step is None else step
    message.data = message.data if data is None else message.data[:data]
    return message


@pytest.mark.parametrize('decode, message, words', [
    (rgb_of, short(image(RGB, 'rgb8'), step=23), 'step is 23 bytes, a row of 8 .* has 24'),
    (rgb_of, short(image(RGB, 'rgb8'), data=143), 'holds 143 bytes.* needs 144.*truncated'),
    (depth_of, short(image(MM, '16UC1'), data=95), 'holds 95 bytes.* needs 96.*truncated'),
    (rgb_of, image(MM, '16UC1'), "'16UC1' is no colour that is read; read are rgb8, bgr8"),
    (depth_of, image(RGB, 'rgb8'), "'rgb8' is no depth that is read; read are 32FC1"),
    (rgb_of, image(RGB[:, :0], 'rgb8'), 'has 0x6 pixels'),
    (rgb_of, compressed(encoded(RGB, 'png')[:-60], 'png'), 'compressed picture is damaged'),
    (rgb_of, compressed(encoded(RGB.repeat(20, 0).repeat(20, 1), 'jpeg')[:-600], 'jpeg'),
     'compressed picture is damaged'),
    (rgb_of, compressed(encoded(MM, 'png'), 'mono16; png compressed '), '16 bits of grey'),
    (rgb_of, compressed(b'nothing', 'jpeg'), '7 bytes are neither PNG nor JPEG'),
    (rgb_of, compressed(b'', '16UC1; compressedDepth png'), 'is depth .* expected colour'),
    (depth_of, compressed(encoded(RGB, 'png'), 'rgb8; png compressed bgr8'), 'is no depth'),
    (depth_of, compressed(b'123', '16UC1; compressedDepth png'), 'holds 3 bytes.* truncated'),
    (depth_of, compressed(with_header(rvl_bytes(MM)[:-20]), '16UC1; compressedDepth rvl'),
     'rvl data end before its 8x6 pixels'),
    (depth_of, compressed(with_header(b'12'), '16UC1; compressedDepth rvl'), 'has 0x0 pixels'),
])
def test_bad_pictures_name_what_is_wrong(decode, message, words):
    with pytest.raises(ValueError, match=f'^it: .*{words}'):
        decode(message, 'it')


@pytest.mark.distro
@pytest.mark.parametrize('pixels, encoding', [
    (RGB, 'rgb8'), (RGB[..., ::-1], 'bgr8'), (GREY, 'mono8'), (GREY, 'bayer_rggb8'),
    (RGB[..., :2], 'yuv422'), (RGB[..., :2], 'yuv422_yuy2')])
def test_cv_bridge_decodes_the_same(pixels, encoding):
    from inspatio_ros.cli.prepare_bag import cv_bridge_converter
    convert = cv_bridge_converter()
    assert convert is not None
    message = image(np.ascontiguousarray(pixels), encoding, padding=2)
    assert np.array_equal(rgb_of(message, 'it', convert), rgb_of(message, 'it'))
