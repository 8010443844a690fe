# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A recording is taken apart, and what was hidden comes back as it is."""

from dataclasses import replace
from pathlib import Path

from inspatio_ros.contracts import Outputs
from inspatio_ros.engine.world import SceneWorld, WorldSettings
from inspatio_ros.scene.format import load_scene, save_scene
from inspatio_ros.scene.scene import Scene, View
from inspatio_ros.scene.separation.background import (bounding_box, cropped, moving_part, Split,
                                                      split_scene)
from inspatio_ros.scene.synthetic.procedural import procedural_clip, ProceduralClip
from made_up import as_if_estimated, as_of_a_sensor, views_of
import numpy as np
import pytest

SIZE, FRAMES = (192, 144), 16
ONE_THREAD = WorldSettings(threads=1)


@pytest.fixture(scope='module')
def clip() -> ProceduralClip:
    """Return a room through which a box moves."""
    return procedural_clip(1, FRAMES, SIZE, moving=True, fps=4.0)


@pytest.fixture(scope='module')
def split(clip: ProceduralClip) -> Split:
    """Return it, taken apart."""
    return split_scene(views_of(clip))


def psnr_db(a: np.ndarray, b: np.ndarray) -> float:
    return float(10.0 * np.log10(255.0 ** 2 / np.mean((a.astype(float) - b) ** 2)))


def world_of(split: Split, fps: float) -> SceneWorld:
    return SceneWorld(Scene('split', split.views, split.frames, fps), ONE_THREAD)


def test_static_views_show_what_the_box_hid(clip: ProceduralClip, split: Split) -> None:
    hidden = filled = 0
    for view in split.views:
        index = int(view.name.split()[1])
        truth = clip.world.render(clip.T_world_cam[index], clip.intrinsics, moving=False)
        behind = clip.moving[index]
        known = behind & ~np.isnan(view.depth)
        hidden, filled = hidden + int(behind.sum()), filled + int(known.sum())
        if known.sum() > 100:
            assert np.median(np.abs(view.depth[known] / truth.depth[known] - 1.0)) < 2e-3
            assert psnr_db(view.rgb[known], truth.rgb[known]) > 23.0
        np.testing.assert_array_equal(view.rgb[~split.moving[index]],
                                      clip.rgb[index][~split.moving[index]])
    assert filled > 0.95 * hidden


def test_frames_hold_only_what_moves_at_its_own_time(clip: ProceduralClip, split: Split) -> None:
    assert len(split.frames) == FRAMES
    world = world_of(split, clip.fps)
    world.observe(0, clip.T_world_cam[0], clip.intrinsics, Outputs.NONE)
    for index in (2, 8, 13):
        T = clip.T_world_cam[4]
        frame = world.observe(round(index / clip.fps * 1e9), T, clip.intrinsics)
        truth = clip.world.render(T, clip.intrinsics, index / clip.fps)
        assert frame.rgb is not None and frame.depth is not None
        seen = frame.observed == 255
        # The box is where it is at this time, as far as its frame sees it, and nowhere else.
        close = np.abs(frame.depth / truth.depth - 1.0) < 0.03
        assert close[seen & truth.moving].mean() > 0.8
        assert close[seen & ~truth.moving].mean() > 0.9
    world.close()


def test_a_world_moved_sideways_is_at_most_half_as_unknown_as_one_frame(
        clip: ProceduralClip, split: Split) -> None:
    world = world_of(split, clip.fps)
    world.observe(0, clip.T_world_cam[0], clip.intrinsics, Outputs.NONE)
    unknown = []
    for index in range(0, FRAMES, 3):
        alone = SceneWorld(Scene('one', (views_of(clip)[index],)), ONE_THREAD)
        for metres in (-1.0, 1.0):
            T = clip.T_world_cam[index].copy()
            T[:3, 3] += metres * T[:3, 0]
            stamp = round(index / clip.fps * 1e9)
            unknown.append([it.observe(stamp, T, clip.intrinsics).unobserved_ratio
                            for it in (world, alone)])
        alone.close()
    world.close()
    of_split, of_one = np.mean(unknown, axis=0)
    assert of_one > 0.2
    assert of_split <= 0.5 * of_one


def test_a_room_that_stands_still_has_views_only(clip: ProceduralClip) -> None:
    still = procedural_clip(1, FRAMES, SIZE, fps=4.0)
    views = views_of(still)
    for kind in (views, as_of_a_sensor(views, 5), as_if_estimated(views, still.moving, 6)):
        split = split_scene(kind)
        assert split.frames == () and not np.any(split.moving)
        assert list(split.views) == kind


def test_views_are_bounded_and_still_show_it_all(clip: ProceduralClip, split: Split) -> None:
    few = split_scene(views_of(clip), most=5)
    assert len(few.views) == 5 and len(few.frames) == FRAMES
    assert {view.name for view in few.views} <= {view.name for view in split.views}
    known = []
    for it in (few, split):
        world = SceneWorld(Scene('views', it.views), ONE_THREAD)
        known.append(np.mean([world.observe(0, T, clip.intrinsics, Outputs.DEPTH).unobserved_ratio
                              for T in clip.T_world_cam[1::2]]))
        world.close()
    assert known[0] < known[1] + 0.02


