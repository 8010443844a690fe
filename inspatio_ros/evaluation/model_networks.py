# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Figures that a trained network defines: FID, FVD, LPIPS, dimensions of VBench and WorldScore.

The network is part of the figure's definition, so there is none without it: whoever wants the
figure brings the network as a TorchScript file, and names it. Nothing stands in for one.

Shapes: N pictures or videos, T frames, H W picture size, D features.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
import math
from pathlib import Path

from inspatio_ros.contracts import F64, U8
import numpy as np

# What each figure's network takes and gives.
FIGURES = {
    'fid': 'Inception v3: (N, 3, H, W) uint8 in, (N, 2048) features out',
    'fvd': 'I3D: (N, 3, T, H, W) float, -1..1, in, (N, 400) features out',
    'lpips': '(N, 3, H, W) float, -1..1, twice in, N distances out'}
# Many networks each, one a dimension: a file is named vbench.DIMENSION or worldscore.DIMENSION.
FAMILIES = {
    'vbench': '(T, 3, H, W) float, 0..1, in, a score out',
    'worldscore': '(T, 3, H, W) float, 0..1, in, a score out'}
_AT_ONCE = 16


@dataclass(frozen=True)
class FeatureNetwork:
    """
    A network that somebody brought.

    :param figure: the name of the figure that it defines.
    :param run: the network.
    """

    figure: str
    run: Callable[..., object]


def open_networks(named: Sequence[str]) -> list[FeatureNetwork]:
    """
    Load networks.

    :param named: FIGURE=FILE each.
    :raises ValueError: no such figure or file, or a file that holds no network.
    """
    networks = []
    for text in named:
        figure, separator, name = text.partition('=')
        if not separator:
            raise ValueError(f'--network {text}: expected FIGURE=FILE')
        networks.append(FeatureNetwork(figure, _load(figure, Path(name))))
    return networks


def _load(figure: str, path: Path) -> Callable[..., object]:
    family, _, dimension = figure.partition('.')
    if figure not in FIGURES and not (family in FAMILIES and dimension):
        known = [*FIGURES, *(f'{name}.DIMENSION' for name in FAMILIES)]
        raise ValueError(f'--network {figure}: no such figure; there are {", ".join(known)}')
    wanted = FIGURES.get(figure) or FAMILIES[family]
    if not path.is_file():
        raise ValueError(f'--network {figure}: there is no file {path}; {figure} needs its '
                         f'network as TorchScript ({wanted})')
    if path.suffix == '.safetensors':
        raise ValueError(f'--network {figure}: {path} holds weights without their network; write '
                         f'it as TorchScript (torch.jit.save; {wanted})')
    import torch
    try:
        module = torch.jit.load(str(path), map_location='cpu').eval()
    except RuntimeError as error:
        first = str(error).strip().splitlines()[0]
        raise ValueError(f'--network {figure}: {path} is no TorchScript file: {first}') from error
    return _without_gradients(module)


def _without_gradients(module: Callable[..., object]) -> Callable[..., object]:
    import torch

    def run(*inputs: object) -> object:
        with torch.no_grad():
            return module(*inputs)
    return run


def figures_of(networks: Sequence[FeatureNetwork], videos: Sequence[U8],
               truths: Sequence[U8]) -> dict[str, float]:
    """
    Return the figures of generated videos, by name.

    :param networks: that somebody brought; no other figure is returned.
    :param videos, truths: (T, H, W, 3) uint8 each, pairs of the same length and size.
    """
    figures = {}
    for network in networks:
        if network.figure == 'fid':
            value = _frechet_of_pictures(network, videos, truths)
        elif network.figure == 'fvd':
            value = frechet_distance(*(np.concatenate([_video_features(network, it)
                                                       for it in group])
                                       for group in (videos, truths)))
        elif network.figure == 'lpips':
            value = float(np.mean([_lpips(network, *pair) for pair in zip(videos, truths)]))
        else:
            value = float(np.mean([_score(network, video) for video in videos]))
        figures[network.figure] = value
    return figures


def frechet_distance(features_ND: F64, true_MD: F64) -> float:
    """
    Return the Frechet distance between two clouds taken for Gaussian (Heusel et al. 2017).

    :param features_ND, true_MD: float64. With fewer samples than dimensions, about, the distance
        is biased upwards: compare only what has the same number of them.
    :returns: |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)); NaN with fewer than two samples.
    """
    if min(len(features_ND), len(true_MD)) < 2:
        return math.nan
    means = [it.mean(axis=0) for it in (features_ND, true_MD)]
    covariances = [np.atleast_2d(np.cov(it, rowvar=False)) for it in (features_ND, true_MD)]
    # The eigenvalues of C1 C2 are real and >= 0, so the trace of its root needs no root.
    eigenvalues = np.linalg.eigvals(covariances[0] @ covariances[1]).real
    root = float(np.sqrt(np.maximum(eigenvalues, 0.0)).sum())
    off = means[0] - means[1]
    return float(off @ off + np.trace(covariances[0]) + np.trace(covariances[1]) - 2.0 * root)


def _frechet_of_pictures(network: FeatureNetwork, videos: Sequence[U8],
                         truths: Sequence[U8]) -> float:
    import torch

    def features(group: Sequence[U8]) -> F64:
        pictures = torch.from_numpy(np.concatenate(list(group)).transpose(0, 3, 1, 2).copy())
        return np.concatenate([_rows(network.run(part), network.figure)
                               for part in pictures.split(_AT_ONCE)])
    return frechet_distance(features(videos), features(truths))


def _video_features(network: FeatureNetwork, video: U8) -> F64:
    import torch
    frames = torch.from_numpy(video.transpose(3, 0, 1, 2).copy())[None].float() / 127.5 - 1.0
    return _rows(network.run(frames), network.figure)


def _lpips(network: FeatureNetwork, video: U8, truth: U8) -> float:
    import torch
    both = [torch.from_numpy(it.transpose(0, 3, 1, 2).copy()).float() / 127.5 - 1.0
            for it in (video, truth)]
    distances = [np.asarray(network.run(*parts)).ravel()
                 for parts in zip(*(it.split(_AT_ONCE) for it in both))]
    return float(np.concatenate(distances).mean())


def _score(network: FeatureNetwork, video: U8) -> float:
    import torch
    frames = torch.from_numpy(video.transpose(0, 3, 1, 2).copy()).float() / 255.0
    return float(np.asarray(network.run(frames)).mean())


def _rows(output: object, figure: str) -> F64:
    """Return features as (N, D)."""
    rows = np.asarray(output, np.float64)
    if rows.ndim != 2:
        raise ValueError(f'--network {figure}: expected (N, D) features, the network gives '
                         f'{rows.shape}')
    return rows
