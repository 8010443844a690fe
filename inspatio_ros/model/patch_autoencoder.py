# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A small causal video autoencoder for two processor cores.

Nearly all of it works at the size of the latents. A straight line goes through it: the pixels of
a patch (8x8, four frames) through one matrix to the latent, and latents with their neighbours in
space and time through another one back. Principal components and least squares initialise it; the
convolutions beside it learn what that line gets wrong. Time costs little: a block sees a part of
the channels of the step before in place of its own.

Both halves work on whole groups of frames, as TAEHV does; `PatchCodec` repeats the first frame, so
that latents stand for the same frames as the Wan VAE's.

Shapes: B batch, T frames, F latents, C channels, H height, W width. RGB is in [-1, 1].
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
import json
from pathlib import Path
from typing import cast

from inspatio_ros.model.checkpoint import load
from inspatio_ros.model.codec import Codec
from inspatio_ros.model.codec_config import PatchConfig
from inspatio_ros.model.memory import Memory, Tape
from safetensors import safe_open, SafetensorError
from safetensors.torch import save
import torch
from torch import nn, Tensor
from torch.nn import functional

# Share of the channels that a block takes from the step before.
_SHIFTED = 4
# What keeps least squares solvable, as a share of the mean square of what pixels depend on.
_RIDGE = 1e-6


