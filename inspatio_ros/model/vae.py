# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Wan2.1's causal video autoencoder, as a stream.

Latent 0 stands for frame 0, latent j for frames 4j-3..4j. Encoder and decoder take any number of
whole groups at a time: the first call 1 + 4k frames (k + 1 latents), each later one 4k frames
(k latents). However a video is cut, the result is that of the whole.

Shapes: B batch, C channels, T frames or latents, H height, W width, N = B T.
Frames are in [-1, 1]. Decoded ones are not clamped, latents not normalised: see `codec`.
"""

from __future__ import annotations

from inspatio_ros.model.codec_config import UpRule, VaeConfig
from inspatio_ros.model.memory import Memory, Tape, with_past
import torch
from torch import nn, Tensor
from torch.nn import functional as F

# The norm of a pixel's channels is at least this; see RmsNorm.
SMALLEST_NORM = 1e-12


class WanVae(nn.Module):
    """
    Encoder and decoder of the Wan VAE; keys are those of the public checkpoint.

    :param config: sizes.
    """

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.conv1 = nn.Conv3d(2 * config.z_dim, 2 * config.z_dim, 1)
        self.conv2 = nn.Conv3d(config.z_dim, config.z_dim, 1)
        self.decoder = Decoder(config)

    def encode(self, frames_BCTHW: Tensor, past: Memory | None) -> tuple[Tensor, Memory]:
        """
        Encode the next frames of a video.

        :param frames_BCTHW: (B, 3, T, H, W) in [-1, 1]; T = 1 + 4k without a past, else 4k.
        :param past: what the call before returned; None = the video starts here.
        :returns: (B, z_dim, k or k + 1, H/8, W/8) means of the latents; memory for the next call.
        """
        tape = Tape(past)
        moments = self.encoder(frames_BCTHW, tape)
        # The other half is the log-variance, which nobody reads.
        rows, bias = slice(self.config.z_dim), self.conv1.bias
        assert bias is not None
        return F.conv3d(moments, self.conv1.weight[rows], bias[rows]), tape.memory()

    def decode(self, latents_BCTHW: Tensor, past: Memory | None,
               rule: UpRule = 'original') -> tuple[Tensor, Memory]:
        """
        Decode the next latents of a video.

        :param latents_BCTHW: (B, z_dim, T, h, w).
        :param past: what the call before returned; None = the video starts here.
        :param rule: see codec_config; all calls of one video must use the same.
        :returns: (B, 3, 4 T, 8 h, 8 w) frames, three fewer without a past; memory.
        """
        tape = Tape(past)
        frames = self.decoder(self.conv2(latents_BCTHW), tape, rule)
        return frames, tape.memory()


class CausalConv(nn.Conv3d):
    """
    A 3x3x3 convolution that sees the current frame and the two before, zeros before the first.

    :param width_in, width_out: channels.
    """

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__(width_in, width_out, 3, padding=(0, 1, 1))

    def forward(self, x_BCTHW: Tensor, tape: Tape) -> Tensor:  # type: ignore[override]
        seen = with_past(tape.take(), x_BCTHW, 2)
        tape.keep(seen[:, :, -2:])
        return super().forward(seen)


class RmsNorm(nn.Module):
    """
    Scale the channels of each pixel to root mean square gamma.

    The norm is taken in float32 whatever the input is; its reciprocal is limited to what the
    input's type can hold, so that a pixel of zeros stays zero in float16 too.

    :param width: channels.
    :param axes: axes after the channels: 3 for video, 2 for pictures.
    """

    def __init__(self, width: int, axes: int = 3) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width, *[1] * axes))

    def forward(self, x_BC: Tensor) -> Tensor:
        norm = torch.linalg.vector_norm(x_BC, dim=1, keepdim=True, dtype=torch.float32)
        scale = self.gamma.shape[0] ** 0.5 / norm.clamp_min(SMALLEST_NORM)
        return x_BC * scale.clamp_max(torch.finfo(x_BC.dtype).max).to(x_BC.dtype) * self.gamma


class ResBlock(nn.Module):
    """
    Two normed causal convolutions beside a shortcut.

    :param width_in, width_out: channels.
    """

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            RmsNorm(width_in), nn.SiLU(), CausalConv(width_in, width_out),
            RmsNorm(width_out), nn.SiLU(), nn.Identity(), CausalConv(width_out, width_out))
        self.shortcut = nn.Identity() if width_in == width_out else nn.Conv3d(
            width_in, width_out, 1)

    def forward(self, x_BCTHW: Tensor, tape: Tape) -> Tensor:
        return run(self.residual, x_BCTHW, tape) + self.shortcut(x_BCTHW)


class FrameAttention(nn.Module):
    """
    One head of attention among the pixels of each frame.

    :param width: channels.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = RmsNorm(width, axes=2)
        self.to_qkv = nn.Conv2d(width, 3 * width, 1)
        self.proj = nn.Conv2d(width, width, 1)

    def forward(self, x_BCTHW: Tensor) -> Tensor:
        x_NCHW = frames_to_batch(x_BCTHW)
        height = x_NCHW.shape[2]
        q, k, v = (part.flatten(2).transpose(1, 2).unsqueeze(1)
                   for part in self.to_qkv(self.norm(x_NCHW)).chunk(3, 1))
        mixed_NPC = F.scaled_dot_product_attention(q, k, v).squeeze(1)
        mixed_NCHW = mixed_NPC.transpose(1, 2).unflatten(2, (height, -1))
        return x_BCTHW + batch_to_frames(self.proj(mixed_NCHW), x_BCTHW.shape[0])


