# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Known views of a made-up place: the same again, one picture each, ways that run into nothing."""

from inspatio_ros.scene.synthetic.procedural import ground_plan, ProceduralWorld
from inspatio_ros.scene.synthetic.still import as_taken, still_clip, StillClip, view_poses
import numpy as np
import pytest

SIZE = (64, 40)


@pytest.fixture(scope='module')
def clip() -> StillClip:
    return still_clip(1, 4, SIZE, cameras=2)


def test_a_seed_is_a_clip_however_many_cameras_and_frames_are_asked_for(clip: StillClip):
    again = still_clip(1, 2, SIZE, cameras=1)
    assert clip.views == again.views == 2 and clip.rgb.shape[0] == 4
    np.testing.assert_array_equal(again.rgb, clip.rgb[:3, :2])
    np.testing.assert_array_equal(again.depth, clip.depth[:3, :2])
    np.testing.assert_array_equal(again.T_world_cam, clip.T_world_cam[:3, :2])
    other = still_clip(6, 1, SIZE, cameras=1)
    assert not np.array_equal(other.rgb[0, 0], clip.rgb[0, 0])


def test_a_view_is_one_picture_that_is_taken_once(monkeypatch: pytest.MonkeyPatch):
    rendered, render = [], ProceduralWorld.render

    def counted(self, T, intrinsics, *args, **rest):
        rendered.append((intrinsics.width, T.tobytes()))
        return render(self, T, intrinsics, *args, **rest)

    monkeypatch.setattr(ProceduralWorld, 'render', counted)
    for seed in (1, 3):
        clip = still_clip(seed, 5, SIZE, cameras=1)
        for part in (clip.rgb, clip.depth, clip.T_world_cam):
            assert (part[:clip.views] == part[:clip.views, :1]).all()
        large = [T for width, T in rendered if width == SIZE[0]]
        assert len(large) == len(set(large)) <= clip.views + 5
        assert not clip.moving.any() and np.isfinite(clip.depth).all()
        rendered.clear()


def test_views_are_some_steps_apart_and_look_nearly_the_same_way():
    counts, apart, turned = set(), [], []
    for seed in range(60):
        poses = view_poses(np.random.default_rng(seed), ground_plan(seed)[2])
        counts.add(len(poses))
        for a, b in zip(poses, poses[1:]):
            apart.append(np.linalg.norm(a[:3, 3] - b[:3, 3]))
            turned.append(np.degrees(np.arccos(a[:3, 2] @ b[:3, 2])))
    assert counts == {1, 2, 3}
    assert 0.1 - 1e-9 < min(apart) < 0.2 and 0.5 < max(apart) < 0.6 + 1e-9
    assert 4.0 < np.mean(turned) and max(turned) < 25.0


def test_cameras_begin_near_a_view_go_smoothly_and_come_near_to_nothing():
    ways = []
    for seed in range(3):
        clip = still_clip(seed, 33, (16, 10), cameras=2)
        eyes = clip.T_world_cam[..., :3, 3]
        for way, depth in zip(eyes[clip.views:], clip.depth[clip.views:]):
            assert np.linalg.norm(way[0] - eyes[:clip.views, 0], axis=-1).min() < 0.55
            assert np.linalg.norm(np.diff(way, axis=0), axis=-1).max() < 0.15
            assert depth.min() > 0.2
            ways.append(np.linalg.norm(way - way[0], axis=-1).max())
    assert min(ways) == 0.0 and 0.5 < max(ways) < 1.05


def test_a_real_camera_is_noisy_and_soft():
    rgb = np.zeros((80, 80, 3), np.uint8)
    rgb[:, 40:] = 200
    rgb[:] += 20
    taken = as_taken(np.random.default_rng(0), rgb, 5.0, 0.7).astype(float)
    assert 4.5 < taken[:, :30].std() < 5.5 and abs(taken[:, :30].mean() - 20.0) < 0.5
    assert 30.0 < taken[:, 39].mean() < 120.0
    assert as_taken(np.random.default_rng(0), rgb, 0, 0) is rgb


def test_impossible_clips_are_refused():
    with pytest.raises(ValueError, match='a clip needs frames, .* got 0 frames of 2 cameras'):
        still_clip(0, 0, SIZE)
