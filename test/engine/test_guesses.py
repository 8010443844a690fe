# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Depth that was guessed fills what nothing else shows, and is marked as such."""

from dataclasses import replace

from inspatio_ros.contracts import OBSERVED_IMAGINED, OBSERVED_SEEN, SensorFrame
from inspatio_ros.engine.world import SceneWorld, WorldSettings
from inspatio_ros.scene.scene import Scene, View
import numpy as np
import pytest
from rooms import CAMERA, pose, view

POSE = pose(0.0, 0.0, 0.0)
PATCH = (slice(20, 50), slice(30, 70))


@pytest.fixture
def doubtful() -> View:
    """Return a view of the room whose middle was guessed, much too near and in red."""
    whole = view('doubtful', POSE)
    rgb, depth = whole.rgb.copy(), whole.depth.copy()
    trust = np.full(depth.shape, 200, np.uint8)
    rgb[PATCH], depth[PATCH], trust[PATCH] = (255, 0, 0), 0.5 * depth[PATCH], 0
    return replace(whole, rgb=rgb, depth=depth, confidence=trust)


def look(*views: View, backend: str = 'numba', T: np.ndarray = POSE) -> SensorFrame:
    world = SceneWorld(Scene('room', views), WorldSettings(backend, threads=1))
    try:
        return world.observe(0, T, CAMERA)
    finally:
        world.close()


@pytest.mark.parametrize('backend', ['numba', 'torch'])
def test_a_guess_is_shown_and_marked(doubtful: View, backend: str) -> None:
    frame = look(doubtful, backend=backend)
    assert (frame.observed[PATCH] == OBSERVED_IMAGINED).all()
    np.testing.assert_array_equal(frame.rgb[PATCH], doubtful.rgb[PATCH])
    outside = np.ones(doubtful.depth.shape, bool)
    outside[PATCH] = False
    assert (frame.observed[outside] == OBSERVED_SEEN).all()
    assert frame.unobserved_ratio == 0.0


@pytest.mark.parametrize('backend', ['numba', 'torch'])
def test_a_guess_never_hides_what_was_measured(doubtful: View, backend: str) -> None:
    sure = view('sure', POSE)
    for views in ((doubtful, sure), (sure, doubtful)):
        frame = look(*views, backend=backend)
        assert (frame.observed == OBSERVED_SEEN).all()
        np.testing.assert_allclose(frame.depth, sure.depth, rtol=1e-4)
        np.testing.assert_array_equal(frame.rgb[PATCH], sure.rgb[PATCH])


def test_no_crack_opens_around_a_guess(doubtful: View) -> None:
    smooth = replace(doubtful, depth=view('room', POSE).depth)
    ahead = pose(0.4, 0.0, 0.0)
    frame = look(smooth, T=ahead)
    np.testing.assert_array_equal(np.isnan(frame.depth),
                                  np.isnan(look(replace(smooth, confidence=None), T=ahead).depth))
    assert (frame.observed == OBSERVED_IMAGINED).any()


def test_without_guesses_nothing_is_rendered_twice() -> None:
    sure = replace(view('sure', POSE), confidence=np.full((72, 96), 9, np.uint8))
    world = SceneWorld(Scene('room', (sure,)), WorldSettings(threads=1))
    assert not world.choose(0, POSE, CAMERA).guessed.sources
    world.close()
