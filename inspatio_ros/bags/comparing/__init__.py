# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Two bags, or a bag and a manifest: what is the same and what differs."""
