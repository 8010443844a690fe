# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Depth that a network sees: its scale, and a tiny network of transformers where that is there."""

import builtins

from inspatio_ros.scene.reconstruction.monocular import align, fit_line, open_network
import numpy as np
import pytest

SHAPE = (60, 80)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def depth(rng):
    """Return a floor that goes from 1 to 5 m, with a box before it."""
    depth = np.linspace(5.0, 1.0, SHAPE[0])[:, None].repeat(SHAPE[1], axis=1)
    depth[20:40, 30:50] = 1.5
    return depth


def measured(depth, rng, count=200, wrong=0.1):
    """Return sparse points of a depth map, some of them wrong, in pixels and metres."""
    pixels = np.stack((rng.integers(0, SHAPE[1], count), rng.integers(0, SHAPE[0], count)), axis=1)
    values = depth[pixels[:, 1], pixels[:, 0]].copy()
    bad = rng.random(count) < wrong
    values[bad] *= rng.uniform(0.3, 3.0, int(bad.sum()))
    return pixels.astype(float), values


def test_a_line_is_not_pulled_by_wrong_points(rng):
    x = rng.uniform(0.5, 3.0, 300)
    inverse = 0.7 * x + 0.1
    inverse[:60] = rng.uniform(0.1, 5.0, 60)
    line = fit_line(x, inverse)
    assert line.slope == pytest.approx(0.7, rel=0.01)
    assert line.offset == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize('say, says_depth', [
    (lambda depth: 30.0 / depth + 4.0, None),     # inverse depth, another scale and shift
    (lambda depth: 30.0 / depth + 4.0, False),
    (lambda depth: 0.4 * depth, None),            # depth, another scale
    (lambda depth: 0.4 * depth, True)])
def test_what_is_said_comes_into_the_world_of_the_points(rng, depth, say, says_depth):
    points = [measured(depth, rng) for _ in range(3)]
    for it in align([say(depth).astype(np.float32)] * 3, points, says_depth):
        np.testing.assert_allclose(it.depth, depth, rtol=0.02)
        assert it.misfit < 0.01


def test_every_picture_has_its_own_scale(rng, depth):
    seen = [(scale / depth).astype(np.float32) for scale in (1.0, 7.0)]
    aligned = align(seen, [measured(depth, rng) for _ in seen], None)
    np.testing.assert_allclose(aligned[1].depth, depth, rtol=0.02)


def test_how_far_it_is_off_is_told(rng, depth):
    said = (1.0 / (depth * rng.uniform(0.7, 1.4, SHAPE))).astype(np.float32)
    aligned, = align([said], [measured(depth, rng, wrong=0.0)], False)
    assert 0.05 < aligned.misfit < 0.4


def test_what_means_nothing_is_unknown(rng, depth):
    said = (1.0 / depth).astype(np.float32)
    said[:, :10] = 0.0
    said[:, 10:12] = np.nan
    aligned, = align([said], [measured(depth, rng)], False)
    assert np.isnan(aligned.depth[:, :12]).all() and np.isfinite(aligned.depth[:, 12:]).all()


def test_a_picture_with_too_few_points_is_left_out(rng, depth):
    said = (1.0 / depth).astype(np.float32)
    blind = np.full(SHAPE, np.nan, np.float32)  # says nothing, so its points are no help
    points = [measured(depth, rng), measured(depth, rng, 5), measured(depth, rng)]
    first, second, third = align([said, said, blind], points, None)
    np.testing.assert_allclose(first.depth, depth, rtol=0.02)
    assert second is None and third is None


def test_too_few_pictures_with_points_are_refused(rng, depth):
    said = (1.0 / depth).astype(np.float32)
    points = [measured(depth, rng)] + [measured(depth, rng, 5)] * 3
    with pytest.raises(ValueError, match='1 of 4 pictures hold at least 20 points'):
        align([said] * 4, points, None)


def test_a_network_that_sees_the_world_inside_out_is_refused(rng, depth):
    with pytest.raises(ValueError, match='sees near what is far in 1 of 1 pictures'):
        align([depth.astype(np.float32)], [measured(depth, rng)], False)


@pytest.mark.parametrize('library, package', [('da3', 'depth-anything-3'),
                                              ('transformers', 'transformers')])
def test_a_missing_library_is_named(tmp_path, monkeypatch, library, package):
    real = builtins.__import__

    def without(name, *args, **more):
        if name.startswith(('depth_anything_3', 'transformers')):
            raise ImportError(f'No module named {name!r}', name=name)
        return real(name, *args, **more)

    monkeypatch.setattr(builtins, '__import__', without)
    with pytest.raises(ImportError, match=f'--depth {library} needs the package {package}'):
        open_network(library, tmp_path)


def test_weights_come_from_a_folder(tmp_path):
    with pytest.raises(ValueError, match='--depth da3 needs --model DIR.*none was given'):
        open_network('da3', None)
    with pytest.raises(ValueError, match='--depth transformers needs --model DIR.*is no folder'):
        open_network('transformers', tmp_path / 'missing')


@pytest.fixture
def tiny_model(tmp_path):
    """Write an untrained network of a few thousand weights."""
    transformers = pytest.importorskip('transformers')
    import torch
    torch.manual_seed(0)
    config = transformers.DPTConfig(
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=32,
        image_size=32, patch_size=8, backbone_out_indices=[0, 1, 2, 3], is_hybrid=False,
        neck_hidden_sizes=[8, 8, 8, 8], fusion_hidden_size=8, head_in_index=-1,
        reassemble_factors=[4, 2, 1, 0.5])
    transformers.DPTForDepthEstimation(config).save_pretrained(tmp_path)
    transformers.DPTImageProcessor(size={'height': 32, 'width': 32}).save_pretrained(tmp_path)
    return tmp_path


def test_a_network_of_transformers_is_loaded_and_looks(tiny_model, rng):
    network = open_network('transformers', tiny_model)
    pictures = [rng.integers(0, 256, (*SHAPE, 3), dtype=np.uint8) for _ in range(2)]
    seen = [network.predict(rgb) for rgb in pictures]
    assert [it.shape for it in seen] == [SHAPE] * 2 and seen[0].dtype == np.float32
    assert np.isfinite(seen[0]).all() and not np.array_equal(seen[0], seen[1])
    assert network.says_depth is None


def test_a_folder_without_a_network_is_refused(tmp_path):
    pytest.importorskip('transformers')
    with pytest.raises(ValueError, match='holds no depth model that transformers can load'):
        open_network('transformers', tmp_path)
