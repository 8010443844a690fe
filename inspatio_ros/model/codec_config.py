# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Sizes of the networks around the denoiser: video autoencoders and text encoder.

The constants at the end are those of the public releases. Everything else follows from the
fields: factors, widths and counts are properties, so that no other file spells them out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

# Which frames the first temporal up-sampling of the Wan decoder looks at. `original`: the two
# before, as the weights were trained. `published`: as the published program of the generator
# does from the fourth latent on, where the frame before stands in for the one before that.
UpRule = Literal['original', 'published']
# Which frames a TAEHV latent covers. `wan`: frame 0, then groups of four, as its own decoder,
# the Wan VAE and the packed mask have it. `published`: groups of four from frame 0 on.
Alignment = Literal['wan', 'published']

# Mean and standard deviation per latent channel, from the public Wan2.1 release: a latent that
# a denoiser sees is (mu - mean) / std.
WAN_LATENT_MEAN = (-0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508,
                   0.4134, -0.0715, 0.5517, -0.3632, -0.1922, -0.9497, 0.2503, -0.2921)
WAN_LATENT_STD = (2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743,
                  3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.9160)


@dataclass(frozen=True)
class VaeConfig:
    """
    Sizes of a Wan VAE.

    :param dim: width of the finest level.
    :param z_dim: latent channels.
    :param dim_mult: width of each level in units of dim, finest first.
    :param num_res_blocks: residual blocks per level of the encoder; the decoder has one more.
    :param temporal_downsample: for each step between levels, whether it halves the frame rate.
    :param mean, std: per latent channel; empty = 0 and 1.
    :raises ValueError: fields that contradict each other.
    """

    dim: int
    z_dim: int
    dim_mult: tuple[int, ...]
    num_res_blocks: int
    temporal_downsample: tuple[bool, ...]
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if len(self.temporal_downsample) != len(self.dim_mult) - 1:
            raise ValueError(f'{len(self.dim_mult)} levels have {len(self.dim_mult) - 1} steps '
                             f'between them, got {len(self.temporal_downsample)}')
        for name in ('mean', 'std'):
            values = getattr(self, name)
            if len(values) not in (0, self.z_dim):
                raise ValueError(f'{name} has {len(values)} values for {self.z_dim} channels')

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> VaeConfig:
        """
        Return the config that the JSON of a checkpoint or vector file describes.

        :raises ValueError: attention where Wan has none; a field is missing.
        """
        if fields.get('attn_scales'):
            raise ValueError(f'attn_scales {fields["attn_scales"]} is not supported, only []')
        # The misspelt name is that of the public configuration files.
        dim, z_dim, dim_mult, blocks, temporal = take(
            fields, 'dim', 'z_dim', 'dim_mult', 'num_res_blocks', 'temperal_downsample')
        return cls(dim, z_dim, tuple(dim_mult), blocks, tuple(temporal))

    @property
    def spatial_factor(self) -> int:
        """Pixels per latent along each axis."""
        return 2 ** len(self.temporal_downsample)

    @property
    def temporal_factor(self) -> int:
        """Frames per latent after the first."""
        return 2 ** sum(self.temporal_downsample)

    @property
    def widths(self) -> tuple[int, ...]:
        """Width of each level, finest first."""
        return tuple(self.dim * factor for factor in self.dim_mult)


@dataclass(frozen=True)
class TaehvConfig:
    """
    Sizes of a TAEHV, the small autoencoder that shares the Wan VAE's latents.

    :param encoder_width: of all levels.
    :param decoder_widths: of the four levels, coarsest first.
    :param latent_channels: as the VAE's.
    :param encoder_time_downscale: for each of the encoder's steps, whether it halves the rate.
    :param decoder_time_upscale: likewise for the decoder's.
    :param decoder_space_upscale: whether the step doubles height and width.
    :raises ValueError: an encoder and a decoder that do not fit together.
    """

    encoder_width: int
    decoder_widths: tuple[int, int, int, int]
    latent_channels: int
    encoder_time_downscale: tuple[bool, bool, bool] = (True, True, False)
    decoder_time_upscale: tuple[bool, bool, bool] = (False, True, True)
    decoder_space_upscale: tuple[bool, bool, bool] = (True, True, True)

    def __post_init__(self) -> None:
        if sum(self.encoder_time_downscale) != sum(self.decoder_time_upscale):
            raise ValueError(f'the encoder divides the rate by {self.temporal_factor}, the '
                             f'decoder multiplies it by {2 ** sum(self.decoder_time_upscale)}')
        if sum(self.decoder_space_upscale) != len(self.encoder_time_downscale):
            raise ValueError(f'the encoder divides the size by {self.spatial_factor}, the '
                             f'decoder multiplies it by {2 ** sum(self.decoder_space_upscale)}')

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> TaehvConfig:
        """
        Return the config that the JSON of a vector file describes.

        :raises ValueError: a variant with another picture layout; a field is missing.
        """
        for name, supported in (('patch_size', 1), ('image_channels', 3)):
            if fields.get(name, supported) != supported:
                raise ValueError(f'TAEHV with {name} {fields[name]} is not supported, '
                                 f'only {supported}')
        width, widths, channels, *steps = take(
            fields, 'enc_w', 'dec_w', 'latent_channels', 'encoder_time_downscale',
            'decoder_time_upscale', 'decoder_space_upscale')
        return cls(width, tuple(widths), channels, *map(tuple, steps))

    @property
    def spatial_factor(self) -> int:
        """Pixels per latent along each axis."""
        return 2 ** len(self.encoder_time_downscale)

    @property
    def temporal_factor(self) -> int:
        """Frames per latent after the first."""
        return 2 ** sum(self.encoder_time_downscale)


