# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Structure from motion on made-up rooms, and on what it cannot be had from."""

from dataclasses import replace

from inspatio_ros.scene.reconstruction.colmap import Given, recover_structure, StandsStillError
import numpy as np
import pytest
from walks import SIZE, walk, write_pictures


@pytest.fixture(scope='module')
def clip():
    return walk()


@pytest.fixture(scope='module')
def files(tmp_path_factory, clip):
    return write_pictures(tmp_path_factory.mktemp('colmap') / 'pictures', clip.rgb)


def misplaced(structure, clip):
    """Return how far cameras are off, as a share of the way, in the best unit and place."""
    found, true = structure.T_world_cam[:, :3, 3], clip.T_world_cam[:, :3, 3]
    a, b = found - found.mean(axis=0), true - true.mean(axis=0)
    U, S, Vt = np.linalg.svd(b.T @ a)
    U[:, -1] *= np.sign(np.linalg.det(U @ Vt))
    scale = (b * (a @ (U @ Vt).T)).sum() / (a * a).sum()
    off = np.linalg.norm(scale * a @ (U @ Vt).T - b, axis=1)
    return np.sqrt(np.mean(off ** 2)) / np.linalg.norm(np.diff(true, axis=0), axis=1).sum()


def test_cameras_and_focal_length_are_found(clip, files, tmp_path):
    seen = []
    structure = recover_structure(files, SIZE, Given(), tmp_path / 'work',
                                  lambda done, total: seen.append((done, total)))
    assert structure.found == list(range(len(files))) and not structure.metric
    assert structure.intrinsics.fx == pytest.approx(clip.intrinsics.fx, rel=0.02)
    assert misplaced(structure, clip) < 0.005
    way = np.linalg.norm(np.diff(structure.T_world_cam[:, :3, 3], axis=0), axis=1).sum()
    assert way == pytest.approx(1.0)
    assert seen == sorted(seen) and {total for _, total in seen} == {2 * len(files)}


def test_the_same_pictures_give_the_same_bytes(files, tmp_path):
    # More than two: threads that race meet in the same order most of the time.
    first, *others = (recover_structure(files, SIZE, Given(), tmp_path / 'work')
                      for _ in range(5))
    for other in others:
        assert other.intrinsics == first.intrinsics
        for name in ('T_world_cam', 'points', 'sightings'):
            np.testing.assert_array_equal(getattr(other, name), getattr(first, name))


def test_given_cameras_are_kept_and_their_points_lie_on_the_walls(clip, files, tmp_path):
    given = Given(clip.intrinsics, clip.T_world_cam)
    structure = recover_structure(files, SIZE, given, tmp_path / 'work')
    assert structure.intrinsics == clip.intrinsics and structure.metric
    np.testing.assert_allclose(structure.T_world_cam, clip.T_world_cam, atol=1e-9)
    pixels, depths = structure.depths_of(4)
    assert len(depths) > 100
    column, row = np.rint(pixels.T).astype(int)
    off = np.abs(depths / clip.depth[4][row.clip(0, 191), column.clip(0, 255)] - 1.0)
    assert np.median(off) < 0.01


def test_a_given_camera_is_not_changed(clip, files, tmp_path):
    wrong = replace(clip.intrinsics, fx=1.1 * clip.intrinsics.fx, fy=1.1 * clip.intrinsics.fy)
    structure = recover_structure(files, SIZE, Given(wrong), tmp_path / 'work')
    assert structure.intrinsics == wrong


def test_a_camera_that_stands_still_is_refused(clip, tmp_path):
    rng = np.random.default_rng(0)
    still = [np.clip(clip.rgb[0] + rng.normal(0.0, 2.0, clip.rgb[0].shape), 0, 255
                     ).astype(np.uint8) for _ in range(6)]
    files = write_pictures(tmp_path / 'still', still)
    with pytest.raises(StandsStillError, match=r'0 of 6 frames could be placed: the camera stands '
                                               r'still.* give depth \(--depth DIR'):
        recover_structure(files, SIZE, Given(), tmp_path / 'work')


def test_pictures_that_show_nothing_are_refused(tmp_path):
    files = write_pictures(tmp_path / 'grey', [np.full((192, 256, 3), 90 + k, np.uint8)
                                               for k in range(5)])
    with pytest.raises(ValueError, match='0 of 5 frames could be placed: no two of them share 30 '
                                         'points; there is too little texture'):
        recover_structure(files, SIZE, Given(), tmp_path / 'work')


def test_a_camera_that_only_turns_is_refused(clip, tmp_path):
    camera = clip.intrinsics
    turned = []
    for degrees in range(0, 24, 3):
        T = clip.T_world_cam[0].copy()
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        T[:3, :3] = T[:3, :3] @ np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
        turned.append(clip.world.render(T, camera).rgb)
    files = write_pictures(tmp_path / 'turned', turned)
    with pytest.raises(ValueError, match=r'\d of 8 frames .*(too little motion|hardly moved)'):
        recover_structure(files, SIZE, Given(camera), tmp_path / 'work')


def test_parts_that_have_nothing_in_common_are_refused(clip, tmp_path):
    rng = np.random.default_rng(0)
    others = [np.kron(rng.integers(0, 256, (24, 32, 3)), np.ones((8, 8, 1))).astype(np.uint8)
              for _ in range(12)]
    files = write_pictures(tmp_path / 'mixed', clip.rgb[:8] + others)
    with pytest.raises(ValueError, match=r'\d+ of 20 frames were placed, the others have too '
                                         'little in common'):
        recover_structure(files, SIZE, Given(), tmp_path / 'work')
