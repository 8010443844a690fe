# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Maps of places whose obstacles are known: the bundled hall, a room with noise, holes, movers."""

from dataclasses import replace
import math
from pathlib import Path
import sys

from inspatio_ros.contracts import Intrinsics, Spawn
from inspatio_ros.scene.format import load_scene
from inspatio_ros.scene.occupancy import (FREE, MapSettings, occupancy_of, OccupancyGrid,
                                          OCCUPIED, UNKNOWN)
from inspatio_ros.scene.scene import Scene
import numpy as np
import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / 'scripts'))

from hall.layout import build_hall  # noqa: E402, I100, I202
from hall.world import Solid  # noqa: E402

CAMERA = Intrinsics.from_hfov(160, 120, math.radians(90.0))
SETTINGS = MapSettings()


@pytest.fixture(scope='module')
def hall() -> Scene:
    return load_scene(CHECKOUT / 'scenes' / 'hall')


def middles(grid: OccupancyGrid, where: np.ndarray) -> np.ndarray:
    """Return (N, 2) the middles of some cells, metres."""
    rows, columns = np.nonzero(where)
    return np.stack([grid.x + (columns + 0.5) * grid.resolution,
                     grid.y + (rows + 0.5) * grid.resolution], axis=-1)


def value_at(grid: OccupancyGrid, x: float, y: float) -> int:
    return int(grid.cells[math.floor((y - grid.y) / grid.resolution),
                          math.floor((x - grid.x) / grid.resolution)])


def gaps(solids: list[Solid], points: np.ndarray) -> np.ndarray:
    """Return (N,) how far points are from the nearest thing in the band, metres."""
    nearest = np.full(len(points), np.inf)
    for solid in solids:
        own = (points - solid.centre[:2]) @ solid.rotation[:2, :2]
        if solid.shape == 'cylinder' and solid.axis == 'z':
            gap = np.hypot(*own.T) - 0.5 * solid.size[0]
        else:
            low, high = solid.bounds
            half = 0.5 * (np.array(solid.size) if solid.shape == 'box' else high - low)[:2]
            own = own if solid.shape == 'box' else points - solid.centre[:2]
            gap = np.hypot(*np.maximum(np.abs(own) - half, 0.0).T)
        nearest = np.minimum(nearest, np.maximum(gap, 0.0))
    return nearest


@pytest.mark.parametrize('resolution', [0.05, 0.1])
def test_hall_is_occupied_where_it_is_and_free_where_it_is_not(hall, resolution):
    solids = [it for it in build_hall() if it.bounds[1][2] > SETTINGS.min_height
              and it.bounds[0][2] < SETTINGS.max_height]
    grid = occupancy_of(hall, MapSettings(resolution))
    occupied = gaps(solids, middles(grid, grid.cells == OCCUPIED))
    assert occupied.max() < resolution
    free = gaps(solids, middles(grid, grid.cells == FREE))
    assert np.mean(free > 0.0) > 0.985  # under a bench that is fenced by its own front
    # The aisles are clear for a robot: all that is 0.3 m from everything is free, most of it seen.
    inner = np.abs(middles(grid, grid.cells < 2)) < (5.5, 3.5)
    points = middles(grid, grid.cells < 2)[inner.all(axis=1)]
    far = points[gaps(solids, points) > 0.3]
    values = np.array([value_at(grid, x, y) for x, y in far])
    assert np.mean(values == FREE) > 0.999


def test_hall_is_mapped_without_the_box_that_moves(hall):
    grid = occupancy_of(hall, SETTINGS)
    still = occupancy_of(replace(hall, frames=()), SETTINGS)
    assert np.array_equal(grid.cells, still.cells)
    assert value_at(grid, hall.spawn.x, hall.spawn.y) == FREE
    # Corners of cells lie on multiples of the resolution: maps of one place fit on each other.
    assert grid.x / grid.resolution == pytest.approx(round(grid.x / grid.resolution), abs=1e-9)


def look_around(room, count=8, x=0.0, y=0.0, z=0.5, noise=0.0, pitch=0.0):
    poses = [room.pose(x, y, z, 2.0 * math.pi * k / count, pitch) for k in range(count)]
    return [room.view(T, f'{x} {y} {k}', CAMERA, noise, k) for k, T in enumerate(poses)]


@pytest.mark.parametrize('noise', [0.0, 0.002])
def test_walls_of_a_room_are_a_closed_line_as_wide_as_the_noise(room, noise):
    # Of inverse depth: three deviations at the corner that is farthest from a camera.
    width = 3.0 * noise * (5.5 ** 2 + 4.0 ** 2)
    views = look_around(room, noise=noise) + look_around(room, x=1.5, y=-1.0, noise=noise)
    grid = occupancy_of(Scene('room', tuple(views)), SETTINGS)
    occupied = middles(grid, grid.cells == OCCUPIED)
    outside = np.abs(occupied) - room.high[:2]
    assert np.abs(outside.max(axis=1)).max() < width + grid.resolution
    free = middles(grid, grid.cells == FREE)
    assert (np.abs(free) < room.high[:2] + width).all()
    # Every ray from the middle meets the wall, whatever stray points there are before it.
    for angle in np.linspace(0.0, 2.0 * math.pi, 720):
        way = np.arange(0.0, 6.0, 0.5 * grid.resolution)[:, None]
        path = way * (math.cos(angle), math.sin(angle))
        path = path[(np.abs(path) < room.high[:2] + grid.resolution).all(axis=1)]
        assert OCCUPIED in [value_at(grid, x, y) for x, y in path], angle


