# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Both autoencoders behind one interface: counts, ranges, streams and alignment."""

from collections.abc import Callable

from inspatio_ros.model.codec import channels_last, Codec, TaehvCodec, WanCodec
from inspatio_ros.model.codec_config import TaehvConfig, VaeConfig
from inspatio_ros.model.taehv import Taehv
from inspatio_ros.model.vae import WanVae
import pytest
import torch

Make = Callable[..., Codec]
Z = 4


def wan(**options) -> WanCodec:
    torch.manual_seed(0)
    config = VaeConfig(4, Z, (1, 2, 4, 4), 1, (False, True, True), (0.5,) * Z, (2.0,) * Z)
    return WanCodec(WanVae(config).eval().requires_grad_(False), **options)


def tiny(**options) -> TaehvCodec:
    torch.manual_seed(0)
    taehv = Taehv(TaehvConfig(16, (8, 8, 4, 4), Z)).eval().requires_grad_(False)
    return TaehvCodec(taehv, **options)


both = pytest.mark.parametrize('make', [wan, tiny])


def in_calls(step, video: torch.Tensor, sizes: list[int]) -> torch.Tensor:
    past, done = None, []
    for piece in video.split(sizes, 1):
        out, past = step(piece, past)
        done.append(out)
    return torch.cat(done, 1)


@both
def test_a_stream_has_the_bits_of_the_whole(make: Make):
    codec = make()
    frames, latents = torch.rand(1, 13, 3, 16, 24), torch.randn(1, 4, Z, 2, 3)
    whole = codec.encode(frames)[0]
    assert whole.shape == latents.shape
    assert torch.equal(in_calls(codec.encode, frames, [9, 4]), whole)
    assert torch.equal(in_calls(codec.encode, frames, [1, 4, 8]), whole)
    decoded = codec.decode(latents)[0]
    assert decoded.shape == frames.shape
    assert torch.equal(in_calls(codec.decode, latents, [3, 1]), decoded)


@both
@pytest.mark.parametrize('latents_per_pass', [2, 3, 9])
def test_larger_passes_differ_by_rounding(make: Make, latents_per_pass: int):
    small, large = make(), make(latents_per_pass=latents_per_pass)
    frames, latents = torch.rand(1, 13, 3, 16, 16), torch.randn(1, 4, Z, 2, 2)
    for name, video in (('encode', frames), ('decode', latents)):
        torch.testing.assert_close(getattr(large, name)(video)[0], getattr(small, name)(video)[0],
                                   rtol=0.0, atol=1e-5)


@both
def test_counts(make: Make):
    codec = make()
    assert (codec.spatial_factor, codec.temporal_factor, codec.latent_channels) == (8, 4, Z)
    assert [codec.frames_of(3, first) for first in (True, False)] == [9, 12]


@both
def test_decoded_frames_are_in_range(make: Make):
    codec = make()
    low, high = codec.value_range
    frames, _ = codec.decode(50 * torch.randn(1, 2, Z, 2, 2))
    assert frames.min() >= low and frames.max() <= high


def test_latents_are_normalised():
    codec = wan()
    frames = torch.rand(1, 5, 3, 16, 16)
    mu, _ = codec.vae.encode(frames.transpose(1, 2), None)
    torch.testing.assert_close(codec.encode(frames)[0], (mu.transpose(1, 2) - 0.5) / 2.0)


def test_taehv_latents_cover_the_frames_of_wan():
    codec = tiny()
    frames = torch.rand(1, 9, 3, 16, 16)
    before = codec.encode(frames)[0]
    for frame, first_changed in ((0, 0), (1, 1), (4, 1), (5, 2), (8, 2)):
        changed = frames.clone()
        changed[:, frame] = 1.0 - frames[:, frame]
        same = (codec.encode(changed)[0] == before).flatten(2).all(-1)[0].tolist()
        assert same.index(False) == first_changed, f'frame {frame}'


