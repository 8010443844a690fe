# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
One interface to the video autoencoders: frames in, normalised latents out, and back.

Both follow Wan's grouping: latent 0 stands for frame 0, latent j for frames 4j-3..4j. So the
first call of a stream takes 1 + 4k frames for k + 1 latents, each later one 4k frames for k
latents, and decoding gives the same counts back. What a codec remembers of a stream is a
`Memory` that the caller owns; None starts a new stream.

Shapes: B batch, T frames, F latents, C channels, H height, W width. Time comes before channels,
as the denoiser has it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

from inspatio_ros.model.codec_config import (
    Alignment, PatchConfig, TaehvConfig, UpRule, VaeConfig)
from inspatio_ros.model.memory import Memory
from inspatio_ros.model.taehv import Taehv
from inspatio_ros.model.vae import WanVae
import torch
from torch import nn, Tensor

Pass = Callable[[Tensor, 'Memory | None'], 'tuple[Tensor, Memory]']


class Codec(ABC):
    """
    A video autoencoder as a stream.

    One pass through the network takes `latents_per_pass` latents, or the frames of as many.
    With 1, the default, a stream has the same bits however it is cut, and memory stays small;
    with more there are fewer and larger kernels, and equality up to rounding.

    `encode_pass` and `decode_pass` depend on nothing but their arguments and the weights, and
    all shapes stay the same from the second pass on: a runtime may put a compiled form or a
    captured graph in their place.

    :param network: the weights, on their device and in their type.
    :param latents_per_pass: at least 1.
    :raises ValueError: latents_per_pass below 1.
    """

    value_range: ClassVar[tuple[float, float]]

    def __init__(self, network: nn.Module, config: VaeConfig | TaehvConfig | PatchConfig,
                 latents_per_pass: int) -> None:
        if latents_per_pass < 1:
            raise ValueError(f'latents_per_pass must be at least 1, got {latents_per_pass}')
        weight = next(network.parameters())
        self.network = network
        self.device, self.dtype = weight.device, weight.dtype
        self.spatial_factor = config.spatial_factor
        self.temporal_factor = config.temporal_factor
        self.latents_per_pass = latents_per_pass
        self.encode_pass: Pass = self._encode
        self.decode_pass: Pass = self._decode

    @property
    @abstractmethod
    def latent_channels(self) -> int:
        """Channels of a latent."""

    @abstractmethod
    def _encode(self, frames_BTCHW: Tensor, past: Memory | None) -> tuple[Tensor, Memory]: ...

    @abstractmethod
    def _decode(self, latents_BFCHW: Tensor, past: Memory | None) -> tuple[Tensor, Memory]: ...

    def encode(self, frames_BTCHW: Tensor, past: Memory | None = None) -> tuple[Tensor, Memory]:
        """
        Encode the next frames of a stream.

        :param frames_BTCHW: (B, T, 3, H, W) in value_range; T = 1 + 4k in the first call, else
            4k; H and W are multiples of spatial_factor.
        :param past: the memory that the call before returned; None = a new stream.
        :returns: (B, F, C, H / 8, W / 8) normalised latents; memory for the next call.
        :raises ValueError: a count or a size that does not fit.
        """
        self._check_frames(frames_BTCHW, past is None)
        group = self.temporal_factor * self.latents_per_pass
        head = self._head() if past is None else 0
        frames = frames_BTCHW.to(self.device, self.dtype)
        return in_passes(self.encode_pass, pieces(frames, head, group), past)

    def decode(self, latents_BFCHW: Tensor, past: Memory | None = None) -> tuple[Tensor, Memory]:
        """
        Decode the next latents of a stream.

        :param latents_BFCHW: (B, F, C, h, w), normalised, F at least 1.
        :param past: the memory that the call before returned; None = a new stream.
        :returns: (B, frames_of(F), 3, 8 h, 8 w) in value_range, clamped; memory for the next.
        :raises ValueError: no latents, or of another shape.
        """
        if latents_BFCHW.ndim != 5 or latents_BFCHW.shape[2] != self.latent_channels:
            raise ValueError(f'latents are (B, F, {self.latent_channels}, h, w), got '
                             f'{tuple(latents_BFCHW.shape)}')
        latents = latents_BFCHW.to(self.device, self.dtype)
        return in_passes(self.decode_pass, pieces(latents, 0, self.latents_per_pass), past)

    def frames_of(self, latents: int, first: bool) -> int:
        """
        Return how many frames some latents stand for.

        :param first: whether the stream starts with them.
        """
        return self.temporal_factor * latents - (self.temporal_factor - 1 if first else 0)

    def frames_from_rgb8(self, rgb_THW3: Tensor) -> Tensor:
        """
        Return pictures as a batch of one video.

        :param rgb_THW3: uint8, (T, H, W, 3).
        :returns: (1, T, 3, H, W) in value_range, on the codec's device, in its type.
        """
        low, high = self.value_range
        frames = rgb_THW3.to(self.device).to(torch.float32) * ((high - low) / 255.0) + low
        return frames.permute(0, 3, 1, 2).unsqueeze(0).to(self.dtype)

    def rgb8_from_frames(self, frames_1TCHW: Tensor) -> Tensor:
        """
        Undo frames_from_rgb8, rounding to the nearest.

        :param frames_1TCHW: (1, T, 3, H, W) in value_range; what lies outside is clamped.
        :returns: uint8, (T, H, W, 3), on the same device.
        """
        low, high = self.value_range
        scaled = (frames_1TCHW.squeeze(0).float() - low) * (255.0 / (high - low))
        return scaled.round().clamp(0.0, 255.0).to(torch.uint8).permute(0, 2, 3, 1)

    def _check_frames(self, frames_BTCHW: Tensor, first: bool) -> None:
        if frames_BTCHW.ndim != 5 or frames_BTCHW.shape[2] != 3:
            raise ValueError(f'frames are (B, T, 3, H, W), got {tuple(frames_BTCHW.shape)}')
        count, _, height, width = frames_BTCHW.shape[1:]
        if height % self.spatial_factor or width % self.spatial_factor or 0 in (height, width):
            raise ValueError(f'height and width must be multiples of {self.spatial_factor}, '
                             f'got {height}x{width}')
        self._check_count(count, first)

    def _head(self) -> int:
        """Return how many frames a stream's first pass takes; 0 = as many as the others."""
        return self.frames_of(self.latents_per_pass, first=True)

    def _check_count(self, count: int, first: bool) -> None:
        """Refuse a number of frames that are no whole groups."""
        wanted, rest = ('1 + ', 1) if first else ('', 0)
        if count < 1 or (count - rest) % self.temporal_factor:
            place = 'first' if first else 'next'
            raise ValueError(f'the {place} frames of a stream are {wanted}a multiple of '
                             f'{self.temporal_factor}, got {count}')


