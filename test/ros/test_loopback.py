# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""In the place of nav2_loopback_sim: its parameter file, its names, its rates."""

import os
from pathlib import Path
import subprocess
import sys
import textwrap
import time

from inspatio_ros.robot.messages import stamp_ns_of
import numpy as np
import pytest
import rclpy
from rclpy.qos import qos_profile_sensor_data
from rig import COLOR, SCAN
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import LaserScan

HERE = Path(__file__).parent
# As nav2_bringup has it, but for angle_increment: coarser, so that it is fast.
NAV2_PARAMS = """\
velocity_smoother:
  ros__parameters:
    feedback: OPEN_LOOP
loopback_simulator:
  ros__parameters:
    base_frame_id: "base_footprint"
    odom_frame_id: "odom"
    map_frame_id: "map"
    scan_frame_id: "base_scan"
    update_duration: 0.02
    scan_range_min: 0.05
    scan_range_max: 30.0
    scan_angle_min: -3.1415
    scan_angle_max: 3.1415
    scan_angle_increment: 0.0523
    scan_use_inf: true
"""
STARTS = """\
import argparse, sys
sys.path.insert(0, {here!r})
from inspatio_ros.cli import world
from painted_node import open_painted
parser = argparse.ArgumentParser()
world.add_arguments(parser)
sys.exit(world.run(parser.parse_args(), open_painted, as_loopback=True))
"""


@pytest.fixture
def onlooker():
    """Return a node that listens, and its executor."""
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node('onlooker', context=context)
    executor = rclpy.executors.SingleThreadedExecutor(context=context)
    executor.add_node(node)
    yield node, executor
    executor.shutdown()
    node.destroy_node()
    context.try_shutdown()


def test_a_launch_file_of_loopback_starts_it_unchanged(checkout, onlooker, tmp_path):
    node, executor = onlooker
    file = tmp_path / 'nav2_params.yaml'
    # As RewrittenYaml of nav2_common puts all of it into a namespace.
    file.write_text('looped:\n' + textwrap.indent(NAV2_PARAMS, '  '))
    path = os.pathsep.join(filter(None, [str(checkout), os.environ.get('PYTHONPATH')]))
    scans, clocks = [], []
    node.create_subscription(LaserScan, '/looped/scan', scans.append, qos_profile_sensor_data)
    node.create_subscription(Clock, '/looped/clock', clocks.append, 100)
    # What launch_ros makes of the node in loopback_simulation.launch.py.
    process = subprocess.Popen(
        [sys.executable, '-c', STARTS.format(here=str(HERE)), '--ros-args', '-r',
         '__node:=loopback_simulator', '-r', '__ns:=/looped', '-r', '/clock:=clock',
         '--params-file', str(file), '-p', 'scan_frame_id:=base_scan', '-p', 'use_sim_time:=true'],
        env={**os.environ, 'PYTHONPATH': path}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True)
    try:
        end = time.monotonic() + 60.0
        while len(scans) < 8 or len(clocks) < 8:
            assert process.poll() is None and time.monotonic() < end, (len(scans), len(clocks))
            executor.spin_once(timeout_sec=0.1)
        names = node.get_node_names_and_namespaces()
        assert ('loopback_simulator', '/looped') in names
    finally:
        process.terminate()
        output = process.communicate(timeout=30.0)[0]
    assert process.returncode == 0, output
    scan = scans[-1]
    assert scan.header.frame_id == 'base_scan'
    assert scan.range_max == pytest.approx(30.0)
    assert scan.angle_min == pytest.approx(-3.1415) and scan.angle_max > 3.08
    ranges = np.array(scan.ranges)
    # All around, with its noise of 1 cm.
    assert np.isfinite(ranges).mean() > 0.9
    assert np.unique(ranges[np.isfinite(ranges)]).size > 100
    gaps_s = np.diff([stamp_ns_of(it.header.stamp) for it in scans]) * 1e-9
    assert np.median(gaps_s) == pytest.approx(0.1, abs=0.03)
    assert stamp_ns_of(clocks[-1].clock) > stamp_ns_of(clocks[0].clock)


