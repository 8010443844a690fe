# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a Scene and a View accept, and which frame is valid when."""

from dataclasses import replace
import math

from inspatio_ros.contracts import Spawn
from inspatio_ros.scene.scene import Scene, TimeMode
import numpy as np
import pytest


@pytest.mark.parametrize('mode, expected', [
    (TimeMode.ONCE, [0, 1, 2, 3, 3, 3, 3, 3, 3]),
    (TimeMode.LOOP, [0, 1, 2, 3, 0, 1, 2, 3, 0]),
    (TimeMode.BOUNCE, [0, 1, 2, 3, 2, 1, 0, 1, 2]),
    (TimeMode.FREEZE, [0] * 9),
])
@pytest.mark.parametrize('fps', [10.0, 24.0, 29.97, 30.0])
def test_time_modes(room, mode, expected, fps):
    scene = replace(room.clip(4), time_mode=mode, fps=fps)
    assert [scene.frame_index((i + 0.5) / fps) for i in range(9)] == expected
    # A stamp in whole nanoseconds that is cut off must not show the frame before.
    assert [scene.frame_index(math.floor(i / fps * 1e9) * 1e-9) for i in range(9)] == expected


def test_one_frame_and_no_frames(room):
    one = replace(room.clip(1), time_mode=TimeMode.BOUNCE)
    assert one.frame_index(5.0) == 0
    static = room.scene()
    assert static.frame_index(1.0) is None
    assert static.views_at(1.0) == static.views


def test_views_at_joins_static_and_moving(room):
    scene = replace(room.clip(3), views=room.scene().views)
    assert [view.name for view in scene.views_at(0.1)][-2:] == ['view 3', 'frame 1']
    assert len(scene.all_views()) == 7


def test_time_before_the_start_is_the_start_and_nan_is_refused(room):
    scene = room.clip(3)
    assert scene.frame_index(-4.0) == 0
    for bad in (math.nan, math.inf):
        with pytest.raises(ValueError, match='time_s must be finite'):
            scene.frame_index(bad)


@pytest.mark.parametrize('change, message', [
    ({'rgb': np.zeros((72, 95, 3), np.uint8)}, r'rgb has shape \(72, 95, 3\).*\(72, 96, 3\)'),
    ({'rgb': np.zeros((72, 96, 3), np.float32)}, 'rgb must be uint8, got float32'),
    ({'depth': np.ones((71, 96), np.float32)}, r'depth has shape \(71, 96\).*\(72, 96\)'),
    ({'depth': np.ones((72, 96))}, 'depth must be float32, got float64'),
    ({'depth': np.full((72, 96), -1, np.float32)}, r'depth must be > 0.*got -1.0 at row 0'),
    ({'depth': np.zeros((72, 96), np.float32)}, 'depth must be > 0.*got 0.0'),
    ({'depth': np.full((72, 96), -np.inf, np.float32)}, 'depth must be > 0.*got -inf'),
    ({'T_map_cam': np.eye(3)}, 'T_map_cam has shape'),
    ({'T_map_cam': np.diag([1.0, 1, -1, 1])}, 'T_map_cam.*reflection'),
    ({'T_map_cam': np.diag([2.0, 2, 2, 1])}, 'T_map_cam.*scale'),
    ({'T_map_cam': np.full((4, 4), np.nan)}, 'T_map_cam is not finite'),
    ({'T_map_cam': np.ones((4, 4))}, 'T_map_cam.*last row'),
    ({'name': ''}, 'name must be'),
])
def test_bad_views_are_refused(room, change, message):
    with pytest.raises(ValueError, match=message):
        replace(room.scene().views[0], **change)


@pytest.mark.parametrize('change, message', [
    ({'views': ()}, 'neither views nor frames'),
    ({'frames': ((),)}, r'frames\[0\] holds no view'),
    ({'fps': 0.0}, 'fps must be finite and > 0, got 0.0'),
    ({'fps': math.nan}, 'fps must be finite'),
    ({'name': ''}, 'name must be'),
    ({'time_mode': 'loop'}, 'time_mode must be a TimeMode'),
    ({'spawn': Spawn(yaw=math.inf)}, 'spawn.yaw must be finite, got inf'),
])
def test_bad_scenes_are_refused(room, change, message):
    with pytest.raises(ValueError, match=message):
        replace(room.scene(), **change)


def test_names_are_used_once(room):
    view = room.scene().views[0]
    with pytest.raises(ValueError, match="two views have the name 'view 0'"):
        Scene('twins', (view, view))
    with pytest.raises(ValueError, match="two views have the name 'view 0'"):
        Scene('twins', (view,), ((view,),))
    # The same moving thing may have the same name in every frame.
    Scene('moving', (), ((view,), (view,)))


def test_a_scene_without_any_depth_is_refused(room):
    views = tuple(replace(view, depth=np.full((72, 96), fill, np.float32))
                  for view, fill in zip(room.scene().views, (np.nan, np.inf), strict=False))
    with pytest.raises(ValueError, match='no view has a single pixel of known depth'):
        Scene('blind', views)
    Scene('half blind', (*views, room.scene().views[2]))


def test_a_view_at_half_its_size_mixes_colours_and_never_depth(room):
    view = room.scene().views[0]
    height, width = view.depth.shape
    depth = np.where(np.indices((height, width))[1] % 4 < 2, np.float32(1.0), np.float32(5.0))
    depth[:2, :2] = np.nan
    rgb = np.where((np.indices((height, width)).sum(0) % 2)[..., None], 200, 100)
    rgb = np.broadcast_to(rgb, (height, width, 3)).astype(np.uint8)
    confidence = np.full((height, width), 255, np.uint8)
    half = replace(view, rgb=rgb, depth=depth, confidence=confidence).sized(
        width // 2, height // 2)
    assert half.intrinsics == view.intrinsics.scaled(width // 2, height // 2)
    assert (half.rgb == 150).all()
    assert set(np.unique(half.depth[~np.isnan(half.depth)])) == {1.0, 5.0}
    assert np.isnan(half.depth[0, 0])
    assert half.confidence.shape == half.depth.shape and (half.confidence == 255).all()
    with pytest.raises(ValueError, match='must be'):
        view.sized(0, 10)
