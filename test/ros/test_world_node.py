# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The driven node from outside: topics, frames, stamps, motion, teleports, reset, diagnostics."""

import math
import sys
import threading
import time

from inspatio_ros.contracts import Outputs
from inspatio_ros.robot.health import Health
from inspatio_ros.robot.messages import stamp_ns_of
from inspatio_ros.robot.rig import MountedCamera
from inspatio_ros.ros.messages import messages
from inspatio_ros.ros.publishers import MotionPublishers
import numpy as np
from painted_world import CAMERA, SPAWN
import pytest
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.qos import DurabilityPolicy, HistoryPolicy, ReliabilityPolicy
from rig import camera_position, COLOR, COLOR_INFO, DEPTH, DEPTH_INFO, OBSERVED, pixels_of

IMAGES = (COLOR, DEPTH, OBSERVED, COLOR_INFO, DEPTH_INFO)


@pytest.fixture(scope='module')
def rig(make_rig):
    rig = make_rig()
    # TF first: of what is ready, the executor serves the older subscription first.
    rig.listen('tf', 'tf_static', *IMAGES, 'odom', 'diagnostics')
    return rig


@pytest.fixture
def home(rig):
    """Return the rig with the robot at its start, at rest."""
    assert rig.reset().success
    return rig


def test_images_have_the_promised_form(rig):
    shape = (CAMERA.height, CAMERA.width)
    for topic, encoding, pixel_bytes in ((COLOR, 'rgb8', 3), (DEPTH, '32FC1', 4),
                                         (OBSERVED, 'mono8', 1)):
        image = rig.got[topic][-1]
        assert (image.height, image.width) == shape
        assert image.encoding == encoding
        assert image.step == CAMERA.width * pixel_bytes
        assert len(image.data) == image.step * image.height
        assert not image.is_bigendian
        assert image.header.frame_id == 'camera_optical_frame'
    assert set(np.unique(pixels_of(rig.got[OBSERVED][-1]))) == {0, 255}
    depth = pixels_of(rig.got[DEPTH][-1])
    assert math.isnan(depth[-1, 0]) and math.isinf(depth[-1, 1])


def test_camera_info_is_that_of_the_camera(rig):
    for topic in (COLOR_INFO, DEPTH_INFO):
        info = rig.got[topic][-1]
        assert (info.width, info.height) == (CAMERA.width, CAMERA.height)
        assert info.distortion_model == 'plumb_bob'
        assert list(info.d) == [0.0] * 5
        np.testing.assert_array_equal(np.reshape(info.k, (3, 3)), CAMERA.K)
        np.testing.assert_array_equal(np.reshape(info.r, (3, 3)), np.eye(3))
        np.testing.assert_array_equal(np.reshape(info.p, (3, 4)),
                                      np.hstack([CAMERA.K, np.zeros((3, 1))]))
        assert info.header.frame_id == 'camera_optical_frame'


def test_all_of_one_tick_has_one_stamp_and_tf_comes_first(rig):
    rig.wait(lambda: len(rig.got[COLOR]) > 20)
    order = list(rig.order)
    ticks = {stamp for topic, stamp in order if topic == COLOR}
    whole = sorted(ticks)[5:-2]
    assert len(whole) > 5
    for stamp in whole:
        topics = [topic for topic, s in order if s == stamp]
        assert sorted(topics) == sorted((*IMAGES, 'tf', 'odom'))
    # DDS keeps no order between topics, but what was sent first is nearly always there first.
    early = [topics for topics in ([t for t, s in order if s == stamp] for stamp in whole)
             if topics.index('tf') < topics.index(COLOR)]
    assert len(early) >= 0.9 * len(whole)
    for topic in IMAGES:
        sizes = {message.header.frame_id for message in rig.got[topic]}
        assert sizes == {'camera_optical_frame'}


