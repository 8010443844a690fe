# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What Nav2 and image_transport subscribe to: scan, points, compressed pictures, over DDS."""

import io
import math
import struct
import time

from inspatio_ros.robot.messages import stamp_ns_of
import numpy as np
from painted_world import CAMERA, SPAWN
from PIL import Image
import pytest
from rig import COLOR, DEPTH, DEPTH_INFO, JPEG, OBSERVED, pixels_of, PNG, POINTS, SCAN

ALL = (COLOR, DEPTH, OBSERVED, SCAN, POINTS, JPEG, PNG)


@pytest.fixture(scope='module')
def rig(make_rig):
    rig = make_rig(mount__pitch=0.0)
    rig.listen('tf_static', 'odom', DEPTH_INFO, *ALL)
    return rig


def at(rig, topic, stamp_ns):
    """Return the message of a topic with a stamp."""
    return rig.wait(lambda: next((m for m in reversed(rig.got[topic][-100:])
                                  if stamp_ns_of(m.header.stamp) == stamp_ns), None), what=topic)


def test_all_of_a_tick_has_one_stamp(rig):
    stamp_ns = stamp_ns_of(rig.fresh(SCAN).header.stamp)
    for topic in (*ALL, 'odom', DEPTH_INFO):
        assert stamp_ns_of(at(rig, topic, stamp_ns).header.stamp) == stamp_ns


def test_scan_is_of_the_wall_ahead(rig):
    scan = rig.fresh(SCAN)
    assert scan.header.frame_id == 'base_scan'
    assert (scan.range_min, scan.range_max) == (pytest.approx(0.05), 10.0)
    assert scan.scan_time == pytest.approx(1.0 / 24.0) and scan.time_increment == 0.0
    ranges = np.array(scan.ranges)
    angles = scan.angle_min + np.arange(len(ranges)) * scan.angle_increment
    assert angles[-1] == pytest.approx(scan.angle_max, abs=1e-5)
    half = math.atan(31.5 / 50.0)
    assert (scan.angle_min, scan.angle_max) == (pytest.approx(-half), pytest.approx(half, abs=.02))
    np.testing.assert_allclose(ranges * np.cos(angles), 4.0, atol=0.05)


def test_the_frame_of_the_scan_is_in_static_tf(rig):
    found = {t.child_frame_id: t for t in rig.got['tf_static'][-1].transforms}
    transform = found['base_scan']
    assert transform.header.frame_id == 'base_footprint'
    move, turn = transform.transform.translation, transform.transform.rotation
    assert (move.x, move.y, move.z) == (0.0, 0.0, pytest.approx(0.375))
    assert (turn.x, turn.y) == (0.0, 0.0)


def test_the_frame_follows_mount_and_band(rig):
    count = len(rig.got['tf_static'])
    assert rig.set_parameter('scan.max_height', 1.1).successful
    rig.wait(lambda: len(rig.got['tf_static']) > count)
    found = {t.child_frame_id: t for t in rig.got['tf_static'][-1].transforms}
    assert found['base_scan'].transform.translation.z == pytest.approx(0.625)
    assert rig.set_parameter('scan.max_height', 0.6).successful


def test_points_are_those_of_the_depth_image(rig):
    assert rig.set_parameter('points.stride', 1).successful
    cloud = rig.fresh(POINTS)
    stamp_ns = stamp_ns_of(cloud.header.stamp)
    depth, rgb = pixels_of(at(rig, DEPTH, stamp_ns)), pixels_of(at(rig, COLOR, stamp_ns))
    assert cloud.header.frame_id == 'camera_optical_frame'
    assert [(f.name, f.offset, f.datatype, f.count) for f in cloud.fields] == [
        ('x', 0, 7, 1), ('y', 4, 7, 1), ('z', 8, 7, 1), ('rgb', 12, 7, 1)]
    known = np.isfinite(depth)
    assert (cloud.height, cloud.width, cloud.is_dense) == (1, known.sum(), True)
    assert cloud.row_step == len(cloud.data) == cloud.width * cloud.point_step
    points = np.frombuffer(cloud.data, np.float32).reshape(-1, 4)
    v, u = np.nonzero(known)
    expected = depth[known, None] * np.stack(
        [(u - CAMERA.cx) / CAMERA.fx, (v - CAMERA.cy) / CAMERA.fy, np.ones(len(u))], axis=-1)
    np.testing.assert_allclose(points[:, :3], expected, rtol=1e-5, atol=1e-5)
    bits = np.frombuffer(cloud.data, np.uint32).reshape(-1, 4)[:, 3]
    np.testing.assert_array_equal(bits, (rgb[known].astype(np.uint32) << (16, 8, 0)).sum(axis=1))
    assert rig.set_parameter('points.stride', 4).successful


def test_points_are_cropped_by_height(rig):
    before = rig.fresh(POINTS).width
    assert rig.set_parameter('points.max_height', SPAWN.camera_height).successful
    assert 0.3 * before < rig.fresh(POINTS).width < 0.7 * before
    assert rig.set_parameter('points.min_height', 0.49).successful
    rig.fresh(POINTS)
    assert rig.set_parameter('points.max_range', 0.1).successful
    empty = rig.fresh(POINTS)
    assert (empty.width, len(empty.data)) == (0, 0)
    for name, value in (('min_height', -math.inf), ('max_height', math.inf),
                        ('max_range', math.inf)):
        assert rig.set_parameter(f'points.{name}', value).successful


