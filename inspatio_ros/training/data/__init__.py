# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is learnt from: clips of synchronised cameras, made up, read, or recorded."""
