# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Real views against each other."""

from pathlib import Path

from inspatio_ros.engine.renderer import CpuRenderer
from inspatio_ros.evaluation.rgbd import evaluate_holes, evaluate_pairs, summary
from inspatio_ros.scene.detect import open_scene
import numpy as np
import pytest


def test_the_dining_room(shared_dir: Path) -> None:
    scene = open_scene(shared_dir / 'data' / 'dining_rgbd')
    renderer = CpuRenderer(1)
    pairs = list(evaluate_pairs(scene.views, renderer))
    holes = list(evaluate_holes(scene.views, renderer))
    figures = summary(scene, pairs, holes)
    assert [(pair.source, pair.target) for pair in pairs] == [
        (0, 1), (1, 0), (1, 2), (2, 1), (2, 3), (3, 2), (3, 4), (4, 3)]
    assert figures['mean_psnr_db'] >= 24.6
    assert figures['worst_psnr_db'] >= 22.5
    assert figures['mean_depth_rel'] <= 0.014
    assert holes[0] < 0.005


def test_a_view_and_its_copy_agree_perfectly(shared_dir: Path) -> None:
    first = open_scene(shared_dir / 'data' / 'dining_rgbd').views[0]
    pair = next(evaluate_pairs((first, first), CpuRenderer(1)))
    assert pair.psnr_db > 50.0
    assert pair.depth_rel < 1e-6
    assert pair.agreement == 1.0
    # Whatever is known is reached.
    assert pair.coverage == pytest.approx(np.isfinite(first.depth).mean(), abs=2e-3)


def test_one_view_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match='at least two, got 0'):
        next(evaluate_pairs((), CpuRenderer(1)))
