# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Formats that others write, each turned into a scene once, here at the boundary."""
