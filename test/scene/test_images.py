# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures are read strictly."""

import struct
import zlib

from inspatio_ros.scene.images import (check_memory, jpeg_bytes, png_bytes, read_rgb,
                                       read_rgba_bytes, read_uint16)
import numpy as np
from PIL import Image
import pytest

RGB = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)


def bomb(width, height):
    """Build a PNG that says it is huge, with nothing inside."""
    def chunk(kind, data):
        body = kind + data
        return struct.pack('>I', len(data)) + body + struct.pack('>I', zlib.crc32(body))

    header = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header)
            + chunk(b'IDAT', zlib.compress(bytes(100))) + chunk(b'IEND', b''))


def test_png_is_lossless(tmp_path):
    path = tmp_path / 'a.png'
    path.write_bytes(png_bytes(RGB))
    assert np.array_equal(read_rgb(path, 'rgb', (40, 30)), RGB)
    units = np.arange(1200, dtype=np.uint16).reshape(30, 40) * 50
    path.write_bytes(png_bytes(units))
    back = read_uint16(path, 'depth')
    assert back.dtype == np.uint16 and np.array_equal(back, units)


def test_grey_and_transparent_pictures_become_colour(tmp_path):
    path = tmp_path / 'a.png'
    Image.fromarray(RGB[..., 0]).save(path)
    assert np.array_equal(read_rgb(path, 'rgb')[..., 2], RGB[..., 0])
    Image.fromarray(np.dstack((RGB, RGB[..., :1]))).save(path)
    assert np.array_equal(read_rgb(path, 'rgb'), RGB)


def test_deep_grey_is_no_colour(tmp_path):
    path = tmp_path / 'a.png'
    path.write_bytes(png_bytes(np.ones((4, 4), np.uint16)))
    with pytest.raises(ValueError, match='a.png: rgb is a 16-bit grey picture'):
        read_rgb(path, 'rgb')


@pytest.mark.parametrize('encode', [png_bytes, lambda rgb: jpeg_bytes(rgb, 90)],
                         ids=['png', 'jpeg'])
@pytest.mark.parametrize('share', [0.0, 0.02, 0.5, 0.97])
def test_truncated_pictures_are_refused(tmp_path, encode, share):
    data = encode(RGB)
    path = tmp_path / 'cut'
    path.write_bytes(data[:int(share * len(data))])
    with pytest.raises(ValueError, match='cut: rgb: '):
        read_rgb(path, 'rgb')


def test_damaged_png_is_refused(tmp_path):
    data = bytearray(png_bytes(RGB))
    data[len(data) // 2] ^= 0x55
    path = tmp_path / 'bad.png'
    path.write_bytes(data)
    with pytest.raises(ValueError, match='bad.png: rgb: cannot be read'):
        read_rgb(path, 'rgb')


@pytest.mark.parametrize('size', [(8001, 8000), (30000, 30000), (2 ** 31 - 1, 2 ** 31 - 1)])
@pytest.mark.filterwarnings('ignore::PIL.Image.DecompressionBombWarning')
def test_huge_pictures_are_refused_before_they_are_decoded(tmp_path, size):
    path = tmp_path / 'bomb.png'
    path.write_bytes(bomb(*size))
    with pytest.raises(ValueError, match='bomb.png: rgb'):
        read_rgb(path, 'rgb')


def test_wrong_size_names_both(tmp_path):
    path = tmp_path / 'a.png'
    path.write_bytes(png_bytes(RGB))
    with pytest.raises(ValueError, match='a.png: rgb is 40x30 pixels, camera.json is 41x30'):
        read_rgb(path, 'rgb', (41, 30), 'camera.json')


def test_other_files_are_no_pictures(tmp_path):
    path = tmp_path / 'a.png'
    path.write_text('hello')
    with pytest.raises(ValueError, match='is neither PNG nor JPEG'):
        read_rgb(path, 'rgb')
    with pytest.raises(ValueError, match='there is no such file'):
        read_rgb(tmp_path, 'rgb')
    path.write_bytes(png_bytes(RGB))
    with pytest.raises(ValueError, match='mode RGB, expected RGBA'):
        read_rgba_bytes(path, 'depth')


def test_jpeg_quality_has_a_range():
    with pytest.raises(ValueError, match='between 1 and 100, got 0'):
        jpeg_bytes(RGB, 0)


def test_more_than_the_machine_has_is_refused():
    with pytest.raises(ValueError, match='clip: its pictures take .* GiB in memory'):
        check_memory(10 ** 13, 'clip')
