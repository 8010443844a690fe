# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A room with texture, looked at on a short way, from which bags are made."""

from inspatio_ros.scene.scene import View
from inspatio_ros.scene.synthetic.procedural import procedural_clip
import pytest

SEED = 11


@pytest.fixture(scope='session')
def clip():
    """Return a small procedural clip: a world, and eight pictures of it."""
    return procedural_clip(SEED, frames=8, size=(160, 120))


@pytest.fixture(scope='session')
def views(clip):
    """Return the clip as posed views; not to be changed."""
    return [View(rgb, depth, clip.intrinsics, T, f'frame {i}')
            for i, (rgb, depth, T) in enumerate(zip(clip.rgb, clip.depth, clip.T_world_cam))]
