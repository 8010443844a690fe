# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From a video to posed views with depth: frames, poses, depth, in this order."""
