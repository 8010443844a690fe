# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Pinhole geometry: warping RGB-D views into other cameras. No state, no other part of the package.

`camera` projects, `surface` finds which pixels belong together, `warp_cpu` (numba) and `warp`
(torch, CPU or GPU, batched) render, `holes` fills what nobody has seen, `mask` packs masks for the
generator.
"""
