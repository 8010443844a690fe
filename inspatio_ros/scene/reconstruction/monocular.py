# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Depth that a network sees in single pictures, brought to the scale of points that were measured.

Such a network says depth or inverse depth, up to scale and often shift. A line through what it
says and what the sparse points say, in inverse depth, brings it into the world of the poses;
whether it says the one or the other is what fits better. Weights come from a local folder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inspatio_ros.contracts import F32, F64, U8
import numpy as np

Predict = Callable[[U8], F32]

# Points that a line through two numbers has to be held by.
MIN_POINTS = 20
# Weights fall beyond this relative difference of inverse depth: what is wrong does not pull.
_LIKELY = 0.05
_ITERATIONS = 20
# What is as good as infinitely far, as a share of the middle inverse depth.
_FARTHEST = 0.02
# A recording of which no more than this share of the pictures is left shows another place.
_TOO_FEW = 0.25
_METRIC_TYPES = ('zoedepth', 'glpn', 'depth_pro')


@dataclass(frozen=True)
class Network:
    """
    A network that is ready to look.

    :param predict: (H, W, 3) uint8 in, (H, W) float32 out.
    :param says_depth: True if that is depth, False if inverse depth, None if it is not known.
    """

    predict: Predict
    says_depth: bool | None


def open_network(library: str, folder: Path | None) -> Network:
    """
    Load a network.

    :param library: 'da3' or 'transformers'.
    :param folder: with its weights.
    :raises ValueError: no folder, or one that the library cannot load.
    :raises ImportError: the library is not there; names the package.
    """
    if folder is None or not folder.is_dir():
        given = 'none was given' if folder is None else f'{folder} is no folder'
        raise ValueError(f'--depth {library} needs --model DIR, the folder with the weights: '
                         f'{given}')
    return {'da3': _open_da3, 'transformers': _open_transformers}[library](folder)


def _open_da3(folder: Path) -> Network:
    try:
        from depth_anything_3.api import DepthAnything3
    except ImportError as error:
        raise ImportError('--depth da3 needs the package depth-anything-3: pip install '
                          'depth-anything-3') from error
    model = DepthAnything3.from_pretrained(str(folder), local_files_only=True)
    model = model.to(_device()).eval()

    def predict(rgb: U8) -> F32:
        return _at_size(model.inference([rgb]).depth[0], rgb.shape)

    return Network(predict, True)


def _open_transformers(folder: Path) -> Network:
    try:
        from transformers import AutoImageProcessor, AutoModelForDepthEstimation
    except ImportError as error:
        raise ImportError('--depth transformers needs the package transformers (and torch): pip '
                          'install transformers') from error
    import torch
    try:
        processor = AutoImageProcessor.from_pretrained(str(folder), local_files_only=True)
        model = AutoModelForDepthEstimation.from_pretrained(str(folder), local_files_only=True)
    except (OSError, ValueError) as error:
        raise ValueError(f'{folder}: holds no depth model that transformers can load: '
                         f'{error}') from error
    model = model.to(_device()).eval()

    def predict(rgb: U8) -> F32:
        inputs = processor(images=rgb, return_tensors='pt').to(model.device)
        with torch.inference_mode():
            seen = model(**inputs).predicted_depth[0]
        return _at_size(seen.float().cpu().numpy(), rgb.shape)

    return Network(predict, _says_depth(model.config))


def _says_depth(config: Any) -> bool | None:
    kind = getattr(config, 'depth_estimation_type', None)
    if kind is not None:
        return bool(kind == 'metric')
    return True if config.model_type in _METRIC_TYPES else None


def _device() -> str:
    import torch
    return 'cuda' if torch.cuda.is_available() else 'cpu'


def _at_size(values: Any, shape: tuple[int, ...]) -> F32:
    import cv2
    values = np.asarray(values, np.float32)
    return np.asarray(cv2.resize(values, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR),
                      np.float32)


@dataclass(frozen=True)
class Line:
    """
    Inverse depth = slope * x + offset.

    :param misfit: median relative difference of inverse depth at the points.
    """

    slope: float
    offset: float
    misfit: float


