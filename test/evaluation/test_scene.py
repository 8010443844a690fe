# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A scene against the truth about its recording."""

from dataclasses import asdict, replace
import json
import math
from pathlib import Path
import shutil

from inspatio_ros.cli.main import main
from inspatio_ros.cli.mp4 import Mp4Writer
from inspatio_ros.evaluation.image import psnr_db, ssim
from inspatio_ros.evaluation.scene import evaluate_depth, shots_of
from inspatio_ros.evaluation.truth import read_truth
from inspatio_ros.motion.transforms import pose_rpy
from inspatio_ros.scene.format import save_scene
from inspatio_ros.scene.images import png_bytes
from inspatio_ros.scene.preparation import Picture, Preparation, Role, save_preparation
from inspatio_ros.scene.scene import Scene, View
import numpy as np
import pytest
from rooms import CAMERA, pose, trace
from scipy.spatial.transform import Rotation

SCALE = 2.5  # metres of the truth per unit of the scene
UNITS = 5000.0
COUNT = 10
# Two digits of a depth unit, and the half of one that rounding costs at the nearest wall.
ROUNDING = 2e-4


def walk():
    """Poses of a walk around the middle of the room."""
    return [pose(0.6 * math.cos(0.3 * i), 0.4 * math.sin(0.3 * i), 0.1 * i, 0.8 + 0.02 * i)
            for i in range(COUNT)]


@pytest.fixture(scope='module')
def truth(tmp_path_factory):
    """Return a truth folder of the walk; not to be changed."""
    folder = tmp_path_factory.mktemp('truth')
    rows = []
    for number, T in enumerate(walk(), start=1):
        rgb, depth = trace(T)
        units = np.rint(depth * UNITS).astype(np.uint16)
        (folder / f'color_{number}.png').write_bytes(png_bytes(rgb))
        (folder / f'depth_{number}.png').write_bytes(png_bytes(units))
        rows.append(' '.join(map(repr, T[:3].ravel().tolist())))
    (folder / 'poses_3x4.txt').write_text('\n'.join(rows) + '\n')
    (folder / 'camera.json').write_text(json.dumps({**asdict(CAMERA), 'depth_scale': UNITS}))
    return folder


@pytest.fixture
def spoilt(truth, tmp_path):
    return shutil.copytree(truth, tmp_path / 'truth')


def in_scene(T):
    """Return a true pose in a world that is turned, moved and of another scale."""
    moved = pose_rpy(1.0, -2.0, 0.5, 0.3, 0.1, 2.0) @ T
    moved[:3, 3] /= SCALE
    return moved


def scene_of(poses):
    views = []
    for index, T in enumerate(poses):
        rgb, depth = trace(T)
        views.append(View(rgb, depth / np.float32(SCALE), CAMERA, in_scene(T), f'frame {index}'))
    return Scene('walk', tuple(views), fps=10.0)


def saved(folder, scene, held_out=(), lost=()):
    """Save a scene of the whole walk as `prepare` does, some of its pictures held out or lost."""
    away = {f'frame {index}' for index in (*held_out, *lost)}
    pictures = tuple(
        Picture(i, view.name, i / scene.fps, Role.LOST if i in lost else
                Role.HELD_OUT if i in held_out else Role.VIEW,
                None if i in lost else view.T_map_cam, view.intrinsics)
        for i, view in enumerate(scene.views))
    save_scene(replace(scene, views=tuple(v for v in scene.views if v.name not in away)), folder)
    save_preparation(folder, Preparation('walk.mp4', pictures))
    return folder


def figures_of(capsys, scene, truth):
    assert main(['evaluate', 'scene', str(scene), '--truth', str(truth), '--json']) == 0
    return json.loads(capsys.readouterr().out)


def test_a_true_scene_has_no_faults(tmp_path, truth, capsys):
    figures = figures_of(capsys, saved(tmp_path / 's', scene_of(walk()), (2, 7)), truth)
    assert (figures['frames'], figures['lost'], figures['held_out']) == (COUNT, 0, 2)
    assert figures['rotation_max_deg'] < 1e-4
    assert figures['translation_ratio'] < 1e-6
    assert figures['scale'] == pytest.approx(SCALE, rel=1e-6)
    assert figures['focal_ratio'] == pytest.approx(1.0)
    assert figures['depth_abs_rel'] < ROUNDING
    assert figures['depth_delta_1_25'] == 1.0 and figures['depth_coverage'] == 1.0
    assert figures['depth_maps'] == COUNT - 2
    assert figures['psnr_db'] > 38.0 and figures['ssim'] > 0.97 and figures['coverage'] > 0.9
    assert [view['picture'] for view in figures['views']] == [2, 7]


