# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
TAEHV, the small video autoencoder on the Wan VAE's normalised latents, as a stream.

Both halves work on whole groups of frames (four per latent), so that nothing is pending between
two calls but the last input of each memory block. Which frames make a group is up to the
caller; `codec` repeats the first frame, so that latents stand for the same frames as the VAE's.

Shapes: B batch, C channels, T frames or latents, H height, W width, N = B T (frames of one
video side by side). RGB is in [0, 1].
"""

from __future__ import annotations

from inspatio_ros.model.codec_config import TaehvConfig
from inspatio_ros.model.memory import Memory, Tape
import torch
from torch import nn, Tensor
from torch.nn import functional as F

# Latents pass LIMIT tanh(z / LIMIT) on their way into the decoder.
LIMIT = 3.0
MEMORY_BLOCKS = 3


class Taehv(nn.Module):
    """
    Encoder and decoder of TAEHV; keys are those of taew2_1.

    :param config: sizes.
    """

    def __init__(self, config: TaehvConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = encoder(config)
        self.decoder = decoder(config)

    def encode(self, frames_BTCHW: Tensor, past: Memory | None) -> tuple[Tensor, Memory]:
        """
        Encode the next groups of frames.

        :param frames_BTCHW: (B, 4k, 3, H, W) in [0, 1].
        :param past: what the call before returned; None = the video starts here.
        :returns: (B, k, C, H/8, W/8) normalised latents; memory for the next call.
        """
        return run(self.encoder, frames_BTCHW, past)

    def decode(self, latents_BTCHW: Tensor, past: Memory | None) -> tuple[Tensor, Memory]:
        """
        Decode the next latents.

        :param latents_BTCHW: (B, k, C, h, w), normalised.
        :param past: what the call before returned; None = the video starts here.
        :returns: (B, 4k, 3, 8 h, 8 w) frames, not clamped, the three before the video's first
            frame among them; memory for the next call.
        """
        return run(self.decoder, latents_BTCHW, past)


class Squash(nn.Module):
    """Keep latents within -LIMIT..LIMIT, smoothly."""

    def forward(self, x_NCHW: Tensor) -> Tensor:
        return torch.tanh(x_NCHW / LIMIT) * LIMIT


class MemoryBlock(nn.Module):
    """
    Three convolutions that see each frame and the one before it, beside a shortcut.

    :param width: channels.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(2 * width, width, 3, padding=1), nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1))

    def forward(self, x_NCHW: Tensor, batch: int, tape: Tape) -> Tensor:
        x_BTCHW = x_NCHW.unflatten(0, (batch, -1))
        last = tape.take()
        first = torch.zeros_like(x_BTCHW[:, :1]) if last is None else last
        tape.keep(x_BTCHW[:, -1:])
        before_NCHW = torch.cat([first, x_BTCHW[:, :-1]], 1).flatten(0, 1)
        return F.relu(self.conv(torch.cat([x_NCHW, before_NCHW], 1)) + x_NCHW)


class TimePool(nn.Module):
    """
    Make one frame of several.

    :param width: channels.
    :param stride: how many.
    """

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv = nn.Conv2d(stride * width, width, 1, bias=False)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        return self.conv(x_NCHW.unflatten(0, (-1, self.stride)).flatten(1, 2))


class TimeGrow(nn.Module):
    """
    Make several frames of one.

    :param width: channels.
    :param stride: how many.
    """

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv = nn.Conv2d(width, stride * width, 1, bias=False)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        return self.conv(x_NCHW).unflatten(1, (self.stride, -1)).flatten(0, 1)


def encoder(config: TaehvConfig) -> nn.Sequential:
    """Return the layers from frames to latents."""
    width = config.encoder_width
    layers: list[nn.Module] = [nn.Conv2d(3, width, 3, padding=1), nn.ReLU()]
    for halve in config.encoder_time_downscale:
        layers += [TimePool(width, 2 if halve else 1),
                   nn.Conv2d(width, width, 3, stride=2, padding=1, bias=False),
                   *(MemoryBlock(width) for _ in range(MEMORY_BLOCKS))]
    return nn.Sequential(*layers, nn.Conv2d(width, config.latent_channels, 3, padding=1))


def decoder(config: TaehvConfig) -> nn.Sequential:
    """Return the layers from latents to frames."""
    widths = config.decoder_widths
    layers: list[nn.Module] = [
        Squash(), nn.Conv2d(config.latent_channels, widths[0], 3, padding=1), nn.ReLU()]
    for step, (width, next_width) in enumerate(zip(widths, widths[1:])):
        layers += [*(MemoryBlock(width) for _ in range(MEMORY_BLOCKS)),
                   nn.Upsample(scale_factor=2.0 if config.decoder_space_upscale[step] else 1.0),
                   TimeGrow(width, 2 if config.decoder_time_upscale[step] else 1),
                   nn.Conv2d(width, next_width, 3, padding=1, bias=False)]
    return nn.Sequential(*layers, nn.ReLU(), nn.Conv2d(widths[-1], 3, 3, padding=1))


def run(layers: nn.Sequential, x_BTCHW: Tensor, past: Memory | None) -> tuple[Tensor, Memory]:
    """Run layers over all frames at once; those that remember get the tape."""
    tape = Tape(past)
    batch = x_BTCHW.shape[0]
    x_NCHW = x_BTCHW.flatten(0, 1)
    for layer in layers:
        if isinstance(layer, MemoryBlock):
            x_NCHW = layer(x_NCHW, batch, tape)
        else:
            x_NCHW = layer(x_NCHW)
    return x_NCHW.unflatten(0, (batch, -1)), tape.memory()


def grows_time(key: str) -> bool:
    """
    Return whether a key names the weight of a TimeGrow.

    A checkpoint may hold more rows there, for more frames than are wanted: the last ones count.
    """
    half, _, rest = key.partition('.')
    layer, _, parameter = rest.partition('.')
    return half == 'decoder' and layer.isdigit() and parameter == 'conv.weight'