def test_a_camera_that_stands_still_leaves_one_view_of_the_background(
        clip: ProceduralClip) -> None:
    T = clip.T_world_cam[5]
    shots = [clip.world.render(T, clip.intrinsics, index / clip.fps) for index in range(FRAMES)]
    split = split_scene([View(shot.rgb, shot.depth, clip.intrinsics, T, f'frame {index}')
                         for index, shot in enumerate(shots)])
    assert len(split.views) == 1 and len(split.frames) == FRAMES
    truth = clip.world.render(T, clip.intrinsics, moving=False)
    seen = np.any([~shot.moving for shot in shots], axis=0)
    view = split.views[0]
    assert (np.abs(view.depth / truth.depth - 1.0) < 1e-3)[seen].mean() > 0.98
    assert psnr_db(view.rgb[seen], truth.rgb[seen]) > 35.0


def test_what_nobody_saw_stays_unknown(clip: ProceduralClip) -> None:
    """A box that never gives way: its middle hides the same wall all the time."""
    T = clip.T_world_cam[5]
    shots = [clip.world.render(T, clip.intrinsics, index * 0.01) for index in range(3)]
    views = [View(shot.rgb, shot.depth, clip.intrinsics, T, f'frame {index}')
             for index, shot in enumerate(shots)]
    blind = [replace(view, depth=np.where(shot.moving, np.float32(np.nan), view.depth))
             for view, shot in zip(views, shots)]
    always = np.all([shot.moving for shot in shots], axis=0)
    assert always.sum() > 200
    for view in split_scene(blind).views:
        assert np.isnan(view.depth[always]).all()


def test_confidence_goes_with_the_depth(clip: ProceduralClip) -> None:
    views = as_if_estimated(views_of(clip), clip.moving, 7)
    split = split_scene(views)
    assert split.frames
    for view in split.views:
        index = int(view.name.split()[1])
        still = ~split.moving[index]
        assert view.confidence is not None
        np.testing.assert_array_equal(view.confidence[still], views[index].confidence[still])
        filled = ~still & ~np.isnan(view.depth)
        assert (view.confidence[filled] == 200).all()
        assert (view.confidence[~still & ~filled] == 0).all()
    for (part,) in split.frames:
        assert part.confidence is not None and part.confidence.shape == part.depth.shape


def test_a_part_of_a_view_shows_the_same_points(clip: ProceduralClip) -> None:
    view, mask = views_of(clip)[8], clip.moving[8]
    part = moving_part(view, mask)
    rows, columns = bounding_box(mask)
    assert part.depth.shape == mask[rows, columns].shape < mask.shape
    assert int((~np.isnan(part.depth)).sum()) == int(mask.sum())
    v, u = np.argwhere(~np.isnan(part.depth))[10]
    ray = np.linalg.inv(part.intrinsics.K) @ (u, v, 1.0)
    whole = np.linalg.inv(view.intrinsics.K) @ (u + columns.start, v + rows.start, 1.0)
    np.testing.assert_allclose(ray, whole)
    assert part.depth[v, u] == view.depth[v + rows.start, u + columns.start]


def test_a_frame_without_motion_is_two_pixels_of_nothing(clip: ProceduralClip) -> None:
    view = views_of(clip)[0]
    part = moving_part(view, np.zeros(view.depth.shape, bool))
    assert part.depth.shape == (2, 2) and np.isnan(part.depth).all()
    corner = np.zeros(view.depth.shape, bool)
    corner[-1, -1] = True
    assert moving_part(view, corner).depth.shape == (2, 2)
    assert cropped(view.intrinsics, bounding_box(corner)).width == 2
    for backend in ('numba', 'torch'):
        world = SceneWorld(Scene('nearly', (view,), ((part,),)),
                           WorldSettings(backend=backend, threads=1))
        assert world.observe(0, view.T_map_cam, view.intrinsics).unobserved_ratio < 0.1
        world.close()


def test_a_scene_folder_keeps_it(tmp_path: Path, split: Split) -> None:
    save_scene(Scene('split', split.views, split.frames, 4.0), tmp_path / 'scene')
    loaded = load_scene(tmp_path / 'scene')
    for (part,), (expected,) in zip(loaded.frames, split.frames, strict=True):
        np.testing.assert_array_equal(part.depth, expected.depth)
        np.testing.assert_array_equal(part.rgb, expected.rgb)
        assert part.intrinsics == expected.intrinsics


@pytest.mark.parametrize('count, most', [(0, 4), (1, 0)])
def test_nothing_to_keep_is_refused(clip: ProceduralClip, count: int, most: int) -> None:
    with pytest.raises(ValueError, match=f'got {count} to keep {most} of'):
        split_scene(views_of(clip)[:count], most)
