# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Scenes become worlds: choosing views, rendering them into the camera. Knows nothing of ROS."""
