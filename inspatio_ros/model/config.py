# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Sizes of the denoiser and of the blocks it paints.

Every number that other code needs follows from these fields; nothing else spells one out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

# Pixels per latent along each axis, of every autoencoder that shares these latents.
PIXELS_PER_LATENT = 8


@dataclass(frozen=True)
class DitConfig:
    """
    Sizes of a causal DiT.

    :param dim: width of a token.
    :param heads, layers: counts.
    :param ffn_dim: width inside the MLP of a layer.
    :param freq_dim: length of the sinusoidal time vector.
    :param text_dim: width of a row from the text encoder.
    :param text_len: rows of text that cross attention sees, padding included.
    :param in_channels: latent, mask and render channels together.
    :param out_channels: latent channels.
    :param patch: latent rows and columns of a token.
    :param eps: of all norms.
    :raises ValueError: sizes that contradict each other.
    """

    dim: int
    heads: int
    layers: int
    ffn_dim: int
    freq_dim: int
    text_dim: int
    text_len: int
    in_channels: int = 36
    out_channels: int = 16
    patch: tuple[int, int] = (2, 2)
    eps: float = 1e-6

    def __post_init__(self) -> None:
        for name in ('dim', 'heads', 'layers', 'ffn_dim', 'text_dim', 'text_len', 'out_channels'):
            if getattr(self, name) < 1:
                raise ValueError(f'{name} must be at least 1, got {getattr(self, name)}')
        if min(self.patch) < 1:
            raise ValueError(f'patch must be at least 1x1, got {self.patch}')
        if self.dim % (2 * self.heads):
            raise ValueError(f'dim must be divisible by twice the heads (rotary pairs), got '
                             f'{self.dim} and {self.heads} heads')
        if self.freq_dim < 2 or self.freq_dim % 2:
            raise ValueError(f'freq_dim must be even and positive, got {self.freq_dim}')
        if self.mask_channels < 0:
            raise ValueError(f'in_channels must hold two latents of {self.out_channels} channels, '
                             f'got {self.in_channels}')

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> DitConfig:
        """
        Return the config that the JSON of a checkpoint or vector file describes.

        :raises ValueError: a variant of the network that this one is not, or a missing field.
        """
        for name, supported in (('qk_norm', True), ('cross_attn_norm', True),
                                ('model_type', 't2v')):
            if fields.get(name, supported) != supported:
                raise ValueError(f'{name} {fields[name]!r} is not supported, only {supported!r}')
        patch = tuple(fields.get('patch_size', (1, 2, 2)))
        if len(patch) != 3 or patch[0] != 1:
            raise ValueError(f'patch_size must be (1, rows, columns), got {patch}')
        try:
            return cls(fields['dim'], fields['num_heads'], fields['num_layers'],
                       fields['ffn_dim'], fields['freq_dim'], fields['text_dim'],
                       fields['text_len'], fields['in_dim'], fields['out_dim'],
                       (patch[1], patch[2]), fields.get('eps', 1e-6))
        except KeyError as error:
            raise ValueError(f'the config of a DiT lacks {error}') from None

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.dim // self.heads

    @property
    def condition_channels(self) -> int:
        """Mask and render channels, in this order, behind the latent's."""
        return self.in_channels - self.out_channels

    @property
    def mask_channels(self) -> int:
        """Channels of the packed mask."""
        return self.in_channels - 2 * self.out_channels

    @property
    def rope_pairs(self) -> tuple[int, int, int]:
        """Rotary pairs of a head along time, height and width."""
        pairs = self.head_dim // 2
        return pairs - 2 * (pairs // 3), pairs // 3, pairs // 3


@dataclass(frozen=True)
class BlockShape:
    """
    What one block is made of.

    The frames of a block lie at fixed rotary positions, whatever was generated before: the
    reference at 0 .. K-1, then the history blocks from the oldest to the newest, then the
    current block. A history that is still too short leaves its oldest positions unused.

    The rows of the K/V cache are [current | reference | newest history | ... | oldest history],
    so that whatever is there is one contiguous piece from row 0 on.

    :param height, width: of the latents; multiples of the patch.
    :param block_latents: K, latent frames painted together.
    :param history_blocks: how many earlier blocks are seen, at least 0.
    :param patch: latent rows and columns of a token.
    :raises ValueError: a size that is not divisible, a count out of range.
    """

    height: int
    width: int
    block_latents: int = 3
    history_blocks: int = 1
    patch: tuple[int, int] = (2, 2)

    def __post_init__(self) -> None:
        for name, size, patch in (('height', self.height, self.patch[0]),
                                  ('width', self.width, self.patch[1])):
            if size < patch or size % patch:
                raise ValueError(f'latent {name} must be a positive multiple of {patch}, '
                                 f'got {size}')
        if self.block_latents < 1:
            raise ValueError(f'block_latents must be at least 1, got {self.block_latents}')
        if self.history_blocks < 0:
            raise ValueError(f'history_blocks must be at least 0, got {self.history_blocks}')

    @property
    def video(self) -> tuple[int, int]:
        """(height, width) of the video, pixels."""
        return self.height * PIXELS_PER_LATENT, self.width * PIXELS_PER_LATENT

    @classmethod
    def for_video(cls, height: int, width: int, block_latents: int = 3,
                  history_blocks: int = 1) -> BlockShape:
        """
        Return the blocks of a video.

        :param height, width: pixels, multiples of 16.
        :raises ValueError: a size that is no multiple of 16.
        """
        step = 2 * PIXELS_PER_LATENT
        for name, size in (('height', height), ('width', width)):
            if size < step or size % step:
                raise ValueError(f'video {name} must be a positive multiple of {step} pixels, '
                                 f'got {size}')
        return cls(height // PIXELS_PER_LATENT, width // PIXELS_PER_LATENT, block_latents,
                   history_blocks)

    @property
    def grid(self) -> tuple[int, int]:
        """Token rows and columns of a latent frame."""
        return self.height // self.patch[0], self.width // self.patch[1]

    @property
    def frame_tokens(self) -> int:
        """Tokens of one latent frame."""
        return self.grid[0] * self.grid[1]

    @property
    def block_tokens(self) -> int:
        """Tokens of a block."""
        return self.block_latents * self.frame_tokens

    @property
    def context_blocks(self) -> int:
        """Blocks of context: reference and history."""
        return 1 + self.history_blocks

    @property
    def cache_tokens(self) -> int:
        """Rows of the K/V cache."""
        return (1 + self.context_blocks) * self.block_tokens

    @property
    def current_position(self) -> int:
        """Rotary time position of the first frame that is being painted."""
        return self.context_blocks * self.block_latents

    @property
    def cache_positions(self) -> tuple[int, ...]:
        """Rotary time position of every latent frame, in the order of the cache rows."""
        newest_first = range(self.history_blocks, 0, -1)
        starts = (self.context_blocks, 0, *newest_first)
        return tuple(start * self.block_latents + i
                     for start in starts for i in range(self.block_latents))


@dataclass(frozen=True)
class StarConfig:
    """
    A generator: network, blocks and the steps from noise to a picture.

    :param dit: the network.
    :param shape: of a block.
    :param steps: list values from 1000 down, before they are warped by the schedule.
    :param fills: whether it was trained on renders whose holes are filled, with what earlier
        frames show and then from their far side, and so gets such ones; else they are black. The
        mask tells in both cases.
    :param fps: frames per second that it was trained on.
    :param composes: whether pixels that the render shows are taken from it, and only the others
        from the generator; of these, far from all that is known, only what is right in the large.
    """

    dit: DitConfig
    shape: BlockShape
    steps: tuple[int, ...] = (1000, 750, 500, 250)
    fills: bool = False
    composes: bool = False
    fps: float = 24.0

    def with_video(self, height: int, width: int) -> StarConfig:
        """
        Return the same generator for another size of the video, pixels.

        :raises ValueError: a size that is no multiple of 16.
        """
        return replace(self, shape=BlockShape.for_video(
            height, width, self.shape.block_latents, self.shape.history_blocks))


STAR_1_3B = StarConfig(DitConfig(1536, 12, 30, 8960, 256, 4096, 512), BlockShape(60, 104))
# The same graph for machines without an accelerator: 6.2 million weights, a block of 12 frames at
# 320x192 in 0.42 s on two cores (both steps, without the codec). Its prompt is empty: one row of
# padding stands for all.
STAR_TINY = StarConfig(DitConfig(256, 4, 6, 768, 64, 64, 8), BlockShape(24, 40), (1000, 500),
                       fps=15.0)

STAR_PRESETS = {'1.3b': STAR_1_3B, 'tiny': STAR_TINY}


def star_preset(name: str, steps: Sequence[int] = (), history_blocks: int = -1,
                fills: bool = False, composes: bool = False, block_latents: int = 0) -> StarConfig:
    """
    Return a preset by its name.

    :param steps: instead of its own; none = its own.
    :param history_blocks: likewise; -1 = its own.
    :param fills, composes: see `StarConfig`.
    :param block_latents: instead of its own; 0 = its own.
    :raises ValueError: no such preset, a number out of range.
    """
    if name not in STAR_PRESETS:
        raise ValueError(f'no preset {name!r}; there are {", ".join(STAR_PRESETS)}')
    star = replace(STAR_PRESETS[name], fills=fills, composes=composes)
    if steps:
        star = replace(star, steps=tuple(steps))
    if history_blocks >= 0:
        star = replace(star, shape=replace(star.shape, history_blocks=history_blocks))
    if block_latents:
        star = replace(star, shape=replace(star.shape, block_latents=block_latents))
    return star
