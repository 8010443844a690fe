# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""TAEHV: its keys, its vectors, and that a stream gives what the whole video gives."""

import json
from pathlib import Path

from inspatio_ros.evaluation import parity_codec
from inspatio_ros.model.codec_config import TaehvConfig, TAEW2_1
from inspatio_ros.model.taehv import grows_time, Taehv
import pytest
import torch

SMALL = TaehvConfig(4, (8, 8, 4, 4), 16)


@pytest.fixture
def taehv() -> Taehv:
    torch.manual_seed(0)
    return Taehv(SMALL).eval().requires_grad_(False)


def test_keys_and_shapes_are_those_of_the_release(shared_dir: Path):
    facts = json.loads((shared_dir / 'parity/facts/taehv_wan21.json').read_text())
    with torch.device('meta'):
        state = Taehv(TAEW2_1).state_dict()
    assert len(state) == facts['num_tensors'] == 128
    assert {key: list(weight.shape) for key, weight in state.items()} == facts['keys']


def test_vectors(shared_dir: Path):
    assert parity_codec.taehv(shared_dir / 'parity') <= 2e-5


@pytest.mark.parametrize('sizes', [[1] * 4, [2, 2], [1, 3]])
def test_streams_do_not_depend_on_the_cut(taehv: Taehv, sizes: list[int]):
    latents, frames = torch.randn(2, 4, 16, 2, 3), torch.rand(2, 16, 3, 16, 24)
    for network, video, group in ((taehv.decode, latents, 1), (taehv.encode, frames, 4)):
        whole, _ = network(video, None)
        past, done = None, []
        for piece in video.split([size * group for size in sizes], 1):
            out, past = network(piece, past)
            done.append(out)
        torch.testing.assert_close(torch.cat(done, 1), whole, rtol=0.0, atol=1e-5)


def test_only_the_last_frame_is_remembered(taehv: Taehv):
    _, memory = taehv.encode(torch.rand(1, 8, 3, 16, 16), None)
    assert len(memory.tensors) == 9
    assert all(tensor.shape[1] == 1 and tensor.untyped_storage().nbytes() == tensor.nbytes
               for tensor in memory.tensors)


def test_steady_state_is_one_graph_without_breaks(taehv: Taehv):
    latents = torch.randn(1, 2, 16, 2, 2)
    _, past = taehv.decode(latents, None)
    compiled = torch.compile(taehv.decode, backend='eager', fullgraph=True, dynamic=False)
    torch.testing.assert_close(compiled(latents, past)[0], taehv.decode(latents, past)[0])


def test_which_weights_may_have_more_rows():
    with torch.device('meta'):
        keys = [key for key in Taehv(TAEW2_1).state_dict() if grows_time(key)]
    assert keys == ['decoder.7.conv.weight', 'decoder.13.conv.weight', 'decoder.19.conv.weight']


@pytest.mark.parametrize('fields, wrong', [
    ({'encoder_time_downscale': (True, False, False)}, 'rate by 2, the decoder multiplies'),
    ({'decoder_space_upscale': (True, True, False)}, 'size by 8, the decoder multiplies it by 4')])
def test_halves_that_do_not_fit(fields: dict, wrong: str):
    with pytest.raises(ValueError, match=wrong):
        TaehvConfig(**{**SMALL.__dict__, **fields})


@pytest.mark.parametrize('fields', [{'patch_size': 2}, {'image_channels': 4}, {'enc_w': 4}])
def test_wrong_descriptions(fields: dict):
    with pytest.raises(ValueError, match=r'not supported|lacks'):
        TaehvConfig.from_dict(fields)