def test_what_no_view_has_seen_is_unknown(room):
    views = [view for view in look_around(room) if view.T_map_cam[0, 2] > 0.5]
    grid = occupancy_of(Scene('room', tuple(views)), SETTINGS)
    assert value_at(grid, 2.0, 0.0) == FREE
    # Three of the eight cameras, of 90 degrees each: all that is ahead of x = 0.
    assert middles(grid, grid.cells != UNKNOWN)[:, 0].min() > -grid.resolution
    assert middles(grid, grid.cells == UNKNOWN)[:, 0].min() < 0.0


def test_floor_under_the_robot_is_no_obstacle_and_a_drop_is_not_free(room):
    def lowered(view):  # the floor ahead of x = 2 lies 0.8 m deeper
        v, u = np.mgrid[0:CAMERA.height, 0:CAMERA.width]
        rays = np.stack([(u - CAMERA.cx) / CAMERA.fx, (v - CAMERA.cy) / CAMERA.fy,
                         np.ones(u.shape)], axis=-1) @ view.T_map_cam[:3, :3].T
        ends = view.T_map_cam[:3, 3] + rays * view.depth[..., None]
        deep = (ends[..., 0] > 2.0) & (ends[..., 2] < 0.01)
        reach = (4.0 - view.T_map_cam[0, 3]) / np.where(deep, rays[..., 0], 1.0)
        depth = np.where(deep, np.minimum(view.depth * 2.6, reach), view.depth)
        return replace(view, depth=depth.astype(np.float32))
    views = look_around(room, z=0.5, pitch=0.3)
    flat = occupancy_of(Scene('room', tuple(views)), SETTINGS)
    cliff = occupancy_of(Scene('room', tuple(map(lowered, views))), SETTINGS)
    assert value_at(flat, 2.5, 0.0) == FREE and value_at(flat, 1.5, 0.0) == FREE
    assert value_at(cliff, 2.5, 0.0) == UNKNOWN and value_at(cliff, 1.5, 0.0) == FREE


def test_a_stray_point_that_others_look_through_is_no_obstacle(room):
    views = look_around(room)
    depth = views[0].depth.copy()
    depth[58:62, 78:82] = 1.0
    # The same place from three more sides.
    others = [view for y in (-1.0, 1.0) for view in look_around(room, x=1.0, y=y)]
    with_it = occupancy_of(Scene('room', (replace(views[0], depth=depth), *views[1:])), SETTINGS)
    seen_through = occupancy_of(
        Scene('room', (replace(views[0], depth=depth), *views[1:], *others)), SETTINGS)
    assert value_at(with_it, 1.01, 0.01) == OCCUPIED
    assert value_at(seen_through, 1.01, 0.01) == FREE


def test_frames_are_used_where_there_is_nothing_else(room):
    scene = room.clip()
    grid = occupancy_of(scene, SETTINGS)
    done = []
    again = occupancy_of(scene, SETTINGS, lambda *it: done.append(it))
    assert grid.share(FREE) > 0.05
    assert grid.cells.tobytes() == again.cells.tobytes()
    assert done == [(k, 5) for k in range(1, 6)]


def test_guessed_and_far_depth_does_not_count(room):
    view = look_around(room)[0]
    guessed = replace(view, confidence=np.zeros(view.depth.shape, np.uint8))
    guessed.confidence[:, :40] = 255
    part = occupancy_of(Scene('room', (guessed,)), SETTINGS)
    near = occupancy_of(Scene('room', (view,)), MapSettings(max_range=2.0))
    assert part.share(FREE) < occupancy_of(Scene('room', (view,)), SETTINGS).share(FREE)
    assert near.x + near.cells.shape[1] * near.resolution < 2.2
    assert not (near.cells == OCCUPIED).any()


def test_cameras_and_the_start_are_on_the_map(room):
    views = [view for view in look_around(room, x=-3.5) if view.T_map_cam[0, 2] > 0.9]
    grid = occupancy_of(Scene('room', tuple(views), spawn=Spawn(x=-3.8, y=2.5)), SETTINGS)
    assert value_at(grid, -3.8, 2.5) == UNKNOWN and value_at(grid, -3.5, 0.0) == UNKNOWN
    assert grid.x < -3.8 and grid.y + len(grid.cells) * grid.resolution > 2.5


@pytest.mark.parametrize(('settings', 'message'), [
    ({'resolution': 0.0}, 'resolution must lie between 0.005 and 1 m, got 0'),
    ({'resolution': math.nan}, 'resolution must lie between'),
    ({'resolution': 5.0}, 'resolution must lie between'),
    ({'min_height': 0.0}, '0 < min_height < max_height'),
    ({'min_height': 0.7}, '0 < min_height < max_height'),
    ({'max_height': math.inf}, '0 < min_height < max_height'),
    ({'max_range': -1.0}, 'max_range must be > 0'),
    ({'max_range': math.nan}, 'max_range must be > 0')])
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        MapSettings(**settings)


def test_a_scene_too_large_or_too_high_is_refused(room):
    view = look_around(room)[0]
    far = view.depth.copy()
    far[59:61] = 60.0  # about level
    with pytest.raises(ValueError, match='take a coarser resolution, or a max_range'):
        occupancy_of(Scene('far', (replace(view, depth=far),)), MapSettings(0.01))
    lifted = view.T_map_cam.copy()
    lifted[2, 3] += 50.0
    with pytest.raises(ValueError, match='is the scene level'):
        occupancy_of(Scene('high', (replace(view, T_map_cam=lifted),)), SETTINGS)
