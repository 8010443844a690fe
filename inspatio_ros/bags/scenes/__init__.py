# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From a bag to a scene."""
