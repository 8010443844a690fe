# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Depth that others confirm, and depth that they contradict."""

from inspatio_ros.geometry.camera import invert_rigid, pixel_transfer
from inspatio_ros.geometry.consistency import confirm_rows
import numpy as np
from posed import HEIGHT, K, moved, WIDTH


def judge(own: np.ndarray, others: list[np.ndarray], places: list[np.ndarray],
          tolerance: float = 0.02) -> tuple[np.ndarray, np.ndarray]:
    P = np.stack([pixel_transfer(K, K, invert_rigid(place)) for place in places])
    votes, fused = np.empty(own.shape, np.uint8), np.empty_like(own)
    confirm_rows(own, np.stack(others), P.astype(np.float32), np.float32(tolerance), 0,
                 len(own), votes, fused)
    return votes, fused


def wall(inverse: float) -> np.ndarray:
    return np.full((HEIGHT, WIDTH), inverse, np.float32)


def test_a_wall_is_confirmed_where_the_neighbour_sees_it() -> None:
    votes, fused = judge(wall(0.5), [wall(0.5), wall(0.5)], [moved(x=0.2), moved(x=-0.2)])
    shift = round(K[0, 0] * 0.2 * 0.5)
    assert (votes[:, shift:-shift] == 2).all()
    assert (votes[:, :shift - 1] == 1).all() and (votes[:, 1 - shift:] == 1).all()
    np.testing.assert_allclose(fused, 0.5, rtol=1e-6)


def test_depth_is_compared_in_the_frame_of_the_neighbour() -> None:
    """From half a metre ahead a wall at 2 m is 1.5 m away."""
    ahead = moved(z=0.5)
    votes, fused = judge(wall(0.5), [wall(1.0 / 1.5)], [ahead])
    assert (votes[16:32, 22:42] == 1).all()
    np.testing.assert_allclose(fused, 0.5, rtol=1e-6)
    assert not judge(wall(0.5), [wall(0.5)], [ahead])[0].any()


def test_maps_that_nearly_agree_are_averaged_and_others_are_not() -> None:
    votes, fused = judge(wall(0.5), [wall(0.506), wall(0.56)], [moved(x=0.01)] * 2)
    inner = np.s_[2:-2, 4:-4]
    assert (votes[inner] == 1).all()
    np.testing.assert_allclose(fused[inner], 0.503, rtol=1e-3)


def test_what_is_unknown_confirms_nothing_and_stays_unknown() -> None:
    own, other = wall(0.5), wall(0.5)
    own[10:20], other[30:40] = np.nan, np.nan
    votes, fused = judge(own, [other], [moved()])
    assert not votes[10:20].any() and not votes[30:40].any() and votes[25].all()
    assert np.isnan(fused[10:20]).all() and not np.isnan(fused[20:]).any()


def test_what_lies_behind_the_neighbour_is_not_confirmed() -> None:
    assert not judge(wall(0.5), [wall(0.5)], [moved(z=3.0)])[0].any()
