# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The page that shows what a scene was made of."""

from dataclasses import replace
from pathlib import Path

from inspatio_ros.cli.preview import draw_preview, numbers_of
from inspatio_ros.scene.preparation import Picture, Preparation, Role
from inspatio_ros.scene.scene import Scene
import numpy as np
from PIL import Image
import pytest
from rooms import CAMERA, pose, room, view


@pytest.fixture
def half_guessed() -> Scene:
    """Return a scene of two views; the left half of each is a guess, one line is unknown."""
    trust = np.full((72, 96), 255, np.uint8)
    trust[:, :48] = 0
    views = []
    for k in range(2):
        seen = view(f'frame {k}', pose(-1.0 + k, 0.0, 0.0))
        seen.depth[:9] = np.nan
        views.append(replace(seen, confidence=trust))
    return Scene('half', tuple(views))


def pixels(path: Path) -> np.ndarray:
    return np.array(Image.open(path).convert('RGB'))


def has_colour(page: np.ndarray, rgb: tuple[int, int, int]) -> int:
    return int((np.abs(page.astype(int) - rgb).max(-1) < 12).sum())


def test_numbers(half_guessed: Scene) -> None:
    pictures = tuple(Picture(k, f'frame {k}', 0.1 * k, role, None if role is Role.LOST else
                             pose(-1.0 + k, 0.0, 0.0), CAMERA)
                     for k, role in enumerate((Role.VIEW, Role.VIEW, Role.HELD_OUT, Role.LOST)))
    numbers = numbers_of(half_guessed, Preparation('walk.mp4', pictures,
                                                   {'points': 1234, 'reprojection_px': 0.51234}))
    assert numbers['static views'] == '2' and numbers['size'] == '96x72'
    assert numbers['depth measured'] == '43.8%' and numbers['depth guessed'] == '43.8%'
    assert numbers['recording'] == 'walk.mp4, 4 pictures'
    assert numbers['pictures held out'] == '1' and numbers['pictures lost'] == '1'
    assert 'pictures unused' not in numbers
    assert numbers['points'] == '1234' and numbers['reprojection px'] == '0.5123'


def test_a_page_shows_views_cameras_and_what_was_held_out(half_guessed: Scene,
                                                          tmp_path: Path) -> None:
    draw_preview(half_guessed, None, tmp_path / 'plain.png')
    plain = pixels(tmp_path / 'plain.png')
    assert plain.shape[1] == 1600 and has_colour(plain, (255, 214, 10)) > 50
    assert has_colour(plain, (100, 210, 255)) == 0
    held = Picture(2, '', 0.2, Role.HELD_OUT, pose(1.0, 0.5, 0.3), CAMERA)
    taken = [Picture(k, f'frame {k}', 0.1 * k, Role.VIEW, it.T_map_cam, CAMERA)
             for k, it in enumerate(half_guessed.views)]
    draw_preview(half_guessed, Preparation('walk', (*taken, held)), tmp_path / 'told.png')
    assert has_colour(pixels(tmp_path / 'told.png'), (100, 210, 255)) > 20


def test_guessed_depth_is_black_on_the_page(half_guessed: Scene, tmp_path: Path) -> None:
    sure = replace(half_guessed, views=tuple(replace(it, confidence=None)
                                             for it in half_guessed.views))
    draw_preview(half_guessed, None, tmp_path / 'half.png')
    draw_preview(sure, None, tmp_path / 'sure.png')
    half, whole = pixels(tmp_path / 'half.png'), pixels(tmp_path / 'sure.png')
    turned_black = (whole == 255).all(-1) & (half == 0).all(-1)
    assert turned_black.sum() > 5000


def test_a_clip_and_a_scene_with_both(tmp_path: Path) -> None:
    both = room()
    for scene in (both, Scene('clip', (), both.frames, 2.0)):
        draw_preview(scene, None, tmp_path / 'page.png')
        assert pixels(tmp_path / 'page.png').std() > 10.0
