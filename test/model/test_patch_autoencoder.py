# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The small autoencoder: a stream however it is cut, causal, begun from components, saved."""

from dataclasses import asdict, replace
import json
from pathlib import Path

from inspatio_ros.model.codec_config import PatchConfig
from inspatio_ros.model.patch_autoencoder import (
    load_patch_autoencoder, PatchAutoencoder, PatchCodec, save_patch_autoencoder, to_patches,
    whole_groups)
import pytest
from safetensors.torch import load, save_file
import torch

CONFIG = PatchConfig(16, 1, 2, 8, 1)


def network(seed: int = 0) -> PatchAutoencoder:
    """Return a network none of whose layers is without effect."""
    rng = torch.Generator().manual_seed(seed)
    made = PatchAutoencoder(CONFIG).eval().requires_grad_(False)
    for weight in made.parameters():
        weight.copy_(0.2 * torch.randn(weight.shape, generator=rng) / weight[0].numel() ** 0.5)
    made.mean_C11.copy_(torch.randn(16, 1, 1, generator=rng))
    made.std_C11.copy_(0.5 + torch.rand(16, 1, 1, generator=rng))
    return made


def video(frames: int, seed: int = 1, batch: int = 2) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.rand(batch, frames, 3, 16, 24, generator=rng) * 2.0 - 1.0


@pytest.mark.parametrize('per_pass', [1, 3])
def test_a_stream_is_the_same_however_it_is_cut(per_pass: int):
    whole, cut = PatchCodec(network(), 4), PatchCodec(network(), per_pass)
    frames = video(13)
    latents, _ = whole.encode(frames)
    assert latents.shape == (2, 4, 16, 2, 3)
    first, memory = cut.encode(frames[:, :5])
    rest, _ = cut.encode(frames[:, 5:], memory)
    torch.testing.assert_close(torch.cat([first, rest], 1), latents, atol=1e-6, rtol=1e-5)
    pictures, _ = whole.decode(latents)
    assert pictures.shape == frames.shape
    first, memory = cut.decode(latents[:, :1])
    rest, _ = cut.decode(latents[:, 1:], memory)
    torch.testing.assert_close(torch.cat([first, rest], 1), pictures, atol=1e-6, rtol=1e-5)


def test_no_frame_knows_of_later_ones():
    codec = PatchCodec(network())
    frames = video(9)
    other = torch.cat([frames[:, :5], video(4, seed=2)], 1)
    a, b = codec.encode(frames)[0], codec.encode(other)[0]
    assert torch.equal(a[:, :2], b[:, :2]) and not torch.equal(a[:, 2], b[:, 2])
    c, d = codec.decode(a)[0], codec.decode(b)[0]
    assert torch.equal(c[:, :5], d[:, :5]) and not torch.equal(c[:, 5:], d[:, 5:])


def test_a_later_latent_remembers_the_one_before():
    codec = PatchCodec(network())
    frames = video(9)
    other = torch.cat([video(5, seed=2), frames[:, 5:]], 1)
    assert not torch.equal(codec.encode(frames)[0][:, 2], codec.encode(other)[0][:, 2])


def test_patches_are_the_pixels_under_a_latent():
    frames = whole_groups(video(5), 4)
    assert torch.equal(frames[:, 0], frames[:, 3])
    patches = to_patches(frames, CONFIG).unflatten(0, (2, 2))
    under = frames[1, 4:8, :, 8:16, 16:24]
    assert torch.equal(patches[1, 1, :, 1, 2].sort().values, under.flatten().sort().values)


