# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Sweeping planes through a view: the kernel against loops that say the same, and real depth."""

from inspatio_ros.geometry.camera import invert_rigid, pixel_transfer
from inspatio_ros.geometry.depth_refinement import refine_rows
from inspatio_ros.geometry.plane_sweep import RADIUS, sweep_rows, WORST
from inspatio_ros.geometry.semi_global import gather_paths, pick_rows
import numpy as np
from posed import HEIGHT, K, moved, WIDTH
import pytest

PLANES = np.linspace(0.2, 1.0, 17).astype(np.float32)


def noisy(seed: int) -> np.ndarray:
    """Return a picture that looks different everywhere, smooth enough to be resampled."""
    rng = np.random.default_rng(seed)
    picture = rng.uniform(0.0, 255.0, (HEIGHT + 4, WIDTH + 4))
    for axis in (0, 1):
        picture = sum(np.roll(picture, k, axis) for k in range(-1, 2)) / 3.0
    return picture[2:-2, 2:-2].astype(np.float32)


def look_up(picture: np.ndarray, x: float, y: float) -> float:
    height, width = picture.shape
    x, y = min(max(x, 0.0), width - 1.0), min(max(y, 0.0), height - 1.0)
    i, j = min(int(x), width - 2), min(int(y), height - 2)
    fx, fy = x - i, y - j
    return ((picture[j, i] * (1 - fx) + picture[j, i + 1] * fx) * (1 - fy)
            + (picture[j + 1, i] * (1 - fx) + picture[j + 1, i + 1] * fx) * fy)


