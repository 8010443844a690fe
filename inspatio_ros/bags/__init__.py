# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Recordings without ROS: read, write, replay and compare rosbag2 bags."""