def test_principal_components_bring_back_what_lies_in_few_dimensions():
    """Video made of as many patterns as a latent has channels comes back exactly."""
    rng = torch.Generator().manual_seed(3)
    patterns = torch.randn(16, CONFIG.patch_values, generator=rng).clamp(-1, 1) * 0.04
    amounts = torch.randn(4, 16, 20, 20, generator=rng)
    patches = torch.einsum('bkhw,kv->bvhw', amounts, patterns)
    made = PatchAutoencoder(CONFIG).eval()
    frames = made.decoder.fine(torch.nn.functional.pixel_shuffle(
        patches.unflatten(1, (4, -1)).flatten(0, 1), 2))
    frames = torch.nn.functional.pixel_shuffle(frames, 4).unflatten(0, (4, 4)).detach()
    assert torch.equal(to_patches(frames, CONFIG), patches)
    made.begin_with(frames, noise=0.0)
    latents, _ = made.encode(frames, None)
    torch.testing.assert_close(made.decode(latents, None)[0], frames, atol=1e-4, rtol=1e-3)
    # Mixed, so that no channel is quieter than the others by much.
    spread = latents.std(dim=(0, 1, 3, 4))
    assert spread.max() < 3.0 * spread.min()


def test_neighbours_help_to_bring_back_what_latents_lack():
    """Least squares over neighbours leaves less error than a patch's own latent."""
    smooth = torch.nn.functional.avg_pool3d(video(24, batch=8).transpose(1, 2), (1, 5, 5), 1,
                                            (0, 2, 2)).transpose(1, 2)
    wide = torch.nn.functional.interpolate(smooth.flatten(0, 1), (64, 64), mode='bilinear')
    frames = wide.unflatten(0, (8, 24)).contiguous()
    errors = {}
    for alone in (True, False):
        made = PatchAutoencoder(CONFIG).eval()
        made.begin_with(frames)
        if alone:
            made.decoder.line.weight.data[:, :, [0, 2]] = 0.0
            made.decoder.line.weight.data[..., [0, 2]] = 0.0
            made.decoder.line.weight.data[:, 16:] = 0.0
        found, _ = made.decode(made.encode(frames, None)[0], None)
        errors[alone] = float((found - frames).square().mean().detach())
    assert errors[False] < 0.9 * errors[True]


def test_noise_that_is_expected_does_less_harm():
    frames = whole_groups(video(21, batch=24), 4)
    found = {}
    for expected in (0.0, 0.3):
        made = PatchAutoencoder(CONFIG).eval()
        made.begin_with(frames, noise=expected)
        raw = made.encode(frames, None)[0]
        off = 0.3 * raw.std() * torch.randn(raw.shape, generator=torch.Generator().manual_seed(0))
        off = made.decode(raw + off, None)[0] - frames
        found[expected] = float(off.square().mean().detach())
    assert found[0.3] < found[0.0]


def test_too_little_video_to_begin_with_is_refused():
    with pytest.raises(ValueError, match='24 patches are too few'):
        PatchAutoencoder(CONFIG).begin_with(whole_groups(video(5), 4))


def test_a_file_says_its_sizes_and_gives_the_same_network(tmp_path: Path):
    path = tmp_path / 'codec.safetensors'
    path.write_bytes(save_patch_autoencoder(network(), {'steps': '7'}))
    loaded = load_patch_autoencoder(path)
    assert loaded.config == CONFIG
    frames = video(5)
    assert torch.equal(PatchCodec(loaded).encode(frames)[0],
                       PatchCodec(network()).encode(frames)[0])


def test_files_of_something_else_are_refused(tmp_path: Path):
    path = tmp_path / 'codec.safetensors'
    with pytest.raises(ValueError, match='codec.safetensors'):
        load_patch_autoencoder(path)
    path.write_bytes(b'no weights')
    with pytest.raises(ValueError, match='codec.safetensors'):
        load_patch_autoencoder(path)
    save_file({'x': torch.zeros(1)}, path)
    with pytest.raises(ValueError, match='says nothing of the sizes'):
        load_patch_autoencoder(path)
    data = save_patch_autoencoder(network(), {})
    state = load(data)
    del state['mean_C11']
    save_file(state, path, {'config': json.dumps(asdict(CONFIG))})
    with pytest.raises(ValueError, match='1 missing: mean_C11'):
        load_patch_autoencoder(path)


@pytest.mark.parametrize('sizes', [{'width': 0}, {'spatial_factor': 3}, {'fine_width': -1}])
def test_impossible_sizes_are_refused(sizes: dict):
    with pytest.raises(ValueError, match='sizes must be'):
        replace(CONFIG, **sizes)
