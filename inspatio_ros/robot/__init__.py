# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A robot with a camera in a world, without ROS: what the node and a replay share."""