class Down(nn.Module):
    """
    Halve height and width, and the frame rate if asked.

    :param width: channels.
    :param temporal: whether the rate is halved: the first frame passes, then pairs make one.
    """

    def __init__(self, width: int, temporal: bool) -> None:
        super().__init__()
        self.resample = nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)),
                                      nn.Conv2d(width, width, 3, stride=2))
        self.time_conv = nn.Conv3d(width, width, (3, 1, 1), stride=(2, 1, 1)) if temporal else None

    def forward(self, x_BCTHW: Tensor, tape: Tape) -> Tensor:
        x = batch_to_frames(self.resample(frames_to_batch(x_BCTHW)), x_BCTHW.shape[0])
        if self.time_conv is None:
            return x
        last = tape.take()
        tape.keep(x[:, :, -1:])
        if last is not None:
            return self.time_conv(torch.cat([last, x], 2))
        if x.shape[2] == 1:
            return x
        return torch.cat([x[:, :, :1], self.time_conv(x)], 2)


class Up(nn.Module):
    """
    Double height and width, and the frame rate if asked; halves the channels.

    :param width: channels that come in.
    :param temporal: whether each frame but the video's first becomes two.
    :param first: whether it is the decoder's first: the only one that UpRule is about.
    """

    def __init__(self, width: int, temporal: bool, first: bool = False) -> None:
        super().__init__()
        self.resample = nn.Sequential(nn.Upsample(scale_factor=2.0, mode='nearest'),
                                      nn.Conv2d(width, width // 2, 3, padding=1))
        self.time_conv = nn.Conv3d(width, 2 * width, (3, 1, 1)) if temporal else None
        self.first = first

    def forward(self, x_BCTHW: Tensor, tape: Tape, rule: UpRule) -> Tensor:
        x = x_BCTHW if self.time_conv is None else self._double(x_BCTHW, tape, rule)
        return batch_to_frames(self.resample(frames_to_batch(x)), x.shape[0])

    def _double(self, x_BCTHW: Tensor, tape: Tape, rule: UpRule) -> Tensor:
        past = tape.take()
        if past is not None:
            return self._double_later(x_BCTHW, past, tape, rule)
        # The video's first frame stays single, and the convolution never sees it.
        nothing = torch.zeros_like(x_BCTHW[:, :, :1]).expand(-1, -1, 2, -1, -1)
        first, later = x_BCTHW[:, :, :1], x_BCTHW[:, :, 1:]
        if later.shape[2] == 0:
            tape.keep(nothing)
            return first
        return torch.cat([first, self._double_later(later, nothing, tape, rule)], 2)

    def _double_later(self, x_BCTHW: Tensor, past_BC2HW: Tensor, tape: Tape,
                      rule: UpRule) -> Tensor:
        assert self.time_conv is not None
        if rule == 'published' and self.first:
            return self._double_as_published(x_BCTHW, past_BC2HW, tape)
        seen = torch.cat([past_BC2HW, x_BCTHW], 2)
        tape.keep(seen[:, :, -2:])
        return interleave(self.time_conv(seen))

    def _double_as_published(self, x_BCTHW: Tensor, past_BC2HW: Tensor, tape: Tape) -> Tensor:
        """Frame by frame; the frame before also takes the place of the one before that."""
        assert self.time_conv is not None
        doubled = []
        for frame in x_BCTHW.split(1, 2):
            doubled.append(self.time_conv(torch.cat([past_BC2HW, frame], 2)))
            before = torch.where(past_BC2HW[:, :, 1:] == 0, 0.0, frame)
            past_BC2HW = torch.cat([before, frame], 2)
        tape.keep(past_BC2HW)
        return interleave(torch.cat(doubled, 2))


class Encoder(nn.Module):
    """
    Frames to the moments of latents.

    :param config: sizes.
    """

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        self.conv1 = CausalConv(3, config.dim)
        layers: list[nn.Module] = []
        width = config.dim
        for level, level_width in enumerate(config.widths):
            for _ in range(config.num_res_blocks):
                layers.append(ResBlock(width, level_width))
                width = level_width
            if level < len(config.temporal_downsample):
                layers.append(Down(width, config.temporal_downsample[level]))
        self.downsamples = nn.Sequential(*layers)
        self.middle = middle(width)
        self.head = nn.Sequential(RmsNorm(width), nn.SiLU(), CausalConv(width, 2 * config.z_dim))

    def forward(self, frames_BCTHW: Tensor, tape: Tape) -> Tensor:
        x = self.conv1(frames_BCTHW, tape)
        for part in (self.downsamples, self.middle, self.head):
            x = run(part, x, tape)
        return x


class Decoder(nn.Module):
    """
    Latents to frames.

    :param config: sizes.
    """

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        width = config.widths[-1]
        self.conv1 = CausalConv(config.z_dim, width)
        self.middle = middle(width)
        upsample = config.temporal_downsample[::-1]
        layers: list[nn.Module] = []
        for level, level_width in enumerate(config.widths[::-1]):
            for _ in range(config.num_res_blocks + 1):
                layers.append(ResBlock(width, level_width))
                width = level_width
            if level < len(upsample):
                layers.append(Up(width, upsample[level], first=level == 0))
                width //= 2
        self.upsamples = nn.Sequential(*layers)
        self.head = nn.Sequential(RmsNorm(width), nn.SiLU(), CausalConv(width, 3))

    def forward(self, latents_BCTHW: Tensor, tape: Tape, rule: UpRule) -> Tensor:
        x = run(self.middle, self.conv1(latents_BCTHW, tape), tape)
        return run(self.head, run(self.upsamples, x, tape, rule), tape)


def middle(width: int) -> nn.Sequential:
    """Return the layers at the coarsest level."""
    return nn.Sequential(ResBlock(width, width), FrameAttention(width), ResBlock(width, width))


def run(layers: nn.Sequential, x_BCTHW: Tensor, tape: Tape, rule: UpRule = 'original') -> Tensor:
    """Run layers in their order; those that remember get the tape."""
    for layer in layers:
        if isinstance(layer, Up):
            x_BCTHW = layer(x_BCTHW, tape, rule)
        elif isinstance(layer, (CausalConv, ResBlock, Down)):
            x_BCTHW = layer(x_BCTHW, tape)
        else:
            x_BCTHW = layer(x_BCTHW)
    return x_BCTHW


def frames_to_batch(x_BCTHW: Tensor) -> Tensor:
    """Return (B T, C, H, W): every frame a picture. No copy if channels are last in memory."""
    return x_BCTHW.transpose(1, 2).flatten(0, 1)


def batch_to_frames(x_NCHW: Tensor, batch: int) -> Tensor:
    """Undo frames_to_batch."""
    return x_NCHW.unflatten(0, (batch, -1)).transpose(1, 2)


def interleave(pairs_BCTHW: Tensor) -> Tensor:
    """
    Lay two frames that share a place in time one after the other.

    :param pairs_BCTHW: (B, 2 C, T, H, W); the first C channels are the earlier frame.
    :returns: (B, C, 2 T, H, W).
    """
    return pairs_BCTHW.unflatten(1, (2, -1)).permute(0, 2, 3, 1, 4, 5).flatten(2, 3)