class ShiftBlock(nn.Module):
    """
    Two convolutions beside a shortcut that see some channels of the step before.

    :param width: channels.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.shifted = width // _SHIFTED
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        zeros(self.second)

    def forward(self, x_NCHW: Tensor, batch: int, tape: Tape) -> Tensor:
        x_BFCHW = x_NCHW.unflatten(0, (batch, -1))
        own = x_BFCHW[:, :, :self.shifted]
        last = tape.take()
        begin = torch.zeros_like(own[:, :1]) if last is None else last
        tape.keep(own[:, -1:])
        before = torch.cat([begin, own[:, :-1]], 1).flatten(0, 1)
        mixed = torch.cat([before, x_NCHW[:, self.shifted:]], 1)
        return x_NCHW + self.second(functional.silu(self.first(mixed)))


class FineBlock(nn.Module):
    """
    Two convolutions beside a shortcut, for single frames.

    :param outer, inner: channels.
    """

    def __init__(self, outer: int, inner: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(outer, inner, 3, padding=1)
        self.second = nn.Conv2d(inner, outer, 3, padding=1)
        zeros(self.second)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        return x_NCHW + self.second(functional.silu(self.first(x_NCHW)))


class PatchEncoder(nn.Module):
    """Frames to latents; see the head of the file."""

    def __init__(self, config: PatchConfig) -> None:
        super().__init__()
        self.config = config
        self.line = nn.Conv2d(config.patch_values, config.latent_channels, 1)
        self.enter = nn.Conv2d(config.patch_values, config.width, 1)
        self.blocks = nn.ModuleList(ShiftBlock(config.width)
                                    for _ in range(config.encoder_blocks))
        self.leave = nn.Conv2d(config.width, config.latent_channels, 3, padding=1)
        zeros(self.leave)

    def forward(self, frames_BTCHW: Tensor, tape: Tape) -> Tensor:
        batch = len(frames_BTCHW)
        patches = to_patches(frames_BTCHW, self.config)
        x = self.enter(patches)
        for block in self.blocks:
            x = block(x, batch, tape)
        latents: Tensor = self.line(patches) + self.leave(functional.silu(x))
        return latents.unflatten(0, (batch, -1))


class PatchDecoder(nn.Module):
    """Latents to frames; see the head of the file."""

    def __init__(self, config: PatchConfig) -> None:
        super().__init__()
        self.config = config
        self.line = nn.Conv2d(2 * config.latent_channels, config.patch_values, 3, padding=1)
        self.enter = nn.Conv2d(config.latent_channels, config.width, 3, padding=1)
        self.blocks = nn.ModuleList(ShiftBlock(config.width)
                                    for _ in range(config.decoder_blocks))
        self.leave = nn.Conv2d(config.width, config.patch_values, 1)
        zeros(self.leave)
        self.fine = nn.Sequential(*(FineBlock(config.fine_values, config.fine_width)
                                    for _ in range(config.fine_blocks)))

    def forward(self, latents_BFCHW: Tensor, tape: Tape) -> Tensor:
        pairs, features = self.features(latents_BFCHW, tape)
        patches = self.line(pairs) + self.leave(features)
        # One frame each, and four times as many pixels as there are latents.
        frames_NCHW = patches.unflatten(1, (self.config.temporal_factor, -1)).flatten(0, 1)
        fine = self.fine(functional.pixel_shuffle(frames_NCHW, 2))
        frames = functional.pixel_shuffle(fine, self.config.spatial_factor // 2)
        return frames.unflatten(0, (len(latents_BFCHW), -1))

    def features(self, latents_BFCHW: Tensor, tape: Tape) -> tuple[Tensor, Tensor]:
        """
        Return what pixels are a linear function of, but for the fine blocks.

        :returns: (B F, 2 C, h, w) latents beside those before; (B F, width, h, w).
        """
        batch = len(latents_BFCHW)
        last = tape.take()
        begin = torch.zeros_like(latents_BFCHW[:, :1]) if last is None else last
        tape.keep(latents_BFCHW[:, -1:])
        before = torch.cat([begin, latents_BFCHW[:, :-1]], 1)
        x = self.enter(latents_BFCHW.flatten(0, 1))
        for block in self.blocks:
            x = block(x, batch, tape)
        return torch.cat([latents_BFCHW, before], 2).flatten(0, 1), functional.silu(x)


class PatchAutoencoder(nn.Module):
    """
    Encoder, decoder, and mean and deviation of the latents.

    :param config: sizes.
    """

    def __init__(self, config: PatchConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = PatchEncoder(config)
        self.decoder = PatchDecoder(config)
        self.mean_C11: Tensor
        self.std_C11: Tensor
        self.register_buffer('mean_C11', torch.zeros(config.latent_channels, 1, 1))
        self.register_buffer('std_C11', torch.ones(config.latent_channels, 1, 1))

    def encode(self, frames_BTCHW: Tensor, past: Memory | None) -> tuple[Tensor, Memory]:
        """
        Encode the next groups of frames.

        :param frames_BTCHW: (B, 4k, 3, H, W) in [-1, 1].
        :param past: what the call before returned; None = the video starts here.
        :returns: (B, k, C, H/8, W/8) normalised latents; memory for the next call.
        """
        tape = Tape(past)
        raw = self.encoder(frames_BTCHW, tape)
        return (raw - self.mean_C11) / self.std_C11, tape.memory()

    def decode(self, latents_BFCHW: Tensor, past: Memory | None) -> tuple[Tensor, Memory]:
        """
        Decode the next latents.

        :param latents_BFCHW: (B, k, C, h, w), normalised.
        :param past: what the call before returned; None = the video starts here.
        :returns: (B, 4k, 3, 8 h, 8 w) frames, not clamped, the three before the video's first
            frame among them; memory for the next call.
        """
        tape = Tape(past)
        frames = self.decoder(latents_BFCHW * self.std_C11 + self.mean_C11, tape)
        return frames, tape.memory()

    @torch.no_grad()
    def begin_with(self, frames_BTCHW: Tensor, noise: float = 0.1) -> None:
        """
        Set the straight line to what suits some video best, and the rest to have no effect.

        The components are scaled by the root of their deviation and mixed, so that all latents
        vary equally and errors in what matters most still cost most.

        :param frames_BTCHW: (B, 4k, 3, H, W) in [-1, 1].
        :param noise: see `fit_decoder`.
        :raises ValueError: fewer patches than the line has numbers.
        """
        patches = to_patches(frames_BTCHW, self.config).movedim(1, -1).flatten(0, -2).double()
        if len(patches) < self.config.patch_values:
            raise ValueError(f'{len(patches)} patches are too few for {self.config.patch_values} '
                             'numbers each')
        mean = patches.mean(0)
        power, axes = torch.linalg.eigh(torch.cov((patches - mean).T))
        channels = self.config.latent_channels
        deviation = power[-channels:].clamp(min=1e-8).sqrt()
        down = _mixing(channels) @ torch.diag(deviation ** -0.5) @ axes[:, -channels:].T
        line = self.encoder.line
        assert line.bias is not None
        line.weight.copy_(down[..., None, None])
        line.bias.copy_(-down @ mean)
        self.fit_decoder([frames_BTCHW], noise)

    @torch.no_grad()
    def fit_decoder(self, videos: Iterable[Tensor], noise: float = 0.1) -> None:
        """
        Set the last layers of the decoder to the least squares solution for some video.

        The fine blocks are left without effect.

        :param videos: (B, 4k, 3, H, W) in [-1, 1] each.
        :param noise: deviation of the error that latents are going to have, as a share of theirs.
        """
        decoder, near = self.decoder, self.decoder.line.weight[0].numel()
        gram, moment = torch.zeros((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
        for frames in videos:
            raw = self.encoder(frames, Tape(None))
            pairs, features = decoder.features(raw, Tape(None))
            around = functional.unfold(pairs, 3, padding=1)
            x = torch.cat([around, features.flatten(2), torch.ones_like(around[:, :1])], 1)
            x = x.transpose(1, 2).flatten(0, 1).double()
            y = to_patches(frames, self.config).flatten(2).transpose(1, 2).flatten(0, 1).double()
            gram, moment = gram + x.T @ x, moment + x.T @ y
        power = gram.diagonal().clone()
        # Independent errors of what goes in add to its square, and to nothing else.
        gram.diagonal().add_(_RIDGE * power.mean())
        gram.diagonal()[:near].add_(noise ** 2 * power[:near])
        solved = torch.linalg.solve(gram, moment).T
        lines, leaves = solved[:, :-1].split([near, decoder.leave.weight.shape[1]], 1)
        assert decoder.line.bias is not None
        decoder.line.weight.copy_(lines.unflatten(1, decoder.line.weight.shape[1:]))
        decoder.line.bias.copy_(solved[:, -1])
        decoder.leave.weight.copy_(leaves[..., None, None])
        zeros_bias(decoder.leave)
        for block in decoder.fine:
            zeros(cast(FineBlock, block).second)


class PatchCodec(Codec):
    """
    The patch autoencoder as a codec; frames in [-1, 1].

    :param network: the weights.
    :param latents_per_pass: see Codec.
    """

    value_range = (-1.0, 1.0)

    def __init__(self, network: PatchAutoencoder, latents_per_pass: int = 1) -> None:
        super().__init__(network, network.config, latents_per_pass)
        self.autoencoder = network

    @property
    def latent_channels(self) -> int:
        """Channels of a latent."""
        return self.autoencoder.config.latent_channels

    def _encode(self, frames_BTCHW: Tensor, past: Memory | None) -> tuple[Tensor, Memory]:
        return self.autoencoder.encode(whole_groups(frames_BTCHW, self.temporal_factor), past)

    def _decode(self, latents_BFCHW: Tensor, past: Memory | None) -> tuple[Tensor, Memory]:
        frames, memory = self.autoencoder.decode(latents_BFCHW, past)
        before_first = self.temporal_factor - 1 if past is None else 0
        return frames[:, before_first:].clamp(-1.0, 1.0), memory


def whole_groups(frames_BTCHW: Tensor, size: int) -> Tensor:
    """Return frames with the first one repeated until they are whole groups of a size."""
    missing = -frames_BTCHW.shape[1] % size
    return torch.cat([frames_BTCHW[:, :1]] * missing + [frames_BTCHW], 1)


def to_patches(frames_BTCHW: Tensor, config: PatchConfig) -> Tensor:
    """Return the pixels of every latent as channels, (B F, values, h, w)."""
    fine = functional.pixel_unshuffle(frames_BTCHW.flatten(0, 1), config.spatial_factor // 2)
    frames_NCHW = functional.pixel_unshuffle(fine, 2)
    return frames_NCHW.unflatten(0, (-1, config.temporal_factor)).flatten(1, 2)


def zeros(layer: nn.Conv2d) -> None:
    """Let a layer begin without effect."""
    nn.init.zeros_(layer.weight)
    zeros_bias(layer)


def zeros_bias(layer: nn.Conv2d) -> None:
    """Let a layer add nothing of its own."""
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def _mixing(channels: int) -> Tensor:
    """Return an orthogonal matrix whose entries are all about equal: the cosine transform."""
    k = torch.arange(channels, dtype=torch.float64)
    matrix = torch.cos(torch.pi * (k + 0.5) * k[:, None] / channels) * (2.0 / channels) ** 0.5
    matrix[0] /= 2.0 ** 0.5
    return matrix


def save_patch_autoencoder(network: PatchAutoencoder, notes: dict[str, str]) -> bytes:
    """
    Return the file with a network's sizes and weights.

    :param notes: kept in it: where the weights come from.
    """
    state = {name: x.contiguous() for name, x in network.state_dict().items()}
    return save(state, {**notes, 'config': json.dumps(asdict(network.config))})


def load_patch_autoencoder(path: Path, device: torch.device | str = 'cpu',
                           dtype: torch.dtype | None = None) -> PatchAutoencoder:
    """
    Load a network of the sizes that its file says.

    :raises ValueError: no such file, damaged, another network's.
    """
    try:
        with safe_open(path, 'pt') as file:
            text = (file.metadata() or {}).get('config')
        if text is None:
            raise ValueError('says nothing of the sizes of a patch autoencoder')
        config = PatchConfig(**json.loads(text))
    except (OSError, SafetensorError, TypeError, ValueError) as error:
        raise ValueError(f'{path}: {error}') from error
    with torch.device('meta'):
        network = PatchAutoencoder(config)
    return load(network, [path], device, dtype)