class WanCodec(Codec):
    """
    The Wan VAE; frames in [-1, 1].

    :param vae: the network.
    :param rule: `published` = the deviation of the published program, to compare with it.
    :param latents_per_pass: see Codec.
    """

    value_range = (-1.0, 1.0)

    def __init__(self, vae: WanVae, rule: UpRule = 'original', latents_per_pass: int = 1) -> None:
        super().__init__(vae, vae.config, latents_per_pass)
        channels = vae.config.z_dim
        self.vae, self.rule = vae, rule
        self.mean_C11 = self._per_channel(vae.config.mean or (0.0,) * channels)
        self.std_C11 = self._per_channel(vae.config.std or (1.0,) * channels)

    @property
    def latent_channels(self) -> int:
        """Channels of a latent."""
        return self.vae.config.z_dim

    def _per_channel(self, values: tuple[float, ...]) -> Tensor:
        return torch.tensor(values, device=self.device, dtype=torch.float32).view(-1, 1, 1)

    def _encode(self, frames_BTCHW: Tensor, past: Memory | None) -> tuple[Tensor, Memory]:
        mu_BCFHW, memory = self.vae.encode(frames_BTCHW.transpose(1, 2), past)
        latents = (mu_BCFHW.transpose(1, 2).float() - self.mean_C11) / self.std_C11
        return latents.to(mu_BCFHW.dtype), memory

    def _decode(self, latents_BFCHW: Tensor, past: Memory | None) -> tuple[Tensor, Memory]:
        raw = (latents_BFCHW.float() * self.std_C11 + self.mean_C11).to(latents_BFCHW.dtype)
        frames_BCTHW, memory = self.vae.decode(raw.transpose(1, 2), past, self.rule)
        return frames_BCTHW.clamp(-1.0, 1.0).transpose(1, 2), memory


