# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Up, floor and spawn of worlds that nobody levelled."""

from dataclasses import replace
import math

from inspatio_ros.contracts import Intrinsics
from inspatio_ros.motion.transforms import spawn_camera
from inspatio_ros.scene.align import ASSUMED_CAMERA_HEIGHT_M, place_in_map
from inspatio_ros.scene.formats.rgbd import read_rgbd_folder
from inspatio_ros.scene.scene import Scene, View
import numpy as np
import pytest


def relative(scene):
    first = np.linalg.inv(scene.all_views()[0].T_map_cam)
    return np.array([first @ view.T_map_cam for view in scene.all_views()])


@pytest.mark.parametrize('noise', [0.0, 0.004])
def test_turned_room_comes_back_level(room, turned, noise):
    true = room.scene(noise)
    placed, placement = place_in_map(turned(true))
    assert placement.up_found
    assert placement.floor_height_m == pytest.approx(1.2, abs=0.02)
    tolerance_deg = 0.02 if noise == 0.0 else 0.5
    for view, expected in zip(placed.views, true.views):
        # The height of every camera axis over the horizon says how well up was found.
        off = np.abs(view.T_map_cam[2, :3] - expected.T_map_cam[2, :3]).max()
        assert math.degrees(off) < tolerance_deg
    np.testing.assert_allclose(relative(placed), relative(true), atol=1e-9)


@pytest.mark.parametrize('pitch_deg', [-15, 0, 20, 45])
@pytest.mark.parametrize('roll_deg', [-20, 0, 10])
def test_up_is_found_however_the_camera_is_held(room, turned, pitch_deg, roll_deg):
    poses = [room.pose(-2.5 + i, 0.3 * i, 1.1, 0.8 * i, math.radians(pitch_deg),
                       math.radians(roll_deg)) for i in range(3)]
    true = Scene('held', tuple(room.view(T, f'view {i}', noise=0.002, seed=i)
                               for i, T in enumerate(poses)))
    placed, placement = place_in_map(turned(true))
    assert placement.up_found
    off = placed.views[0].T_map_cam[2, :3] - true.views[0].T_map_cam[2, :3]
    assert math.degrees(np.abs(off).max()) < 1.0
    # Looking up, there may be too little of the floor in the picture.
    if pitch_deg > 0:
        assert placement.floor_height_m == pytest.approx(1.1, abs=0.03)


def test_first_camera_is_over_the_origin_and_looks_along_x(room, turned):
    placed, _ = place_in_map(turned(room.scene()))
    T = placed.views[0].T_map_cam
    np.testing.assert_allclose(T[:2, 3], 0.0, atol=1e-9)
    assert T[1, 2] == pytest.approx(0.0, abs=1e-9) and T[0, 2] > 0.9
    # The spawn tells where that camera was; only its roll is not part of a spawn.
    spawned = spawn_camera(placed.spawn)
    np.testing.assert_allclose(spawned[:3, [2, 3]], T[:3, [2, 3]], atol=1e-9)
    assert placed.spawn.camera_pitch == pytest.approx(0.2, abs=1e-3)


def test_clips_are_placed_too(room, turned):
    placed, placement = place_in_map(turned(room.clip()))
    assert placement.up_found and placement.floor_height_m == pytest.approx(1.2, abs=0.02)
    assert placed.frames[0][0].T_map_cam[2, 3] == pytest.approx(1.2, abs=0.02)


def test_given_height_wins_and_is_told(room):
    placed, placement = place_in_map(room.scene(), camera_height_m=0.7)
    assert placed.spawn.camera_height == 0.7
    assert placed.views[0].T_map_cam[2, 3] == pytest.approx(0.7)
    assert '1.20 m under the camera, 0.70 m given' in placement.summary()


def test_noise_without_surfaces_takes_the_first_camera_as_level(room, turned):
    rng = np.random.default_rng(1)
    views = tuple(replace(view, depth=rng.uniform(1, 9, view.depth.shape).astype(np.float32))
                  for view in turned(room.scene()).views)
    placed, placement = place_in_map(Scene('noise', views))
    assert not placement.up_found and placement.floor_height_m is None
    T = placed.views[0].T_map_cam
    np.testing.assert_allclose(T[:3, 1], (0.0, 0.0, -1.0), atol=1e-9)
    assert placed.spawn.camera_height == ASSUMED_CAMERA_HEIGHT_M
    assert placed.spawn.camera_pitch == pytest.approx(0.0, abs=1e-9)
    assert 'first camera is taken to be level' in placement.summary()
    assert 'assumed' in placement.summary()


def test_wall_alone_has_no_floor(room):
    # Close to the far wall with a long lens: nothing but the wall in the picture.
    camera = Intrinsics(96, 72, 300.0, 300.0, 47.5, 35.5)
    scene = Scene('wall', (room.view(room.pose(2.0), camera=camera),))
    _, placement = place_in_map(scene)
    assert placement.floor_height_m is None


def test_a_table_over_the_floor_is_not_the_floor(room):
    scene = room.scene()
    views = []
    for view in scene.views:
        T, camera = view.T_map_cam, view.intrinsics
        v, u = np.mgrid[0:camera.height, 0:camera.width]
        rays = np.stack(((u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy,
                         np.ones(u.shape)), axis=-1) @ T[:3, :3].T
        with np.errstate(divide='ignore'):
            reach = (0.75 - T[2, 3]) / rays[..., 2]
        hit = T[:3, 3] + rays * reach[..., None]
        table = (reach > 0) & (np.abs(hit[..., 0] + 1.5) < 0.8) & (np.abs(hit[..., 1]) < 0.7)
        depth = np.where(table, reach, view.depth).astype(np.float32)
        views.append(replace(view, depth=depth))
    _, placement = place_in_map(Scene('table', tuple(views)))
    assert placement.floor_height_m == pytest.approx(1.2, abs=0.02)


def test_camera_that_looks_straight_down_has_an_x_axis(room):
    depth = np.full((72, 96), np.nan, dtype=np.float32)
    depth[10:20] = 2.0
    template = room.scene().views[0]
    T = np.eye(4)
    T[:3, :3] = [[0, -1, 0], [-1, 0, 0], [0, 0, -1]]
    view = View(template.rgb, depth, template.intrinsics, T, 'down')
    placed, _ = place_in_map(Scene('down', (view,)))
    assert np.isfinite(placed.views[0].T_map_cam).all()


@pytest.mark.parametrize('height', [0.0, -1.0, math.nan, math.inf])
def test_bad_camera_height_is_refused(room, height):
    with pytest.raises(ValueError, match='camera height must be finite and > 0'):
        place_in_map(room.scene(), height)


def test_real_room_is_level(shared_dir):
    """In a real dining room the table is level, the walls are upright and the floor is flat."""
    placed, placement = place_in_map(read_rgbd_folder(shared_dir / 'data' / 'dining_rgbd'))
    assert placement.up_found
    assert placement.floor_height_m == pytest.approx(1.38, abs=0.05)
    heights = np.concatenate([(view.T_map_cam[2, 3] + heights_of(view))
                              for view in placed.views])
    # The floor is the lowest thing, and a good part of the picture.
    assert np.percentile(heights, 1) > -0.1
    assert np.mean(np.abs(heights) < 0.05) > 0.1


def heights_of(view):
    camera = view.intrinsics
    v, u = np.mgrid[0:camera.height:4, 0:camera.width:4]
    z = view.depth[::4, ::4]
    rays = np.stack(((u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones(u.shape)),
                    axis=-1)
    return ((rays * z[..., None]) @ view.T_map_cam[2, :3])[np.isfinite(z)]