def test_the_table_says_the_same(tmp_path, truth, capsys):
    scene = saved(tmp_path / 's', scene_of(walk()), (2, 7), (4,))
    assert main(['evaluate', 'scene', str(scene), '--truth', str(truth)]) == 0
    table = capsys.readouterr().out
    assert '9, 1 without' in table and '(7 maps)' in table and '(2 views)' in table
    assert '1.0000 of the true one' in table
    # What the truth does not tell is said, not left out.
    (tmp_path / 'poses').mkdir()
    shutil.copy(truth / 'poses_3x4.txt', tmp_path / 'poses')
    assert main(['evaluate', 'scene', str(scene), '--truth', str(tmp_path / 'poses')]) == 0
    assert capsys.readouterr().out.count('no figure: the truth or the scene lacks it') == 3


def test_errors_of_poses_and_focal_length_are_found(tmp_path, truth, capsys):
    scene = scene_of(walk())
    camera = replace(CAMERA, fx=1.05 * CAMERA.fx, fy=1.05 * CAMERA.fy)
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler('y', 2.0, degrees=True).as_matrix()
    views = [replace(view, intrinsics=camera, T_map_cam=view.T_map_cam @ turn)
             for view in scene.views]
    figures = figures_of(capsys, saved(tmp_path / 's', replace(scene, views=tuple(views))), truth)
    assert figures['rotation_deg'] == pytest.approx(2.0, abs=1e-3)  # the centres are right
    assert figures['focal_ratio'] == pytest.approx(1.05)
    assert figures['translation_ratio'] < 1e-6


def test_a_camera_in_the_wrong_place_is_found(tmp_path, truth, capsys):
    scene = scene_of(walk())
    scene.views[3].T_map_cam[2, 3] += 0.004
    figures = figures_of(capsys, saved(tmp_path / 's', scene), truth)
    # The similarity gives in to it a little.
    assert figures['translation_rmse'] == pytest.approx(SCALE * 0.004 / math.sqrt(COUNT), rel=0.25)
    assert figures['path_length'] == pytest.approx(1.5, abs=0.2)
    assert figures['translation_ratio'] == pytest.approx(
        figures['translation_rmse'] / figures['path_length'])


def test_depth_errors_are_found_and_guesses_do_not_count(tmp_path, truth, capsys):
    def spoil(view):
        depth, confidence = view.depth * np.float32(1.1), np.full(view.depth.shape, 200, np.uint8)
        depth[:36] *= np.float32(5.0)
        confidence[:36] = 0
        depth[36:45] *= np.float32(1.4)
        return replace(view, depth=depth, confidence=confidence)
    scene = scene_of(walk())
    scene = replace(scene, views=tuple(map(spoil, scene.views)))
    figures = figures_of(capsys, saved(tmp_path / 's', scene), truth)
    assert figures['depth_coverage'] == pytest.approx(0.5)
    assert figures['depth_delta_1_25'] == pytest.approx(0.75)
    assert figures['depth_abs_rel'] == pytest.approx(0.75 * 0.1 + 0.25 * 0.54, abs=1e-3)


def test_guesses_are_not_rendered(tmp_path, truth, capsys):
    guess = np.zeros((72, 96), np.uint8)
    guess[40:] = 255
    scene = scene_of(walk())
    scene = replace(scene, views=tuple(replace(view, confidence=guess) for view in scene.views))
    figures = figures_of(capsys, saved(tmp_path / 's', scene, (4,)), truth)
    assert 0.3 < figures['coverage'] < 0.7
    assert figures['psnr_db'] > 38.0


def test_without_a_record_every_fifth_view_is_left_out(tmp_path, truth, capsys):
    scene = scene_of(walk())
    painted = tuple(replace(view, rgb=255 - view.rgb) if index in (2, 7) else view
                    for index, view in enumerate(scene.views))
    save_scene(replace(scene, views=painted), tmp_path / 's')
    figures = figures_of(capsys, tmp_path / 's', truth)
    assert [view['picture'] for view in figures['views']] == [2, 7]
    assert figures['psnr_db'] > 38.0  # what they show themselves is not looked at
    # Nor is one that was prepared without holding any out.
    again = saved(tmp_path / 'again', replace(scene, views=painted))
    assert figures_of(capsys, again, truth)['views'] == figures['views']
    painted = tuple(replace(view, rgb=255 - view.rgb) for view in scene.views)
    save_scene(replace(scene, views=painted), tmp_path / 'negative')
    assert figures_of(capsys, tmp_path / 'negative', truth)['psnr_db'] < 15.0


