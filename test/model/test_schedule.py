# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0

import math

from inspatio_ros.model.schedule import FlowSchedule, ScheduleConfig
import pytest
import torch

TABLE = FlowSchedule()


def test_the_table_by_hand():
    assert len(TABLE.sigmas) == len(TABLE.timesteps) == 1000
    for i in (0, 1, 250, 999):
        u = 1.0 - i / 1000
        assert float(TABLE.sigmas[i]) == pytest.approx(5 * u / (1 + 4 * u), abs=1e-7)
    assert torch.equal(TABLE.timesteps, TABLE.sigmas * 1000)


def test_warped_steps():
    steps = TABLE.steps([1000, 750, 500, 250])
    assert [step.timestep for step in steps] == pytest.approx([1000, 937.5, 2500 / 3, 625])
    assert [step.sigma for step in steps] == pytest.approx([1, 0.9375, 5 / 6, 0.625])
    assert TABLE.warp([0]) == (0.0,)


@pytest.mark.parametrize('values', [[], [500, 750], [500, 500], [1000, 0], [1001], [500, -1]])
def test_steps_that_are_refused(values):
    with pytest.raises(ValueError):
        TABLE.steps(values)


def test_noise_and_back():
    generator = torch.Generator().manual_seed(0)
    clean, noise = torch.randn(2, 2, 3, 4, 5, generator=generator)
    times = torch.tensor([[1000.0, 900.0, 3.0], [625.0, 500.0, 10.0]])
    noisy = TABLE.add_noise(clean, noise, times)
    assert torch.equal(noisy[0, 0], noise[0, 0])
    assert (TABLE.clean(noise - clean, noisy, times) - clean).abs().max() < 1e-6
    flow = TABLE.flow(clean, noisy, times)
    assert (flow - (noise - clean)).abs().max() < 1e-4  # divided by sigmas down to 0.005


def test_each_frame_has_its_own_sigma():
    noise = torch.ones(1, 2, 1, 1, 1)
    noisy = TABLE.add_noise(torch.zeros_like(noise), noise, torch.tensor([[1000.0, 625.0]]))
    assert noisy.flatten().tolist() == pytest.approx([1.0, 0.625])


def test_ties_go_to_the_first_entry():
    table = FlowSchedule(ScheduleConfig(shift=1.0, entries=4))
    assert table.timesteps.tolist() == [1000.0, 750.0, 500.0, 250.0]
    assert table.index_of(torch.tensor([875.0, 874.0, 2000.0, -5.0])).tolist() == [0, 1, 0, 3]


def test_euler_reaches_the_next_entry():
    x, flow = torch.zeros(3, 2), torch.ones(3, 2)
    times = TABLE.timesteps[[0, 500, 999]]
    stepped = TABLE.euler(flow, x, times)[:, 0]
    following = torch.cat([TABLE.sigmas, torch.zeros(1)])[[1, 501, 1000]]
    assert torch.equal(stepped, following - TABLE.sigmas[[0, 500, 999]])


def test_training_weights_peak_at_half_noise():
    weights = TABLE.training_weights(TABLE.timesteps)
    assert float(weights.mean()) == pytest.approx(1.0, abs=1e-5)
    assert float(weights.min()) == 0.0
    assert abs(float(TABLE.timesteps[weights.argmax()]) - 500.0) < 1.0
    ratio = weights[TABLE.index_of(torch.tensor(250.0))] / weights.max()
    low = math.exp(-0.5)
    assert float(ratio) == pytest.approx((math.exp(-0.125) - low) / (1 - low), abs=1e-2)


def test_noise_keeps_its_type():
    noise = torch.zeros(2, 3, dtype=torch.bfloat16)
    assert TABLE.add_noise(torch.zeros(2, 3), noise, torch.tensor([3.0, 4.0])).dtype == noise.dtype


@pytest.mark.parametrize('fields', [{'shift': 0.0}, {'entries': 0}, {'train_steps': 0}])
def test_tables_that_are_refused(fields):
    with pytest.raises(ValueError, match='must be positive'):
        ScheduleConfig(**fields)