def wall_pair(depth_m: float = 2.0, baselines: tuple[float, ...] = (0.2, -0.2),
              ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a picture of a wall, what cameras to its sides see of it, and their transfers."""
    own = noisy(3)
    P = np.stack([pixel_transfer(K, K, invert_rigid(moved(x=x))) for x in baselines])
    sources = []
    for x in baselines:
        shift = K[0, 0] * x / depth_m
        sources.append([[look_up(own, u + shift, v) for u in range(WIDTH)]
                        for v in range(HEIGHT)])
    return own, np.array(sources, np.float32), P.astype(np.float32)


def seen_at(source: np.ndarray, transfer: np.ndarray, w: float, v: int, u: int) -> float | None:
    """Return what a source shows at a pixel of the reference; None beyond its edge."""
    x, y, z = transfer @ (u, v, 1.0, w)
    inside = 0 <= x / z <= WIDTH - 1 and 0 <= y / z <= HEIGHT - 1
    return look_up(source, x / z, y / z) if inside else None


def slow_cost(reference: np.ndarray, sources: np.ndarray, P: np.ndarray, w: float, v: int,
              u: int) -> float:
    """Compare one pixel with its sources on one plane, as the definition says."""
    window = [(j, i) for j in range(v - RADIUS, v + RADIUS + 1)
              for i in range(u - RADIUS, u + RADIUS + 1)]
    own = [reference[j, i] for j, i in window]
    costs = [float(WORST)] * 2
    for source, transfer in zip(sources, P.astype(np.float64)):
        seen = [seen_at(source, transfer, w, j, i) for j, i in window]
        if seen[len(window) // 2] is None:
            continue
        other = [source[0, 0] if it is None else it for it in seen]
        covariance = np.mean(np.multiply(own, other)) - np.mean(own) * np.mean(other)
        correlation = covariance / np.sqrt((np.var(own) + 4.0) * (np.var(other) + 4.0))
        costs.append(np.clip(1.0 - correlation, 0.0, 1.0) * WORST)
    return float(np.mean(sorted(costs)[:2]))


def test_costs_are_those_of_the_definition() -> None:
    own, sources, P = wall_pair()
    cost = np.empty((HEIGHT, WIDTH, len(PLANES)), np.uint8)
    sweep_rows(own, sources, P, PLANES, 0, HEIGHT, cost)
    for v, u, d in ((24, 32, 6), (10, 40, 0), (30, 20, 16), (40, 30, 10), (5, 28, 3)):
        assert cost[v, u, d] == pytest.approx(slow_cost(own, sources, P, PLANES[d], v, u), abs=2)


def test_bands_give_what_the_whole_gives() -> None:
    own, sources, P = wall_pair()
    whole = np.empty((HEIGHT, WIDTH, len(PLANES)), np.uint8)
    parts = np.empty_like(whole)
    sweep_rows(own, sources, P, PLANES, 0, HEIGHT, whole)
    for first, last in ((0, 13), (13, 14), (14, HEIGHT)):
        sweep_rows(own, sources, P, PLANES, first, last, parts)
    np.testing.assert_array_equal(parts, whole)


def test_the_true_plane_is_the_cheapest() -> None:
    own, sources, P = wall_pair()
    cost = np.empty((HEIGHT, WIDTH, len(PLANES)), np.uint8)
    sweep_rows(own, sources, P, PLANES, 0, HEIGHT, cost)
    inner = cost[4:-4, 12:-12]
    truth = int(np.argmin(np.abs(PLANES - 0.5)))
    assert (np.abs(inner.argmin(axis=2) - truth) <= 1).mean() > 0.97


def test_what_no_source_sees_costs_most() -> None:
    own, sources, P = wall_pair(baselines=(5.0,))
    cost = np.empty((HEIGHT, WIDTH, len(PLANES)), np.uint8)
    sweep_rows(own, sources, P, PLANES, 0, HEIGHT, cost)
    assert (cost[..., -1] == WORST).all()


def slow_paths(picture: np.ndarray, cost: np.ndarray, dv: int, du: int) -> np.ndarray:
    """Gather costs along one direction as the paper writes it."""
    height, width, planes = cost.shape
    path = np.zeros(cost.shape, np.int64)
    for v in range(height)[::1 if (dv, du) > (0, 0) else -1]:
        for u in range(width)[::1 if (dv, du) > (0, 0) or (dv == 0 and du > 0) else -1]:
            j, i = v - dv, u - du
            if not (0 <= j < height and 0 <= i < width):
                path[v, u] = cost[v, u] - cost[v, u].min()
                continue
            jump = int(max(160 / (1.0 + abs(picture[v, u] - picture[j, i]) / 16.0), 60))
            for d in range(planes):
                before = path[j, i]
                steps = [before[d], before.min() + jump]
                steps += [before[k] + 12 for k in (d - 1, d + 1) if 0 <= k < planes]
                path[v, u, d] = cost[v, u, d] + min(steps)
            path[v, u] -= path[v, u].min()
    return path


def test_paths_are_those_of_the_paper() -> None:
    rng = np.random.default_rng(0)
    picture = rng.uniform(0.0, 255.0, (7, 9)).astype(np.float32)
    cost = rng.integers(0, WORST + 1, (7, 9, 6), dtype=np.uint8)
    total = np.zeros(cost.shape, np.int16)
    gather_paths(picture, cost, 1, total)
    forward = [(0, 1), (1, 1), (1, 0), (1, -1)]
    expected = sum(slow_paths(picture, cost, *step) for step in forward)
    np.testing.assert_array_equal(total, expected)
    gather_paths(picture, cost, -1, total)
    expected += sum(slow_paths(picture, cost, -dv, -du) for dv, du in forward)
    np.testing.assert_array_equal(total, expected)


def test_the_best_place_lies_between_two_planes() -> None:
    d = np.arange(8)
    total = np.rint(100.0 * (d - np.array([2.0, 4.3, 0.0, 7.0])[:, None]) ** 2).astype(np.int16)
    place = np.empty((1, 4), np.float32)
    pick_rows(total[None], 0, 1, place)
    np.testing.assert_allclose(place[0], [2.0, 4.3, 0.0, 7.0], atol=0.01)


def test_refinement_finds_a_slanted_wall_between_the_planes() -> None:
    """A wall that is nearer on the right, from a map of half the size that has it in steps."""
    own = noisy(5)
    u = np.arange(WIDTH)
    truth = np.broadcast_to(0.4 + 0.004 * u, (HEIGHT, WIDTH))
    baselines = (0.25, -0.25)
    P = np.stack([pixel_transfer(K, K, invert_rigid(moved(x=x))) for x in baselines])
    sources = []
    for x in baselines:
        # Pixel u of the reference appears at u - f x w(u): solve that for u.
        at = (u + K[0, 0] * x * 0.4) / (1.0 - K[0, 0] * x * 0.004)
        sources.append([[look_up(own, float(it), v) for it in at] for v in range(HEIGHT)])
    step = np.float32(1.0 / (K[0, 0] * 0.25))
    coarse = (np.rint(truth[::2, ::2] / (2.0 * step)) * 2.0 * step).astype(np.float32)
    refined = np.empty((HEIGHT, WIDTH), np.float32)
    refine_rows(own, np.array(sources, np.float32), P.astype(np.float32), coarse, step, 0,
                HEIGHT, refined)
    error = np.abs(refined - truth)[6:-6, 14:-14]
    assert np.median(error) < 0.15 * step and np.median(
        np.abs(coarse.repeat(2, 0).repeat(2, 1) - truth)[6:-6, 14:-14]) > 0.3 * step