def test_tf_leads_from_map_to_the_optical_frame(home):
    stamp_ns = stamp_ns_of(home.fresh(DEPTH).header.stamp)
    message = home.wait(lambda: next((m for m in home.got['tf'] if stamp_ns_of(
        m.transforms[0].header.stamp) == stamp_ns), None))
    moving = {t.child_frame_id: t for t in message.transforms}
    static = {t.child_frame_id: t for t in home.got['tf_static'][-1].transforms}
    assert (moving['odom'].header.frame_id, moving['base_footprint'].header.frame_id) == (
        'map', 'odom')
    assert static['camera_link'].header.frame_id == 'base_footprint'
    assert static['camera_optical_frame'].header.frame_id == 'camera_link'
    start = moving['odom'].transform.translation
    assert (start.x, start.y) == (SPAWN.x, SPAWN.y)
    mount = static['camera_link'].transform
    assert mount.translation.z == SPAWN.camera_height
    assert 2.0 * math.asin(mount.rotation.y) == pytest.approx(SPAWN.camera_pitch)
    q = static['camera_optical_frame'].transform.rotation
    np.testing.assert_allclose((q.x, q.y, q.z, q.w), (-0.5, 0.5, -0.5, 0.5), atol=1e-12)


def test_qos_is_reliable_and_volatile_but_for_static_tf(rig):
    namespace = rig.namespace
    for topic in IMAGES:
        qos = rig.listener.get_publishers_info_by_topic(f'{namespace}/{topic}')[0].qos_profile
        assert qos.reliability is ReliabilityPolicy.RELIABLE
        assert qos.durability is DurabilityPolicy.VOLATILE
    static = rig.listener.get_publishers_info_by_topic(f'{namespace}/tf_static')[0].qos_profile
    assert static.durability is DurabilityPolicy.TRANSIENT_LOCAL


def test_picture_is_of_the_pose_at_the_stamp(home):
    home.drive(forward=1.0, turn=0.8, up=0.1)
    time.sleep(0.3)
    depth = home.fresh(DEPTH)
    odom = home.wait(lambda: next((m for m in home.got['odom']
                                   if m.header.stamp == depth.header.stamp), None))
    p, q = odom.pose.pose.position, odom.pose.pose.orientation
    assert p.z > 0.0 and q.z > 0.0
    assert odom.child_frame_id == 'base_footprint'
    assert odom.twist.twist.linear.x == 1.0 and odom.twist.twist.angular.z == 0.8
    assert odom.pose.covariance[0] > 0.0
    # The camera stands on the vertical axis of the base.
    expected = (SPAWN.x + p.x, SPAWN.y + p.y, SPAWN.camera_height + p.z)
    np.testing.assert_allclose(camera_position(depth), expected, atol=1e-5)


def test_robot_stops_when_commands_stop(home):
    home.drive(forward=1.0)
    time.sleep(1.3)
    first, second = home.fresh('odom'), home.fresh('odom')
    assert first.twist.twist.linear.x == 0.0
    assert first.pose.pose.position.x == pytest.approx(1.0, abs=1e-6)
    assert second.pose.pose.position.x == first.pose.pose.position.x


def test_a_stamped_command_counts_from_its_stamp(home):
    time.sleep(0.35)  # what was stamped before the reset would not count
    stamp_ns = home.now_ns() - 300_000_000
    home.drive(forward=2.0, stamp_ns=stamp_ns)
    time.sleep(1.0)
    assert home.fresh('odom').pose.pose.position.x == pytest.approx(2.0, abs=1e-6)


@pytest.mark.parametrize('numbers, reason', [
    ({'forward': math.nan}, 'not_finite'), ({'turn': math.inf}, 'not_finite'),
    ({'forward': 1e9}, 'over_limit'), ({'turn': 7.0}, 'over_limit')])
def test_bad_command_is_dropped_and_counted(home, numbers, reason):
    key = f'cmd_vel.rejected.{reason}'
    before = int(home.values().get(key, 0))
    home.drive(**numbers)
    home.diagnostic(key, lambda value: int(value) > before)
    p = home.fresh('odom').pose.pose.position
    assert (p.x, p.y, p.z) == (0.0, 0.0, 0.0)
    values = home.values()
    received = int(values['cmd_vel.received'])
    rejected = sum(int(v) for k, v in values.items() if k.startswith('cmd_vel.rejected.'))
    assert received == int(values['cmd_vel.used']) + rejected


