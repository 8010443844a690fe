# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What moves is found, and what stands still is left alone."""

from dataclasses import replace
from pathlib import Path

from inspatio_ros.scene.formats.rgbd import read_rgbd_folder
from inspatio_ros.scene.scene import View
from inspatio_ros.scene.separation.moving import moving_pixels
from inspatio_ros.scene.synthetic.procedural import procedural_clip, ProceduralClip
from made_up import as_if_estimated, as_of_a_sensor, views_of, with_shine
import numpy as np
import pytest

SIZE, FRAMES = (192, 144), 16


@pytest.fixture(scope='module')
def clip() -> ProceduralClip:
    """Return a room through which a box moves."""
    return procedural_clip(1, FRAMES, SIZE, moving=True, fps=4.0)


@pytest.fixture(scope='module')
def still() -> ProceduralClip:
    """Return the same room without the box."""
    return procedural_clip(1, FRAMES, SIZE, fps=4.0)


def overlap(found: list[np.ndarray], truth: list[np.ndarray]) -> float:
    """Return intersection over union of all masks together."""
    both = sum(int((a & b).sum()) for a, b in zip(found, truth))
    either = sum(int((a | b).sum()) for a, b in zip(found, truth))
    return both / either


def test_a_moving_box_is_found_with_true_depth(clip: ProceduralClip) -> None:
    done: list[tuple[int, int]] = []
    found = moving_pixels(views_of(clip), lambda *step: done.append(step))
    assert overlap(found, clip.moving) > 0.95
    assert done[-1] == (FRAMES, FRAMES)


def test_a_moving_box_is_found_by_a_noisy_sensor(clip: ProceduralClip) -> None:
    assert overlap(moving_pixels(as_of_a_sensor(views_of(clip), 1)), clip.moving) > 0.9


def test_a_moving_box_is_found_where_its_depth_is_wrong(clip: ProceduralClip) -> None:
    views = as_if_estimated(views_of(clip), clip.moving, 2)
    assert overlap(moving_pixels(views), clip.moving) > 0.7


def test_a_camera_that_stands_still_sees_what_moves(clip: ProceduralClip) -> None:
    T = clip.T_world_cam[5]
    shots = [clip.world.render(T, clip.intrinsics, index / clip.fps) for index in range(FRAMES)]
    views = [View(shot.rgb, shot.depth, clip.intrinsics, T, f'frame {index}')
             for index, shot in enumerate(shots)]
    assert overlap(moving_pixels(views), [shot.moving for shot in shots]) > 0.95


def test_nothing_moves_in_a_room_that_stands_still(still: ProceduralClip) -> None:
    views = views_of(still)
    assert np.mean(moving_pixels(views)) < 2e-4
    assert np.mean(moving_pixels(as_of_a_sensor(views, 3))) < 1e-3
    assert np.mean(moving_pixels(as_if_estimated(views, still.moving, 4))) < 3e-3


def test_shine_that_every_frame_has_elsewhere_does_not_move(
        clip: ProceduralClip, still: ProceduralClip) -> None:
    estimated = as_if_estimated(views_of(still), still.moving, 4)
    assert not np.any(moving_pixels(with_shine(estimated, 8)))
    # And a thing that does move is found beside it.
    estimated = as_if_estimated(views_of(clip), clip.moving, 2)
    assert overlap(moving_pixels(with_shine(estimated, 8)), clip.moving) > 0.7


def test_nothing_moves_in_a_real_recording_of_a_still_room(shared_dir: Path) -> None:
    views = read_rgbd_folder(shared_dir / 'data' / 'dining_rgbd').views
    assert max(mask.mean() for mask in moving_pixels(views)) < 5e-3


def test_guessed_depth_proves_nothing(still: ProceduralClip) -> None:
    """A patch whose guessed depth is far too near has the colours of the wall: it stands."""
    views = views_of(still)
    depth, confidence = views[7].depth.copy(), np.full(views[7].depth.shape, 255, np.uint8)
    depth[40:90, 60:120] *= 0.4
    confidence[40:90, 60:120] = 0
    views[7] = replace(views[7], depth=depth, confidence=confidence)
    assert moving_pixels(views)[7].mean() < 1e-3
    # The same said by a sensor is a thing that was there once.
    views[7] = replace(views[7], confidence=None)
    assert moving_pixels(views)[7][45:85, 65:115].mean() > 0.95


def test_unknown_depth_everywhere_moves_nothing(still: ProceduralClip) -> None:
    views = [replace(view, depth=np.full_like(view.depth, np.nan)) for view in views_of(still)]
    assert not np.any(moving_pixels(views))


def test_one_frame_or_none_shows_no_motion(clip: ProceduralClip) -> None:
    assert moving_pixels([]) == []
    assert not moving_pixels(views_of(clip)[:1])[0].any()
