# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Every parameter is declared once, described, checked, and has an effect."""

import math
import time

from inspatio_ros.robot.parameter_values import from_values, SPECS, specs, to_values
from inspatio_ros.robot.parameters import WorldParameters
from inspatio_ros.robot.spec import Change
from inspatio_ros.ros.parameters import changed
import numpy as np
from painted_world import PaintedWorld
import pytest
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.msg import ParameterValue
from rcl_interfaces.srv import SetParameters, SetParametersAtomically
import rclpy
from rclpy.parameter import Parameter
from rig import camera_position, COLOR, COLOR_INFO, DEPTH, pixels_of
import yaml


def flat(tree, prefix=''):
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from flat(value, f'{prefix}{key}.')
        else:
            yield prefix + key, value


@pytest.fixture(scope='module')
def rig(make_rig):
    rig = make_rig()
    rig.listen(COLOR, DEPTH, COLOR_INFO, 'tf', 'tf_static', 'odom', 'diagnostics')
    return rig


def refused(rig, name, value, words):
    answer = rig.set_parameter(name, value)
    assert not answer.successful
    assert words in answer.reason


def test_the_file_holds_every_parameter_and_its_default(checkout):
    tree = yaml.safe_load((checkout / 'config' / 'world.yaml').read_text())
    values = dict(flat(tree['/**']['ros__parameters']))
    defaults = {name: default for name, default, _ in specs()}
    assert list(values) == list(defaults)
    for name, default in defaults.items():
        assert type(values[name]) is type(default), name
        assert str(values[name]) == str(default), name


def test_values_survive_the_way_through_dotted_names():
    parameters = from_values({**to_values(WorldParameters()), 'mount.x': 0.25, 'rate': 5.0})
    assert (parameters.mount.x, parameters.rate) == (0.25, 5.0)


def test_every_parameter_is_described_over_its_service(rig):
    for descriptor, (name, default, spec) in zip(rig.describe(*SPECS), specs()):
        assert descriptor.name == name
        assert len(descriptor.description) > 4
        assert descriptor.read_only is (spec.change is Change.NEVER)
        bounded = spec.low is not None and not spec.nan_means
        ranges = [*descriptor.floating_point_range, *descriptor.integer_range]
        assert bool(ranges) is bounded, name


@pytest.mark.parametrize('name, value, words', [
    ('rate', 0.0, 'Min: 0.1'), ('rate', -math.inf, 'out of range'), ('rate', math.nan, 'rate'),
    ('rate', 'fast', 'type'), ('depth_encoding', '64FC1', 'one of 32FC1, 16UC1'),
    ('max_unobserved_ratio', 1.5, 'Max: 1.0'), ('mount.z', 1e4, 'at most 100 m'),
    ('limits.linear', 0.0, 'Min'), ('image.width', -1, 'Min'), ('clock', 'scaled', 'read-only'),
    ('motion_source', 'pose', 'read-only'), ('map_frame', 'world', 'read-only'),
    ('autostart', False, 'read-only'), ('render.threads', 1, 'unconfigured'),
    ('min_range', 'abc', 'type'), ('min_range', 1, 'type'), ('scenes', 5, 'type'),
    ('scenes', [1, 2], 'type'), ('scan.max_height', [1.0], 'type'), ('scan.publish', 'on', 'type'),
    ('render.ahead', None, 'undeclared'), ('scan.max_height', None, 'undeclared'),
    ('scenes', None, 'undeclared'), ('enable_stamped_cmd_vel', None, 'read-only')])
def test_a_bad_change_is_refused_with_its_reason(rig, name, value, words):
    before = rig.node.get_parameter(name).value
    refused(rig, name, value, words)
    assert str(rig.node.get_parameter(name).value) == str(before)


def test_a_type_that_there_is_not_is_refused_by_both_services(rig):
    message = ParameterMessage(name='rate', value=ParameterValue(type=77))
    each = rig.call(SetParameters, 'world_node/set_parameters',
                    SetParameters.Request(parameters=[message])).results[0]
    together = rig.call(SetParametersAtomically, 'world_node/set_parameters_atomically',
                        SetParametersAtomically.Request(parameters=[message])).result
    assert not each.successful and not together.successful
    assert each.reason == together.reason and '77' in each.reason


