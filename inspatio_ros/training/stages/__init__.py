# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is learnt, one after the other; each stage is a loss and the networks that it changes."""