def test_depth_alone_gives_the_scale(tmp_path, spoilt, capsys):
    (spoilt / 'poses_3x4.txt').unlink()
    figures = figures_of(capsys, saved(tmp_path / 's', scene_of(walk())), spoilt)
    assert figures['scale'] == pytest.approx(SCALE, rel=1e-3)
    assert figures['depth_abs_rel'] < 2.0 * ROUNDING
    assert figures['rotation_deg'] is None and figures['translation_ratio'] is None


def test_truth_of_another_size_is_resampled(tmp_path, spoilt, capsys):
    large = CAMERA.scaled(192, 144)
    for number, T in enumerate(walk(), start=1):
        rgb, depth = trace(T, large)
        (spoilt / f'color_{number}.png').write_bytes(png_bytes(rgb))
        (spoilt / f'depth_{number}.png').write_bytes(
            png_bytes(np.rint(depth * UNITS).astype(np.uint16)))
    (spoilt / 'camera.json').write_text(json.dumps({**asdict(large), 'depth_scale': UNITS}))
    figures = figures_of(capsys, saved(tmp_path / 's', scene_of(walk()), (2,)), spoilt)
    assert figures['focal_ratio'] == pytest.approx(1.0)
    assert figures['depth_abs_rel'] < 0.01  # a quarter of a pixel
    assert figures['psnr_db'] > 34.0


def test_a_video_serves_as_pictures(tmp_path, spoilt, capsys):
    with Mp4Writer(spoilt / 'walk.mp4', 96, 72, 10.0) as video:
        for number in range(1, COUNT + 1):
            video.write(trace(walk()[number - 1])[0])
            (spoilt / f'color_{number}.png').unlink()
    scene = saved(tmp_path / 's', scene_of(walk()), (2, 7))
    figures = figures_of(capsys, scene, spoilt)
    assert [view['picture'] for view in figures['views']] == [2, 7]
    assert figures['psnr_db'] > 30.0


def test_what_moves_covers_the_background_at_its_own_time(truth):
    scene = scene_of(walk())
    behind = (slice(20, 50), slice(30, 70))
    views, frames = [], []
    for view in scene.views:
        # The background behind what moves is a guess that is far off.
        far = view.depth.copy()
        far[behind] = 50.0
        views.append(replace(view, depth=far))
        part = replace(CAMERA, width=40, height=30, cx=CAMERA.cx - 30, cy=CAMERA.cy - 20)
        frames.append((View(view.rgb[behind].copy(), view.depth[behind].copy(), part,
                            view.T_map_cam, f'{view.name} moving'),))
    scene = replace(scene, views=tuple(views), frames=tuple(frames))
    pictures = tuple(Picture(i, view.name, i / scene.fps, Role.VIEW, view.T_map_cam, CAMERA)
                     for i, view in enumerate(scene.views))
    shots = shots_of(scene, Preparation('walk.mp4', pictures))
    assert [[view.name for view in shot.moving] for shot in shots] == [
        [f'frame {i} moving'] for i in range(COUNT)]
    scores = list(evaluate_depth(shots, read_truth(truth), SCALE))
    assert max(score.abs_rel for score in scores) < ROUNDING
    assert all(score.coverage == 1.0 for score in scores)
    still = [replace(shot, moving=()) for shot in shots]
    assert min(score.abs_rel for score in evaluate_depth(still, read_truth(truth), SCALE)) > 1.0


def test_pictures_that_the_scene_does_not_hold_have_no_depth(truth):
    scene = scene_of(walk())
    pictures = tuple(Picture(i, view.name, i / scene.fps, Role.UNUSED if i % 2 else Role.VIEW,
                             view.T_map_cam, CAMERA) for i, view in enumerate(scene.views))
    scene = replace(scene, views=scene.views[::2])
    shots = shots_of(scene, Preparation('walk.mp4', pictures))
    assert len(shots) == COUNT
    scores = list(evaluate_depth(shots, read_truth(truth), SCALE))
    assert [score.picture for score in scores] == list(range(0, COUNT, 2))


def test_frames_alone_are_a_recording_as_well(tmp_path, truth, capsys):
    scene = scene_of(walk())
    save_scene(replace(scene, views=(), frames=tuple((view,) for view in scene.views)),
               tmp_path / 's')
    figures = figures_of(capsys, tmp_path / 's', truth)
    assert figures['frames'] == figures['depth_maps'] == COUNT
    assert figures['depth_abs_rel'] < ROUNDING and figures['held_out'] == 0


