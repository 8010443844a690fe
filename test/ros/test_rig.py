# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Several cameras on one robot, each with topics, frames, size and rate of its own."""

from inspatio_ros.contracts import Outputs
from inspatio_ros.robot.messages import stamp_ns_of
import numpy as np
import pytest
from rig import camera_position, COLOR, pixels_of, SCAN

CAMERAS = ['front', 'rear', 'wide']


@pytest.fixture(scope='module')
def rig(make_rig):
    rig = make_rig(cameras=CAMERAS, rate=20.0, front__image__width=80, front__image__height=60,
                   rear__mount__x=-0.3, rear__mount__yaw=3.0, rear__rate=5.0, mount__x=0.2,
                   wide__image__hfov=2.0, wide__mount__z=0.8)
    rig.listen('tf_static', 'tf', 'odom')
    return rig


def test_all_mounts_are_told_in_one_message(rig):
    found = {(t.header.frame_id, t.child_frame_id): t.transform.translation
             for t in rig.got['tf_static'][-1].transforms}
    assert set(found) == {('base_footprint', 'base_scan')} | {
        pair for name in CAMERAS for pair in (('base_footprint', f'{name}_link'),
                                              (f'{name}_link', f'{name}_optical_frame'))}
    assert found['base_footprint', 'rear_link'].x == -0.3
    assert found['base_footprint', 'wide_link'].z == 0.8
    assert found['base_footprint', 'base_scan'].x == 0.2, 'under the first camera'


def test_nothing_is_rendered_for_a_camera_that_nobody_looks_through(rig):
    before = len(rig.world.asked)
    rig.fresh('odom')
    assert len(rig.world.asked) == before
    rig.listen('wide/depth/image_raw')
    # Once a second diagnostics want to know how much was never seen.
    assert {it & ~Outputs.OBSERVED for it in rig.world.asked[before:]} == {Outputs.DEPTH}
    start = stamp_ns_of(rig.got['wide/depth/image_raw'][0].header.stamp)
    rig.fresh('wide/depth/image_raw', start + 500_000_000)
    assert len(rig.world.asked) - before <= len(rig.got['wide/depth/image_raw']) + 3


def test_each_camera_has_its_own_place_size_and_stamp_of_the_tick(rig):
    topics = [f'{name}/{kind}' for name in CAMERAS
              for kind in ('depth/image_raw', 'depth/camera_info')]
    rig.listen(*topics, SCAN)
    images = {name: rig.fresh(f'{name}/depth/image_raw') for name in CAMERAS}
    for name, x, z in (('front', 1.2, 0.5), ('rear', 0.7, 0.5), ('wide', 1.2, 0.8)):
        np.testing.assert_allclose(camera_position(images[name]), (x, 2.0, z), atol=1e-6)
        assert images[name].header.frame_id == f'{name}_optical_frame'
        info = next(m for m in rig.got[f'{name}/depth/camera_info']
                    if m.header.stamp == images[name].header.stamp)
        assert (info.width, info.height) == (images[name].width, images[name].height)
    assert (images['front'].width, images['wide'].width) == (80, 64)
    rear = {stamp_ns_of(m.header.stamp) for m in rig.got['rear/depth/image_raw'][-5:]}
    front = {stamp_ns_of(m.header.stamp) for m in rig.got['front/depth/image_raw']}
    assert rear <= front, 'the tick has one stamp'


def test_a_camera_keeps_its_own_rate(rig):
    rig.listen('rear/depth/image_raw', 'rear/color/camera_info', 'front/depth/image_raw')

    def stamps(topic):
        return sorted({stamp_ns_of(m.header.stamp) for m in rig.got[topic]})

    rig.wait(lambda: len(stamps('rear/depth/image_raw')) > 8)
    steps = np.diff(stamps('rear/depth/image_raw')[-6:])
    assert np.median(steps) == pytest.approx(0.2e9, rel=0.15)
    assert len(stamps('front/depth/image_raw')) > 2 * len(stamps('rear/depth/image_raw'))
    infos = stamps('rear/color/camera_info')[1:-1]
    assert infos and set(infos) <= set(stamps('rear/depth/image_raw'))


def test_tables_change_while_running_and_refuse_what_is_bad(rig):
    assert rig.set_parameter('rear.mount.x', -0.5).successful
    rig.wait(lambda: camera_position(rig.fresh('rear/depth/image_raw'))[0] == pytest.approx(0.5))
    assert rig.got['tf_static'][-1].transforms[2].transform.translation.x == -0.5
    refused = rig.set_parameter('rear.mount.x', 1000.0)
    assert not refused.successful and '100' in refused.reason
    assert rig.set_parameter('wide.image.width', 32).successful
    rig.wait(lambda: rig.fresh('wide/depth/image_raw').width == 32)
    assert not rig.set_parameter('cameras', ['front']).successful


def test_a_scan_all_around_is_rendered_for_the_scan_alone(make_rig):
    rig = make_rig(scan__full_circle=True, scan__angle_increment=0.1, scan__rate=5.0, rate=20.0)
    rig.listen(COLOR)
    assert rig.world.asked[-1] & ~Outputs.OBSERVED == Outputs.RGB
    rig.listen(SCAN)
    scan = rig.fresh(SCAN)
    assert len(scan.ranges) == 63
    assert (scan.angle_min, scan.angle_max) == pytest.approx((-np.pi, -np.pi + 6.2), abs=1e-5)
    # The painted world is flat: 4 m deep in every picture.
    middle = np.array(scan.ranges)[[10, 31, 52]]
    np.testing.assert_allclose(middle, 4.0, rtol=0.05)
    stamps = {stamp_ns_of(m.header.stamp) for m in rig.got[COLOR]}
    assert stamp_ns_of(scan.header.stamp) in stamps
    assert pixels_of(rig.fresh(COLOR)).shape == (48, 64, 3)
    assert rig.set_parameter('scan.full_circle', False).successful
    rig.wait(lambda: len(rig.fresh(SCAN).ranges) != 63)


@pytest.mark.parametrize('names, words', [(['front', 'front'], 'twice'), (['2'], 'no ROS name')])
def test_bad_names_stop_the_node_with_a_reason(make_rig, names, words):
    with pytest.raises(ValueError, match=words):
        make_rig(cameras=names)
