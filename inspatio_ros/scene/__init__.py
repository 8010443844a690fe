# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is known of a place: posed RGB-D views, the folder they live in, and importers."""
