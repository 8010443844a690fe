# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Several robots in one world: names of their own, one stamp, one call of the world."""

import time

from inspatio_ros.motion.transforms import pose_rpy
from inspatio_ros.robot.clock import START_NS
from inspatio_ros.robot.messages import stamp_ns_of
import numpy as np
from painted_world import PaintedWorld, SPAWN
import pytest
from rig import camera_position

DEPTHS = ('a/camera/depth/image_raw', 'b/camera/depth/image_raw')
STARTS = {'b__initial_pose__x': 4.0, 'b__initial_pose__y': 3.0}


class WatchedWorld(PaintedWorld):
    """Keeps what was asked for in each call."""

    def __init__(self):
        """Start with nothing asked."""
        super().__init__()
        self.calls = []

    def observe_all(self, stamp_ns, views):
        """Keep the views."""
        self.calls.append(views)
        return super().observe_all(stamp_ns, views)


@pytest.fixture(scope='module')
def rig(make_rig):
    rig = make_rig(robots=['a', 'b'], rate=20.0, world=WatchedWorld(), **STARTS,
                   robot_size=[1.0, 0.5, 0.4])
    rig.listen('tf_static', 'a/odom', 'b/odom', 'diagnostics', *DEPTHS)
    rig.subscribe('tf')
    return rig


@pytest.fixture
def home(rig):
    """Return the rig with both robots at their start, at rest."""
    assert rig.reset().success
    for topic in DEPTHS:
        rig.fresh(topic)
    return rig


def test_frames_have_the_name_of_their_robot_but_for_the_map(home):
    static = {(t.header.frame_id, t.child_frame_id)
              for m in home.got['tf_static'] for t in m.transforms}
    home.fresh('a/odom')
    moving = {(t.header.frame_id, t.child_frame_id)
              for m in home.got['tf'] for t in m.transforms}
    for name in 'ab':
        assert {('map', f'{name}/odom'), (f'{name}/odom', f'{name}/base_footprint')} <= moving
        assert (f'{name}/base_footprint', f'{name}/camera_link') in static
        image = home.got[f'{name}/camera/depth/image_raw'][-1]
        assert image.header.frame_id == f'{name}/camera_optical_frame'
        assert home.got[f'{name}/odom'][-1].header.frame_id == f'{name}/odom'


def test_each_robot_starts_and_drives_by_itself(home):
    np.testing.assert_allclose(camera_position(home.fresh(DEPTHS[0]))[:2], (SPAWN.x, SPAWN.y))
    np.testing.assert_allclose(camera_position(home.fresh(DEPTHS[1]))[:2], (4.0, 3.0))
    home.drive(forward=1.0, robot='b/')
    home.wait(lambda: camera_position(home.got[DEPTHS[1]][-1])[0] > 4.3)
    home.drive(robot='b/')
    assert camera_position(home.fresh(DEPTHS[0]))[0] == SPAWN.x
    home.teleport(-3.0, 1.0, robot='a/')
    home.wait(lambda: camera_position(home.fresh(DEPTHS[0]))[0] == -3.0)
    assert camera_position(home.fresh(DEPTHS[1]))[0] > 4.3


def test_all_of_a_tick_has_one_stamp_and_is_rendered_in_one_call(home):
    stamps = [{stamp_ns_of(m.header.stamp) for m in home.got[topic]} for topic in DEPTHS]
    assert len(stamps[0] & stamps[1]) > 5
    both = [views for views in home.world.calls[-8:] if len(views) == 2]
    assert len(both) > 4


def test_each_sees_the_other_as_a_box_on_its_base_and_not_itself(home):
    home.fresh(DEPTHS[0])
    for_a, for_b = home.world.calls[-1]
    (b,), (a,) = for_a.boxes, for_b.boxes
    np.testing.assert_allclose(b.T_map_box, pose_rpy(4.0, 3.0, 0.2), atol=1e-9)
    np.testing.assert_allclose(a.T_map_box, pose_rpy(SPAWN.x, SPAWN.y, 0.2), atol=1e-9)
    assert a.size == b.size == (1.0, 0.5, 0.4) and a.colour != b.colour
    assert home.set_parameter('b.size', [0.3, 0.2, 0.1]).successful
    home.wait(lambda: home.world.calls[-1][0].boxes[0].size == (0.3, 0.2, 0.1))
    refused = home.set_parameter('b.size', [0.3, 0.2])
    assert not refused.successful and 'length, width and height' in refused.reason


def test_what_becomes_of_messages_is_counted_for_each(home):
    before = int(home.values().get('b/cmd_vel.rejected.over_limit', 0))
    home.drive(forward=50.0, robot='b/')
    home.diagnostic('b/cmd_vel.rejected.over_limit', lambda value: int(value) == before + 1)
    assert home.values().get('a/cmd_vel.rejected.over_limit', '0') == '0'


def test_a_pose_in_the_odometry_of_another_robot_is_no_place(home):
    home.teleport(1.0, 1.0, frame='b/odom', robot='a/')
    home.diagnostic('a/initialpose.rejected.bad_frame', lambda value: int(value) > 0)


def test_in_lockstep_a_tick_waits_for_all(make_rig):
    rig = make_rig(robots=['a', 'b'], clock='lockstep', tick_on='input', tick_timeout=0.0,
                   rate=10.0, **STARTS)
    rig.subscribe('a/odom', 'b/odom')
    for tick in range(1, 4):
        rig.drive(forward=1.0, robot='a/')
        time.sleep(0.3)
        assert len(rig.got['a/odom']) == tick - 1, 'b has not answered'
        rig.drive(forward=1.0, robot='b/')
        rig.wait(lambda: len(rig.got['a/odom']) == len(rig.got['b/odom']) == tick)
    newest = [stamp_ns_of(rig.got[topic][-1].header.stamp) for topic in ('a/odom', 'b/odom')]
    assert newest == [START_NS + 300_000_000] * 2


@pytest.mark.parametrize('robots, words', [
    (['a', 'a'], 'twice'), (['robot-1'], 'no ROS name'), (['camera'], 'name of a camera'),
    (['a', 'b'], 'start in the same place')])
def test_robots_that_cannot_be_stop_the_node_with_a_reason(make_rig, robots, words):
    with pytest.raises(ValueError, match=words):
        make_rig(robots=robots)