def test_older_command_is_ignored(home):
    now_ns = home.now_ns()
    home.drive(forward=1.0, stamp_ns=now_ns)
    home.drive(forward=-3.0, stamp_ns=now_ns - 50_000_000)
    time.sleep(0.2)
    assert home.fresh('odom').twist.twist.linear.x == 1.0
    home.diagnostic('cmd_vel.rejected.stale')


def test_initialpose_moves_the_robot_and_empties_caches(home):
    resets = home.world.resets
    home.drive(forward=1.0)
    home.teleport(-3.0, 4.0, yaw=math.pi / 2.0)
    home.wait(lambda: home.world.resets > resets)
    position = camera_position(home.fresh(DEPTH))
    np.testing.assert_allclose(position, (-3.0, 4.0, SPAWN.camera_height), atol=1e-5)
    odom_x = home.fresh('odom').pose.pose.position.x
    assert abs(odom_x) < 0.5, 'odometry does not jump, the map moves under it'


def test_initialpose_in_odom_is_relative_to_it(home):
    home.teleport(0.5, 0.0, frame='odom')
    home.wait(lambda: np.allclose(camera_position(home.fresh(DEPTH))[:2],
                                  (SPAWN.x + 0.5, SPAWN.y), atol=1e-5))


@pytest.mark.parametrize('message, reason', [
    ({'x': math.nan, 'y': 0.0}, 'not_finite'), ({'x': 0.0, 'y': 0.0, 'w': 2.0}, 'not_rigid'),
    ({'x': 0.0, 'y': 0.0, 'frame': 'mars'}, 'bad_frame'),
    ({'x': 0.0, 'y': 0.0, 'frame': ''}, 'bad_frame')])
def test_bad_initialpose_is_dropped_and_counted(home, message, reason):
    key = f'initialpose.rejected.{reason}'
    before = int(home.values().get(key, 0))
    home.teleport(**message)
    home.diagnostic(key, lambda value: int(value) > before)
    np.testing.assert_allclose(camera_position(home.fresh(DEPTH))[:2], (SPAWN.x, SPAWN.y))


def test_reset_goes_home_and_empties_caches(rig):
    rig.teleport(9.0, 9.0)
    rig.wait(lambda: camera_position(rig.fresh(DEPTH))[0] == 9.0)
    resets = rig.world.resets
    answer = rig.reset()
    assert answer.success and answer.message
    np.testing.assert_allclose(camera_position(rig.fresh(DEPTH))[:2], (SPAWN.x, SPAWN.y))
    assert rig.world.resets == resets + 1


def test_a_command_from_before_a_reset_does_not_move_the_robot(home):
    before = int(home.values().get('cmd_vel.rejected.stale', 0))
    home.drive(forward=1.0, stamp_ns=home.now_ns() - 500_000_000)
    home.diagnostic('cmd_vel.rejected.stale', lambda value: int(value) > before)
    assert home.fresh('odom').pose.pose.position.x == 0.0


def test_failing_render_drops_the_frame_and_the_loop_goes_on(home):
    home.world.fail_with = MemoryError('no more')
    home.diagnostic('drops.frame_failed')
    home.fresh(COLOR)


def test_unseen_ratio_warns_over_its_limit(home):
    level = {name: bytes([value]) for name, value in (('ok', 0), ('warn', 1))}
    home.wait(lambda: home.got['diagnostics'][-1].status[0].level == level['ok'])
    home.world.unobserved = 0.9
    home.wait(lambda: home.got['diagnostics'][-1].status[0].level == level['warn'])
    assert '90%' in home.got['diagnostics'][-1].status[0].message
    home.world.unobserved = 0.25


def test_diagnostics_tell_rate_and_stages(home):
    home.diagnostic('rate_hz', lambda value: abs(float(value) - 24.0) < 4.0)
    for stage in ('render', 'convert', 'publish'):
        assert float(home.values()[f'{stage}_p50_ms']) <= float(home.values()[f'{stage}_p99_ms'])