@pytest.fixture(scope='module')
def often(make_rig):
    rig = make_rig(update_duration=0.01, odom_publish_dur=0.02, base_frame_id='base_link',
                   rate=10.0, scan_use_inf=False, scan_range_max=3.0)
    rig.listen('tf', 'odom', COLOR, SCAN)
    return rig


def base_stamps(rig, after_ns):
    return [stamp_ns_of(t.header.stamp) for m in rig.got['tf'] for t in m.transforms
            if t.child_frame_id == 'base_link' and stamp_ns_of(t.header.stamp) >= after_ns]


def test_tf_and_odometry_have_rates_of_their_own(often):
    begin_ns = often.now_ns()
    often.drive(forward=0.5)
    often.wait(lambda: often.now_ns() > begin_ns + 2 * 10 ** 9)
    stamps = base_stamps(often, begin_ns)
    odometry = [stamp_ns_of(m.header.stamp) for m in often.got['odom']
                if stamp_ns_of(m.header.stamp) >= begin_ns]
    images = [stamp_ns_of(m.header.stamp) for m in often.got[COLOR]
              if stamp_ns_of(m.header.stamp) >= begin_ns]
    # The tests' machine is slow: rates are told apart, not measured.
    assert len(stamps) > 5 * len(images) and len(images) > 10
    assert 1.5 * len(odometry) < len(stamps) < 3.5 * len(odometry)
    assert (np.diff(stamps) > 0).all() and (np.diff(odometry) > 0).all()


def test_every_frame_has_tf_of_its_own_stamp(often):
    often.wait(lambda: len(often.got[COLOR]) > 20)
    last_ns = stamp_ns_of(often.got[COLOR][19].header.stamp)
    often.wait(lambda: base_stamps(often, last_ns))  # the queues are not in step
    stamps = {stamp_ns_of(m.header.stamp) for m in often.got[COLOR][5:20]}
    assert stamps <= set(base_stamps(often, 0))


def test_robot_moves_along_one_line_in_tf(often):
    often.reset()
    begin_ns = often.now_ns()
    often.drive(forward=1.0)
    often.wait(lambda: often.now_ns() > begin_ns + 10 ** 9)
    moves = [(stamp_ns_of(t.header.stamp), t.transform.translation.x)
             for m in often.got['tf'] for t in m.transforms
             if t.child_frame_id == 'base_link' and stamp_ns_of(t.header.stamp) > begin_ns]
    moving = np.array([it for it in moves if 0.05 < it[1] < 0.6])
    assert len(moving) > 15
    slope = np.polyfit((moving[:, 0] - moving[0, 0]) * 1e-9, moving[:, 1], 1)[0]
    assert slope == pytest.approx(1.0, abs=0.05)


def test_ours_show_what_theirs_mean(often):
    node = often.node
    assert node.get_parameter('base_frame').value == 'base_link'
    assert node.get_parameter('motion_rate').value == pytest.approx(100.0)
    assert node.get_parameter('scan.use_inf').value is False
    assert often.describe('base_frame')[0].read_only
    assert not often.set_parameter('update_duration', 0.5).successful  # read as the node starts
    assert often.set_parameter('scan.range_max', 3.5).successful


def test_no_return_is_a_number_where_it_is_asked_for(often):
    ranges = np.array(often.fresh(SCAN).ranges)
    assert not np.isinf(ranges).any()


def test_both_kinds_with_different_values_are_refused(make_rig):
    with pytest.raises(ValueError, match='base_frame_id .* and base_frame .* different things'):
        make_rig(base_frame='base_link', base_frame_id='chassis')


def test_scan_can_be_left_out(make_rig):
    rig = make_rig(publish_scan=False)
    rig.subscribe(SCAN)
    rig.listen(COLOR)
    rig.wait(lambda: len(rig.got[COLOR]) > 5)
    assert not rig.got[SCAN]
