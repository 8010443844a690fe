# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Robot motion: from commands and poses to stamped camera poses. No state outside its objects."""
