# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a block is painted from."""

from dataclasses import replace

from inspatio_ros.contracts import CameraTrack, Intrinsics
from inspatio_ros.engine.conditioning import Conditioner, filled_render, Slot
from inspatio_ros.geometry.holes import fill_holes
from inspatio_ros.scene.scene import Scene, TimeMode
import numpy as np
import pytest
from rooms import CAMERA, lamp, pose, room, trace, view
import torch

PERIOD_NS = 41_666_667
STATIC = Scene('static', room().views)


def track_of(poses, start_ns: int = 0) -> CameraTrack:
    stamps_ns = start_ns + PERIOD_NS * np.arange(len(poses), dtype=np.int64)
    return CameraTrack(stamps_ns, np.stack(poses))


def turn(count: int, last: float) -> CameraTrack:
    return track_of([pose(-0.4, 0.1, yaw) for yaw in np.linspace(0.0, last, count)])


def test_a_camera_at_a_view_sees_the_view() -> None:
    condition = Conditioner(STATIC, CAMERA, max_views=1).condition(
        track_of([STATIC.views[0].T_map_cam]), [1])
    rgb = torch.from_numpy(STATIC.views[0].rgb).permute(2, 0, 1) / 127.5 - 1.0
    assert condition.mask_T1HW.all()
    # The published weights count a pixel that lies on a whole number twice: neighbours mix in.
    assert float((condition.render_T3HW[0] - rgb).abs().max()) < 0.01
    torch.testing.assert_close(1.0 / condition.disparity_THW[0],
                               torch.from_numpy(STATIC.views[0].depth), rtol=1e-4, atol=0.0)


def test_a_new_camera_sees_the_room() -> None:
    T = pose(-0.2, 0.3, 0.3)
    condition = Conditioner(STATIC, CAMERA).condition(track_of([T]), [1])
    rgb, depth = trace(T)
    render = ((condition.render_T3HW[0] + 1.0) * 127.5).permute(1, 2, 0).numpy()
    known = condition.mask_T1HW[0, 0].numpy() > 0.0
    assert known.mean() > 0.8
    assert np.median(np.abs(render - rgb)[known]) < 2.0
    seen = condition.disparity_THW[0].numpy() > 0.0
    assert seen.mean() > 0.9
    found = 1.0 / condition.disparity_THW[0].numpy()[seen]
    assert np.median(np.abs(found - depth[seen])) < 1e-3


def test_holes_are_filled_as_the_sensor_plane_fills_them() -> None:
    condition = Conditioner(STATIC, CAMERA).condition(track_of([pose(-0.2, 0.3, 0.3)]), [1])
    known = condition.mask_T1HW[0, 0].numpy() > 0.0
    assert 0.02 < (~known).mean() < 0.3
    filled = filled_render(condition)
    assert torch.equal(filled[0][:, known], condition.render_T3HW[0][:, known])
    rgb = ((condition.render_T3HW[0] + 1.0) * 127.5).round().byte().permute(1, 2, 0).numpy()
    expected = np.ascontiguousarray(rgb)
    fill_holes(expected, np.where(known, condition.disparity_THW[0].numpy(), np.float32(0.0)))
    got = ((filled[0] + 1.0) * 127.5).permute(1, 2, 0).numpy()
    assert np.abs(got - expected)[~known].max() <= 1.01
    assert expected[~known].max() > 20  # not black any more


def test_blocks_are_the_whole_clip() -> None:
    conditioner = Conditioner(room(), CAMERA)
    whole = turn(21, 1.0)
    clip = conditioner.condition(whole, [1] + [4] * 5)
    parts, before = [], None
    for first, counts in ((0, [1, 4, 4]), (9, [4, 4, 4])):
        part = slice(first, first + sum(counts))
        track = CameraTrack(whole.stamps_ns[part], whole.T_map_cam[part])
        parts.append(conditioner.condition(track, counts, before))
        before = parts[-1].slots[-1]
    for name in ('render_T3HW', 'mask_T1HW', 'disparity_THW'):
        joined = torch.cat([getattr(part, name) for part in parts])
        assert torch.equal(joined, getattr(clip, name))
    assert clip.slots == parts[0].slots + parts[1].slots


def test_the_view_that_covers_most_of_a_latent_is_its_reference() -> None:
    slots = Conditioner(STATIC, CAMERA).condition(turn(21, 0.5 * np.pi), [1] + [4] * 5).slots
    assert slots[0] == Slot(False, 0) and slots[-1] == Slot(False, 1)
    assert [slot.place for slot in slots] == sorted(slot.place for slot in slots)


def test_the_reference_does_not_change_for_little() -> None:
    conditioner = Conditioner(STATIC, CAMERA)
    half_way = track_of([pose(-0.4, 0.0, 0.25 * np.pi)])
    for place in (0, 1):
        before = Slot(False, place)
        assert conditioner.condition(half_way, [1], before).slots == (before,)