@dataclass(frozen=True)
class PatchConfig:
    """
    Sizes of the patch autoencoder, whose latents have the Wan VAE's layout and their own meaning.

    :param width: channels inside, at the size of the latents.
    :param encoder_blocks, decoder_blocks: counts.
    :param fine_width: channels inside the last blocks of the decoder, at twice that size.
    :param fine_blocks: how many of these.
    :param latent_channels: of the result.
    :param spatial_factor: pixels per latent along each axis, a multiple of 2.
    :param temporal_factor: frames per latent after the first.
    :raises ValueError: a size that does not fit.
    """

    width: int
    encoder_blocks: int
    decoder_blocks: int
    fine_width: int
    fine_blocks: int
    latent_channels: int = 16
    spatial_factor: int = 8
    temporal_factor: int = 4

    def __post_init__(self) -> None:
        if self.spatial_factor % 2 or min(self.width, self.fine_width, self.latent_channels,
                                          self.spatial_factor, self.temporal_factor) < 1:
            raise ValueError(f'sizes must be positive, the spatial factor even: {self}')

    @property
    def patch_values(self) -> int:
        """Numbers in the pixels that a latent stands for."""
        return 3 * self.temporal_factor * self.spatial_factor ** 2

    @property
    def fine_values(self) -> int:
        """Numbers in the pixels of one frame under a quarter of a latent."""
        return 3 * (self.spatial_factor // 2) ** 2


@dataclass(frozen=True)
class T5Config:
    """
    Sizes of an umT5 encoder.

    :param vocab: rows of the token embedding.
    :param dim: width of the text tokens.
    :param dim_attn: width of queries, keys and values, all heads together.
    :param dim_ffn: width inside the gated MLP.
    :param num_heads, num_layers: counts.
    :param num_buckets: rows of each relative position table.
    :param max_distance: token distance from which on all share one bucket.
    :param text_length: rows that the denoiser gets, padding included.
    """

    vocab: int
    dim: int
    dim_attn: int
    dim_ffn: int
    num_heads: int
    num_layers: int
    num_buckets: int = 32
    max_distance: int = 128
    text_length: int = 512

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> T5Config:
        """
        Return the config that the JSON of a checkpoint or vector file describes.

        :raises ValueError: one position table for all layers; a field is missing.
        """
        if fields.get('shared_pos', False):
            raise ValueError('shared_pos is true: that is T5, umT5 has a table per layer')
        return cls(*take(fields, 'vocab', 'dim', 'dim_attn', 'dim_ffn', 'num_heads',
                         'num_layers', 'num_buckets'))

    @property
    def head_dim(self) -> int:
        """Width of one head."""
        return self.dim_attn // self.num_heads


def take(fields: dict[str, Any], *names: str) -> list[Any]:
    """
    Return the values of some fields.

    :raises ValueError: one of them is missing.
    """
    missing = [name for name in names if name not in fields]
    if missing:
        raise ValueError(f'the configuration lacks {", ".join(missing)}; it has '
                         f'{", ".join(fields) or "nothing"}')
    return [fields[name] for name in names]


WAN_VAE = VaeConfig(96, 16, (1, 2, 4, 4), 2, (False, True, True),
                    WAN_LATENT_MEAN, WAN_LATENT_STD)
TAEW2_1 = TaehvConfig(64, (256, 128, 64, 64), 16)
UMT5_XXL = T5Config(256384, 4096, 4096, 10240, 64, 24)

# Same graphs with the same latents, for tests and machines without an accelerator.
TINY_VAE = VaeConfig(16, 16, (1, 2, 4, 4), 1, (False, True, True),
                     WAN_LATENT_MEAN, WAN_LATENT_STD)
TINY_TAEHV = TaehvConfig(16, (64, 32, 16, 16), 16)
TINY_PATCH = PatchConfig(128, 2, 3, 64, 1)
TINY_T5 = T5Config(512, 64, 64, 128, 4, 2)

VAE_PRESETS = {'1.3b': WAN_VAE, 'tiny': TINY_VAE}
TAEHV_PRESETS = {'1.3b': TAEW2_1, 'tiny': TINY_TAEHV}
T5_PRESETS = {'1.3b': UMT5_XXL, 'tiny': TINY_T5}
