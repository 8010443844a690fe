# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The video autoencoders and the text encoder against vectors of the published program.

Each part is a function of a folder that returns the largest absolute difference. The
autoencoders are compared twice: a video at once, and cut into pieces.

Shapes: B batch, T frames, F latents, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from inspatio_ros.evaluation.vectors import difference, largest, load_vectors, Vectors
from inspatio_ros.model.codec import TaehvCodec, WanCodec
from inspatio_ros.model.codec_config import T5Config, TaehvConfig, UpRule, VaeConfig
from inspatio_ros.model.memory import Memory
from inspatio_ros.model.taehv import Taehv
from inspatio_ros.model.text import buckets, pad_rows, T5Encoder
from inspatio_ros.model.vae import WanVae
import torch
from torch import nn, Tensor

Network = TypeVar('Network', bound=nn.Module)
# What the vectors call the two rules of the first temporal up-sampling.
SUFFIXES: dict[UpRule, str] = {'original': '_upstream', 'published': ''}


@torch.no_grad()
def vae(folder: Path) -> float:
    """Compare the Wan VAE: encoding, and decoding by the original rule."""
    return largest(_vae(folder, 'original'))


@torch.no_grad()
def vae_published(folder: Path) -> float:
    """Compare the Wan VAE: encoding, and decoding by the rule of the published program."""
    return largest(_vae(folder, 'published'))


@torch.no_grad()
def taehv(folder: Path) -> float:
    """Compare TAEHV, its latents aligned as in the published program."""
    v = load_vectors(folder, 'taehv_vectors')
    network = _load(folder, 'taehv', lambda w: Taehv(TaehvConfig.from_dict(w.setting('tae'))))
    whole = TaehvCodec(network, 'published', latents_per_pass=1 << 20)
    pieces = TaehvCodec(network, 'published')
    return largest([*_taehv_encoding(v, whole, ''), *_taehv_encoding(v, pieces, '_sequential'),
                    *_taehv_decoding(v, whole, ''), *_taehv_decoding(v, pieces, '_sequential')])


@torch.no_grad()
def t5(folder: Path) -> float:
    """Compare the text encoder: buckets of distances, all rows, and what the denoiser gets."""
    v = load_vectors(folder, 't5_vectors')
    network = _load(folder, 't5', lambda w: T5Encoder(T5Config.from_dict(w.setting('t5'))))
    ids, mask = v['ids'], v['mask']
    length = ids.shape[1]
    hidden = network(ids, mask)
    return largest([difference(buckets(length, network.config), v['bucket_row0']),
                    difference(hidden, v['encoder_out']),
                    difference(pad_rows(hidden, mask, length), v['prompt_embeds'])])


def _load(folder: Path, name: str, build: Callable[[Vectors], Network]) -> Network:
    weights = load_vectors(folder, f'{name}_weights')
    with torch.device('meta'):
        network = build(weights)
    try:
        network.load_state_dict(weights.tensors, strict=True, assign=True)
    except RuntimeError as error:
        raise ValueError(f'{weights.path}: {error}') from None
    return network.eval()


def _vae(folder: Path, rule: UpRule) -> Iterator[float]:
    v = load_vectors(folder, 'vae_vectors')
    mean, std = tuple(v['mean'].tolist()), tuple(v['std'].tolist())
    network = _load(folder, 'vae', lambda w: WanVae(
        replace(VaeConfig.from_dict(w.setting('vae')), mean=mean, std=std)))
    for (case,), latents_BCFHW in v.matching(r'(.+)\.latent'):
        if f'{case}.video' in v.tensors:
            yield from _vae_encoding(v, case, network)
        raw_BCFHW = latents_BCFHW * v['std'].view(-1, 1, 1, 1) + v['mean'].view(-1, 1, 1, 1)
        suffix = SUFFIXES[rule]
        whole_BCTHW, _ = network.decode(raw_BCFHW, None, rule)
        yield difference(whole_BCTHW, v[f'{case}.decoded{suffix}'])
        # Equal for both rules when shorter than four latents, hence not always stored.
        stream = [v[f'{case}.stream{suffix}_part{i}'] for i in (1, 2)
                  if f'{case}.stream{suffix}_part{i}' in v.tensors]
        past: Memory | None = None
        for wanted in stream:
            count = -(-wanted.shape[2] // network.config.temporal_factor)
            piece, raw_BCFHW = raw_BCFHW[:, :, :count], raw_BCFHW[:, :, count:]
            got, past = network.decode(piece, past, rule)
            yield difference(got, wanted)


def _vae_encoding(v: Vectors, case: str, network: WanVae) -> Iterator[float]:
    video_BCTHW = v[f'{case}.video']
    group = network.config.temporal_factor
    # Frames that fill no group after the first belong to no latent.
    used_BCTHW = video_BCTHW[:, :, :1 + (video_BCTHW.shape[2] - 1) // group * group]
    mu, _ = network.encode(used_BCTHW, None)
    yield difference(mu, v[f'{case}.mu'])
    latents_BFCHW, _ = WanCodec(network).encode(used_BCTHW.transpose(1, 2))
    yield difference(latents_BFCHW.transpose(1, 2), v[f'{case}.latent'])


def _taehv_encoding(v: Vectors, codec: TaehvCodec, suffix: str) -> Iterator[float]:
    for (case,), video in v.matching(r'(.*?)\.?video'):
        prefix = f'{case}.' if case else ''
        # Cases named pm1 hold videos as the VAE takes them: (B, C, T, H, W) in -1..1.
        frames = (video * 0.5 + 0.5).clamp(0.0, 1.0).transpose(1, 2) if (
            case.startswith('pm1')) else video
        stored = f'{prefix}latent{suffix}'
        latents, _ = codec.encode(frames)
        yield difference(latents, v[stored if stored in v.tensors else f'{prefix}latent'])


def _taehv_decoding(v: Vectors, codec: TaehvCodec, suffix: str) -> Iterator[float]:
    for (case,), latents in v.matching(r'(.*?)\.?latent'):
        prefix = f'{case}.' if case else ''
        stored = f'{prefix}decoded{suffix}'
        frames, _ = codec.decode(latents)
        yield difference(frames, v[stored if stored in v.tensors else f'{prefix}decoded'])
        if f'{prefix}decoded_raw' in v.tensors:
            raw: Tensor = codec.taehv.decode(latents, None)[0]
            yield difference(raw, v[f'{prefix}decoded_raw'])