@pytest.mark.parametrize('spoil, told', [
    (lambda d: shutil.rmtree(d), 'there is no such truth folder'),
    (lambda d: [path.unlink() for path in d.iterdir()], 'holds no truth; expected any of'),
    (lambda d: (d / 'camera.json').unlink(), 'camera.json: is missing; depth_N.png'),
    (lambda d: (d / 'camera.json').write_text('{"width"'), 'camera.json: is no valid JSON'),
    (lambda d: (d / 'camera.json').write_text(json.dumps(asdict(CAMERA))),
     'camera.json: depth_scale (units per metre) is missing'),
    (lambda d: (d / 'camera.json').write_text(json.dumps({**asdict(CAMERA), 'fx': -3})),
     'camera.json: camera: intrinsics.fx must be finite and > 0'),
    (lambda d: (d / 'poses_3x4.txt').write_text('1 0 0 0 0 1 0 0 0 0 1 0\n'),
     'holds 1 poses, the scene has picture 10'),
    (lambda d: (d / 'poses_3x4.txt').write_text('1 0 0 0 0 nan 0 0 0 0 1 0\n'),
     "line 1: 'nan' is not finite"),
    (lambda d: (d / 'depth_2.png').write_bytes(b'\x89PNG'), 'depth_2.png: depth: is neither'),
    (lambda d: (d / 'depth_0.png').write_bytes(b''), 'depth_0.png: numbers start at 1'),
    (lambda d: (d / 'depth_2.png').write_bytes(png_bytes(np.ones((36, 48), np.uint16))),
     'depth_2.png: depth is 48x36 pixels, camera.json is 96x72'),
    (lambda d: (d / 'color_3.png').unlink(), 'color_3.png is missing, the scene has picture 3'),
    (lambda d: (d / 'color_3.png').write_bytes(png_bytes(np.zeros((96, 72, 3), np.uint8))),
     'picture is 72x96 pixels, the scene is 96x72'),
])
def test_a_truth_that_cannot_be_used_is_told(tmp_path, spoilt, capsys, spoil, told):
    scene = saved(tmp_path / 's', scene_of(walk()), (2,))
    spoil(spoilt)
    assert main(['evaluate', 'scene', str(scene), '--truth', str(spoilt)]) == 2
    assert told in capsys.readouterr().err


def test_a_video_that_cannot_be_used_is_told(tmp_path, spoilt, capsys):
    scene = saved(tmp_path / 's', scene_of(walk()), (7,))
    for path in spoilt.glob('color_*'):
        path.unlink()
    (spoilt / 'a.mp4').write_bytes(b'no video')
    assert main(['evaluate', 'scene', str(scene), '--truth', str(spoilt)]) == 2
    assert 'a.mp4: frame 0 cannot be decoded' in capsys.readouterr().err
    with Mp4Writer(spoilt / 'a.mp4', 96, 72, 10.0) as video:
        video.write(trace(walk()[0])[0])
    assert main(['evaluate', 'scene', str(scene), '--truth', str(spoilt)]) == 2
    assert 'a.mp4: has 1 frames, the scene has picture 8' in capsys.readouterr().err
    (spoilt / 'b.mp4').write_bytes(b'')
    assert main(['evaluate', 'scene', str(scene), '--truth', str(spoilt)]) == 2
    assert 'holds several videos (a.mp4, b.mp4)' in capsys.readouterr().err


def test_the_truth_is_asked_for(tmp_path, shared_dir: Path, capsys):
    assert main(['evaluate', 'scene', str(tmp_path)]) == 2
    assert main(['evaluate', 'rgbd', str(tmp_path), '--truth', str(tmp_path)]) == 2
    assert capsys.readouterr().err.count('evaluate scene takes --truth DIR') == 2


def test_similarity_of_structure_counts_masked_pixels_only():
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 255, (40, 50, 3)).astype(np.uint8)
    mask = np.zeros((40, 50), bool)
    mask[:20] = True
    wrong = truth.copy()
    wrong[20:] = 255 - wrong[20:]
    assert ssim(truth, truth, mask) == pytest.approx(1.0)
    assert ssim(wrong, truth, mask) == pytest.approx(1.0)
    assert psnr_db(wrong, truth, mask) == math.inf
    assert ssim(wrong, truth, ~mask) < 0.0
    assert math.isnan(ssim(truth, truth, np.zeros((40, 50), bool)))
