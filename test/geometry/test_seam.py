# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0

from inspatio_ros.geometry.seam import agreement, lay_over
import pytest
import torch

HEIGHT, WIDTH = 37, 53


def left(columns):
    known = torch.zeros(1, 1, HEIGHT, WIDTH)
    known[..., :columns] = 1.0
    return known


def test_known_pixels_are_taken_as_they_are():
    rng = torch.Generator().manual_seed(0)
    painted, shown = (torch.rand(2, 3, HEIGHT, WIDTH, generator=rng) for _ in range(2))
    known = torch.rand(2, 1, HEIGHT, WIDTH, generator=rng) > 0.4
    laid = lay_over(painted, shown, known.float())
    where = known.expand_as(laid)
    assert torch.equal(laid[where], shown[where])
    assert not torch.equal(laid[~where], painted[~where])


def test_a_painting_that_agrees_at_the_border_stays():
    painted = torch.linspace(0.0, 1.0, WIDTH).expand(1, 3, HEIGHT, WIDTH)
    assert torch.equal(lay_over(painted, painted.clone(), left(20)), painted)


def test_half_of_a_difference_at_the_border_goes_on():
    laid = lay_over(torch.zeros(1, 3, HEIGHT, WIDTH), torch.ones(1, 3, HEIGHT, WIDTH), left(20))
    torch.testing.assert_close(laid[..., 20:], torch.full_like(laid[..., 20:], 0.5))


def test_the_difference_goes_over_from_side_to_side():
    shown = torch.zeros(1, 1, HEIGHT, WIDTH)
    shown[..., WIDTH // 2:] = 1.0
    known = left(5) + left(5).flip(-1)
    row = lay_over(torch.zeros_like(shown), shown, known)[0, 0, HEIGHT // 2, 5:-5]
    assert float((row[1:] - row[:-1]).min()) > -0.01
    assert float(row[0]) < 0.1 and float(row[-1]) > 0.4


@pytest.mark.parametrize('size', [(1, 1), (1, 7), (8, 1), (64, 96)])
def test_sizes(size):
    none, everything = (torch.full((1, 1, *size), it) for it in (0.0, 1.0))
    painted, shown = torch.zeros(1, 3, *size), torch.ones(1, 3, *size)
    assert torch.equal(lay_over(painted, shown, none), painted)
    assert torch.equal(lay_over(painted, shown, everything), shown)


def test_what_the_painting_bears_out_counts():
    painted = torch.zeros(1, 3, HEIGHT, WIDTH)
    guess = torch.full_like(painted, 0.05)
    guess[..., 30:] = 0.9
    there = left(45).bool()
    share = agreement(painted, guess, there)[0, 0]
    assert torch.equal(share[:, :25], torch.ones(HEIGHT, 25))
    assert float(share[:, 35:].max()) == 0.0
    assert (share[:, 27:33].diff() <= 0.0).all(), 'it goes over'
    # What lies outside of a guess says nothing about it.
    guess[..., 45:] = 100.0
    assert torch.equal(agreement(painted, guess, there)[0, 0], share)


def test_a_guess_is_mixed_in_by_its_share():
    painted, guess = torch.zeros(1, 3, HEIGHT, WIDTH), torch.ones(1, 3, HEIGHT, WIDTH)
    laid = lay_over(painted, guess, torch.full((1, 1, HEIGHT, WIDTH), 0.5))
    assert ((laid > 0.5) & (laid < 1.0)).all()
