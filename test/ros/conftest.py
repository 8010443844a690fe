# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Skip where no ROS is; nodes that end with their module otherwise."""

import importlib.util
from pathlib import Path
import sys

sys.path.insert(0, str(Path(__file__).parent))
collect_ignore_glob = []
if not all(importlib.util.find_spec(name) for name in ('rclpy', 'tf2_msgs')):
    collect_ignore_glob.append('test_*.py')
else:
    from rig import make_rig  # noqa: F401  a fixture
