# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The ROS 2 face of a world: parameters, messages, motion input and the node."""