def fit_line(x: F64, inverse_depth: F64) -> Line:
    """
    Fit a line that a minority of wrong points does not pull.

    :param x: (n,) what the network says of inverse depth.
    :param inverse_depth: (n,) > 0, of the points.
    """
    weights = 1.0 / inverse_depth
    for _ in range(_ITERATIONS):
        A = np.stack((x, np.ones_like(x)), axis=1) * weights[:, None]
        slope, offset = np.linalg.lstsq(A, inverse_depth * weights, rcond=None)[0]
        off = np.abs(slope * x + offset - inverse_depth) / inverse_depth
        weights = 1.0 / (inverse_depth * (1.0 + (off / _LIKELY) ** 2))
    return Line(float(slope), float(offset), float(np.median(off)))


@dataclass(frozen=True)
class Aligned:
    """
    Depth of a picture in the world of the poses.

    :param depth: (H, W) float32, NaN where the network says nothing that makes sense.
    :param misfit: how far it is off at the picture's points, as a share of inverse depth.
    """

    depth: F32
    misfit: float


def align(seen: Sequence[F32], points: Sequence[tuple[F64, F64]],
          says_depth: bool | None) -> list[Aligned | None]:
    """
    Bring what a network says into the world of the poses.

    :param seen: (H, W) float32 of each picture, positive where it means something.
    :param points: of each picture (n, 2) pixels and (n,) depths of what was measured in it.
    :param says_depth: of `Network`; None to find out.
    :returns: of each picture; None where the network says something at fewer than MIN_POINTS of
        its points: nothing tells the scale there.
    :raises ValueError: so few pictures with points that they are no recording of the place, or
        nothing fits.
    """
    known = [_said_at(values, *it) for values, it in zip(seen, points)]
    usable = [index for index, (said, _) in enumerate(known) if len(said) >= MIN_POINTS]
    if len(usable) <= _TOO_FEW * len(seen):
        raise ValueError(f'{len(usable)} of {len(seen)} pictures hold at least {MIN_POINTS} '
                         'points to measure the scale of their depth by; that is too few. Record '
                         'what has more texture, while walking around')
    lines, inverted = _best_lines([known[index] for index in usable], says_depth)
    aligned: list[Aligned | None] = [None] * len(seen)
    for index, line in zip(usable, lines):
        aligned[index] = Aligned(_depth(seen[index], line, inverted), line.misfit)
    return aligned


def _best_lines(known: Sequence[tuple[F64, F64]],
                says_depth: bool | None) -> tuple[list[Line], bool]:
    """Return a line for each picture, and whether they take the inverse of what is said."""
    best: tuple[float, list[Line], bool] | None = None
    for inverted in ((True,) if says_depth else (False,) if says_depth is False else
                     (True, False)):
        lines = [fit_line(1.0 / said if inverted else said, inverse) for said, inverse in known]
        misfit = float(np.median([line.misfit for line in lines]))
        if best is None or misfit < best[0]:
            best = misfit, lines, inverted
    assert best is not None
    _, lines, inverted = best
    falling = sum(line.slope <= 0.0 for line in lines)
    if falling > len(lines) // 2:
        raise ValueError(f'the network sees near what is far in {falling} of {len(lines)} '
                         'pictures; it does not fit this recording')
    return lines, inverted


def _said_at(values: F32, pixels: F64, depths: F64) -> tuple[F64, F64]:
    """Return what a network says at points, where it means something, and their inverse depth."""
    column = np.clip(np.rint(pixels[:, 0]).astype(int), 0, values.shape[1] - 1)
    row = np.clip(np.rint(pixels[:, 1]).astype(int), 0, values.shape[0] - 1)
    said = values[row, column].astype(np.float64)
    meant = np.isfinite(said) & (said > 0.0)
    return said[meant], 1.0 / depths[meant]


def _depth(values: F32, line: Line, inverted: bool) -> F32:
    with np.errstate(divide='ignore', invalid='ignore'):
        x = np.where(values > 0.0, 1.0 / values if inverted else values, np.nan)
    inverse = line.slope * x + line.offset
    floor = _FARTHEST * float(np.nanmedian(inverse)) if np.isfinite(inverse).any() else 0.0
    with np.errstate(divide='ignore', invalid='ignore'):
        return np.where(inverse > 0.0, 1.0 / np.maximum(inverse, floor),
                        np.nan).astype(np.float32)
