# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Made-up rooms whose pictures, depth and poses are known exactly."""
