# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A page in a browser that shows what the robot sees and drives it: a client of the node."""