def test_compressed_colour_is_a_jpeg_of_the_image(rig):
    message = rig.fresh(JPEG)
    assert message.format == 'rgb8; jpeg compressed bgr8'
    assert message.header.frame_id == 'camera_optical_frame'
    picture = Image.open(io.BytesIO(bytes(message.data)))
    assert picture.format == 'JPEG'
    raw = pixels_of(at(rig, COLOR, stamp_ns_of(message.header.stamp))).astype(int)
    assert np.abs(np.array(picture) - raw)[8:].max() < 8


def png_of(message):
    data = bytes(message.data)
    header = struct.unpack('<iff', data[:12])
    return header, np.array(Image.open(io.BytesIO(data[12:]))).astype(np.uint16)


def test_compressed_depth_is_inverse_depth(rig):
    message = rig.fresh(PNG)
    assert message.format == '32FC1; compressedDepth png'
    (kind, a, b), coded = png_of(message)
    assert kind == 0
    raw = pixels_of(at(rig, DEPTH, stamp_ns_of(message.header.stamp)))
    known = raw < 10.0
    np.testing.assert_array_equal(coded > 0, known & (raw > 0.0))
    np.testing.assert_allclose(a / (coded[1:-1] - b), raw[1:-1], rtol=0.005)


def test_16uc1_is_in_millimetres_everywhere(rig):
    scan = np.array(rig.fresh(SCAN).ranges)
    assert rig.set_parameter('depth_encoding', '16UC1').successful
    message = rig.fresh(PNG)
    raw = at(rig, DEPTH, stamp_ns_of(message.header.stamp))
    assert (message.format, raw.encoding) == ('16UC1; compressedDepth png', '16UC1')
    header, coded = png_of(message)
    assert header == (0, 0.0, 0.0)
    np.testing.assert_array_equal(coded, pixels_of(raw))
    assert coded[1, 1] == 4000 and coded[-1, 0] == coded[-1, 1] == 0
    np.testing.assert_array_equal(rig.fresh(SCAN).ranges, scan)  # from the same depth in metres
    assert rig.set_parameter('depth_encoding', '32FC1').successful


def test_what_the_depth_image_calls_too_far_the_scan_does_too(rig):
    assert rig.set_parameter('max_range', 3.0).successful
    assert np.isposinf(rig.fresh(SCAN).ranges).mean() > 0.9
    assert rig.set_parameter('max_range', math.inf).successful


def test_rates_of_their_own(rig):
    assert rig.set_parameter('scan.rate', 8.0).successful
    assert rig.set_parameter('points.rate', 4.0).successful
    rig.fresh(POINTS)
    begin = {topic: len(rig.got[topic]) for topic in (SCAN, POINTS, DEPTH)}
    time.sleep(2.0)
    for topic, period_s in ((SCAN, 0.125), (POINTS, 0.25), (DEPTH, 1.0 / 24.0)):
        stamps_ns = [stamp_ns_of(it.header.stamp) for it in rig.got[topic][begin[topic]:]]
        # By their stamps and in the middle: a busy machine takes ticks out here and there.
        assert np.median(np.diff(stamps_ns)) * 1e-9 == pytest.approx(period_s, abs=0.025), topic
    assert rig.got[SCAN][-1].scan_time == pytest.approx(0.125)
    at(rig, DEPTH, stamp_ns_of(rig.got[SCAN][-1].header.stamp))
    assert rig.set_parameter('scan.rate', 100.0).successful
    rig.fresh(SCAN, rig.now_ns())
    assert rig.got[SCAN][-1].scan_time == pytest.approx(1.0 / 24.0), 'no more than there are ticks'
    for name in ('scan.rate', 'points.rate'):
        assert rig.set_parameter(name, 0.0).successful


@pytest.mark.parametrize('name, value, words', [
    ('scan.rate', -1.0, 'Min'), ('scan.min_height', 0.7, 'less than scan.max_height 0.6'),
    ('scan.min_height', math.nan, 'out of range'), ('scan.angle_increment', 0.0, 'at least 0.001'),
    ('scan.angle_min', 4.0, 'at most'), ('scan.range_max', math.inf, 'out of range'),
    ('scan.range_min', 20.0, 'less than scan.range_max'), ('scan.frame', 'laser', 'read-only'),
    ('points.stride', 0, 'Min'), ('points.stride', 2.0, 'type'),
    ('points.min_range', 1001.0, 'Max'), ('compressed.jpeg_quality', 101, 'Max'),
    ('compressed.png_level', 10, 'Max'), ('compressed.depth_max', 0.0, 'Min')])
def test_bad_parameters_are_refused(rig, name, value, words):
    before = rig.node.get_parameter(name).value
    answer = rig.set_parameter(name, value)
    assert not answer.successful and words in answer.reason
    assert str(rig.node.get_parameter(name).value) == str(before)


def test_a_start_with_values_that_contradict_each_other_is_refused(make_rig):
    with pytest.raises(ValueError, match='scan.angle_min 1 must be less than scan.angle_max -1'):
        make_rig(scan__angle_min=1.0, scan__angle_max=-1.0)
    with pytest.raises(ValueError, match="scan.frame 'odom' must be another frame"):
        make_rig(scan__frame='odom')
