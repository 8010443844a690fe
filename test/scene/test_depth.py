# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Depth goes to a file and back without losing a bit."""

from inspatio_ros.scene.depth import (depth_bytes, DEPTH_SCALES, metres_from_sensor,
                                      metres_from_units, read_depth, units_from_metres)
from inspatio_ros.scene.images import png_bytes
import numpy as np
import pytest


def through_file(tmp_path, depth):
    suffix, data, scale = depth_bytes(depth)
    path = tmp_path / f'depth{suffix}'
    path.write_bytes(data)
    back = read_depth(path, 'depth', (depth.shape[1], depth.shape[0]), scale)
    return suffix, back


def same_bits(a, b):
    return a.dtype == b.dtype == np.float32 and a.tobytes() == b.tobytes()


@pytest.mark.parametrize('scale', DEPTH_SCALES)
def test_every_unit_of_every_scale_survives_as_png(tmp_path, scale):
    units = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    depth = metres_from_units(units, scale)
    assert np.isnan(depth.flat[0]) and depth.flat[-1] == np.inf
    suffix, back = through_file(tmp_path, depth)
    assert suffix == '.png' and same_bits(back, depth)


def test_millimetres_of_a_sensor_survive_as_png(tmp_path):
    units = np.arange(65535, dtype=np.uint16).reshape(255, 257)
    depth = metres_from_sensor(units, 1.0 / 1000.0)
    suffix, back = through_file(tmp_path, depth)
    assert suffix == '.png' and same_bits(back, depth)


def test_largest_number_of_a_sensor_is_a_distance(tmp_path):
    depth = metres_from_sensor(np.full((4, 4), 65535, np.uint16), 1e-3)
    assert depth[0, 0] == np.float32(65.535)
    suffix, back = through_file(tmp_path, depth)
    assert same_bits(back, depth)


@pytest.mark.parametrize('depth', [
    np.random.default_rng(3).uniform(0.1, 80.0, (37, 53)).astype(np.float32),
    np.array([[np.nextafter(np.float32(1.5), np.float32(2)), np.nan, np.inf]], np.float32),
    np.array([[1e-30, 1e30, 3.4e38, 1e-45]], np.float32),
], ids=['random', 'one ulp off', 'extremes'])
def test_what_no_scale_gives_back_is_stored_as_floats(tmp_path, depth):
    suffix, back = through_file(tmp_path, depth)
    assert suffix == '.npy' and same_bits(back, depth)


def test_one_pixel_that_would_change_rules_a_scale_out():
    depth = np.full((8, 8), 1.25, np.float32)
    assert units_from_metres(depth, 1e-3) is not None
    depth[3, 3] = 1.2504
    assert units_from_metres(depth, 1e-3) is None
    depth[3, 3] = 1e-5   # would round to 0, which means unknown
    assert units_from_metres(depth, 1e-3) is None


def test_all_unknown_and_all_out_of_range(tmp_path):
    for fill in (np.nan, np.inf):
        depth = np.full((6, 5), fill, np.float32)
        suffix, back = through_file(tmp_path, depth)
        assert suffix == '.png' and np.array_equal(back, depth, equal_nan=True)


def test_bad_float_files_name_themselves(tmp_path):
    good = np.ones((4, 6), np.float32)
    path = tmp_path / 'd.npy'
    with pytest.raises(ValueError, match=r'd.npy: views\[0\].depth: there is no such file'):
        read_depth(path, 'views[0].depth', (6, 4), None)
    for bad, message in (
            (good.astype(np.float64), 'holds float64 of shape'),
            (good[0], r'holds float32 of shape \(6,\)'),
            (good[:, :5], 'depth is 5x4 pixels, intrinsics is 6x4')):
        np.save(path, bad)
        with pytest.raises(ValueError, match=message):
            read_depth(path, 'depth', (6, 4), None)
    np.save(path, np.array([[{'a': 1}]]), allow_pickle=True)
    with pytest.raises(ValueError, match='d.npy: depth: cannot be read'):
        read_depth(path, 'depth', (1, 1), None)


@pytest.mark.parametrize('keep', [0, 4, 60, -1])
def test_truncated_float_file_is_refused(tmp_path, keep):
    path = tmp_path / 'd.npy'
    np.save(path, np.ones((40, 60), np.float32))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match='d.npy: depth: cannot be read'):
        read_depth(path, 'depth', (60, 40), None)


def test_eight_bit_depth_picture_is_refused(tmp_path):
    path = tmp_path / 'd.png'
    path.write_bytes(png_bytes(np.ones((4, 6, 3), np.uint8)))
    with pytest.raises(ValueError, match='mode RGB, expected a 16-bit grey PNG'):
        read_depth(path, 'depth', (6, 4), 1e-3)