@pytest.mark.parametrize('name, value, words', [
    ('min_range', 'abc', 'must be of type DOUBLE, got STRING'),
    ('points.stride', 2.0, 'must be of type INTEGER, got DOUBLE'),
    ('scenes', 5, 'must be of type STRING_ARRAY, got INTEGER'),
    ('scan.max_height', None, 'must be of type DOUBLE, got NOT_SET'),
    ('robot_size', [1, 1, 1], 'must be of type DOUBLE_ARRAY, got INTEGER_ARRAY')])
def test_a_value_of_another_type_is_not_looked_at(name, value, words):
    old = WorldParameters()
    new, answer = changed(old, [Parameter(name, value=value)], configured=True)
    assert new is old
    assert (answer.successful, answer.reason) == (False, f'{name} {words}')


def test_one_bad_change_of_several_changes_nothing(rig):
    results = rig.node.set_parameters_atomically(
        [Parameter('mount.x', value=0.5), Parameter('depth_encoding', value='jpeg')])
    assert not results.successful
    assert rig.node.get_parameter('mount.x').value == 0.0


def test_rate_changes_while_running(rig):
    assert rig.set_parameter('rate', 60.0).successful
    rig.diagnostic('rate_hz', lambda value: float(value) > 45.0)
    assert rig.set_parameter('rate', 24.0).successful


def test_depth_encoding_and_ranges_change_while_running(rig):
    assert rig.set_parameter('min_range', 3.0).successful
    assert rig.set_parameter('max_range', 10.0).successful
    near, far = (pixels_of(rig.fresh(DEPTH))[k] for k in ((0, 2), (-1, 2)))
    assert near == -math.inf and far == math.inf
    assert rig.set_parameter('depth_encoding', '16UC1').successful
    image = rig.fresh(DEPTH)
    assert image.encoding == '16UC1'
    millimetres = pixels_of(image)
    assert millimetres[1, 1] == 4000
    assert not millimetres[0, :3].any() and not millimetres[-1, :3].any()
    for name, value in (('min_range', 0.0), ('max_range', math.inf), ('depth_encoding', '32FC1')):
        assert rig.set_parameter(name, value).successful


def test_image_changes_while_running_and_the_info_with_it(rig):
    assert rig.set_parameter('image.width', 32).successful
    info = rig.fresh(COLOR_INFO)
    image = rig.fresh(COLOR)
    assert (info.width, info.height) == (image.width, image.height) == (32, 24)
    assert info.k[0] == pytest.approx(25.0)
    assert rig.set_parameter('image.hfov', math.pi / 2.0).successful
    assert rig.fresh(COLOR_INFO).k[0] == pytest.approx(16.0)
    for name, value in (('image.width', 0), ('image.hfov', 0.0)):
        assert rig.set_parameter(name, value).successful


def test_mount_changes_the_picture_and_static_tf(rig):
    count = len(rig.got['tf_static'])
    assert rig.set_parameter('mount.z', 2.0).successful
    assert camera_position(rig.fresh(DEPTH))[2] == pytest.approx(2.0)
    rig.wait(lambda: len(rig.got['tf_static']) > count)
    assert rig.got['tf_static'][-1].transforms[0].transform.translation.z == 2.0
    assert rig.set_parameter('mount.z', math.nan).successful
    assert camera_position(rig.fresh(DEPTH))[2] == pytest.approx(0.5)


def test_changes_get_through_to_a_loop_that_is_always_late(rig):
    assert rig.set_parameter('rate', 100.0).successful
    rig.world.delay_s = 0.1
    for x in (0.1, 0.2, 0.3, 0.0):
        assert rig.set_parameter('mount.x', x).successful
    rig.world.delay_s = 0.0
    assert rig.set_parameter('rate', 24.0).successful


def test_limits_change_while_running(rig):
    assert rig.set_parameter('limits.linear', 0.5).successful
    before = int(rig.values().get('cmd_vel.rejected.over_limit', 0))
    rig.drive(forward=0.6)
    rig.diagnostic('cmd_vel.rejected.over_limit', lambda value: int(value) > before)


