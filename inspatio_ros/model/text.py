# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
umT5's encoder: a prompt becomes the rows that the denoiser attends to.

Shapes: B prompts, L tokens, D width, N heads.
"""

from __future__ import annotations

from collections.abc import Sequence
import html
import logging
import math
from pathlib import Path
from typing import Any, Protocol

from inspatio_ros.model.codec_config import T5Config
import torch
from torch import nn, Tensor
from torch.nn import functional as F

_LOG = logging.getLogger(__name__)


class Tokenizer(Protocol):
    """What turns cleaned text into token ids, the end token included."""

    def __call__(self, text: str) -> list[int]: ...


class T5Encoder(nn.Module):
    """
    The encoder; keys are those of the public checkpoint.

    :param config: sizes.
    """

    def __init__(self, config: T5Config) -> None:
        super().__init__()
        self.config = config
        self.token_embedding = nn.Embedding(config.vocab, config.dim)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_layers))
        self.norm = RmsNorm(config.dim)

    def forward(self, ids_BL: Tensor, mask_BL: Tensor) -> Tensor:
        """
        Encode tokens.

        :param ids_BL: int64 token ids.
        :param mask_BL: nonzero = a token, 0 = padding, which nobody attends to.
        :returns: (B, L, D); rows at padding are computed as well and mean nothing.
        """
        bucket_LL = buckets(ids_BL.shape[1], self.config, ids_BL.device)
        padding_B11L = (mask_BL == 0)[:, None, None, :]
        x_BLD = self.token_embedding(ids_BL)
        for block in self.blocks:
            x_BLD = block(x_BLD, bucket_LL, padding_B11L)
        return self.norm(x_BLD)


class Block(nn.Module):
    """
    One layer: attention with relative positions, then a gated MLP.

    :param config: sizes.
    """

    def __init__(self, config: T5Config) -> None:
        super().__init__()
        self.norm1 = RmsNorm(config.dim)
        self.attn = Attention(config)
        self.norm2 = RmsNorm(config.dim)
        self.ffn = GatedMlp(config)
        self.pos_embedding = PositionBias(config)

    def forward(self, x_BLD: Tensor, bucket_LL: Tensor, padding_B11L: Tensor) -> Tensor:
        bias_NLL = self.pos_embedding(bucket_LL)
        x_BLD = finite(x_BLD + self.attn(self.norm1(x_BLD), bias_NLL, padding_B11L))
        return finite(x_BLD + self.ffn(self.norm2(x_BLD)))


class RmsNorm(nn.Module):
    """
    Scale each row to root mean square 1 in float32, then by a weight.

    :param dim: width.
    """

    def __init__(self, dim: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x_BLD: Tensor) -> Tensor:
        x32_BLD = x_BLD.float()
        scale_BL1 = torch.rsqrt(x32_BLD.square().mean(-1, keepdim=True) + self.eps)
        return (x32_BLD * scale_BL1).to(x_BLD.dtype) * self.weight


class Attention(nn.Module):
    """
    Attention whose logits are not scaled and get a bias per head and distance.

    :param config: sizes.
    """

    def __init__(self, config: T5Config) -> None:
        super().__init__()
        self.heads = config.num_heads
        self.q, self.k, self.v = (nn.Linear(config.dim, config.dim_attn, bias=False)
                                  for _ in range(3))
        self.o = nn.Linear(config.dim_attn, config.dim, bias=False)

    def forward(self, x_BLD: Tensor, bias_NLL: Tensor, padding_B11L: Tensor) -> Tensor:
        q, k, v = (linear(x_BLD).unflatten(2, (self.heads, -1)).transpose(1, 2)
                   for linear in (self.q, self.k, self.v))
        # In float32: without a scale the logits of a large model leave float16's range.
        logits_BNLL = q.float() @ k.float().mT + bias_NLL.float()
        lowest = torch.finfo(torch.float32).min
        weights = logits_BNLL.masked_fill(padding_B11L, lowest).softmax(-1).to(v.dtype)
        return self.o((weights @ v).transpose(1, 2).flatten(2))


class GatedMlp(nn.Module):
    """
    W2 (W1 x * gelu(Wg x)).

    :param config: sizes.
    """

    def __init__(self, config: T5Config) -> None:
        super().__init__()
        self.gate = nn.Sequential(nn.Linear(config.dim, config.dim_ffn, bias=False),
                                  nn.GELU(approximate='tanh'))
        self.fc1 = nn.Linear(config.dim, config.dim_ffn, bias=False)
        self.fc2 = nn.Linear(config.dim_ffn, config.dim, bias=False)

    def forward(self, x_BLD: Tensor) -> Tensor:
        return self.fc2(self.fc1(x_BLD) * self.gate(x_BLD))


class PositionBias(nn.Module):
    """
    A layer's own table of what a distance adds to the logits.

    :param config: sizes.
    """

    def __init__(self, config: T5Config) -> None:
        super().__init__()
        self.embedding = nn.Embedding(config.num_buckets, config.num_heads)

    def forward(self, bucket_LL: Tensor) -> Tensor:
        return self.embedding(bucket_LL).permute(2, 0, 1)


def buckets(length: int, config: T5Config, device: torch.device | None = None) -> Tensor:
    """
    Return which bucket each pair of positions falls into.

    Half of the buckets are for keys behind the query. In each half, half of the distances
    have a bucket of their own; the rest share buckets that widen with the logarithm.

    :returns: (L, L) int64, [query, key].
    """
    place = torch.arange(length, device=device)
    offset_LL = place[None, :] - place[:, None]
    half = config.num_buckets // 2
    exact = half // 2
    distance = offset_LL.abs()
    wide = exact + (torch.log(distance.clamp_min(1).float() / exact)
                    / math.log(config.max_distance / exact) * (half - exact)).long()
    near_or_far = torch.where(distance < exact, distance, wide.clamp_max(half - 1))
    return near_or_far + half * (offset_LL > 0)


def finite(x: Tensor) -> Tensor:
    """Return x; in float16, where sums of a large model overflow, without infinities."""
    if x.dtype != torch.float16:
        return x
    largest = torch.finfo(x.dtype).max
    return x.clamp(-largest, largest)


def encode_prompts(encoder: T5Encoder, tokenizer: Tokenizer, prompts: Sequence[str]) -> Tensor:
    """
    Return the rows that the denoiser gets for some prompts.

    Padding is added after encoding: nothing attends to it, so encoding it first, as the
    published program does, changes no row that is kept.

    :param prompts: as a user wrote them; empty ones are allowed. What does not fit into
        text_length tokens is cut off, and a warning says so.
    :returns: (B, text_length, D), zero behind each prompt's last token.
    """
    ids = [_fit(tokenizer(clean(prompt)), encoder.config) for prompt in prompts]
    lengths = [len(tokens) for tokens in ids]
    device = encoder.token_embedding.weight.device
    ids_BL = torch.zeros(len(ids), max(lengths, default=0), dtype=torch.int64)
    for row, tokens in zip(ids_BL, ids):
        row[:len(tokens)] = torch.tensor(tokens)
    mask_BL = torch.arange(ids_BL.shape[1]) < torch.tensor(lengths)[:, None]
    hidden_BLD = encoder(ids_BL.to(device), mask_BL.to(device))
    return pad_rows(hidden_BLD, mask_BL.to(device), encoder.config.text_length)


def pad_rows(hidden_BLD: Tensor, mask_BL: Tensor, length: int) -> Tensor:
    """
    Zero the rows behind each prompt and lengthen all to the same.

    :param mask_BL: nonzero = a token; tokens come before padding.
    :param length: rows wanted, at least L.
    :returns: (B, length, D).
    """
    count_B1 = (mask_BL != 0).sum(1, keepdim=True)
    place_L = torch.arange(hidden_BLD.shape[1], device=hidden_BLD.device)
    kept = torch.where((place_L < count_B1)[:, :, None], hidden_BLD, 0.0)
    return F.pad(kept, (0, 0, 0, length - kept.shape[1]))


def _fit(tokens: list[int], config: T5Config) -> list[int]:
    """Cut a prompt that is too long before its end token; refuse ids beyond the vocabulary."""
    if not tokens:
        raise ValueError('the tokenizer returned no token, not even the end of the prompt')
    if max(tokens) >= config.vocab:
        raise ValueError(f'the tokenizer returned token {max(tokens)}, the text encoder knows '
                         f'{config.vocab}: they belong to different models')
    if len(tokens) > config.text_length:
        _LOG.warning('the prompt has %d tokens: the last %d are ignored', len(tokens),
                     len(tokens) - config.text_length)
        tokens = tokens[:config.text_length - 1] + tokens[-1:]
    return tokens


def clean(prompt: str) -> str:
    """
    Return a prompt as the text encoder was trained on it.

    Broken Unicode is mended where ftfy is installed; without it, only a prompt that was
    decoded wrongly somewhere reads differently. HTML entities are undone twice, because texts
    from the web are often escaped twice.
    """
    try:
        from ftfy import fix_text
    except ImportError:
        _LOG.debug('ftfy is not installed: prompts are taken as they are')
    else:
        prompt = fix_text(prompt)
    return ' '.join(html.unescape(html.unescape(prompt)).split())


def load_tokenizer(folder: Path) -> Tokenizer:
    """
    Return the tokenizer of a local folder; nothing is ever downloaded.

    :param folder: google/umt5-xxl of the Wan2.1 release, or any Hugging Face tokenizer.
    :raises ValueError: the folder holds no tokenizer.
    :raises ImportError: transformers is missing.
    """
    if not folder.is_dir():
        raise ValueError(f'{folder}: no such folder; it should hold the tokenizer umt5-xxl')
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise ImportError('reading a tokenizer needs the package transformers: '
                          'pip install transformers sentencepiece') from error
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f'{folder}: no tokenizer: {error}') from error

    def tokens_of(text: str) -> list[int]:
        return list(tokenizer(text, add_special_tokens=True, verbose=False)['input_ids'])

    return tokens_of
