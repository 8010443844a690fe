# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How the generator learns: data, stages, and the loop that runs them."""
