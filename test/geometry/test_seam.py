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
    painted = torch.linspace(0.0, 1.0, 160).expand(1, 3, 64, 160)
    known = torch.zeros(1, 1, 64, 160)
    known[..., :64] = 1.0
    laid = lay_over(painted, painted.clone(), known)
    # At the edge of the picture there is nothing to go on with behind the last mean.
    torch.testing.assert_close(laid[..., :-16], painted[..., :-16], atol=1e-5, rtol=0.0)
    torch.testing.assert_close(laid, painted, atol=0.06, rtol=0.0)


def test_a_difference_at_the_border_goes_on():
    laid = lay_over(torch.zeros(1, 3, HEIGHT, WIDTH), torch.ones(1, 3, HEIGHT, WIDTH), left(20))
    torch.testing.assert_close(laid[..., 20:], torch.ones_like(laid[..., 20:]))


def test_details_of_a_painting_count_within_their_own_size_of_what_is_known():
    def left_of(period):
        """Return how much of stripes is left at some distances from the known pixels."""
        wave = torch.sin(2.0 * torch.pi * torch.arange(256) / period).expand(1, 1, 64, 256)
        known = torch.zeros(1, 1, 64, 256)
        known[..., :64] = 1.0
        laid = lay_over(wave, wave, known)[0, 0, 32]
        return [float(laid[first:first + 64].abs().max()) for first in (64, 96, 192)]

    fine, coarse = left_of(4), left_of(64)
    assert fine[0] > 0.1 and max(fine[1:]) < 0.02
    assert min(coarse) > 0.5


def test_the_difference_goes_over_from_side_to_side():
    shown = torch.zeros(1, 1, HEIGHT, WIDTH)
    shown[..., WIDTH // 2:] = 1.0
    known = left(5) + left(5).flip(-1)
    row = lay_over(torch.zeros_like(shown), shown, known)[0, 0, HEIGHT // 2, 5:-5]
    assert float((row[1:] - row[:-1]).min()) > -0.01
    assert float(row[0]) < 0.2 and float(row[-1]) > 0.8


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


def test_a_guess_that_is_all_but_denied_is_as_good_as_none():
    wave = torch.sin(2.0 * torch.pi * torch.arange(64) / 3.0).expand(1, 3, 64, 64)
    known = torch.zeros(1, 1, 64, 64)
    known[..., :8] = 1.0
    denied = known.clone()
    denied[..., 30:50, 30:50] = 1e-6
    torch.testing.assert_close(lay_over(wave, wave, denied), lay_over(wave, wave, known),
                               atol=1e-3, rtol=0.0)


def test_a_guess_is_mixed_in_by_its_share():
    """Beside known pixels that the painting agrees with."""
    painted, guess = torch.zeros(1, 3, HEIGHT, WIDTH), torch.zeros(1, 3, HEIGHT, WIDTH)
    guess[..., 25:35] = 1.0
    taken = []
    for share in (0.1, 0.4, 0.9):
        weight = left(20)
        weight[..., 25:35] = share
        taken.append(float(lay_over(painted, guess, weight)[..., 25:35].mean()))
    assert 0.0 < taken[0] < taken[1] < taken[2] < 1.0