def test_what_moves_is_seen_at_its_time_in_front_of_the_wall() -> None:
    conditioner = Conditioner(room(), CAMERA)
    T = pose(-1.0, 0.0, 0.0)
    for time_ns, level in ((0, 20), (500_000_000, 70), (1_500_000_000, 170), (2_000_000_000, 20)):
        condition = conditioner.condition(track_of([T], time_ns), [1])
        shown = (condition.render_T3HW[0, :, 36, 48] + 1.0) * 127.5
        assert shown.tolist() == pytest.approx([level] * 3, abs=0.1)
        assert float(condition.disparity_THW[0, 36, 48]) == pytest.approx(0.5, rel=1e-4)


def test_what_is_nearer_hides_what_moves_behind_it() -> None:
    near = lamp('near', 250)
    near = replace(near, depth=near.depth * np.float32(0.5))
    scene = Scene('two', (*STATIC.views, near), ((lamp('behind', 20),),), 2.0, TimeMode.LOOP)
    condition = Conditioner(scene, CAMERA, max_views=8).condition(
        track_of([pose(-1.0, 0.0, 0.0)]), [1])
    assert float(condition.render_T3HW[0, 0, 36, 48]) == pytest.approx(250 / 127.5 - 1, abs=0.01)


def test_a_moving_camera_is_a_reference() -> None:
    frames = tuple((view(f'f{k}', pose(-0.5 + 0.05 * k, 0.0, 0.0)),) for k in range(6))
    conditioner = Conditioner(Scene('clip', (), frames, 24.0, TimeMode.ONCE), CAMERA)
    condition = conditioner.condition(turn(5, 0.1), [1, 4])
    assert condition.slots == (Slot(True, 0), Slot(True, 0))
    video = conditioner.video(Slot(True, 0), [0, 3, 5])
    wanted = np.stack([frames[k][0].rgb for k in (0, 3, 5)]).transpose(0, 3, 1, 2)
    assert ((video + 1.0) * 127.5).round().to(torch.uint8).equal(torch.from_numpy(wanted))


def test_a_camera_behind_everything_sees_nothing() -> None:
    alone = Scene('alone', STATIC.views[:1])
    condition = Conditioner(alone, CAMERA).condition(
        track_of([pose(50.0, 0.0, 0.0)] * 5), [1, 4], Slot(False, 0))
    assert not condition.mask_T1HW.any() and not condition.disparity_THW.any()
    assert (condition.render_T3HW == -1.0).all()
    assert condition.slots == (Slot(False, 0),) * 2


@pytest.mark.parametrize('scene', [room(), replace(room(), views=())])
def test_without_depth_render_and_mask_are_the_same(scene: Scene) -> None:
    conditioner = Conditioner(scene, CAMERA, max_views=1)
    track = turn(5, 0.3)
    full = conditioner.condition(track, [1, 4])
    quick = conditioner.condition(track, [1, 4], with_depth=False)
    assert torch.equal(full.render_T3HW, quick.render_T3HW)
    assert torch.equal(full.mask_T1HW, quick.mask_T1HW)
    assert full.slots == quick.slots


def test_far_from_the_origin_of_the_map_nothing_shakes() -> None:
    def away(T: np.ndarray) -> np.ndarray:
        moved = T.copy()
        moved[:3, 3] += [4000.0, -3000.0, 0.0]
        return moved

    views = tuple(replace(v, T_map_cam=away(v.T_map_cam)) for v in STATIC.views)
    T = pose(-0.2, 0.3, 0.3)
    here = Conditioner(STATIC, CAMERA).condition(track_of([T]), [1])
    there = Conditioner(Scene('far', views), CAMERA).condition(track_of([away(T)]), [1])
    assert (here.mask_T1HW == there.mask_T1HW).float().mean() > 0.999
    assert ((here.render_T3HW - there.render_T3HW).abs() < 1e-3).float().mean() > 0.999


def test_views_of_any_size_are_brought_to_that_of_the_picture() -> None:
    small = Intrinsics.from_hfov(64, 48, 1.4)
    condition = Conditioner(STATIC, small).condition(track_of([STATIC.views[0].T_map_cam]), [1])
    rgb, depth = trace(STATIC.views[0].T_map_cam, CAMERA.scaled(64, 48))
    assert condition.render_T3HW.shape == (1, 3, 48, 64)
    shown = ((condition.render_T3HW[0] + 1.0) * 127.5).permute(1, 2, 0).numpy()
    assert np.median(np.abs(shown - rgb)) < 3.0
    assert np.median(np.abs(1.0 / condition.disparity_THW[0].numpy() / depth - 1.0)) < 0.02


def test_only_the_newest_pictures_stay() -> None:
    conditioner = Conditioner(STATIC, CAMERA, kept_pictures=1)
    kept = Conditioner(STATIC, CAMERA).condition(turn(5, 1.0), [1, 4])
    assert torch.equal(conditioner.condition(turn(5, 1.0), [1, 4]).render_T3HW, kept.render_T3HW)


@pytest.mark.parametrize('counts', [[1, 4, 4], [4], [], [5, 0]])
def test_latents_that_are_not_the_track_are_refused(counts: list) -> None:
    with pytest.raises(ValueError, match='are not the track of 5'):
        Conditioner(STATIC, CAMERA).condition(turn(5, 0.1), counts)


def test_no_views_at_all_are_refused() -> None:
    with pytest.raises(ValueError, match='must be at least 1, got 0 and 64'):
        Conditioner(STATIC, CAMERA, max_views=0)
