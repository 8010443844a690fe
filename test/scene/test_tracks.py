# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A thing that moves is seen again; a mistake is not."""

from inspatio_ros.contracts import Intrinsics
from inspatio_ros.scene.scene import View
from inspatio_ros.scene.separation.tracks import Seen, tracked
import numpy as np
import pytest

WIDTH, HEIGHT, FRAMES = 160, 120, 9
CAMERA = Intrinsics(WIDTH, HEIGHT, 100.0, 100.0, 79.5, 59.5)
DEPTH = 2.0
ROWS, COLUMNS = np.mgrid[:HEIGHT, :WIDTH]
RED, BLUE = (200, 30, 30), (30, 30, 200)


def disc(x: float, y: float, radius: float = 12.0) -> np.ndarray:
    return (COLUMNS - x) ** 2 + (ROWS - y) ** 2 <= radius ** 2


def view(mask: np.ndarray, colour: tuple[int, int, int] = RED, sideways_m: float = 0.0) -> View:
    """Return a grey wall, a patch before it, and a camera that was carried sideways."""
    rgb = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
    rgb[mask] = colour
    T = np.eye(4)
    T[0, 3] = sideways_m
    return View(rgb, np.full((HEIGHT, WIDTH), DEPTH, np.float32), CAMERA, T, 'frame',
                np.zeros((HEIGHT, WIDTH), np.uint8))


def seen(mask: np.ndarray, sure: bool = True, standing: float = 0.0) -> Seen:
    """Return what a frame says of a patch; so much of it, from above, is confirmed."""
    confirmed = mask & (np.cumsum(mask).reshape(mask.shape) <= standing * mask.sum())
    return Seen(mask, mask & sure, confirmed)


def crossing(frames: int = FRAMES) -> list[np.ndarray]:
    """Return where a thing is that crosses the picture."""
    return [disc(30.0 + 10.0 * index, 60.0) for index in range(frames)]


def kept(masks: list[np.ndarray], **said: float) -> list[bool]:
    """Return of which frames something is kept."""
    found = tracked([view(mask) for mask in masks], [seen(mask, **said) for mask in masks])
    return [bool(mask.any()) for mask in found]


def test_what_crosses_the_picture_is_kept_as_it_is() -> None:
    masks = crossing()
    for found, mask in zip(tracked([view(it) for it in masks], [seen(it) for it in masks]), masks):
        np.testing.assert_array_equal(found, mask)


def test_a_speck_in_one_frame_goes_and_the_mover_stays() -> None:
    masks = crossing()
    speck = disc(130.0, 20.0, 9.0)
    both = [mask | speck if index == 3 else mask for index, mask in enumerate(masks)]
    found = tracked([view(it) for it in both], [seen(it) for it in both])
    assert not found[3][speck].any()
    assert all(got[mask].all() for got, mask in zip(found, masks))


@pytest.mark.parametrize('frames, stays', [(1, False), (2, False), (3, True)])
def test_two_frames_may_share_a_mistake_and_three_do_not(frames: int, stays: bool) -> None:
    nothing = np.zeros((HEIGHT, WIDTH), bool)
    masks = crossing(frames) + [nothing] * 4
    assert kept(masks) == [stays] * frames + [False] * 4


def test_mistakes_that_lie_elsewhere_in_every_frame_go() -> None:
    masks = [disc(20.0 + 90.0 * (index % 2), 30.0 + 60.0 * (index // 2 % 2))
             for index in range(FRAMES)]
    # The longest gap joins frames that are two apart: every corner comes back after four.
    assert not any(kept(masks))


def test_mistakes_of_other_colours_or_sizes_go() -> None:
    masks = [disc(80.0, 60.0)] * FRAMES
    hues = np.random.default_rng(0).permutation(FRAMES) * 28
    views = [view(mask, (hue, 255 - hue, 255 * (index % 2)))
             for index, (mask, hue) in enumerate(zip(masks, hues.tolist()))]
    assert not np.any(tracked(views, [seen(mask) for mask in masks]))
    assert not any(kept([disc(80.0, 60.0, 5.0 * 2.0 ** (index % 3)) for index in range(3)]))


def test_what_others_confirm_stands_still() -> None:
    assert all(kept(crossing(), standing=0.1))
    assert not any(kept(crossing(), standing=0.6))


def test_doubtful_patches_prove_nothing_and_go_on_with_what_is_proven() -> None:
    masks = crossing()
    assert not any(kept(masks, sure=False))
    said = [seen(mask, sure=index < 3) for index, mask in enumerate(masks)]
    assert all(mask.any() for mask in tracked([view(mask) for mask in masks], said))


def test_a_strip_at_the_border_proves_nothing() -> None:
    strip = np.zeros((HEIGHT, WIDTH), bool)
    strip[10:100, -12:] = True
    assert not any(kept([strip] * FRAMES))
    assert not any(kept([disc(WIDTH - 1.0, 0.0, 20.0)] * FRAMES))
    # A person whose legs are cut off is no strip.
    cut = [(abs(COLUMNS - 30.0 - 10.0 * index) < 8) & (ROWS > 60) for index in range(FRAMES)]
    assert all(kept(cut[1:-1]))


def test_what_is_too_small_proves_nothing() -> None:
    assert not any(kept([disc(30.0 + 4.0 * index, 60.0, 3.0) for index in range(FRAMES)]))


def test_a_thing_that_halts_for_a_while_is_found_again() -> None:
    masks = crossing(4)
    halted = [np.zeros((HEIGHT, WIDTH), bool)] * 3
    assert kept([*masks, *halted, masks[-1]]) == [True] * 4 + [False] * 3 + [True]
    assert kept([*masks, *halted, *halted, masks[-1]]) == [True] * 4 + [False] * 7


def test_the_camera_s_own_motion_is_taken_away() -> None:
    """The camera strides on, so that what hardly moves jumps through its picture."""
    masks = [disc(20.0 + 40.0 * index, 60.0) for index in range(4)]
    step_m = 40.0 / CAMERA.fx * DEPTH
    said = [seen(mask) for mask in masks]
    carried = [view(mask, sideways_m=-step_m * index) for index, mask in enumerate(masks)]
    assert all(mask.any() for mask in tracked(carried, said))
    assert not np.any(tracked([view(mask) for mask in masks], said))


def test_nothing_comes_of_nothing() -> None:
    assert tracked([], []) == []
    assert not any(kept([np.zeros((HEIGHT, WIDTH), bool)] * 3))
