# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A scene as a world."""

import subprocess
import sys

from inspatio_ros.contracts import Box, CameraView, Intrinsics, Outputs
from inspatio_ros.engine.world import SceneWorld, WorldSettings
from inspatio_ros.evaluation.image import psnr_db
from inspatio_ros.scene.scene import Scene
import numpy as np
import pytest
from rooms import CAMERA, pose, room, trace, view

SECOND = 1_000_000_000


@pytest.fixture(scope='module')
def scene() -> Scene:
    return room()


@pytest.fixture
def world(scene: Scene):
    world = SceneWorld(scene, WorldSettings(threads=2))
    yield world
    world.close()


def test_a_new_place_looks_as_it_should(scene: Scene, world: SceneWorld) -> None:
    T = pose(-0.2, 0.3, 0.3)
    static = SceneWorld(Scene('static', scene.views), WorldSettings(threads=1))
    frame = static.observe(0, T, CAMERA)
    rgb, depth = trace(T)
    known = ~np.isnan(frame.depth)
    assert known.mean() > 0.9
    assert psnr_db(frame.rgb, rgb, known) > 30.0
    assert np.median(np.abs(frame.depth - depth)[known] / depth[known]) < 1e-3
    np.testing.assert_array_equal(frame.observed > 0, known)
    assert frame.unobserved_ratio == pytest.approx(1.0 - known.mean())


def test_the_pose_and_stamp_come_back(world: SceneWorld) -> None:
    T = pose(0.0, 0.0, 0.1)
    frame = world.observe(123, T, CAMERA)
    assert frame.stamp_ns == 123
    np.testing.assert_array_equal(frame.T_map_cam, T)
    assert frame.rgb.shape == (72, 96, 3) and frame.depth.dtype == np.float32


def test_only_what_is_asked_for_is_made(world: SceneWorld) -> None:
    for outputs in (Outputs.RGB, Outputs.DEPTH, Outputs.OBSERVED, Outputs.NONE):
        frame = world.observe(0, pose(0.0, 0.0, 0.0), CAMERA, outputs)
        assert (frame.rgb is not None) == (Outputs.RGB in outputs)
        assert (frame.depth is not None) == (Outputs.DEPTH in outputs)
        assert (frame.observed is not None) == (Outputs.OBSERVED in outputs)