def test_history_is_keep_last_five(rig):
    names = [f'qos_overrides.{rig.namespace}/{COLOR}.publisher.{policy}'
             for policy in ('history', 'depth', 'reliability', 'durability')]
    values = [rig.node.get_parameter(name).value for name in names]
    assert values == ['keep_last', 5, 'reliable', 'volatile']
    assert HistoryPolicy.KEEP_LAST.name.lower() == values[0]


class FullQueue:
    """What DDS does under back-pressure."""

    topic_name = 'full'

    def publish(self, message):
        raise rclpy_implementation.RCLError('failed to publish message: timeout')


def test_publishing_that_fails_is_counted_and_does_not_raise(rig):
    health, camera = Health(), MountedCamera(CAMERA, np.eye(4))

    def fail():
        publishers = MotionPublishers(rig.node, rig.node._loop().robots[0], health)
        rig.node.destroy_publisher(publishers._tf_static)
        publishers._tf_static = FullQueue()
        publishers.send_mounts({'camera': camera}, messages.time_of(1))
        publishers._tf_static = None
        publishers.destroy()

    rig.in_thread_of(rig.node, fail)
    assert health.drops == {'publish_failed': 1}


def test_diagnostics_that_cannot_be_sent_are_counted(rig, monkeypatch):
    before = rig.node._health.drops['publish_failed']
    with monkeypatch.context() as patch:
        patch.setattr(rig.node, '_diagnostics', FullQueue())
        rig.wait(lambda: rig.node._health.drops['publish_failed'] > before)
    rig.diagnostic('drops.publish_failed', lambda value: int(value) > before)


def test_diagnostics_that_fail_do_not_end_the_node(rig, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(rig.world, 'status', lambda: {}['state'])
        rig.wait(lambda: rig.node._health.drops['diagnostics_failed'])
    rig.diagnostic('drops.diagnostics_failed')


def test_diagnostics_read_what_other_threads_write(rig, monkeypatch):
    health = Health()
    monkeypatch.setattr(rig.node, '_health', health)

    def write():
        for i in range(4000):
            health.drop(f'reason {i}')
            with health.stage(f'stage {i % 7}'):
                pass

    interval_s = sys.getswitchinterval()
    writer = threading.Thread(target=write)
    sys.setswitchinterval(1e-6)
    try:
        writer.start()
        while writer.is_alive():
            rig.node._judged(None)
    finally:
        writer.join()
        sys.setswitchinterval(interval_s)
    assert len([key for key in rig.node._judged(None)[1] if 'reason' in key]) == 4000


def test_nothing_is_rendered_for_nobody(make_rig):
    rig = make_rig()
    rig.listen('odom', COLOR_INFO)
    warm_up = len(rig.world.asked)
    rig.fresh('odom')
    assert len(rig.world.asked) == warm_up
    rig.listen(DEPTH)
    rig.fresh(DEPTH)
    ratio_asked = Outputs.DEPTH | Outputs.OBSERVED    # once a second, for diagnostics
    assert set(rig.world.asked[warm_up:]) <= {Outputs.DEPTH, ratio_asked}
    assert rig.world.asked.count(ratio_asked) < 0.3 * len(rig.world.asked) + 3


def test_callbacks_answer_while_a_frame_renders(make_rig):
    rig = make_rig()
    rig.listen(COLOR)
    rig.world.delay_s = 1.5
    rig.wait(lambda: rig.world.making_s, what='a slow frame')
    begin = time.monotonic()
    assert rig.describe('rate')[0].name == 'rate'
    assert time.monotonic() - begin < 1.0
    rig.world.delay_s = 0.0


def test_late_ticks_are_skipped_and_counted(make_rig):
    rig = make_rig(rate=50.0)
    rig.listen(COLOR, 'diagnostics')
    rig.world.delay_s = 0.1
    skipped = rig.diagnostic('drops.tick_skipped', lambda value: int(value) > 10)
    rig.world.delay_s = 0.0
    time.sleep(0.3)
    count = len(rig.got[COLOR])
    time.sleep(0.5)
    assert int(skipped) > 0
    assert len(rig.got[COLOR]) - count < 35, 'a backlog was worked off'
