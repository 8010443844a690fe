# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0

from inspatio_ros.model.schedule import FlowSchedule
from inspatio_ros.training.dmd import dmd_direction
import pytest
import torch

SCHEDULE = FlowSchedule()


class Gaussian:
    """
    Pictures whose values are independent, normal numbers: their score is linear and known.

    :param mean, std: of the values.
    """

    def __init__(self, mean, std):
        self.mean, self.std = mean, std

    def spread(self, sigma):
        """Return mean and variance of (1 - sigma) x + sigma n."""
        return (1 - sigma) * self.mean, ((1 - sigma) * self.std) ** 2 + sigma ** 2

    def score(self, noisy, sigma):
        """Return the gradient of the log density of noisy pictures."""
        mean, variance = self.spread(sigma)
        return (mean - noisy) / variance

    def clean(self, noisy, times):
        """Return the expected clean picture (Tweedie)."""
        sigma = SCHEDULE.sigma_of(times)[:, None, None]
        return (noisy + sigma ** 2 * self.score(noisy, sigma)) / (1 - sigma)


REAL, FAKE = Gaussian(0.7, 0.5), Gaussian(-0.2, 1.1)


@pytest.mark.parametrize('entry', [20, 300, 700, 980])
def test_the_direction_is_the_closed_form(entry):
    rng = torch.Generator().manual_seed(entry)
    samples, noise = torch.randn(2, 3, 4, 5, generator=rng, dtype=torch.float64)
    times = SCHEDULE.timesteps[[entry, entry, entry]]
    got = dmd_direction(samples, noise, times, SCHEDULE, REAL.clean, FAKE.clean)

    sigma = float(SCHEDULE.sigmas[entry])
    noisy = (1 - sigma) * samples + sigma * noise
    scores = -(REAL.score(noisy, sigma) - FAKE.score(noisy, sigma))
    believed = (noisy + sigma ** 2 * REAL.score(noisy, sigma)) / (1 - sigma)
    gap = (samples - believed).abs().mean((1, 2))
    expected = scores * sigma ** 2 / (1 - sigma) / gap[:, None, None]
    assert (got.gradient - expected).abs().max() <= 1e-5
    assert (got.gap_B - gap).abs().max() <= 1e-5


def test_descending_turns_one_distribution_into_the_other():
    """A student x = a + b n, whose fake score is exact at each step, ends as the real one."""
    rng = torch.Generator().manual_seed(0)
    a, b = torch.tensor(-0.2, requires_grad=True), torch.tensor(1.1, requires_grad=True)
    optimizer = torch.optim.Adam([a, b], lr=0.02)
    for _ in range(300):
        samples = a + b * torch.randn(64, 4, 4, generator=rng)
        times = SCHEDULE.timesteps[torch.randint(100, 980, (64,), generator=rng)]
        fake = Gaussian(float(a.detach()), float(b.detach()))
        direction = dmd_direction(samples.detach(), torch.randn(samples.shape, generator=rng),
                                  times, SCHEDULE, REAL.clean, fake.clean)
        optimizer.zero_grad()
        samples.backward(direction.gradient / samples.numel())
        optimizer.step()
    assert abs(float(a) - REAL.mean) < 0.05
    assert abs(abs(float(b)) - REAL.std) < 0.05


def test_nothing_flows_into_the_scores():
    weight = torch.ones((), requires_grad=True)
    samples = torch.randn(2, 3, 3, generator=torch.Generator().manual_seed(0),
                          requires_grad=True)
    times = SCHEDULE.timesteps[[500, 600]]
    got = dmd_direction(samples, torch.zeros(2, 3, 3), times, SCHEDULE,
                        lambda noisy, times: weight * REAL.clean(noisy, times),
                        lambda noisy, times: weight * FAKE.clean(noisy, times))
    assert not got.gradient.requires_grad and not got.gap_B.requires_grad
    assert got.gradient.abs().min() > 0.0


def test_a_sample_that_is_right_stays():
    samples, times = torch.full((1, 2, 2), 3.0), SCHEDULE.timesteps[[500]]
    got = dmd_direction(samples, torch.zeros(1, 2, 2), times, SCHEDULE,
                        lambda noisy, times: samples, lambda noisy, times: samples)
    assert torch.equal(got.gradient, torch.zeros(1, 2, 2))
