# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace
import json
from pathlib import Path

from inspatio_ros.model.config import (BlockShape, DitConfig, STAR_1_3B, star_preset, STAR_PRESETS,
                                       STAR_TINY)
from inspatio_ros.model.dit import CausalDit
import pytest
import torch

SMALL = DitConfig(dim=48, heads=2, layers=2, ffn_dim=64, freq_dim=16, text_dim=8, text_len=6)


def table(config: DitConfig) -> tuple[dict[str, list[int]], int]:
    with torch.device('meta'):
        weights = CausalDit(config).state_dict()
    return ({name: list(weight.shape) for name, weight in weights.items()},
            sum(weight.numel() for weight in weights.values()))


def test_the_full_model_has_the_published_names_and_shapes(shared_dir: Path):
    facts = json.loads((shared_dir / 'parity' / 'facts' / 'dit_1_3b.json').read_text())
    shapes, parameters = table(STAR_1_3B.dit)
    assert shapes == facts['keys']
    assert len(shapes) == facts['num_tensors'] == 825
    assert parameters == facts['num_parameters'] == 1_419_119_680
    assert DitConfig.from_dict(facts['config']) == STAR_1_3B.dit


def test_the_tiny_model_is_tiny_and_of_the_same_kind():
    shapes, parameters = table(STAR_TINY.dit)
    full, _ = table(STAR_1_3B.dit)
    assert set(shapes) < set(full)
    assert parameters < 10_000_000
    assert len(STAR_TINY.steps) <= 2
    assert (STAR_TINY.shape.height, STAR_TINY.shape.width) == (24, 40)


def test_presets_by_name():
    assert star_preset('tiny') == STAR_PRESETS['tiny']
    assert star_preset('tiny', composes=True) == replace(STAR_PRESETS['tiny'], composes=True)
    with pytest.raises(ValueError, match="no preset '14b'; there are 1.3b, tiny"):
        star_preset('14b')


def test_the_published_block():
    shape = BlockShape.for_video(480, 832)
    assert shape == STAR_1_3B.shape
    assert (shape.frame_tokens, shape.block_tokens, shape.cache_tokens) == (1560, 4680, 14040)
    assert shape.current_position == 6
    assert shape.cache_positions == (6, 7, 8, 0, 1, 2, 3, 4, 5)


@pytest.mark.parametrize('K, history, expected', [
    (1, 0, (1, 0)),
    (2, 0, (2, 3, 0, 1)),
    (1, 3, (4, 0, 3, 2, 1)),
    (2, 2, (6, 7, 0, 1, 4, 5, 2, 3)),
])
def test_positions_of_other_blocks(K: int, history: int, expected: tuple[int, ...]):
    shape = BlockShape(4, 4, K, history)
    assert shape.cache_positions == expected
    assert shape.cache_positions[0] == shape.current_position == K * (1 + history)
    assert len(expected) * shape.frame_tokens == shape.cache_tokens


@pytest.mark.parametrize('height, width, wrong', [
    (488, 832, 'height must be a positive multiple of 16 pixels, got 488'),
    (480, 840, 'width .* 840'), (0, 832, 'height .* 0'), (480, -16, 'width .* -16')])
def test_video_sizes_that_are_refused(height: int, width: int, wrong: str):
    with pytest.raises(ValueError, match=wrong):
        BlockShape.for_video(height, width)
    with pytest.raises(ValueError, match=wrong):
        STAR_TINY.with_video(height, width)


def test_another_video_size_keeps_the_rest():
    config = replace(STAR_TINY, shape=BlockShape(24, 40, 2, 4)).with_video(64, 96)
    assert config.shape == BlockShape(8, 12, 2, 4)
    assert config.dit == STAR_TINY.dit


@pytest.mark.parametrize('fields, wrong', [
    ({'height': 7}, 'latent height must be a positive multiple of 2, got 7'),
    ({'width': 0}, 'latent width'),
    ({'block_latents': 0}, 'block_latents must be at least 1, got 0'),
    ({'history_blocks': -1}, 'history_blocks must be at least 0, got -1')])
def test_blocks_that_are_refused(fields: dict[str, int], wrong: str):
    with pytest.raises(ValueError, match=wrong):
        replace(BlockShape(8, 8), **fields)


@pytest.mark.parametrize('fields, wrong', [
    ({'dim': 50, 'heads': 3}, '50 and 3 heads'), ({'layers': 0}, 'layers .* 0'),
    ({'freq_dim': 15}, 'freq_dim .* 15'), ({'in_channels': 20}, 'two latents of 16 .* 20'),
    ({'patch': (0, 2)}, 'patch')])
def test_networks_that_are_refused(fields: dict[str, int], wrong: str):
    with pytest.raises(ValueError, match=wrong):
        replace(SMALL, **fields)


@pytest.mark.parametrize('fields, wrong', [
    ({'model_type': 'i2v'}, "model_type 'i2v'"), ({'qk_norm': False}, 'qk_norm'),
    ({'patch_size': [2, 2, 2]}, 'patch_size'), ({'in_dim': None}, "lacks 'in_dim'")])
def test_configs_of_other_networks_are_refused(fields: dict[str, object], wrong: str):
    good = {'dim': 48, 'num_heads': 2, 'num_layers': 2, 'ffn_dim': 64, 'freq_dim': 16,
            'text_dim': 8, 'text_len': 6, 'in_dim': 36, 'out_dim': 16}
    assert DitConfig.from_dict(good) == SMALL
    with pytest.raises(ValueError, match=wrong):
        DitConfig.from_dict({k: v for k, v in {**good, **fields}.items() if v is not None})