class TaehvCodec(Codec):
    """
    TAEHV; frames in [0, 1].

    Its encoder makes a latent of any four frames, its decoder and the packed mask count as Wan
    does. With the `wan` alignment the first frame is therefore given four times, just as
    the mask's first frame is, and latent j covers the frames that decoding it gives back.
    `published` groups from frame 0 on, three frames ahead of the decoder, and repeats the last
    frame where a group is not full: to compare with the published program, and only that.

    :param taehv: the network.
    :param alignment: see above.
    :param latents_per_pass: see Codec.
    """

    value_range = (0.0, 1.0)

    def __init__(self, taehv: Taehv, alignment: Alignment = 'wan',
                 latents_per_pass: int = 1) -> None:
        super().__init__(taehv, taehv.config, latents_per_pass)
        self.taehv, self.alignment = taehv, alignment

    @property
    def latent_channels(self) -> int:
        """Channels of a latent."""
        return self.taehv.config.latent_channels

    def _encode(self, frames_BTCHW: Tensor, past: Memory | None) -> tuple[Tensor, Memory]:
        # Short of whole groups only where a stream starts (wan) or ends (published).
        missing = -frames_BTCHW.shape[1] % self.temporal_factor
        if self.alignment == 'wan':
            parts = [frames_BTCHW[:, :1]] * missing + [frames_BTCHW]
        else:
            parts = [frames_BTCHW] + [frames_BTCHW[:, -1:]] * missing
        return self.taehv.encode(torch.cat(parts, 1), past)

    def _decode(self, latents_BFCHW: Tensor, past: Memory | None) -> tuple[Tensor, Memory]:
        frames_BTCHW, memory = self.taehv.decode(latents_BFCHW, past)
        before_first = self.temporal_factor - 1 if past is None else 0
        return frames_BTCHW[:, before_first:].clamp(0.0, 1.0), memory

    def _check_count(self, count: int, first: bool) -> None:
        if self.alignment == 'wan' or count < 1:
            super()._check_count(count, first)

    def _head(self) -> int:
        return super()._head() if self.alignment == 'wan' else 0


def pieces(x_BTCHW: Tensor, head: int, size: int) -> list[Tensor]:
    """
    Cut a video along time.

    :param head: frames of the first piece; 0 = as many as the others.
    :param size: frames of the others; the last may be shorter.
    """
    if not head:
        return list(x_BTCHW.split(size, 1))
    later = x_BTCHW[:, head:]
    return [x_BTCHW[:, :head], *(later.split(size, 1) if later.shape[1] else ())]


def in_passes(step: Pass, parts: list[Tensor], past: Memory | None) -> tuple[Tensor, Memory]:
    """
    Run the pieces of a video one after the other.

    :returns: the results along time; the last memory.
    :raises ValueError: nothing to run.
    """
    done = []
    for part in parts:
        if part.shape[1] == 0:
            raise ValueError(f'nothing to code: a video of shape {tuple(part.shape)}')
        out, past = step(part, past)
        done.append(out)
    assert past is not None
    return (torch.cat(done, 1) if len(done) > 1 else done[0]), past


def channels_last(network: nn.Module) -> nn.Module:
    """
    Lay the weights of all convolutions out with the channels last, in place.

    Convolutions then keep their activations that way, which is what tensor cores want.

    :returns: the network.
    """
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    for weight in network.parameters():
        if weight.ndim in formats:
            weight.data = weight.data.contiguous(memory_format=formats[weight.ndim])
    return network