def test_same_input_same_bytes_whatever_the_threads(scene: Scene) -> None:
    frames = []
    for threads in (1, 2, 3):
        world = SceneWorld(scene, WorldSettings(threads=threads))
        frames.append([world.observe(k * SECOND // 7, pose(0.05 * k, 0.02 * k, 0.1 * k), CAMERA)
                       for k in range(5)])
        world.close()
    for other in frames[1:]:
        for a, b in zip(frames[0], other):
            assert a.rgb.tobytes() == b.rgb.tobytes()
            assert a.depth.tobytes() == b.depth.tobytes()


@pytest.mark.parametrize('backend, threads', [('numba', 1), ('numba', 2), ('torch', 1)])
def test_many_cameras_see_what_each_of_them_would(scene: Scene, backend: str,
                                                  threads: int) -> None:
    world = SceneWorld(scene, WorldSettings(backend, threads))
    views = [CameraView(pose(0.1 * k, 0.0, 0.4 * k), CAMERA.scaled(96 - 16 * k, 72),
                        (Outputs.ALL, Outputs.DEPTH, Outputs.RGB)[k]) for k in range(3)]
    for stamp_ns in (0, SECOND // 2):
        frames = world.observe_all(stamp_ns, views)
        for wanted, frame in zip(views, frames):
            alone = world.observe(stamp_ns, wanted.T_map_cam, wanted.intrinsics, wanted.outputs)
            for name in ('rgb', 'depth', 'observed'):
                one, other = getattr(frame, name), getattr(alone, name)
                assert (one is None) == (other is None)
                assert one is None or one.tobytes() == other.tobytes(), name
            assert frame.unobserved_ratio == alone.unobserved_ratio
            assert (frame.stamp_ns, frame.intrinsics) == (stamp_ns, wanted.intrinsics)
    world.close()


@pytest.mark.parametrize('backend', ['numba', 'torch'])
def test_boxes_stand_in_the_world_for_one_picture(scene: Scene, backend: str) -> None:
    world, T = SceneWorld(scene, WorldSettings(backend, 1)), pose(0.0, 0.0, 0.0)
    plain = world.observe(0, T, CAMERA)
    ahead = 0.5 * float(np.nanmin(plain.depth))
    T_map_box = T.copy()
    T_map_box[:3, 3] += ahead * T[:3, 2]
    box = Box(T_map_box, (0.2, 0.2, 0.2), (250, 0, 100))
    frame, rgb, hidden = world.observe_all(0, [
        CameraView(T, CAMERA, boxes=(box,)), CameraView(T, CAMERA, Outputs.RGB, (box,)),
        CameraView(T, CAMERA, boxes=(Box(T, (0.2, 0.2, 0.2), (250, 0, 100)),))])
    shown = frame.depth != plain.depth
    shown &= ~(np.isnan(frame.depth) & np.isnan(plain.depth))
    assert 0.01 < shown.mean() < 0.5 and shown[CAMERA.height // 2, CAMERA.width // 2]
    np.testing.assert_allclose(frame.depth[shown], ahead - 0.1, rtol=1e-3)
    assert (frame.observed[shown] == 255).all()
    assert {tuple(it) for it in frame.rgb[shown]} == {(250, 0, 100)}
    np.testing.assert_array_equal(frame.rgb[~shown], plain.rgb[~shown])
    assert rgb.depth is None and rgb.rgb.tobytes() == frame.rgb.tobytes()
    assert hidden.depth.tobytes() == plain.depth.tobytes(), 'who is in a box sees nothing of it'
    world.close()


def test_a_camera_that_cannot_be_painted_does_not_stop_the_next_tick(world: SceneWorld) -> None:
    good = CameraView(pose(0.0, 0.0, 0.0), CAMERA)
    bad = CameraView(np.full((4, 3), np.nan), CAMERA)
    for views in ([good, bad], [bad, good]):
        with pytest.raises(IndexError):
            world.observe_all(0, views)
    assert len(world.observe_all(0, [good, good, good])) == 3


def test_arrays_belong_to_the_caller(world: SceneWorld) -> None:
    first = world.observe(0, pose(0.0, 0.0, 0.0), CAMERA)
    copy = first.rgb.copy(), first.depth.copy()
    world.observe(1, pose(0.5, 0.2, 0.4), CAMERA)
    np.testing.assert_array_equal(first.rgb, copy[0])
    np.testing.assert_array_equal(first.depth, copy[1])


def test_moving_content_is_shown_at_its_time(world: SceneWorld) -> None:
    T = pose(-1.0, 0.0, 0.0)
    start = 5 * SECOND
    for step, level in ((0, 20), (1, 70), (3, 170), (4, 20)):
        frame = world.observe(start + step * SECOND // 2, T, CAMERA)
        assert frame.rgb[36, 48].tolist() == [level] * 3
        assert frame.depth[36, 48] == pytest.approx(2.0, rel=1e-5)
    world.reset()
    frame = world.observe(start + 3 * SECOND // 2, T, CAMERA)
    assert frame.rgb[36, 48].tolist() == [20] * 3


def test_depth_of_unseen_pixels_is_unknown_unless_asked_for(scene: Scene) -> None:
    partly = Scene('partly', (view('one', pose(0.0, 0.0, 0.0)),))
    T = pose(0.0, 0.0, 0.6)
    plain = SceneWorld(partly, WorldSettings(threads=1)).observe(0, T, CAMERA)
    filled = SceneWorld(partly, WorldSettings(threads=1, fill_depth=True)).observe(0, T, CAMERA)
    unseen = plain.observed == 0
    assert unseen.any()
    assert np.isnan(plain.depth[unseen]).all()
    assert np.isfinite(filled.depth).all()
    np.testing.assert_array_equal(plain.observed, filled.observed)
    np.testing.assert_array_equal(plain.depth[~unseen], filled.depth[~unseen])
    assert plain.rgb[unseen].any()  # colour is filled in both


def test_leaving_the_known_world_goes_on(world: SceneWorld) -> None:
    frame = world.observe(0, pose(50.0, 50.0, 0.3), CAMERA)
    assert frame.unobserved_ratio == 1.0
    assert not frame.observed.any() and np.isnan(frame.depth).all()


def test_the_torch_twin_shows_the_same(scene: Scene) -> None:
    T = pose(-0.2, 0.3, 0.3)
    kernels = SceneWorld(scene, WorldSettings(threads=1)).observe(0, T, CAMERA)
    twin = SceneWorld(scene, WorldSettings(backend='torch', threads=1)).observe(0, T, CAMERA)
    close = np.isclose(kernels.depth, twin.depth, rtol=1e-4, equal_nan=True)
    assert close.mean() > 0.999
    assert (np.abs(kernels.rgb.astype(int) - twin.rgb).max(axis=-1) <= 1).mean() > 0.995


def test_a_scene_world_loads_no_torch() -> None:
    code = ('import sys; import inspatio_ros.engine.world; '
            'assert "torch" not in sys.modules, "torch was imported"')
    subprocess.run([sys.executable, '-c', code], check=True, timeout=60)


@pytest.mark.parametrize('bad, reason', [
    ({'backend': 'cuda'}, 'backend must be one of auto, numba, torch'),
    ({'threads': -1}, 'threads must be 0'), ({'max_views': 0}, 'max_views must lie in'),
    ({'near_m': 0.0}, 'near_m must be > 0')])
def test_bad_settings_are_refused(bad: dict, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        WorldSettings(**bad)


def test_any_size_of_picture(world: SceneWorld) -> None:
    for width, height in ((1, 1), (37, 5), (320, 200)):
        camera = Intrinsics.from_hfov(width, height, 1.2)
        assert world.observe(0, pose(0.0, 0.0, 0.0), camera).rgb.shape == (height, width, 3)
