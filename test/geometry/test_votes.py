# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The votes of depth pictures against a slow twin, and on places whose answer is plain."""

from concurrent.futures import ThreadPoolExecutor
import math

from inspatio_ros.geometry.votes import Boxes, reach, vote, Votes
import numpy as np
from posed import HEIGHT, K, WIDTH
import pytest

EDGES = np.array([-0.15, 0.15, 0.3, 0.45, 0.6])
# Level, at 0.4 m, looking along x.
LOOKING = np.array([[0.0, 0.0, 1.0, 0.0], [-1.0, 0.0, 0.0, 0.1], [0.0, -1.0, 0.0, 0.4],
                    [0.0, 0.0, 0.0, 1.0]])
# No surface of the test lies on an edge of these.
BOXES = Boxes(-0.513, -1.507, 0.1, 30, 40, EDGES)


def tilted(angle: float) -> np.ndarray:
    c, s = math.cos(angle), math.sin(angle)
    T = LOOKING.copy()
    T[:3, :3] = np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]]) @ T[:3, :3]
    return T


def room_depth(T: np.ndarray) -> np.ndarray:
    """Depth of a floor at 0 and a wall at x = 3, with all that depth may hold."""
    v, u = np.mgrid[0:HEIGHT, 0:WIDTH]
    rays = np.stack([u, v, np.ones_like(u)], axis=-1) @ np.linalg.inv(K).T @ T[:3, :3].T
    with np.errstate(divide='ignore'):
        wall = (3.0 - T[0, 3]) / rays[..., 0]
        floor = np.where(rays[..., 2] < 0.0, -T[2, 3] / rays[..., 2], np.inf)
    depth = np.minimum(wall, floor).astype(np.float32)
    depth[20:30, 10:20] = 1.0
    depth[:4] = np.inf
    depth[np.random.default_rng(3).random(depth.shape) < 0.05] = np.nan
    return depth


def slow_votes(boxes: Boxes, depth: np.ndarray, T: np.ndarray) -> tuple[np.ndarray, ...]:
    """One picture, box by box, in plain Python."""
    met, passed, hidden = (np.zeros((len(EDGES) - 1, boxes.rows, boxes.columns), int)
                           for _ in range(3))
    inside = np.linalg.inv(T)
    farthest = depth[np.isfinite(depth)].max()
    v, u = np.mgrid[0:HEIGHT, 0:WIDTH]
    known = np.isfinite(depth)
    rays = np.stack([u, v, np.ones_like(u)], axis=-1)[known] @ np.linalg.inv(K).T
    ends = (rays * depth[known][:, None]) @ T[:3, :3].T + T[:3, 3]
    for layer, row, column in np.ndindex(met.shape):
        low = np.array([boxes.x_m + column * boxes.side_m, boxes.y_m + row * boxes.side_m,
                        EDGES[layer]])
        high = np.array([*(low[:2] + boxes.side_m), EDGES[layer + 1]])
        at = (layer, row, column)
        middle = 0.5 * (low + high)
        x, y, w = K @ (inside[:3, :3] @ middle + inside[:3, 3])
        if w < 0.01:
            continue
        points = ((ends >= low) & (ends <= high)).all(axis=1).sum()
        covering = 60.0 * 58.0 * (boxes.side_m / w) ** 2
        if points and (layer == 0 or points >= covering / 16.0):
            met[at] = 1
            continue
        if not (-0.5 <= x / w < WIDTH - 0.5 and -0.5 <= y / w < HEIGHT - 0.5):
            continue
        d = depth[int(math.floor(y / w + 0.5)), int(math.floor(x / w + 0.5))]
        end = T[:3, 3] + (middle - T[:3, 3]) * d / w
        if np.isnan(d):
            continue
        if (np.abs(end - middle) <= 0.5 * (high - low)).all():
            met[at] = 1
        elif d < w:
            hidden[at] = 1
        elif np.isinf(d):
            passed[at] = layer > 0 and w < farthest
        elif layer > 0 or end[2] < EDGES[0]:
            passed[at] = 1
    return met, passed, hidden


def test_votes_are_those_of_the_slow_twin():
    votes, expected = Votes.of_nobody(BOXES), 0
    for T in (LOOKING, tilted(0.25)):
        depth = room_depth(T)
        vote(BOXES, votes, depth, K, T)
        expected = expected + np.array(slow_votes(BOXES, depth, T))
    found = np.array(votes)
    assert (expected.sum(axis=(1, 2, 3)) > 100).all()
    # Points and rays on the very edge of a box or a pixel may count here or there.
    assert np.sum(found != expected) <= 3


def test_pieces_side_by_side_vote_as_one():
    whole, pieces = Votes.of_nobody(BOXES), Votes.of_nobody(BOXES)
    depth = room_depth(LOOKING)
    vote(BOXES, whole, depth, K, LOOKING)
    with ThreadPoolExecutor(3) as pool:
        vote(BOXES, pieces, depth, K, LOOKING, bands=7,
             run=lambda work: list(pool.map(lambda piece: piece(), work)))
    assert np.array_equal(whole, pieces)


def test_ground_is_looked_through_where_something_is_underneath():
    T = tilted(0.3)
    votes, deep = Votes.of_nobody(BOXES), Votes.of_nobody(BOXES)
    depth = room_depth(T)
    vote(BOXES, votes, np.where(depth == 1.0, np.float32(np.nan), depth), K, T)
    vote(BOXES, deep, (1.8 * depth).astype(np.float32), K, T)
    assert votes.met[0].sum() > 50 and votes.passed[0].sum() == 0
    assert deep.passed[0].sum() > 50


def test_a_picture_of_nothing_says_nothing():
    votes = Votes.of_nobody(BOXES)
    for value in (np.nan, np.inf):
        vote(BOXES, votes, np.full((HEIGHT, WIDTH), value, np.float32), K, LOOKING)
    assert not np.any(votes)
    assert reach(np.full((4, 4), np.nan, np.float32), K, LOOKING, 0.0, 1.0) == (
        math.inf, -math.inf, math.inf, -math.inf)


def test_reach_is_that_of_the_points_between_the_heights():
    depth = np.full((HEIGHT, WIDTH), 2.0, np.float32)
    x0, x1, y0, y1 = reach(depth, K, LOOKING, 0.3, 0.6)
    assert x0 == x1 == 2.0
    assert y0 == pytest.approx(0.1 + 2.0 * (31.0 - (WIDTH - 1)) / 60.0)
    assert y1 == pytest.approx(0.1 + 2.0 * 31.0 / 60.0)
