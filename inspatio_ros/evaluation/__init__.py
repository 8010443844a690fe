# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Figures of merit. Arrays and scenes in, numbers out."""