def test_map_odom_tf_may_be_left_to_a_localiser(rig):
    assert rig.set_parameter('publish_map_odom_tf', False).successful
    rig.wait(lambda: len(rig.got['tf'][-1].transforms) == 1)
    assert rig.set_parameter('publish_map_odom_tf', True).successful


def test_max_unobserved_ratio_changes_while_running(rig):
    assert rig.set_parameter('max_unobserved_ratio', 0.1).successful
    rig.wait(lambda: rig.got['diagnostics'][-1].status[0].level == bytes([1]))
    assert rig.set_parameter('max_unobserved_ratio', 0.5).successful


def test_names_start_and_world_are_as_asked(make_rig):
    rig = make_rig(
        scene='/some/scene', fill_depth=True, render__backend='numba', render__threads=1,
        render__max_views=2, map_frame='m', odom_frame='o', base_frame='b', camera_frame='c',
        optical_frame='x', scan__frame='s', initial_pose__x=-5.0,
        initial_pose__yaw=math.pi / 2.0, mount__x=1.0, cmd_vel_timeout=0.2)
    rig.listen(DEPTH, 'tf', 'tf_static', 'odom')
    request = rig.requests[0]
    assert (request.scene, request.backend, request.threads, request.max_views,
            request.fill_depth) == ('/some/scene', 'numba', 1, 2, True)
    frames = [(t.header.frame_id, t.child_frame_id)
              for topic in ('tf', 'tf_static') for t in rig.got[topic][-1].transforms]
    assert frames == [('m', 'o'), ('o', 'b'), ('b', 'c'), ('c', 'x'), ('b', 's')]
    assert rig.got[DEPTH][-1].header.frame_id == 'x'
    np.testing.assert_allclose(camera_position(rig.got[DEPTH][-1]), (-5.0, 3.0, 0.5), atol=1e-6)
    rig.drive(forward=1.0)
    rig.wait(lambda: rig.got['odom'][-1].pose.pose.position.x > 0.15)
    rig.wait(lambda: rig.got['odom'][-1].twist.twist.linear.x == 0.0)
    assert rig.fresh('odom').pose.pose.position.x == pytest.approx(0.2, abs=1e-6)


@pytest.mark.parametrize('mount, scan, children', [
    (False, True, ['base_scan']), (True, False, ['camera_link', 'camera_optical_frame']),
    (False, False, [])])
def test_static_tf_may_be_left_to_a_urdf(make_rig, mount, scan, children):
    rig = make_rig(publish_mount_tf=mount, scan__publish_tf=scan)
    rig.subscribe('tf_static')
    rig.listen('odom')
    time.sleep(0.1)
    assert [t.child_frame_id for m in rig.got['tf_static'] for t in m.transforms] == children


def test_reliability_is_overridden_per_topic(make_rig):
    probe = make_rig()
    number = int(probe.namespace.removeprefix('/rig')) + 1
    topic = f'/rig{number}/{COLOR}'
    rig = make_rig(**{f'qos_overrides__{topic}__publisher__reliability': 'best_effort'})
    assert rig.namespace == f'/rig{number}'
    qos = rig.listener.get_publishers_info_by_topic(topic)[0].qos_profile
    assert qos.reliability.name == 'BEST_EFFORT'


@pytest.mark.parametrize('name, value, words', [
    ('rate', -1.0, 'rate'), ('mount.x', math.inf, 'mount.x'), ('motion_source', 'mars', 'one of'),
    ('enable_stamped_cmd_vel', 'maybe', 'auto, true, false'), ('base_frame', '', 'empty'),
    ('generator', 'magic', 'none, star'), ('precision', 'int4', 'bf16, fp8, fp32'),
    ('block_latents', 22, 'range'), ('generator_width', 100, 'valid step')])
def test_a_bad_value_at_start_names_the_parameter(name, value, words):
    from inspatio_ros.ros.world_node import WorldNode
    context = rclpy.Context()
    rclpy.init(context=context)
    try:
        with pytest.raises(ValueError, match=name) as error:
            WorldNode(lambda request: PaintedWorld(), context=context,
                      parameter_overrides=[Parameter(name, value=value)])
        assert words in str(error.value)
    finally:
        context.try_shutdown()
