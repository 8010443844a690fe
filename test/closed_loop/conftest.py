# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Skip where no ROS is."""

import importlib.util

collect_ignore_glob = []
if not all(importlib.util.find_spec(name) for name in ('rclpy', 'tf2_msgs')):
    collect_ignore_glob.append('test_hall_drives.py')
