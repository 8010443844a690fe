# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The camera of a picture is found again: rendered views of a made-up room from known poses."""

from dataclasses import replace
import math

from inspatio_ros.contracts import Intrinsics
from inspatio_ros.evaluation.model_camera import (camera_error, find_camera, find_landmarks,
                                                  FoundCamera, score_cameras)
from inspatio_ros.motion.transforms import inverse, pose_rpy
from inspatio_ros.scene.scene import View
from inspatio_ros.scene.synthetic.procedural import procedural_world
import numpy as np
import pytest

CAMERA = Intrinsics.from_hfov(320, 192, math.radians(70.0))


@pytest.fixture(scope='module')
def room():
    """Return a room and where a camera stands in it."""
    world, path = procedural_world(3)
    return world, path.poses(np.array([0.4]), np.zeros(1))[0]


@pytest.fixture(scope='module')
def recorded(room):
    world, T = room
    shot = world.render(T, CAMERA)
    return View(shot.rgb, shot.depth, CAMERA, T, 'recorded')


def offset(x=0.0, y=0.0, z=0.0, yaw_deg=0.0, pitch_deg=0.0):
    """Return a motion in the optical frame: metres, and degrees about its y and x axes."""
    T = pose_rpy(x, y, z)
    T[:3, :3] = pose_rpy(roll=math.radians(pitch_deg), pitch=math.radians(yaw_deg))[:3, :3]
    return T


def picture(room, T):
    return room[0].render(T, CAMERA).rgb


@pytest.mark.parametrize('motion', [
    {}, {'x': 0.3}, {'z': 0.4, 'yaw_deg': 6.0}, {'y': -0.1, 'pitch_deg': 4.0}])
def test_a_rendered_view_gives_its_pose(room, recorded, motion):
    T = recorded.T_map_cam @ offset(**motion)
    found = find_camera(picture(room, T), CAMERA, find_landmarks([recorded]))
    score = score_cameras([found], T[None], 0.4)
    assert found.inliers > 30
    assert score.rotation_deg < 0.2 and score.translation_m < 0.01


@pytest.mark.parametrize('turned', [0.5, 2.0])
def test_rot_err_is_by_how_much_the_picture_is_turned_off(room, recorded, turned):
    """The generator looks elsewhere than it was told to: it shows what another pose sees."""
    commanded = recorded.T_map_cam @ offset(x=0.2)
    seen = picture(room, commanded @ offset(yaw_deg=turned))
    found = find_camera(seen, CAMERA, find_landmarks([recorded]))
    score = score_cameras([found], commanded[None], 0.4)
    assert score.rotation_deg == pytest.approx(turned, abs=0.15)
    assert score.translation_m < 0.01


def test_trans_err_is_by_how_much_it_stands_off(room, recorded):
    commanded = recorded.T_map_cam @ offset(x=0.4)
    seen = picture(room, commanded @ offset(x=-0.1))
    found = find_camera(seen, CAMERA, find_landmarks([recorded]))
    score = score_cameras([found], commanded[None], 0.4)
    assert score.translation_m == pytest.approx(0.1, abs=0.01)
    assert score.translation_ratio == pytest.approx(0.25, abs=0.025)
    assert score.rotation_deg < 0.2


def test_several_recorded_views_help_each_other(room, recorded):
    world, T = room
    other = T @ offset(x=0.5, yaw_deg=15.0)
    shot = world.render(other, CAMERA)
    beside = View(shot.rgb, shot.depth, CAMERA, other, 'beside')
    between = T @ offset(x=0.25, yaw_deg=7.0)
    seen = picture(room, between)
    one, both = (find_camera(seen, CAMERA, find_landmarks(views))
                 for views in ([recorded], [recorded, beside]))
    assert both.inliers > one.inliers


def test_a_picture_of_what_was_not_recorded_has_no_camera(room, recorded):
    seen = picture(room, recorded.T_map_cam @ offset(yaw_deg=180.0))
    assert find_camera(seen, CAMERA, find_landmarks([recorded])) is None
    flat = np.full((192, 320, 3), 90, np.uint8)
    assert find_camera(flat, CAMERA, find_landmarks([recorded])) is None
    assert find_camera(recorded.rgb, CAMERA, find_landmarks([])) is None


def test_what_moves_is_no_landmark(recorded):
    blind = replace(recorded, depth=np.full_like(recorded.depth, np.nan))
    assert len(find_landmarks([blind]).points) == 0


def test_frames_without_a_camera_are_counted_and_left_out():
    T = np.tile(np.eye(4), (2, 1, 1))
    turned = FoundCamera(offset(yaw_deg=3.0), 50)
    score = score_cameras([turned, None], T, 0.0)
    assert (score.frames, score.found) == (2, 1)
    assert score.rotation_deg == pytest.approx(3.0)
    assert math.isnan(score.translation_ratio)
    assert math.isnan(score_cameras([None], T[:1], 1.0).rotation_deg)


def test_camera_error_is_the_geometric_mean_after_the_best_scale():
    commanded = np.array([offset(x=0.1 * i) for i in range(5)])
    twice = np.array([offset(x=0.2 * i, yaw_deg=4.0) for i in range(5)])
    assert camera_error(twice, commanded) == pytest.approx(0.0, abs=1e-6)
    assert math.isnan(camera_error(twice[:1], commanded[:1]))
    aside = np.array([offset(x=0.1 * i, z=0.09 if i else 0.0, yaw_deg=4.0) for i in range(5)])
    ours = inverse(commanded[0]) @ aside
    scale = np.sum(ours[:, 0, 3] * commanded[:, 0, 3]) / np.sum(ours[:, :3, 3] ** 2)
    off = np.linalg.norm(scale * ours[:, :3, 3] - commanded[:, :3, 3], axis=1)
    assert camera_error(aside, commanded) == pytest.approx(np.sqrt(4.0 * off).mean())