def test_taehv_alignment_of_the_published_program():
    codec = tiny(alignment='published')
    frames = torch.rand(1, 6, 3, 16, 16)
    latents, _ = codec.encode(frames)
    filled = torch.cat([frames, frames[:, -1:].expand(-1, 2, -1, -1, -1)], 1)
    assert latents.shape[1] == 2 and torch.equal(codec.encode(filled)[0], latents)
    assert torch.equal(in_calls(codec.encode, frames, [4, 2]), latents)


@both
def test_pictures_survive_the_way_to_frames_and_back(make: Make):
    codec = make()
    rgb = torch.arange(256, dtype=torch.uint8).repeat(3).view(1, 16, 16, 3)
    frames = codec.frames_from_rgb8(rgb)
    assert frames.shape == (1, 1, 3, 16, 16)
    assert (float(frames.min()), float(frames.max())) == pytest.approx(codec.value_range)
    assert torch.equal(codec.rgb8_from_frames(frames), rgb)
    assert codec.rgb8_from_frames(frames * 9 + 9).max() == 255


@both
def test_channels_last_changes_the_layout_alone(make: Make):
    codec, other = make(), make()
    assert channels_last(other.network) is other.network
    frames = torch.rand(1, 5, 3, 16, 16)
    torch.testing.assert_close(other.encode(frames)[0], codec.encode(frames)[0], atol=1e-5,
                               rtol=0.0)
    weights = [w for w in other.network.parameters() if w.ndim == 4 and w.shape[-1] == 3]
    assert all(w.is_contiguous(memory_format=torch.channels_last) for w in weights)


@both
@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_half_precision(make: Make, dtype: torch.dtype):
    codec = make()
    half = type(codec)(codec.network.to(dtype))
    latents, memory = half.encode(torch.rand(1, 5, 3, 16, 16))
    frames, _ = half.decode(latents)
    assert latents.dtype == frames.dtype == dtype and frames.isfinite().all()
    assert {tensor.dtype for tensor in memory.tensors} == {dtype}


@both
def test_a_runtime_may_replace_the_passes(make: Make):
    codec = make()
    seen = []
    plain = codec.decode_pass

    def counted(latents, past):
        seen.append((latents.shape[1], past is None))
        return plain(latents, past)

    codec.decode_pass = counted
    codec.decode(torch.randn(1, 3, Z, 2, 2))
    assert seen == [(1, True), (1, False), (1, False)]


@both
def test_wrong_counts_and_sizes(make: Make):
    codec = make()
    _, past = codec.encode(torch.rand(1, 1, 3, 16, 16))
    for frames, memory, wrong in (
            (torch.rand(1, 4, 3, 16, 16), None, '1 [+] a multiple of 4, got 4'),
            (torch.rand(1, 0, 3, 16, 16), None, 'multiple of 4, got 0'),
            (torch.rand(1, 0, 3, 16, 16), past, 'multiple of 4, got 0'),
            (torch.rand(1, 5, 3, 16, 16), past, 'next frames .* multiple of 4, got 5'),
            (torch.rand(1, 1, 3, 16, 12), None, 'multiples of 8, got 16x12'),
            (torch.rand(1, 1, 3, 0, 16), None, 'multiples of 8, got 0x16'),
            (torch.rand(1, 3, 1, 16, 16), None, r'are \(B, T, 3, H, W\), got'),
            (torch.rand(1, 3, 16, 16), None, r'are \(B, T, 3, H, W\), got')):
        with pytest.raises(ValueError, match=wrong):
            codec.encode(frames, memory)
    with pytest.raises(ValueError, match='latents are'):
        codec.decode(torch.randn(1, Z, 3, 2, 2))
    with pytest.raises(ValueError, match='nothing to code'):
        codec.decode(torch.randn(1, 0, Z, 2, 2))
    with pytest.raises(ValueError, match='latents_per_pass must be at least 1, got 0'):
        make(latents_per_pass=0)


def test_nothing_to_encode_in_the_published_alignment():
    with pytest.raises(ValueError, match='got 0'):
        tiny(alignment='published').encode(torch.rand(1, 0, 3, 16, 16))
