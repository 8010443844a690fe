# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which views see the same things, and which few see it all."""

from dataclasses import replace
import math

from inspatio_ros.contracts import Intrinsics
from inspatio_ros.motion.transforms import pose_rpy, T_LINK_OPTICAL
from inspatio_ros.scene.scene import View
from inspatio_ros.scene.separation.overlap import Overlap, spread
import numpy as np

# 90 degrees, so that four of them look all around.
CAMERA = Intrinsics.from_hfov(64, 48, 0.5 * math.pi)


def looking(yaw_deg: float, x: float = 0.0, y: float = 0.0) -> View:
    """Return a view from inside a round wall of 4 m."""
    T = pose_rpy(x, y, 1.0, yaw=math.radians(yaw_deg)) @ T_LINK_OPTICAL
    v, u = np.mgrid[0:48, 0:64]
    rays = np.stack([u, v, np.ones_like(u)], axis=-1) @ np.linalg.inv(CAMERA.K).T @ T[:3, :3].T
    a = (rays[..., :2] ** 2).sum(axis=-1)
    b = rays[..., 0] * x + rays[..., 1] * y
    depth = (-b + np.sqrt(b * b - a * (x * x + y * y - 16.0))) / a
    return View(np.zeros((48, 64, 3), np.uint8), depth.astype(np.float32), CAMERA, T,
                f'{yaw_deg} {x} {y}')


def test_shares_are_those_of_the_angle() -> None:
    shared = Overlap([looking(0.0), looking(45.0), looking(180.0)]).shared()
    np.testing.assert_allclose(np.diag(shared), 1.0)
    assert 0.3 < shared[0, 1] < 0.65 and 0.3 < shared[1, 0] < 0.65
    assert shared[0, 2] == shared[2, 0] == 0.0


def test_what_is_hidden_or_guessed_is_not_shared() -> None:
    view, wall = looking(0.0), looking(0.0, x=-0.3)
    near = replace(view, depth=np.full_like(view.depth, 1.0), name='near')
    assert Overlap([near, wall]).shared()[0, 1] < 0.05
    guessed = replace(view, confidence=np.zeros((48, 64), np.uint8), name='guessed')
    assert Overlap([guessed, wall]).shared()[0, 1] == 0.0


def test_few_views_cover_what_many_see() -> None:
    views = [looking(30.0 * k) for k in range(12)]
    overlap = Overlap(views)
    chosen = overlap.covering(most=12, enough=0.97)
    # Four show the wall all around at eye level; its upper and lower rim takes some more.
    assert 4 <= len(chosen) <= 8 and chosen == sorted(chosen)
    shown = {(k + step) % 12 for k in chosen for step in (-1, 0, 1)}
    assert shown == set(range(12))
    assert len(overlap.covering(most=3)) == 3
    assert overlap.covering(most=12, enough=0.2) == [0]


def test_a_coarse_view_does_not_stand_for_a_fine_one() -> None:
    fine, coarse = looking(0.0, x=2.0), looking(0.0, x=-3.0)
    shared = Overlap([fine, coarse]).shared()
    assert shared[1, 0] < 0.1


def test_judges_come_from_all_of_the_time_but_not_from_elsewhere() -> None:
    shared = np.zeros((30, 30))
    shared[:20, :20] = 0.8
    few = spread(shared, 3, 5)
    assert len(few) == 5 and few[0] == 0 and few[-1] == 19
    assert 3 not in few and max(np.diff(few)) <= 5
    assert spread(shared, 3, 40) == [k for k in range(20) if k != 3]
    assert spread(shared, 25, 5) == []
