# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A world that a robot can drive through, as a ROS 2 sensor."""
