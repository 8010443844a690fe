# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The rendered world that the bundled scene is made of; see make_hall.py."""
