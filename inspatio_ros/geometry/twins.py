# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The faster of two twins: numba for tensors on the host, torch (`warp`) elsewhere.

Arguments and results are those of `warp`.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from . import holes, warp, warp_cpu


def splat(disparity_NHW: Tensor, links_NHW: Tensor, P_N34: Tensor, size: tuple[int, int],
          magnify_N: Tensor, near_m: float = 0.05) -> Tensor:
    """Splat source views into z-buffers; see `warp.splat`."""
    if disparity_NHW.device.type != 'cpu':
        return warp.splat(disparity_NHW, links_NHW, P_N34, size, magnify_N, near_m)
    z = torch.empty((len(disparity_NHW), *size))
    nothing, near_disparity = np.zeros(size, np.float32), np.float32(1.0 / near_m)
    for disparity, links, P, magnify, out in zip(disparity_NHW, links_NHW, P_N34, magnify_N, z):
        warp_cpu.splat_rows(disparity.numpy(), links.numpy(), P.numpy(), near_disparity,
                            np.float32(magnify), nothing, 0, len(disparity), out.numpy())
    return z


def fill_holes(rgb_Nhw3: Tensor, disparity_Nhw: Tensor) -> tuple[Tensor, Tensor]:
    """Fill unknown pixels from their far side; see `warp.fill_holes`."""
    if disparity_Nhw.device.type != 'cpu':
        return warp.fill_holes(rgb_Nhw3, disparity_Nhw)
    # A copy of its own in any case: the kernel works in place.
    rgb = rgb_Nhw3.clone(memory_format=torch.contiguous_format)
    disparity = disparity_Nhw.contiguous()
    filled = [torch.from_numpy(holes.fill_holes(picture.numpy(), known.numpy()))
              for picture, known in zip(rgb, disparity)]
    return rgb, torch.stack(filled)
