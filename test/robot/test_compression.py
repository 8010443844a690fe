# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Compressed pictures, read as the subscribers of image_transport read them."""

import io
import struct

from inspatio_ros.robot.compression import compressed_depth_of, depth_format, jpeg_of
from inspatio_ros.robot.parameters import Compressed
import numpy as np
from PIL import Image
import pytest

METRES = np.array([[0.5, 1.0, 2.0, 5.0], [9.9, 10.5, np.nan, np.inf],
                   [-np.inf, 0.0, 0.05, 3.25]], np.float32)


def read(data):
    """Return (enum, A, B) of the header and the PNG's pixels."""
    header = struct.unpack('<iff', data[:12].tobytes())
    return header, np.array(Image.open(io.BytesIO(data[12:].tobytes()))).astype(np.uint16)


def metres_of(data):
    """Return depth as compressed_depth_image_transport's decoder computes it."""
    (_, a, b), coded = read(data)
    result = np.full(coded.shape, np.nan)
    for at, value in np.ndenumerate(coded):
        if value:
            result[at] = a / (float(value) - b)
    return result


def test_jpeg_keeps_colour_and_its_order():
    rgb = np.zeros((32, 48, 3), np.uint8)
    rgb[:, :24], rgb[:, 24:] = (200, 30, 10), (10, 60, 220)
    picture = Image.open(io.BytesIO(jpeg_of(rgb, Compressed()).tobytes()))
    assert picture.format == 'JPEG'
    error = np.abs(np.array(picture.convert('RGB')).astype(int) - rgb)
    assert error[:, :20].max() < 12 and error[:, 28:].max() < 12


def test_jpeg_quality_changes_the_size():
    rgb = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    sizes = [len(jpeg_of(rgb, Compressed(jpeg_quality=q))) for q in (10, 50, 95)]
    assert sizes[0] < sizes[1] < sizes[2]


def test_metres_become_inverse_depth_with_its_parameters():
    data = compressed_depth_of(METRES, Compressed())
    header, coded = read(data)
    assert header == (0, 10100.0, -1009.0)  # q (q + 1) and 1 - A / depth_max
    known = np.isfinite(METRES) & (METRES > 0.0) & (METRES < 10.0)
    np.testing.assert_array_equal(coded != 0, known)
    far = known & (METRES >= 0.2)
    np.testing.assert_allclose(metres_of(data)[far], METRES[far], rtol=0.005)
    assert metres_of(data)[2, 2] == pytest.approx(0.152, abs=0.001), 'as near as 16 bits can say'
    assert depth_format(METRES) == '32FC1; compressedDepth png'


def test_range_and_quantisation_are_parameters():
    settings = Compressed(depth_max=40.0, depth_quantization=300.0)
    header, _ = read(compressed_depth_of(METRES, settings))
    assert header == (0, 90300.0, 1.0 - 90300.0 / 40.0)
    deep = np.array([[11.0, 39.0], [41.0, 2.0]], np.float32)
    decoded = metres_of(compressed_depth_of(deep, settings))
    np.testing.assert_allclose(decoded, [[11.0, 39.0], [np.nan, 2.0]], rtol=0.01)


def test_millimetres_survive_as_they_are():
    depth = np.random.default_rng(1).integers(0, 65536, (20, 30), dtype=np.uint16)
    header, coded = read(compressed_depth_of(depth, Compressed(png_level=9)))
    assert header == (0, 0.0, 0.0)
    np.testing.assert_array_equal(coded, depth)
    assert depth_format(depth) == '16UC1; compressedDepth png'
