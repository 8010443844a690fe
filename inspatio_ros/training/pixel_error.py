# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What errors of latents become in pictures, to first order.

Channels of latents vary equally, but a decoder makes far more of some mixtures of them than of
others: one of them is nearly the brightness. With the decoder's Jacobian J the squared error of
pixels is e^T (J^T J) e. Its average over places is a small matrix.
"""

from __future__ import annotations

from inspatio_ros.model.codec import Codec
import torch
from torch import Tensor
from torch.nn import functional

# Latents of the video that is looked at: a whole block behind the first one.
_LATENTS, _SIDE = 4, 16
# Deviation of the latents and of their errors; that of a video is 1.
_NEAR, _ERROR = 0.3, 0.1
# Places over which errors are alike: those of a prediction are, those of noise are not.
_ALIKE = 3


@torch.no_grad()
def pixel_metric_root(codec: Codec, seed: int = 0) -> Tensor:
    """
    Return R such that the mean of |R e|^2 is the squared error of pixels, but for a factor.

    :param codec: frozen; its latents have variance 1.
    :param seed: of the latents and errors that it is measured with.
    :returns: (C, C) float32; the mean of its squares over the channels is 1.
    """
    rng = torch.Generator().manual_seed(seed)
    channels = codec.latent_channels
    # Near the mean picture: nothing of it is clipped.
    latents = _NEAR * torch.randn(1, _LATENTS, channels, _SIDE, _SIDE, generator=rng)
    fine = torch.randn(_LATENTS, 1, _SIDE, _SIDE, generator=rng)
    field = functional.avg_pool2d(fine, _ALIKE, 1, _ALIKE // 2)
    field *= _ERROR / field.std()
    still = codec.decode(latents)[0]
    changes = []
    for channel in range(channels):
        moved = latents.clone()
        moved[0, :, channel] += field[:, 0]
        changes.append((codec.decode(moved)[0] - still).flatten())
    changes_CP = torch.stack(changes).double()
    power, axes = torch.linalg.eigh(changes_CP @ changes_CP.T)
    root = torch.diag(power.clamp(min=0.0).sqrt()) @ axes.T
    return (root * (channels ** 0.5 / torch.linalg.matrix_norm(root))).float()
