# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Made-up rooms: the same again, exact, rich, and their files are read back."""

import json
from pathlib import Path

import cv2
from inspatio_ros.cli.main import main
from inspatio_ros.geometry.camera import invert_rigid, project, unproject
from inspatio_ros.scene.formats.poses import read_camera_json, read_poses
from inspatio_ros.scene.formats.rgbd import read_rgbd_folder
from inspatio_ros.scene.reconstruction.video import read_video
from inspatio_ros.scene.synthetic.procedural import procedural_clip, ProceduralClip
import numpy as np
import pytest

SIZE = (128, 96)


@pytest.fixture(scope='module')
def clip() -> ProceduralClip:
    """Return a room with a moving box."""
    return procedural_clip(1, 9, SIZE, moving=True)


def test_a_seed_is_a_place_whatever_is_asked_of_it(clip: ProceduralClip) -> None:
    again = procedural_clip(1, 9, SIZE, moving=True)
    still = procedural_clip(1, 9, SIZE)
    for k in range(9):
        np.testing.assert_array_equal(clip.rgb[k], again.rgb[k])
        np.testing.assert_array_equal(clip.depth[k], again.depth[k])
        # What does not move is the same without what moves, to the last bit.
        rest = cv2.erode((~clip.moving[k]).astype(np.uint8), np.ones((3, 3))).astype(bool)
        np.testing.assert_array_equal(clip.rgb[k][rest], still.rgb[k][rest])
        assert not still.moving[k].any()
    np.testing.assert_array_equal(clip.T_world_cam, still.T_world_cam)
    other = procedural_clip(2, 1, SIZE)
    assert (other.rgb[0] != clip.rgb[0]).mean() > 0.9


def test_what_moves_is_marked_and_is_nearer_than_what_it_hides(clip: ProceduralClip) -> None:
    hidden = [clip.world.render(T, clip.intrinsics, moving=False) for T in clip.T_world_cam]
    shares = [mask.mean() for mask in clip.moving]
    assert max(shares) > 0.02
    for depth, mask, shot in zip(clip.depth, clip.moving, hidden):
        np.testing.assert_array_equal(depth < shot.depth, mask)
    centres = [np.argwhere(mask).mean(axis=0) for mask in clip.moving if mask.any()]
    assert np.ptp(centres, axis=0).max() > 10.0


def test_frames_agree_about_where_things_are(clip: ProceduralClip) -> None:
    """Points of one frame, carried into the next, lie on its surfaces and have its colours."""
    T = clip.T_world_cam
    points = unproject(clip.depth[3], clip.intrinsics.K) @ T[3, :3, :3].T + T[3, :3, 3]
    pixel, z = project(points, clip.intrinsics.K, invert_rigid(T[4]))
    inside = ((pixel > 1.0) & (pixel < np.array(SIZE) - 2.0)).all(axis=-1) & ~clip.moving[3]
    column, row = pixel[inside].round().astype(int).T
    around = np.ones((3, 3))
    near, far = cv2.erode(clip.depth[4], around), cv2.dilate(clip.depth[4], around)
    # Some get hidden by what is nearer; none may hover before the surface that is seen there.
    before = z[inside] < 0.999 * near[row, column]
    on = ~before & (z[inside] < 1.001 * far[row, column])
    assert before.mean() < 0.002
    assert on.mean() > 0.9
    dark, light = cv2.erode(clip.rgb[4], around), cv2.dilate(clip.rgb[4], around)
    rgb = clip.rgb[3][inside].astype(int)
    alike = ((rgb >= dark[row, column].astype(int) - 12)
             & (rgb <= light[row, column].astype(int) + 12)).all(axis=-1)
    assert alike[on].mean() > 0.95


def test_the_camera_touches_nothing_in_any_room() -> None:
    for seed in (3, 4):
        clip = procedural_clip(seed, 5, (48, 36), moving=True)
        for depth in clip.depth:
            assert depth.min() > 0.1
        assert np.isfinite(clip.depth).all()


def test_a_room_is_rich_in_features() -> None:
    clip = procedural_clip(5, 1, (512, 384))
    found = cv2.SIFT_create().detect(cv2.cvtColor(clip.rgb[0], cv2.COLOR_RGB2GRAY), None)
    assert len(found) > 700
    where = np.array([point.pt for point in found])
    cells = {(int(x) // 128, int(y) // 96) for x, y in where}
    assert len(cells) == 16


def test_any_camera_looks_at_the_world_at_any_time(clip: ProceduralClip) -> None:
    T = clip.T_world_cam[4]
    again = clip.world.render(T, clip.intrinsics, 4 / clip.fps)
    np.testing.assert_array_equal(again.rgb, clip.rgb[4])
    later = clip.world.render(T, clip.intrinsics, 4 / clip.fps + 1.0)
    assert (later.moving != again.moving).any()
    wide = clip.world.render(T, clip.intrinsics.scaled(64, 48), 4 / clip.fps, moving=False)
    assert wide.depth.shape == (48, 64) and not wide.moving.any()


@pytest.mark.parametrize('arguments', [
    {'frames': 0}, {'size': (1, 5)}, {'fps': 0.0}, {'fps': float('nan')}])
def test_impossible_clips_are_refused(arguments: dict) -> None:
    with pytest.raises(ValueError, match='a clip needs'):
        procedural_clip(0, **{'frames': 1, 'size': (8, 8), **arguments})


def test_the_command_writes_input_and_truth(tmp_path: Path, clip: ProceduralClip,
                                            capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / 'room'
    code = main(['synthetic', str(out), '--seed', '1', '--moving', '--frames', '9', '--size',
                 '128x96', '--json'])
    assert code == 0 and json.loads(capsys.readouterr().out)['frames'] == 9
    frames, fps = read_video(out / 'video.mkv', 9, 'pictures')
    assert fps == clip.fps
    for found, expected in zip(frames, clip.rgb):
        np.testing.assert_array_equal(found, expected)
    camera, _ = read_camera_json(out / 'camera.json')
    assert camera == clip.intrinsics
    np.testing.assert_array_equal(read_poses(out / 'poses_3x4.txt'), clip.T_world_cam)
    scene = read_rgbd_folder(out)
    for view, rgb, depth, T in zip(scene.views, clip.rgb, clip.depth, clip.T_world_cam):
        np.testing.assert_array_equal(view.rgb, rgb)
        np.testing.assert_allclose(view.depth, depth, atol=0.000126)
        np.testing.assert_allclose(view.T_map_cam, T, atol=1e-9)
    mask = cv2.imread(str(out / 'moving_5.png'), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(mask > 0, clip.moving[4])


def test_the_command_overwrites_nothing(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / 'letter.txt').write_text('dear')
    assert main(['synthetic', str(tmp_path), '--frames', '1']) == 2
    assert 'is not empty' in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ['letter.txt']


@pytest.mark.parametrize('size', ['12', '0x5', '12x', 'axb'])
def test_the_command_refuses_a_size(tmp_path: Path, size: str,
                                    capsys: pytest.CaptureFixture) -> None:
    try:
        assert main(['synthetic', str(tmp_path / 'room'), '--size', size]) == 2
    except SystemExit as left:
        assert left.code == 2
    assert not (tmp_path / 'room').exists()
