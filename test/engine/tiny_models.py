# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tiny generator with random weights, at a size that a busy core paints in no time."""

from dataclasses import replace

from inspatio_ros.engine.star import StarEngine
from inspatio_ros.engine.stream import StarModels
from inspatio_ros.model.codec import TaehvCodec, WanCodec
from inspatio_ros.model.codec_config import TINY_TAEHV, TINY_VAE
from inspatio_ros.model.config import BlockShape, STAR_TINY
from inspatio_ros.model.dit import CausalDit
from inspatio_ros.model.taehv import Taehv
from inspatio_ros.model.vae import WanVae
import torch

HEIGHT, WIDTH = 64, 96


def tiny_codec(kind: str, device: str = 'cpu'):
    """Return an autoencoder with random weights."""
    torch.manual_seed(3)
    if kind == 'taehv':
        return TaehvCodec(Taehv(TINY_TAEHV).eval().to(device))
    return WanCodec(WanVae(replace(TINY_VAE, dim=4)).eval().to(device))


def tiny_models(kind: str = 'taehv', block_latents: int = 3, device: str = 'cpu') -> StarModels:
    """Return a generator of 64x96 pictures."""
    torch.set_num_threads(1)
    config = replace(STAR_TINY, dit=replace(STAR_TINY.dit, dim=64, ffn_dim=128, layers=2),
                     shape=BlockShape.for_video(HEIGHT, WIDTH, block_latents))
    dit = CausalDit.empty(config.dit).randomise(0).to(device)
    text = torch.randn(1, 5, config.dit.text_dim, generator=torch.Generator().manual_seed(1))
    return StarModels(config, tiny_codec(kind, device), text,
                      lambda wanted: StarEngine(dit, wanted))
