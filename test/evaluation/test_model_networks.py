# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Figures of networks that somebody brings: right where the network is simple, refused without."""

import math

from inspatio_ros.evaluation.model_networks import figures_of, frechet_distance, open_networks
import numpy as np
import pytest
import torch

# Files of networks are TorchScript as long as those of FID and FVD are published as such.
pytestmark = pytest.mark.filterwarnings('ignore:.torch.jit:DeprecationWarning')


class MeanColour(torch.nn.Module):
    """Three features of a picture or video: its mean colour, 0..255."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        dims = [2, 3, 4] if x.ndim == 5 else [2, 3]
        return x.float().mean(dim=dims)


class Distance(torch.nn.Module):
    """A distance of two pictures: their mean absolute difference."""

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return (a - b).abs().mean(dim=[1, 2, 3])


class Brightness(torch.nn.Module):
    """A score of a video."""

    def forward(self, video: torch.Tensor) -> torch.Tensor:
        return video.float().mean()


@pytest.fixture
def brought(tmp_path):
    def bring(figure, module):
        path = tmp_path / f'{figure}.pt'
        torch.jit.script(module).save(str(path))
        return f'{figure}={path}'
    return bring


@pytest.fixture
def videos():
    return [np.random.default_rng(k).integers(0, 256, (4, 16, 16, 3)).astype(np.uint8)
            for k in range(3)]


def test_the_distance_of_two_gaussians_is_the_closed_form():
    rng = np.random.default_rng(0)
    a = rng.normal(0.0, 1.0, (200_000, 2)) * (1.0, 2.0)
    b = rng.normal(0.0, 1.0, (200_000, 2)) * (3.0, 1.0) + (1.0, -2.0)
    # Diagonal: |m|^2 + sum (s_a - s_b)^2.
    assert frechet_distance(a, b) == pytest.approx(1.0 + 4.0 + 4.0 + 1.0, abs=0.1)
    assert frechet_distance(a, a) == pytest.approx(0.0, abs=1e-9)
    assert math.isnan(frechet_distance(a[:1], b))


def test_equal_videos_are_at_no_distance(brought, videos):
    networks = open_networks([brought('fid', MeanColour()), brought('fvd', MeanColour()),
                              brought('lpips', Distance())])
    figures = figures_of(networks, videos, videos)
    assert figures == pytest.approx({'fid': 0.0, 'fvd': 0.0, 'lpips': 0.0}, abs=1e-6)


def test_brighter_videos_are_as_far_as_they_are_brighter(brought, videos):
    dark = [video // 2 for video in videos]
    light = [video + np.uint8(100) for video in dark]
    networks = open_networks([brought('fid', MeanColour()), brought('fvd', MeanColour()),
                              brought('lpips', Distance()),
                              brought('vbench.brightness', Brightness())])
    figures = figures_of(networks, light, dark)
    assert figures['fid'] == pytest.approx(3.0 * 100.0 ** 2, rel=1e-5)
    assert figures['fvd'] == pytest.approx(3.0 * (100.0 / 127.5) ** 2, rel=1e-5)
    assert figures['lpips'] == pytest.approx(100.0 / 127.5, rel=1e-5)
    assert figures['vbench.brightness'] == pytest.approx(
        np.mean([video.mean() for video in light]) / 255.0, rel=1e-5)


def test_nobody_gets_a_figure_without_its_network(videos):
    assert figures_of([], videos, videos) == {}


@pytest.mark.parametrize('named, message', [
    ('fid', 'expected FIGURE=FILE'),
    ('psnr=a.pt', 'no such figure; there are fid, fvd, lpips, vbench.DIMENSION'),
    ('vbench=a.pt', 'no such figure'),
    ('fid=missing.pt', r'there is no file missing.pt; fid needs .*Inception v3'),
])
def test_what_cannot_be_had_is_refused(named, message):
    with pytest.raises(ValueError, match=message):
        open_networks([named])


def test_files_without_a_network_are_refused(tmp_path):
    weights = tmp_path / 'alex.safetensors'
    weights.write_bytes(b'12345678')
    with pytest.raises(ValueError, match='holds weights without their network'):
        open_networks([f'lpips={weights}'])
    text = tmp_path / 'net.pt'
    text.write_text('not a network')
    with pytest.raises(ValueError, match='is no TorchScript file'):
        open_networks([f'lpips={text}'])


def test_features_of_another_shape_are_refused(brought, videos):
    with pytest.raises(ValueError, match=r'expected \(N, D\) features, the network gives \(\)'):
        figures_of(open_networks([brought('fid', Brightness())]), videos, videos)
