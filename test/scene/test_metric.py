# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How large a world is that has no size."""

from dataclasses import replace

from inspatio_ros.scene.metric import ASSUMED_DEPTH_M, place_with_scale
import numpy as np
import pytest


def shrunk(scene, scale):
    def view(it):
        T = it.T_map_cam.copy()
        T[:3, 3] *= scale
        return replace(it, T_map_cam=T, depth=(it.depth * np.float32(scale)))
    return replace(scene, views=tuple(map(view, scene.views)))


def way(scene):
    return np.linalg.norm(scene.views[-1].T_map_cam[:3, 3] - scene.views[0].T_map_cam[:3, 3])


def test_a_given_scale_is_used(room):
    scene, placement, scale = place_with_scale(shrunk(room.scene(), 0.1), False, 10.0, None)
    assert (scale.metres_per_unit, scale.guessed) == (10.0, False)
    assert way(scene) == pytest.approx(way(room.scene()), rel=1e-6)
    assert placement.floor_height_m == pytest.approx(1.2, abs=0.03)


def test_metric_poses_stay_as_they_are(room):
    scene, _, scale = place_with_scale(room.scene(), True, None, 0.7)
    assert scale.metres_per_unit == 1.0 and way(scene) == pytest.approx(way(room.scene()))


def test_the_height_of_the_camera_gives_the_scale(room):
    scene, placement, scale = place_with_scale(shrunk(room.scene(), 0.1), False, None, 1.2)
    assert not scale.guessed
    assert way(scene) == pytest.approx(way(room.scene()), rel=0.03)
    assert placement.floor_height_m == pytest.approx(1.2, abs=0.01)
    assert scene.spawn.camera_height == 1.2


def test_without_a_floor_the_middle_depth_is_assumed(room):
    # A camera that sees a slanted ceiling only.
    view = room.scene().views[0]
    depth = np.full(view.depth.shape, np.nan, np.float32)
    depth[:3, :3] = 0.5
    scene = replace(room.scene(), views=(replace(view, depth=depth),))
    placed, _, scale = place_with_scale(scene, False, None, None)
    assert scale.guessed and scale.metres_per_unit == pytest.approx(ASSUMED_DEPTH_M / 0.5)
    assert np.nanmedian(placed.views[0].depth) == pytest.approx(ASSUMED_DEPTH_M)


@pytest.mark.parametrize('scale', [0.0, -1.0, float('nan'), float('inf')])
def test_a_scale_is_a_number_above_zero(room, scale):
    with pytest.raises(ValueError, match='scale must be finite and > 0, got'):
        place_with_scale(room.scene(), False, scale, None)
