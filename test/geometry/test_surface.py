# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which pixels lie on one surface."""

from inspatio_ros.geometry.surface import FAR_M, inverse_depth, link_pixels, spread
from inspatio_ros.geometry.surface import LONE, LOWER, SQUARE, UPPER
import numpy as np
from posed import Posed


def test_inverse_depth_of_known_unknown_and_out_of_range() -> None:
    depth = np.array([[2.0, np.nan, 0.0, -1.0, np.inf]], np.float32)
    disparity = inverse_depth(depth)[0]
    assert disparity[0] == 0.5
    assert np.isnan(disparity[1:4]).all()
    assert disparity[4] == np.float32(1.0 / FAR_M)


def test_a_flat_wall_is_one_surface() -> None:
    links = link_pixels(inverse_depth(np.full((6, 8), 2.0, np.float32)))
    assert (links[:-1, :-1] == SQUARE).all()
    assert (links[-1] == 0).all() and (links[:, -1] == 0).all()


def test_a_step_is_not_joined() -> None:
    depth = np.full((6, 8), 3.0, np.float32)
    depth[:, 4:] = 1.0
    links = link_pixels(inverse_depth(depth))
    assert (links[:, 3] == 0).all()
    assert (links[:-1, 4:-1] == SQUARE).all()


def test_a_floor_at_a_grazing_angle_is_joined_although_its_steps_are_large() -> None:
    # A camera 0.3 m over the floor: rows v under the horizon are at f h / v.
    rows = np.arange(1, 40, dtype=np.float32)
    depth = np.repeat((60.0 * 0.3 / rows)[:, None], 8, axis=1)
    steps = -np.diff(depth[:, 0]) / depth[1:, 0]
    links = link_pixels(inverse_depth(depth))
    steep = np.flatnonzero((steps > 0.06) & (steps < 0.4))
    assert len(steep) > 3
    assert (links[steep[1:-1], :-1] == SQUARE).all()


def test_a_mixed_pixel_between_object_and_wall_joins_neither() -> None:
    depth = np.full((6, 9), 4.0, np.float32)
    depth[:, 5:] = 1.0
    depth[:, 4] = 1.0 / (0.5 * (0.25 + 1.0))  # half way in inverse depth: as straight as a ramp
    links = link_pixels(inverse_depth(depth))
    assert (links[:, 3:5] & SQUARE == 0).all()
    assert (links[:, 4] == LONE).all()


def test_a_single_known_pixel_is_lone_and_unknown_ones_are_nothing() -> None:
    depth = np.full((5, 5), np.nan, np.float32)
    depth[2, 2] = 1.0
    links = link_pixels(inverse_depth(depth))
    assert links[2, 2] == LONE
    assert links.sum() == LONE


def slow_links(d: np.ndarray, step: float = 0.04, bend: float = 0.005) -> np.ndarray:
    """Link pixels with whole-array operations: the slow twin."""
    def joined(d: np.ndarray) -> np.ndarray:
        steps = np.diff(d, axis=-1)
        nearer = np.minimum(d[:, 1:], d[:, :-1])
        straight = np.zeros(nearer.shape, bool)
        bends = np.abs(np.diff(steps, axis=-1))
        straight[:, 1:-1] = ((bends[:, :-1] <= np.float32(bend) * nearer[:, 1:-1])
                             & (bends[:, 1:] <= np.float32(bend) * nearer[:, 2:]))
        return ((np.abs(steps) <= np.float32(step) * nearer)
                | (straight & (np.abs(steps) <= np.float32(0.5) * nearer)))

    along, down = joined(d), joined(d.T).T
    links = np.zeros(d.shape, np.uint8)
    upper, lower = along[:-1] & down[:, :-1], along[1:] & down[:, 1:]
    links[:-1, :-1] = upper * UPPER + lower * LOWER
    touched = np.zeros(d.shape, bool)
    for kind, corners in ((upper, ((0, 0), (0, 1), (1, 0))), (lower, ((1, 1), (1, 0), (0, 1)))):
        for dv, du in corners:
            touched[dv:dv + kind.shape[0], du:du + kind.shape[1]] |= kind
    links[(d > 0.0) & ~touched] |= LONE
    return links


def test_the_kernel_agrees_with_its_slow_twin(rough: Posed) -> None:
    disparity = inverse_depth(rough.depth)
    with np.errstate(invalid='ignore'):
        np.testing.assert_array_equal(link_pixels(disparity), slow_links(disparity))


def test_a_mark_spreads_over_its_surface_where_it_may() -> None:
    disparity = np.full((9, 12), 0.25, np.float32)
    disparity[2:8, 3:9] = 0.5            # a box
    disparity[8] = np.linspace(0.5, 1.0, 12)  # a floor that comes nearer, from its foot on
    disparity[4, 5] = np.nan
    seeds = np.zeros(disparity.shape, bool)
    seeds[3, 3] = True
    allowed = np.ones_like(seeds)
    allowed[:, 8] = False
    marked = spread(seeds, disparity, allowed, 0.05)
    box = np.zeros_like(seeds)
    box[2:8, 3:8] = True
    box[4, 5] = False
    assert np.array_equal(marked[:8], box[:8])
    # A floor is followed only as far as it is as far away as where the mark began.
    assert not marked[8, 4:].any()
    assert seeds.sum() == 1, 'what is given stays as it was'
