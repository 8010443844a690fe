# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Networks of the STAR generator. Modules hold weights only; state is passed in and out."""
