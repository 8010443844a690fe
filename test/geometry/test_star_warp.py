# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The published warp against its test vectors."""

from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def load(shared_dir: Path):
    from safetensors.torch import load_file
    return lambda name: load_file(shared_dir / 'parity' / f'{name}.safetensors')


def test_generic_motions(load) -> None:
    from inspatio_ros.geometry.star_warp import star_warp
    v = load('warper_generic')
    render, known = star_warp(v['frame'], v['depth'], v['source_w2c'], v['target_w2c'], v['K'])
    assert (render - v['render']).abs().max() <= 1e-4
    assert (known == v['mask']).all()


@pytest.mark.parametrize('case', ['batch', 'single', 'masked'])
def test_all_motions(load, case: str) -> None:
    from inspatio_ros.geometry.star_warp import star_warp
    v = load('warper')
    options = {'batch': {}, 'single': {'normalise': 'frame'}, 'masked': {
        'K_target_N33': v['masked.K2'], 'mask_N1HW': v['masked.mask_in']}}[case]
    render, known = star_warp(v['frame'], v['depth'], v['source_w2c'], v['target_w2c'], v['K'],
                              **options)
    # Positions that are almost integers are decided by rounding (see the sidecar file).
    differing = ((render - v[f'{case}.render']).abs().amax(1) > 1e-3).float().mean((1, 2))
    motions = ['identity', 'right', 'down_back', 'forward', 'yaw', 'orbit', 'roll', 'behind']
    for motion, fraction in zip(motions, differing):
        assert motion == 'right' or fraction <= 0.01, motion
    assert (known != v[f'{case}.mask']).float().mean() <= 0.005


def test_a_frame_alone_equals_the_frame_in_a_batch_only_when_asked(load) -> None:
    from inspatio_ros.geometry.star_warp import star_warp
    v = load('warper')
    inputs = [v[name] for name in ('frame', 'depth', 'source_w2c', 'target_w2c', 'K')]
    whole, _ = star_warp(*inputs, normalise='frame')
    alone, _ = star_warp(*(t[5:6] for t in inputs), normalise='batch')
    assert (whole[5] - alone[0]).abs().max() <= 1e-6
    batch, _ = star_warp(*inputs, normalise='batch')
    assert (batch[5] - alone[0]).abs().max() > 1e-3


def test_a_camera_behind_everything_knows_nothing() -> None:
    import torch
    from inspatio_ros.geometry.star_warp import star_warp
    eye = torch.eye(4)[None]
    away = eye.clone()
    away[0, 2, 3] = -10.0
    K = torch.tensor([[[30.0, 0.0, 8.0], [0.0, 30.0, 6.0], [0.0, 0.0, 1.0]]])
    render, known = star_warp(torch.zeros(1, 3, 12, 16), torch.full((1, 1, 12, 16), 2.0), eye,
                              away, K)
    assert not known.any()
    assert np.all(render.numpy() == -1.0)
