# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Votes of one view on another, and the common picture of several."""

from inspatio_ros.geometry.agreement import brightness_gain, fuse, MOST_FUSED, vote
from inspatio_ros.geometry.camera import pixel_transfer
import numpy as np
from posed import HEIGHT, K, moved, textured, WIDTH
import pytest

SIDEWAYS = pixel_transfer(K, K, moved(x=-0.2))


def votes(disparity: np.ndarray, rgb: np.ndarray, other: np.ndarray, other_rgb: np.ndarray,
          P: np.ndarray = SIDEWAYS, gain: np.ndarray | None = None) -> tuple[np.ndarray, ...]:
    """Return support, against, heard; `against` is 2 where it is clear."""
    support, against, clear, heard = (np.zeros(disparity.shape, np.uint8) for _ in range(4))
    vote(disparity, rgb, P, other, other_rgb, np.ones(3) if gain is None else gain, support,
         against, clear, heard)
    return support, against + clear, heard


def wall(metres: float) -> np.ndarray:
    return np.full((HEIGHT, WIDTH), 1.0 / metres, np.float32)


def shifted(rgb: np.ndarray, pixels: int) -> np.ndarray:
    """Return what a camera sees that has moved to the right by so many pixels of a wall."""
    return np.roll(rgb, -pixels, axis=1)


def test_a_wall_that_both_see_is_supported_where_both_see_it() -> None:
    # 60 px focal length, 0.2 m, wall at 2 m: 6 pixels.
    rgb = textured()
    support, against, heard = votes(wall(2.0), rgb, wall(2.0), shifted(rgb, 6))
    inner = (slice(2, -3), slice(8, -3))
    assert (support[inner] == 1).all() and (heard[inner] == 1).all()
    assert not against.any()
    assert not heard[:, :6].any()


def test_another_colour_in_the_right_place_is_no_support() -> None:
    rgb = textured()
    support, against, heard = votes(wall(2.0), rgb, wall(2.0), 255 - shifted(rgb, 6))
    assert support.mean() < 0.3 and not against.any() and heard.mean() > 0.7


def test_what_others_look_through_is_contradicted_and_what_they_see_before_it_is_not() -> None:
    rgb = textured()
    for other, expected in ((4.0, 2), (2.3, 1), (2.05, 0), (1.0, 0)):
        support, against, _ = votes(wall(2.0), rgb, wall(other), rgb)
        assert not support.any()
        assert (against[2:-3, 8:-3] == expected).all()


def test_a_depth_edge_nearby_keeps_a_pixel_from_contradicting() -> None:
    rgb, other = textured(), wall(4.0)
    other[:, 30] = 0.5
    _, against, _ = votes(wall(2.0), rgb, other, rgb)
    assert (against[2:-3, 35:38] == 0).all()
    assert (against[2:-3, 40:50] == 2).all()


def test_unknown_depth_says_nothing_and_hears_nothing() -> None:
    rgb, nothing = textured(), np.full((HEIGHT, WIDTH), np.nan, np.float32)
    for disparity, other in ((wall(2.0), nothing), (nothing, wall(2.0))):
        assert not np.any(votes(disparity, rgb, other, rgb))


def test_points_behind_the_other_camera_are_left_alone() -> None:
    rgb = textured()
    assert not np.any(votes(wall(2.0), rgb, wall(2.0), rgb,
                            pixel_transfer(K, K, moved(z=-5.0))))


def test_the_gain_is_that_of_the_exposure_and_makes_up_for_it() -> None:
    rgb = textured()
    darker = (shifted(rgb, 6) * np.array([0.5, 0.6, 0.7])).astype(np.uint8)
    gain = brightness_gain(wall(2.0), rgb, SIDEWAYS, wall(2.0), darker, step=2)
    np.testing.assert_allclose(gain, [2.0, 1.67, 1.43], rtol=0.08)
    support, _, _ = votes(wall(2.0), rgb, wall(2.0), darker, gain=gain)
    assert support[2:-3, 8:-3].mean() > 0.95
    assert votes(wall(2.0), rgb, wall(2.0), darker)[0].mean() < 0.5


def test_the_gain_of_views_that_share_nothing_is_one() -> None:
    rgb = textured()
    np.testing.assert_array_equal(brightness_gain(wall(2.0), rgb, SIDEWAYS, wall(9.0), rgb), 1.0)


def slow_fuse(disparities: np.ndarray, colours: np.ndarray,
              tolerance: float) -> tuple[float, np.ndarray, int]:
    """Fuse one pixel in plain words."""
    known = [k for k in range(len(disparities)) if disparities[k] > 0.0]
    for k in sorted(known, key=lambda k: -disparities[k]):
        members = [m for m in known
                   if disparities[k] * (1.0 - tolerance) <= disparities[m] <= disparities[k]]
        if len(members) >= min(2, len(known)):
            break
    else:
        members = sorted(known, key=lambda k: disparities[k])[:1]
    if not members:
        return 0.0, np.zeros(3), 0
    ordered = sorted((disparities[m] for m in members), reverse=True)
    return (ordered[len(ordered) // 2], np.median(colours[members], axis=0), len(members))


def test_fusion_is_that_of_its_slow_twin() -> None:
    rng = np.random.default_rng(3)
    disparities = rng.choice([0.0, np.nan, 0.2, 0.5], (6, 12, 15)).astype(np.float32)
    disparities *= rng.uniform(0.98, 1.02, disparities.shape).astype(np.float32)
    colours = rng.integers(0, 256, (6, 12, 15, 3), np.uint8)
    disparity, rgb, count = fuse(disparities, colours, 0.05)
    for v in range(12):
        for u in range(15):
            d, colour, members = slow_fuse(disparities[:, v, u], colours[:, v, u], 0.05)
            assert count[v, u] == members
            assert disparity[v, u] == np.float32(d)
            if members:
                assert np.abs(rgb[v, u] - colour).max() <= 0.5


def test_what_only_one_has_seen_before_a_wall_has_passed_by() -> None:
    disparities = np.stack([wall(3.0)] * 4)
    disparities[1, 10:20, 10:20] = 1.0
    colours = np.stack([np.full((HEIGHT, WIDTH, 3), shade, np.uint8) for shade in (9, 200, 9, 9)])
    disparity, rgb, count = fuse(disparities, colours)
    assert (disparity == np.float32(1.0 / 3.0)).all()
    assert (rgb == 9).all()
    assert (count[10:20, 10:20] == 3).all() and count[0, 0] == 4


@pytest.mark.parametrize('count', [0, MOST_FUSED + 1])
def test_no_picture_or_too_many_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match='pictures can be fused'):
        fuse(np.zeros((count, 2, 2), np.float32), np.zeros((count, 2, 2, 3), np.uint8))
