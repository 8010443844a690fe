# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Laying known pixels over painted ones without a seam, and guessed ones where the painting agrees.

The farther a painted pixel is from all that is known, the coarser is what is taken of it: what is
painted there is right in the large at best (of a small network, details are those of its tokens).
What both disagree about at the border of the known pixels is carried on into the painted ones, as
a membrane that is held at the border (Perez, Gangnet, Blake: Poisson Image Editing, SIGGRAPH
2003), here by smooth pull-push (Gortler et al.: The Lumigraph, SIGGRAPH 1996).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

# Differences of pictures in -1..1: up to the first one a painting agrees with a guess, from the
# second one on it does not.
_AGREES, _DISAGREES = 0.12, 0.3
# Pixels that a difference is a mean of, along and down.
_NEAR = 9
# How often a painting is halved: what it shows at the size of a token, 16 pixels, stays as it is.
_HALVED = 4


def lay_over(painted_TCHW: Tensor, shown_TCHW: Tensor, weight_T1HW: Tensor) -> Tensor:
    """
    Return the shown pixels where they are known, else the painted ones, brought near to them.

    :param painted_TCHW: float, in any range.
    :param shown_TCHW: in the same range; any number where it is not known.
    :param weight_T1HW: 1 where it is known, 0 where not; in between it is mixed with the
        painting.
    :returns: (T, C, H, W); may leave the range of the pictures by a little.
    """
    difference = (shown_TCHW - painted_TCHW) * weight_T1HW
    near = (_in_the_large(painted_TCHW, weight_T1HW, _HALVED)
            + _membrane(difference, weight_T1HW))
    return torch.where(weight_T1HW == 1.0, shown_TCHW, torch.lerp(near, shown_TCHW, weight_T1HW))


def agreement(painted_TCHW: Tensor, guess_TCHW: Tensor, there_T1HW: Tensor) -> Tensor:
    """
    Return how far a painting bears out a guess, by what lies around each pixel.

    :param painted_TCHW: in -1 .. 1.
    :param guess_TCHW: likewise; any number where there is none.
    :param there_T1HW: bool, where there is one.
    :returns: (T, 1, H, W), 0 .. 1; 0 where there is none.
    """
    there = there_T1HW.to(painted_TCHW.dtype)
    difference = (painted_TCHW - guess_TCHW).abs().mean(1, keepdim=True) * there
    sums, counts = (functional.avg_pool2d(x, _NEAR, 1, _NEAR // 2) for x in (difference, there))
    mean = sums / counts.clamp(min=torch.finfo(sums.dtype).tiny)
    return ((_DISAGREES - mean) / (_DISAGREES - _AGREES)).clamp(0.0, 1.0) * there


def _in_the_large(painted: Tensor, known: Tensor, halved: int) -> Tensor:
    """
    Return a painting whose details are those of a size within which something is known.

    :param painted: (T, C, H, W).
    :param known: (T, 1, H, W), 0 .. 1.
    :param halved: how often; what is coarser is as it was.
    """
    if not halved or min(painted.shape[-2:]) == 1:
        return painted
    height, width = painted.shape[-2:]
    edge = (0, width % 2, 0, height % 2)
    coarse = functional.avg_pool2d(functional.pad(painted, edge, 'replicate'), 2)
    rough, even = (functional.interpolate(x, scale_factor=2.0, mode='bilinear')
                   [..., :height, :width] for x in (_in_the_large(
                       coarse, functional.max_pool2d(functional.pad(known, edge), 2), halved - 1),
                       coarse))
    near = functional.avg_pool2d(known, 3, 1, 1, count_include_pad=False)
    return rough + near * (painted - even)


def _membrane(values: Tensor, weight: Tensor) -> Tensor:
    """
    Return values everywhere that go on smoothly from where there are any.

    :param values: (T, C, H, W), times their weight.
    :param weight: (T, 1, H, W), 0 .. 1.
    """
    height, width = values.shape[-2:]
    if max(height, width) == 1:
        return values
    # Beyond the right and lower edge there is nothing, of which the mean takes no notice.
    edge = (0, width % 2, 0, height % 2)
    sums, weights = (4.0 * functional.avg_pool2d(functional.pad(x, edge), 2)
                     for x in (values, weight))
    mean = sums / weights.clamp(min=torch.finfo(sums.dtype).tiny)
    share = weights.clamp(max=1.0)
    coarse = functional.interpolate(_membrane(mean * share, share), scale_factor=2.0,
                                    mode='bilinear')
    return values + (1.0 - weight) * coarse[..., :height, :width]
