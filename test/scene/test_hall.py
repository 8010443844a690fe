# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The bundled hall is what it says: small, licensed, exact, complete, and its box moves."""

import math
from pathlib import Path
import subprocess
import sys

from inspatio_ros.contracts import Intrinsics
from inspatio_ros.scene.format import load_scene
from inspatio_ros.scene.scene import Scene, TimeMode, View
import numpy as np
import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
HALL = CHECKOUT / 'scenes' / 'hall'
sys.path.insert(0, str(CHECKOUT / 'scripts'))

from hall.layout import build_hall, MOVER  # noqa: E402, I100, I202
from hall.world import box, distance_to, ray_cast, Solid  # noqa: E402


@pytest.fixture(scope='module')
def hall() -> Scene:
    return load_scene(HALL)


def rays_in_map(view: View, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return origins and directions, z = 1 in the camera, of (N, 2) pixels (row, column)."""
    camera = view.intrinsics
    rays = np.stack([(pixels[:, 1] - camera.cx) / camera.fx,
                     (pixels[:, 0] - camera.cy) / camera.fy, np.ones(len(pixels))], axis=-1)
    T = view.T_map_cam
    return np.tile(T[:3, 3], (len(rays), 1)), rays @ T[:3, :3].T


def depth_errors(view: View, solids: list[Solid], count: int, seed: int) -> np.ndarray:
    """Return |depth - truth| of random known pixels, metres."""
    known = np.argwhere(np.isfinite(view.depth))
    pixels = known[np.random.default_rng(seed).integers(len(known), size=count)]
    truth, _ = ray_cast(solids, *rays_in_map(view, pixels))
    return np.abs(view.depth[pixels[:, 0], pixels[:, 1]] - truth)


def test_small_enough_to_ship() -> None:
    size = sum(path.stat().st_size for path in HALL.rglob('*') if path.is_file())
    assert size <= 6 * 2 ** 20


def test_says_under_which_licence(hall: Scene) -> None:
    assert hall.licence == 'Apache-2.0'
    assert 'make_hall' in hall.source


def test_static_depth_is_that_of_the_geometry(hall: Scene) -> None:
    solids = list(build_hall())
    errors = np.concatenate([depth_errors(view, solids, 250, i)
                             for i, view in enumerate(hall.views)])
    assert np.mean(errors < 0.01) > 0.99
    # Rounded to whole millimetres; a wrong camera model would be off everywhere.
    assert np.median(errors) < 0.001


def test_box_depth_is_that_of_the_geometry(hall: Scene) -> None:
    for frame in (0, len(hall.frames) // 2, len(hall.frames) - 1):
        for view in hall.frames[frame]:
            errors = depth_errors(view, [MOVER.solid_at(frame)], 100, frame)
            assert np.mean(errors < 0.01) > 0.99


def test_box_moves_back_and_forth(hall: Scene) -> None:
    assert hall.time_mode is TimeMode.BOUNCE
    assert len(hall.frames) == MOVER.frames
    y = []
    for frame in hall.frames:
        points = []
        for view in frame:
            pixels = np.argwhere(np.isfinite(view.depth))
            origins, rays = rays_in_map(view, pixels)
            points.append(origins + rays * view.depth[pixels[:, 0], pixels[:, 1]][:, None])
        seen = np.concatenate(points)
        low, high = seen.min(axis=0), seen.max(axis=0)
        assert high[2] == pytest.approx(MOVER.size[2], abs=0.01)
        y.append(0.5 * (low[1] + high[1]))
    speed = np.diff(y) * hall.fps
    assert y[-1] - y[0] > 1.2
    assert speed.min() > 0.0 and speed.max() < 0.6
    assert np.median(speed) == pytest.approx(0.43, abs=0.1)


def test_robot_starts_where_it_fits_and_sees(hall: Scene) -> None:
    spawn = hall.spawn
    assert distance_to(build_hall(), spawn.x, spawn.y, 1.0) > 0.3
    eye = np.array([spawn.x, spawn.y, spawn.z + spawn.camera_height])
    first = hall.views[0]
    assert np.allclose(first.T_map_cam[:3, 3], eye)
    assert np.allclose(first.T_map_cam[:3, 2], [math.cos(spawn.yaw), math.sin(spawn.yaw), 0.0])


def test_views_show_what_the_robot_sees_all_around(hall: Scene) -> None:
    solids = list(build_hall())
    robot = Intrinsics.from_hfov(832, 480, math.radians(80.0))
    pixels = np.stack(np.meshgrid(np.arange(20, 480, 55), np.arange(20, 832, 66),
                                  indexing='ij'), axis=-1).reshape(-1, 2)
    shown = []
    for x, y in ((-5.0, -1.95), (-4.5, 2.0), (0.0, 2.0), (4.6, 2.0), (-0.5, -2.0), (5.0, -1.5)):
        for yaw in np.radians([0.0, 90.0, 180.0, 270.0]):
            T = np.eye(4)
            forward = np.array([math.cos(yaw), math.sin(yaw), 0.0])
            right = np.array([math.sin(yaw), -math.cos(yaw), 0.0])
            T[:3, :3] = np.stack([right, [0.0, 0.0, -1.0], forward], axis=1)
            T[:3, 3] = x, y, 0.5
            view = View(np.zeros((480, 832, 3), np.uint8), np.ones((480, 832), np.float32),
                        robot, T, 'robot')
            origins, rays = rays_in_map(view, pixels)
            depth, _ = ray_cast(solids, origins, rays)
            shown.append(is_shown(hall, origins + depth[:, None] * rays))
    assert np.mean(shown) > 0.96
    assert np.mean(shown[0]) > 0.98  # from the spawn


def is_shown(hall: Scene, points: np.ndarray) -> np.ndarray:
    """Say of (N, 3) points of surfaces whether any static view shows them."""
    shown = np.zeros(len(points), bool)
    for view in hall.views:
        camera, T = view.intrinsics, view.T_map_cam
        local = (points - T[:3, 3]) @ T[:3, :3]
        z = np.where(local[:, 2] > 0.05, local[:, 2], np.inf)
        column = np.rint(camera.fx * local[:, 0] / z + camera.cx).astype(int)
        row = np.rint(camera.fy * local[:, 1] / z + camera.cy).astype(int)
        inside = (np.isfinite(z) & (column >= 0) & (row >= 0) & (column < camera.width)
                  & (row < camera.height))
        depth = view.depth[row[inside], column[inside]]
        shown[inside] |= np.abs(depth - z[inside]) < 0.05
    return shown


def test_ray_cast_knows_boxes_and_cylinders() -> None:
    solids = [box('wall', (3.0, -1.0, 0.0), (4.0, 1.0, 2.0), 'plaster'),
              Solid('turned', 'box', (0.0, 5.0, 1.0), (2.0, 2.0, 2.0), 'carton', math.pi / 4),
              Solid('post', 'cylinder', (-4.0, 0.0, 1.0), (1.0, 1.0, 2.0), 'column'),
              Solid('pipe', 'cylinder', (0.0, -6.0, 1.0), (2.0, 2.0, 8.0), 'duct', axis='x')]
    directions = np.array([[1.0, 0, 0], [0, 2.0, 0], [-1.0, 0, 0], [0, -1.0, 0], [0, 0, 1.0]])
    t, index = ray_cast(solids, np.tile([0.0, 0.0, 1.0], (5, 1)), directions)
    assert np.allclose(t, [3.0, (5.0 - math.sqrt(2.0)) / 2.0, 3.5, 5.0, np.inf])
    assert index.tolist() == [0, 1, 2, 3, -1]


def test_distance_is_to_the_nearest_obstacle_in_the_way_of_the_robot() -> None:
    solids = [box('low', (1.0, -1.0, 0.0), (2.0, 1.0, 0.5), 'carton'),
              box('high', (-0.5, -1.0, 2.0), (0.5, 1.0, 3.0), 'girder'),
              Solid('post', 'cylinder', (-2.0, 0.0, 1.0), (1.0, 1.0, 2.0), 'column')]
    assert distance_to(solids, 0.0, 0.0, 1.0) == pytest.approx(1.0)
    assert distance_to(solids, -1.0, 0.0, 1.0) == pytest.approx(0.5)
    assert distance_to(solids, 1.5, 0.0, 1.0) == 0.0


def test_script_says_what_to_install_where_nothing_can_draw() -> None:
    code = ("import sys; sys.modules['mujoco'] = None; import make_hall; make_hall.main([])")
    result = subprocess.run([sys.executable, '-c', code], cwd=CHECKOUT / 'scripts', text=True,
                            capture_output=True, timeout=120)
    assert result.returncode == 1
    assert 'pip install' in result.stderr and 'libosmesa6' in result.stderr
    assert 'Traceback' not in result.stderr
