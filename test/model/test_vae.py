# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The Wan VAE: its keys, its vectors, and that a stream gives what the whole video gives.

Networks that take several latents at once round differently; test_codec asks for equal bits.
"""

import json
from pathlib import Path

from inspatio_ros.evaluation import parity_codec
from inspatio_ros.model.codec_config import TINY_VAE, UpRule, VaeConfig, WAN_VAE
from inspatio_ros.model.memory import Memory
from inspatio_ros.model.vae import RmsNorm, WanVae
import pytest
import torch

SMALL = VaeConfig(4, 3, (1, 2, 4, 4), 1, (False, True, True))


@pytest.fixture
def vae() -> WanVae:
    torch.manual_seed(0)
    return WanVae(SMALL).eval().requires_grad_(False)


def test_keys_and_shapes_are_those_of_the_release(shared_dir: Path):
    facts = json.loads((shared_dir / 'parity/facts/vae_wan21.json').read_text())
    with torch.device('meta'):
        state = WanVae(WAN_VAE).state_dict()
    assert len(state) == facts['num_tensors'] == 194
    assert {key: list(weight.shape) for key, weight in state.items()} == facts['keys']
    assert sum(weight.numel() for weight in state.values()) == facts['num_parameters']


@pytest.mark.parametrize('part', [parity_codec.vae, parity_codec.vae_published])
def test_vectors(shared_dir: Path, part):
    assert part(shared_dir / 'parity') <= 2e-5


def decode_in(vae: WanVae, latents: torch.Tensor, sizes: list[int], rule: UpRule):
    past, frames = None, []
    for piece in latents.split(sizes, 2):
        out, past = vae.decode(piece, past, rule)
        frames.append(out)
    return torch.cat(frames, 2), past


@pytest.mark.parametrize('sizes', [[1] * 5, [2, 3], [4, 1], [1, 4]])
@pytest.mark.parametrize('rule', ['original', 'published'])
def test_decoding_does_not_depend_on_the_cut(vae: WanVae, sizes: list[int], rule: UpRule):
    latents = torch.randn(2, 3, 5, 2, 3, generator=torch.Generator().manual_seed(1))
    whole, _ = decode_in(vae, latents, [5], rule)
    cut, _ = decode_in(vae, latents, sizes, rule)
    assert whole.shape == (2, 3, 17, 16, 24)
    torch.testing.assert_close(cut, whole, rtol=0.0, atol=1e-5)


@pytest.mark.parametrize('sizes', [[1, 4, 4, 4], [5, 8], [9, 4], [1, 12]])
def test_encoding_does_not_depend_on_the_cut(vae: WanVae, sizes: list[int]):
    frames = torch.rand(2, 3, 13, 16, 24, generator=torch.Generator().manual_seed(1)) * 2 - 1
    whole, _ = vae.encode(frames, None)
    past, latents = None, []
    for piece in frames.split(sizes, 2):
        out, past = vae.encode(piece, past)
        latents.append(out)
    assert whole.shape == (2, 3, 4, 2, 3)
    torch.testing.assert_close(torch.cat(latents, 2), whole, rtol=0.0, atol=1e-5)


def test_latents_see_nothing_of_later_frames(vae: WanVae):
    frames = torch.rand(1, 3, 9, 16, 16)
    later = frames.clone()
    later[:, :, 5:] = 0.0
    a, b = vae.encode(frames, None)[0], vae.encode(later, None)[0]
    assert torch.equal(a[:, :, :2], b[:, :, :2]) and not torch.equal(a[:, :, 2], b[:, :, 2])


def test_the_published_rule_differs_from_the_fourth_latent_on(vae: WanVae):
    latents = torch.randn(1, 3, 5, 2, 2)
    original, published = (decode_in(vae, latents, [5], rule)[0]
                           for rule in ('original', 'published'))
    torch.testing.assert_close(original[:, :, :9], published[:, :, :9], rtol=0.0, atol=1e-5)
    assert (original[:, :, 9:] - published[:, :, 9:]).abs().amax() > 1e-3


def test_the_memory_keeps_its_shape_and_holds_nothing_else(vae: WanVae):
    latents = torch.randn(1, 3, 3, 2, 2)
    memories = [decode_in(vae, latents[:, :, :sum(sizes)], sizes, 'original')[1]
                for sizes in ([1], [1, 2], [1, 1, 1], [3])]
    for tensors in zip(*(memory.tensors for memory in memories)):
        assert len({tensor.shape for tensor in tensors}) == 1
        assert all(tensor.untyped_storage().nbytes() == tensor.nbytes for tensor in tensors)


def test_two_streams_do_not_disturb_each_other(vae: WanVae):
    latents = torch.randn(2, 1, 3, 3, 2, 2)
    alone = [decode_in(vae, one, [1, 1, 1], 'original')[0] for one in latents]
    memories: list[Memory | None] = [None, None]
    for step in range(3):
        for world in (0, 1):
            out, memories[world] = vae.decode(latents[world][:, :, step:step + 1],
                                              memories[world])
    assert torch.equal(out, alone[1][:, :, -4:])


def test_a_memory_of_another_network_is_refused(vae: WanVae):
    latents = torch.randn(1, 3, 1, 2, 2)
    _, memory = vae.decode(latents, None)
    for wrong in (memory.tensors[:-1], memory.tensors + memory.tensors[-1:]):
        with pytest.raises(ValueError, match='memory of .* tensors'):
            vae.decode(latents, Memory(wrong))


def test_steady_state_is_one_graph_without_breaks():
    vae = WanVae(SMALL).eval().requires_grad_(False)
    latents = torch.randn(1, 3, 3, 2, 2)
    _, past = vae.decode(latents[:, :, :1], None)
    compiled = torch.compile(vae.decode, backend='eager', fullgraph=True, dynamic=False)
    got, memory = compiled(latents[:, :, 1:2], past)
    wanted, _ = vae.decode(latents[:, :, 1:2], past)
    torch.testing.assert_close(got, wanted)
    # Same shapes again: nothing is compiled anew.
    with torch.compiler.set_stance('fail_on_recompile'):
        compiled(latents[:, :, 2:], memory)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_stays_near(vae: WanVae, dtype: torch.dtype):
    frames = torch.rand(1, 3, 5, 16, 16) * 2 - 1
    wanted, _ = vae.encode(frames, None)
    got, memory = vae.to(dtype).encode(frames.to(dtype), None)
    assert got.dtype == dtype and all(t.dtype == dtype for t in memory.tensors)
    assert (got.float() - wanted).abs().max() < 0.05 * wanted.abs().max()


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32])
def test_the_norm_of_nothing_is_nothing(dtype: torch.dtype):
    out = RmsNorm(4).to(dtype)(torch.zeros(1, 4, 1, 2, 2, dtype=dtype))
    assert torch.equal(out, torch.zeros_like(out))


def test_gradients_reach_the_first_piece(vae: WanVae):
    first = torch.randn(1, 3, 1, 2, 2, requires_grad=True)
    _, past = vae.decode(first, None)
    frames, _ = vae.decode(torch.randn(1, 3, 1, 2, 2), past)
    frames.sum().backward()
    assert first.grad is not None and first.grad.abs().sum() > 0


@pytest.mark.parametrize('fields, wrong', [
    ({'temporal_downsample': (True,)}, 'steps between'), ({'mean': (0.0,)}, '1 values for 3')])
def test_wrong_sizes(fields: dict, wrong: str):
    with pytest.raises(ValueError, match=wrong):
        VaeConfig(**{**SMALL.__dict__, **fields})


def test_wrong_descriptions():
    with pytest.raises(ValueError, match='lacks z_dim, num_res_blocks'):
        VaeConfig.from_dict({'dim': 4, 'dim_mult': [1], 'temperal_downsample': []})
    with pytest.raises(ValueError, match='attn_scales'):
        VaeConfig.from_dict({'attn_scales': [1.0]})


def test_factors():
    assert (TINY_VAE.spatial_factor, TINY_VAE.temporal_factor) == (8, 4)
