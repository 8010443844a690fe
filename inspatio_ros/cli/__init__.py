# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One file per command; the only place where engine and ROS meet."""
