# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Skip where no ROS is; one node per module otherwise."""

import importlib.util
from pathlib import Path
import sys

import pytest

sys.path.insert(0, str(Path(__file__).parent))
collect_ignore_glob = []
if not all(importlib.util.find_spec(name) for name in ('rclpy', 'tf2_msgs')):
    collect_ignore_glob.append('test_*.py')


@pytest.fixture(scope='module')
def make_rig():
    """Return a function that makes nodes which are taken down at the end of the module."""
    from rig import Rig
    rigs = []

    def make(**options):
        rigs.append(Rig(**options))
        return rigs[-1]

    yield make
    for rig in rigs:
        rig.close()
